/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* What the recorder is told of a TLS connection: pieces of messages, alerts, and that a direction is encrypted. */
#ifndef CT_TLS_TELL_H
#define CT_TLS_TELL_H

#include "tls.h"

#define AF_INET 2
#define AF_INET6 10

/* What is copied in one go. */
#define PIECE (CT_PATH_MAX - 1)
#define AT sizeof(struct ct_tls_part)

static __always_inline void addresses(struct ct_tls_part *part, struct sock *sk)
{
	part->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	part->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		__u32 local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		__u32 peer = BPF_CORE_READ(sk, __sk_common.skc_daddr);

		part->local[10] = part->local[11] = part->peer[10] = part->peer[11] = 0xff;
		__builtin_memcpy(part->local + 12, &local, 4);
		__builtin_memcpy(part->peer + 12, &peer, 4);
	} else {
		BPF_CORE_READ_INTO(&part->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&part->peer, sk, __sk_common.skc_v6_daddr);
	}
}

/*
 * What the recorder is to be told. It is told in one place: this code runs once per handshake, when the processor's caches
 * hold none of it, so that what it costs is mostly its size.
 */
struct say {
	/* `len` bytes there; 0: of `field`. */
	__u64 from;
	__u64 field;
	__u32 len;
	/* Where they lie in the message. */
	__u32 offset;
	/* 0: nothing. */
	__u16 what;
	__u8 bits;
};

static __always_inline void fill_message(struct ct_tls_part *part, struct ct_tls_side *side, __u64 key, const struct say *say)
{
	addresses(part, (void *)key);
	part->message = side->message;
	part->session = side->session;
	part->version = side->version;
	part->offset = say->offset;
}

/* False: the bytes can't be read. Whose the connection is, is told with its messages only. */
static __noinline bool tell(struct ct_tls *tls, struct ct_tls_side *side, __u64 key, __u32 way, const struct say *say)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 thread = bpf_get_current_pid_tgid(), *object = bpf_map_lookup_elem(&inside, &thread), size, len = say->len;
	struct ct_tls_scratch *s = bpf_map_lookup_elem(&tls_scratch, &way);

	if (!s)
		return true;
	__builtin_memset(&s->part, 0, sizeof(s->part));
	asm volatile("%0 &= 4095" : "+r"(len));
	if (!say->from) {
		asm volatile("%0 &= 7" : "+r"(len));
		__builtin_memcpy(&s->bytes[AT], &say->field, sizeof(say->field));
	} else if (len && bpf_probe_read_user(&s->bytes[AT], len, (void *)say->from)) {
		return false;
	}
	size = AT + len;
	asm volatile("%0 &= 8191" : "+r"(size));
	__builtin_memset(s->bytes + size, 0, 8);
	size = (size + 7) & ~7u;
	if (say->what == CT_TLS_MESSAGE) {
		fill_header(&s->part.h, task, CT_TLS_PART, AT, size);
		fill_message(&s->part, side, key, say);
	} else {
		s->part.h.kind = CT_TLS_PART;
		s->part.h.version = 1;
		s->part.h.fixed = AT / 8;
		s->part.h.size = size;
		s->part.h.time_ns = bpf_ktime_get_boot_ns();
	}
	s->part.sock = key;
	s->part.since = tls->since;
	s->part.object = object ? *object : 0;
	s->part.what = say->what;
	s->part.direction = way + 1;
	s->part.bits = say->bits;
	s->part.length = say->what == CT_TLS_ALERT ? 0 : side->message_length;
	s->part.data.off = len ? AT : 0;
	s->part.data.len = len;
	if (bpf_ringbuf_output(&events, s->bytes, size & 16383, wake()))
		count_loss(CT_FACT_TLS_HANDSHAKE, BUFFER_FULL);
	return true;
}

/* Of the message that is being read: `len` bytes of `field`. */
static __always_inline void say_field(struct say *say, __u64 field, __u32 len, __u8 bits)
{
	say->what = CT_TLS_MESSAGE;
	say->field = field;
	say->len = len;
	say->bits = bits;
}

#endif
