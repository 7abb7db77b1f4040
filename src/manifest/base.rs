//! Boot image and boot files that a base supplies to `[boot]` unless the manifest sets them.

use camino::{Utf8Path, Utf8PathBuf};

use super::model::BOOT_IMAGE_PATH;
use crate::format::medium_tree::path_on_medium;
use authoring::doc::Doc;
use authoring::spanned::{Node, Table, TableEntry, Value};

/// JSON pointers of bases; that of the site takes precedence.
pub(super) const POINTERS: [&str; 2] = ["/sites/0/base", "/base"];

/// Returns `true` if the medium has a base.
pub(super) fn is_present(doc: Doc<'_>) -> bool {
    POINTERS.iter().any(|pointer| doc.spans.has(pointer))
}

/// Returns the base of a rendered manifest: that of its site, or the general one.
pub(super) fn find_base(root: &Table) -> Option<&Table> {
    let site = match root.get("sites").map(|sites| &sites.value) {
        Some(Value::Array(sites)) => sites.first().and_then(Node::as_table),
        _ => None,
    };
    site.and_then(|site| site.get("base")).or_else(|| root.get("base")).and_then(Node::as_table)
}

/// Adds boot image and boot files of the base to a rendered manifest unless it sets them. Their
/// place is that of the base.
///
/// `folder_of` returns the folder that the path in a value is relative to.
pub(super) fn supply_boot(manifest: &mut Node, folder_of: impl Fn(&Node) -> Utf8PathBuf) {
    let Value::Table(root) = &mut manifest.value else { return };
    let Some(medium) = find_base(root).and_then(|base| base.get("medium")).cloned() else { return };
    let Some(path) = medium.as_str() else { return };
    let is_folder = folder_of(&medium).join(path).is_dir();
    let text = |text: String| Node { value: Value::String(text), place: medium.place.clone() };
    let entry = |name: &str, node: Node| TableEntry { name: name.to_owned(), key: medium.place.clone(), node };
    let file = text(path_in_medium(path.into(), BOOT_IMAGE_PATH, is_folder));
    let files = text(path_in_medium(path.into(), "", is_folder));
    let table = |entries| Node { value: Value::Table(Table(entries)), place: medium.place.clone() };
    if root.get("boot").is_none() {
        root.0.push(entry("boot", table(Vec::new())));
    }
    let boot = root.0.iter_mut().find(|entry| entry.name == "boot").map(|entry| &mut entry.node.value);
    let Some(Value::Table(boot)) = boot else { return };
    if boot.get("image").is_none() {
        boot.0.push(entry("image", table(vec![entry("file", file)])));
    }
    if boot.get("files").is_none() {
        boot.0.push(entry("files", files));
    }
}

/// Returns the path of a file on a medium: below a folder, or on an image as in
/// `boot.iso!/sources/boot.wim`.
fn path_in_medium(medium: &Utf8Path, path: &str, is_folder: bool) -> String {
    match (is_folder, path) {
        (true, "") => medium.to_string(),
        (true, path) => medium.join(path).into(),
        (false, path) => path_on_medium(medium, path).into(),
    }
}
