/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* The kernel and the registers, as far as the probes of functions look into them; see core.h. */
#ifndef CT_API_KERNEL_H
#define CT_API_KERNEL_H

#include "shared.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block___api {
	__u32 s_dev;
};

struct inode___api {
	unsigned long i_ino;
	struct super_block___api *i_sb;
};

struct file___api {
	struct inode___api *f_inode;
};

struct rb_node___api {
	struct rb_node___api *rb_right;
	struct rb_node___api *rb_left;
};

struct rb_root___api {
	struct rb_node___api *rb_node;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct file___api *vm_file;
};

/* before 6.1 */
struct vm_area_struct___tree {
	unsigned long vm_start;
	unsigned long vm_end;
	struct rb_node___api vm_rb;
	struct file___api *vm_file;
};

struct mm_struct___tree {
	struct rb_root___api mm_rb;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs___api {
	unsigned long r14;
	unsigned long r11;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long bx;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long ip;
	unsigned long sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs___api;
struct user_pt_regs___api {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
};
#endif

#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)
#define REGS(ctx) (ctx)
#define IP(regs) ((regs)->ip)
#define SP(regs) ((regs)->sp)
#define RESULT(regs) ((regs)->ax)
#define GOROUTINE(regs) ((regs)->r14)
/* The return address has been taken from the stack. */
#define SP_RETURNED(regs) ((regs)->sp - 8)
#define ARG0(regs) ((regs)->di)
#define ARG1(regs) ((regs)->si)
#define ARG2(regs) ((regs)->dx)
#define ARG3(regs) ((regs)->cx)
#define ARG4(regs) ((regs)->r8)
#define ARG5(regs) ((regs)->r9)
#define GO_ARG0(regs) ((regs)->ax)
#define GO_ARG1(regs) ((regs)->bx)
#define GO_ARG2(regs) ((regs)->cx)
#define GO_ARG3(regs) ((regs)->di)
#define GO_ARG4(regs) ((regs)->si)
#define GO_ARG5(regs) ((regs)->r8)
#elif defined(__TARGET_ARCH_arm64)
#define REGS(ctx) ((struct user_pt_regs___api *)(ctx))
#define IP(r) ((r)->pc)
#define SP(r) ((r)->sp)
#define RESULT(r) ((r)->regs[0])
#define GOROUTINE(r) ((r)->regs[28])
#define SP_RETURNED(r) ((r)->sp)
#define ARG0(r) ((r)->regs[0])
#define ARG1(r) ((r)->regs[1])
#define ARG2(r) ((r)->regs[2])
#define ARG3(r) ((r)->regs[3])
#define ARG4(r) ((r)->regs[4])
#define ARG5(r) ((r)->regs[5])
#define GO_ARG0 ARG0
#define GO_ARG1 ARG1
#define GO_ARG2 ARG2
#define GO_ARG3 ARG3
#define GO_ARG4 ARG4
#define GO_ARG5 ARG5
/* Above this lie pointer authentication codes. */
#define ADDRESS_BITS ((1ULL << 48) - 1)
#endif

/* Whether a session's program runs at a return; from 7.0 on it is asked of a context. */
extern bool bpf_session_is_return___none(void) __ksym __weak;
extern bool bpf_session_is_return___ctx(void *ctx) __ksym __weak;

/* Where the call will return to; 0: not readable. */
static __always_inline __u64 caller_of(struct pt_regs___api *ctx, __u64 frame)
{
#if defined(__TARGET_ARCH_x86)
	__u64 caller = 0;

	bpf_probe_read_user(&caller, sizeof(caller), (void *)frame);
	return caller;
#elif defined(__TARGET_ARCH_arm64)
	return REGS(ctx)->regs[30] & ADDRESS_BITS;
#endif
}

#endif
