/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * From a dentry up to the process's root: the absolute path as the process sees it, written backwards into a buffer.
 * bpf_d_path would do the same, but only in a few programs.
 */
#ifndef CT_WALK_H
#define CT_WALK_H

#include "shared.h"

/*
 * Returns where the path begins; *cut: its beginning is missing, since it is deeper or longer than this goes. It ends
 * before walk->text + CT_PATH_MAX and is never empty.
 */
static __always_inline __u64 walk_up(struct ct_walk *walk, struct path *from, struct path *root, bool *cut)
{
	struct dentry *dentry = from->dentry, *root_dentry = root->dentry;
	struct vfsmount *vfsmount = from->mnt, *root_mount = root->mnt;
	__u64 at = CT_PATH_MAX;

	*cut = true;
	for (int i = 0; i < CT_WALK_DEPTH; i++) {
		struct dentry *parent;
		__u64 len;

		if (dentry == root_dentry && vfsmount == root_mount) {
			*cut = false;
			break;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (dentry == parent || dentry == BPF_CORE_READ(vfsmount, mnt_root)) {
			struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (mount == above) {
				*cut = false;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			vfsmount = (void *)above + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		len = BPF_CORE_READ(dentry, d_name.len);
		if (len > 255 || len + 2 > at)
			break;
		at -= len + 1;
		asm volatile("%0 &= 4095" : "+r"(at));
		asm volatile("%0 &= 255" : "+r"(len));
		walk->text[at] = '/';
		if (bpf_probe_read_kernel(&walk->text[at + 1], len, BPF_CORE_READ(dentry, d_name.name))) {
			/* Gone meanwhile: what stands behind it is right. */
			at += len + 1;
			break;
		}
		dentry = parent;
	}
	if (at >= CT_PATH_MAX) {
		at = CT_PATH_MAX - 1;
		walk->text[at] = '/';
	}
	return at;
}

#endif
