/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* Where records are put together: larger than a program's stack. One per processor, in a map. */
#ifndef CT_SCRATCH_H
#define CT_SCRATCH_H

#include "config.h"
#include "wire.h"

struct ct_walk {
	/* The path stands at the end, before text + CT_PATH_MAX; the rest is room for the longest name. */
	char text[CT_PATH_MAX + 256];
};

struct ct_open_scratch {
	union {
		struct ct_file_open record;
		char bytes[3 * CT_PATH_MAX];
	};
};

struct ct_exec_scratch {
	union {
		struct ct_process_exec record;
		char bytes[5 * CT_PATH_MAX];
	};
};

struct ct_tls_scratch {
	union {
		struct ct_tls_part part;
		char bytes[3 * CT_PATH_MAX];
	};
};

/* One direction of a TCP connection: how far its bytes were followed. */
struct ct_tls_side {
	/* Bytes of what is being collected, the first one lowest. */
	__u64 head;
	__u64 field;
	/* Left of the TLS record, of the handshake message, and of what is passed over or kept of it. */
	__u32 record_left;
	__u32 message_left;
	__u32 run;
	__u32 message_length;
	/* Copied for the recorder so far. */
	__u32 copied;
	__u16 version;
	__u8 state;
	__u8 step;
	__u8 head_have;
	__u8 field_have;
	__u8 content;
	__u8 message;
	__u8 session;
	__u8 bits;
	__u8 misses;
	/* A ChangeCipherSpec after a HelloRetryRequest was passed over. */
	__u8 ccs_passed;
	/* The last record was a ChangeCipherSpec that may mean something: the next one tells. */
	__u8 after_ccs;
	__u8 reserved[3];
	/* The first four bytes of a ServerKeyExchange. */
	__u32 curve;
};

/* What is known of a TCP connection. */
struct ct_tls {
	__u64 since;
	struct ct_tls_side side[2];
	/* Bits of directions: a hello was seen, what follows is encrypted. */
	__u8 hello;
	__u8 encrypted;
	/* A HelloRetryRequest was seen. */
	__u8 retry;
	__u8 reserved[5];
};

struct ct_kernel_crypto_scratch {
	union {
		struct ct_kernel_crypto record;
		char bytes[2 * CT_PATH_MAX];
	};
};

/* Names a process for ever. */
struct ct_identity {
	__u64 start_ns;
	__u64 tgid;
};

#endif
