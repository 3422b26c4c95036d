/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* What the probes of libraries' functions share with the recorder: the table of sites, and what is kept of open calls. */
#ifndef CT_API_H
#define CT_API_H

#include "wire.h"

#define CT_API_SITES 8192
#define CT_API_CALLS 8192
#define CT_API_TEXTS 1024
#define CT_API_TRIES 4096
#define CT_API_COUNTS 16384
#define CT_API_FILES 4096
#define CT_API_PAGES 4096

#define CT_API_NUMBERS 4
#define CT_API_STRINGS 4
#define CT_API_STRING 256
#define CT_API_FOLLOW 4
#define CT_API_ONLY 4

/* struct ct_api_source: from. 1 to 6 are arguments. */
#define CT_FROM_NOWHERE 0
#define CT_FROM_RESULT 7
/* struct ct_api_source: width. */
#define CT_WIDTH_64 0
#define CT_WIDTH_S32 1
#define CT_WIDTH_U32 2
#define CT_WIDTH_U16 3
#define CT_WIDTH_U8 4
/* Beside the width: to be read when the function returned. */
#define CT_LATE 0x80

/* struct ct_api_site: flags. */
#define CT_SITE_COUNT 1
/* Calls from the same file are left out. */
#define CT_SITE_OTHERS 2
/* And calls from other files of the family. */
#define CT_SITE_PROGRAM 4
#define CT_SITE_HANDSHAKE 8
/* The end of the call will be seen: here, or at the last of its aliases. */
#define CT_SITE_RETURNS 16
/* The object is what it returns: it is new. */
#define CT_SITE_CREATES 32
/* Go: other registers, and a stack that moves. */
#define CT_SITE_GO 64
/* What was tried of the object and did not succeed, failed for good. */
#define CT_SITE_ENDS 128
/* Calls that failed are counted too, apart. */
#define CT_SITE_FAILURES 256
/* Where an argument can't be read, there is nothing to count. */
#define CT_SITE_READABLE 512

enum ct_api_success {
	CT_SUCCESS_NONE,
	CT_SUCCESS_ONE,
	CT_SUCCESS_POSITIVE,
	CT_SUCCESS_ZERO,
	CT_SUCCESS_NOT_NEGATIVE,
	CT_SUCCESS_POINTER,
	CT_SUCCESS_NIL,
};

enum ct_api_retry {
	CT_RETRY_NONE,
	CT_RETRY_FAILURE,
	CT_RETRY_GNUTLS,
	CT_RETRY_MBEDTLS,
};

/* Where a value is found. */
struct ct_api_source {
	__u8 from;
	/* So many of `follow` are in use. */
	__u8 depth;
	__u8 width;
	/* Of a string: its place among the strings of a record. */
	__u8 slot;
	__u16 follow[CT_API_FOLLOW];
};

/* A place with a probe. */
struct ct_api_site {
	__u32 function;
	__u32 library;
	/* Functions that are doors to the same; 0: none. */
	__u32 group;
	/* Of a group's functions, the higher are called by the lower. */
	__u32 rank;
	__u32 flags;
	__u32 family;
	/* Addresses as in the file: of the probe, and of the library's own text. */
	__u64 address;
	__u64 text_from;
	__u64 text_to;
	__u8 only_arg;
	__u8 only_count;
	__u8 success;
	__u8 retry;
	__s32 only[CT_API_ONLY];
	__u16 strings;
	/* How far above the stack pointer the return address stands. */
	__u16 sp_delta;
	/* A bit for each number that there is, then for each string. */
	__u64 unread;
	struct ct_api_source object;
	struct ct_api_source parent;
	struct ct_api_source number[CT_API_NUMBERS];
	struct ct_api_source string[CT_API_STRINGS];
};

/* A call that is under way: of a thread, or of a goroutine; where its stack stood. */
struct ct_api_call_key {
	__u64 who;
	__u64 frame;
};

struct ct_api_open {
	__u32 site;
	/* Of its aliases, the one that was entered last. */
	__u32 rank;
	__u32 group;
	__u32 bits;
	__u32 tries;
	__u32 reserved;
	/* What could not be read when it was entered: a bit for each number, then for each string. */
	__u64 unread;
	__u64 caller;
	__u64 entered_ns;
	__u64 object;
	__u64 parent;
	/* Six are in use. */
	__u64 arg[8];
	__s64 number[CT_API_NUMBERS];
};

/* A record with its strings, each at a place of its own. */
struct ct_api_text {
	struct ct_api_call record;
	char text[CT_API_STRINGS * CT_API_STRING];
	__u64 padding;
};

struct ct_api_object {
	__u64 tgid;
	__u64 object;
};

struct ct_api_count_key {
	__u64 start_ns;
	__u32 tgid;
	__u32 function;
	__u32 library;
	/* Those of the record. */
	__u32 bits;
	__s64 n0;
	__s64 n1;
};

struct ct_api_counted {
	__u64 count;
	__u64 from_ns;
	__u64 to_ns;
	__u64 cgroup;
	__u32 tid;
	__u32 uid;
	__u32 gid;
	__u32 reserved;
	char comm[16];
};

/* A page of a program's code: where its address space is, and the page's number. */
struct ct_api_page {
	__u64 mm;
	__u64 page;
};

/* A file that carries a family. The device as the kernel has it: the major number above 20 bits of the minor. */
struct ct_api_file {
	__u64 ino;
	__u32 dev;
	__u32 reserved;
};

#endif
