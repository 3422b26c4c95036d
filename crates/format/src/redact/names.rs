//! Which names announce a secret: of options, environment variables, query parameters, headers, fields.
//!
//! Invariants:
//! - The tables are the rule. A name is compared in lower case, without `-`, `_` and `.`: `--api-key`, `API_KEY` and
//!   `apiKey` are one.
//! - A name that says *about* a secret (`--password-file`, `--ask-pass`, `max_tokens`) isn't one.

/// What the value after a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A secret, whatever it looks like.
    Secret,
    /// A key, or the path of one: a path is kept.
    KeyOrPath,
    /// A secret that reaches to the end of the line: a header's value.
    Line,
}

/// Headers whose value is more than one word.
const LINES: &[&str] = &["authorization", "cookie"];

/// A name that holds one of these announces a secret.
const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "jwt",
    "hexkey",
    "hexpass",
    "hexsecret",
    "apikey",
    "bearer",
    "sharedaccesssignature",
    "sharedaccesskey",
    "accountkey",
    "storagekey",
    "mnemonic",
    "masterauth",
];

/// A name that ends so announces a secret: these are parts of ordinary words elsewhere.
const ENDINGS: &[&str] = &["pass", "pwd", "psk", "pskkey", "pw"];

/// A name of which one word is exactly this.
const WORDS: &[&str] = &["otp", "pin", "sopin", "auth", "passin", "passout", "signature"];

/// A name that ends so holds a key, or names its file.
const KEYS: &[&str] = &[
    "credential",
    "credentials",
    "cred",
    "creds",
    "hmackey",
    "aeskey",
    "recoverykey",
    "unlockkey",
    "deploykey",
    "primarykey",
    "secondarykey",
    "accesskey",
    "accesskeyid",
    "privatekey",
    "privkey",
    "sharedkey",
    "masterkey",
    "encryptionkey",
    "signingkey",
    "authkey",
    "licensekey",
    "sessionkey",
    "setupkey",
    "adminkey",
    "preauthkey",
];

/// Parameters of a URL that are secrets there and ordinary elsewhere.
const QUERY: &[&str] = &["key", "sig", "code", "session", "sessionid", "sid", "auth", "k"];

/// A name whose last word is one of these tells where a secret is, or how it should be.
const ABOUT: &[&str] = &[
    "file", "path", "dir", "stdin", "fd", "env", "url", "uri", "endpoint", "host", "port", "policy",
    "length", "type", "ttl", "expiry", "lifetime", "identity", "hint", "prompt", "limit", "count", "sock",
    "source", "format", "command", "cmd",
];

/// An option whose first word is one of these asks for a secret, or speaks of its absence. A variable
/// (`SKIP_SECRET=x`) has a value all the same.
const ASKING: &[&str] = &["no", "ask", "prompt", "without", "disable", "skip", "max", "min", "num"];

/// Ordinary names that a rule above would catch.
const ORDINARY: &[&str] =
    &["bypass", "compass", "tokenizer", "tokenize", "oldpwd", "passthrough", "tokensperbatch"];

/// What the value of this name is; `None`: nothing secret.
pub(super) fn value_of(name: &[u8]) -> Option<Value> {
    // The shell's own variable holds the working directory.
    if name.is_empty() || name.len() > 256 || name == b"PWD" {
        return None;
    }
    let words = words(name);
    let whole = words.concat();
    let is = |table: &[&str], word: &str| table.contains(&word);
    let (first, last) = (words.first()?.as_str(), words.last()?.as_str());
    if is(ABOUT, last)
        || (name.starts_with(b"-") && words.len() > 1 && is(ASKING, first))
        || ORDINARY.iter().any(|o| whole.ends_with(o))
    {
        return None;
    }
    // -passin and -keypass are one word, file and stdin at the end of one word too.
    if words.len() == 1 && ["file", "stdin"].iter().any(|about| last.ends_with(about)) {
        return None;
    }
    if LINES.iter().any(|l| whole.contains(l)) {
        return Some(Value::Line);
    }
    if SECRETS.iter().any(|s| whole.contains(s))
        || ENDINGS.iter().any(|e| whole.ends_with(e))
        || words.iter().any(|w| is(WORDS, w))
    {
        return Some(Value::Secret);
    }
    KEYS.iter().any(|k| whole.ends_with(k)).then_some(Value::KeyOrPath)
}

/// Whether a parameter of a URL is secret.
pub(super) fn in_query(name: &[u8]) -> bool {
    value_of(name).is_some() || QUERY.contains(&words(name).concat().as_str())
}

/// Whether a byte can be part of a name.
pub(super) fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

/// The words of a name in lower case: at separators, and where a lower-case letter meets a capital.
fn words(name: &[u8]) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = b'-';
    for &b in name {
        let separator = !b.is_ascii_alphanumeric();
        let hump = before.is_ascii_lowercase() && b.is_ascii_uppercase();
        if (separator || hump) && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        if let (false, Some(word)) = (separator, words.last_mut()) {
            word.push(b.to_ascii_lowercase() as char);
        }
        before = b;
    }
    words.retain(|w| !w.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        for (name, want) in [
            ("password", Some(Value::Secret)),
            ("--db-password", Some(Value::Secret)),
            ("DB_PASS", Some(Value::Secret)),
            ("MYSQL_PWD", Some(Value::Secret)),
            ("javax.net.ssl.keyStorePassword", Some(Value::Secret)),
            ("-storepass", Some(Value::Secret)),
            ("clientSecret", Some(Value::Secret)),
            ("X-Auth-Token", Some(Value::Secret)),
            ("apiKey", Some(Value::Secret)),
            ("api-key", Some(Value::Secret)),
            ("so-pin", Some(Value::Secret)),
            ("-psk", Some(Value::Secret)),
            ("-pw", Some(Value::Secret)),
            ("-passin", Some(Value::Secret)),
            ("X-Amz-Signature", Some(Value::Secret)),
            ("AWS_SECRET_ACCESS_KEY", Some(Value::Secret)),
            ("Authorization", Some(Value::Line)),
            ("Set-Cookie", Some(Value::Line)),
            ("private-key", Some(Value::KeyOrPath)),
            ("GOOGLE_APPLICATION_CREDENTIALS", Some(Value::KeyOrPath)),
            ("access_key", Some(Value::KeyOrPath)),
            ("--password-file", None),
            ("--password-stdin", None),
            ("--passphrase-fd", None),
            ("PASSWORD_STORE_DIR", None),
            ("--ask-pass", None),
            ("--no-password", None),
            ("--max-tokens", None),
            ("MAX_API_TOKEN", Some(Value::Secret)),
            ("SKIP_SECRET", Some(Value::Secret)),
            ("NO_PROXY_PASSWORD", Some(Value::Secret)),
            ("--bindpw", Some(Value::Secret)),
            ("rootpw", Some(Value::Secret)),
            ("--otp", Some(Value::Secret)),
            ("mnemonic", Some(Value::Secret)),
            ("requirepass", Some(Value::Secret)),
            ("masterauth", Some(Value::Secret)),
            ("AccountKey", Some(Value::Secret)),
            ("--creds", Some(Value::KeyOrPath)),
            ("DB_CRED", Some(Value::KeyOrPath)),
            ("--eab-hmac-key", Some(Value::KeyOrPath)),
            ("aes-key", Some(Value::KeyOrPath)),
            ("recovery-key", Some(Value::KeyOrPath)),
            ("unlock-key", Some(Value::KeyOrPath)),
            ("deploy-key", Some(Value::KeyOrPath)),
            ("primary-key", Some(Value::KeyOrPath)),
            ("secondary-key", Some(Value::KeyOrPath)),
            ("tokenizer", None),
            ("PWD", None),
            ("OLDPWD", None),
            ("--bypass", None),
            ("spin", None),
            ("mapping", None),
            ("key", None),
            ("-keyfile", None),
            ("PATH", None),
            ("SSH_AUTH_SOCK", None),
            ("", None),
            ("--", None),
        ] {
            assert_eq!(value_of(name.as_bytes()), want, "{name}");
        }
        assert!(in_query(b"sig") && in_query(b"key") && in_query(b"access_token") && !in_query(b"page"));
    }
}
