/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * The records as they cross the ring buffer: the C side of crates/format/src/record/kinds.rs.
 *
 * Fixed width, little-endian, no hidden padding. A test reads the BTF of the compiled object and compares every
 * offset and size with the Rust tables, so the two can't drift. What the fields mean stands there.
 */
#ifndef CT_WIRE_H
#define CT_WIRE_H

enum ct_kind {
	CT_FILE_OPEN = 16,
	CT_PROCESS_FORK = 18,
	CT_PROCESS_EXEC = 19,
	CT_PROCESS_EXIT = 20,
	CT_KERNEL_CRYPTO = 24,
};

enum ct_fact {
	CT_FACT_FILE_OPEN = 1,
	CT_FACT_PROCESS_FORK = 3,
	CT_FACT_PROCESS_EXEC = 4,
	CT_FACT_PROCESS_EXIT = 5,
	CT_FACT_KERNEL_CRYPTO = 9,
};

struct ct_str {
	__u16 off;
	__u16 len;
};

struct ct_header {
	__u16 kind;
	__u8 version;
	__u8 fixed;
	__u32 size;
	__u64 time_ns;
	__u32 tgid;
	__u32 tid;
	__u32 uid;
	__u32 gid;
	__u64 start_ns;
	__u64 cgroup;
	char comm[16];
};

struct ct_file_open {
	struct ct_header h;
	__s32 result;
	__u32 flags;
	__u32 mode;
	__u32 bits;
	struct ct_str dir;
	struct ct_str path;
};

struct ct_process_fork {
	struct ct_header h;
	__u32 ppid;
	__u32 parent_tid;
	__u64 parent_start_ns;
};

struct ct_process_exec {
	struct ct_header h;
	__u32 ppid;
	__u32 bits;
	__u64 parent_start_ns;
	__u32 argv_len;
	struct ct_str exe;
	struct ct_str filename;
	struct ct_str argv;
};

struct ct_process_exit {
	struct ct_header h;
	__s32 exit_code;
	__u32 signal;
	__u32 core_dumped;
	__u32 reserved;
};

struct ct_kernel_crypto {
	struct ct_header h;
	__u16 call;
	__u16 operation;
	__u16 version;
	__u16 cipher;
	__u32 length;
	__u32 reserved;
	__s64 result;
	struct ct_str kind;
	struct ct_str name;
};

#endif
