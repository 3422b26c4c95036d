/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* What one direction of a connection is at, and the ways on: nothing of TLS, lost, encrypted, some bytes more of a field. */
#ifndef CT_TLS_SIDE_H
#define CT_TLS_SIDE_H

#include "tls.h"
#include "tls_tell.h"

/* Calls in one direction that were no beginning of a hello, until only calls that begin like one are followed. */
#define MISSES 16

/* What is being read of a handshake message. */
enum step {
	MESSAGE,
	VERSION,
	RANDOM_MARK,
	RANDOM,
	SESSION_LENGTH,
	SESSION,
	CURVE,
	POINT,
	SCHEME,
	KEEP,
	PASS,
};

static __always_inline void restart(struct ct_tls_side *side)
{
	side->head = 0;
	side->head_have = 0;
	side->field = 0;
	side->field_have = 0;
	side->record_left = 0;
	side->step = MESSAGE;
}

/* This is no TLS: the rest of the call is of no interest. */
static __always_inline __u32 miss(struct ct_tls_side *side)
{
	restart(side);
	if (side->state == FOLLOWING) {
		side->state = DONE;
		count_loss(CT_FACT_TLS_HANDSHAKE, MALFORMED);
	} else if (++side->misses >= MISSES) {
		side->state = GAVE_UP;
	}
	return 0;
}

static __always_inline __u32 lose(struct ct_tls_side *side, __u32 reason)
{
	side->state = DONE;
	count_loss(CT_FACT_TLS_HANDSHAKE, reason);
	return 0;
}

/* From here on there is nothing to see in this direction. `length` is that of the first record of application data, or 0. */
static __always_inline __u32 encrypted(struct ct_tls *tls, struct ct_tls_side *side, __u32 way, __u32 length, struct say *say)
{
	side->state = DONE;
	side->message_length = length;
	tls->encrypted |= 1 << way;
	say->what = CT_TLS_ENCRYPTED;
	return 0;
}

/* Adds `n` bytes, of eight at most, to what is being collected. */
static __always_inline bool collect(__u64 *to, __u8 *have, __u64 from, __u32 n)
{
	__u64 bytes[2] = {};

	asm volatile("%0 &= 15" : "+r"(n));
	if (bpf_probe_read_user(bytes, n, (void *)from))
		return false;
	*to |= bytes[0] << (*have * 8 & 63);
	*have += n;
	return true;
}

#endif
