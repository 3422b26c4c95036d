/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * The arguments of a system call when it returns, from the registers that the kernel saved when it was entered.
 *
 * bpf_task_pt_regs came with 5.15. The tracepoints of system calls pass 32-bit programs over by themselves; where the
 * raw tracepoint is used, in_compat_call() tells them: they number their calls differently.
 */
#ifndef CT_SYSCALL_H
#define CT_SYSCALL_H

#include "shared.h"

/* What the exit tracepoint of a system call hands over. */
struct sys_exit {
	__u64 common;
	__s32 nr;
	/* The kernel leaves anything here. */
	__u32 padding;
	__s64 result;
};

#define CURRENT_REGS ((struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()))

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 2
#define ARG1(regs) BPF_CORE_READ(regs, di)
#define ARG2(regs) BPF_CORE_READ(regs, si)
#define ARG3(regs) BPF_CORE_READ(regs, dx)
#define ARG4(regs) BPF_CORE_READ(regs, r10)
#define ARG5(regs) BPF_CORE_READ(regs, r8)
#define CALL_NR(regs) BPF_CORE_READ(regs, orig_ax)

static __always_inline bool in_compat_call(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}
#elif defined(__TARGET_ARCH_arm64)
#define ARG1(regs) BPF_CORE_READ((struct pt_regs___ct *)(regs), orig_x0)
#define ARG2(regs) BPF_CORE_READ((struct user_pt_regs *)(regs), regs[1])
#define ARG3(regs) BPF_CORE_READ((struct user_pt_regs *)(regs), regs[2])
#define ARG4(regs) BPF_CORE_READ((struct user_pt_regs *)(regs), regs[3])
#define ARG5(regs) BPF_CORE_READ((struct user_pt_regs *)(regs), regs[4])
#define CALL_NR(regs) BPF_CORE_READ((struct pt_regs___ct *)(regs), syscallno)

/* TIF_32BIT of arch/arm64/include/asm/thread_info.h. */
#define TIF_32BIT_BIT (1ULL << 22)

static __always_inline bool in_compat_call(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread_info.flags) & TIF_32BIT_BIT;
}
#endif

#endif
