/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * Whose call it is: the family of the file from which it was made. The same file's text is known from the site; the others
 * are found among the process's mappings.
 */
#ifndef CT_API_CALLER_H
#define CT_API_CALLER_H

#include "api_kernel.h"
#include "api_tables.h"

#define EBUSY 16

/* Mapped from no file: a compiler's code, or the kernel's trampoline, which stands where a return probe is awaited. */
#define NO_FILE 0xffffffff
/* The mappings were being changed each time they were to be looked through. */
#define NOT_KNOWN 0xfffffffe

/* The number doesn't matter: whether the kernel has one of this name does (5.17). */
enum bpf_func_id___api { BPF_FUNC_find_vma___api = 180 };

static __always_inline bool own_text(const struct ct_api_site *site, __u64 ip, __u64 caller)
{
	__u64 base = ip - site->address;

	return caller - base - site->text_from < site->text_to - site->text_from;
}

/* Of a file that is mapped this is the real one: not what a file system that lies over others shows for it. */
static __always_inline void identify(struct ct_api_file *key, struct file___api *file)
{
	struct inode___api *inode = BPF_CORE_READ(file, f_inode);

	key->ino = BPF_CORE_READ(inode, i_ino);
	key->dev = BPF_CORE_READ(inode, i_sb, s_dev);
}

static __always_inline __u32 family_of_file(struct file___api *file)
{
	struct ct_api_file key = {};
	__u32 *family;

	if (!file)
		return NO_FILE;
	identify(&key, file);
	family = bpf_map_lookup_elem(&api_files, &key);
	return family ? *family : 0;
}

static long family_of_mapping(struct task_struct *task, struct vm_area_struct *vma, void *family)
{
	*(__u32 *)family = family_of_file(BPF_CORE_READ(vma, vm_file));
	return 0;
}

/* The tree of mappings of kernels before 6.1, read without its lock: what changes meanwhile is not found, and 0. */
static __always_inline struct vm_area_struct___tree *mapping_in_tree(__u64 address)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct mm_struct___tree *mm = (void *)BPF_CORE_READ(task, mm);
	struct rb_node___api *node;

	if (!bpf_core_field_exists(mm->mm_rb))
		return 0;
	node = BPF_CORE_READ(mm, mm_rb.rb_node);
	for (int i = 0; i < 32 && node; i++) {
		struct vm_area_struct___tree *vma =
			(void *)((char *)node - bpf_core_field_offset(struct vm_area_struct___tree, vm_rb));

		if (address < BPF_CORE_READ(vma, vm_start))
			node = BPF_CORE_READ(node, rb_left);
		else if (address < BPF_CORE_READ(vma, vm_end))
			return vma;
		else
			node = BPF_CORE_READ(node, rb_right);
	}
	return 0;
}

/* With a stack of its own: that of who asks is full. */
__noinline __u32 family_in_tree(__u64 address)
{
	struct vm_area_struct___tree *vma = mapping_in_tree(address);

	return vma ? family_of_file(BPF_CORE_READ(vma, vm_file)) : 0;
}

/* The family of the file that this address is mapped from; 0: none that is known. */
__noinline __u32 family_at(__u64 address)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct mm_struct___tree *mm = 0;
	struct ct_api_page page = {};
	__u32 family = 0, *known;

	if (bpf_core_field_exists(mm->mm_rb))
		return family_in_tree(address);
	if (!bpf_core_enum_value_exists(enum bpf_func_id___api, BPF_FUNC_find_vma___api))
		return 0;
	page.mm = (__u64)BPF_CORE_READ(task, mm);
	page.page = address >> 12;
	known = bpf_map_lookup_elem(&api_pages, &page);
	for (int i = 0; i < 4; i++) {
		/* It doesn't wait for who changes the mappings. */
		if (bpf_find_vma(bpf_get_current_task_btf(), address, family_of_mapping, &family, 0) != -EBUSY) {
			if (!known || *known != family)
				bpf_map_update_elem(&api_pages, &page, &family, BPF_ANY);
			return family;
		}
	}
	return known ? *known : NOT_KNOWN;
}

#endif
