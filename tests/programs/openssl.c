/* Known calls of OpenSSL. Arguments: a certificate of localhost, and its key. */
#include "said.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

static void connection(int fds[2])
{
	want(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), "socketpair");
}

/* Client and server by turns, neither of which ever waits: what is tried again is one handshake. */
static void handshake(SSL_CTX *server_ctx, SSL_CTX *client_ctx, long verified)
{
	int fds[2], connects = 0, accepts = 0, connected = -1, accepted = -1, failed = 0;
	SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);

	connection(fds);
	SSL_set_fd(server, fds[0]);
	SSL_set_fd(client, fds[1]);
	SSL_set_tlsext_host_name(client, "localhost");
	while ((connected != 1 || accepted != 1) && !failed) {
		if (connected != 1) {
			connects++;
			connected = SSL_connect(client);
			failed |= connected != 1 && SSL_get_error(client, connected) == SSL_ERROR_SSL;
		}
		if (accepted != 1) {
			accepts++;
			accepted = SSL_accept(server);
			failed |= accepted != 1 && SSL_get_error(server, accepted) == SSL_ERROR_SSL;
		}
	}
	ERR_clear_error();
	want(SSL_get_verify_result(client) == verified, "the result of the verification");
	said("SSL_new", 2, "success", "");
	said("SSL_ctrl", 1, "success", "\"command\":55,\"host\":\"localhost\"");
	said_handshake("SSL_connect", connects, connected == 1 ? "success" : "failure");
	said_handshake("SSL_accept", accepts, accepted == 1 ? "success" : "failure");
	said("SSL_get_verify_result", 1, verified ? "failure" : "success", "\"verify_result\":%ld", verified);
	/* The client verifies the server; the server builds the chain that it sends, and finds no issuer. */
	said("X509_STORE_CTX_set_default", 1, "success", "\"purpose\":\"ssl_server\"");
	said("X509_verify_cert", 1, verified ? "failure" : "success", "\"purpose\":\"ssl_server\"");
	said("X509_verify_cert", 1, "unknown", "\"purpose\":\"own_chain\"");
	if (connected == 1) {
		char byte;
		size_t n;

		want(SSL_write(client, "x", 1) == 1, "SSL_write");
		want(SSL_read_ex(server, &byte, 1, &n) == 1, "SSL_read_ex");
		said_bulk("SSL_write", 1, "");
		said_bulk("SSL_read_ex", 1, "");
	}
	SSL_free(server);
	SSL_free(client);
	said("SSL_free", 2, "success", "");
	close(fds[0]);
	close(fds[1]);
}

static void connections(const char *certificate, const char *key)
{
	SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new(TLS_client_method());
	SSL_CTX *stranger = SSL_CTX_new(TLS_client_method());

	said("SSL_CTX_new", 3, "success", "");
	want(SSL_CTX_use_certificate_file(server, certificate, SSL_FILETYPE_PEM) == 1, "the certificate");
	said("SSL_CTX_use_certificate_file", 1, "success", "\"file\":\"%s\"", certificate);
	want(SSL_CTX_use_PrivateKey_file(server, key, SSL_FILETYPE_PEM) == 1, "the key");
	said("SSL_CTX_use_PrivateKey_file", 1, "success", "\"file\":\"%s\"", key);
	want(SSL_CTX_use_PrivateKey_file(client, "missing.key", SSL_FILETYPE_PEM) != 1, "a key that is missing");
	said("SSL_CTX_use_PrivateKey_file", 1, "failure", "\"file\":\"missing.key\"");
	want(SSL_CTX_load_verify_locations(client, certificate, NULL) == 1, "what to trust");
	said("SSL_CTX_load_verify_locations", 1, "success", "\"ca_file\":\"%s\"", certificate);
	SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify(stranger, SSL_VERIFY_PEER, NULL);
	said("SSL_CTX_set_verify", 2, "unknown", "\"verify_mode\":%d", SSL_VERIFY_PEER);
	want(SSL_CTX_set_min_proto_version(client, TLS1_2_VERSION) == 1, "a version");
	said("SSL_CTX_ctrl", 1, "success", "\"command\":123,\"version\":%d", TLS1_2_VERSION);
	want(SSL_CTX_set_max_proto_version(client, TLS1_3_VERSION) == 1, "a version");
	said("SSL_CTX_ctrl", 1, "success", "\"command\":124,\"version\":%d", TLS1_3_VERSION);
	want(SSL_CTX_set1_groups_list(client, "P-256") == 1, "a group");
	said("SSL_CTX_ctrl", 1, "success", "\"command\":92,\"list\":\"P-256\"");
	want(SSL_CTX_set_ciphersuites(client, "TLS_AES_256_GCM_SHA384") == 1, "a suite");
	said("SSL_CTX_set_ciphersuites", 1, "success", "\"list\":\"TLS_AES_256_GCM_SHA384\"");
	handshake(server, client, X509_V_OK);
	handshake(server, stranger, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	SSL_CTX_free(stranger);
}

static EVP_PKEY *keys(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_secp384r1);
	EVP_PKEY *key = NULL, *edwards;

	want(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1, "2048 bits");
	said("EVP_PKEY_CTX_set_rsa_keygen_bits", 1, "success", "\"bits\":2048");
	want(EVP_PKEY_keygen(ctx, &key) == 1, "a key");
	said("EVP_PKEY_keygen", 1, "success", "\"algorithm\":\"%s\",\"key_type\":%d", OBJ_nid2sn(EVP_PKEY_RSA), EVP_PKEY_RSA);
	EVP_PKEY_CTX_free(ctx);
	want(EC_KEY_generate_key(ec) == 1, "a key");
	said("EC_KEY_generate_key", 1, "success", "\"curve\":%d", NID_secp384r1);
	EC_KEY_free(ec);
	edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	want(edwards != NULL, "a key");
	said("EVP_PKEY_Q_keygen", 1, "success", "\"algorithm\":\"ED25519\"");
	EVP_PKEY_free(edwards);
	return key;
}

static void algorithms(EVP_PKEY *key)
{
	unsigned char out[512], text[64] = { 0 };
	unsigned int n;
	size_t size = sizeof(out);
	EVP_MD *unused = EVP_MD_fetch(NULL, "SHA512", NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_CIPHER_CTX *reused;
	EVP_PKEY_CTX *verify;
	const EVP_CIPHER *used[] = { EVP_aes_128_cbc(), EVP_aes_128_ctr(), EVP_chacha20() };
	int length;

	for (int i = 0; i < 3; i++)
		want(EVP_Digest(text, sizeof(text), out, &n, EVP_sha256(), NULL) == 1, "a digest");
	said("EVP_Digest", 3, "success", "\"digest\":%d", NID_sha256);
	for (int i = 0; i < 2; i++) {
		EVP_DigestInit_ex(md, EVP_sha1(), NULL);
		EVP_DigestUpdate(md, text, sizeof(text));
		want(EVP_DigestFinal(md, out, &n) == 1, "a digest");
	}
	said("EVP_DigestFinal", 2, "success", "\"digest\":%d", NID_sha1);
	for (int i = 0; i < 5; i++) {
		EVP_DigestInit_ex(md, EVP_sha384(), NULL);
		want(EVP_DigestFinal_ex(md, out, &n) == 1, "a digest");
	}
	said_bulk("EVP_DigestFinal_ex", 5, "\"digest\":%d", NID_sha384);
	said_bulk("EVP_DigestUpdate", 2, "");
	/* Set up and never ended: not used. */
	EVP_DigestInit_ex(md, EVP_sha224(), NULL);
	EVP_MD_free(unused);

	EVP_MD_CTX_reset(md);
	want(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1, "a signature");
	want(EVP_DigestSign(md, out, &size, text, sizeof(text)) == 1, "a signature");
	said("EVP_DigestSign", 1, "success", "\"digest\":%d", NID_sha256);
	/* A signature that is right, and three times a forged one. */
	for (int i = 0; i < 4; i++) {
		EVP_MD_CTX_reset(md);
		want(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1, "a signature");
		want(EVP_DigestVerify(md, out, size, text, sizeof(text) - !!i) == !i, "what is signed");
	}
	said("EVP_DigestVerify", 1, "success", "\"digest\":%d", NID_sha256);
	said("EVP_DigestVerify", 3, "failure", "\"digest\":%d", NID_sha256);
	for (int i = 0; i < 2; i++) {
		EVP_MD_CTX_reset(md);
		EVP_VerifyInit_ex(md, EVP_sha256(), NULL);
		EVP_VerifyUpdate(md, text, sizeof(text) - i);
		want(EVP_VerifyFinal(md, out, size, key) == !i, "what is signed");
	}
	said("EVP_VerifyFinal", 1, "success", "\"digest\":%d,\"key_type\":%d", NID_sha256, EVP_PKEY_RSA);
	said("EVP_VerifyFinal", 1, "failure", "\"digest\":%d,\"key_type\":%d", NID_sha256, EVP_PKEY_RSA);
	said_bulk("EVP_DigestUpdate", 2, "");
	EVP_MD_CTX_free(md);
	verify = EVP_PKEY_CTX_new(key, NULL);
	want(EVP_PKEY_verify_init(verify) == 1, "a signature");
	for (int i = 0; i < 2; i++)
		want(EVP_PKEY_verify(verify, out, size, text, 32) != 1, "a forged signature");
	said("EVP_PKEY_verify", 2, "failure", "");
	EVP_PKEY_CTX_free(verify);
	ERR_clear_error();

	for (int i = 0; i < 4; i++) {
		EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

		want(EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, text, text) == 1, "a cipher");
		want(EVP_EncryptUpdate(cipher, out, &length, text, sizeof(text)) == 1, "a cipher");
		want(EVP_EncryptFinal_ex(cipher, out, &length) == 1, "a cipher");
		EVP_CIPHER_CTX_free(cipher);
	}
	said("EVP_CIPHER_CTX_free", 4, "success", "\"cipher\":%d,\"key_length\":32", NID_aes_256_cbc);
	said_bulk("EVP_EncryptUpdate", 4, "");
	said_bulk("EVP_EncryptFinal_ex", 4, "\"cipher\":%d,\"key_length\":32", NID_aes_256_cbc);
	/* Never set up. */
	EVP_CIPHER_CTX_free(EVP_CIPHER_CTX_new());
	/* One context for three ciphers. */
	reused = EVP_CIPHER_CTX_new();
	for (int i = 0; i < 3; i++) {
		want(EVP_EncryptInit_ex(reused, used[i], NULL, text, text) == 1, "a cipher");
		want(EVP_EncryptUpdate(reused, out, &length, text, sizeof(text)) == 1, "a cipher");
		said_bulk("EVP_EncryptUpdate", 1, "");
		want(EVP_CIPHER_CTX_reset(reused) == 1, "a context");
		said("EVP_CIPHER_CTX_reset", 1, "success", "\"cipher\":%d,\"key_length\":%d", EVP_CIPHER_nid(used[i]),
		     EVP_CIPHER_key_length(used[i]));
	}
	EVP_CIPHER_CTX_free(reused);

	want(PKCS5_PBKDF2_HMAC("password", 8, text, 16, 1234, EVP_sha512(), 32, out) == 1, "a key");
	said("PKCS5_PBKDF2_HMAC", 1, "success", "\"iterations\":1234,\"digest\":%d", NID_sha512);

	for (int i = 0; i < 6; i++)
		want(RAND_bytes(out, 16) == 1, "random numbers");
	said_bulk("RAND_bytes", 6, "");
	want(HMAC(EVP_sha256(), text, 16, text, sizeof(text), out, &n) != NULL, "a code");
	said("HMAC", 1, "success", "\"digest\":%d", NID_sha256);
	for (int i = 0; i < 3; i++)
		want(MD5(text, sizeof(text), out) != NULL, "a digest");
	said("MD5", 3, "success", "");
	want(SHA1(text, sizeof(text), out) && SHA256(text, sizeof(text), out), "digests");
	said("SHA1", 1, "success", "");
	said("SHA256", 1, "success", "");
	want(EVP_Q_digest(NULL, "SHA512", NULL, text, sizeof(text), out, &size) == 1, "a digest");
	said("EVP_Q_digest", 1, "success", "");
}

int main(int argc, char **argv)
{
	EVP_PKEY *key;

	want(argc == 3, "two arguments");
	connections(argv[1], argv[2]);
	key = keys();
	algorithms(key);
	EVP_PKEY_free(key);
	return 0;
}
