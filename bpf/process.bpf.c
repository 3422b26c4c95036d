// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/* The life of processes: threads are left out. Also keeps the table of followed processes. */
#include "walk.h"

#define ARGV_CUT 1
#define ARGV_UNREADABLE 2
#define EXE_CUT 4
#define EXE_UNREADABLE 16
#define KERNEL_THREAD 8

#define PF_KTHREAD 0x00200000
#define SIGNAL_GROUP_EXIT 4
#define ARGV_MAX (CT_PATH_MAX - 1)

static __always_inline int forked(struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid = BPF_CORE_READ(child, tgid), parent_tgid = BPF_CORE_READ(parent, tgid);
	struct ct_process_fork r;
	__u8 one = 1;

	if ((__u32)BPF_CORE_READ(child, pid) != tgid || BPF_CORE_READ(child, flags) & PF_KTHREAD)
		return 0;
	if (config.follow_children && bpf_map_lookup_elem(&pids, &parent_tgid) &&
	    bpf_map_update_elem(&pids, &tgid, &one, BPF_ANY))
		count_loss(CT_FACT_PROCESS_FORK, MAP_FULL);
	if (!wanted(tgid, BPF_CORE_READ(child, real_cred, uid.val)))
		return 0;
	__builtin_memset(&r, 0, sizeof(r));
	fill_header(&r.h, child, CT_PROCESS_FORK, sizeof(r), sizeof(r));
	r.ppid = parent_tgid;
	r.parent_tid = BPF_CORE_READ(parent, pid);
	r.parent_start_ns = start_of(BPF_CORE_READ(parent, group_leader));
	if (bpf_ringbuf_output(&events, &r, sizeof(r), wake()))
		count_loss(CT_FACT_PROCESS_FORK, BUFFER_FULL);
	return 0;
}

static __always_inline int executed(struct task_struct *task, struct linux_binprm *bprm)
{
	__u32 zero = 0, slot = WALK_EXEC, at = sizeof(struct ct_process_exec), len, size, bits = 0;
	__u64 from, exe_len;
	struct task_struct *parent;
	struct ct_exec_scratch *s;
	struct ct_walk *walk;
	struct path exe, root;
	struct file *file;
	unsigned long start, whole;
	struct mm_struct *mm;
	bool cut = false;
	long n;

	if (!wanted(BPF_CORE_READ(task, tgid), BPF_CORE_READ(task, real_cred, uid.val)))
		return 0;
	s = bpf_map_lookup_elem(&exec_scratch, &zero);
	walk = bpf_map_lookup_elem(&walk_scratch, &slot);
	if (!s || !walk) {
		count_loss(CT_FACT_PROCESS_EXEC, UNREADABLE);
		return 0;
	}
	__builtin_memset(&s->record, 0, sizeof(s->record));
	mm = BPF_CORE_READ(task, mm);

	start = BPF_CORE_READ(mm, arg_start);
	whole = BPF_CORE_READ(mm, arg_end) - start;
	len = whole > ARGV_MAX ? ARGV_MAX : whole;
	if (whole > ARGV_MAX)
		bits |= ARGV_CUT;
	asm volatile("%0 &= 4095" : "+r"(len));
	if (bpf_probe_read_user(&s->bytes[at], len, (void *)start)) {
		bits |= ARGV_UNREADABLE;
		len = 0;
	}
	s->record.argv_len = whole;
	s->record.argv.off = at;
	s->record.argv.len = len;
	at += len;
	asm volatile("%0 &= 16383" : "+r"(at));

	n = bpf_probe_read_kernel_str(&s->bytes[at], CT_PATH_MAX - 1, BPF_CORE_READ(bprm, filename));
	if (n > 1) {
		len = (n - 1) & 4095;
		s->record.filename.off = at;
		s->record.filename.len = len;
		at += len;
		asm volatile("%0 &= 16383" : "+r"(at));
	}

	file = BPF_CORE_READ(mm, exe_file);
	if (file && !BPF_CORE_READ_INTO(&exe, file, f_path) && !BPF_CORE_READ_INTO(&root, task, fs, root)) {
		from = walk_path(&exe, &root, WALK_EXEC, &exe_len, &cut);
		bits |= (cut ? EXE_CUT : 0) | (exe_len ? 0 : EXE_UNREADABLE);
		len = exe_len;
		asm volatile("%0 &= 4095" : "+r"(len));
		bpf_probe_read_kernel(&s->bytes[at], len, &walk->text[from]);
		s->record.exe.off = at;
		s->record.exe.len = len;
		at += len;
		asm volatile("%0 &= 16383" : "+r"(at));
	} else {
		bits |= EXE_UNREADABLE;
	}
	__builtin_memset(&s->bytes[at], 0, 8);
	size = (at + 7) & ~7u;
	parent = BPF_CORE_READ(task, real_parent);
	fill_header(&s->record.h, task, CT_PROCESS_EXEC, sizeof(s->record), size);
	s->record.ppid = BPF_CORE_READ(parent, tgid);
	s->record.parent_start_ns = start_of(BPF_CORE_READ(parent, group_leader));
	s->record.bits = bits;
	if (bpf_ringbuf_output(&events, s->bytes, size & 16383, wake()))
		count_loss(CT_FACT_PROCESS_EXEC, BUFFER_FULL);
	return 0;
}

static __always_inline int ended_process(struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct ct_identity identity = {};
	struct ct_process_exit r;
	__u32 tgid = BPF_CORE_READ(task, tgid);
	bool was_wanted;
	__u8 one = 1;
	int code;

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD || BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	identity.tgid = tgid;
	identity.start_ns = start_of(leader);
	was_wanted = wanted(tgid, BPF_CORE_READ(task, real_cred, uid.val));
	if (config.filter_pids)
		bpf_map_delete_elem(&pids, &tgid);
	if (!was_wanted || bpf_map_update_elem(&ended, &identity, &one, BPF_NOEXIST))
		return 0;
	/* As wait(2) has it. */
	code = BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT ? BPF_CORE_READ(task, signal, group_exit_code) :
									BPF_CORE_READ(leader, exit_code);
	__builtin_memset(&r, 0, sizeof(r));
	fill_header(&r.h, task, CT_PROCESS_EXIT, sizeof(r), sizeof(r));
	r.signal = code & 0x7f;
	r.core_dumped = !!(code & 0x80);
	r.exit_code = r.signal ? 0 : (code >> 8) & 0xff;
	if (bpf_ringbuf_output(&events, &r, sizeof(r), wake()))
		count_loss(CT_FACT_PROCESS_EXIT, BUFFER_FULL);
	return 0;
}

/* Two ways in for each, of which the recorder attaches one: by BTF, and by raw tracepoint. */

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fork_btf, struct task_struct *parent, struct task_struct *child)
{
	return forked(parent, child);
}

SEC("?raw_tp/sched_process_fork")
int BPF_PROG(fork_raw, struct task_struct *parent, struct task_struct *child)
{
	return forked(parent, child);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_btf, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return executed(task, bprm);
}

SEC("?raw_tp/sched_process_exec")
int BPF_PROG(exec_raw, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return executed(task, bprm);
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(exit_btf, struct task_struct *task)
{
	return ended_process(task);
}

SEC("?raw_tp/sched_process_exit")
int BPF_PROG(exit_raw, struct task_struct *task)
{
	return ended_process(task);
}
