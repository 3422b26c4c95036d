// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/*
 * Follows the TLS records of one direction of a connection, byte by byte where it must be: a header may come in one call and
 * its body in others, a message in several records, several records in one call.
 *
 * What is copied: of a hello all but its random and its session id, which are not read (of a server's random, eight bytes
 * are compared here with those that name a HelloRetryRequest); certificates (TLS 1.2); of ServerKeyExchange
 * four bytes, and the two behind its public point; two bytes of an alert. At most COPY_MAX bytes per direction, and nothing before the beginning of a hello was recognized, and
 * of a record behind a ChangeCipherSpec its header alone, unless that is in clear: an alert of two bytes, or what follows a
 * HelloRetryRequest.
 */
#include "tls.h"
#include "tls_tell.h"

#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define PF_KTHREAD 0x200000

#define COPY_MAX 16384
/* Calls in one direction that were no beginning of a hello; leaves room for STARTTLS. */
#define MISSES 16
/* Steps that one buffer may take, and buffers of one call. */
#define STEPS 96
#define VECTORS 64

#define RECORD_HEADER 5
#define RECORD_MAX 16640
#define CHANGE_CIPHER_SPEC 20
#define ALERT 21
#define HANDSHAKE 22
#define APPLICATION_DATA 23

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
	if (side->state >= GAVE_UP)
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
