/* Known calls of wolfSSL. Arguments: a certificate of localhost, and its key. */
#include <wolfssl/options.h>

#include "said.h"

#include <sys/socket.h>
#include <unistd.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/pwdbased.h>
#include <wolfssl/wolfcrypt/rsa.h>

/* Client and server by turns, neither of which ever waits. */
static void handshake(WOLFSSL_CTX *server_ctx, WOLFSSL_CTX *client_ctx, int good)
{
	int fds[2], connects = 0, accepts = 0, connected = -1, accepted = -1, failed = 0;
	WOLFSSL *server = wolfSSL_new(server_ctx), *client = wolfSSL_new(client_ctx);

	want(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), "socketpair");
	wolfSSL_set_fd(server, fds[0]);
	wolfSSL_set_fd(client, fds[1]);
	want(wolfSSL_check_domain_name(client, "localhost") == WOLFSSL_SUCCESS, "the host");
	while ((connected != WOLFSSL_SUCCESS || accepted != WOLFSSL_SUCCESS) && !failed) {
		if (connected != WOLFSSL_SUCCESS) {
			connects++;
			connected = wolfSSL_connect(client);
			failed |= connected != WOLFSSL_SUCCESS && wolfSSL_get_error(client, connected) != WOLFSSL_ERROR_WANT_READ;
		}
		if (accepted != WOLFSSL_SUCCESS && !failed) {
			accepts++;
			accepted = wolfSSL_accept(server);
			failed |= accepted != WOLFSSL_SUCCESS && wolfSSL_get_error(server, accepted) != WOLFSSL_ERROR_WANT_READ;
		}
	}
	want(failed != good, "the handshake");
	said("wolfSSL_new", 2, "success", "");
	said("wolfSSL_check_domain_name", 1, "success", "\"host\":\"localhost\"");
	said_handshake("wolfSSL_connect", connects, good ? "success" : "failure");
	said_handshake("wolfSSL_accept", accepts, good ? "success" : "failure");
	if (good) {
		char byte;

		want(wolfSSL_write(client, "x", 1) == 1, "write");
		want(wolfSSL_read(server, &byte, 1) == 1, "read");
		said_bulk("wolfSSL_write", 1, "");
		said_bulk("wolfSSL_read", 1, "");
	}
	wolfSSL_free(server);
	wolfSSL_free(client);
	said("wolfSSL_free", 2, "success", "");
	close(fds[0]);
	close(fds[1]);
}

static void algorithms(void)
{
	unsigned char out[64], text[16] = { 0 };
	ecc_key ec;
	RsaKey rsa;
	WC_RNG rng;

	want(!wc_InitRng(&rng) && !wc_InitRsaKey(&rsa, NULL) && !wc_ecc_init(&ec), "keys");
	want(!wc_MakeRsaKey(&rsa, 2048, 65537, &rng), "a key");
	said("wc_MakeRsaKey", 1, "success", "\"bits\":2048");
	want(!wc_ecc_make_key(&rng, 32, &ec), "a key");
	said("wc_ecc_make_key", 1, "success", "\"key_length\":32");
	want(!wc_PBKDF2(out, text, 8, text, 16, 2222, 32, WC_SHA256), "a key");
	said("wc_PBKDF2", 1, "success", "\"iterations\":2222");
	for (int i = 0; i < 3; i++)
		want(!wc_Hash(WC_HASH_TYPE_SHA256, text, sizeof(text), out, 32), "a digest");
	said_bulk("wc_Hash", 3, "");
	want(!wc_Sha256Hash(text, sizeof(text), out), "a digest");
	said_bulk("wc_Sha256Hash", 1, "");
}

int main(int argc, char **argv)
{
	WOLFSSL_CTX *server, *client, *stranger;

	want(argc == 3, "two arguments");
	want(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init");
	said("wolfSSL_Init", 1, "success", "");
	server = wolfSSL_CTX_new(wolfTLSv1_3_server_method());
	client = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
	stranger = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
	said("wolfSSL_CTX_new", 3, "success", "");
	want(wolfSSL_CTX_use_certificate_file(server, argv[1], WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS, "the certificate");
	said("wolfSSL_CTX_use_certificate_file", 1, "success", "\"file\":\"%s\"", argv[1]);
	want(wolfSSL_CTX_use_PrivateKey_file(server, argv[2], WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS, "the key");
	said("wolfSSL_CTX_use_PrivateKey_file", 1, "success", "\"file\":\"%s\"", argv[2]);
	want(wolfSSL_CTX_load_verify_locations(client, argv[1], NULL) == WOLFSSL_SUCCESS, "what to trust");
	said("wolfSSL_CTX_load_verify_locations", 1, "success", "\"ca_file\":\"%s\"", argv[1]);
	wolfSSL_CTX_set_verify(client, WOLFSSL_VERIFY_PEER, NULL);
	wolfSSL_CTX_set_verify(stranger, WOLFSSL_VERIFY_PEER, NULL);
	said("wolfSSL_CTX_set_verify", 2, "unknown", "\"verify_mode\":%d", WOLFSSL_VERIFY_PEER);
	handshake(server, client, 1);
	handshake(server, stranger, 0);
	algorithms();
	return 0;
}
