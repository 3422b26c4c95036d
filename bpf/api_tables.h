/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* The tables of the probes of functions, and the bits of what they record. What they hold stands in api.h. */
#ifndef CT_API_TABLES_H
#define CT_API_TABLES_H

#include "shared.h"
#include "api.h"

#define RESULT_UNKNOWN 1
#define ARGUMENT_UNREADABLE 2
#define STRING_CUT 4
#define INTERNAL 8
#define FAILED 16
/* Never in a record: a call of the library's own, kept so that what it ends in is known for that too. */
#define HIDDEN 0x80000000

CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CT_API_SITES);
	__type(key, __u32);
	__type(value, struct ct_api_site);
} api_sites SEC(".maps");

/* Calls that are under way. A thread may end, or leave a function by longjmp: what is oldest goes. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_API_CALLS);
	__type(key, struct ct_api_call_key);
	__type(value, struct ct_api_open);
} api_calls SEC(".maps");

/* Their strings, of those that have any. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_API_TEXTS);
	__type(key, struct ct_api_call_key);
	__type(value, struct ct_api_text);
} api_texts SEC(".maps");

/* Never written: what a text begins as. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_api_text);
} api_no_text SEC(".maps");

/* Calls that did not succeed yet: the record that each will have been, if it never does. The recorder takes what is left. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_API_TRIES);
	__type(key, struct ct_api_object);
	__type(value, struct ct_api_call);
} api_tries SEC(".maps");

/* Only ever grow; the recorder removes those of processes that ended. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_API_COUNTS);
	__type(key, struct ct_api_count_key);
	__type(value, struct ct_api_counted);
} api_counts SEC(".maps");

/* The families of files. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_API_FILES);
	__type(key, struct ct_api_file);
	__type(value, __u32);
} api_files SEC(".maps");

/* Which family called from where: for when a thread changes the mappings, so that they can't be looked through. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_API_PAGES);
	__type(key, struct ct_api_page);
	__type(value, __u32);
} api_pages SEC(".maps");

/* The answer to the recorder's question which file it has mapped. */
CT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_api_file);
} api_behind SEC(".maps");

#endif
