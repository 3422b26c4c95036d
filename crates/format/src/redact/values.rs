//! Secrets inside one word: `NAME=VALUE`, `"name": "value"`, `user:pass@host`, parameters of URLs.
//!
//! Invariant: what is replaced reaches at least to the next byte that can't be part of the value, or to the end.

use super::REDACTED;
use super::names::{self, Value};
use super::tools::Kind;
use super::words::unquote;
use std::borrow::Cow;

/// What remains of a value of this kind. Quotes around all of it stay where only a part is replaced.
pub(super) fn redact_as(kind: Kind, value: &[u8]) -> Cow<'_, [u8]> {
    let (open, inner, close) = unquote(value);
    let keep = Cow::Borrowed(value);
    let after = |cut: usize| Cow::Owned([open, &inner[..cut], REDACTED, close].concat());
    match kind {
        _ if inner.is_empty() => keep,
        Kind::Secret | Kind::Line => Cow::Borrowed(REDACTED),
        Kind::KeyOrPath if looks_like_path(inner) => keep,
        Kind::KeyOrPath => Cow::Borrowed(REDACTED),
        Kind::Quoted if open.is_empty() && !inner.starts_with(b"$") => keep,
        Kind::Quoted => Cow::Borrowed(REDACTED),
        Kind::UserThen(_) if inner.starts_with(b"pkcs11:") => keep,
        Kind::UserThen(separator) => match inner.iter().position(|&b| b == separator) {
            Some(at) if at + 1 < inner.len() => after(at + 1),
            _ => keep,
        },
        Kind::Source => match inner {
            b"stdin" | b"prompt" => keep,
            _ if [&b"file:"[..], b"env:", b"fd:"].iter().any(|s| inner.starts_with(s)) => keep,
            _ if inner.starts_with(b"pass:") => after(5),
            _ => Cow::Borrowed(REDACTED),
        },
        Kind::KeyParameter => match inner.iter().position(|&b| b == b':') {
            Some(at)
                if [&b"key"[..], b"pass", b"secret"].iter().any(|s| inner[..at].ends_with(s))
                    && at + 1 < inner.len() =>
            {
                after(at + 1)
            }
            _ => keep,
        },
    }
}

/// Whether a value reads as the path of a file rather than a key: base64 may begin with a slash too.
fn looks_like_path(value: &[u8]) -> bool {
    if value.contains(&b'+') || value.ends_with(b"=") || value.split(|&b| b == b'/').any(is_random) {
        return false;
    }
    [&b"/"[..], b"./", b"../", b"~/", b"file:"].iter().any(|s| value.starts_with(s))
        || crate::catalogue::files::file_type(value).is_some()
}

/// Whether a component is more likely random than named by somebody: long, with both cases and digits, nothing else.
fn is_random(component: &[u8]) -> bool {
    component.len() >= 24
        && component.iter().all(u8::is_ascii_alphanumeric)
        && component.iter().any(u8::is_ascii_lowercase)
        && component.iter().any(u8::is_ascii_uppercase)
        && component.iter().any(u8::is_ascii_digit)
}

/// Redacts a text that is one value with its name in front, to its very end: `--password=a b`, `x=token=a`,
/// `Authorization: Bearer a`. `None`: it isn't.
pub(super) fn named(text: &[u8]) -> Option<Vec<u8>> {
    let (open, inner, close) = unquote(text);
    let mut at = 0;
    loop {
        let rest = inner.get(at..)?;
        let len = rest.iter().take_while(|&&b| names::is_name_byte(b)).count();
        let separator = *rest.get(len)?;
        if len == 0 || !matches!(separator, b'=' | b':') {
            return None;
        }
        let blanks = rest[len + 1..].iter().take_while(|b| **b == b' ').count();
        let value = &rest[len + 1 + blanks..];
        if value.is_empty() || (separator == b':' && value.starts_with(b"//")) {
            return None;
        }
        match names::value_of(&rest[..len]) {
            Some(kind) => {
                let kept = redact_as(kind.into(), value);
                let head = &inner[..at + len + 1 + blanks];
                return (*kept != *value).then(|| [open, head, &*kept, close].concat());
            }
            None if separator == b'=' => {
                at += len + 1;
                at += usize::from(matches!(inner.get(at), Some(b'"' | b'\'')));
            }
            None => return None,
        }
    }
}

impl From<Value> for Kind {
    fn from(value: Value) -> Kind {
        match value {
            Value::Secret => Kind::Secret,
            Value::KeyOrPath => Kind::KeyOrPath,
            Value::Line => Kind::Line,
        }
    }
}

/// Redacts every `name=value`, `name:value` and `name("value")` inside a word.
pub(super) fn pairs(word: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let (mut copied, mut at) = (0, 0);
    while at < word.len() {
        let call = word[at] == b'(' && matches!(word.get(at + 1), Some(b'"' | b'\''));
        if !call && !matches!(word[at], b'=' | b':') {
            at += 1;
            continue;
        }
        let Some((kind, value)) = pair_at(word, copied, at) else {
            at += 1;
            continue;
        };
        let kept = redact_as(kind, &word[value.clone()]);
        if *kept != word[value.clone()] {
            let out = out.get_or_insert_default();
            out.extend_from_slice(&word[copied..value.start]);
            out.extend_from_slice(&kept);
            copied = value.end;
        }
        at = value.end.max(at + 1);
    }
    finish(word, out, copied)
}

/// The kind and place of the value whose separator is at `at`, if its name (not before `from`) announces a secret.
fn pair_at(word: &[u8], from: usize, at: usize) -> Option<(Kind, std::ops::Range<usize>)> {
    let mut name_end = at;
    // x["name"]=value
    for quote in [b']', b'"', b'\'', b'\\'] {
        if name_end > from && word[name_end - 1] == quote {
            name_end -= 1;
        }
    }
    let len = word[from..name_end].iter().rev().take_while(|&&b| names::is_name_byte(b)).count();
    let name = &word[name_end - len..name_end];
    let before = word[from..name_end - len].last().copied();
    // PATH:PATH is no name and value; /NAME:VALUE as on Windows is.
    let path = before == Some(b'/') && (name_end - len > 1 || word[at + 1..].starts_with(b"/"));
    if word[at] == b':' && (path || word[at + 1..].starts_with(b"//")) {
        return None;
    }
    let kind = match names::value_of(name) {
        // The label of a token in a PKCS #11 URI.
        Some(_) if name == b"token" && word.windows(7).any(|w| w == b"pkcs11:") => return None,
        Some(value) => value.into(),
        None if matches!(before, Some(b'?' | b'&' | b'#')) && names::in_query(name) => Kind::Secret,
        None => return None,
    };
    // As well as = there is == and =>.
    let operator = word[at + 1..].iter().take_while(|b| word[at] == b'=' && b"=>".contains(b)).count();
    let after = at + 1 + operator;
    let start = after + word[after..].iter().take_while(|b| b.is_ascii_whitespace()).count();
    let rest = &word[start..];
    let until = |ends: &[u8]| rest.iter().position(|b| ends.contains(b)).unwrap_or(rest.len());
    let len = match rest {
        [b'\\', b'"', inner @ ..] => {
            inner.windows(2).position(|w| w == b"\\\"").map_or(rest.len(), |end| end + 4)
        }
        [q @ (b'"' | b'\''), inner @ ..] => closing(inner, *q).map_or(rest.len(), |end| end + 2),
        _ if kind == Kind::Line => until(b"\"'"),
        _ if matches!(before, Some(b'"' | b'\'')) && name_end == at => until(b"\"'&"),
        _ => until(b"&;,\"'`)}>|< \t\r\n#\\"),
    };
    Some((kind, start..start + len))
}

/// Redacts what stands in an XML element with a secret's name.
pub(super) fn elements(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let (mut copied, mut at) = (0, 0);
    while let Some(open) = text[at..].iter().position(|&b| b == b'<') {
        at += open + 1;
        let tag = &text[at..at + text[at..].iter().position(|b| b"<>".contains(b)).unwrap_or(0)];
        let name = tag.split(|b| b.is_ascii_whitespace()).next().unwrap_or(tag);
        let name = name.rsplit(|&b| b == b':').next().unwrap_or(name);
        let Some(kind) = names::value_of(name).filter(|_| !tag.starts_with(b"/") && !tag.ends_with(b"/"))
        else {
            continue;
        };
        let start = at + tag.len() + 1;
        let Some(rest) = text.get(start..) else { break };
        let ends = |b: &u8| b.is_ascii_whitespace() || b"<\"'`".contains(b);
        let len = rest.windows(2).position(|w| w == b"</").or_else(|| rest.iter().position(ends));
        let value = &rest[..len.unwrap_or(rest.len())];
        let kept = redact_as(kind.into(), value);
        if !value.trim_ascii().is_empty() && *kept != *value {
            let out = out.get_or_insert_default();
            out.extend_from_slice(&text[copied..start]);
            out.extend_from_slice(&kept);
            copied = start + value.len();
        }
        at = start + value.len();
    }
    finish(text, out, copied)
}

/// Redacts the password in `jdbc:oracle:thin:user/pass@host`.
pub(super) fn oracle(word: &[u8]) -> Cow<'_, [u8]> {
    const SCHEME: &[u8] = b"jdbc:oracle:";
    let secret = word.windows(SCHEME.len()).position(|w| w == SCHEME).and_then(|found| {
        let from = found + SCHEME.len();
        let slash = from + word[from..].iter().position(|&b| b == b'/')? + 1;
        let at = from + word[from..].iter().rposition(|&b| b == b'@')?;
        word.get(slash..at)
            .filter(|s| !s.is_empty() && *s != REDACTED && !word[from..slash].contains(&b'@'))?;
        Some(slash..at)
    });
    match secret {
        Some(secret) => Cow::Owned([&word[..secret.start], REDACTED, &word[secret.end..]].concat()),
        None => Cow::Borrowed(word),
    }
}

/// Where the quote ends, escaped ones skipped.
fn closing(text: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&b| {
        let ends = b == quote && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })
}

/// Redacts the password in `scheme://user:pass@host` and `user:pass@host`.
pub(super) fn userinfo(word: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut at = 0;
    loop {
        let rest = &word[at..];
        let (start, scheme) = match rest.windows(3).position(|w| w == b"://") {
            Some(found) => (at + found + 3, &rest[..found]),
            None if at == 0 => (0, &b""[..]),
            None => break,
        };
        if let Some(secret) = password_in(&word[start..], scheme) {
            let out = out.get_or_insert_default();
            out.extend_from_slice(&word[copied..start + secret.start]);
            out.extend_from_slice(REDACTED);
            copied = start + secret.end;
        }
        if start == 0 {
            break;
        }
        at = start;
    }
    finish(word, out, copied)
}

/// So far an `@` is looked for behind a slash.
const URL_BYTES: usize = 1024;

/// Where the secret lies in what follows `scheme://` (or in a word without one).
fn password_in(text: &[u8], scheme: &[u8]) -> Option<std::ops::Range<usize>> {
    let ends = |b: &u8| b.is_ascii_whitespace() || b"\"'`<>".contains(b);
    let authority = &text[..text.iter().position(|b| ends(b) || b"/?#".contains(b)).unwrap_or(text.len())];
    let colon = authority.iter().position(|&b| b == b':');
    let at = match (authority.iter().rposition(|&b| b == b'@'), colon) {
        (Some(at), _) => at,
        // A password with an unescaped slash, unless what follows the colon is a port.
        (None, Some(colon))
            if !scheme.is_empty() && !authority[colon + 1..].iter().all(u8::is_ascii_digit) =>
        {
            let near = &text[..text.len().min(URL_BYTES)];
            near[..near.iter().position(ends).unwrap_or(near.len())].iter().rposition(|&b| b == b'@')?
        }
        _ => return None,
    };
    match colon.filter(|&colon| colon < at) {
        Some(colon) if scheme.is_empty() => {
            // IMAGE:TAG@sha256:DIGEST is no password; nor is a word that begins with the colon.
            let digest = text[at + 1..].starts_with(b"sha256:");
            (colon > 0 && colon + 1 < at && !digest).then_some(colon + 1..at)
        }
        Some(colon) => (colon + 1 < at).then_some(colon + 1..at),
        // https://TOKEN@host; the user of ssh://bob@host is none.
        None => (at > 0 && (scheme.ends_with(b"http") || scheme.ends_with(b"https"))).then_some(0..at),
    }
}

fn finish<'a>(word: &'a [u8], out: Option<Vec<u8>>, copied: usize) -> Cow<'a, [u8]> {
    match out {
        None => Cow::Borrowed(word),
        Some(mut out) => {
            out.extend_from_slice(&word[copied..]);
            Cow::Owned(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn passwords_in_urls_go() {
        for (word, want) in [
            ("https://bob:pw@host/x", "https://bob:[REDACTED]@host/x"),
            ("https://bob:p@w@host/x", "https://bob:[REDACTED]@host/x"),
            ("postgres://u:p/w@host/db", "postgres://u:[REDACTED]@host/db"),
            ("redis://:pw@host", "redis://:[REDACTED]@host"),
            ("https://tok@host/x", "https://[REDACTED]@host/x"),
            ("ssh://bob@host/x", "ssh://bob@host/x"),
            ("http://host:8080/a@b", "http://host:8080/a@b"),
            ("a://u:p@h,b://v:q@i", "a://u:[REDACTED]@h,b://v:[REDACTED]@i"),
            ("bob:pw@host", "bob:[REDACTED]@host"),
            ("git@github.com:org/repo", "git@github.com:org/repo"),
            ("img:tag@sha256:ab", "img:tag@sha256:ab"),
            ("x", "x"),
        ] {
            assert_eq!(text(&userinfo(word.as_bytes())), want, "{word}");
        }
    }

    #[test]
    fn pairs_inside_a_word_go() {
        for (word, want) in [
            ("https://x/?a=1&token=abc&b=2", "https://x/?a=1&token=[REDACTED]&b=2"),
            ("https://x/?key=abc#f", "https://x/?key=[REDACTED]#f"),
            ("a?sig=x%2F", "a?sig=[REDACTED]"),
            (r#"{"user":"x","password":"a b","n":1}"#, r#"{"user":"x","password":[REDACTED],"n":1}"#),
            (r#"{\"password\":\"x\",\"n\":1}"#, r#"{\"password\":[REDACTED],\"n\":1}"#),
            ("username=bob,password=x,uid=0", "username=bob,password=[REDACTED],uid=0"),
            ("Server=x;Password=y;Database=z", "Server=x;Password=[REDACTED];Database=z"),
            ("pkcs11:token=t;pin-value=1234", "pkcs11:token=t;pin-value=[REDACTED]"),
            ("/run/token:/x:ro", "/run/token:/x:ro"),
            (r#"ENV["TOKEN"]="S3CR""#, r#"ENV["TOKEN"]=[REDACTED]"#),
            (r#"d['api_key']='S3CR';x"#, r#"d['api_key']=[REDACTED];x"#),
            (r#""token"=>"S3CR","#, r#""token"=>[REDACTED],"#),
            ("AccountName=x;AccountKey=/S3CRab+cd==;E=y", "AccountName=x;AccountKey=[REDACTED];E=y"),
            ("PASSWORD('S3CR')", "PASSWORD([REDACTED])"),
            ("sort.key=2", "sort.key=2"),
        ] {
            assert_eq!(text(&pairs(word.as_bytes())), want, "{word}");
        }
    }

    #[test]
    fn secret_elements_and_oracle_urls_go() {
        for (text_in, want) in [
            ("<a><password>a b</password><n>1</n></a>", "<a><password>[REDACTED]</password><n>1</n></a>"),
            ("<w:Password Type='x'>S3CR</w:Password>", "<w:Password Type='x'>[REDACTED]</w:Password>"),
            ("<token>S3CR", "<token>[REDACTED]"),
            ("<password/> <user>bob</user>", "<password/> <user>bob</user>"),
        ] {
            assert_eq!(text(&elements(text_in.as_bytes())), want, "{text_in}");
        }
        assert_eq!(text(&oracle(b"jdbc:oracle:thin:u/S3CR@h:1/x")), "jdbc:oracle:thin:u/[REDACTED]@h:1/x");
        assert_eq!(text(&oracle(b"jdbc:oracle:thin:@//h:1/x")), "jdbc:oracle:thin:@//h:1/x");
    }

    #[test]
    fn a_named_value_goes_to_its_end() {
        for (arg, want) in [
            ("--password=a b&c", Some("--password=[REDACTED]")),
            ("--from-literal=password=a b", Some("--from-literal=password=[REDACTED]")),
            ("http.extraHeader=Authorization: Basic x", Some("http.extraHeader=Authorization: [REDACTED]")),
            ("'Authorization: Bearer x'", Some("'Authorization: [REDACTED]'")),
            ("--private-key=/etc/x", None),
            ("--access-key=/c2Vjcm0AAd3Vzc2VjcmV0XyZ9", Some("--access-key=[REDACTED]")),
            ("--private-key=/c2Vj+mV0", Some("--private-key=[REDACTED]")),
            ("--private-key=c2VjcmV0", Some("--private-key=[REDACTED]")),
            ("--cert=/etc/x", None),
            ("password=", None),
            ("x", None),
        ] {
            assert_eq!(named(arg.as_bytes()).map(|v| text(&v)), want.map(str::to_string), "{arg}");
        }
    }
}
