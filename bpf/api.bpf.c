// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/*
 * Calls of libraries' functions: one program where a call enters, one where it returns, for all functions of the
 * catalogue; which function it is, the table of sites tells.
 *
 * Counts are true:
 *  - A call from the same file, or from a file of the same family, is none of the program's.
 *  - Functions that jump into each other as their last act share stack and return address: one call.
 *  - A call that will be tried again is one call, with the number of tries; it is told when it succeeds, or when its
 *    object is gone.
 *  - What is counted are calls that succeeded.
 *
 * Nothing is read but what the site's sources say: numbers of at most 8 bytes, and strings up to 255.
 */
#include "shared.h"
#include "api.h"

#define EBUSY 16

#define BUFFER_FULL 1
#define MAP_FULL 3
#define MISSED 6

#define RESULT_UNKNOWN 1
#define ARGUMENT_UNREADABLE 2
#define STRING_CUT 4
#define INTERNAL 8
/* Never in a record: a call of the library's own, kept so that what it ends in is known for that too. */
#define HIDDEN 0x80000000

/* Mapped from no file: a compiler's code, or the kernel's trampoline, which stands where a return probe is awaited. */
#define NO_FILE 0xffffffff
/* The mappings were being changed each time they were to be looked through. */
#define NOT_KNOWN 0xfffffffe

/* The number doesn't matter: whether the kernel has one of this name does (5.17). */
enum bpf_func_id___api { BPF_FUNC_find_vma___api = 180 };

extern struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CT_API_SITES);
	__type(key, __u32);
	__type(value, struct ct_api_site);
} api_sites SEC(".maps");

/* Calls that are under way. A thread may end, or leave a function by longjmp: what is oldest goes. */
extern struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_API_CALLS);
	__type(key, struct ct_api_call_key);
	__type(value, struct ct_api_open);
} api_calls SEC(".maps");

/* Their strings, of those that have any. */
extern struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_API_TEXTS);
	__type(key, struct ct_api_call_key);
	__type(value, struct ct_api_text);
} api_texts SEC(".maps");

/* Never written: what a text begins as. */
extern struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_api_text);
} api_no_text SEC(".maps");

/* Calls that did not succeed yet: the record that each will have been, if it never does. The recorder takes what is left. */
extern struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_API_TRIES);
	__type(key, struct ct_api_object);
	__type(value, struct ct_api_call);
} api_tries SEC(".maps");

/* Only ever grow; the recorder removes those of processes that ended. */
extern struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_API_COUNTS);
	__type(key, struct ct_api_count_key);
	__type(value, struct ct_api_counted);
} api_counts SEC(".maps");

/* The families of files. */
extern struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_API_FILES);
	__type(key, struct ct_api_file);
	__type(value, __u32);
} api_files SEC(".maps");

/* Which family called from where: for when a thread changes the mappings, so that they can't be looked through. */
extern struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_API_PAGES);
	__type(key, struct ct_api_page);
	__type(value, __u32);
} api_pages SEC(".maps");

/*
 * Always empty. Since 6.13 programs of this type keep their stacks in memory of the processor, one for each program, and
 * where a kernel preempts tasks, two calls of one program would write over each other's. A program that may call another
 * as its last act gets no such stack.
 */
extern struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} api_nothing SEC(".maps");

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

/* No value: what is not readable. No address, and no number of 32 bits, is this. */
#define UNREAD 0x8000000000000badULL

/*
 * These are functions of their own, which the verifier looks at once, whatever calls them: they are given numbers alone
 * and find the call by its key.
 */

/* Follows pointers from a value, each with an offset of 16 bits. */
__noinline __u64 follow(__u64 value, __u64 offsets, __u32 depth, __u32 width)
{
	for (__u32 i = 0; i < CT_API_FOLLOW; i++) {
		__u64 at, size = 8;

		if (i >= depth)
			break;
		/* A null pointer leads nowhere. */
		if (!value)
			return UNREAD;
		if (i + 1 == depth) {
			if (width == CT_WIDTH_S32 || width == CT_WIDTH_U32)
				size = 4;
			else if (width == CT_WIDTH_U16)
				size = 2;
			else if (width == CT_WIDTH_U8)
				size = 1;
		}
		at = value + (offsets & 0xffff);
		offsets >>= 16;
		value = 0;
		if (bpf_probe_read_user(&value, size, (void *)at))
			return UNREAD;
	}
	if (width == CT_WIDTH_S32)
		return (__s32)value;
	if (width == CT_WIDTH_U32)
		return (__u32)value;
	if (width == CT_WIDTH_U16)
		return (__u16)value;
	if (width == CT_WIDTH_U8)
		return (__u8)value;
	return value;
}

static __always_inline __u64 value_of(const struct ct_api_source *source, const struct ct_api_open *open, __u64 result)
{
	__u64 value = source->from == CT_FROM_RESULT ? result : open->arg[(source->from - 1) & 7];
	__u64 offsets = source->follow[0] | (__u64)source->follow[1] << 16 | (__u64)source->follow[2] << 32 |
			(__u64)source->follow[3] << 48;

	return follow(value, offsets, source->depth, source->width & ~CT_LATE);
}

/* Whether a source can be read now. */
static __always_inline bool there(const struct ct_api_source *source, __u32 returned)
{
	return source->from != CT_FROM_NOWHERE && (returned || (source->from != CT_FROM_RESULT && !(source->width & CT_LATE)));
}

static __always_inline void read_string(struct ct_api_site *site, struct ct_api_open *open, struct ct_api_text *text,
					__u64 result, __u32 returned, const __u32 i)
{
	__u64 bit = 1ULL << (CT_API_NUMBERS + i), pointer;
	struct ct_str *where = &text->record.name;
	char more = 0;
	long n;

	if (!(open->unread & bit) || !there(&site->string[i], returned))
		return;
	pointer = value_of(&site->string[i], open, result);
	if (pointer == UNREAD)
		return;
	/* No string was given. */
	if (!pointer) {
		open->unread &= ~bit;
		return;
	}
	n = bpf_probe_read_user_str(&text->text[i * CT_API_STRING], CT_API_STRING, (void *)pointer);
	if (n <= 0)
		return;
	open->unread &= ~bit;
	if (n == CT_API_STRING) {
		bpf_probe_read_user(&more, 1, (void *)(pointer + CT_API_STRING - 1));
		open->bits |= more ? STRING_CUT : 0;
	}
	if (site->string[i].slot == 1)
		where = &text->record.path;
	else if (site->string[i].slot == 2)
		where = &text->record.path2;
	else if (site->string[i].slot == 3)
		where = &text->record.host;
	where->off = sizeof(struct ct_api_call) + i * CT_API_STRING;
	where->len = n - 1;
}

/* Reads what the site asks for: when the call is entered, and once more, what was not readable then, when it returned. */
__noinline int gather(__u32 index, __u64 who, __u64 frame, __u64 result, __u32 returned)
{
	struct ct_api_call_key key = { .who = who, .frame = frame };
	struct ct_api_site *site = bpf_map_lookup_elem(&api_sites, &index);
	struct ct_api_open *open = bpf_map_lookup_elem(&api_calls, &key);
	struct ct_api_text *text;
	__u64 value;

	if (!site || !open)
		return 0;
	if (!open->object && there(&site->object, returned)) {
		value = value_of(&site->object, open, result);
		open->object = value == UNREAD ? 0 : value;
	}
	if (!open->parent && there(&site->parent, returned)) {
		value = value_of(&site->parent, open, result);
		open->parent = value == UNREAD ? 0 : value;
	}
	for (__u32 i = 0; i < CT_API_NUMBERS; i++) {
		if (!(open->unread & 1ULL << i) || !there(&site->number[i], returned))
			continue;
		value = value_of(&site->number[i], open, result);
		if (value != UNREAD) {
			open->number[i] = value;
			open->unread &= ~(1ULL << i);
		}
	}
	if (!site->strings)
		return 0;
	text = bpf_map_lookup_elem(&api_texts, &key);
	if (!text)
		return 0;
	read_string(site, open, text, result, returned, 0);
	read_string(site, open, text, result, returned, 1);
	read_string(site, open, text, result, returned, 2);
	read_string(site, open, text, result, returned, 3);
	return 0;
}

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

/* Counts a call. */
__noinline int count(__u32 index, __u64 who, __u64 frame)
{
	struct ct_api_call_key open_key = { .who = who, .frame = frame };
	struct ct_api_site *site = bpf_map_lookup_elem(&api_sites, &index);
	struct ct_api_open *open = bpf_map_lookup_elem(&api_calls, &open_key);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct ct_api_count_key key = {};
	struct ct_api_counted *counted, first = {};
	__u64 ids, now = bpf_ktime_get_boot_ns();

	if (!site || !open)
		return 0;
	key.start_ns = start_of(BPF_CORE_READ(task, group_leader));
	ids = bpf_get_current_pid_tgid();
	key.tgid = ids >> 32;
	key.function = site->function;
	key.library = site->library;
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

static __always_inline bool own_text(const struct ct_api_site *site, __u64 ip, __u64 caller)
{
	__u64 base = ip - site->address;

	return caller - base - site->text_from < site->text_to - site->text_from;
}

static __always_inline __u32 family_of_file(struct file___api *file)
{
	struct ct_api_file key = {};
	struct inode___api *inode;
	__u32 *family;

	if (!file)
		return NO_FILE;
	inode = BPF_CORE_READ(file, f_inode);
	key.ino = BPF_CORE_READ(inode, i_ino);
	key.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	family = bpf_map_lookup_elem(&api_files, &key);
	return family ? *family : 0;
}

static long family_of_mapping(struct task_struct *task, struct vm_area_struct *vma, void *family)
{
	*(__u32 *)family = family_of_file(BPF_CORE_READ(vma, vm_file));
	return 0;
}

/* The tree of mappings of kernels before 6.1, read without its lock: what changes meanwhile is not found. */
__noinline __u32 family_in_tree(__u64 address)
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
			return family_of_file(BPF_CORE_READ(vma, vm_file));
		else
			node = BPF_CORE_READ(node, rb_right);
	}
	return 0;
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

/* Whether the call is one of those that the site asks for. */
static __always_inline bool only_wanted(const struct ct_api_site *site, const struct ct_api_open *open)
{
	__s32 value = open->arg[site->only_arg & 7];
	bool found = !site->only_count;

	for (__u32 i = 0; i < CT_API_ONLY; i++)
		found |= i < site->only_count && site->only[i] == value;
	return found;
}

static __always_inline int enter(struct pt_regs___api *ctx, __u32 index, const bool tree)
{
	struct ct_api_site *site = bpf_map_lookup_elem(&api_sites, &index);
	__u64 ids = bpf_get_current_pid_tgid(), object;
	struct ct_api_call_key key = {};
	struct ct_api_open *earlier, *made, open;
	__u32 tgid = ids >> 32, zero = 0, flags;
	bool go;

	if (!site || !wanted(tgid, bpf_get_current_uid_gid()))
		return 0;
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

		if (!own)
			family = tree ? family_in_tree(open.caller) : family_at(open.caller);
		/* Whether it is the program's is not known: better no call than a false one, and it is said. */
		if (family == NOT_KNOWN) {
			count_loss(CT_FACT_API_CALL, MISSED);
			return 0;
		}
		/* The last act of a function of another group, whose return is awaited. */
		if (family == NO_FILE && earlier && earlier->group != site->group)
			family = site->family;
		if (family == site->family) {
			open.bits = INTERNAL;
			if (flags & CT_SITE_PROGRAM || (own && flags & CT_SITE_OTHERS))
				open.bits |= HIDDEN;
		}
	}
	/* Whose return nobody awaits leaves no trampoline to take for a program. */
	if (open.bits & HIDDEN && !(flags & CT_SITE_RETURNS))
		return 0;
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
			return 0;
		}
	}
	/* The arguments as an array are read from the table: the verifier doesn't know which it will be. */
	/* Since 7.0 an update may fail, since another processor holds the lock: it is free again soon. */
	if (bpf_map_update_elem(&api_calls, &key, &open, BPF_ANY) && bpf_map_update_elem(&api_calls, &key, &open, BPF_ANY) &&
	    bpf_map_update_elem(&api_calls, &key, &open, BPF_ANY) && bpf_map_update_elem(&api_calls, &key, &open, BPF_ANY))
		goto full;
	if (open.bits & HIDDEN)
		return 0;
	made = bpf_map_lookup_elem(&api_calls, &key);
	if (!made)
		goto full;
	if (!only_wanted(site, made)) {
		bpf_map_delete_elem(&api_calls, &key);
		return 0;
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
			count(index, key.who, key.frame);
		else if (!again || !bpf_map_lookup_elem(&api_tries, &tried))
			tell(index, key.who, key.frame, 0);
		if (again)
			remember(index, key.who, key.frame, 0);
		/* Only so that its aliases are known for what they are does it stay. */
		if (!site->group)
			bpf_map_delete_elem(&api_calls, &key);
		return 0;
	}
	if (flags & CT_SITE_HANDSHAKE && object && !go)
		bpf_map_update_elem(&inside, &ids, &object, BPF_ANY);
	return 0;
full:
	count_loss(CT_FACT_API_CALL, MAP_FULL);
	return 0;
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
		if (success)
			count(of, key.who, key.frame);
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

/* Many probes in one link, each with its cookie (6.6). */

SEC("?uprobe.multi")
int api_enter_multi(struct pt_regs___api *ctx)
{
	enter(ctx, bpf_get_attach_cookie(ctx), false);
	bpf_tail_call(ctx, &api_nothing, 0);
	return 0;
}

SEC("?uretprobe.multi")
int api_leave_multi(struct pt_regs___api *ctx)
{
	leave(ctx, bpf_get_attach_cookie(ctx), false);
	bpf_tail_call(ctx, &api_nothing, 0);
	return 0;
}

/* Go's return instructions. */
SEC("?uprobe.multi")
int api_left_multi(struct pt_regs___api *ctx)
{
	leave(ctx, bpf_get_attach_cookie(ctx), true);
	bpf_tail_call(ctx, &api_nothing, 0);
	return 0;
}

/* The same before 6.13, which refuses the last act above, and doesn't need it. */

SEC("?uprobe.multi")
int api_enter_old_multi(struct pt_regs___api *ctx)
{
	return enter(ctx, bpf_get_attach_cookie(ctx), false);
}

SEC("?uretprobe.multi")
int api_leave_old_multi(struct pt_regs___api *ctx)
{
	return leave(ctx, bpf_get_attach_cookie(ctx), false);
}

SEC("?uprobe.multi")
int api_left_old_multi(struct pt_regs___api *ctx)
{
	return leave(ctx, bpf_get_attach_cookie(ctx), true);
}

/* A perf event for each probe, with a cookie (5.15). */

SEC("?uprobe")
int api_enter_cookie(struct pt_regs___api *ctx)
{
	return enter(ctx, bpf_get_attach_cookie(ctx), false);
}

SEC("?uretprobe")
int api_leave_cookie(struct pt_regs___api *ctx)
{
	return leave(ctx, bpf_get_attach_cookie(ctx), false);
}

SEC("?uprobe")
int api_left_cookie(struct pt_regs___api *ctx)
{
	return leave(ctx, bpf_get_attach_cookie(ctx), true);
}

/* Where there are no cookies: a program for each of the first sites. */
#define NUMBERED(n) \
	SEC("?uprobe") int api_enter_##n(struct pt_regs___api *ctx) { return enter(ctx, n, true); } \
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
