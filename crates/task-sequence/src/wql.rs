//! WQL, the query language of Windows Management Instrumentation: `SELECT … FROM class WHERE …`.
//!
//! Documented are the operators, the wildcards of `LIKE`, and that lists can't be compared. A range
//! is written `[a=f]` in the documentation and `[a-f]` everywhere else; both are accepted. Inferred
//! from common queries of `ChassisTypes`: a list of one element compares like that element.
//! Comparisons with an undocumented result, such as the order of texts that are numbers, are
//! unknown.

mod compare;
mod lexer;
mod parser;

use crate::truth::Truth;

pub use parser::parse;

/// Maximum length of a query in bytes. A condition of a task sequence has at most 16,384
/// characters.
pub const MAX_LEN: usize = 16_384;
/// Maximum nesting depth of parentheses and `NOT`.
pub const MAX_DEPTH: usize = 64;

/// Parsed query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Name of the class.
    pub class: String,
    filter: Option<Filter>,
}

/// Filter of a query.
#[derive(Clone, Debug, PartialEq)]
enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Test { property: String, comparison: Comparison, constant: Constant },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Like,
}

#[derive(Clone, Debug, PartialEq)]
enum Constant {
    Null,
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// Value of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum Property {
    /// No value.
    Null,
    /// Text.
    Text(String),
    /// Integer.
    Number(i64),
    /// Boolean.
    Boolean(bool),
    /// List of values.
    List(Vec<Property>),
    /// Unknown, with the reason.
    Unknown(String),
}

/// Instance of a WMI class.
pub trait WmiInstance {
    /// Returns the value of a property. Names are not case-sensitive.
    fn get(&self, property: &str) -> Property;
}

impl Query {
    /// Returns `true` if at least one instance of the class matches the filter.
    pub fn has_result<I: WmiInstance>(&self, instances: &[I]) -> Truth {
        Truth::any(instances.iter().map(|instance| match &self.filter {
            Some(filter) => filter.holds(instance),
            None => Truth::True,
        }))
    }
}

impl Filter {
    fn holds(&self, instance: &dyn WmiInstance) -> Truth {
        match self {
            Self::All(parts) => Truth::all(parts.iter().map(|part| part.holds(instance))),
            Self::Any(parts) => Truth::any(parts.iter().map(|part| part.holds(instance))),
            Self::Not(part) => part.holds(instance).negated(),
            Self::Test { property, comparison, constant } => {
                compare::compare(property, &instance.get(property), *comparison, constant)
            }
        }
    }
}

#[cfg(test)]
mod tests;
