/* Known calls of mbedTLS 2. Arguments: a certificate of localhost, and its key. */
#include "said.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;

static void configure(mbedtls_ssl_config *config, int endpoint)
{
	mbedtls_ssl_config_init(config);
	want(!mbedtls_ssl_config_defaults(config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT), "defaults");
	mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &drbg);
}

static int tried_again(int result)
{
	return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* Client and server by turns, neither of which ever waits. */
static void handshake(const mbedtls_ssl_config *server_config, const mbedtls_ssl_config *client_config, int good)
{
	int fds[2], connects = 0, accepts = 0, connected = MBEDTLS_ERR_SSL_WANT_READ, accepted = MBEDTLS_ERR_SSL_WANT_READ;
	mbedtls_net_context server_net, client_net;
	mbedtls_ssl_context server, client;

	want(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), "socketpair");
	server_net.fd = fds[0];
	client_net.fd = fds[1];
	mbedtls_ssl_init(&server);
	mbedtls_ssl_init(&client);
	want(!mbedtls_ssl_setup(&server, server_config) && !mbedtls_ssl_setup(&client, client_config), "set up");
	said("mbedtls_ssl_setup", 2, "success", "");
	want(!mbedtls_ssl_set_hostname(&client, "localhost"), "the host");
	said("mbedtls_ssl_set_hostname", 1, "success", "\"host\":\"localhost\"");
	mbedtls_ssl_set_bio(&server, &server_net, mbedtls_net_send, mbedtls_net_recv, NULL);
	mbedtls_ssl_set_bio(&client, &client_net, mbedtls_net_send, mbedtls_net_recv, NULL);
	while (tried_again(connected) || (!connected && tried_again(accepted))) {
		if (tried_again(connected)) {
			connects++;
			connected = mbedtls_ssl_handshake(&client);
		}
		if (tried_again(accepted) && (!connected || tried_again(connected))) {
			accepts++;
			accepted = mbedtls_ssl_handshake(&server);
		}
	}
	want((connected == 0) == good, "the handshake");
	said_handshake("mbedtls_ssl_handshake", connects, good ? "success" : "failure");
	said_handshake("mbedtls_ssl_handshake", accepts, good ? "success" : "failure");
	if (good) {
		unsigned char byte;

		want(mbedtls_ssl_get_verify_result(&client) == 0, "the result");
		said("mbedtls_ssl_get_verify_result", 1, "success", "\"flags\":0");
		want(mbedtls_ssl_write(&client, (const unsigned char *)"x", 1) == 1, "write");
		want(mbedtls_ssl_read(&server, &byte, 1) == 1, "read");
		said_bulk("mbedtls_ssl_write", 1, "");
		said_bulk("mbedtls_ssl_read", 1, "");
	}
	mbedtls_ssl_free(&server);
	mbedtls_ssl_free(&client);
	said("mbedtls_ssl_free", 2, "success", "");
	close(fds[0]);
	close(fds[1]);
}

static void algorithms(void)
{
	const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
	unsigned char out[64], text[16] = { 0 };
	mbedtls_ecp_keypair pair;
	mbedtls_md_context_t md;
	mbedtls_rsa_context rsa;

	mbedtls_rsa_init(&rsa, MBEDTLS_RSA_PKCS_V15, 0);
	want(!mbedtls_rsa_gen_key(&rsa, mbedtls_ctr_drbg_random, &drbg, 1024, 65537), "a key");
	said("mbedtls_rsa_gen_key", 1, "success", "\"bits\":1024");
	mbedtls_ecp_keypair_init(&pair);
	want(!mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP384R1, &pair, mbedtls_ctr_drbg_random, &drbg), "a key");
	said("mbedtls_ecp_gen_key", 1, "success", "\"curve\":%d", MBEDTLS_ECP_DP_SECP384R1);
	mbedtls_md_init(&md);
	want(!mbedtls_md_setup(&md, sha256, 1), "a digest");
	want(!mbedtls_pkcs5_pbkdf2_hmac(&md, text, 8, text, 16, 777, 32, out), "a key");
	said("mbedtls_pkcs5_pbkdf2_hmac", 1, "success", "\"iterations\":777");
	for (int i = 0; i < 3; i++)
		want(!mbedtls_md(sha256, text, sizeof(text), out), "a digest");
	said_bulk("mbedtls_md", 3, "");
	want(!mbedtls_sha256_ret(text, sizeof(text), out, 0), "a digest");
	said_bulk("mbedtls_sha256_ret", 1, "");
}

int main(int argc, char **argv)
{
	mbedtls_ssl_config server, client, stranger;
	mbedtls_x509_crt certificate, nothing;
	mbedtls_pk_context key;

	want(argc == 3, "two arguments");
	mbedtls_entropy_init(&entropy);
	mbedtls_ctr_drbg_init(&drbg);
	want(!mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0), "random numbers");
	mbedtls_x509_crt_init(&certificate);
	mbedtls_x509_crt_init(&nothing);
	mbedtls_pk_init(&key);
	want(!mbedtls_x509_crt_parse_file(&certificate, argv[1]), "the certificate");
	said("mbedtls_x509_crt_parse_file", 1, "success", "\"file\":\"%s\"", argv[1]);
	want(!mbedtls_pk_parse_keyfile(&key, argv[2], NULL), "the key");
	said("mbedtls_pk_parse_keyfile", 1, "success", "\"file\":\"%s\"", argv[2]);
	configure(&server, MBEDTLS_SSL_IS_SERVER);
	configure(&client, MBEDTLS_SSL_IS_CLIENT);
	configure(&stranger, MBEDTLS_SSL_IS_CLIENT);
	said("mbedtls_ssl_config_defaults", 1, "success", "\"server\":true,\"datagrams\":false");
	said("mbedtls_ssl_config_defaults", 2, "success", "\"server\":false,\"datagrams\":false");
	want(!mbedtls_ssl_conf_own_cert(&server, &certificate, &key), "the certificate");
	said("mbedtls_ssl_conf_own_cert", 1, "success", "");
	mbedtls_ssl_conf_ca_chain(&client, &certificate, NULL);
	mbedtls_ssl_conf_ca_chain(&stranger, &nothing, NULL);
	said("mbedtls_ssl_conf_ca_chain", 2, "unknown", "");
	mbedtls_ssl_conf_authmode(&client, MBEDTLS_SSL_VERIFY_REQUIRED);
	said("mbedtls_ssl_conf_authmode", 1, "unknown", "\"verify_mode\":%d", MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_min_version(&client, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
	said("mbedtls_ssl_conf_min_version", 1, "unknown", "\"major\":3,\"minor\":3");
	handshake(&server, &client, 1);
	handshake(&server, &stranger, 0);
	algorithms();
	return 0;
}
