// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/*
 * Cryptography that is asked of the kernel: AF_ALG sockets, kernel TLS, and keys.
 *
 * Seen when the call returns, with its result. Never read: payloads of keys, what follows the first four bytes of a kTLS
 * struct (key material does), and everything of other calls: bind and setsockopt are left after a look at the registers,
 * bind for an address as long as one of AF_ALG after two bytes of it.
 *
 * Three ways in, of which the recorder attaches one: fexit of the five system calls, their exit tracepoints with the
 * arguments from the task's saved registers, and the raw tracepoint of all system calls.
 */
#include "syscall.h"

#define EFAULT 14

/* KernelCall of crates/format/src/record/kinds/numbers.rs. */
#define ALG_BIND 1
#define TLS_TX 2
#define TLS_RX 3
#define ADD_KEY 4
#define REQUEST_KEY 5
#define KEYCTL 6
#define TLS_ULP 7

/* linux/if_alg.h: family, type, two numbers, name. */
#define AF_ALG 38
#define SALG_TYPE_AT 2
#define SALG_TYPE_BYTES 14
#define SALG_NAME_AT 24
#define SALG_NAME_MAX 128

/* linux/tcp.h, linux/tls.h */
#define SOL_TCP 6
#define TCP_ULP 31
#define ULP_TLS 0x736c74 /* "tls" */
#define SOL_TLS 282
#define TLS_INFO_TX 1
#define TLS_INFO_RX 2

/* linux/keyctl.h */
#define KEYCTL_JOIN_SESSION_KEYRING 1
#define KEYCTL_UPDATE 2
#define KEYCTL_SEARCH 10
#define KEYCTL_INSTANTIATE 12
#define KEYCTL_PKEY_QUERY 24
#define KEYCTL_PKEY_ENCRYPT 25
#define KEYCTL_PKEY_DECRYPT 26
#define KEYCTL_PKEY_SIGN 27
#define KEYCTL_PKEY_VERIFY 28
#define KEYCTL_RESTRICT_KEYRING 29

/* The longest type of a key with its NUL; types of AF_ALG are shorter. */
#define KIND_BYTES 32

#define NAME_AT sizeof(struct ct_kernel_crypto)

#if defined(__TARGET_ARCH_x86)
#define SYS(name) "?fexit/__x64_sys_" #name
#define NR_BIND 49
#define NR_SETSOCKOPT 54
#define NR_ADD_KEY 248
#define NR_REQUEST_KEY 249
#define NR_KEYCTL 250
#elif defined(__TARGET_ARCH_arm64)
#define SYS(name) "?fexit/__arm64_sys_" #name
#define NR_BIND 200
#define NR_SETSOCKOPT 208
#define NR_ADD_KEY 217
#define NR_REQUEST_KEY 218
#define NR_KEYCTL 219
#endif

struct request {
	__u16 call;
	__u16 operation;
	__u16 version;
	__u16 cipher;
	__u32 length;
	/* Texts in the program's memory, up to their NUL; 0: none. */
	const char *kind;
	const char *name;
	/* No more of them is read than so many bytes, of the name at most CT_PATH_MAX. */
	__u32 kind_bytes;
	__u32 name_bytes;
};

/* The length of a text that was read with its NUL. */
#define TEXT_LENGTH(n) ((n) > 0 ? (n)-1 : 0)

static __always_inline int asked(struct request *q, __s64 result)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 slot = q->call & (CT_KERNEL_CALLS - 1);
	struct ct_kernel_crypto_scratch *s;
	__u64 kind_len, at, size, bytes;
	char kind[KIND_BYTES] = {};
	long n;

	if (!wanted(bpf_get_current_pid_tgid() >> 32, bpf_get_current_uid_gid()))
		return 0;
	s = bpf_map_lookup_elem(&kernel_crypto_scratch, &slot);
	if (!s) {
		count_loss(CT_FACT_KERNEL_CRYPTO, UNREADABLE);
		return 0;
	}
	at = NAME_AT;
	if (q->name) {
		bytes = q->name_bytes;
		asm volatile("%0 &= 8191" : "+r"(bytes));
		if (bytes > CT_PATH_MAX)
			bytes = CT_PATH_MAX;
		n = bpf_probe_read_user_str(&s->bytes[NAME_AT], bytes, q->name);
		/* A bad pointer is the program's own mistake, and it was told so. */
		if (n < 0 && result != -EFAULT)
			count_loss(CT_FACT_KERNEL_CRYPTO, UNREADABLE);
		at += TEXT_LENGTH(n);
	}
	asm volatile("%0 &= 8191" : "+r"(at));
	kind_len = 0;
	if (q->kind) {
		bytes = q->kind_bytes;
		asm volatile("%0 &= 63" : "+r"(bytes));
		if (bytes > KIND_BYTES)
			bytes = KIND_BYTES;
		n = bpf_probe_read_user_str(kind, bytes, q->kind);
		if (n < 0 && result != -EFAULT)
			count_loss(CT_FACT_KERNEL_CRYPTO, UNREADABLE);
		kind_len = TEXT_LENGTH(n);
	}
	asm volatile("%0 &= 31" : "+r"(kind_len));
	if (at > sizeof(s->bytes) - 2 * KIND_BYTES)
		return 0;
	bpf_probe_read_kernel(s->bytes + at, KIND_BYTES, kind);
	size = at + kind_len;
	/* Nothing of an earlier record may stand in the padding. */
	__builtin_memset(s->bytes + size, 0, 8);
	size = (size + 7) & ~7u;
	fill_header(&s->record.h, task, CT_KERNEL_CRYPTO, NAME_AT, size);
	s->record.call = q->call;
	s->record.operation = q->operation;
	s->record.version = q->version;
	s->record.cipher = q->cipher;
	s->record.length = q->length;
	s->record.reserved = 0;
	s->record.result = result;
	s->record.name.off = at > NAME_AT ? NAME_AT : 0;
	s->record.name.len = at - NAME_AT;
	s->record.kind.off = kind_len ? at : 0;
	s->record.kind.len = kind_len;
	if (bpf_ringbuf_output(&events, s->bytes, size & 8191, wake()))
		count_loss(CT_FACT_KERNEL_CRYPTO, BUFFER_FULL);
	return 0;
}

/* bind(fd, address, length) */
static __always_inline int asked_bind(struct pt_regs *regs, __s64 result)
{
	__s32 length = ARG3(regs);
	const char *address;
	__u16 family = 0;

	/* The kernel refuses shorter ones. Those of IP and netlink are. */
	if (length <= SALG_NAME_AT)
		return 0;
	address = (const char *)ARG2(regs);
	if (bpf_probe_read_user(&family, sizeof(family), address) || family != AF_ALG)
		return 0;
	length -= SALG_NAME_AT;
	struct request q = {
		.call = ALG_BIND,
		.kind = address + SALG_TYPE_AT,
		.kind_bytes = SALG_TYPE_BYTES,
		.name = address + SALG_NAME_AT,
		.name_bytes = length > SALG_NAME_MAX ? SALG_NAME_MAX : length,
	};
	return asked(&q, result);
}

/* setsockopt(fd, level, option, value, length) */
static __always_inline int asked_setsockopt(struct pt_regs *regs, __s64 result)
{
	__s32 level = ARG2(regs), option, length;
	struct request q = {};
	__u32 value = 0;

	if (level != SOL_TLS && level != SOL_TCP)
		return 0;
	option = ARG3(regs);
	if (level == SOL_TCP ? option != TCP_ULP : option != TLS_INFO_TX && option != TLS_INFO_RX)
		return 0;
	/* The name of the protocol may come without its NUL; of the others, nothing beyond the first four bytes is read. */
	length = ARG5(regs);
	if (length < 3 || bpf_probe_read_user(&value, length == 3 ? 3 : 4, (void *)ARG4(regs)))
		return 0;
	if (level == SOL_TCP) {
		if (value != ULP_TLS)
			return 0;
		q.call = TLS_ULP;
	} else {
		if (length < 4)
			return 0;
		q.call = option == TLS_INFO_TX ? TLS_TX : TLS_RX;
		q.version = value;
		q.cipher = value >> 16;
	}
	return asked(&q, result);
}

/* add_key(type, description, payload, length, keyring) */
static __always_inline int asked_add_key(struct pt_regs *regs, __s64 result)
{
	struct request q = {
		.call = ADD_KEY,
		.length = ARG4(regs),
		.kind = (const char *)ARG1(regs),
		.kind_bytes = KIND_BYTES,
		.name = (const char *)ARG2(regs),
		.name_bytes = CT_PATH_MAX,
	};
	return asked(&q, result);
}

/* request_key(type, description, callout, keyring) */
static __always_inline int asked_request_key(struct pt_regs *regs, __s64 result)
{
	struct request q = {
		.call = REQUEST_KEY,
		.kind = (const char *)ARG1(regs),
		.kind_bytes = KIND_BYTES,
		.name = (const char *)ARG2(regs),
		.name_bytes = CT_PATH_MAX,
	};
	return asked(&q, result);
}

/* keyctl(operation, …): the texts that name something, the length of a payload that is given. */
static __always_inline int asked_keyctl(struct pt_regs *regs, __s64 result)
{
	__u32 operation = ARG1(regs);
	struct request q = {
		.call = KEYCTL,
		.operation = operation > 0xffff ? 0xffff : operation,
		.kind_bytes = KIND_BYTES,
		.name_bytes = CT_PATH_MAX,
	};

	switch (operation) {
	case KEYCTL_JOIN_SESSION_KEYRING:
		q.name = (const char *)ARG2(regs);
		break;
	case KEYCTL_UPDATE:
	case KEYCTL_INSTANTIATE:
		q.length = ARG4(regs);
		break;
	case KEYCTL_SEARCH:
	case KEYCTL_RESTRICT_KEYRING:
		q.kind = (const char *)ARG3(regs);
		q.name = (const char *)ARG4(regs);
		break;
	/* Encoding and digest; the recorder keeps no other words of it. */
	case KEYCTL_PKEY_QUERY:
		q.name = (const char *)ARG4(regs);
		break;
	case KEYCTL_PKEY_ENCRYPT:
	case KEYCTL_PKEY_DECRYPT:
	case KEYCTL_PKEY_SIGN:
	case KEYCTL_PKEY_VERIFY:
		q.name = (const char *)ARG3(regs);
		break;
	}
	return asked(&q, result);
}

#define FEXIT(call) \
	SEC(SYS(call)) int BPF_PROG(kernel_##call##_fexit, struct pt_regs *regs, long result) \
	{ \
		return asked_##call(regs, result); \
	}

FEXIT(bind)
FEXIT(setsockopt)
FEXIT(add_key)
FEXIT(request_key)
FEXIT(keyctl)

static __always_inline int asked_nr(long nr, struct pt_regs *regs, __s64 result)
{
	switch (nr) {
	case NR_SETSOCKOPT:
		return asked_setsockopt(regs, result);
	case NR_BIND:
		return asked_bind(regs, result);
	case NR_ADD_KEY:
		return asked_add_key(regs, result);
	case NR_REQUEST_KEY:
		return asked_request_key(regs, result);
	case NR_KEYCTL:
		return asked_keyctl(regs, result);
	}
	return 0;
}

/* One program for the tracepoints of all five calls, so that it is verified once. */
SEC("?tp/syscalls/sys_exit_setsockopt")
int kernel_crypto_tp(struct sys_exit *ctx)
{
	return asked_nr(ctx->nr, CURRENT_REGS, ctx->result);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(kernel_crypto_raw, struct pt_regs *regs, long result)
{
	long nr = CALL_NR(regs);

	if (nr != NR_SETSOCKOPT && nr != NR_BIND && nr != NR_ADD_KEY && nr != NR_REQUEST_KEY && nr != NR_KEYCTL)
		return 0;
	return in_compat_call() ? 0 : asked_nr(nr, regs, result);
}
