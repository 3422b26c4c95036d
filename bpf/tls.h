/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * The way from the bytes of a TCP connection to pieces of TLS handshake messages for the recorder.
 *
 * The functions are global ones: the verifier looks at each of them once, and not at its caller's rest for each way out of
 * it. Before 5.12 such functions take numbers only. `key` is the address of the struct sock, `way` one of the following.
 */
#ifndef CT_TLS_H
#define CT_TLS_H

#include "shared.h"

#define WAY_SENT 0
#define WAY_RECEIVED 1

/* States of a direction. */
enum tls_state {
	/* No hello was seen. */
	LOOKING,
	/* A hello was seen, and what is here is in clear. */
	FOLLOWING,
	/* Too much was seen that is no hello: of a call its first bytes are looked at, and no more. */
	GAVE_UP,
	/* All was seen that there is to see. */
	DONE,
};

/* Whether it is a TCP connection that is not the kernel's own. */
__u32 tls_is_tcp(__u64 key);

/* A connection that was not seen before. Returns 0 where there is no room for it. */
__u32 tls_begins(__u64 key);

/* Follows bytes in the current process's memory. Returns 0 where the rest of the call is of no interest. */
__u32 tls_buffer(__u64 key, __u32 way, __u64 from, __u64 len);

/* Likewise, for `count` struct iovec, which hold `len` bytes. */
__u32 tls_vector(__u64 key, __u32 way, __u64 vector, __u64 count, __u64 len);

/* A call moved bytes that can't be looked at. */
__u32 tls_unseen(__u64 key, __u32 way);

#endif
