// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/*
 * TLS handshakes on the wire: which bytes of which socket a process just sent or received.
 *
 * Ways in, of which the recorder attaches one: the raw tracepoints of the socket layer, the exit tracepoints of the system
 * calls, and the raw tracepoint of all system calls. The buffer is known from the registers that the kernel saved when the
 * call was entered. A direction that is encrypted costs one look-up, one that is no TLS a
 * look at a few bytes besides.
 */
#include "syscall.h"
#include "tls.h"

#define TCP_CLOSE 7
#define S_IFMT 0170000
#define S_IFSOCK 0140000

#define MSG_OOB 1
#define MSG_PEEK 2
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000

#define PF_IO_WORKER 0x10

#define NR_IO_URING_ENTER 426
#if defined(__TARGET_ARCH_x86)
#define NR_READ 0
#define NR_WRITE 1
#define NR_READV 19
#define NR_WRITEV 20
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_SENDMSG 46
#define NR_RECVMSG 47
#elif defined(__TARGET_ARCH_arm64)
#define NR_READ 63
#define NR_WRITE 64
#define NR_READV 65
#define NR_WRITEV 66
#define NR_SENDTO 206
#define NR_RECVFROM 207
#define NR_SENDMSG 211
#define NR_RECVMSG 212
#endif

/* struct user_msghdr, from its iovecs on. */
#define MSGHDR_VECTOR 16
struct msghdr_vector {
	__u64 vector;
	__u64 count;
};

/* The state of a connection; one that is new is made where the process is wanted. 0: of no interest. */
static __always_inline struct ct_tls *find(struct sock *sk, __u32 way)
{
	__u64 key = (__u64)sk;
	struct ct_tls *tls = bpf_map_lookup_elem(&tls_sockets, &key);

	if (tls && tls->side[way & 1].state == DONE)
		return 0;
	if (!tls && !tls_is_tcp(key))
		return 0;
	if (!wanted(bpf_get_current_pid_tgid() >> 32, bpf_get_current_uid_gid()))
		return 0;
	if (!tls && tls_begins(key))
		tls = bpf_map_lookup_elem(&tls_sockets, &key);
	return tls;
}

/* Follows the `len` bytes that the call of this number moved. */
static __always_inline void follow(struct sock *sk, __u32 way, struct pt_regs *regs, long nr, __u64 len)
{
	__u64 key = (__u64)sk;
	struct msghdr_vector message;

	switch (nr) {
	case NR_READ:
	case NR_WRITE:
	case NR_SENDTO:
	case NR_RECVFROM:
		tls_buffer(key, way, ARG2(regs), len);
		return;
	case NR_READV:
	case NR_WRITEV:
		tls_vector(key, way, ARG2(regs), ARG3(regs), len);
		return;
	case NR_SENDMSG:
	case NR_RECVMSG:
		if (!bpf_probe_read_user(&message, sizeof(message), (void *)ARG2(regs) + MSGHDR_VECTOR)) {
			tls_vector(key, way, message.vector, message.count, len);
			return;
		}
	}
	tls_unseen(key, way);
}

/* Neither side of the connection will be seen. */
static __always_inline void give_up(struct ct_tls *tls)
{
	if (tls->side[0].state != DONE || tls->side[1].state != DONE)
		count_loss(CT_FACT_TLS_HANDSHAKE, OUT_OF_SIGHT);
	tls->side[0].state = tls->side[1].state = DONE;
}

static __always_inline int moved(struct sock *sk, __u32 way, int len, int flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pt_regs *regs;
	struct ct_tls *tls;
	long nr;

	if (len <= 0)
		return 0;
	tls = find(sk, way);
	if (!tls)
		return 0;
	/* What isn't of the stream, or will come again. */
	if (way == WAY_RECEIVED && flags & (MSG_OOB | MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	regs = CURRENT_REGS;
	nr = CALL_NR(regs);
	if (BPF_CORE_READ(task, flags) & PF_IO_WORKER || nr == NR_IO_URING_ENTER || in_compat_call())
		give_up(tls);
	else if (way == WAY_RECEIVED && flags & MSG_TRUNC)
		tls_unseen((__u64)sk, way);
	else
		follow(sk, way, regs, nr, len);
	return 0;
}

SEC("?raw_tp/sock_send_length")
int BPF_PROG(tls_sent, struct sock *sk, int len, int flags)
{
	return moved(sk, WAY_SENT, len, flags);
}

SEC("?raw_tp/sock_recv_length")
int BPF_PROG(tls_received, struct sock *sk, int len, int flags)
{
	return moved(sk, WAY_RECEIVED, len, flags);
}

/* The socket that a file descriptor of the current process names; 0: it names none. */
static __always_inline struct sock *socket_of(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **fds, *file = 0;
	struct socket *socket;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	fds = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), &fds[fd]) || !file)
		return 0;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline int returned(struct pt_regs *regs, long nr, long len)
{
	__u32 way = WAY_SENT, flags = 0;
	struct sock *sk;

	if (len <= 0)
		return 0;
	switch (nr) {
	case NR_WRITE:
	case NR_WRITEV:
	case NR_SENDTO:
	case NR_SENDMSG:
		break;
	case NR_READ:
	case NR_READV:
	case NR_RECVFROM:
	case NR_RECVMSG:
		way = WAY_RECEIVED;
		break;
	default:
		return 0;
	}
	sk = socket_of(ARG1(regs));
	if (!sk || !find(sk, way))
		return 0;
	if (nr == NR_RECVFROM)
		flags = ARG4(regs);
	else if (nr == NR_RECVMSG)
		flags = ARG3(regs);
	if (flags & (MSG_OOB | MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	if (flags & MSG_TRUNC)
		tls_unseen((__u64)sk, way);
	else
		follow(sk, way, regs, nr, len);
	return 0;
}

/* One program for the tracepoints of all calls, so that it is verified once. */
SEC("?tp/syscalls/sys_exit_read")
int tls_tp(struct sys_exit *ctx)
{
	return returned(CURRENT_REGS, ctx->nr, ctx->result);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(tls_raw, struct pt_regs *regs, long result)
{
	return in_compat_call() ? 0 : returned(regs, CALL_NR(regs), result);
}

/* The connection ends. In whichever process this runs: the recorder remembers whose it was. */
SEC("?raw_tp/inet_sock_set_state")
int BPF_PROG(tls_closed, struct sock *sk, int from, int to)
{
	__u64 key = (__u64)sk;
	struct ct_tls_part part;
	struct ct_tls *tls;

	if (to != TCP_CLOSE)
		return 0;
	tls = bpf_map_lookup_elem(&tls_sockets, &key);
	if (!tls)
		return 0;
	if (tls->hello && tls->encrypted != 3) {
		__builtin_memset(&part, 0, sizeof(part));
		part.h.kind = CT_TLS_PART;
		part.h.version = 1;
		part.h.fixed = sizeof(part) / 8;
		part.h.size = sizeof(part);
		part.h.time_ns = bpf_ktime_get_boot_ns();
		part.sock = key;
		part.since = tls->since;
		part.what = CT_TLS_CLOSED;
		if (bpf_ringbuf_output(&events, &part, sizeof(part), wake()))
			count_loss(CT_FACT_TLS_HANDSHAKE, BUFFER_FULL);
	}
	bpf_map_delete_elem(&tls_sockets, &key);
	return 0;
}
