//! What the base of a medium supplies to `[boot]`, where the manifest says nothing else.

use camino::{Utf8Path, Utf8PathBuf};

use super::model::BOOT_IMAGE_PATH;
use crate::format::medium_tree::path_on;
use authoring::doc::Doc;
use authoring::spanned::{Entry, Node, Table, Value};

/// JSON pointers of bases, the nearer one first.
pub(super) const POINTERS: [&str; 2] = ["/sites/0/base", "/base"];

/// Returns whether the medium is built on another one.
pub(super) fn is_named(doc: Doc<'_>) -> bool {
    POINTERS.iter().any(|pointer| doc.spans.has(pointer))
}

/// Returns the base of a rendered manifest: that of its site, or the one for all.
pub(super) fn of(root: &Table) -> Option<&Table> {
    let site = match root.get("sites").map(|sites| &sites.value) {
        Some(Value::Array(sites)) => sites.first().and_then(Node::as_table),
        _ => None,
    };
    site.and_then(|site| site.get("base")).or_else(|| root.get("base")).and_then(Node::as_table)
}

/// Takes boot image and boot files from the base of a rendered manifest, unless the manifest names others. They are
/// placed where the base is named.
///
/// `folder_of` finds the folder that paths are relative to at the place of a value.
pub(super) fn supply(manifest: &mut Node, folder_of: impl Fn(&Node) -> Utf8PathBuf) {
    let Value::Table(root) = &mut manifest.value else { return };
    let Some(medium) = of(root).and_then(|base| base.get("medium")).cloned() else { return };
    let Some(path) = medium.as_str() else { return };
    let is_folder = folder_of(&medium).join(path).is_dir();
    let text = |text: String| Node { value: Value::String(text), place: medium.place.clone() };
    let entry = |name: &str, node: Node| Entry { name: name.to_owned(), key: medium.place.clone(), node };
    let file = text(inside(path.into(), BOOT_IMAGE_PATH, is_folder));
    let files = text(inside(path.into(), "", is_folder));
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

/// Returns the path of a file of a medium: below a folder, or within an image as in `boot.iso!/sources/boot.wim`.
fn inside(medium: &Utf8Path, path: &str, is_folder: bool) -> String {
    match (is_folder, path) {
        (true, "") => medium.to_string(),
        (true, path) => medium.join(path).into(),
        (false, path) => path_on(medium, path).into(),
    }
}
