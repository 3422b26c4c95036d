/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * What all programs share: configuration, filters, the common header, and the way to the reader.
 *
 * Nothing is dropped in silence: whoever can't deliver a record calls count_loss().
 */
#ifndef CT_SHARED_H
#define CT_SHARED_H

#include "core.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "wire.h"
#include "config.h"
#include "scratch.h"

/*
 * Maps stand where they are described, and nowhere else. For the programs they are extern; maps.bpf.c makes them of the same
 * lines. It is one object, alone: where an object has maps of its own, libbpf's linker takes its extern maps for definitions.
 */
#ifndef CT_MAP
#define CT_MAP extern
#endif

/* In a section of its own, so that it is found at the start of a map. */
CT_MAP const volatile struct ct_config config SEC(".rodata.config");

/* Records on their way to the recorder. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* What could not be delivered, by fact and reason; added up by the recorder. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CT_LOSS_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

/* The processes that --pid chose, and their children where those are followed. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_MAX_PIDS);
	__type(key, __u32);
	__type(value, __u8);
} pids SEC(".maps");

CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_MAX_FILTER);
	__type(key, __u32);
	__type(value, __u8);
} uids SEC(".maps");

CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_MAX_FILTER);
	__type(key, __u64);
	__type(value, __u8);
} cgroups SEC(".maps");

CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_open_scratch);
} open_scratch SEC(".maps");

CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_exec_scratch);
} exec_scratch SEC(".maps");

CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct ct_walk);
} walk_scratch SEC(".maps");

/* One for each direction. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct ct_tls_scratch);
} tls_scratch SEC(".maps");

/* TCP connections, by the address of their struct sock. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_MAX_SOCKETS);
	__type(key, __u64);
	__type(value, struct ct_tls);
} tls_sockets SEC(".maps");

/* One for each call: with fexit each has a program of its own, and where programs can be preempted another may run in between. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CT_KERNEL_CALLS);
	__type(key, __u32);
	__type(value, struct ct_kernel_crypto_scratch);
} kernel_crypto_scratch SEC(".maps");

/* Processes that ended of late: two last threads may both find that they were the last. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct ct_identity);
	__type(value, __u8);
} ended SEC(".maps");

/*
 * The object (its address in the process) that a thread is shaking hands for: written where a library's function is entered,
 * removed where it returns, read where the handshake's bytes pass. By pid_tgid.
 */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_MAX_THREADS);
	__type(key, __u64);
	__type(value, __u64);
} inside SEC(".maps");

static __always_inline void count_loss(enum ct_fact fact, enum ct_loss reason)
{
	__u32 slot = fact * CT_LOSS_REASONS + reason;
	__u64 *count = bpf_map_lookup_elem(&losses, &slot);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* The cgroup of the current process, or one that it lies in, is one of those asked for. */
static __always_inline bool cgroup_wanted(void)
{
	__u64 id = bpf_get_current_cgroup_id();

	if (bpf_map_lookup_elem(&cgroups, &id))
		return true;
	for (int level = 1; level < CT_CGROUP_DEPTH; level++) {
		id = bpf_get_current_ancestor_cgroup_id(level);
		if (!id)
			return false;
		if (bpf_map_lookup_elem(&cgroups, &id))
			return true;
	}
	return false;
}

/* Whether the filters let the process through; uid is the real one. */
static __always_inline bool wanted(__u32 tgid, __u32 uid)
{
	if (tgid == config.own_tgid)
		return false;
	if (config.filter_pids && !bpf_map_lookup_elem(&pids, &tgid))
		return false;
	if (config.filter_uids && !bpf_map_lookup_elem(&uids, &uid))
		return false;
	if (config.filter_cgroups && !cgroup_wanted())
		return false;
	return true;
}

static __always_inline __u64 start_of(struct task_struct *leader)
{
	if (bpf_core_field_exists(leader->start_boottime))
		return BPF_CORE_READ(leader, start_boottime);
	return BPF_CORE_READ((struct task_struct___old *)leader, real_start_time);
}

/* CLOCK_BOOTTIME where there is a helper for it (5.8), which is wherever there is a ring buffer. */
static __always_inline void fill_header(struct ct_header *h, struct task_struct *task, __u16 kind, __u8 fixed, __u32 size)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	h->kind = kind;
	h->version = 1;
	h->fixed = fixed / 8;
	h->size = size;
	h->time_ns = bpf_ktime_get_boot_ns();
	h->tgid = BPF_CORE_READ(task, tgid);
	h->tid = BPF_CORE_READ(task, pid);
	h->uid = BPF_CORE_READ(task, real_cred, uid.val);
	h->gid = BPF_CORE_READ(task, real_cred, gid.val);
	h->start_ns = start_of(leader);
	h->cgroup = bpf_get_current_cgroup_id();
	/* The kernel leaves the end of an earlier, longer name behind the NUL. */
	__builtin_memset(h->comm, 0, sizeof(h->comm));
	bpf_probe_read_kernel_str(h->comm, sizeof(h->comm), leader->comm);
}

/* Wakes the reader only when much is waiting; else it looks by itself, at least as often as blocks are flushed. */
static __always_inline __u64 wake(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= config.wake_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

#endif
