// SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only
/* Makes the maps and the configuration that the headers describe: every header that describes one is included here. */
#define CT_MAP
#include "shared.h"
#include "api_tables.h"

/* So that the layout test finds every record in the object's BTF. */
const struct ct_process_fork *unused_fork;
const struct ct_process_exit *unused_exit;
const struct ct_process_exec *unused_exec;
const struct ct_file_open *unused_open;
const struct ct_tls_part *unused_tls_part;
const struct ct_api_call *unused_api_call;
const struct ct_kernel_crypto *unused_kernel_crypto;

/* Tracing helpers are for GPL programs. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";
