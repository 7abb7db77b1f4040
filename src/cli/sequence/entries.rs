//! Entries of a manifest for all that imported sequences refer to.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::foreign_text;
use crate::sequence::export::ExportedSequence;
use crate::sequence::mdt::{Content, ContentKind};
use crate::sequence::share::DeploymentShare;
use crate::sequence::{self, Sequence};

/// The names that the console gives of packages.
pub(super) fn names(one: &ExportedSequence) -> BTreeMap<String, String> {
    let named = one.packages.iter().filter(|package| !package.name.is_empty());
    named.map(|package| (package.id.clone(), foreign_text::line(&package.name).into_owned())).collect()
}

/// The entries of a manifest for all that sequences refer to, to be filled in, and for the contents of a share.
pub(super) fn of_all(all: &[ExportedSequence], paths: &[Utf8PathBuf], share: Option<&DeploymentShare>) -> String {
    let entries = of_sequences(all, paths, share);
    if entries.is_empty() {
        return String::new();
    }
    format!("# for the manifest: put in your own paths\n\n{}", entries.join("\n"))
}

fn of_sequences(all: &[ExportedSequence], paths: &[Utf8PathBuf], share: Option<&DeploymentShare>) -> Vec<String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    if let ([one], [path]) = (all, paths) {
        let path = toml::Value::String(path.to_string());
        let image = one.sequence.boot_image.as_ref().map_or(String::new(), |id| {
            let name = names(one).get(id).map_or(String::new(), |name| format!(" ({})", foreign_text::line(name)));
            format!(" # its boot image, for `[boot]`, is {id}{name}")
        });
        found.insert(String::new(), format!("[task-sequence]{image}\nfile = {path}\n"));
    }
    for one in all {
        let names = names(one);
        for id in sequence::xml::packages(&one.sequence) {
            // What the site says counts; else what the step takes it for.
            let kind = one.packages.iter().find(|package| package.id == id).map(|package| package.kind);
            let of_step = table_of(&one.sequence, &id);
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
            found.entry(format!("~{id}")).or_insert(entry);
        }
    }
    for (id, entry) in share.into_iter().flat_map(of_share) {
        found.insert(id, entry);
    }
    found.into_values().collect()
}

/// The entries for the contents that a share lists, by their IDs.
fn of_share(share: &DeploymentShare) -> Vec<(String, String)> {
    let listed = share.share.contents().iter().filter(|content| content.is_listed);
    listed.map(|content| (content.id.clone(), of_content(share, content))).collect()
}

fn of_content(share: &DeploymentShare, content: &Content) -> String {
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
        // The share keeps drivers by their classes, not by their groups.
        None => (Utf8PathBuf::from(format!("drivers/{}", content.id)), " # copy these folders of the share there"),
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

/// The table of a manifest for a package, by the key that names it.
fn table_of(sequence: &Sequence, id: &str) -> &'static str {
    let steps = sequence.walk();
    let mut named = steps.iter().filter_map(|(_, step)| step.action()).flat_map(sequence::rules::step_references);
    named.find(|(_, named, table, _)| *named == id && !table.is_empty()).map_or("package", |(_, _, table, _)| table)
}

/// The applications that a sequence installs: identity and name.
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
