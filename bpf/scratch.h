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
