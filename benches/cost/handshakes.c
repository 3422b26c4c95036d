/*
 * TLS handshakes with a server on this machine, one after the other, each on a connection of its own and none resumed.
 * handshakes PORT: waits for a line on standard input, which says for how many milliseconds; prints how many handshakes
 * were made and how many nanoseconds they took. The functions of OpenSSL are declared here: its headers need not be installed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void *TLS_client_method(void);
void *SSL_CTX_new(void *method);
void *SSL_new(void *ctx);
int SSL_set_fd(void *ssl, int fd);
int SSL_connect(void *ssl);
int SSL_shutdown(void *ssl);
void SSL_free(void *ssl);

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	void *ctx = SSL_CTX_new(TLS_client_method());
	long long began, end;
	long count = 0;
	char line[32];

	if (argc != 2 || !ctx)
		return 2;
	to.sin_port = htons(atoi(argv[1]));
	while (fgets(line, sizeof(line), stdin)) {
		count = 0;
		began = now();
		end = began + atoll(line) * 1000000LL;
		while (now() < end) {
			/* Closed with a reset: thousands of sockets would else wait for their ports to be free again. */
			struct linger reset = { 1, 0 };
			int fd = socket(AF_INET, SOCK_STREAM, 0);
			void *ssl = SSL_new(ctx);

			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			if (connect(fd, (void *)&to, sizeof(to)) || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
				return 1;
			SSL_shutdown(ssl);
			SSL_free(ssl);
			/* The server is done with the handshake when it has answered. */
			shutdown(fd, SHUT_WR);
			while (read(fd, line, sizeof(line)) > 0)
				;
			close(fd);
			count++;
		}
		printf("%ld %lld\n", count, now() - began);
		fflush(stdout);
	}
	return 0;
}
