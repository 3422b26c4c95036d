// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/*
 * Calls of libraries' functions: one program where a call enters, one where it returns, for all functions of the
 * catalogue; which function it is, the table of sites tells.
 *
 * Counts are true:
 *  - A call from the same file, or from a file of the same family, is none of the program's; in Go, one from the same
 *    package.
 *  - Functions that jump into each other as their last act share stack and return address: one call.
 *  - A call that will be tried again is one call, with the number of tries; it is told when it succeeds, or when its
 *    object is gone.
 *  - Counts of calls that succeeded and of those that failed are kept apart.
 *
 * Nothing is read but what the site's sources say: numbers of at most 8 bytes, and strings up to 255.
 */
#include "api_kernel.h"
#include "api_tables.h"
#include "api_values.h"
#include "api_caller.h"
#include "api_outcome.h"

/* Whether the call is one of those that the site asks for. */
static __always_inline bool only_wanted(const struct ct_api_site *site, const struct ct_api_open *open)
{
	__s32 value = open->arg[site->only_arg & 7];
	bool found = !site->only_count;

	for (__u32 i = 0; i < CT_API_ONLY; i++)
		found |= i < site->only_count && site->only[i] == value;
	return found;
}

/*
 * Since 6.13 programs of this type keep their stacks in memory of the processor, one for each program, and where a kernel
 * preempts tasks, two calls of one program would write over each other's. A program that may call another as its last act
 * gets no such stack. This one never does, as the verifier sees: it drops the call, whatever it thinks of its arguments.
 */
static __always_inline void own_stack(void *ctx)
{
	__u64 never;

	asm volatile("%0 = 0" : "=r"(never));
	if (never)
		bpf_tail_call(ctx, 0, 0);
}

/*
 * What a program says at a function's entry: that its return is of interest, or that it isn't, which is heard where one
 * program is there for both.
 */
#define AWAIT 0
#define PASS_OVER 1

static __always_inline int enter(struct pt_regs___api *ctx, __u32 index, const bool tree, const bool session)
{
	struct ct_api_site *site = bpf_map_lookup_elem(&api_sites, &index);
	__u64 ids = bpf_get_current_pid_tgid(), object;
	struct ct_api_call_key key = {};
	struct ct_api_open *earlier, *made, open;
	__u32 tgid = ids >> 32, zero = 0, flags;
	bool go, last_act;

	own_stack(ctx);
	if (!site || !wanted(tgid, bpf_get_current_uid_gid()))
		return PASS_OVER;
	flags = site->flags;
	go = flags & CT_SITE_GO;
	__builtin_memset(&open, 0, sizeof(open));
	if (go) {
		open.arg[0] = GO_ARG0(REGS(ctx));
		open.arg[1] = GO_ARG1(REGS(ctx));
		open.arg[2] = GO_ARG2(REGS(ctx));
		open.arg[3] = GO_ARG3(REGS(ctx));
		open.arg[4] = GO_ARG4(REGS(ctx));
		open.arg[5] = GO_ARG5(REGS(ctx));
		/* A goroutine runs now on this thread, now on that; its address is that of an object, where no stack can stand. */
		key.who = (__u64)tgid << 32;
		key.frame = GOROUTINE(REGS(ctx)) + site->function;
		if (flags & (CT_SITE_PROGRAM | CT_SITE_OTHERS))
			open.caller = caller_of(ctx, SP(REGS(ctx)) + site->sp_delta);
	} else {
		open.arg[0] = ARG0(REGS(ctx));
		open.arg[1] = ARG1(REGS(ctx));
		open.arg[2] = ARG2(REGS(ctx));
		open.arg[3] = ARG3(REGS(ctx));
		open.arg[4] = ARG4(REGS(ctx));
		open.arg[5] = ARG5(REGS(ctx));
		key.who = ids;
		key.frame = SP(REGS(ctx)) + site->sp_delta;
		open.caller = caller_of(ctx, key.frame);
	}
	earlier = bpf_map_lookup_elem(&api_calls, &key);
	if (open.caller) {
		__u32 family = site->family;
		bool own = own_text(site, IP(REGS(ctx)), open.caller);

		/* Go's packages are all in one file: whose call it is, the text of the function's own package tells. */
		if (go && !own)
			family = 0;
		else if (!own)
			family = tree ? family_in_tree(open.caller) : family_at(open.caller);
		/* Whether it is the program's is not known: better no call than a false one, and it is said. */
		if (family == NOT_KNOWN) {
			count_loss(CT_FACT_API_CALL, MISSED);
			return PASS_OVER;
		}
		/* The last act of a function of another group, whose return is awaited: that one keeps its place. */
		last_act = family == NO_FILE && earlier && earlier->site != index &&
			   (!site->group || earlier->group != site->group);
		if (last_act)
			family = site->family;
		if (family == site->family) {
			open.bits = INTERNAL;
			if (flags & CT_SITE_PROGRAM || (own && flags & CT_SITE_OTHERS))
				open.bits |= HIDDEN;
		}
		if (last_act && open.bits & HIDDEN)
			return 0;
	}
	/* Whose return nobody awaits leaves no trampoline to take for a program. */
	if (open.bits & HIDDEN && (session || !(flags & CT_SITE_RETURNS)))
		return PASS_OVER;
	open.site = index;
	open.group = site->group;
	open.rank = site->rank;
	open.unread = site->unread;
	open.tries = 1;
	if (!(flags & CT_SITE_RETURNS))
		open.bits |= RESULT_UNKNOWN;
	open.entered_ns = bpf_ktime_get_boot_ns();
	if (site->group) {
		/*
		 * Where the first has a return probe too, the second sees the kernel's trampoline as its caller. What nobody sees
		 * return stays in the table: there, the order in which aliases call each other tells.
		 */
		if (earlier && earlier->group == site->group &&
		    (flags & CT_SITE_RETURNS ? earlier->site != index :
					       earlier->caller == open.caller && site->rank > earlier->rank)) {
			earlier->rank = site->rank;
			return AWAIT;
		}
	}
	/* The arguments as an array are read from the table: the verifier doesn't know which it will be. */
	/* Since 7.0 an update may fail, since another processor holds the lock: it is free again soon. */
	if (bpf_map_update_elem(&api_calls, &key, &open, BPF_ANY) && bpf_map_update_elem(&api_calls, &key, &open, BPF_ANY) &&
	    bpf_map_update_elem(&api_calls, &key, &open, BPF_ANY) && bpf_map_update_elem(&api_calls, &key, &open, BPF_ANY))
		goto full;
	if (open.bits & HIDDEN)
		return AWAIT;
	made = bpf_map_lookup_elem(&api_calls, &key);
	if (!made)
		goto full;
	if (!only_wanted(site, made)) {
		bpf_map_delete_elem(&api_calls, &key);
		return PASS_OVER;
	}
	if (site->strings) {
		void *nothing = bpf_map_lookup_elem(&api_no_text, &zero);

		if (nothing)
			bpf_map_update_elem(&api_texts, &key, nothing, BPF_ANY);
	}
	gather(index, key.who, key.frame, 0, 0);
	object = made->object;
	/* What the library does within a handshake is about that connection. */
	if (open.bits & INTERNAL && !made->parent && !go) {
		__u64 *during = bpf_map_lookup_elem(&inside, &ids);

		if (during && *during != object)
			made->parent = *during;
	}
	if (flags & CT_SITE_ENDS && object)
		give_up(tgid, object);
	if (!(flags & CT_SITE_RETURNS)) {
		struct ct_api_object tried = { .tgid = tgid, .object = object };
		bool again = site->retry != CT_RETRY_NONE && object;

		if (flags & CT_SITE_COUNT)
			count(index, key.who, key.frame, 0);
		else if (!again || !bpf_map_lookup_elem(&api_tries, &tried))
			tell(index, key.who, key.frame, 0);
		if (again)
			remember(index, key.who, key.frame, 0);
		/* Only so that its aliases are known for what they are does it stay. */
		if (!site->group)
			bpf_map_delete_elem(&api_calls, &key);
		return PASS_OVER;
	}
	if (flags & CT_SITE_HANDSHAKE && object && !go)
		bpf_map_update_elem(&inside, &ids, &object, BPF_ANY);
	return AWAIT;
full:
	count_loss(CT_FACT_API_CALL, MAP_FULL);
	return PASS_OVER;
}

/* What a result says. Of a pointer only whether it is one: an address is nothing for a capture. */
static __always_inline bool succeeded(__u8 rule, __u64 raw, __s64 *result)
{
	__s32 value = raw;

	*result = value;
	if (rule == CT_SUCCESS_ONE)
		return value == 1;
	if (rule == CT_SUCCESS_POSITIVE)
		return value > 0;
	if (rule == CT_SUCCESS_ZERO)
		return value == 0;
	if (rule == CT_SUCCESS_NOT_NEGATIVE)
		return value >= 0;
	*result = !!raw;
	if (rule == CT_SUCCESS_POINTER)
		return raw;
	if (rule == CT_SUCCESS_NIL)
		return !raw;
	*result = 0;
	return true;
}

static __always_inline bool tried_again(__u8 rule, __s64 result)
{
	if (rule == CT_RETRY_FAILURE)
		return true;
	if (rule == CT_RETRY_GNUTLS)
		return result == -28 || result == -52;
	if (rule == CT_RETRY_MBEDTLS)
		return result == -0x6900 || result == -0x6880;
	return false;
}

static __always_inline int leave(struct pt_regs___api *ctx, __u32 index, const bool instruction)
{
	struct ct_api_site *left = bpf_map_lookup_elem(&api_sites, &index), *site;
	__u64 ids = bpf_get_current_pid_tgid(), raw = RESULT(REGS(ctx));
	struct ct_api_call_key key = {};
	struct ct_api_object object = {};
	struct ct_api_open *open;
	struct ct_api_call *tried;
	__u32 of, flags;
	__s64 result;
	bool success;

	own_stack(ctx);
	if (!left)
		return 0;
	if (instruction) {
		key.who = ids >> 32 << 32;
		key.frame = GOROUTINE(REGS(ctx)) + left->function;
	} else {
		key.who = ids;
		key.frame = SP_RETURNED(REGS(ctx));
	}
	open = bpf_map_lookup_elem(&api_calls, &key);
	if (!open)
		return 0;
	of = open->site;
	site = bpf_map_lookup_elem(&api_sites, &of);
	/* What is left is neither this function nor an alias of it: an abandoned call stood here. */
	if (!site || (of != index && (!left->group || left->group != open->group)))
		return 0;
	flags = site->flags;
	if (!(flags & CT_SITE_RETURNS))
		return 0;
	if (open->bits & HIDDEN) {
		bpf_map_delete_elem(&api_calls, &key);
		return 0;
	}
	if (flags & CT_SITE_HANDSHAKE && !instruction)
		bpf_map_delete_elem(&inside, &ids);
	success = succeeded(site->success, raw, &result);
	if (site->success == CT_SUCCESS_NONE)
		open->bits |= RESULT_UNKNOWN;
	gather(of, key.who, key.frame, raw, 1);
	object.tgid = ids >> 32;
	object.object = open->object;
	if (flags & CT_SITE_CREATES && object.object)
		give_up(object.tgid, object.object);
	if (flags & CT_SITE_COUNT) {
		if (success || flags & CT_SITE_FAILURES)
			count(of, key.who, key.frame, !success);
		goto out;
	}
	if (site->retry != CT_RETRY_NONE && object.object) {
		if (!success && tried_again(site->retry, result)) {
			remember(of, key.who, key.frame, result);
			goto out;
		}
		tried = bpf_map_lookup_elem(&api_tries, &object);
		if (tried) {
			open->tries = tried->tries + 1;
			open->entered_ns = tried->entered_ns;
			bpf_map_delete_elem(&api_tries, &object);
		}
	}
	tell(of, key.who, key.frame, result);
out:
	if (site->strings)
		bpf_map_delete_elem(&api_texts, &key);
	bpf_map_delete_elem(&api_calls, &key);
	return 0;
}

/* Two ways to tell the sites apart by cookies: many probes in one link (6.6), and a perf event for each (5.15). */
#define PROBES(way, kind) \
	SEC("?uprobe" kind) int api_enter_##way(struct pt_regs___api *ctx) \
	{ \
		enter(ctx, bpf_get_attach_cookie(ctx), false, false); \
		return 0; \
	} \
	SEC("?uretprobe" kind) int api_leave_##way(struct pt_regs___api *ctx) \
	{ \
		return leave(ctx, bpf_get_attach_cookie(ctx), false); \
	} \
	/* Go's return instructions. */ \
	SEC("?uprobe" kind) int api_left_##way(struct pt_regs___api *ctx) \
	{ \
		return leave(ctx, bpf_get_attach_cookie(ctx), true); \
	}

PROBES(multi, ".multi")
PROBES(cookie, "")

/* One program and one link for entries and their returns (6.13): a return of no interest isn't waited for. */
SEC("?uprobe.session")
int api_session(struct pt_regs___api *ctx)
{
	bool returned = false;

	if (bpf_session_is_return___ctx)
		returned = bpf_session_is_return___ctx(ctx);
	else if (bpf_session_is_return___none)
		returned = bpf_session_is_return___none();
	if (returned)
		return leave(ctx, bpf_get_attach_cookie(ctx), false);
	return enter(ctx, bpf_get_attach_cookie(ctx), false, true);
}

/* Where there are no cookies: a program for each of the first sites. */
#define NUMBERED(n) \
	SEC("?uprobe") int api_enter_##n(struct pt_regs___api *ctx) { enter(ctx, n, true, false); return 0; } \
	SEC("?uretprobe") int api_leave_##n(struct pt_regs___api *ctx) { return leave(ctx, n, false); }

NUMBERED(0)
NUMBERED(1)
NUMBERED(2)
NUMBERED(3)
NUMBERED(4)
NUMBERED(5)
NUMBERED(6)
NUMBERED(7)
NUMBERED(8)
NUMBERED(9)
NUMBERED(10)
NUMBERED(11)
NUMBERED(12)
NUMBERED(13)
NUMBERED(14)
NUMBERED(15)

static long identify_mapping(struct task_struct *task, struct vm_area_struct *vma, void *file)
{
	identify(file, BPF_CORE_READ(vma, vm_file));
	return 0;
}

/* Run by the recorder and never attached: which file lies behind an address of the recorder's own. */
SEC("?raw_tp")
int api_file_behind(const __u64 *ctx)
{
	struct mm_struct___tree *mm = 0;
	struct vm_area_struct___tree *vma;
	struct ct_api_file file = {};
	__u32 zero = 0;

	if (bpf_core_field_exists(mm->mm_rb)) {
		vma = mapping_in_tree(ctx[0]);
		if (vma)
			identify(&file, BPF_CORE_READ(vma, vm_file));
	} else if (bpf_core_enum_value_exists(enum bpf_func_id___api, BPF_FUNC_find_vma___api)) {
		bpf_find_vma(bpf_get_current_task_btf(), ctx[0], identify_mapping, &file, 0);
	}
	bpf_map_update_elem(&api_behind, &zero, &file, BPF_ANY);
	return 0;
}
