// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/*
 * Follows the TLS records of one direction of a connection, byte by byte where it must be: a header may come in one call and
 * its body in others, a message in several records, several records in one call.
 *
 * Of a record behind a ChangeCipherSpec its header alone is read, unless that is in clear: an alert of two bytes, or what
 * follows a HelloRetryRequest.
 */
#include "tls.h"
#include "tls_message.h"
#include "tls_record.h"

#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define PF_KTHREAD 0x200000

/* Steps that one buffer may take, and buffers of one call. */
#define STEPS 96
#define VECTORS 64

/* What comes next: a record's header, or what is in it. How many bytes it took; 0: the rest of the call is of no interest. */
static __always_inline __u32 one_step(struct ct_tls *tls, struct ct_tls_side *side, __u32 way, __u64 from, __u32 n, struct say *say)
{
	if (!side->record_left)
		return record_header(tls, side, way, from, n, say);
	if (n > side->record_left)
		n = side->record_left;
	if (side->content == HANDSHAKE)
		return message_step(tls, side, way, from, n, say);
	if (side->content == ALERT) {
		if (!collect(&side->field, &side->field_have, from, n))
			return lose(side, UNREADABLE);
		if (side->field_have >= 2) {
			say->what = CT_TLS_ALERT;
			say->field = side->field;
			say->len = 2;
			side->field = 0;
			side->field_have = 0;
		}
	}
	side->record_left -= n;
	return n;
}

/* How many bytes it took; 0: the rest of the call is of no interest. */
__noinline __u32 tls_step(__u64 key, __u32 way, __u64 from, __u32 len)
{
	struct ct_tls *tls = bpf_map_lookup_elem(&tls_sockets, &key);
	struct ct_tls_side *side;
	struct say say = {};
	__u32 n;

	if (!tls || !len)
		return 0;
	way &= 1;
	side = &tls->side[way];
	if (side->state == DONE || (side->state == GAVE_UP && !turns(side, from, len)))
		return 0;
	n = one_step(tls, side, way, from, len, &say);
	if (say.what && !tell(tls, side, key, way, &say))
		return lose(side, UNREADABLE);
	return n;
}

__noinline __u32 tls_buffer(__u64 key, __u32 way, __u64 from, __u64 len)
{
	for (int i = 0; i < STEPS; i++) {
		__u32 n = tls_step(key, way, from, len > RECORD_MAX ? RECORD_MAX : len);

		if (!n)
			return 0;
		if (n >= len)
			return 1;
		from += n;
		len -= n;
	}
	return tls_unseen(key, way);
}

struct vector {
	__u64 base;
	__u64 len;
};

__noinline __u32 tls_vector(__u64 key, __u32 way, __u64 vector, __u64 count, __u64 len)
{
	for (__u32 i = 0; i < VECTORS; i++) {
		struct vector v = {};

		if (i >= count || !len)
			return 1;
		if (bpf_probe_read_user(&v, sizeof(v), (void *)(vector + i * sizeof(v))))
			break;
		if (v.len > len)
			v.len = len;
		if (v.len && !tls_buffer(key, way, v.base, v.len))
			return 0;
		len -= v.len;
	}
	return len ? tls_unseen(key, way) : 1;
}

__noinline __u32 tls_is_tcp(__u64 key)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct sock *sk = (void *)key;
	__u32 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u32 protocol = BPF_CORE_READ(sk, sk_protocol);

	return (family == AF_INET || family == AF_INET6) && (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP) &&
	       !(BPF_CORE_READ(task, flags) & PF_KTHREAD);
}

__noinline __u32 tls_begins(__u64 key)
{
	struct ct_tls tls = {};

	tls.since = bpf_ktime_get_boot_ns();
	if (!bpf_map_update_elem(&tls_sockets, &key, &tls, BPF_NOEXIST))
		return 1;
	count_loss(CT_FACT_TLS_HANDSHAKE, MAP_FULL);
	return 0;
}

__noinline __u32 tls_unseen(__u64 key, __u32 way)
{
	struct ct_tls *tls = bpf_map_lookup_elem(&tls_sockets, &key);
	struct ct_tls_side *side;
	struct say say = {};

	if (!tls)
		return 0;
	way &= 1;
	side = &tls->side[way];
	if (side->state < GAVE_UP && side->after_ccs) {
		encrypted(tls, side, way, 0, &say);
		tell(tls, side, key, way, &say);
		return 0;
	}
	if (side->state == FOLLOWING)
		return lose(side, OUT_OF_SIGHT);
	return side->state == LOOKING ? miss(side) : 0;
}
