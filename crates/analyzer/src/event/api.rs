//! Calls of libraries' functions.

use super::FileId;

/// A completed call, or calls that the kernel counted. The event's time is when it returned, or the last of them did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiCall<'a> {
    /// The function's name.
    pub function: &'a [u8],
    /// The family of libraries that it belongs to.
    pub family: &'a [u8],
    /// What it tells of: a topic of the catalogue.
    pub topic: &'a [u8],
    /// The file that holds the function, as it was first seen.
    pub library: &'a [u8],
    /// Device and inode of that file.
    pub file: FileId,
    /// How many calls, where the kernel counted them; `None`: this is one call.
    pub count: Option<u64>,
    /// `success`, `failure` or `unknown`; of counted calls, which are completed ones, `success`.
    pub result: &'a str,
    /// What the function returned, where it is known.
    pub returned: Option<i64>,
    /// How long the call took, from its first try on, in nanoseconds; of counted calls, in how long a time they completed;
    /// 0: not known.
    pub duration_ns: u64,
    /// How often it was tried until it completed (a non-blocking handshake); 1 as a rule.
    pub tries: u32,
    /// Names the library's object within the process; 0: none.
    pub object: u64,
    /// Names the object that this one was made from; 0: none.
    pub parent: u64,
    /// The arguments as a JSON object, `{}` where there are none: written once, when the record is read.
    pub args: &'a [u8],
    /// Bits of [`api_bits`](crypto_tracer_format::record::api_bits).
    pub bits: u32,
}
