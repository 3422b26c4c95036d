/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * From a dentry up to the process's root: the absolute path as the process sees it, written backwards into a buffer.
 * bpf_d_path would do the same, but only in a few programs.
 */
#ifndef CT_WALK_H
#define CT_WALK_H

#include "shared.h"

/* Each program has a buffer of its own: where programs can be preempted, another may walk in between. */
#define WALK_OPEN 0
#define WALK_EXEC 1

/* The path's beginning is missing, since it is deeper or longer than the walk goes. */
#define CT_WALK_CUT (1ULL << 32)

/*
 * Returns where in walk_scratch the path begins, with CT_WALK_CUT where it is cut; 0: no buffer. The path ends before
 * text + CT_PATH_MAX and is never empty.
 */
__u64 walk_up(__u64 from_dentry, __u64 from_mount, __u64 to_dentry, __u64 to_mount, __u32 slot);

/* Walks from `from` to `root`; *len: the path's length. */
static __always_inline __u64 walk_path(struct path *from, struct path *root, __u32 slot, __u64 *len, bool *cut)
{
	__u64 at = walk_up((__u64)from->dentry, (__u64)from->mnt, (__u64)root->dentry, (__u64)root->mnt, slot);

	*cut = at & CT_WALK_CUT;
	asm volatile("%0 &= 4095" : "+r"(at));
	*len = CT_PATH_MAX - at;
	asm volatile("%0 &= 4095" : "+r"(*len));
	return at;
}

#endif
