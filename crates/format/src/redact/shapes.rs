//! Secrets that are known by their look, wherever they stand: tokens with a prefix of their own, PEM blocks.
//!
//! Invariant: the table is the rule; a shape needs its minimal length, so that short ordinary words stay.

use super::REDACTED;
use std::borrow::Cow;

struct Shape {
    prefix: &'static str,
    /// How many more bytes of `[A-Za-z0-9_.-]` (and `/`, of an address) must follow, at least.
    more: usize,
    #[cfg_attr(not(test), allow(dead_code, reason = "read by the test that proves each row"))]
    example: &'static str,
}

const fn shape(prefix: &'static str, more: usize, example: &'static str) -> Shape {
    Shape { prefix, more, example }
}

/// Tokens. A row's example is what its test redacts.
const SHAPES: &[Shape] = &[
    shape("AKIA", 16, "AKIAIOSFODNN7EXAMPLE"),
    shape("ASIA", 16, "ASIAIOSFODNN7EXAMPLE"),
    shape("ghp_", 20, "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
    shape("gho_", 20, "gho_0123456789abcdefghijABCDEFGHIJ012345"),
    shape("ghu_", 20, "ghu_0123456789abcdefghijABCDEFGHIJ012345"),
    shape("ghs_", 20, "ghs_0123456789abcdefghijABCDEFGHIJ012345"),
    shape("ghr_", 20, "ghr_0123456789abcdefghijABCDEFGHIJ012345"),
    shape("github_pat_", 20, "github_pat_0123456789abcdefghij0123456789"),
    shape("glpat-", 16, "glpat-0123456789abcdefghij"),
    shape("xoxa-", 10, "xoxa-2-0123456789"),
    shape("xoxb-", 10, "xoxb-0123456789-abcdef"),
    shape("xoxp-", 10, "xoxp-0123456789-abcdef"),
    shape("xoxr-", 10, "xoxr-0123456789-abcdef"),
    shape("xoxs-", 10, "xoxs-0123456789-abcdef"),
    shape("xapp-", 10, "xapp-1-0123456789"),
    shape("sk_live_", 16, "sk_live_0123456789abcdef"),
    shape("rk_live_", 16, "rk_live_0123456789abcdef"),
    shape("sk-", 24, "sk-0123456789abcdefghijABCD"),
    shape("AIza", 30, "AIza0123456789abcdefghijABCDEFGHIJ01234"),
    shape("ya29.", 16, "ya29.0123456789abcdef"),
    shape("hvs.", 16, "hvs.0123456789abcdefghij"),
    shape("npm_", 30, "npm_0123456789abcdefghijABCDEFGHIJ012345"),
    shape("pypi-", 32, "pypi-0123456789abcdefghijABCDEFGHIJ012345"),
    shape("dckr_pat_", 16, "dckr_pat_0123456789abcdefghij"),
    shape("SG.", 24, "SG.0123456789abcdef.0123456789abcdef"),
    shape("hooks.slack.com/services/", 10, "hooks.slack.com/services/T0123/B0123/abcdefghij"),
    shape("hooks.slack.com/workflows/", 10, "hooks.slack.com/workflows/T0123/A0123/abcdefghij"),
    shape("discord.com/api/webhooks/", 10, "discord.com/api/webhooks/0123456789/abc-def_ghij"),
    shape("discordapp.com/api/webhooks/", 10, "discordapp.com/api/webhooks/0123456789/abcdefghij"),
    shape("AGE-SECRET-KEY-1", 20, "AGE-SECRET-KEY-10123456789ABCDEFGHIJ"),
    shape("eyJ", 20, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
];

const PEM_BEGIN: &[u8] = b"-----BEGIN ";
const PEM_END: &[u8] = b"-----END ";

/// Replaces every known shape in `text`.
pub(super) fn redact(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let (mut copied, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let free = at == 0 || !text[at - 1].is_ascii_alphanumeric();
        match if free { length(rest) } else { None } {
            Some(len) => {
                let out = out.get_or_insert_default();
                out.extend_from_slice(&text[copied..at]);
                out.extend_from_slice(REDACTED);
                at += len;
                copied = at;
            }
            None => at += 1,
        }
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.extend_from_slice(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// How long the secret is that `text` begins with.
fn length(text: &[u8]) -> Option<usize> {
    if text.starts_with(PEM_BEGIN) {
        // Up to the line that ends the block; a block that is cut goes as far as the text does.
        let end = find(text, PEM_END).map(|at| at + PEM_END.len());
        return Some(match end {
            Some(label) => match find(&text[label..], b"-----") {
                Some(dashes) => label + dashes + 5,
                None => text.len(),
            },
            None => text.len(),
        });
    }
    SHAPES.iter().find_map(|shape| {
        let rest = text.strip_prefix(shape.prefix.as_bytes())?;
        let address = shape.prefix.ends_with('/');
        let more = rest.iter().take_while(|&&b| is_token_byte(b) || (address && b == b'/')).count();
        (more >= shape.more).then_some(shape.prefix.len() + more)
    })
}

fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_redacts_its_example() {
        for shape in SHAPES {
            for around in [("", ""), ("x ", " y"), ("--t=", ",z"), ("'", "'")] {
                let text = format!("{}{}{}", around.0, shape.example, around.1);
                let want = format!("{}[REDACTED]{}", around.0, around.1);
                assert_eq!(String::from_utf8_lossy(&redact(text.as_bytes())), want);
            }
            let short = &shape.example[..shape.prefix.len() + 2];
            assert_eq!(&*redact(short.as_bytes()), short.as_bytes(), "too short to be one");
        }
    }

    #[test]
    fn a_pem_block_goes_whole_or_as_far_as_it_is_there() {
        let pem = "a -----BEGIN RSA PRIVATE KEY-----\nMIIB\nAA==\n-----END RSA PRIVATE KEY----- b";
        assert_eq!(&*redact(pem.as_bytes()), b"a [REDACTED] b");
        for cut in 13..pem.len() - 2 {
            let got = redact(&pem.as_bytes()[..cut]);
            assert_eq!(&*got, b"a [REDACTED]", "cut at {cut}");
        }
    }

    #[test]
    fn ordinary_words_stay() {
        for text in
            ["risk-management-of-the-whole-company", "/etc/eyJ", "task-0123456789abcdefghijABCDEF", "SG.1"]
        {
            assert!(matches!(redact(text.as_bytes()), Cow::Borrowed(_)), "{text}");
        }
    }
}
