//! The exit codes (SRS 5.3), in one table: the codes, the help text and docs/user-guide.md come from it.

/// Why the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Success,
    /// Something failed that has no code of its own.
    General,
    /// The arguments don't make sense.
    Usage,
    /// Not enough privileges.
    Privileges,
    /// The kernel is too old.
    Kernel,
    /// No probe could be attached.
    Load,
    /// The capture is damaged or cut; what could be read was shown.
    Damaged,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

/// Every code with its meaning.
pub const TABLE: &[(Exit, u8, &str)] = &[
    (Exit::Success, 0, "success"),
    (Exit::General, 1, "general error; of analyze: nothing could be read"),
    (Exit::Usage, 2, "invalid arguments"),
    (Exit::Privileges, 3, "insufficient privileges"),
    (Exit::Kernel, 4, "kernel not supported"),
    (Exit::Load, 5, "eBPF load failed: no probe could be attached"),
    (
        Exit::Damaged,
        6,
        "the capture is damaged or cut; what could be read was shown, what is missing is said",
    ),
    (Exit::Interrupted, 130, "interrupted (SIGINT)"),
    (Exit::Terminated, 143, "terminated (SIGTERM)"),
];

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        TABLE.iter().find(|(exit, ..)| *exit == self).map_or(1, |(_, code, _)| *code)
    }
}

/// The table as text, for `--help`.
pub fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (_, code, meaning) in TABLE {
        text.push_str(&format!("  {code:>3}  {meaning}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_srs() {
        let codes: Vec<u8> = TABLE.iter().map(|(_, code, _)| *code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 130, 143]);
        assert_eq!(Exit::Privileges.code(), 3);
    }

    #[test]
    fn the_user_guide_has_the_same_table() {
        let guide = include_str!("../docs/user-guide.md");
        for (_, code, meaning) in TABLE {
            let row = format!("| {code} | {meaning} |");
            assert!(guide.contains(&row), "docs/user-guide.md lacks the row: {row}");
        }
    }
}
