/*
 * Sends and receives a ClientHello by the system calls of 32-bit programs, on a TCP connection with itself. Exits with 77
 * where the kernel has none.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void none(int signal)
{
	(void)signal;
	_exit(77);
}

static int call(int number, int fd, void *data, int len)
{
#ifdef __x86_64__
	int result;

	asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(fd), "c"(data), "d"(len) : "memory", "r8", "r9", "r10", "r11");
	return result;
#else
	(void)number, (void)fd, (void)data, (void)len;
	return -38;
#endif
}

int main(void)
{
	static const unsigned char hello[100] = { 22, 3, 1, 0, 95, 1, 0, 0, 91, 3, 3 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0), b;
	unsigned char *low = (void *)0x20000000;

	signal(SIGSEGV, none);
	if (bind(listener, (void *)&at, len) || listen(listener, 1) || getsockname(listener, (void *)&at, &len) ||
	    connect(a, (void *)&at, len) || (b = accept(listener, 0, 0)) < 0)
		return 1;
	/* Where such a program can point to. */
	if (mmap(low, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != low)
		return 1;
	for (int i = 0; i < 3; i++) {
		int sent, received;

		memcpy(low, hello, sizeof(hello));
		sent = call(4, a, low, sizeof(hello));
		if (sent == -38)
			return 77;
		received = call(3, b, low, sizeof(hello));
		if (sent != sizeof(hello) || received != sizeof(hello))
			return 2;
	}
	return 0;
}
