//! What every step may say, and what is said of steps that the catalog does not have.

use super::{Form, Key, choice};

/// What every step and group may say.
pub const COMMON: [(&str, &str); 8] = [
    ("type", "What the step does, or `group`, or `include`."),
    ("name", "Its name: 1 to 50 characters (R75)."),
    ("description", "What it is for: 255 characters at most (R75)."),
    ("disabled", "Whether it is passed over."),
    ("continue-on-error", "Whether the sequence goes on when it fails."),
    ("condition", "What has to hold for it to run."),
    ("when", "Whether it is in the sequence at all: a condition such as `{{ site.code == 'BER' }}`."),
    ("attributes", "Attributes of its XML that are not as tsmedia writes them, as they were imported."),
];

/// What a task sequence says that was imported and of which no step of it speaks.
pub const KEPT: [Key; 4] = [
    Key::new(
        "references",
        "",
        Form::Texts,
        "References that no step makes, as they were imported: `ABC00001`, `ABC00001:Program`, or an application.",
    ),
    Key::new(
        "variables",
        "",
        Form::Tables(&VARIABLES),
        "Variables of the whole sequence that no step makes, as they were imported.",
    ),
    Key::new(
        "xml-version",
        "",
        Form::Choice(&[
            choice("3.00", "3.00", "As older consoles and scripts write it."),
            choice("3.10", "3.10", "As consoles write it now."),
        ]),
        "The version of its XML, as it was imported.",
    )
    .or("3.10"),
    Key::new("omitted", "", Form::Texts, "References and variables that the imported sequence did not have."),
];

/// What every step that does something by itself may say.
pub const OF_ACTIONS: [Key; 6] = [
    Key::new("timeout", "Timeout", Form::Integer(1, 999), "After how many minutes it is stopped (R110)."),
    Key::new("success-codes", "SuccessCodes", Form::Integers, "The exit codes that are a success (R112)."),
    Key::new("retries", "RetryCount", Form::Integer(0, 5), "How often it is tried again (R114)."),
    Key::new(
        "command",
        "",
        Form::Text(1 << 20),
        "The command line of the engine, as it was imported; the one of the type and its values unless said.",
    ),
    Key::new(
        "variables",
        "",
        Form::Tables(&VARIABLES),
        "Variables of the step that tsmedia does not know, as they were imported.",
    ),
    Key::new(
        "omitted",
        "",
        Form::Texts,
        "Variables with defaults, and switches of the command line, that the imported step did not have.",
    ),
];

/// What a variable says that is kept as it was imported.
const VARIABLES: [Key; 4] = [
    Key::new("name", "", Form::Text(256), "The variable of the task sequence.").required(),
    Key::new("property", "", Form::Text(256), "The property of the class.").required(),
    Key::new("value", "", Form::Text(1 << 20), "Its value.").required(),
    Key::new("hidden", "", Form::Boolean, "Whether it is marked as hidden.").or("false"),
];

/// What a step says that tsmedia does not know (`type = "foreign"`).
pub const FOREIGN: [Key; 5] = [
    Key::new("class", "", Form::Text(256), "The class of the step, with its prefix."),
    Key::new("xml", "", Form::Text(1 << 20), "The whole element in place of `class`, where it is no step."),
    Key::new("command", "", Form::Text(1 << 20), "The command line that the engine runs."),
    Key::new(
        "runs-in",
        "",
        Form::Choice(&[
            choice("windows-pe", "WinPE", "Windows PE."),
            choice("full-os", "FullOS", "The full operating system."),
            choice("any", "WinPEandFullOS", "Either."),
        ]),
        "Where it runs.",
    )
    .or("any"),
    Key::new("variables", "", Form::Tables(&VARIABLES), "Its variables."),
];
