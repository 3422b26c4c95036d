// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/*
 * Opens, seen when they return: by then the page with the path is there, and the result is known.
 *
 * Three ways in, of which the recorder attaches one: fexit, the exit tracepoints of the system calls with the arguments
 * from the task's saved registers, and the raw tracepoint of all system calls.
 */
#include "syscall.h"
#include "walk.h"

#define O_CREAT 0x40
#define O_TMPFILE_BIT 0x400000
#define CREAT_FLAGS 0x241 /* O_CREAT | O_WRONLY | O_TRUNC */
#define AT_FDCWD -100
#define EFAULT 14
#define ENAMETOOLONG 36
#define O_LARGEFILE 0x8000

#define CUT_DIR 2
#define DIR_UNKNOWN 4

struct open_args {
	const char *path;
	__s32 dirfd;
	__u32 flags;
	__u32 mode;
	__s32 result;
};

#define PATH_AT sizeof(struct ct_file_open)

static __always_inline bool tail_matches(struct ct_open_scratch *s, __u64 len)
{
	const char *end = s->bytes + (PATH_AT - 2) + len;
	__u16 last = (__u16)((__u8)end[0] << 8 | (__u8)end[1]);
	__u64 tail[CT_TAIL_WORDS];

	if (!(config.gate[last >> 6] & (1ULL << (last & 63))))
		return false;
	/* Before a short path stand bytes of the header: `min` keeps patterns from reaching into them. */
	if (bpf_probe_read_kernel(tail, sizeof(tail), s->bytes + (PATH_AT - sizeof(tail)) + len))
		return false;
	/* Without branches but one: the verifier would follow each of them in every round. */
	for (__u32 i = 0; i < CT_MAX_TAILS; i++) {
		const volatile struct ct_tail *t = &config.tail[i];
		__u64 differs;

		if (i >= config.tails)
			break;
		differs = ((tail[3] ^ t->value[3]) & t->mask[3]) | ((tail[2] ^ t->value[2]) & t->mask[2]) |
			  ((tail[1] ^ t->value[1]) & t->mask[1]) | ((tail[0] ^ t->value[0]) & t->mask[0]) | ((len - t->min) >> 63);
		if (!differs)
			return true;
	}
	return false;
}

#define EACH_BYTE(c) (0x0101010101010101ULL * (c))

/* 0x80 in each byte that is c. */
static __always_inline __u64 bytes_equal(__u64 word, __u8 c)
{
	__u64 low = EACH_BYTE(0x7f), z = word ^ EACH_BYTE(c);

	return ~(((z & low) + low) | z | low);
}

/* The absolute path begins as a pattern does, or is written so (//, /./, /../) that only the recorder can tell. */
static __always_inline bool head_matches(const char *path)
{
	__u64 head[CT_HEAD_WORDS] = {}, before = 0, unclean = 0;

	if (bpf_probe_read_kernel_str(head, sizeof(head), path) < 0)
		return false;
	for (__u32 i = 0; i < CT_HEAD_WORDS; i++) {
		__u64 slashes = bytes_equal(head[i], '/');

		unclean |= (slashes << 8 | before) & (slashes | bytes_equal(head[i], '.'));
		before = slashes >> 56;
	}
	if (unclean)
		return true;
	for (__u32 i = 0; i < CT_MAX_HEADS; i++) {
		__u64 differs = 0;

		if (i >= config.heads)
			break;
		for (__u32 word = 0; word < CT_HEAD_WORDS; word++)
			differs |= (head[word] ^ config.head[i].value[word]) & config.head[i].mask[word];
		if (!differs)
			return true;
	}
	return false;
}

/* The directory that a relative path starts from. */
static __always_inline bool start_dir(struct task_struct *task, __s32 dirfd, struct path *from)
{
	struct files_struct *files;
	struct fdtable *table;
	struct file **fds, *file = 0;

	if (dirfd == AT_FDCWD)
		return !BPF_CORE_READ_INTO(from, task, fs, pwd);
	files = BPF_CORE_READ(task, files);
	table = BPF_CORE_READ(files, fdt);
	if (dirfd < 0 || (__u32)dirfd >= BPF_CORE_READ(table, max_fds))
		return false;
	fds = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), &fds[dirfd]) || !file)
		return false;
	return !BPF_CORE_READ_INTO(from, file, f_path);
}

/* The length of the absolute directory that a relative path starts from, in the walk's buffer; 0: not known. */
static __always_inline __u64 find_dir(struct task_struct *task, __s32 dirfd, __u64 *dir_at, __u32 *bits)
{
	struct path from, root;
	bool cut = false;
	__u64 len;

	if (!start_dir(task, dirfd, &from) || BPF_CORE_READ_INTO(&root, task, fs, root)) {
		*bits |= DIR_UNKNOWN;
		return 0;
	}
	*dir_at = walk_path(&from, &root, WALK_OPEN, &len, &cut);
	*bits |= (cut ? CUT_DIR : 0) | (len ? 0 : DIR_UNKNOWN);
	return len;
}

static __always_inline int opened(struct open_args *a)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 len, at, dir_at = 0, dir_len = 0, size;
	__u32 zero = 0, slot = WALK_OPEN, bits = 0;
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ct_open_scratch *s;
	struct ct_walk *walk;
	bool matches, relative;
	long n;

	if (!wanted(tgid, bpf_get_current_uid_gid()))
		return 0;
	s = bpf_map_lookup_elem(&open_scratch, &zero);
	walk = bpf_map_lookup_elem(&walk_scratch, &slot);
	if (!s || !walk) {
		count_loss(CT_FACT_FILE_OPEN, UNREADABLE);
		return 0;
	}
	n = bpf_probe_read_user_str(&s->bytes[PATH_AT], CT_PATH_MAX, a->path);
	if (n < 0) {
		/* A bad pointer is the program's own mistake, and it was told so. */
		if (a->result != -EFAULT)
			count_loss(CT_FACT_FILE_OPEN, UNREADABLE);
		return 0;
	}
	/* What is longer than PATH_MAX names no file; the kernel did not look at it either. */
	if (n < 2 || (a->result == -ENAMETOOLONG && n == CT_PATH_MAX))
		return 0;
	len = n - 1;
	asm volatile("%0 &= 4095" : "+r"(len));
	relative = s->bytes[PATH_AT] != '/';
	/* Names are compared with a slash before them, which a bare name lacks. */
	s->bytes[PATH_AT - 1] = '/';
	matches = tail_matches(s, len);
	if (!matches && !config.heads)
		return 0;
	if (relative) {
		dir_len = find_dir(task, a->dirfd, &dir_at, &bits);
	}
	if (!matches) {
		if (relative) {
			/* The beginning of the path behind its directory: there is room for 255 bytes. */
			__u64 behind = dir_len == 1 ? CT_PATH_MAX : CT_PATH_MAX + 1;

			walk->text[CT_PATH_MAX] = '/';
			bpf_probe_read_kernel(walk->text + behind, 128, &s->bytes[PATH_AT]);
			matches = dir_len && head_matches(walk->text + dir_at);
		} else {
			matches = head_matches(&s->bytes[PATH_AT]);
		}
		if (!matches)
			return 0;
	}
	at = PATH_AT + len;
	bpf_probe_read_kernel(s->bytes + at, dir_len, walk->text + dir_at);
	size = at + dir_len;
	asm volatile("%0 &= 16383" : "+r"(size));
	if (size > sizeof(s->bytes) - 16) {
		count_loss(CT_FACT_FILE_OPEN, UNREADABLE);
		return 0;
	}
	/* Nothing of an earlier record may stand in the padding. */
	__builtin_memset(s->bytes + size, 0, 8);
	size = (size + 7) & ~7u;
	fill_header(&s->record.h, task, CT_FILE_OPEN, PATH_AT, size);
	s->record.result = a->result;
	s->record.flags = a->flags;
	s->record.mode = a->flags & (O_CREAT | O_TMPFILE_BIT) ? a->mode : 0;
	s->record.bits = bits;
	s->record.dir.off = dir_len ? at : 0;
	s->record.dir.len = dir_len;
	s->record.path.off = PATH_AT;
	s->record.path.len = len;
	if (bpf_ringbuf_output(&events, s->bytes, size & 16383, wake()))
		count_loss(CT_FACT_FILE_OPEN, BUFFER_FULL);
	return 0;
}

SEC("?fexit/do_sys_openat2")
int BPF_PROG(open_fexit, int dirfd, const char *path, struct open_how *how, long result)
{
	struct open_args a = {
		.path = path,
		.dirfd = dirfd,
		/* The kernel adds O_LARGEFILE to what a 64-bit program gave. */
		.flags = BPF_CORE_READ(how, flags) & ~(__u64)O_LARGEFILE,
		.mode = BPF_CORE_READ(how, mode),
		.result = result,
	};
	return opened(&a);
}

#if defined(__TARGET_ARCH_x86)
#define NR_OPEN 2
#define NR_CREAT 85
#define NR_OPENAT 257
#define NR_OPENAT2 437
#elif defined(__TARGET_ARCH_arm64)
#define NR_OPENAT 56
#define NR_OPENAT2 437
#endif

static __always_inline void args_open(struct open_args *a, struct pt_regs *regs)
{
	a->dirfd = AT_FDCWD;
	a->path = (const char *)ARG1(regs);
	a->flags = ARG2(regs);
	a->mode = ARG3(regs);
}

static __always_inline void args_creat(struct open_args *a, struct pt_regs *regs)
{
	a->dirfd = AT_FDCWD;
	a->path = (const char *)ARG1(regs);
	a->flags = CREAT_FLAGS;
	a->mode = ARG2(regs);
}

static __always_inline void args_openat(struct open_args *a, struct pt_regs *regs)
{
	a->dirfd = ARG1(regs);
	a->path = (const char *)ARG2(regs);
	a->flags = ARG3(regs);
	a->mode = ARG4(regs);
}

static __always_inline void args_openat2(struct open_args *a, struct pt_regs *regs)
{
	struct open_how how = {};

	a->dirfd = ARG1(regs);
	a->path = (const char *)ARG2(regs);
	/* Where the struct can't be read, neither could the kernel: flags 0, and the result says EFAULT. */
	bpf_probe_read_user(&how, 16, (void *)ARG3(regs));
	a->flags = how.flags;
	a->mode = how.mode;
}

/* The arguments of the call of this number; false: it opens nothing. */
static __always_inline bool args_of(struct open_args *a, struct pt_regs *regs, long nr)
{
	if (nr == NR_OPENAT)
		args_openat(a, regs);
	else if (nr == NR_OPENAT2)
		args_openat2(a, regs);
#if defined(__TARGET_ARCH_x86)
	else if (nr == NR_OPEN)
		args_open(a, regs);
	else if (nr == NR_CREAT)
		args_creat(a, regs);
#endif
	else
		return false;
	return true;
}

/* One program for the tracepoints of all four calls, so that it is verified once. */
SEC("?tp/syscalls/sys_exit_openat")
int open_tp(struct sys_exit *ctx)
{
	struct open_args a = { .result = ctx->result };

	return args_of(&a, CURRENT_REGS, ctx->nr) ? opened(&a) : 0;
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(open_raw, struct pt_regs *regs, long result)
{
	struct open_args a = { .result = result };
	long nr = CALL_NR(regs);

#if defined(__TARGET_ARCH_x86)
	if (nr != NR_OPENAT && nr != NR_OPEN && nr != NR_CREAT && nr != NR_OPENAT2)
		return 0;
#else
	if (nr != NR_OPENAT && nr != NR_OPENAT2)
		return 0;
#endif
	return !in_compat_call() && args_of(&a, regs, nr) ? opened(&a) : 0;
}
