/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/*
 * The records as they cross the ring buffer: the C side of crates/format/src/record/kinds.
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
	CT_API_CALL = 21,
	CT_KERNEL_CRYPTO = 24,
	/* For the recorder alone: never written to a capture. */
	CT_TLS_PART = 0x8008,
};

enum ct_fact {
	CT_FACT_FILE_OPEN = 1,
	CT_FACT_PROCESS_FORK = 3,
	CT_FACT_PROCESS_EXEC = 4,
	CT_FACT_PROCESS_EXIT = 5,
	CT_FACT_TLS_HANDSHAKE = 8,
	CT_FACT_API_CALL = 7,
	CT_FACT_KERNEL_CRYPTO = 9,
};

/* LossReason of crates/format/src/record/kinds/numbers.rs: those that the programs count. */
enum ct_loss {
	BUFFER_FULL = 1,
	UNREADABLE = 2,
	MAP_FULL = 3,
	MALFORMED = 4,
	MISSED = 6,
	OUT_OF_SIGHT = 7,
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

/* What a ct_tls_part is: the C side of crates/recorder/src/wire/part.rs. */
enum ct_tls_what {
	/* A piece of a handshake message. */
	CT_TLS_MESSAGE = 1,
	CT_TLS_ALERT = 2,
	CT_TLS_ENCRYPTED = 3,
	CT_TLS_CLOSED = 4,
};

enum ct_tls_part_bits {
	/* Nothing more comes of this message. */
	CT_TLS_LAST = 1,
	/* The server hello is a HelloRetryRequest. */
	CT_TLS_RETRY = 2,
	/* The rest of the message is left out, since this direction had too much already. */
	CT_TLS_CUT = 4,
};

/* A piece of a TLS handshake, from the kernel programs to the recorder. */
struct ct_tls_part {
	struct ct_header h;
	/* Together they name the connection: the socket's address, and when it was seen first. */
	__u64 sock;
	__u64 since;
	/* Address of the library's object whose call is under way in this thread; 0: none. */
	__u64 object;
	__u16 what;
	/* 1 sent, 2 received. */
	__u8 direction;
	__u8 bits;
	/* Of a message: its type; of hellos, the version that it begins with and the length of its session id. */
	__u8 message;
	__u8 session;
	__u16 version;
	/*
	 * Length of the message, without its first four bytes. Of CT_TLS_ENCRYPTED, that of the record of application data that
	 * told it; 0: it was another one.
	 */
	__u32 length;
	/* Where in it the data lie. */
	__u32 offset;
	struct ct_str data;
	__u16 local_port;
	__u16 peer_port;
	__u8 local[16];
	__u8 peer[16];
};

struct ct_api_call {
	struct ct_header h;
	__u32 function;
	__u32 library;
	__u64 entered_ns;
	__s64 result;
	__u32 bits;
	__u32 tries;
	__u64 object;
	__u64 parent;
	__s64 n0;
	__s64 n1;
	__s64 n2;
	__s64 n3;
	struct ct_str name;
	struct ct_str path;
	struct ct_str path2;
	struct ct_str host;
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
