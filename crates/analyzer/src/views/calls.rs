//! Calls of libraries and requests to the kernel, as the database counted them.

use std::collections::{BTreeMap, BTreeSet};

use crypto_tracer_format::catalogue::files::basename;
use crypto_tracer_format::record::KernelCall;
use rusqlite::{Connection, Row};
use serde_json::{Map, Value};

use super::processes::Whose;
use super::weak::is_weak;
use crate::api::purpose::{OWN_CHAIN, PURPOSE, SETS as SETS_PURPOSE};
use crate::documents::{
    ArgsCount, CallsPart, Counted, FunctionCalls, KernelCalls, KernelPart, Time, Use, shown,
};
use crate::kernel_crypto;
use crate::store::{StoreError, stored_bytes};
use crate::tls::registry::VERSIONS;

/// So many different arguments of a function are listed.
const MOST_ARGS: usize = 10;

/// Topics that tell of algorithms, and of settings.
const ALGORITHMS: [&str; 3] = ["algorithm", "key_generation", "key_derivation"];
const VERIFICATIONS: [&str; 1] = ["verify_result"];
const SETTINGS: [&str; 3] = ["verify_mode", "protocol", "ciphers"];

/// Calls of a process with the same arguments.
#[derive(Clone, Debug)]
struct Calls {
    family: String,
    function: String,
    topic: String,
    library: Vec<u8>,
    args: Map<String, Value>,
    counted: Counted,
    process: String,
}

fn read(db: &Connection, whose: Whose) -> Result<Vec<Calls>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/api_rows.sql"))?;
    let mut rows = statement.query(whose.params())?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let args = stored_bytes(row, 5)?.unwrap_or_default();
        list.push(Calls {
            family: text(row, 1)?.unwrap_or_default(),
            function: text(row, 2)?.unwrap_or_default(),
            topic: text(row, 3)?.unwrap_or_default(),
            library: stored_bytes(row, 4)?.unwrap_or_default(),
            args: serde_json::from_slice(&args).unwrap_or_default(),
            counted: Counted {
                count: row.get::<_, i64>(6)?.cast_unsigned(),
                failures: row.get::<_, i64>(7)?.cast_unsigned(),
                first: row.get::<_, Option<i64>>(8)?.map(Time),
                last: row.get::<_, Option<i64>>(9)?.map(Time),
            },
            process: text(row, 10)?.unwrap_or_default(),
        });
    }
    Ok(list)
}

fn text(row: &Row<'_>, column: usize) -> Result<Option<String>, StoreError> {
    Ok(stored_bytes(row, column)?.map(|bytes| shown(&bytes).0))
}

/// The functions that a process called, in the order in which it first did.
pub(super) fn of_process(db: &Connection, process: i64) -> Result<Vec<FunctionCalls>, StoreError> {
    let calls = read(db, Whose::Process(process))?;
    let mut functions: BTreeMap<(String, String, String, Vec<u8>), FunctionCalls> = BTreeMap::new();
    for call in calls {
        let key = (call.family.clone(), call.function.clone(), call.topic.clone(), call.library.clone());
        let (library_path, library_path_hex) = shown(&call.library);
        let entry = functions.entry(key).or_insert_with(|| FunctionCalls {
            function_name: call.function,
            library: shown(basename(&call.library)).0,
            library_path,
            library_path_hex,
            family: call.family,
            topic: call.topic,
            counted: Counted::default(),
            args: Vec::new(),
            args_left_out: 0,
        });
        let Counted { count, failures, .. } = call.counted;
        entry.counted.add(call.counted);
        if !call.args.is_empty() {
            entry.args.push(ArgsCount { args: call.args, count, failures });
        }
    }
    let mut list: Vec<FunctionCalls> = functions.into_values().collect();
    for function in &mut list {
        function.args.sort_by_key(|a| std::cmp::Reverse(a.count));
        function.args_left_out = function.args.len().saturating_sub(MOST_ARGS) as u64;
        function.args.truncate(MOST_ARGS);
    }
    list.sort_by_key(|f| f.counted.first);
    Ok(list)
}

/// The calls of a host, in short; at most `top` in each list, but all that are weak.
pub(super) fn of_host(db: &Connection, host: i64, top: usize) -> Result<CallsPart, StoreError> {
    let calls = read(db, Whose::Host(host))?;
    Ok(CallsPart {
        count: calls.iter().map(|c| c.counted.count).fold(0, u64::saturating_add),
        failures: calls.iter().map(|c| c.counted.failures).fold(0, u64::saturating_add),
        algorithms: uses(&calls, &ALGORITHMS, top),
        settings: uses(&calls, &SETTINGS, top),
        verifications: verifications(&calls, top),
    })
}

#[derive(Default)]
struct Used<'a> {
    args: Map<String, Value>,
    functions: BTreeSet<&'a str>,
    processes: BTreeSet<&'a str>,
    count: u64,
    failures: u64,
}

fn uses(calls: &[Calls], topics: &[&str], top: usize) -> Vec<Use> {
    let mut found: BTreeMap<(&str, String), Used<'_>> = BTreeMap::new();
    for call in calls.iter().filter(|c| topics.contains(&c.topic.as_str())) {
        // The text of a map is in the order of its keys.
        let text = Value::Object(call.args.clone()).to_string();
        let used = found.entry((&call.topic, text)).or_default();
        used.args.clone_from(&call.args);
        used.functions.insert(&call.function);
        used.processes.insert(&call.process);
        used.count += call.counted.count;
        used.failures += call.counted.failures;
    }
    let owned = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut list: Vec<Use> = found
        .into_iter()
        .map(|((topic, _), used)| Use {
            topic: topic.to_owned(),
            weak: is_weak(&used.functions, &used.args),
            args: used.args,
            functions: owned(used.functions),
            count: used.count,
            failures: used.failures,
            processes: owned(used.processes),
        })
        .collect();
    list.sort_by_key(|used| (!used.weak, std::cmp::Reverse(used.count)));
    let weak = list.iter().filter(|used| used.weak).count();
    list.truncate(top.max(weak));
    list
}

/// What came of verifications; at most `top`, but all that failed. The chain that a library builds to send it is nobody
/// else's certificate, and what sets a purpose verifies nothing.
fn verifications(calls: &[Calls], top: usize) -> Vec<Use> {
    let verifies = |call: &&Calls| {
        let is_own_chain = call.args.get(PURPOSE).is_some_and(|purpose| purpose == OWN_CHAIN);
        !is_own_chain && call.function.as_bytes() != SETS_PURPOSE
    };
    let verifying: Vec<Calls> = calls.iter().filter(verifies).cloned().collect();
    let mut list = uses(&verifying, &VERIFICATIONS, usize::MAX);
    list.sort_by_key(|used| (used.failures == 0, std::cmp::Reverse(used.count)));
    let failed = list.iter().filter(|used| used.failures > 0).count();
    list.truncate(top.max(failed));
    list
}

/// The requests of a process to the kernel, the most frequent first.
pub(super) fn kernel_of_process(db: &Connection, process: i64) -> Result<Vec<KernelCalls>, StoreError> {
    let mut list = requests(db, Whose::Process(process))?;
    for request in &mut list {
        request.processes.clear();
    }
    Ok(list)
}

/// The kernel's part of the summary.
pub(super) fn kernel_of_host(db: &Connection, host: i64, top: usize) -> Result<KernelPart, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/host_facts.sql"))?;
    let mut rows = statement.query([host])?;
    let Some(row) = rows.next()? else { return Ok(KernelPart::default()) };
    let mut requests = requests(db, Whose::Host(host))?;
    requests.truncate(top);
    Ok(KernelPart {
        fips: text(row, 0)?.map(|value| value.trim() == "1"),
        crypto_policy: text(row, 1)?,
        algorithms: row.get::<_, i64>(2)?.cast_unsigned(),
        requests,
    })
}

fn requests(db: &Connection, whose: Whose) -> Result<Vec<KernelCalls>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/kernel_rows.sql"))?;
    let mut rows = statement.query(whose.params())?;
    let mut list: Vec<KernelCalls> = Vec::new();
    while let Some(row) = rows.next()? {
        let call: String = row.get(0)?;
        let (operation, version, cipher): (u16, u16, u16) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let is = |kind: KernelCall| call == kind.name();
        let is_ktls = is(KernelCall::TlsTx) || is(KernelCall::TlsRx);
        let new = KernelCalls {
            kind: text(row, 4)?,
            name: text(row, 5)?,
            operation: is(KernelCall::Keyctl).then(|| kernel_crypto::operation_name(operation).into_owned()),
            version: is_ktls.then(|| VERSIONS.name(version).into_owned()),
            cipher: is_ktls.then(|| kernel_crypto::cipher_name(cipher).into_owned()),
            call,
            count: 0,
            failures: 0,
            last: None,
            processes: Vec::new(),
        };
        let process = text(row, 9)?.unwrap_or_default();
        // Rows that are alike follow each other.
        let mut entry = match list.pop() {
            Some(last) if is_same(&last, &new) => last,
            Some(last) => {
                list.push(last);
                new
            }
            None => new,
        };
        entry.count += row.get::<_, i64>(6)?.cast_unsigned();
        entry.failures += row.get::<_, i64>(7)?.cast_unsigned();
        entry.last = entry.last.max(row.get::<_, Option<i64>>(8)?.map(Time));
        if !entry.processes.contains(&process) {
            entry.processes.push(process);
        }
        list.push(entry);
    }
    list.sort_by_key(|request| std::cmp::Reverse(request.count));
    Ok(list)
}

fn is_same(a: &KernelCalls, b: &KernelCalls) -> bool {
    (&a.call, &a.kind, &a.name, &a.operation, &a.version, &a.cipher)
        == (&b.call, &b.kind, &b.name, &b.operation, &b.version, &b.cipher)
}
