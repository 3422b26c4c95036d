//! Rows about calls of libraries and of the kernel that tables share.

use serde_json::{Map, Value};

use super::text::{Column, Sheet, harmless, some, time_or_dash};
use crate::documents::{FunctionCalls, KernelCalls, Use};

/// So many names stand in a row.
const MOST: usize = 4;
/// So many arguments of a function are shown.
const MOST_ARGS: usize = 4;

/// By topic: what a call says of which only the function is known.
const UNTOLD: [(&str, &str); 7] = [
    ("algorithm", "an algorithm that the call does not name"),
    ("key_generation", "a new key, the call does not say which"),
    ("key_derivation", "a derived key, the call does not say how"),
    ("verify_mode", "verification in a way of its own"),
    ("verify_result", "a certificate, the call does not say whose"),
    ("protocol", "versions that the call does not name"),
    ("ciphers", "cipher suites that the call does not name"),
];

/// The functions that a process called.
pub(super) fn functions(list: &[FunctionCalls]) -> Sheet {
    let mut sheet = Sheet::new(&[
        Column::Number("CALLS"),
        Column::Number("FAILED"),
        Column::Text("FIRST"),
        Column::Text("LIBRARY"),
        Column::Text("FUNCTION"),
    ]);
    for function in list {
        let mut text = harmless(&function.function_name);
        for with in function.args.iter().take(MOST_ARGS) {
            let times = if with.count == function.counted.count {
                String::new()
            } else {
                format!(" x{}", with.count)
            };
            text.push_str(&format!("\n  {}{times}", args(&with.args)));
        }
        let more = function.args.len().saturating_sub(MOST_ARGS) as u64 + function.args_left_out;
        if more > 0 {
            text.push_str(&format!("\n  and {more} more"));
        }
        sheet.row(vec![
            function.counted.count.to_string(),
            function.counted.failures.to_string(),
            time_or_dash(function.counted.first),
            harmless(&function.library),
            text,
        ]);
    }
    sheet
}

/// Algorithms or settings, and who uses them.
pub(super) fn uses(list: &[Use]) -> Sheet {
    let mut sheet = Sheet::new(&[
        Column::Number("CALLS"),
        Column::Number("FAILED"),
        Column::Text("WHAT"),
        Column::Text("FUNCTIONS AND PROCESSES"),
    ]);
    for used in list {
        let weak = if used.weak { "\n  weak" } else { "" };
        let what = if used.args.is_empty() { untold(&used.topic) } else { args(&used.args) };
        sheet.row(vec![
            used.count.to_string(),
            used.failures.to_string(),
            format!("{what}{weak}"),
            format!("{}\n  {}", named(&used.functions), named(&used.processes)),
        ]);
    }
    sheet
}

/// What a function is about whose arguments tell nothing.
fn untold(topic: &str) -> String {
    let known = UNTOLD.iter().find(|(name, _)| *name == topic).map(|(_, text)| (*text).to_owned());
    known.unwrap_or_else(|| harmless(&topic.replace('_', " ")))
}

/// Requests to the kernel.
pub(super) fn requests(list: &[KernelCalls]) -> Sheet {
    let mut sheet = Sheet::new(&[
        Column::Number("TIMES"),
        Column::Number("FAILED"),
        Column::Text("CALL"),
        Column::Text("WHAT"),
    ]);
    for request in list {
        let parts =
            [&request.kind, &request.name, &request.operation, &request.version, &request.cipher].into_iter();
        let what: Vec<String> = parts.flatten().map(|text| harmless(text)).collect();
        let what = if what.is_empty() { "-".to_owned() } else { what.join(" ") };
        let who = named(&request.processes);
        sheet.row(vec![
            request.count.to_string(),
            request.failures.to_string(),
            harmless(&request.call),
            if who.is_empty() { what } else { format!("{what}\n  {who}") },
        ]);
    }
    sheet
}

fn named(list: &[String]) -> String {
    let names: Vec<String> = list.iter().map(|name| harmless(name)).collect();
    some(&names, MOST)
}

/// `digest=MD5, bits=1024`; numbers that only repeat a name are left out.
pub(crate) fn args(args: &Map<String, Value>) -> String {
    let repeats = |name: &str| name.strip_suffix("_id").is_some_and(|of| args.contains_key(of));
    let shown = args.iter().filter(|(name, _)| !repeats(name)).map(|(name, value)| match value {
        Value::String(text) => format!("{}={}", harmless(name), harmless(text)),
        value => format!("{}={}", harmless(name), harmless(&value.to_string())),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_tracer_format::catalogue::api::Topic;

    #[test]
    fn a_call_of_which_only_the_function_is_known_is_told_in_words() {
        assert_eq!(untold("ciphers"), "cipher suites that the call does not name");
        assert_eq!(untold("new_things"), "new things");
        for (topic, _) in UNTOLD {
            assert!(Topic::of_word(topic).is_some(), "{topic}");
        }
    }
}
