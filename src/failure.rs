//! Errors as a user meets them: the four parts of REQ-RELIABLE-003, and the exit code.

use crate::exit::Exit;

/// What went wrong, why, what to do, where to read more.
#[derive(Debug)]
pub struct Failure {
    /// In a few words.
    pub title: String,
    /// What was expected and what came.
    pub detail: String,
    /// What the user can do.
    pub action: String,
    /// The topic of `crypto-tracer docs` that says more.
    pub topic: &'static str,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// An error with the code 1.
    pub fn general(title: &str, detail: impl Into<String>, action: &str) -> Failure {
        Failure {
            title: title.into(),
            detail: detail.into(),
            action: action.into(),
            topic: "troubleshooting",
            exit: Exit::General,
        }
    }

    /// Arguments that don't make sense.
    pub fn usage(detail: impl Into<String>, action: &str) -> Failure {
        Failure {
            title: "Invalid arguments".into(),
            detail: detail.into(),
            action: action.into(),
            topic: "user-guide",
            exit: Exit::Usage,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "Error: {}\n", self.title)?;
        writeln!(f, "{}\n", printable(self.detail.trim_end()))?;
        if !self.action.is_empty() {
            writeln!(f, "{}\n", self.action.trim_end())?;
        }
        write!(f, "For more information: crypto-tracer docs {}", self.topic)
    }
}

/// Names of files and processes may hold terminal escapes: control characters are shown, not sent.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escape = c.is_control() && c != '\n';
            let shown: Vec<char> = if escape { c.escape_default().collect() } else { vec![c] };
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_parts_in_their_order() {
        let failure = Failure::usage("--pid takes a number, got `x`", "Give a process id.");
        assert_eq!(
            failure.to_string(),
            "Error: Invalid arguments\n\n--pid takes a number, got `x`\n\nGive a process id.\n\n\
             For more information: crypto-tracer docs user-guide"
        );
    }

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\nc");
    }
}
