// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/*
 * All maps and the configuration; described in shared.h and config.h. They stand in one object, alone: where an object
 * has maps of its own, libbpf's linker takes its extern maps for definitions.
 */
#include "core.h"
#include <bpf/bpf_helpers.h>
#include "wire.h"
#include "config.h"
#include "scratch.h"
#include "api.h"

/* In a section of its own, so that it is found at the start of a map. */
const volatile struct ct_config config SEC(".rodata.config") = {};

/* So that the layout test finds every record in the object's BTF. */
const struct ct_process_fork *unused_fork;
const struct ct_process_exit *unused_exit;
const struct ct_process_exec *unused_exec;
const struct ct_file_open *unused_open;
const struct ct_tls_part *unused_tls_part;
const struct ct_api_call *unused_api_call;
const struct ct_kernel_crypto *unused_kernel_crypto;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CT_LOSS_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_MAX_PIDS);
	__type(key, __u32);
	__type(value, __u8);
} pids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_MAX_FILTER);
	__type(key, __u32);
	__type(value, __u8);
} uids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_MAX_FILTER);
	__type(key, __u64);
	__type(value, __u8);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_open_scratch);
} open_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_exec_scratch);
} exec_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct ct_walk);
} walk_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CT_KERNEL_CALLS);
	__type(key, __u32);
	__type(value, struct ct_kernel_crypto_scratch);
} kernel_crypto_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct ct_identity);
	__type(value, __u8);
} ended SEC(".maps");

/* Of calls of libraries' functions: see api.h. */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CT_API_SITES);
	__type(key, __u32);
	__type(value, struct ct_api_site);
} api_sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_API_CALLS);
	__type(key, struct ct_api_call_key);
	__type(value, struct ct_api_open);
} api_calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_API_TEXTS);
	__type(key, struct ct_api_call_key);
	__type(value, struct ct_api_text);
} api_texts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_api_text);
} api_no_text SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_API_TRIES);
	__type(key, struct ct_api_object);
	__type(value, struct ct_api_call);
} api_tries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_API_COUNTS);
	__type(key, struct ct_api_count_key);
	__type(value, struct ct_api_counted);
} api_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CT_API_FILES);
	__type(key, struct ct_api_file);
	__type(value, __u32);
} api_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ct_api_file);
} api_behind SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_API_PAGES);
	__type(key, struct ct_api_page);
	__type(value, __u32);
} api_pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct ct_tls_scratch);
} tls_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_MAX_SOCKETS);
	__type(key, __u64);
	__type(value, struct ct_tls);
} tls_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CT_MAX_THREADS);
	__type(key, __u64);
	__type(value, __u64);
} inside SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} api_nothing SEC(".maps");

/* Tracing helpers are for GPL programs. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";
