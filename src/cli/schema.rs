//! `tsmedia schema`: prints the JSON Schema of a file format or of JSON output.

use clap::{Args, ValueEnum};
use serde_json::Value as Json;

use super::Outcome;
use super::screen::Screen;
use crate::error::{Error, Result};
use crate::manifest;
use crate::report::DocumentKind;
use crate::report::reference::{KeysPage, link_keys};
use crate::sequence;
use crate::simulate;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File format, or command whose JSON output is described.
    #[arg(value_name = "FORMAT", default_value = "manifest")]
    of: SchemaKind,
    /// Link each key of a file format to its section in the manual at this address.
    ///
    /// The address is that of the built manual, such as `https://intranet.example.com/tsmedia/`.
    #[arg(long, value_name = "URL")]
    manual: Option<String>,
}

/// File format, or JSON output, described by a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaKind {
    /// Manifest (`media.toml`).
    Manifest,
    /// Task sequence.
    Sequence,
    /// Facts about a computer, for `simulate`.
    Facts,
    /// Content library.
    Library,
    /// Site file, named by `data` of a site.
    Site,
    /// JSON of `check`.
    Check,
    /// JSON of `check --explain`.
    Rules,
    /// JSON of `render`.
    Render,
    /// JSON of `plan`.
    Plan,
    /// JSON of `show`.
    Show,
    /// JSON of `apply`.
    Apply,
    /// JSON of `destroy`.
    Destroy,
    /// JSON of `watch`.
    Watch,
    /// JSON of `inspect`.
    Inspect,
    /// JSON of `inspect --layout`.
    Layout,
    /// JSON of `verify`.
    Verify,
    /// JSON of `attest`.
    Attest,
    /// JSON of `sign`.
    Sign,
    /// JSON of `push`.
    Push,
    /// JSON of `pull`.
    Pull,
    /// JSON of `sync`.
    Sync,
    /// JSON of `diff`.
    Diff,
    /// JSON of `write`.
    Write,
    /// JSON of `certificate`.
    Certificate,
    /// JSON of `sequence import`.
    SequenceImport,
    /// JSON of `sequence show`.
    SequenceShow,
    /// JSON of `simulate`.
    Simulate,
    /// JSON of `capture`.
    Capture,
    /// JSON of `import`.
    Import,
    /// JSON of `lock`.
    Lock,
    /// JSON of `cache`.
    Cache,
}

impl SchemaKind {
    /// Returns the kind of JSON output. `None` for a file format.
    fn document(self) -> Option<DocumentKind> {
        Some(match self {
            Self::Manifest | Self::Sequence | Self::Facts | Self::Library | Self::Site => return None,
            Self::Check => DocumentKind::Check,
            Self::Rules => DocumentKind::Rules,
            Self::Render => DocumentKind::Render,
            Self::Plan => DocumentKind::Plan,
            Self::Show => DocumentKind::Show,
            Self::Apply => DocumentKind::Apply,
            Self::Destroy => DocumentKind::Destroy,
            Self::Watch => DocumentKind::Watch,
            Self::Inspect => DocumentKind::Inspect,
            Self::Layout => DocumentKind::Layout,
            Self::Verify => DocumentKind::Verify,
            Self::Attest => DocumentKind::Attest,
            Self::Sign => DocumentKind::Sign,
            Self::Push => DocumentKind::Push,
            Self::Pull => DocumentKind::Pull,
            Self::Sync => DocumentKind::Sync,
            Self::Diff => DocumentKind::Diff,
            Self::Write => DocumentKind::Write,
            Self::Certificate => DocumentKind::Certificate,
            Self::SequenceImport => DocumentKind::SequenceImport,
            Self::SequenceShow => DocumentKind::SequenceShow,
            Self::Simulate => DocumentKind::Simulate,
            Self::Capture => DocumentKind::Capture,
            Self::Import => DocumentKind::Import,
            Self::Lock => DocumentKind::Lock,
            Self::Cache => DocumentKind::Cache,
        })
    }
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    if let Some(document) = arguments.of.document() {
        if arguments.manual.is_some() {
            return Err(Error::new("`--manual` links keys of file formats, and this is the schema of JSON output")
                .help("leave `--manual` out"));
        }
        return screen.print_document(document.schema().unwrap_or_default());
    }
    let (schema, page) = match arguments.of {
        SchemaKind::Sequence => (sequence::schema(), KeysPage::Sequence),
        SchemaKind::Facts => (simulate::editor_schema(), KeysPage::Facts),
        SchemaKind::Library => (manifest::library_schema(), KeysPage::Library),
        SchemaKind::Site => (manifest::site_file_schema(), KeysPage::SiteFile),
        _ => (manifest::editor_schema(), KeysPage::Manifest),
    };
    let Some(manual) = &arguments.manual else { return screen.print_document(&schema) };
    let mut schema: Json = serde_json::from_str(&schema).expect("a schema is JSON");
    link_keys(&mut schema, page, manual);
    screen.print_document(&(serde_json::to_string_pretty(&schema).expect("JSON") + "\n"))
}
