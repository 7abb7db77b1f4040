//! Links from the keys of a JSON Schema to their sections in the manual.

use serde_json::Value as Json;

use super::keys::{key_path, table_within};

/// Page of the manual that documents the keys of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysPage {
    /// `docs/reference/manifest.md`.
    Manifest,
    /// `docs/reference/library.md`.
    Library,
    /// `docs/reference/site-file.md`.
    SiteFile,
    /// `docs/reference/sequence.md`; steps are in `docs/reference/steps.md`.
    Sequence,
    /// `docs/reference/facts.md`.
    Facts,
}

impl KeysPage {
    /// Name of the page, without `.html`.
    fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Library => "library",
            Self::SiteFile => "site-file",
            Self::Sequence => "sequence",
            Self::Facts => "facts",
        }
    }
}

/// Adds a link to the description of each key. `manual` is the address of the built manual, such as
/// `https://intranet.example.com/tsmedia/`.
pub fn link_keys(schema: &mut Json, page: KeysPage, manual: &str) {
    let reference = format!("{}/reference", manual.trim_end_matches('/'));
    link_table(schema, "", &format!("{reference}/{}.html", page.name()));
    // Steps have a page of their own.
    if let Some(keys) = schema.pointer_mut("/definitions/step/properties").and_then(Json::as_object_mut) {
        keys.values_mut().for_each(|key| add_link(key, &format!("{reference}/steps.html")));
    }
}

fn link_table(table: &mut Json, path: &str, page: &str) {
    for (name, key) in table["properties"].as_object_mut().into_iter().flatten().filter(|(name, _)| *name != "$schema")
    {
        let path = key_path(path, name);
        add_link(key, &format!("{page}#{}", anchor(&path)));
        if let Some(at) = table_within(&path, key) {
            link_table(key.pointer_mut(&at).expect("the pointer of a table"), &path, page);
        }
    }
}

/// Anchor of a heading, as the site's generator and Git hosts make it.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

fn add_link(key: &mut Json, address: &str) {
    if let Some(Json::String(description)) = key.get_mut("description") {
        *description += &format!("\n\n[Manual]({address})");
    }
}
