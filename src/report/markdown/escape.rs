//! Escapes text for Markdown. Names in a repository must not become markup, links, mentions or references.

use crate::foreign_text;

/// Punctuation that has no meaning in the middle of a line.
const PLAIN: &[char] = &[' ', ',', '(', ')', '%', '+', '=', '/', ';', '"', '\'', '-'];

/// Escapes a line. Text in backticks becomes code.
pub(super) fn inline(text: &str) -> String {
    let line = foreign_text::line(text);
    let mut escaped = String::new();
    let mut rest = line.as_ref();
    while let Some((before, code_and_rest)) = rest.split_once('`') {
        let Some((within, after)) = code_and_rest.split_once('`') else { break };
        escaped += &entities(before);
        escaped += &format!("<code>{}</code>", entities(within));
        rest = after;
    }
    escaped + &entities(rest)
}

/// Escapes a text and marks it as code.
pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", entities(&foreign_text::line(text)))
}

/// Writes every character that may have a meaning as an entity. Backticks and backslashes would not do within HTML
/// elements, where Markdown is parsed as well.
fn entities(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut before = '\0';
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        let is_plain = match c {
            c if !c.is_ascii() || c.is_ascii_alphanumeric() => true,
            // A run of spaces would be one.
            ' ' => before != ' ',
            // Not in an address such as `https://…`.
            ':' => next == ' ',
            // Not in `www.…`.
            '.' => !before.eq_ignore_ascii_case(&'w'),
            c => PLAIN.contains(&c),
        };
        if is_plain {
            escaped.push(c);
        } else {
            escaped += &format!("&#{};", u32::from(c));
        }
        // Mentions and references are found in the finished page, where entities are characters again.
        if matches!(c, '@' | '#' | '!' | '$' | '~' | '%' | '&') && next.is_alphanumeric() {
            escaped += "<!-- -->";
        }
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_is_markup() {
        for (text, expected) in [
            ("package `BER00021` (packages/vpn)", "package <code>BER00021</code> (packages/vpn)"),
            ("a | b", "a &#124; b"),
            ("<img src=x onerror=alert(1)>", "&#60;img src=x onerror=alert(1)&#62;"),
            (
                "*a* _b_ ~~c~~ [d](e) ![f](g)",
                "&#42;a&#42; &#95;b&#95; &#126;&#126;<!-- -->c&#126;&#126; &#91;d&#93;(e) &#33;&#91;f&#93;(g)",
            ),
            ("@admin #12 see https://example.com", "&#64;<!-- -->admin &#35;<!-- -->12 see https&#58;//example.com"),
            ("www.example.com WWW.x", "www&#46;example.com WWW&#46;x"),
            ("`a` and `b", "<code>a</code> and &#96;b"),
            ("`<b>`", "<code>&#60;b&#62;</code>"),
            ("line\nbreak\u{202e}", "line&#92;x0abreak&#92;u&#123;202e&#125;"),
            ("\\| &amp; $x$", "&#92;&#124; &#38;<!-- -->amp; &#36;<!-- -->x&#36;"),
            ("größe → 1.5 MB, 3 %", "größe → 1.5 MB, 3 %"),
        ] {
            assert_eq!(inline(text), expected, "{text}");
        }
        assert_eq!(code("a`|b  c"), "<code>a&#96;&#124;b &#32;c</code>");
    }
}
