//! Quoting of shell commands in help texts.

use std::borrow::Cow;

/// Quotes a word for a POSIX shell if necessary.
pub fn quote(text: &str) -> Cow<'_, str> {
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | ',' | '=' | '@' | ':' | '%');
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', "'\\''")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in ["", "plain/file-1.wim", "two words", "it's", "$(id) `id` \"x\" *?[a]", "größe", "a\nb", "~"] {
            let command = format!("printf %s {}", quote(text));
            let ran = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&ran.stdout), text, "{command}");
        }
        assert_eq!(quote("plain/file-1.wim"), "plain/file-1.wim");
    }
}
