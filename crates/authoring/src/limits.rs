//! Limits for texts by authors, which may be hostile: bytes, levels and steps for reading and
//! rendering.

/// Maximum total length in bytes of a manifest with its profiles and files of values, of a task
/// sequence with included files, or of a fact file. A site stores 2 MB of a task sequence (R76).
pub const MAX_TOML_LEN: u64 = 4 << 20;
/// Maximum nesting of arrays, inline tables and dotted keys in TOML.
pub const MAX_TOML_DEPTH: usize = 64;
/// Maximum number of keys of a TOML table or JSON object.
pub const MAX_TOML_KEYS: usize = 4_096;
/// Maximum number of values of a TOML array.
pub const MAX_TOML_ITEMS: usize = 10_000;
/// Maximum number of values of a JSON array. Sites have some thousand packages.
pub const MAX_JSON_ITEMS: usize = 100_000;
/// Maximum total length of the JSON pointers of all values in a file, in bytes.
pub const MAX_TOML_POINTERS_LEN: usize = 64 << 20;
/// Maximum number of syntax errors reported for a TOML file; later ones are mostly consequences.
pub const MAX_SYNTAX_ERRORS: usize = 20;
/// Maximum number of problems listed, over all files that a command reads.
pub const MAX_PROBLEMS: usize = 1_000;
/// Maximum length of a name for suggestions, in bytes: comparing two names takes time proportional
/// to both lengths.
pub const MAX_SUGGESTED_LEN: usize = 128;
/// Maximum number of candidates compared with an unknown name.
pub const MAX_SUGGESTIONS: usize = 1_000;

// Templates in string values.

/// Maximum length of a template, in bytes.
pub const MAX_TEMPLATE_LEN: usize = 64 << 10;
/// Maximum number of operators, dots and brackets in an expression, each of which may nest in the
/// one before, and of `elif` branches in a template.
pub const MAX_TEMPLATE_OPERATORS: usize = 250;
/// Maximum length of the output of a template, in bytes. Nothing in a manifest is longer.
pub const MAX_TEMPLATE_OUTPUT: usize = 64 << 10;
/// Maximum size of an intermediate value in a template: its bytes, plus 16 per part.
pub const MAX_TEMPLATE_VALUE: usize = 1 << 20;
/// Maximum total size of intermediate values in a template, in bytes.
pub const MAX_TEMPLATE_WORK: u64 = 16 << 20;
/// Maximum total size of intermediate values in all templates of a manifest, for all sites, in
/// bytes and steps.
pub const MAX_TEMPLATES_WORK: u64 = 512 << 20;
/// Maximum total size of the results of all templates of a manifest, for all sites: their bytes,
/// plus 16 per part.
pub const MAX_TEMPLATES_OUTPUT: u64 = 64 << 20;
/// Maximum number of instructions of a template. A usual template takes a few dozen.
pub const MAX_TEMPLATE_STEPS: u64 = 100_000;
/// Maximum nesting of blocks, macro calls and recursive loops while a template is rendered.
pub const MAX_TEMPLATE_CALLS: usize = 20;
