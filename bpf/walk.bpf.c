// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
#include "walk.h"

/*
 * A global function: the verifier looks at its loop once, and not at the caller's rest for each way out of it. Before
 * 5.12 such a function takes numbers only.
 */
__noinline __u64 walk_up(__u64 from_dentry, __u64 from_mount, __u64 to_dentry, __u64 to_mount, __u32 slot)
{
	struct dentry *dentry = (void *)from_dentry, *root_dentry = (void *)to_dentry;
	struct vfsmount *vfsmount = (void *)from_mount, *root_mount = (void *)to_mount;
	__u64 at = CT_PATH_MAX, cut = CT_WALK_CUT;
	struct ct_walk *walk = bpf_map_lookup_elem(&walk_scratch, &slot);

	if (!walk)
		return 0;
	for (int i = 0; i < CT_WALK_DEPTH; i++) {
		struct dentry *parent;
		__u64 len;

		if (dentry == root_dentry && vfsmount == root_mount) {
			cut = 0;
			break;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (dentry == parent || dentry == BPF_CORE_READ(vfsmount, mnt_root)) {
			struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (mount == above) {
				cut = 0;
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
	return at | cut;
}
