/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* Headers of TLS records (RFC 8446, 5.1): what follows is looked at, is encrypted, or is no TLS. */
#ifndef CT_TLS_RECORD_H
#define CT_TLS_RECORD_H

#include "tls_side.h"

#define RECORD_HEADER 5
#define RECORD_MAX 16640
#define CHANGE_CIPHER_SPEC 20
#define ALERT 21
#define HANDSHAKE 22
#define APPLICATION_DATA 23

/* Whether a call begins with the header of a record with a handshake message: text turns to TLS (STARTTLS), however late. */
static __always_inline bool turns(struct ct_tls_side *side, __u64 from, __u32 len)
{
	__u8 head[RECORD_HEADER] = {};
	__u32 length;

	if (len < RECORD_HEADER || bpf_probe_read_user(head, sizeof(head), (void *)from))
		return false;
	length = head[3] << 8 | head[4];
	if (head[0] != HANDSHAKE || head[1] != 3 || head[2] > 4 || !length || length > RECORD_MAX)
		return false;
	side->state = LOOKING;
	side->misses = MISSES - 1;
	return true;
}

/* What comes of the header of a TLS record. */
enum header {
	NOT_WHOLE,
	FOLLOWED,
	ENCRYPTED,
	NO_TLS,
};

/* Judges the header's bytes that are there; one that is followed is what `side` is at from now on. */
static __always_inline enum header judge(struct ct_tls *tls, struct ct_tls_side *side, __u32 *length)
{
	bool known = side->state == FOLLOWING || tls->hello;
	__u32 content = side->head & 0xff;

	if (content != HANDSHAKE && (!known || content < CHANGE_CIPHER_SPEC || content > APPLICATION_DATA))
		return NO_TLS;
	if (side->head_have >= 3 && ((side->head >> 8 & 0xff) != 3 || (side->head >> 16 & 0xff) > 4))
		return NO_TLS;
	if (side->head_have < RECORD_HEADER)
		return NOT_WHOLE;
	*length = (side->head >> 24 & 0xff) << 8 | (side->head >> 32 & 0xff);
	side->head = 0;
	side->head_have = 0;
	if (*length > RECORD_MAX || (!*length && content != APPLICATION_DATA))
		return NO_TLS;
	side->content = content;
	side->record_left = *length;
	if (content == APPLICATION_DATA)
		return ENCRYPTED;
	/* Up to TLS 1.2 all is encrypted behind a ChangeCipherSpec, but no alert of two bytes can be. */
	if ((content == ALERT && *length != 2) || (content == HANDSHAKE && side->after_ccs)) {
		*length = 0;
		return ENCRYPTED;
	}
	if (content == CHANGE_CIPHER_SPEC) {
		/*
		 * After a HelloRetryRequest it means nothing (RFC 8446, D.4), once. In TLS 1.3 it never does: what comes next is
		 * application data then.
		 */
		if (tls->retry && !side->ccs_passed)
			side->ccs_passed = 1;
		else
			side->after_ccs = 1;
	}
	return FOLLOWED;
}

/* The header of a TLS record; `n` bytes of it are there. Whether it may go on. */
static __always_inline __u32 record_header(struct ct_tls *tls, struct ct_tls_side *side, __u32 way, __u64 from, __u32 n,
					   struct say *say)
{
	enum header header = NO_TLS;
	__u32 length = 0, there = n;

	if (n > RECORD_HEADER - side->head_have)
		n = RECORD_HEADER - side->head_have;
	if (collect(&side->head, &side->head_have, from, n))
		header = judge(tls, side, &length);
	else if (!side->after_ccs)
		return lose(side, UNREADABLE);
	/* Its body says nothing. */
	if (header == FOLLOWED && side->content == CHANGE_CIPHER_SPEC && there - n >= side->record_left) {
		n += side->record_left;
		side->record_left = 0;
	}
	if (header == NOT_WHOLE || header == FOLLOWED)
		return n;
	/* What is no TLS behind a ChangeCipherSpec: the kernel encrypts from there on, and takes and gives what is in clear. */
	if (header == ENCRYPTED || side->after_ccs)
		return encrypted(tls, side, way, header == ENCRYPTED ? length : 0, say);
	return miss(side);
}

#endif
