//! WQL, the query language of Windows Management Instrumentation: `SELECT … FROM class WHERE …`.
//!
//! Documented: the operators, the wildcards of `LIKE` (a range is written `[a=f]` in the documentation and `[a-f]`
//! everywhere else; both are taken), and that lists can't be compared. Inferred from common use: a list of one element
//! compares like that element, which is how queries of `ChassisTypes` are written. A comparison whose outcome follows
//! from neither, such as the order of texts that are numbers, is not known.

mod compare;
mod lexer;
mod parser;

use crate::truth::Truth;

pub use parser::parse;

/// Longest query in bytes; a condition of a task sequence holds 16,384 characters.
pub const MAX_LEN: usize = 16_384;
/// Deepest nesting of parentheses and `NOT`.
pub const MAX_DEPTH: usize = 64;

/// Parsed query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Name of the class.
    pub class: String,
    filter: Option<Filter>,
}

/// Condition of a query.
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
    /// It has none.
    Null,
    /// Text.
    Text(String),
    /// Whole number.
    Number(i64),
    /// Truth value.
    Boolean(bool),
    /// List of values.
    List(Vec<Property>),
    /// It is not known, for this reason.
    Unknown(String),
}

/// Instance of a class.
pub trait Instance {
    /// Value of a property; the case of its name does not count.
    fn get(&self, property: &str) -> Property;
}

impl Query {
    /// Returns true if one of the instances of the class fits.
    pub fn has_result<I: Instance>(&self, instances: &[I]) -> Truth {
        Truth::any(instances.iter().map(|instance| match &self.filter {
            Some(filter) => filter.holds(instance),
            None => Truth::True,
        }))
    }
}

impl Filter {
    fn holds(&self, instance: &dyn Instance) -> Truth {
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
