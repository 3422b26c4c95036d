"""Known calls of mbedTLS 3, with PSA. Arguments: a certificate of localhost, its key, the library.

Structs are made larger than those of any release.
"""
import ctypes
import sys

from said import Library, POINTER, pair, said, want

CLIENT, SERVER, REQUIRED = 0, 1, 2
WANT_READ, WANT_WRITE = -0x6900, -0x6880
SHA256, SECP384R1 = 9, 4
PSA_SHA_256 = 0x02000009

CERTIFICATE, KEY, path = sys.argv[1:]
lib = Library([path])


def struct(kind=None):
    space = ctypes.create_string_buffer(16384)
    if kind:
        lib.call(f"mbedtls_{kind}_init", space, result=None)
    return space


ENTROPY, DRBG = struct("entropy"), struct("ctr_drbg")
RANDOM = lib.address("mbedtls_ctr_drbg_random")
SEND = ctypes.CFUNCTYPE(ctypes.c_int, POINTER, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t)


def channel(ssl, end):
    """Lets a connection write to and read from a socket; what must live as long."""

    def send(_, data, n):
        try:
            return end.send(data[:n])
        except BlockingIOError:
            return WANT_WRITE

    def receive(_, data, n):
        try:
            got = end.recv(n)
        except BlockingIOError:
            return WANT_READ
        ctypes.memmove(data, got, len(got))
        return len(got)

    ways = SEND(send), SEND(receive)
    lib.call("mbedtls_ssl_set_bio", ssl, None, *ways, None, result=None)
    return ways


def configured(endpoint):
    config = struct("ssl_config")
    lib.must("mbedtls_ssl_config_defaults", config, endpoint, 0, 0, be=0)
    said("mbedtls_ssl_config_defaults", server=endpoint == SERVER, datagrams=False)
    lib.call("mbedtls_ssl_conf_rng", config, RANDOM, DRBG, result=None)
    return config


def handshake(server_config, client_config, good):
    """Client and server by turns, neither of which ever waits."""
    near, far = pair()
    server, client = struct("ssl"), struct("ssl")
    lib.must("mbedtls_ssl_setup", server, server_config, be=0)
    lib.must("mbedtls_ssl_setup", client, client_config, be=0)
    said("mbedtls_ssl_setup", 2)
    lib.must("mbedtls_ssl_set_hostname", client, b"localhost", be=0)
    said("mbedtls_ssl_set_hostname", host="localhost")
    ways = channel(server, far), channel(client, near)
    ends = [(client, []), (server, [])]
    again = (WANT_READ, WANT_WRITE)
    while any(not results or results[-1] in again for _, results in ends):
        for ssl, results in ends:
            if not results or results[-1] in again:
                results.append(lib.call("mbedtls_ssl_handshake", ssl))
        if ends[0][1][-1] not in (0, *again):
            near.close()
    for _, results in ends:
        want((results[-1] == 0) == good, f"the handshake: {results[-1]:#x}")
        said("mbedtls_ssl_handshake", tries=len(results), result="success" if good else "failure")
    if good:
        byte = ctypes.create_string_buffer(1)
        lib.must("mbedtls_ssl_get_verify_result", client, be=0)
        said("mbedtls_ssl_get_verify_result", flags=0)
        lib.must("mbedtls_ssl_write", client, b"x", 1)
        lib.must("mbedtls_ssl_read", server, byte, 1)
        said("mbedtls_ssl_write", bulk=True)
        said("mbedtls_ssl_read", bulk=True)
    for ssl in (server, client):
        lib.call("mbedtls_ssl_free", ssl, result=None)
    said("mbedtls_ssl_free", 2)
    return ways


def connections():
    certificate, nothing, key = struct("x509_crt"), struct("x509_crt"), struct("pk")
    lib.must("mbedtls_x509_crt_parse_file", certificate, CERTIFICATE.encode(), be=0)
    said("mbedtls_x509_crt_parse_file", file=CERTIFICATE)
    lib.must("mbedtls_pk_parse_keyfile", key, KEY.encode(), None, RANDOM, DRBG, be=0)
    said("mbedtls_pk_parse_keyfile", file=KEY)
    server, client, stranger = configured(SERVER), configured(CLIENT), configured(CLIENT)
    lib.must("mbedtls_ssl_conf_own_cert", server, certificate, key, be=0)
    said("mbedtls_ssl_conf_own_cert")
    for config, roots in ((client, certificate), (stranger, nothing)):
        lib.call("mbedtls_ssl_conf_authmode", config, REQUIRED, result=None)
        said("mbedtls_ssl_conf_authmode", result="unknown", verify_mode=REQUIRED)
        lib.call("mbedtls_ssl_conf_ca_chain", config, roots, None, result=None)
        said("mbedtls_ssl_conf_ca_chain", result="unknown")
    handshake(server, client, True)
    handshake(server, stranger, False)


def algorithms():
    text, out, n = bytes(16), ctypes.create_string_buffer(64), ctypes.c_size_t()
    sha256 = lib.make("mbedtls_md_info_from_type", SHA256)
    rsa = struct("rsa")
    lib.must("mbedtls_rsa_gen_key", rsa, RANDOM, DRBG, 1024, 65537, be=0)
    said("mbedtls_rsa_gen_key", bits=1024)
    lib.must("mbedtls_ecp_gen_key", SECP384R1, struct("ecp_keypair"), RANDOM, DRBG, be=0)
    said("mbedtls_ecp_gen_key", curve=SECP384R1)
    lib.must("mbedtls_pkcs5_pbkdf2_hmac_ext", SHA256, text, 8, text, 16, 777, 32, out, be=0)
    said("mbedtls_pkcs5_pbkdf2_hmac_ext", iterations=777, md_type=SHA256)
    for _ in range(3):
        lib.must("mbedtls_md", sha256, text, 16, out, be=0)
    said("mbedtls_md", 3, bulk=True)
    lib.must("mbedtls_sha256", text, 16, out, 0, be=0)
    said("mbedtls_sha256", bulk=True)

    lib.must("psa_crypto_init", be=0)
    said("psa_crypto_init")
    for _ in range(2):
        lib.must("psa_hash_compute", PSA_SHA_256, text, 16, out, 64, ctypes.byref(n), be=0)
    said("psa_hash_compute", 2, bulk=True, algorithm=PSA_SHA_256)
    lib.must("psa_generate_random", out, 16, be=0)
    said("psa_generate_random", bulk=True)


lib.must("mbedtls_ctr_drbg_seed", DRBG, lib.address("mbedtls_entropy_func"), ENTROPY, None, 0, be=0)
connections()
algorithms()
