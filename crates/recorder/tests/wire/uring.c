/* Sends and receives a ClientHello through io_uring, on a TCP connection with itself. Exits with 77 where there is no io_uring. */
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct io_uring_params p;
static int ring;
static char *sq, *cq;
static struct io_uring_sqe *sqes;

static int transfer(int op, int fd, void *data, unsigned len)
{
	unsigned tail = *(unsigned *)(sq + p.sq_off.tail), index = tail & *(unsigned *)(sq + p.sq_off.ring_mask);
	struct io_uring_sqe *sqe = &sqes[index];
	unsigned *head = (unsigned *)(cq + p.cq_off.head);
	struct io_uring_cqe *cqe;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->addr = (unsigned long)data;
	sqe->len = len;
	((unsigned *)(sq + p.sq_off.array))[index] = index;
	__atomic_store_n((unsigned *)(sq + p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) != 1)
		return -1;
	cqe = (struct io_uring_cqe *)(cq + p.cq_off.cqes) + (*head & *(unsigned *)(cq + p.cq_off.ring_mask));
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return cqe->res;
}

int main(void)
{
	unsigned char hello[100] = { 22, 3, 1, 0, 95, 1, 0, 0, 91, 3, 3 }, got[100];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), a = socket(AF_INET, SOCK_STREAM, 0), b;

	ring = syscall(SYS_io_uring_setup, 4, &p);
	if (ring < 0)
		return 77;
	sq = mmap(0, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	cq = mmap(0, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_CQ_RING);
	sqes = mmap(0, p.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (bind(listener, (void *)&at, len) || listen(listener, 1) || getsockname(listener, (void *)&at, &len) ||
	    connect(a, (void *)&at, len) || (b = accept(listener, 0, 0)) < 0)
		return 1;
	for (int i = 0; i < 3; i++)
		if (transfer(IORING_OP_SEND, a, hello, sizeof(hello)) != sizeof(hello) ||
		    transfer(IORING_OP_RECV, b, got, sizeof(got)) != sizeof(got))
			return 2;
	return 0;
}
