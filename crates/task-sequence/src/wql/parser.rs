//! Recursive descent parser for WQL queries, with a depth limit.

use super::lexer::{Token, tokens};
use super::{Comparison, Constant, Filter, MAX_DEPTH, MAX_LEN, Query, compare};

/// Parses a query.
///
/// # Errors
///
/// Returns the reason why the text is not a query.
pub fn parse(text: &str) -> Result<Query, String> {
    if text.len() > MAX_LEN {
        return Err(format!("the query has {} bytes; at most {MAX_LEN} are allowed", text.len()));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let query = parser.query()?;
    match parser.tokens.get(parser.at) {
        Some(token) => Err(format!("unexpected {} after the end of the query", describe(token))),
        None => Ok(query),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn query(&mut self) -> Result<Query, String> {
        if !self.takes_word("select") {
            return Err("the query does not start with `SELECT`".into());
        }
        if !self.takes_sign("*") {
            self.name("a property")?;
            while self.takes_sign(",") {
                self.name("a property")?;
            }
        }
        if !self.takes_word("from") {
            return Err(format!("`FROM` is missing before {}", self.here()));
        }
        let class = self.name("a class")?;
        let filter = if self.takes_word("where") { Some(self.any(0)?) } else { None };
        Ok(Query { class, filter })
    }

    fn any(&mut self, depth: usize) -> Result<Filter, String> {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while self.takes_word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Filter, String> {
        let mut parts = vec![self.one(depth)?];
        while self.takes_word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, String> {
        if depth > MAX_DEPTH {
            return Err(format!("the query is nested deeper than {MAX_DEPTH} levels"));
        }
        if self.takes_word("not") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes_sign("(") {
            let filter = self.any(depth + 1)?;
            return match self.takes_sign(")") {
                true => Ok(filter),
                false => Err(format!("`)` is missing before {}", self.here())),
            };
        }
        self.test()
    }

    /// Parses a comparison of a property with a constant, on either side.
    fn test(&mut self) -> Result<Filter, String> {
        // With the constant on the left, the comparison is mirrored.
        if let Some(constant) = self.constant() {
            let swapped = match self.comparison()? {
                Comparison::Less => Comparison::Greater,
                Comparison::LessEqual => Comparison::GreaterEqual,
                Comparison::Greater => Comparison::Less,
                Comparison::GreaterEqual => Comparison::LessEqual,
                Comparison::Like => return Err("`LIKE` needs a property on its left side".into()),
                same @ (Comparison::Equal | Comparison::NotEqual) => same,
            };
            return Ok(Filter::Test { property: self.name("a property")?, comparison: swapped, constant });
        }
        let property = self.name("a property")?;
        if self.takes_word("is") {
            let comparison = if self.takes_word("not") { Comparison::NotEqual } else { Comparison::Equal };
            return match self.takes_word("null") {
                true => Ok(Filter::Test { property, comparison, constant: Constant::Null }),
                false => Err(format!("`NULL` is missing before {}", self.here())),
            };
        }
        let comparison = self.comparison()?;
        let constant = self.constant().ok_or_else(|| format!("a value is missing before {}", self.here()))?;
        if comparison == Comparison::Like {
            match &constant {
                Constant::Text(pattern) => compare::parse_pattern(pattern).map(drop)?,
                _ => return Err("`LIKE` needs a text on its right side".into()),
            }
        }
        Ok(Filter::Test { property, comparison, constant })
    }

    fn comparison(&mut self) -> Result<Comparison, String> {
        let signs = [
            ("=", Comparison::Equal),
            ("<>", Comparison::NotEqual),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessEqual),
            (">=", Comparison::GreaterEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        if let Some((_, comparison)) = signs.iter().find(|(sign, _)| self.takes_sign(sign)) {
            return Ok(*comparison);
        }
        match self.takes_word("like") {
            true => Ok(Comparison::Like),
            false => Err(format!("an operator is missing before {}", self.here())),
        }
    }

    fn constant(&mut self) -> Option<Constant> {
        let constant = match self.tokens.get(self.at)? {
            Token::Text(text) => Constant::Text(text.clone()),
            Token::Number(number) => Constant::Number(*number),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Constant::Boolean(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Constant::Boolean(false),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Constant::Null,
            Token::Word(_) | Token::Sign(_) => return None,
        };
        self.at += 1;
        Some(constant)
    }

    fn name(&mut self, what: &str) -> Result<String, String> {
        const KEYWORDS: [&str; 10] = ["select", "from", "where", "and", "or", "not", "is", "null", "like", "isa"];
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) if !KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word)) => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err(format!("{what} is missing before {}", self.here())),
        }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.tokens.get(self.at), Some(Token::Word(own)) if own.eq_ignore_ascii_case(word));
        self.at += usize::from(is_it);
        is_it
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.tokens.get(self.at), Some(Token::Sign(own)) if *own == sign);
        self.at += usize::from(is_it);
        is_it
    }

    /// Describes the next token for messages.
    fn here(&self) -> String {
        self.tokens.get(self.at).map_or_else(|| "the end".into(), describe)
    }
}

fn describe(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("`{word}`"),
        Token::Text(text) => format!("the text `{text}`"),
        Token::Number(number) => format!("`{number}`"),
        Token::Sign(sign) => format!("`{sign}`"),
    }
}
