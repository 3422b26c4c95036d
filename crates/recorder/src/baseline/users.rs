//! Names of users, from /etc/passwd.
//!
//! Invariant: read once, lines bounded by the file; users of a directory service aren't in it and stay numbers.

use std::collections::HashMap;

/// The names of the host's user database.
#[derive(Debug, Default)]
pub(super) struct Users(HashMap<u32, Vec<u8>>);

/// More than any local database has.
const FILE_BYTES: u64 = 8 << 20;

impl Users {
    /// Reads the database; an unreadable one is empty.
    pub(super) fn load() -> Users {
        let mut text = Vec::new();
        if let Ok(file) = std::fs::File::open("/etc/passwd") {
            let read = std::io::Read::read_to_end(&mut std::io::Read::take(file, FILE_BYTES), &mut text);
            if read.is_err() {
                text.clear();
            }
        }
        Users::parse(&text)
    }

    fn parse(text: &[u8]) -> Users {
        let mut users = HashMap::new();
        for line in text.split(|&b| b == b'\n') {
            let mut fields = line.split(|&b| b == b':');
            let (name, uid) = (fields.next(), fields.nth(1));
            let uid = uid.and_then(|u| std::str::from_utf8(u).ok()).and_then(|u| u.parse().ok());
            if let (Some(name), Some(uid)) = (name, uid)
                && !name.is_empty()
            {
                // The first line of a number counts, as in getpwuid(3).
                users.entry(uid).or_insert_with(|| name.to_vec());
            }
        }
        Users(users)
    }

    pub(super) fn name(&self, uid: u32) -> Option<&[u8]> {
        self.0.get(&uid).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_broken_lines_skipped() {
        let users = Users::parse(
            b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n#c\n\n:x:5:\nbob:x:y:\nal\xff:x:7:7:",
        );
        assert_eq!(users.name(0), Some(&b"root"[..]));
        assert_eq!(users.name(7), Some(&b"al\xff"[..]));
        assert_eq!(users.name(5), None);
    }
}
