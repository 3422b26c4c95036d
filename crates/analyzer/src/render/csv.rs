//! Comma-separated values as RFC 4180 has them.

/// Appends a line.
pub(super) fn put_line<'a>(out: &mut String, fields: impl Iterator<Item = &'a str>) {
    for (index, field) in fields.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if field.contains(['"', ',', '\n', '\r']) || field.starts_with(' ') || field.ends_with(' ') {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let mut out = String::new();
        put_line(&mut out, ["a", "b,c", "d\"e", "f\ng", "", " h"].into_iter());
        assert_eq!(out, "a,\"b,c\",\"d\"\"e\",\"f\ng\",,\" h\"\r\n");
    }
}
