//! Lexer for WQL queries.

/// Token of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// Keyword or name.
    Word(String),
    /// Text in single or double quotes, unescaped.
    Text(String),
    /// Number.
    Number(f64),
    /// Operator, comma, star or parenthesis.
    Sign(&'static str),
}

const SIGNS: [&str; 11] = ["<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ",", "*"];

/// Splits a query into tokens.
///
/// # Errors
///
/// Returns the reason why the text is not a query.
pub fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '"' | '\'' => quoted(rest, first)?,
            '0'..='9' | '-' | '+' => number(rest)?,
            c if c.is_ascii_alphabetic() || c == '_' => word(rest),
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), &rest[sign.len()..]),
                None => return Err(format!("unexpected character `{first}`")),
            },
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn word(text: &str) -> (Token, &str) {
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
    let (word, after) = text.split_at(text.find(is_end).unwrap_or(text.len()));
    (Token::Word(word.to_owned()), after)
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '.');
    let len = 1 + text[1..].find(is_end).unwrap_or(text.len() - 1);
    let (digits, after) = text.split_at(len);
    match digits.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Token::Number(number), after)),
        _ => Err(format!("`{digits}` is not a number")),
    }
}

fn quoted(text: &str, quote: char) -> Result<(Token, &str), String> {
    let mut found = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => match characters.peek() {
                Some((_, escaped @ ('\\' | '"' | '\''))) => {
                    found.push(*escaped);
                    characters.next();
                }
                _ => found.push(c),
            },
            c if c == quote => return Ok((Token::Text(found), &text[at + 1..])),
            c => found.push(c),
        }
    }
    Err(format!("unclosed text: {quote} is missing"))
}
