/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* What becomes of a call: a record of its own, one more of a count, or a try that is told when it is known how it ended. */
#ifndef CT_API_OUTCOME_H
#define CT_API_OUTCOME_H

#include "api_tables.h"

/* Everything but the strings. */
static __always_inline void fill(struct ct_api_call *r, const struct ct_api_site *site, const struct ct_api_open *open,
				 __s64 result, __u32 size)
{
	fill_header(&r->h, (void *)bpf_get_current_task(), CT_API_CALL, sizeof(*r), size);
	r->function = site->function;
	r->library = site->library;
	r->entered_ns = open->entered_ns;
	r->result = result;
	r->bits = open->bits | (open->unread ? ARGUMENT_UNREADABLE : 0);
	r->tries = open->tries;
	r->object = open->object;
	r->parent = open->parent;
	r->n0 = open->number[0];
	r->n1 = open->number[1];
	r->n2 = open->number[2];
	r->n3 = open->number[3];
}

/* Hands over the record of a call. */
__noinline int tell(__u32 index, __u64 who, __u64 frame, __u64 result)
{
	struct ct_api_call_key key = { .who = who, .frame = frame };
	struct ct_api_site *site = bpf_map_lookup_elem(&api_sites, &index);
	struct ct_api_open *open = bpf_map_lookup_elem(&api_calls, &key);
	struct ct_api_text *text = 0;
	long failed;

	if (!site || !open)
		return 0;
	if (site->strings)
		text = bpf_map_lookup_elem(&api_texts, &key);
	if (text) {
		__u64 strings = site->strings, size;

		if (strings > CT_API_STRINGS)
			strings = CT_API_STRINGS;
		asm volatile("" : "+r"(strings));
		size = sizeof(struct ct_api_call) + strings * CT_API_STRING;
		fill(&text->record, site, open, result, size);
		failed = bpf_ringbuf_output(&events, text, size, wake());
		bpf_map_delete_elem(&api_texts, &key);
	} else {
		struct ct_api_call r;

		__builtin_memset(&r, 0, sizeof(r));
		fill(&r, site, open, result, sizeof(r));
		/* There was no room for its strings. */
		if (site->strings)
			r.bits |= ARGUMENT_UNREADABLE;
		failed = bpf_ringbuf_output(&events, &r, sizeof(r), wake());
	}
	if (failed)
		count_loss(CT_FACT_API_CALL, BUFFER_FULL);
	return 0;
}

/* Counts a call; those that failed by themselves. */
__noinline int count(__u32 index, __u64 who, __u64 frame, __u32 failed)
{
	struct ct_api_call_key open_key = { .who = who, .frame = frame };
	struct ct_api_site *site = bpf_map_lookup_elem(&api_sites, &index);
	struct ct_api_open *open = bpf_map_lookup_elem(&api_calls, &open_key);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct ct_api_count_key key = {};
	struct ct_api_counted *counted, first = {};
	__u64 ids, now = bpf_ktime_get_boot_ns();

	if (!site || !open || (open->unread && site->flags & CT_SITE_READABLE))
		return 0;
	key.start_ns = start_of(BPF_CORE_READ(task, group_leader));
	ids = bpf_get_current_pid_tgid();
	key.tgid = ids >> 32;
	key.function = site->function;
	key.library = site->library;
	key.bits = (failed ? FAILED : 0) | (open->unread ? ARGUMENT_UNREADABLE : 0);
	/* A function that tells nothing by its result can't fail. */
	if (site->success != CT_SUCCESS_NONE)
		key.bits |= open->bits & RESULT_UNKNOWN;
	key.n0 = open->number[0];
	key.n1 = open->number[1];
	counted = bpf_map_lookup_elem(&api_counts, &key);
	if (!counted) {
		first.count = 1;
		first.from_ns = now;
		first.to_ns = now;
		first.cgroup = bpf_get_current_cgroup_id();
		first.tid = ids;
		ids = bpf_get_current_uid_gid();
		first.uid = ids;
		first.gid = ids >> 32;
		bpf_probe_read_kernel_str(first.comm, sizeof(first.comm), BPF_CORE_READ(task, group_leader)->comm);
		/* Where it fails, another thread was faster, or holds a lock, or there is no room. */
		for (int i = 0; i < 4 && !counted; i++) {
			if (!bpf_map_update_elem(&api_counts, &key, &first, BPF_NOEXIST))
				return 0;
			counted = bpf_map_lookup_elem(&api_counts, &key);
		}
		if (!counted) {
			count_loss(CT_FACT_API_CALL, MAP_FULL);
			return 0;
		}
	}
	__sync_fetch_and_add(&counted->count, 1);
	counted->to_ns = now;
	return 0;
}

/* What was tried of this object has failed for good. */
__noinline int give_up(__u32 tgid, __u64 object)
{
	struct ct_api_object key = { .tgid = tgid, .object = object };
	struct ct_api_call *tried = bpf_map_lookup_elem(&api_tries, &key);

	if (!tried)
		return 0;
	tried->h.time_ns = bpf_ktime_get_boot_ns();
	/* Where no return is seen, the first try was told of when it was entered. */
	if (!(tried->bits & RESULT_UNKNOWN) && bpf_ringbuf_output(&events, tried, sizeof(*tried), wake()))
		count_loss(CT_FACT_API_CALL, BUFFER_FULL);
	bpf_map_delete_elem(&api_tries, &key);
	return 0;
}

/* One more try that did not succeed, or of which that isn't known. */
__noinline int remember(__u32 index, __u64 who, __u64 frame, __u64 result)
{
	struct ct_api_call_key key = { .who = who, .frame = frame };
	struct ct_api_site *site = bpf_map_lookup_elem(&api_sites, &index);
	struct ct_api_open *open = bpf_map_lookup_elem(&api_calls, &key);
	struct ct_api_object object = {};
	struct ct_api_call *tried, first;

	if (!site || !open)
		return 0;
	object.tgid = who >> 32;
	object.object = open->object;
	tried = bpf_map_lookup_elem(&api_tries, &object);
	if (tried) {
		tried->tries++;
		tried->result = result;
		tried->h.time_ns = bpf_ktime_get_boot_ns();
		return 0;
	}
	__builtin_memset(&first, 0, sizeof(first));
	fill(&first, site, open, result, sizeof(first));
	if (bpf_map_update_elem(&api_tries, &object, &first, BPF_ANY))
		count_loss(CT_FACT_API_CALL, MAP_FULL);
	return 0;
}

#endif
