/* Known calls of GnuTLS. Arguments: a certificate of localhost, and its key. */
#include "said.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/socket.h>
#include <unistd.h>

static gnutls_session_t session(int flags, gnutls_certificate_credentials_t credentials, int fd)
{
	gnutls_session_t made;

	want(!gnutls_init(&made, flags | GNUTLS_NONBLOCK), "a session");
	want(!gnutls_priority_set_direct(made, "NORMAL", NULL), "the priority");
	gnutls_credentials_set(made, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_int(made, fd);
	return made;
}

/* Client and server by turns, neither of which ever waits. */
static void handshake(gnutls_certificate_credentials_t server_has, gnutls_certificate_credentials_t client_has, int good)
{
	int fds[2], connects = 0, accepts = 0, connected = GNUTLS_E_AGAIN, accepted = GNUTLS_E_AGAIN;
	gnutls_session_t server, client;

	want(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), "socketpair");
	server = session(GNUTLS_SERVER, server_has, fds[0]);
	client = session(GNUTLS_CLIENT, client_has, fds[1]);
	gnutls_session_set_verify_cert(client, "localhost", 0);
	while (connected == GNUTLS_E_AGAIN || (connected == 0 && accepted == GNUTLS_E_AGAIN)) {
		if (connected == GNUTLS_E_AGAIN) {
			connects++;
			connected = gnutls_handshake(client);
		}
		if (accepted == GNUTLS_E_AGAIN && connected >= GNUTLS_E_AGAIN) {
			accepts++;
			accepted = gnutls_handshake(server);
		}
	}
	want((connected == 0) == good, "the handshake");
	said("gnutls_init", 2, "success", "");
	said("gnutls_priority_set_direct", 2, "success", "\"priority\":\"NORMAL\"");
	said("gnutls_session_set_verify_cert", 1, "unknown", "\"host\":\"localhost\"");
	said_handshake("gnutls_handshake", connects, good ? "success" : "failure");
	said_handshake("gnutls_handshake", accepts, good ? "success" : "failure");
	if (good) {
		char byte;

		want(gnutls_session_get_verify_cert_status(client) == 0, "the status");
		said("gnutls_session_get_verify_cert_status", 1, "success", "\"verify_status\":0");
		want(gnutls_record_send(client, "x", 1) == 1, "send");
		want(gnutls_record_recv(server, &byte, 1) == 1, "receive");
		said_bulk("gnutls_record_send", 1, "");
		said_bulk("gnutls_record_recv", 1, "");
	}
	gnutls_deinit(server);
	gnutls_deinit(client);
	said("gnutls_deinit", 2, "success", "");
	close(fds[0]);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	gnutls_certificate_credentials_t server, client, stranger;
	gnutls_x509_privkey_t key;
	unsigned char out[64], text[16] = { 0 };
	gnutls_datum_t datum = { text, sizeof(text) };

	want(argc == 3, "two arguments");
	gnutls_certificate_allocate_credentials(&server);
	gnutls_certificate_allocate_credentials(&client);
	gnutls_certificate_allocate_credentials(&stranger);
	want(gnutls_certificate_set_x509_key_file(server, argv[1], argv[2], GNUTLS_X509_FMT_PEM) >= 0, "the key");
	said("gnutls_certificate_set_x509_key_file", 1, "success", "\"certificate_file\":\"%s\",\"key_file\":\"%s\"", argv[1], argv[2]);
	want(gnutls_certificate_set_x509_trust_file(client, argv[1], GNUTLS_X509_FMT_PEM) == 1, "what to trust");
	said("gnutls_certificate_set_x509_trust_file", 1, "success", "\"ca_file\":\"%s\"", argv[1]);
	handshake(server, client, 1);
	handshake(server, stranger, 0);

	gnutls_x509_privkey_init(&key);
	want(!gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, 2048, 0), "a key");
	said("gnutls_x509_privkey_generate", 1, "success", "\"algorithm\":%d,\"bits\":2048", GNUTLS_PK_RSA);
	gnutls_x509_privkey_deinit(key);
	want(!gnutls_pbkdf2(GNUTLS_MAC_SHA256, &datum, &datum, 4321, out, 32), "a key");
	said("gnutls_pbkdf2", 1, "success", "\"iterations\":4321,\"digest\":%d", GNUTLS_MAC_SHA256);
	for (int i = 0; i < 3; i++)
		want(!gnutls_hash_fast(GNUTLS_DIG_SHA256, text, sizeof(text), out), "a digest");
	said("gnutls_hash_fast", 3, "success", "\"digest\":%d", GNUTLS_DIG_SHA256);
	want(!gnutls_hmac_fast(GNUTLS_MAC_SHA1, text, 16, text, sizeof(text), out), "a code");
	said("gnutls_hmac_fast", 1, "success", "\"digest\":%d", GNUTLS_MAC_SHA1);
	want(!gnutls_rnd(GNUTLS_RND_NONCE, out, 16), "random numbers");
	said_bulk("gnutls_rnd", 1, "");
	return 0;
}
