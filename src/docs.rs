//! `crypto-tracer docs`: the documentation, in the binary, so that error messages can point to it on any host.

/// Each topic with its text.
pub const TOPICS: &[(&str, &str, &str)] = &[
    ("user-guide", "every command with examples", include_str!("../docs/user-guide.md")),
    ("privileges", "what the recorder needs, and why", include_str!("../docs/privileges.md")),
    ("troubleshooting", "when something does not work", include_str!("../docs/troubleshooting.md")),
    ("kernels", "where it was run, and which probe was chosen", include_str!("../docs/kernels.md")),
    ("capture-format", "the capture, byte for byte", include_str!("../docs/capture-format.md")),
    ("events", "the events of `monitor`, field by field", include_str!("../docs/events.md")),
    ("catalogue", "which functions are recorded, and how to add more", include_str!("../docs/catalogue.md")),
    ("performance", "what recording costs, measured", include_str!("../docs/performance.md")),
    ("database", "the tables of `ingest`, for `sql`", include_str!("../docs/database.md")),
];

/// The text of a topic.
pub fn text(topic: &str) -> Option<&'static str> {
    TOPICS.iter().find(|(name, ..)| *name == topic).map(|(.., text)| *text)
}

/// The list of topics.
pub fn list() -> String {
    let mut out = String::from("Topics:\n");
    for (name, about, _) in TOPICS {
        out.push_str(&format!("  {name:<16} {about}\n"));
    }
    out.push_str("\nRead one with: crypto-tracer docs TOPIC\n");
    out
}

#[cfg(test)]
mod tests {
    use crypto_tracer_format::catalogue::files::{FILES, Shape};
    use crypto_tracer_format::catalogue::libraries::FAMILIES;

    #[cfg(feature = "record")]
    #[test]
    fn the_page_on_privileges_lists_them() {
        use crypto_tracer_recorder::privileges::{NEEDS, solutions};
        let page = super::text("privileges").expect("a topic");
        for need in NEEDS {
            let row = format!("| `{}` | {} | ", need.name, need.why);
            assert!(page.contains(&row), "docs/privileges.md lacks the row: {row}");
        }
        let program = "/usr/local/bin/crypto-tracer";
        let text = solutions(program);
        let line = text.lines().find(|l| l.contains("setcap cap_bpf")).expect("the line to type");
        assert!(page.contains(line.trim()), "docs/privileges.md lacks: {line}");
    }

    #[test]
    fn the_user_guide_lists_what_is_recorded() {
        let guide = super::text("user-guide").expect("a topic");
        for rule in FILES {
            let star = if rule.shape == Shape::Suffix { "*" } else { "" };
            let row = format!("| `{star}{}` | {} | {} |", rule.text, rule.file_type.name(), rule.note);
            assert!(guide.contains(&row), "docs/user-guide.md lacks the row: {row}");
        }
        for family in FAMILIES {
            let stems: Vec<String> = family.stems.iter().map(|s| format!("`{s}`")).collect();
            let row = format!("| {} | {} |", family.name, stems.join(", "));
            assert!(guide.contains(&row), "docs/user-guide.md lacks the row: {row}");
        }
    }
}
