//! Conditions of steps: a tree of `all`, `any` and `none` over tests.
//!
//! The tests are those of the editor's Options tab; their classes are `SMS_TaskSequence_*ConditionExpression`.

use std::fmt;

/// What has to hold for a step to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// All of these hold. None at all hold, too.
    All(Vec<Condition>),
    /// One of these holds, or more.
    Any(Vec<Condition>),
    /// None of these holds.
    None(Vec<Condition>),
    /// A test holds.
    Test(Test),
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// A variable of the task sequence is there, or compares with a value.
    Variable {
        /// Its name; of an array, that of a member, such as `OSDAdapter0EnableDHCP`.
        name: String,
        /// How it compares.
        operator: Operator,
        /// What it is compared with; empty for `exists` and `not-exists`.
        value: String,
    },
    /// A value of the registry is there, or compares with another.
    Registry {
        /// The key, from its hive: `HKLM\SOFTWARE\…`.
        key: String,
        /// The name of the value; empty for the default value.
        value: String,
        /// Its type: `REG_SZ`, `REG_EXPAND_SZ` or `REG_DWORD`.
        kind: String,
        /// How it compares.
        operator: Operator,
        /// What it is compared with.
        data: String,
    },
    /// A file is there, and its version and time compare.
    File {
        /// Its whole path.
        path: String,
        /// How its version compares with another one.
        version: Option<(Operator, String)>,
        /// How the time of its last change compares with another one.
        modified: Option<(Operator, String)>,
    },
    /// A folder is there, and its time compares.
    Folder {
        /// Its whole path.
        path: String,
        /// How the time of its last change compares with another one.
        modified: Option<(Operator, String)>,
    },
    /// A query of Windows Management Instrumentation has a result.
    Wmi {
        /// The namespace, `root\cimv2` unless said.
        namespace: String,
        /// The query in WQL.
        query: String,
    },
    /// A product of Windows Installer is installed.
    Software {
        /// Its product code; any version of the product counts if there is an upgrade code alone.
        product_code: String,
        /// Its upgrade code.
        upgrade_code: String,
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// Whether any version of it will do.
        is_any_version: bool,
    },
    /// The running system is one of these.
    OsVersion(
        /// Versions as the site calls them, such as `All Windows 10 (64-bit)`.
        Vec<String>,
    ),
    /// The language of the running system.
    OsLanguage(
        /// As Windows counts it (`Win32_OperatingSystem.OSLanguage`), such as 1033.
        i64,
    ),
    /// A test of a class that is not among these, kept as it was exported.
    Foreign {
        /// Its class, with its prefix.
        class: String,
        /// Its properties: name and value.
        properties: Vec<(String, String)>,
    },
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The left one is there.
    Exists,
    /// The left one is not there.
    NotExists,
    /// They are the same; the case of letters does not count.
    Equals,
    /// They are not the same.
    NotEquals,
    /// The left one is more.
    Greater,
    /// The left one is more, or the same.
    GreaterEqual,
    /// The left one is less.
    Less,
    /// The left one is less, or the same.
    LessEqual,
    /// The right one is a pattern (`*`, `?`) that the left one fits.
    Like,
    /// The right one is a pattern that the left one does not fit.
    NotLike,
}

impl Operator {
    /// All of them: as a sequence file has them, as the XML has them, and what they mean.
    pub const ALL: [(Self, &'static str, &'static str, &'static str); 10] = [
        (Self::Exists, "exists", "exists", "It is there."),
        (Self::NotExists, "not-exists", "notExists", "It is not there."),
        (Self::Equals, "equals", "equals", "They are the same; the case of letters does not count."),
        (Self::NotEquals, "not-equals", "notEquals", "They are not the same."),
        (Self::Greater, "greater", "greater", "It is more."),
        (Self::GreaterEqual, "greater-equal", "greaterEqual", "It is more, or the same."),
        (Self::Less, "less", "less", "It is less."),
        (Self::LessEqual, "less-equal", "lessEqual", "It is less, or the same."),
        (Self::Like, "like", "like", "It fits a pattern in which `*` and `?` stand for other characters."),
        (Self::NotLike, "not-like", "notLike", "It does not fit such a pattern."),
    ];

    /// As a sequence file has it.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// As people read it.
    pub fn sign(self) -> &'static str {
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

    /// As the XML has it.
    pub fn xml(self) -> &'static str {
        self.row().2
    }

    /// The operator that the XML calls so.
    pub fn of_xml(xml: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.2.eq_ignore_ascii_case(xml)).map(|row| row.0)
    }

    /// Whether it asks only whether something is there.
    pub fn is_about_presence(self) -> bool {
        matches!(self, Self::Exists | Self::NotExists)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, &'static str) {
        Self::ALL.iter().find(|row| row.0 == self).unwrap_or_else(|| unreachable!("all operators are in the table"))
    }
}

impl Condition {
    /// Every test in it, whatever it is combined with.
    pub fn tests(&self) -> Vec<&Test> {
        match self {
            Self::All(parts) | Self::Any(parts) | Self::None(parts) => parts.iter().flat_map(Self::tests).collect(),
            Self::Test(test) => vec![test],
        }
    }
}

/// As people read it: `_SMSTSInWinPE = false and not (a or b)`.
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
        let compared = |name: &str, asked: &Option<(Operator, String)>| {
            asked.as_ref().map(|(operator, value)| format!(", {name} {} {value}", operator.sign())).unwrap_or_default()
        };
        match self {
            Self::Variable { name, operator, value } if operator.is_about_presence() => {
                write!(f, "{name} {}{value}", operator.sign())
            }
            Self::Variable { name, operator, value } => write!(f, "{name} {} {value}", operator.sign()),
            Self::Registry { key, value, operator, data, .. } => {
                let text = format!("registry {key}\\{value} {} {data}", operator.sign());
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
