//! Counts levels of brackets and dotted keys in TOML before parsing.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use crate::limits::MAX_TOML_DEPTH;

/// Finds the first token at which brackets and dotted keys are nested more than [`MAX_TOML_DEPTH`]
/// levels deep.
///
/// The parser limits brackets and the parts of a key separately; a tree that nests both could
/// overflow the stack.
pub fn find_too_deep(text: &str) -> Option<std::ops::Range<usize>> {
    // Number of dots in each open bracket since its last comma.
    let (mut dots, mut n_dots): (Vec<usize>, usize) = (vec![0], 0);
    for token in Source::new(text).lex() {
        match (token.kind(), dots.as_mut_slice()) {
            (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket, _) => dots.push(0),
            (TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket, [_, .., _]) => n_dots -= dots.pop()?,
            (TokenKind::Dot, [.., here]) => {
                *here += 1;
                n_dots += 1;
            }
            (TokenKind::Comma, [.., here]) | (TokenKind::Newline, [here]) => n_dots -= std::mem::take(here),
            _ => {}
        }
        if dots.len() + n_dots > MAX_TOML_DEPTH {
            return Some(token.span().start()..token.span().end());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_brackets_and_dots_around_a_value() {
        for (text, is_deep) in [
            ("a.b = 1\n".repeat(1_000), false),
            ("a = [1, [2], { b.c = 3 }]\n".repeat(100), false),
            (format!("a = [{}]", "1.5, ".repeat(1_000)), false),
            (format!("a = '{}'", "[".repeat(1_000)), false),
            (format!("# {}", "[".repeat(1_000)), false),
            (format!("{}a = 1", "a.".repeat(62)), false),
            (format!("{}a = 1", "a.".repeat(64)), true),
            (format!("a = {}1{}", "[".repeat(62), "]".repeat(62)), false),
            (format!("a = {}1{}", "[".repeat(64), "]".repeat(64)), true),
            (format!("{}a = {{ {}a = [{}] }}", "a.".repeat(22), "a.".repeat(22), "[".repeat(22)), true),
            ("]".repeat(1_000), false),
        ] {
            assert_eq!(find_too_deep(&text).is_some(), is_deep, "{text:.60}");
        }
    }
}
