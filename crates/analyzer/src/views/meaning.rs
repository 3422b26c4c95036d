//! What errors of opening a file mean, for people who don't know them by heart.

const MEANINGS: &[(u32, &str)] = &[
    (1, "not permitted"),
    (2, "no such file"),
    (4, "interrupted"),
    (5, "input/output error"),
    (6, "no such device"),
    (12, "out of memory"),
    (13, "permission denied"),
    (16, "busy"),
    (17, "exists already"),
    (19, "no such device"),
    (20, "a part of the path is no directory"),
    (21, "is a directory"),
    (22, "invalid argument"),
    (23, "too many open files in the system"),
    (24, "too many open files in the process"),
    (26, "program is running"),
    (27, "file too large"),
    (28, "no space left"),
    (30, "file system is read-only"),
    (36, "name too long"),
    (40, "too many symbolic links"),
    (75, "file too large for this program"),
    (116, "stale file handle"),
    (122, "quota exceeded"),
];

/// In words.
pub(crate) fn meaning(errno: u32) -> &'static str {
    MEANINGS.iter().find(|(number, _)| *number == errno).map_or("could not be opened", |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_errors_have_words() {
        assert_eq!(meaning(2), "no such file");
        assert_eq!(meaning(13), "permission denied");
        assert_eq!(meaning(9999), "could not be opened");
        assert!(MEANINGS.is_sorted_by_key(|(number, _)| *number));
    }
}
