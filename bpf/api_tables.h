/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* The tables of the probes of functions, and the bits of what they record. What they hold stands in api.h. */
#ifndef CT_API_TABLES_H
#define CT_API_TABLES_H

#include "shared.h"
#include "api.h"

#define BUFFER_FULL 1
#define MAP_FULL 3
#define MISSED 6

#define RESULT_UNKNOWN 1
#define ARGUMENT_UNREADABLE 2
#define STRING_CUT 4
#define INTERNAL 8
/* Never in a record: a call of the library's own, kept so that what it ends in is known for that too. */
#define HIDDEN 0x80000000

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

/* The answer to the recorder's question which file it has mapped. */
extern struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_api_file);
} api_behind SEC(".maps");

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

#endif
