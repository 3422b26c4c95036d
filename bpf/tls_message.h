/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * Handshake messages.
 *
 * What is copied: of a hello all but its random and its session id, which are not read (of a server's random, eight bytes
 * are compared here with those that name a HelloRetryRequest); certificates (TLS 1.2); of ServerKeyExchange four bytes, and
 * the two behind its public point. At most COPY_MAX bytes per direction, and nothing before the beginning of a hello was
 * recognized.
 */
#ifndef CT_TLS_MESSAGE_H
#define CT_TLS_MESSAGE_H

#include "tls_side.h"

#define COPY_MAX 16384

#define CLIENT_HELLO 1
#define SERVER_HELLO 2
#define CERTIFICATE 11
#define SERVER_KEY_EXCHANGE 12
#define CERTIFICATE_REQUEST 13
/* Version, random, an empty session id, one suite, compression. */
#define HELLO_MIN 38
#define HELLO_MAX 65535
/* Curve type, curve, and the point's length; what the curve type is of a curve that is named (RFC 8422, 5.4). */
#define CURVE_BYTES 4
#define NAMED_CURVE 3
/* Of secp521r1. What is longer is no point, but a prime of 6144 bits, whose length begins with the same byte. */
#define POINT_MAX 133
#define SCHEME_BYTES 2

/* The first bytes of the random that names a HelloRetryRequest (RFC 8446, 4.1.3): CF 21 AD 74 E5 9A 61 11. */
#define RETRY_MARK 0x11619AE574AD21CFULL

/* `want` bytes of the message are copied, or as many as there may be. */
static __always_inline void keep(struct ct_tls_side *side, __u32 want, struct say *say)
{
	__u32 room = COPY_MAX - side->copied;

	if (room > COPY_MAX)
		room = 0;
	side->step = KEEP;
	side->run = want < room ? want : room;
	if (want > room)
		side->bits |= CT_TLS_CUT;
	if (side->run)
		return;
	side->step = PASS;
	say_field(say, 0, 0, side->bits | CT_TLS_LAST);
}

/* A ServerKeyExchange: what it says of the curve is collected, and who signs, but not the point between them. */
static __always_inline void key_exchange_begins(struct ct_tls_side *side, struct say *say)
{
	side->step = CURVE;
	if (side->message_length >= CURVE_BYTES && side->copied <= COPY_MAX - CURVE_BYTES - SCHEME_BYTES)
		return;
	side->step = PASS;
	say_field(say, 0, 0, CT_TLS_LAST);
}

/* So much of a ServerKeyExchange is told: its curve, and the scheme behind it. */
static __always_inline void key_exchange_ends(struct ct_tls_side *side, __u32 scheme, __u32 len, struct say *say)
{
	side->step = PASS;
	side->copied += len;
	say_field(say, (__u64)scheme << 32 | side->curve, len, CT_TLS_LAST);
}

/* The header of a handshake message is whole. */
static __always_inline bool message_begins(struct ct_tls *tls, struct ct_tls_side *side, struct say *say)
{
	__u32 type = side->field & 0xff;
	__u32 length = (side->field >> 8 & 0xff) << 16 | (side->field >> 16 & 0xff) << 8 | (side->field >> 24 & 0xff);
	bool hello = type == CLIENT_HELLO || type == SERVER_HELLO;

	if (hello ? length < HELLO_MIN || length > HELLO_MAX : side->state != FOLLOWING && !tls->hello)
		return false;
	side->field = 0;
	side->field_have = 0;
	side->message = type;
	side->message_length = length;
	side->message_left = length;
	side->version = 0;
	side->session = 0;
	side->bits = 0;
	side->step = PASS;
	if (hello) {
		side->step = VERSION;
	} else {
		side->state = FOLLOWING;
		if (type == CERTIFICATE && length)
			keep(side, length, say);
		else if (type == SERVER_KEY_EXCHANGE)
			key_exchange_begins(side, say);
		else if (type == CERTIFICATE_REQUEST)
			say_field(say, 0, 0, CT_TLS_LAST);
	}
	return true;
}

/* The session id's length is known, and with it all that tells a hello from other bytes. */
static __always_inline void hello_is_certain(struct ct_tls *tls, struct ct_tls_side *side, __u32 way, __u8 session)
{
	side->state = FOLLOWING;
	side->session = session;
	if (side->bits & CT_TLS_RETRY)
		tls->retry = 1;
	tls->hello |= 1 << way;
	if (tls->side[!way].state == GAVE_UP) {
		tls->side[!way].state = LOOKING;
		tls->side[!way].misses = 0;
	}
}

/* A field of a hello is whole. */
static __always_inline bool field_ends(struct ct_tls *tls, struct ct_tls_side *side, __u32 way, struct say *say)
{
	__u64 field = side->field;

	side->field = 0;
	side->field_have = 0;
	switch (side->step) {
	case VERSION:
		if ((field & 0xff) != 3 || (field >> 8 & 0xff) > 4)
			return false;
		side->version = (field & 0xff) << 8 | (field >> 8 & 0xff);
		side->step = side->message == SERVER_HELLO ? RANDOM_MARK : RANDOM;
		side->run = 32;
		return true;
	case RANDOM_MARK:
		side->bits |= field == RETRY_MARK ? CT_TLS_RETRY : 0;
		side->step = RANDOM;
		side->run = 24;
		return true;
	case SESSION_LENGTH:
		if (field > 32 || field + HELLO_MIN > side->message_length)
			return false;
		hello_is_certain(tls, side, way, field);
		side->step = SESSION;
		side->run = field;
		if (!field)
			keep(side, side->message_left, say);
		return true;
	case CURVE:
		side->curve = field;
		side->run = field >> 24 & 0xff;
		if ((field & 0xff) == NAMED_CURVE && side->run <= POINT_MAX && side->message_left >= side->run + SCHEME_BYTES) {
			side->step = side->run ? POINT : SCHEME;
			return true;
		}
		key_exchange_ends(side, 0, CURVE_BYTES, say);
		return true;
	case SCHEME:
		key_exchange_ends(side, field, CURVE_BYTES + SCHEME_BYTES, say);
		return true;
	}
	return false;
}

/* What is passed over comes to its end. */
static __always_inline void run_ends(struct ct_tls_side *side, struct say *say)
{
	if (side->step == RANDOM)
		side->step = SESSION_LENGTH;
	else if (side->step == POINT)
		side->step = SCHEME;
	else
		keep(side, side->message_left, say);
}

/* The next bytes of a message are copied; `n` of them are there. How many that are. */
static __always_inline __u32 copy(struct ct_tls_side *side, __u64 from, __u32 n, struct say *say)
{
	if (n > side->run)
		n = side->run;
	if (n > PIECE)
		n = PIECE;
	say->what = CT_TLS_MESSAGE;
	say->bits = n == side->run ? side->bits | CT_TLS_LAST : side->bits & CT_TLS_RETRY;
	say->from = from;
	say->len = n;
	say->offset = side->message_length - side->message_left;
	side->copied += n;
	side->run -= n;
	side->message_left -= n;
	return n;
}

/* A message's type, its length, and the version and the random that a hello begins with. */
#define SESSION_AT 38

/*
 * A hello whose first fields lie in one piece, as they mostly do: what else takes a step each is done at once. How many bytes
 * it took; 0: it's none, or not in one piece, and nothing was done.
 */
static __always_inline __u32 hello_at_once(struct ct_tls *tls, struct ct_tls_side *side, __u32 way, __u64 from, __u32 n,
					   struct say *say)
{
	__u64 mark = 0, head = 0;
	__u32 length, version;
	__u8 type, session = 0;

	if (n <= SESSION_AT || bpf_probe_read_user(&head, 6, (void *)from) ||
	    bpf_probe_read_user(&session, 1, (void *)(from + SESSION_AT)))
		return 0;
	type = head;
	length = (head >> 8 & 0xff) << 16 | (head >> 16 & 0xff) << 8 | (head >> 24 & 0xff);
	version = (head >> 32 & 0xff) << 8 | (head >> 40 & 0xff);
	if ((type != CLIENT_HELLO && type != SERVER_HELLO) || length < HELLO_MIN || length > HELLO_MAX || version < 0x0300 ||
	    version > 0x0304 || session > 32 || session + HELLO_MIN > length || n <= SESSION_AT + 1 + session)
		return 0;
	if (type == SERVER_HELLO && bpf_probe_read_user(&mark, sizeof(mark), (void *)(from + 6)))
		return 0;
	side->message = type;
	side->message_length = length;
	side->message_left = length - (SESSION_AT - 3) - session;
	side->version = version;
	side->bits = mark == RETRY_MARK ? CT_TLS_RETRY : 0;
	hello_is_certain(tls, side, way, session);
	keep(side, side->message_left, say);
	return SESSION_AT + 1 + session;
}

/* One step of a handshake message, with at most `n` bytes. */
static __always_inline __u32 message_step(struct ct_tls *tls, struct ct_tls_side *side, __u32 way, __u64 from, __u32 n,
					  struct say *say)
{
	__u32 step = side->step, want = 0, took;

	if (step == MESSAGE && !side->field_have) {
		took = hello_at_once(tls, side, way, from, n, say);
		if (took) {
			if (side->step == KEEP && !say->what)
				took += copy(side, from + took, n - took, say);
			goto out;
		}
	}
	if (step == MESSAGE)
		want = 4;
	else if (step == VERSION || step == SCHEME)
		want = 2;
	else if (step == CURVE)
		want = CURVE_BYTES;
	else if (step == RANDOM_MARK)
		want = 8;
	else if (step == SESSION_LENGTH)
		want = 1;
	if (step != MESSAGE && n > side->message_left)
		n = side->message_left;
	took = n;
	if (step == KEEP) {
		took = copy(side, from, n, say);
		goto out;
	}
	if (want) {
		if (side->field_have >= want)
			return miss(side);
		if (took > want - side->field_have)
			took = want - side->field_have;
		if (!collect(&side->field, &side->field_have, from, took))
			return lose(side, UNREADABLE);
	} else if (step != PASS) {
		if (took > side->run)
			took = side->run;
		side->run -= took;
	}
	if (step != MESSAGE)
		side->message_left -= took;
	if (want && side->field_have >= want) {
		if (step == MESSAGE ? !message_begins(tls, side, say) : !field_ends(tls, side, way, say))
			return miss(side);
	} else if (!want && step != PASS && !side->run) {
		run_ends(side, say);
	}
out:
	if (side->step == KEEP && !side->run)
		side->step = PASS;
	if (side->step != MESSAGE && !side->message_left)
		side->step = MESSAGE;
	side->record_left -= took;
	return took;
}

#endif
