//! Budgets for text that authors write, which need not be meant well: the most bytes, levels and steps that reading and
//! rendering it take.

/// Length of a manifest with its profiles and files of values, of a task sequence with the files that it includes, or of
/// a fact file, in bytes. A site stores 2 MB of a task sequence (R76).
pub const MAX_TOML_LEN: u64 = 4 << 20;
/// Levels of arrays, inline tables and parts of dotted keys around a value in TOML.
pub const MAX_TOML_DEPTH: usize = 64;
/// Keys of one table in TOML or of one object in JSON.
pub const MAX_TOML_KEYS: usize = 4_096;
/// Values of one array in TOML.
pub const MAX_TOML_ITEMS: usize = 10_000;
/// Values of one array in JSON. Sites have some thousand packages.
pub const MAX_JSON_ITEMS: usize = 100_000;
/// Length of the JSON pointers of all values in a file together, in bytes.
pub const MAX_TOML_POINTERS_LEN: usize = 64 << 20;
/// Syntax errors of one TOML file; those that follow are consequences of them more often than not.
pub const MAX_SYNTAX_ERRORS: usize = 20;
/// Problems that are listed of all files that a command reads.
pub const MAX_PROBLEMS: usize = 1_000;
/// Length of a name for which a similar one is looked for, in bytes: comparing two takes the product of their lengths.
pub const MAX_SUGGESTED_LEN: usize = 128;
/// Names that are compared with one that is not known.
pub const MAX_SUGGESTIONS: usize = 1_000;

// Templates in string values.

/// Length of the text of one template, in bytes.
pub const MAX_TEMPLATE_LEN: usize = 64 << 10;
/// Operators, dots and brackets of one expression of a template, each of which may nest in the one before; also
/// `elif` branches of a template.
pub const MAX_TEMPLATE_OPERATORS: usize = 250;
/// Text that one template may yield, in bytes. Nothing in a manifest is longer.
pub const MAX_TEMPLATE_OUTPUT: usize = 64 << 10;
/// One value that a template makes on the way, in bytes with 16 for each part of it.
pub const MAX_TEMPLATE_VALUE: usize = 1 << 20;
/// All values that one template makes on the way, in bytes.
pub const MAX_TEMPLATE_WORK: u64 = 16 << 20;
/// All values that the templates of a manifest make on the way for all its sites, in bytes and steps.
pub const MAX_TEMPLATES_WORK: u64 = 512 << 20;
/// Values that the templates of a manifest yield for all its sites, in bytes with 16 for each part.
pub const MAX_TEMPLATES_OUTPUT: u64 = 64 << 20;
/// Instructions that one template may take. A manifest's own templates take a few dozen.
pub const MAX_TEMPLATE_STEPS: u64 = 100_000;
/// Blocks, macro calls and recursive loops that may be within one another while a template is rendered.
pub const MAX_TEMPLATE_CALLS: usize = 20;
