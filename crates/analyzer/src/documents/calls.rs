//! The parts about calls of libraries and of the kernel that `profile` and `summary` share.

use super::{Counted, Time};
use serde::Serialize;
use serde_json::{Map, Value};

/// Calls of a function in one library file.
#[derive(Clone, Debug, Serialize)]
pub struct FunctionCalls {
    /// The function.
    pub function_name: String,
    /// The file's name.
    pub library: String,
    /// The file.
    pub library_path: String,
    /// The file's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library_path_hex: Option<String>,
    /// The family of libraries.
    pub family: String,
    /// What the function tells of.
    pub topic: String,
    /// How many calls.
    #[serde(flatten)]
    pub counted: Counted,
    /// Their arguments, the most frequent first; empty where the function's arguments tell nothing.
    pub args: Vec<ArgsCount>,
    /// Further arguments that are not listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub args_left_out: u64,
}

/// Calls with the same arguments.
#[derive(Clone, Debug, Serialize)]
pub struct ArgsCount {
    /// The arguments.
    pub args: Map<String, Value>,
    /// How many calls.
    pub count: u64,
    /// Those that failed.
    pub failures: u64,
}

/// Requests to the kernel that are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KernelCalls {
    /// Which: `af_alg_bind`, `ktls_tx` …
    pub call: String,
    /// Type of the algorithm or key.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name of the algorithm, description of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of keyctl(2), its operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Of kTLS, the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Of kTLS, the cipher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// How many.
    pub count: u64,
    /// Those that failed.
    pub failures: u64,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// Names of the processes; in a profile left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<String>,
}

/// What is done with an algorithm, by any library's functions of one topic.
#[derive(Clone, Debug, Serialize)]
pub struct Use {
    /// What the functions tell of: `algorithm`, `key_generation` …
    pub topic: String,
    /// The arguments: the algorithm, a key's bits …
    pub args: Map<String, Value>,
    /// It is weak by today's standards.
    pub weak: bool,
    /// The functions.
    pub functions: Vec<String>,
    /// How many calls.
    pub count: u64,
    /// Those that failed.
    pub failures: u64,
    /// Names of the processes.
    pub processes: Vec<String>,
}

/// Calls of libraries, in short.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CallsPart {
    /// How many.
    pub count: u64,
    /// Those that failed.
    pub failures: u64,
    /// Algorithms that were used, keys that were made or derived; the weak ones first.
    pub algorithms: Vec<Use>,
    /// Settings of verification, versions and cipher suites.
    pub settings: Vec<Use>,
    /// What came of verifications of certificates, those with failures first. They stand here whether they belong to a
    /// handshake that was seen or not.
    pub verifications: Vec<Use>,
}

/// The kernel's cryptography.
#[derive(Clone, Debug, Default, Serialize)]
pub struct KernelPart {
    /// FIPS mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fips: Option<bool>,
    /// The system's crypto policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crypto_policy: Option<String>,
    /// Algorithms that the kernel has registered.
    pub algorithms: u64,
    /// What was asked of it.
    pub requests: Vec<KernelCalls>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}
