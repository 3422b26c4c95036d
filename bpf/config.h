/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * What the recorder tells the programs before they are loaded. Read-only afterwards: the verifier drops the code of
 * filters that aren't in use.
 */
#ifndef CT_CONFIG_H
#define CT_CONFIG_H

#define CT_MAX_PIDS 16384
#define CT_MAX_FILTER 1024
#define CT_CGROUP_DEPTH 16
#define CT_LOSS_REASONS 8
#define CT_LOSS_SLOTS 128
#define CT_PATH_MAX 4096
#define CT_TAIL_WORDS 4
#define CT_MAX_TAILS 128
#define CT_HEAD_WORDS 16
#define CT_MAX_HEADS 16
#define CT_WALK_DEPTH 64
#define CT_MAX_THREADS 8192
#define CT_MAX_SOCKETS 16384
#define CT_KERNEL_CALLS 8

/* A path matches whose last bytes, masked, are these: the last byte of the path is compared with the last byte here. */
struct ct_tail {
	__u64 mask[CT_TAIL_WORDS];
	__u64 value[CT_TAIL_WORDS];
	/* The path must be at least so long, in bytes. */
	__u64 min;
};

/* A path matches whose absolute form begins with these bytes, masked. */
struct ct_head {
	__u64 mask[CT_HEAD_WORDS];
	__u64 value[CT_HEAD_WORDS];
};

struct ct_config {
	/* The recorder: never recorded. */
	__u32 own_tgid;
	/* The reader is woken when so many bytes wait for it. */
	__u32 wake_bytes;
	__u32 filter_pids;
	__u32 filter_uids;
	__u32 filter_cgroups;
	__u32 follow_children;
	/* How many of the following are in use. */
	__u32 tails;
	__u32 heads;
	/* A bit for each pair of last bytes (the last one is the low byte) with which a path can match. */
	__u64 gate[1024];
	struct ct_tail tail[CT_MAX_TAILS];
	struct ct_head head[CT_MAX_HEADS];
};

#endif
