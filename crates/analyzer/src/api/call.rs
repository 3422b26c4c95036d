//! A call's record, made into an event and into what it tells of handshakes.

use std::sync::Arc;

use crypto_tracer_format::catalogue::api::{ArgumentKind, Success, Topic};
use crypto_tracer_format::record::{ApiCall, ApiCount, Record, RecordError, api_bits};
use crypto_tracer_format::redact::Redactor;

use super::args::{Value, Values, put_args};
use super::purpose::{PURPOSE, Verifies, verifies};
use super::{Function, LibraryFile, Tables, names};
use crate::event;
use crate::identity::SegmentId;
use crate::tls::library::{Mode, Telling};

/// A call, ready to be told.
#[derive(Debug)]
pub struct Decoded {
    function: Arc<Function>,
    /// The file that holds the function.
    pub library: Arc<LibraryFile>,
    pub(super) args: Vec<u8>,
    count: Option<u64>,
    pub(super) result: &'static str,
    returned: Option<i64>,
    /// When it returned; of counted calls, when the last of them completed.
    pub time_ns: u64,
    duration_ns: u64,
    tries: u32,
    /// The library's object; 0: none.
    pub object: u64,
    /// What that was made from; 0: none.
    pub parent: u64,
    bits: u32,
    /// What it tells of handshakes; `None`: nothing.
    pub telling: Option<Telling>,
    /// Whether it verifies a certificate for a purpose that another call said; see [`Decoded::verified_for`].
    pub verifies: Option<Verifies>,
    /// What came of a handshake, if this was one: whether it succeeded.
    pub handshake: Option<bool>,
}

impl Decoded {
    /// The event's body.
    pub fn body(&self) -> event::ApiCall<'_> {
        event::ApiCall {
            function: &self.function.name,
            family: &self.function.family,
            topic: &self.function.topic,
            library: &self.library.path,
            file: self.library.file,
            count: self.count,
            result: self.result,
            returned: self.returned,
            duration_ns: self.duration_ns,
            tries: self.tries,
            object: self.object,
            parent: self.parent,
            args: &self.args,
            bits: self.bits,
        }
    }
}

/// A completed call. `None`: the segment doesn't say which function or file it is.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn api_call(
    record: &Record<'_>,
    segment: SegmentId,
    tables: &Tables,
    redact: &Redactor,
) -> Result<Option<Decoded>, RecordError> {
    let call: ApiCall = record.payload()?;
    let (path, path2) = (redact.locator(record.str(call.path)?), redact.locator(record.str(call.path2)?));
    let host = redact.host(record.str(call.host)?);
    let name = redact.algorithm(record.str(call.name)?);
    let Some((function, library)) = tables.find(segment, call.function, call.library) else {
        return Ok(None);
    };
    let values = Values {
        numbers: [call.n0, call.n1, call.n2, call.n3],
        name: &name,
        path: &path,
        path2: &path2,
        host: &host,
        is_incomplete: call.bits & api_bits::ARGUMENT_UNREADABLE != 0,
    };
    let mut args = Vec::new();
    put_args(&mut args, &function.args, &values);
    let returned = (call.bits & api_bits::RESULT_UNKNOWN == 0).then_some(call.result);
    let success = returned.and_then(|result| succeeded(function.success, result));
    let telling = telling(&function, &values, success);
    let purposes = tables.purposes(segment);
    let verifies = purposes.and_then(|p| verifies(&call, &function, p, library.tells_purpose));
    let is_handshake = function.topic() == Some(Topic::Handshake);
    let time_ns = record.header().time_ns;
    Ok(Some(Decoded {
        args,
        count: None,
        result: match success {
            Some(true) => "success",
            Some(false) => "failure",
            None => "unknown",
        },
        returned,
        time_ns,
        duration_ns: if call.entered_ns == 0 { 0 } else { time_ns.saturating_sub(call.entered_ns) },
        tries: call.tries.max(1),
        object: call.object,
        parent: call.parent,
        bits: call.bits,
        verifies,
        handshake: success.filter(|_| is_handshake),
        telling,
        function,
        library,
    }))
}

/// Calls that the kernel counted. `None`: the segment doesn't say which function or file it is.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn api_count(
    record: &Record<'_>,
    segment: SegmentId,
    tables: &Tables,
) -> Result<Option<Decoded>, RecordError> {
    let count: ApiCount = record.payload()?;
    let Some((function, library)) = tables.find(segment, count.function, count.library) else {
        return Ok(None);
    };
    // The record is made when the kernel's counters are read: later, even after the process ended.
    let read_ns = record.header().time_ns;
    let time_ns = if count.to_ns == 0 { read_ns } else { count.to_ns.min(read_ns) };
    let is = |bit| count.bits & bit != 0;
    let result = if is(api_bits::FAILED) {
        "failure"
    } else if is(api_bits::RESULT_UNKNOWN) {
        "unknown"
    } else {
        "success"
    };
    let values = Values {
        numbers: [count.n0, count.n1, 0, 0],
        is_incomplete: is(api_bits::ARGUMENT_UNREADABLE),
        ..Values::default()
    };
    let mut args = Vec::new();
    put_args(&mut args, &function.args, &values);
    Ok(Some(Decoded {
        args,
        count: Some(count.count),
        result,
        returned: None,
        time_ns,
        duration_ns: if count.from_ns == 0 { 0 } else { time_ns.saturating_sub(count.from_ns) },
        tries: 1,
        object: 0,
        parent: 0,
        bits: count.bits,
        verifies: None,
        handshake: None,
        telling: None,
        function,
        library,
    }))
}

/// Whether a result means success; `None`: it doesn't tell.
fn succeeded(rule: Success, result: i64) -> Option<bool> {
    let int = result as i32;
    Some(match rule {
        Success::None => return None,
        Success::One => int == 1,
        Success::Positive => int >= 1,
        Success::Zero => int == 0,
        Success::NotNegative => int >= 0,
        Success::Pointer => result != 0,
        Success::Nil => result == 0,
    })
}

fn telling(function: &Function, values: &Values<'_>, success: Option<bool>) -> Option<Telling> {
    let mut telling = Telling::default();
    let args = function.args.iter().filter_map(|arg| Some((arg, values.get(arg.slot)?)));
    match function.topic()? {
        Topic::Context => telling.is_new = success != Some(false),
        Topic::Handshake => telling.is_handshake = true,
        Topic::VerifyMode => telling.mode = args.clone().find_map(|(arg, value)| mode(arg, value)),
        Topic::VerifyResult => {
            let said = args.clone().find_map(|(arg, value)| verified(arg.kind?, value));
            let by_result = success.map(|ok| if ok { "ok" } else { "failed" }.to_owned());
            telling.verified = said.or(by_result);
        }
        _ => {}
    }
    if let Some(arg) = function.args.iter().find(|arg| &*arg.name == PURPOSE) {
        // One that could not be read was set all the same.
        telling.purpose = Some(match values.get(arg.slot) {
            Some(Value::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => String::new(),
        });
        // To say what a certificate is verified for is no verification.
        telling.verified = None;
    }
    (telling != Telling::default()).then_some(telling)
}

fn mode(arg: &super::args::Argument, value: Value<'_>) -> Option<Mode> {
    let Value::Number(number) = value else { return None };
    let on = match arg.kind? {
        ArgumentKind::OpensslVerifyMode | ArgumentKind::WolfsslVerifyMode => number & 1 != 0,
        ArgumentKind::MbedtlsVerifyMode => number == 1 || number == 2,
        ArgumentKind::Bool if &*arg.name == "insecure_skip_verify" => number == 0,
        ArgumentKind::Bool if &*arg.name == "verify" => number != 0,
        _ => return None,
    };
    Some(if on { Mode::On } else { Mode::Off })
}

fn verified(kind: ArgumentKind, value: Value<'_>) -> Option<String> {
    let Value::Number(number) = value else { return None };
    match kind {
        ArgumentKind::OpensslVerifyResult | ArgumentKind::GnutlsVerifyStatus if number == 0 => {
            Some("ok".to_owned())
        }
        ArgumentKind::OpensslVerifyResult | ArgumentKind::GnutlsVerifyStatus => {
            names::of(kind).map(|list| list.name(number))
        }
        _ => None,
    }
}
