//! Conditions of steps: a tree of `all`, `any` and `none` with tests as leaves.
//!
//! The tests are those of the editor's Options tab. Their classes are
//! `SMS_TaskSequence_*ConditionExpression`.

use std::fmt;

/// Condition for a step to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// True if all parts are true, or if there are none.
    All(Vec<Condition>),
    /// True if at least one part is true.
    Any(Vec<Condition>),
    /// True if no part is true.
    None(Vec<Condition>),
    /// Single test.
    Test(Test),
}

/// Test of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Tests that a task sequence variable is set, or compares it with a value.
    Variable {
        /// Name of the variable; for an array the name of a member, such as
        /// `OSDAdapter0EnableDHCP`.
        name: String,
        /// Comparison operator.
        operator: Operator,
        /// Value to compare with; empty for `exists` and `not-exists`.
        value: String,
    },
    /// Tests that a registry value exists, or compares its data.
    Registry {
        /// Key with its hive, such as `HKLM\SOFTWARE\…`.
        key: String,
        /// Name of the value; empty for the default value.
        value: String,
        /// Type of the value: `REG_SZ`, `REG_EXPAND_SZ` or `REG_DWORD`.
        kind: String,
        /// Comparison operator.
        operator: Operator,
        /// Data to compare with.
        data: String,
    },
    /// Tests that a file exists, and compares its version and time.
    File {
        /// Absolute path.
        path: String,
        /// Operator and version to compare with.
        version: Option<(Operator, String)>,
        /// Operator and time of the last change to compare with.
        modified: Option<(Operator, String)>,
    },
    /// Tests that a folder exists, and compares its time.
    Folder {
        /// Absolute path.
        path: String,
        /// Operator and time of the last change to compare with.
        modified: Option<(Operator, String)>,
    },
    /// Tests that a WMI query has a result.
    Wmi {
        /// WMI namespace. Default: `root\cimv2`.
        namespace: String,
        /// Query in WQL.
        query: String,
    },
    /// Tests that a product of Windows Installer is installed.
    Software {
        /// Product code; empty to accept any version with the upgrade code.
        product_code: String,
        /// Upgrade code.
        upgrade_code: String,
        /// Name of the product.
        name: String,
        /// Version of the product.
        version: String,
        /// Accepts any version of the product.
        is_any_version: bool,
    },
    /// Tests the version of the running operating system.
    OsVersion(
        /// Versions in the site's terms, such as `All Windows 10 (64-bit)`.
        Vec<String>,
    ),
    /// Tests the language of the running operating system.
    OsLanguage(
        /// Windows language number (`Win32_OperatingSystem.OSLanguage`), such as 1033.
        i64,
    ),
    /// Test of any other class, kept as it was exported.
    Foreign {
        /// Class with its prefix.
        class: String,
        /// Names and values of its properties.
        properties: Vec<(String, String)>,
    },
}

/// Comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Left value exists.
    Exists,
    /// Left value does not exist.
    NotExists,
    /// Values are equal, ignoring case.
    Equals,
    /// Values differ, ignoring case.
    NotEquals,
    /// Left value is greater.
    Greater,
    /// Left value is greater or equal.
    GreaterEqual,
    /// Left value is less.
    Less,
    /// Left value is less or equal.
    LessEqual,
    /// Left value matches the pattern on the right, with the wildcards `*` and `?`.
    Like,
    /// Left value does not match the pattern on the right.
    NotLike,
}

impl Operator {
    /// All operators, with their names in a sequence file and in XML, and descriptions.
    pub const ALL: [(Self, &'static str, &'static str, &'static str); 10] = [
        (Self::Exists, "exists", "exists", "The value exists."),
        (Self::NotExists, "not-exists", "notExists", "The value does not exist."),
        (Self::Equals, "equals", "equals", "The values are equal, ignoring case."),
        (Self::NotEquals, "not-equals", "notEquals", "The values differ, ignoring case."),
        (Self::Greater, "greater", "greater", "The value is greater."),
        (Self::GreaterEqual, "greater-equal", "greaterEqual", "The value is greater or equal."),
        (Self::Less, "less", "less", "The value is less."),
        (Self::LessEqual, "less-equal", "lessEqual", "The value is less or equal."),
        (Self::Like, "like", "like", "The value matches a pattern with the wildcards `*` and `?`."),
        (Self::NotLike, "not-like", "notLike", "The value does not match a pattern with the wildcards `*` and `?`."),
    ];

    /// Returns the name in a sequence file.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns the symbol or words for display.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Exists => "is set",
            Self::NotExists => "is not set",
            Self::Equals => "=",
            Self::NotEquals => "≠",
            Self::Greater => ">",
            Self::GreaterEqual => "≥",
            Self::Less => "<",
            Self::LessEqual => "≤",
            Self::Like => "is like",
            Self::NotLike => "is not like",
        }
    }

    /// Returns the name in XML.
    pub fn xml(self) -> &'static str {
        self.row().2
    }

    /// Finds an operator by its name in XML, ignoring case.
    pub fn from_xml(xml: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.2.eq_ignore_ascii_case(xml)).map(|row| row.0)
    }

    /// Returns `true` if the operator tests existence and takes no value.
    pub fn tests_existence(self) -> bool {
        matches!(self, Self::Exists | Self::NotExists)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, &'static str) {
        Self::ALL.iter().find(|row| row.0 == self).unwrap_or_else(|| unreachable!("all operators are in the table"))
    }
}

impl Condition {
    /// Returns all tests in the condition, in order.
    pub fn tests(&self) -> Vec<&Test> {
        match self {
            Self::All(parts) | Self::Any(parts) | Self::None(parts) => parts.iter().flat_map(Self::tests).collect(),
            Self::Test(test) => vec![test],
        }
    }
}

/// Formats the condition for display: `_SMSTSInWinPE = false and not (a or b)`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Self| match part {
            Self::Test(_) | Self::None(_) => part.to_string(),
            Self::All(parts) | Self::Any(parts) if parts.len() == 1 => part.to_string(),
            Self::All(_) | Self::Any(_) => format!("({part})"),
        };
        let join = |parts: &[Self], word: &str| parts.iter().map(part).collect::<Vec<_>>().join(word);
        match self {
            Self::All(parts) if parts.is_empty() => f.write_str("always"),
            Self::Any(parts) if parts.is_empty() => f.write_str("never"),
            Self::All(parts) => f.write_str(&join(parts, " and ")),
            Self::Any(parts) => f.write_str(&join(parts, " or ")),
            Self::None(parts) => match &parts[..] {
                [] => f.write_str("always"),
                parts => write!(f, "not ({})", join(parts, " or ")),
            },
            Self::Test(test) => test.fmt(f),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compared = |name: &str, test: &Option<(Operator, String)>| {
            test.as_ref().map(|(operator, value)| format!(", {name} {} {value}", operator.symbol())).unwrap_or_default()
        };
        match self {
            Self::Variable { name, operator, value } if operator.tests_existence() => {
                write!(f, "{name} {}{value}", operator.symbol())
            }
            Self::Variable { name, operator, value } => write!(f, "{name} {} {value}", operator.symbol()),
            Self::Registry { key, value, operator, data, .. } => {
                let text = format!("registry {key}\\{value} {} {data}", operator.symbol());
                f.write_str(text.trim_end())
            }
            Self::File { path, version, modified } => {
                write!(f, "file {path}{}{}", compared("version", version), compared("modified", modified))
            }
            Self::Folder { path, modified } => write!(f, "folder {path}{}", compared("modified", modified)),
            Self::Wmi { query, .. } => f.write_str(query),
            Self::Software { product_code, name, .. } => {
                write!(f, "{} is installed", if name.is_empty() { product_code } else { name })
            }
            Self::OsVersion(names) => write!(f, "the system is {}", names.join(" or ")),
            Self::OsLanguage(language) => write!(f, "the language is {language}"),
            Self::Foreign { class, .. } => f.write_str(class),
        }
    }
}
