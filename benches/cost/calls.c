/*
 * Calls of known cost: each is made many times, and what one of them took is printed, in nanoseconds of this thread's
 * time on a processor. Waits for a line on standard input, so that a recorder can be attached before.
 *
 * The functions of OpenSSL are declared here: its headers need not be installed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void *TLS_method(void);
void *SSL_CTX_new(void *method);
void *SSL_new(void *ctx);
void SSL_CTX_set_verify(void *ctx, int mode, void *callback);
long SSL_get_verify_result(void *ssl);
void *EVP_MD_CTX_new(void);
void *EVP_sha256(void);
int EVP_DigestInit_ex(void *ctx, void *type, void *engine);
int EVP_DigestUpdate(void *ctx, const void *data, size_t size);
int EVP_DigestFinal(void *ctx, unsigned char *out, unsigned int *size);

static int null_fd, pair[2];
static void *ctx, *ssl, *digest;
static char bytes[64];

static void unprobed(void)
{
	syscall(SYS_getppid);
}

static void write_null(void)
{
	if (write(null_fd, bytes, sizeof(bytes)) < 0)
		abort();
}

static void open_other(void)
{
	syscall(SYS_openat, AT_FDCWD, "/nowhere.txt", O_RDONLY);
}

static void open_key(void)
{
	syscall(SYS_openat, AT_FDCWD, "/nowhere.pem", O_RDONLY);
}

static void set_option(void)
{
	int one = 1;

	setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void ask_keys(void)
{
	/* KEYCTL_GET_KEYRING_ID of the process's own keyring, which isn't made for it. */
	syscall(SYS_keyctl, 0, -2, 0);
}

static void send_text(void)
{
	if (write(pair[0], bytes, sizeof(bytes)) != sizeof(bytes) || read(pair[1], bytes, sizeof(bytes)) != sizeof(bytes))
		abort();
}

static void get_result(void)
{
	SSL_get_verify_result(ssl);
}

static void set_verify(void)
{
	SSL_CTX_set_verify(ctx, 0, 0);
}

static void hash(void)
{
	unsigned char out[64];
	unsigned int size;

	EVP_DigestInit_ex(digest, EVP_sha256(), 0);
	EVP_DigestFinal(digest, out, &size);
}

static void update(void)
{
	EVP_DigestUpdate(digest, bytes, 16);
}

static const struct {
	const char *name;
	void (*call)(void);
} cases[] = {
	{ "getppid (no probe)", unprobed },
	{ "write of 64 bytes to /dev/null (no probe)", write_null },
	{ "open of another file (passed over)", open_other },
	{ "open of a .pem (recorded)", open_key },
	{ "setsockopt TCP_NODELAY (passed over)", set_option },
	{ "keyctl (recorded)", ask_keys },
	{ "64 bytes through a TCP socket, write and read (not TLS)", send_text },
	{ "SSL_CTX_set_verify (recorded)", set_verify },
	{ "SSL_get_verify_result (recorded)", get_result },
	{ "EVP_DigestInit_ex + EVP_DigestFinal (counted)", hash },
	{ "EVP_DigestUpdate of 16 bytes (bulk)", update },
};

static void connect_pair(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 1) ||
	    getsockname(listener, (void *)&address, &size) || connect(pair[0], (void *)&address, sizeof(address)))
		abort();
	pair[1] = accept(listener, 0, 0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* The quickest of several batches, each of about 3 ms: the one that others disturbed least. */
static double cost(void (*call)(void))
{
	double least = 1e18, began, took = 0;
	int count = 16;

	while (took < 3e6 && count < 1 << 24) {
		count *= 2;
		began = now();
		for (int i = 0; i < count; i++)
			call();
		took = now() - began;
	}
	for (int batch = 0; batch < 21; batch++) {
		began = now();
		for (int i = 0; i < count; i++)
			call();
		took = (now() - began) / count;
		if (took < least)
			least = took;
	}
	return least;
}

int main(void)
{
	char line[16];

	null_fd = open("/dev/null", O_WRONLY);
	connect_pair();
	ctx = SSL_CTX_new(TLS_method());
	ssl = SSL_new(ctx);
	digest = EVP_MD_CTX_new();
	if (!ssl || !fgets(line, sizeof(line), stdin))
		return 1;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* hash() leaves the context without a digest. */
		EVP_DigestInit_ex(digest, EVP_sha256(), 0);
		printf("%s\t%.1f\n", cases[i].name, cost(cases[i].call));
	}
	return 0;
}
