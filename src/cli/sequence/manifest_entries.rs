//! Writes manifest entries for the content that imported task sequences refer to.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::foreign_text;
use crate::sequence::export::ExportedSequence;
use crate::sequence::mdt::{ContentKind, ShareContent};
use crate::sequence::share::DeploymentShare;
use crate::sequence::{self, Sequence};

/// Returns the names of packages in the console, by ID.
pub(super) fn package_names(one: &ExportedSequence) -> BTreeMap<String, String> {
    let named = one.packages.iter().filter(|referred| !referred.name.is_empty());
    named.map(|referred| (referred.id.clone(), foreign_text::line(&referred.name).into_owned())).collect()
}

/// Returns manifest entries for all content that task sequences refer to, and for the contents of a deployment share.
pub(super) fn manifest_entries(
    all: &[ExportedSequence],
    paths: &[Utf8PathBuf],
    share: Option<&DeploymentShare>,
) -> String {
    let entries = sequence_entries(all, paths, share);
    if entries.is_empty() {
        return String::new();
    }
    format!("# for the manifest; replace the paths with your own\n\n{}", entries.join("\n"))
}

fn sequence_entries(all: &[ExportedSequence], paths: &[Utf8PathBuf], share: Option<&DeploymentShare>) -> Vec<String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    if let ([one], [path]) = (all, paths) {
        let path = toml::Value::String(path.to_string());
        let image = one.sequence.boot_image.as_ref().map_or(String::new(), |id| {
            let name =
                package_names(one).get(id).map_or(String::new(), |name| format!(" ({})", foreign_text::line(name)));
            format!(" # boot image, for `[boot]`: {id}{name}")
        });
        found.insert(String::new(), format!("[task-sequence]{image}\nfile = {path}\n"));
    }
    for one in all {
        let names = package_names(one);
        for id in sequence::xml::packages(&one.sequence) {
            // Type of the package at the site (`SMS_Package.PackageType`); otherwise, the one the step expects.
            let kind = one.packages.iter().find(|referred| referred.id == id).map(|referred| referred.kind);
            let of_step = manifest_table(&one.sequence, &id);
            // 3: driver package, 257: operating system image, 258: boot image, which `[boot]` names instead of a table.
            let table = match (kind, of_step) {
                (Some(258), _) => continue,
                (Some(257), _) => "operating-system",
                (Some(3), _) => "driver-package",
                (_, of_step) => of_step,
            };
            let name = names.get(&id).map(|name| format!(" # {}", foreign_text::line(name))).unwrap_or_default();
            let (key, place) = match table {
                "operating-system" => ("file", format!("images/{id}.wim")),
                "driver-package" => ("source", format!("drivers/{id}")),
                _ => ("source", format!("packages/{id}")),
            };
            let [place, shown] = [&place, &id].map(|text| toml::Value::from(text.as_str()));
            found.entry(id.clone()).or_insert(format!("[[{table}]]\nid = {shown}{name}\n{key} = {place}\n"));
        }
        for (id, name) in applications(&one.sequence) {
            let name = if name.is_empty() { id.clone() } else { foreign_text::line(&name).into_owned() };
            let model_name = toml::Value::String(id.clone());
            let entry = format!(
                "[[application]]\nid = \"Content_…\" # its content ID: {name}\nmodel-name = {model_name}\nsource = \"applications/…\"\n",
            );
            // `~` sorts applications after packages.
            found.entry(format!("~{id}")).or_insert(entry);
        }
    }
    for (id, entry) in share.into_iter().flat_map(share_entries) {
        found.insert(id, entry);
    }
    found.into_values().collect()
}

/// Returns the entries for the contents that a deployment share lists, by ID.
fn share_entries(share: &DeploymentShare) -> Vec<(String, String)> {
    let listed = share.share.contents().iter().filter(|content| content.is_listed);
    listed.map(|content| (content.id.clone(), content_entry(share, content))).collect()
}

fn content_entry(share: &DeploymentShare, content: &ShareContent) -> String {
    let (table, key) = match content.kind {
        ContentKind::OperatingSystem => ("operating-system", "file"),
        ContentKind::DriverPackage => ("driver-package", "source"),
        ContentKind::Package | ContentKind::BootImage => ("package", "source"),
    };
    let (path, remark) = match &content.path {
        Some(path) => match share.locate(path) {
            (path, true) => (path, ""),
            (path, false) => (path, " # not on the share"),
        },
        // A deployment share stores drivers by device class, not by group, so there is no single folder to name.
        None => (Utf8PathBuf::from(format!("drivers/{}", content.id)), " # copy these folders from the share"),
    };
    let [shown, path] = [content.id.as_str(), path.as_str()].map(toml::Value::from);
    let name = foreign_text::line(&content.name);
    let mut entry = format!("[[{table}]]\nid = {shown} # {name}\n{key} = {path}{remark}\n");
    for part in &content.parts {
        entry += &format!("#   {}\n", foreign_text::line(part));
    }
    if let Some(index) = content.index {
        entry += &format!("index = {index}\n");
    }
    if !content.is_enabled {
        entry += "when = false # disabled on the share\n";
    }
    entry
}

/// Returns the manifest table for a package, from the key of the step that refers to it.
fn manifest_table(sequence: &Sequence, id: &str) -> &'static str {
    let steps = sequence.walk();
    let mut named = steps.iter().filter_map(|(_, step)| step.action()).flat_map(sequence::rules::step_references);
    named.find(|(_, named, table, _)| *named == id && !table.is_empty()).map_or("package", |(_, _, table, _)| table)
}

/// Returns ID and name of the applications that a task sequence installs.
fn applications(sequence: &Sequence) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (_, step) in sequence.walk() {
        for application in step.action().map(|action| action.tables("applications")).unwrap_or_default() {
            let text = |key| sequence::text(application, key).unwrap_or_default().to_owned();
            found.push((text("id"), text("name")));
        }
    }
    found
}
