//! What the kernel programs are told before they are loaded: `struct ct_config` of bpf/config.h, byte by byte.
//!
//! Invariants:
//! - A pattern is reduced so that the kernel lets through all that it can match, and as little else as possible.
//! - The layout is held against the object's BTF by a test.

use crypto_tracer_format::catalogue::Pattern;

/// Words of a path's end that are compared.
pub const TAIL_WORDS: usize = 4;
/// Most ends.
pub const MAX_TAILS: usize = 128;
/// Words of a path's beginning that are compared.
pub const HEAD_WORDS: usize = 16;
/// Most beginnings.
pub const MAX_HEADS: usize = 16;
/// Most pids, and most uids or cgroups.
pub const MAX_PIDS: usize = 16384;
/// Most uids, and most cgroups.
pub const MAX_FILTER: usize = 1024;
/// Losses: reasons per fact, and all slots.
pub const LOSS_REASONS: u32 = 8;
/// All slots of the table of losses.
pub const LOSS_SLOTS: u32 = 128;

const GATE_WORDS: usize = 1024;
const TAIL_BYTES: usize = TAIL_WORDS * 8;
const HEAD_BYTES: usize = HEAD_WORDS * 8;

/// Offset and size of each field of `struct ct_config`, for the layout test.
pub const CONFIG_FIELDS: &[(&str, usize, usize)] = &[
    ("own_tgid", 0, 4),
    ("wake_bytes", 4, 4),
    ("filter_pids", 8, 4),
    ("filter_uids", 12, 4),
    ("filter_cgroups", 16, 4),
    ("follow_children", 20, 4),
    ("tails", 24, 4),
    ("heads", 28, 4),
    ("gate", 32, GATE_WORDS * 8),
    ("tail", 32 + GATE_WORDS * 8, MAX_TAILS * (2 * TAIL_BYTES + 8)),
    ("head", 32 + GATE_WORDS * 8 + MAX_TAILS * (2 * TAIL_BYTES + 8), MAX_HEADS * 2 * HEAD_BYTES),
];

/// Size of `struct ct_config`.
pub const CONFIG_BYTES: usize =
    32 + GATE_WORDS * 8 + MAX_TAILS * (2 * TAIL_BYTES + 8) + MAX_HEADS * 2 * HEAD_BYTES;

/// More patterns than the kernel's table holds.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Too many ends.
    #[error(
        "{0} file patterns by suffix or name were given; at most {MAX_TAILS} fit, the built-in ones included"
    )]
    Tails(usize),
    /// Too many beginnings.
    #[error("{0} file patterns that only say how a path begins were given; at most {MAX_HEADS} fit")]
    Heads(usize),
}

/// The end of a path: right-justified bytes, and which of them count.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tail {
    text: Vec<u8>,
    min: usize,
}

/// What the programs are told.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The recorder.
    pub own_tgid: u32,
    /// Wake the reader when so much waits.
    pub wake_bytes: u32,
    /// The table of pids decides.
    pub filter_pids: bool,
    /// The table of uids decides.
    pub filter_uids: bool,
    /// The table of cgroups decides.
    pub filter_cgroups: bool,
    /// Children of processes in the table of pids are added to it.
    pub follow_children: bool,
    tails: Vec<Tail>,
    heads: Vec<Vec<u8>>,
}

impl Config {
    /// With these patterns, and no filters.
    ///
    /// # Errors
    /// More patterns than fit.
    pub fn new(patterns: &[Pattern]) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        for pattern in patterns {
            match pattern {
                Pattern::Suffix(s) => config.tail(s, s.len()),
                Pattern::Name(n) => config.name(n),
                // A path may be given in many ways, but its last component stays. The recorder compares the rest.
                Pattern::Path(p) => config.name(crypto_tracer_format::catalogue::files::basename(p)),
                Pattern::Prefix(p) => {
                    let head = p[..p.len().min(HEAD_BYTES - 1)].to_vec();
                    if !config.heads.contains(&head) {
                        config.heads.push(head);
                    }
                }
            }
        }
        if config.tails.len() > MAX_TAILS {
            return Err(ConfigError::Tails(config.tails.len()));
        }
        if config.heads.len() > MAX_HEADS {
            return Err(ConfigError::Heads(config.heads.len()));
        }
        Ok(config)
    }

    /// A last component: the kernel puts a slash before a bare name.
    fn name(&mut self, name: &[u8]) {
        self.tail(&[b"/", name].concat(), name.len());
    }

    fn tail(&mut self, text: &[u8], min: usize) {
        let tail = Tail { text: text[text.len().saturating_sub(TAIL_BYTES)..].to_vec(), min };
        if !self.tails.contains(&tail) {
            self.tails.push(tail);
        }
    }

    /// As the kernel programs read it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(CONFIG_BYTES);
        let flags = [self.filter_pids, self.filter_uids, self.filter_cgroups, self.follow_children];
        let words = [self.own_tgid, self.wake_bytes]
            .into_iter()
            .chain(flags.map(u32::from))
            .chain([self.tails.len() as u32, self.heads.len() as u32]);
        words.for_each(|word| out.extend_from_slice(&word.to_ne_bytes()));
        let mut gate = [0u64; GATE_WORDS];
        for tail in &self.tails {
            let last = tail.text.last().copied().unwrap_or_default();
            let before = tail.text.len().checked_sub(2).map(|at| tail.text[at]);
            for first in 0..=u8::MAX {
                if before.is_none_or(|b| b == first) {
                    let bit = usize::from(first) << 8 | usize::from(last);
                    gate[bit >> 6] |= 1 << (bit & 63);
                }
            }
        }
        gate.iter().for_each(|word| out.extend_from_slice(&word.to_ne_bytes()));
        for tail in &self.tails {
            let start = TAIL_BYTES - tail.text.len();
            put_masked(&mut out, TAIL_BYTES, start, &tail.text);
            out.extend_from_slice(&(tail.min as u64).to_ne_bytes());
        }
        out.resize(out.len() + (MAX_TAILS - self.tails.len()) * (2 * TAIL_BYTES + 8), 0);
        for head in &self.heads {
            put_masked(&mut out, HEAD_BYTES, 0, head);
        }
        out.resize(CONFIG_BYTES, 0);
        out
    }
}

/// Mask, then value.
fn put_masked(out: &mut Vec<u8>, size: usize, start: usize, text: &[u8]) {
    let at = out.len();
    out.resize(at + 2 * size, 0);
    out[at + start..at + start + text.len()].fill(0xff);
    out[at + size + start..at + size + start + text.len()].copy_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_each_other() {
        let mut end = 0;
        for (name, offset, size) in CONFIG_FIELDS {
            assert_eq!(*offset, end, "{name}");
            end += size;
        }
        assert_eq!(end, CONFIG_BYTES);
    }

    #[test]
    fn patterns_are_reduced_to_ends_and_beginnings() {
        let long = vec![b'x'; 40];
        let patterns = [
            Pattern::Suffix(b".pem".to_vec()),
            Pattern::Name(b"id_rsa".to_vec()),
            Pattern::Path(b"/etc/app/id_rsa".to_vec()),
            Pattern::Suffix(long.clone()),
            Pattern::Prefix(b"/srv/".to_vec()),
        ];
        let config = Config::new(&patterns).expect("they fit");
        assert_eq!(
            config.tails,
            [
                Tail { text: b".pem".to_vec(), min: 4 },
                Tail { text: b"/id_rsa".to_vec(), min: 6 },
                Tail { text: long[..32].to_vec(), min: 40 },
            ]
        );
        assert_eq!(config.heads, [b"/srv/".to_vec()]);
        let bytes = config.bytes();
        assert_eq!(bytes.len(), CONFIG_BYTES);
        let gate = |pair: &[u8; 2]| {
            let bit = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            bytes[32 + bit / 8] >> (bit % 8) & 1 == 1
        };
        assert!(gate(b"em") && gate(b"sa") && gate(b"xx"));
        assert!(!gate(b"so") && !gate(b"me"));
    }

    #[test]
    fn too_many_are_refused() {
        let many: Vec<Pattern> = (0..129).map(|i| Pattern::Suffix(format!(".{i}").into_bytes())).collect();
        assert_eq!(Config::new(&many).err(), Some(ConfigError::Tails(129)));
    }
}
