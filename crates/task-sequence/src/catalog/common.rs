//! Keys that every step has, and keys that preserve imported parts.

use super::{Key, ValueType, choice};

/// Keys of every step and group, with their descriptions.
pub const COMMON_KEYS: [(&str, &str); 8] = [
    ("type", "Type of the step, or `group` or `include`."),
    ("name", "Name of the step: 1 to 50 characters (R75)."),
    ("description", "Description of the step: at most 255 characters (R75)."),
    ("disabled", "Skip the step or group. Default: `false`."),
    ("continue-on-error", "Continue with the next step if this one fails. Default: `false`."),
    ("condition", "Condition that must be true for the step to run. Default: the step always runs."),
    (
        "when",
        "Template condition that decides, when the medium is built, whether the step is included, such as `{{ site.code == 'BER' }}`. Default: included.",
    ),
    ("attributes", "XML attributes that differ from those that tsmedia writes, kept as they were imported."),
];

/// Keys of a task sequence that preserve imported parts which belong to no step.
pub const SEQUENCE_KEYS: [Key; 4] = [
    Key::new(
        "references",
        "",
        ValueType::Texts,
        "References that belong to no step, kept as they were imported: `ABC00001`, `ABC00001:Program`, or an application.",
    ),
    Key::new(
        "variables",
        "",
        ValueType::Tables(&VARIABLES),
        "Variables of the task sequence that belong to no step, kept as they were imported.",
    ),
    Key::new(
        "xml-version",
        "",
        ValueType::Choice(&[
            choice("3.00", "3.00", "Version that older consoles and scripts write."),
            choice("3.10", "3.10", "Version that current consoles write."),
        ]),
        "Version of the task sequence's XML, kept as it was imported.",
    )
    .with_default("3.10"),
    Key::new(
        "omitted",
        "",
        ValueType::Texts,
        "References and variables that tsmedia would write but the imported task sequence did not have.",
    ),
];

/// Keys of every step that is neither a group nor an include.
pub const ACTION_KEYS: [Key; 6] = [
    Key::new(
        "timeout",
        "Timeout",
        ValueType::Integer(1, 999),
        "Time limit of the step in minutes, 1 to 999 (R110). Default: none.",
    ),
    Key::new(
        "success-codes",
        "SuccessCodes",
        ValueType::Integers,
        "Exit codes that count as success (R112). Default: `[0, 3010]` for `run-command-line` and `run-powershell-script`, `[0]` for other steps.",
    ),
    Key::new(
        "retries",
        "RetryCount",
        ValueType::Integer(0, 5),
        "Number of retries after a failure, 0 to 5 (R114). Default: 2 for `install-application` and `install-software-updates`, 0 for other steps.",
    ),
    Key::new(
        "command",
        "",
        ValueType::Text(1 << 20),
        "Command line of the engine, kept as it was imported. Default: the command line that follows from the type and its keys.",
    ),
    Key::new(
        "variables",
        "",
        ValueType::Tables(&VARIABLES),
        "Variables of the step that tsmedia does not know, kept as they were imported.",
    ),
    Key::new(
        "omitted",
        "",
        ValueType::Texts,
        "Variables with defaults and switches of the command line that the imported step did not have.",
    ),
];

/// Keys of a variable that was imported.
const VARIABLES: [Key; 4] = [
    Key::new("name", "", ValueType::Text(256), "Name of the task sequence variable.").required(),
    Key::new("property", "", ValueType::Text(256), "Property of the step's class.").required(),
    Key::new("value", "", ValueType::Text(1 << 20), "Value of the variable.").required(),
    Key::new("hidden", "", ValueType::Boolean, "Mark the variable as hidden in the XML.").with_default("false"),
];

/// Keys of a step of a class that the catalog does not have (`type = "foreign"`).
pub const FOREIGN_KEYS: [Key; 5] = [
    Key::new(
        "class",
        "",
        ValueType::Text(256),
        "Class of the step, with its prefix, such as `SMS_TaskSequence_RebootAction`.",
    ),
    Key::new(
        "xml",
        "",
        ValueType::Text(1 << 20),
        "XML of the whole element, for an element that is not a step; replaces `class`.",
    ),
    Key::new("command", "", ValueType::Text(1 << 20), "Command line that the engine runs."),
    Key::new(
        "runs-in",
        "",
        ValueType::Choice(&[
            choice("windows-pe", "WinPE", "Windows PE only."),
            choice("full-os", "FullOS", "Full operating system only."),
            choice("any", "WinPEandFullOS", "Windows PE and the full operating system."),
        ]),
        "Environment that the step runs in.",
    )
    .with_default("any"),
    Key::new("variables", "", ValueType::Tables(&VARIABLES), "Variables of the step."),
];
