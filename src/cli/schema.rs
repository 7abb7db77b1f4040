//! `tsmedia schema`: prints the JSON Schema of a file format.

use clap::{Args, ValueEnum};
use serde_json::Value as Json;

use super::Outcome;
use super::screen::Screen;
use crate::error::Result;
use crate::manifest;
use crate::report::reference::{KeysPage, link_keys};
use crate::sequence;
use crate::simulate;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File format.
    #[arg(value_name = "FORMAT", default_value = "manifest")]
    of: SchemaKind,
    /// Link each key to its section in the manual at this address.
    ///
    /// The address is that of the built manual, such as `https://intranet.example.com/tsmedia/`.
    #[arg(long, value_name = "URL")]
    manual: Option<String>,
}

/// File format described by a schema.
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
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let (schema, page) = match arguments.of {
        SchemaKind::Manifest => (manifest::editor_schema(), KeysPage::Manifest),
        SchemaKind::Sequence => (sequence::schema(), KeysPage::Sequence),
        SchemaKind::Facts => (simulate::editor_schema(), KeysPage::Facts),
        SchemaKind::Library => (manifest::library_schema(), KeysPage::Library),
        SchemaKind::Site => (manifest::site_file_schema(), KeysPage::SiteFile),
    };
    let Some(manual) = &arguments.manual else { return screen.print_document(&schema) };
    let mut schema: Json = serde_json::from_str(&schema).expect("a schema is JSON");
    link_keys(&mut schema, page, manual);
    screen.print_document(&(serde_json::to_string_pretty(&schema).expect("JSON") + "\n"))
}
