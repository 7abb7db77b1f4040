//! Conditions of steps: a tree of `all`, `any` and `none` over tests.
//!
//! The tests are those of the editor's Options tab; their classes are `SMS_TaskSequence_*ConditionExpression`.

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
