"""Known calls of OpenSSL 1.1 and of OpenSSL's forks. Arguments: which, a certificate of localhost, its key, the libraries.

Numbers are those of the headers that all of them have in common.
"""
import ctypes
import sys

from said import Library, POINTER, pair, said, want

PEM, VERIFY_PEER = 1, 1
TLS_1_2, TLS_1_3 = 0x303, 0x304
DEPTH_ZERO_SELF_SIGNED_CERT = 18
RSA, SHA1, SHA256, SHA384, SHA512, AES_256_CBC, SECP384R1 = 6, 64, 672, 673, 674, 427, 715
SET_GROUPS_LIST, SET_MIN, SET_MAX, SET_HOST = 92, 123, 124, 55
KEYGEN, KEYGEN_BITS = 1 << 2, 0x1003

fork, CERTIFICATE, KEY = sys.argv[1:4]
lib = Library(sys.argv[4:])
# What is a macro there, and calls another function, is a function here.
google = fork in ("boringssl", "awslc")


def settings(server, client, stranger):
    lib.must("SSL_CTX_use_certificate_file", server, CERTIFICATE.encode(), PEM)
    said("SSL_CTX_use_certificate_file", file=CERTIFICATE)
    lib.must("SSL_CTX_use_PrivateKey_file", server, KEY.encode(), PEM)
    said("SSL_CTX_use_PrivateKey_file", file=KEY)
    lib.must("SSL_CTX_use_PrivateKey_file", client, b"missing.key", PEM, be=0)
    said("SSL_CTX_use_PrivateKey_file", result="failure", file="missing.key")
    lib.must("SSL_CTX_load_verify_locations", client, CERTIFICATE.encode(), None)
    said("SSL_CTX_load_verify_locations", ca_file=CERTIFICATE)
    for ctx in (client, stranger):
        lib.call("SSL_CTX_set_verify", ctx, VERIFY_PEER, None, result=None)
        said("SSL_CTX_set_verify", result="unknown", verify_mode=VERIFY_PEER)
    most = TLS_1_2 if fork == "libressl" else TLS_1_3
    if fork == "openssl11":
        lib.must("SSL_CTX_ctrl", client, SET_MIN, TLS_1_2, None)
        said("SSL_CTX_ctrl", command=SET_MIN, version=TLS_1_2)
        lib.must("SSL_CTX_ctrl", client, SET_MAX, most, None)
        said("SSL_CTX_ctrl", command=SET_MAX, version=most)
        lib.must("SSL_CTX_ctrl", client, SET_GROUPS_LIST, 0, b"P-256")
        said("SSL_CTX_ctrl", command=SET_GROUPS_LIST, list="P-256")
        lib.must("SSL_CTX_set_ciphersuites", client, b"TLS_AES_256_GCM_SHA384")
        said("SSL_CTX_set_ciphersuites", list="TLS_AES_256_GCM_SHA384")
    else:
        lib.must("SSL_CTX_set_min_proto_version", client, TLS_1_2)
        said("SSL_CTX_set_min_proto_version", version=TLS_1_2)
        lib.must("SSL_CTX_set_max_proto_version", client, most)
        said("SSL_CTX_set_max_proto_version", version=most)
        lib.must("SSL_CTX_set1_groups_list", client, b"P-256")
        said("SSL_CTX_set1_groups_list", list="P-256")
    lib.must("SSL_CTX_set_cipher_list", client, b"ECDHE-ECDSA-AES256-GCM-SHA384")
    said("SSL_CTX_set_cipher_list", list="ECDHE-ECDSA-AES256-GCM-SHA384")


def handshake(server_ctx, client_ctx, verified):
    """Client and server by turns, neither of which ever waits: what is tried again is one handshake."""
    near, far = pair()
    server, client = lib.make("SSL_new", server_ctx), lib.make("SSL_new", client_ctx)
    said("SSL_new", 2)
    lib.must("SSL_set_fd", server, far.fileno())
    lib.must("SSL_set_fd", client, near.fileno())
    if google:
        lib.must("SSL_set_tlsext_host_name", client, b"localhost")
        said("SSL_set_tlsext_host_name", host="localhost")
    else:
        lib.must("SSL_ctrl", client, SET_HOST, 0, b"localhost")
        said("SSL_ctrl", command=SET_HOST, host="localhost")
    ends = {"SSL_connect": (client, []), "SSL_accept": (server, [])}
    while not all(results and results[-1] == 1 for _, results in ends.values()):
        for door, (ssl, results) in ends.items():
            if not results or results[-1] != 1:
                results.append(lib.call(door, ssl))
                # SSL_ERROR_SSL
                failed = results[-1] != 1 and lib.call("SSL_get_error", ssl, results[-1]) == 1
                if failed:
                    break
        if failed:
            break
    lib.call("ERR_clear_error", result=None)
    for door, (_, results) in ends.items():
        said(door, tries=len(results), result="success" if results[-1] == 1 else "failure")
    got = lib.call("SSL_get_verify_result", client, result=ctypes.c_long)
    want(got == verified, f"the result of the verification: {got}")
    said("SSL_get_verify_result", result="failure" if verified else "success", verify_result=verified)
    if not google:
        # libssl asks libcrypto. The server builds the chain that it sends, and finds no issuer.
        said("X509_STORE_CTX_set_default", purpose="ssl_server")
        said("X509_verify_cert", result="failure" if verified else "success", purpose="ssl_server")
        said("X509_verify_cert", result="unknown", purpose="own_chain")
    if not verified:
        byte = ctypes.create_string_buffer(1)
        lib.must("SSL_write", client, b"x", 1)
        lib.must("SSL_read", server, byte, 1)
        said("SSL_write", bulk=True)
        said("SSL_read", bulk=True)
    lib.call("SSL_free", server, result=None)
    lib.call("SSL_free", client, result=None)
    said("SSL_free", 2)


def connections():
    server, client, stranger = [lib.make("SSL_CTX_new", lib.make("TLS_method")) for _ in range(3)]
    said("SSL_CTX_new", 3)
    settings(server, client, stranger)
    handshake(server, client, 0)
    handshake(server, stranger, DEPTH_ZERO_SELF_SIGNED_CERT)


def keys():
    ctx, key = lib.make("EVP_PKEY_CTX_new_id", RSA, None), POINTER()
    lib.must("EVP_PKEY_keygen_init", ctx)
    if google:
        lib.must("EVP_PKEY_CTX_set_rsa_keygen_bits", ctx, 2048)
        said("EVP_PKEY_CTX_set_rsa_keygen_bits", bits=2048)
    else:
        lib.must("RSA_pkey_ctx_ctrl", ctx, KEYGEN, KEYGEN_BITS, 2048, None)
        said("RSA_pkey_ctx_ctrl", bits=2048)
    lib.must("EVP_PKEY_keygen", ctx, ctypes.byref(key))
    said("EVP_PKEY_keygen", key_type=RSA)
    curve = lib.make("EC_KEY_new_by_curve_name", SECP384R1)
    lib.must("EC_KEY_generate_key", curve)
    said("EC_KEY_generate_key", **({"curve": SECP384R1} if fork == "openssl11" else {}))
    return key


def algorithms(key):
    text, out, n = bytes(64), ctypes.create_string_buffer(512), ctypes.c_uint()
    size, length = ctypes.c_size_t(512), ctypes.c_int()
    digest = {name: lib.make("EVP_" + name) for name in ("sha1", "sha224", "sha256", "sha384", "sha512")}
    told = (lambda nid: {}) if fork == "boringssl" else (lambda nid: {"digest": nid})
    for _ in range(3):
        lib.must("EVP_Digest", text, 64, out, ctypes.byref(n), digest["sha256"], None)
    said("EVP_Digest", 3, digest=SHA256)
    md = lib.make("EVP_MD_CTX_new")
    for _ in range(2):
        lib.must("EVP_DigestInit_ex", md, digest["sha1"], None)
        lib.must("EVP_DigestUpdate", md, text, 64)
        lib.must("EVP_DigestFinal", md, out, ctypes.byref(n))
    said("EVP_DigestFinal", 2, **told(SHA1))
    for _ in range(5):
        lib.must("EVP_DigestInit_ex", md, digest["sha384"], None)
        lib.must("EVP_DigestFinal_ex", md, out, ctypes.byref(n))
    said("EVP_DigestFinal_ex", 5, bulk=True, **told(SHA384))
    updates = 2
    # Set up and never ended: not used.
    lib.must("EVP_DigestInit_ex", md, digest["sha224"], None)
    lib.call("EVP_MD_CTX_free", md, result=None)

    md = lib.make("EVP_MD_CTX_new")
    lib.must("EVP_DigestSignInit", md, None, digest["sha256"], None, key)
    signed = {} if google else {"digest": SHA256}
    if fork == "libressl":
        # What other headers call EVP_DigestSignUpdate.
        lib.must("EVP_DigestUpdate", md, text, 64)
        updates += 1
        lib.must("EVP_DigestSignFinal", md, out, ctypes.byref(size))
        said("EVP_DigestSignFinal", **signed)
    else:
        lib.must("EVP_DigestSign", md, out, ctypes.byref(size), text, 64)
        said("EVP_DigestSign", **signed)
    said("EVP_DigestUpdate", updates, bulk=True)
    lib.call("EVP_MD_CTX_free", md, result=None)

    for _ in range(4):
        cipher = lib.make("EVP_CIPHER_CTX_new")
        lib.must("EVP_EncryptInit_ex", cipher, lib.make("EVP_aes_256_cbc"), None, text, text)
        lib.must("EVP_EncryptUpdate", cipher, out, ctypes.byref(length), text, 64)
        lib.must("EVP_EncryptFinal_ex", cipher, out, ctypes.byref(length))
        lib.call("EVP_CIPHER_CTX_free", cipher, result=None)
    said("EVP_CIPHER_CTX_free", 4, cipher=AES_256_CBC, key_length=32)
    said("EVP_EncryptUpdate", 4, bulk=True)
    said("EVP_EncryptFinal_ex", 4, bulk=True, cipher=AES_256_CBC, key_length=32)

    lib.must("PKCS5_PBKDF2_HMAC", b"password", 8, text, ctypes.c_size_t(16), 1234, digest["sha512"], ctypes.c_size_t(32), out)
    said("PKCS5_PBKDF2_HMAC", iterations=1234, digest=SHA512)
    for _ in range(6):
        lib.must("RAND_bytes", out, 16)
    said("RAND_bytes", 6, bulk=True)
    lib.make("HMAC", digest["sha256"], text, 16, text, ctypes.c_size_t(64), out, ctypes.byref(n))
    said("HMAC", bulk=google, digest=SHA256)


if "SSL_CTX_new" in lib.addresses:
    connections()
algorithms(keys())
