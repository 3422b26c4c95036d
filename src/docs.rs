//! `crypto-tracer docs`: the documentation, in the binary, so that error messages can point to it on any host.

/// Each topic with its text.
pub const TOPICS: &[(&str, &str, &str)] = &[
    ("user-guide", "every command with examples", include_str!("../docs/user-guide.md")),
    ("privileges", "what the recorder needs, and why", include_str!("../docs/privileges.md")),
    ("troubleshooting", "when something does not work", include_str!("../docs/troubleshooting.md")),
    ("capture-format", "the capture, byte for byte", include_str!("../docs/capture-format.md")),
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
