//! Writes the manifest of an imported medium.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::RecoveredSequence;
use crate::error::{Error, Result};
use crate::foreign_text;
use crate::manifest::{Kind, MAX_LABEL, relative};
use crate::media::{AUTORUN_FILE, LABEL_FILE, LAUNCH_FILE, PACKAGES};
use crate::output::lists;
use crate::resolve::ForeignMedium;
use crate::volume::{Folder, Node};
use authoring::template::escape_templates;

/// Boot files of a medium, in lower case. Other files in their folders are listed separately.
const BOOT_FILES: [&str; 12] = [
    "bootmgr",
    "bootmgr.efi",
    "boot/bcd",
    "boot/boot.sdi",
    "boot/bootfix.bin",
    "boot/etfsboot.com",
    "efi/boot/bootx64.efi",
    "efi/microsoft/boot/bcd",
    "efi/microsoft/boot/boot.stl",
    "efi/microsoft/boot/efisys.bin",
    "efi/microsoft/boot/efisys_noprompt.bin",
    BOOT_IMAGE,
];
const BOOT_IMAGE: &str = "sources/boot.wim";
/// Operating system images on Windows discs.
const INSTALL_IMAGES: [&str; 2] = ["sources/install.wim", "sources/install.esd"];

/// Place of a password.
#[derive(Clone, Debug)]
pub enum PasswordSource {
    /// An environment variable.
    Env(String),
    /// A file.
    File(Utf8PathBuf),
}

/// Boot image and boot files of a medium without client data.
struct BootParts {
    image: String,
    files: String,
}

/// Writes the manifest of a medium for a project in `folder`, and adds facts that could not be
/// determined to `unknown`.
///
/// # Errors
///
/// The medium can't be started.
pub(super) fn write(
    medium: &ForeignMedium,
    folder: &Utf8Path,
    password: Option<&PasswordSource>,
    sequences: &[RecoveredSequence],
    unknown: &mut Vec<String>,
) -> Result<String> {
    let path = path_from(folder, &medium.path)?;
    let media_type = medium.bootstrap.as_ref().map(|bootstrap| bootstrap.media_type().unwrap_or_default());
    let kind = match media_type.map(str::to_ascii_lowercase).as_deref() {
        Some("bootmedia") => Kind::Bootable,
        Some("oemmedia") => Kind::Prestaged,
        Some("fullmedia") | None => Kind::StandAlone,
        Some(_) => Kind::Capture,
    };
    let name = medium_name(&medium.path);
    let mut text = format!(
        "# Written by `tsmedia import`. The medium stays the source of its content.\n\
         manifest-version = 1\n\n[media]\nname = {}\nkind = {}\n",
        toml_string(&name),
        toml_string(kind.as_str())
    );
    if media_type.is_none() {
        // The label of a task sequence medium is inherited from its base.
        if !medium.label.is_empty() && medium.label.encode_utf16().count() <= MAX_LABEL {
            let _ = writeln!(text, "label = {}", toml_string(&medium.label));
        }
        unknown.push(
            "The medium is not a task sequence medium, so its kind is assumed to be `stand-alone`: see `kind`.".into(),
        );
    }
    let (format, extension) = match (kind, !medium.is_folder && !medium.is_disc) {
        (Kind::Prestaged, _) => ("", "wim"),
        (_, true) => ("format = \"usb\"\n", "img"),
        (_, false) => ("", "iso"),
    };
    let _ = write!(text, "\n[output]\n{format}path = \"out/{{{{ media.name }}}}.{extension}\"\n");
    match &medium.bootstrap {
        Some(bootstrap) => {
            let _ = write!(text, "\n[base]\nmedium = {}\n", toml_string(&path));
            if bootstrap.requires_password() == Some(true) {
                let _ = writeln!(text, "password = {}", password_reference(folder, password)?);
                let _ = write!(
                    text,
                    "\n[security]\n# The password of the new medium.\npassword = {{ env = \"MEDIA_PASSWORD\" }}\n"
                );
            }
            if starts_without_prompt(&medium.root) {
                text.push_str("\n[boot]\nprompt = false\n");
            }
            write_content(&mut text, medium, sequences);
            write_sequences(&mut text, sequences);
            write_files(&mut text, medium, &path, &other_files(&medium.root));
        }
        None => {
            let parts = boot_parts(medium)?;
            let _ = write!(
                text,
                "\n[boot]\nimage = {{ file = {} }}\nfiles = {}\n",
                toml_string(&path_in(medium, &path, &parts.image)),
                toml_string(&path_in(medium, &path, &parts.files))
            );
            if starts_without_prompt(&medium.root) {
                text.push_str("prompt = false\n");
            }
            write_images(&mut text, medium, &path, unknown);
            if parts.files.is_empty() {
                let whole = path_in(medium, &path, "");
                let _ =
                    write!(text, "\n# Everything else.\n[[file]]\nsource = {}\npath = \".\"\n", toml_string(&whole));
            }
        }
    }
    for sentence in unknown {
        let _ = write!(text, "\n# {}", foreign_text::line(sentence));
    }
    if text.ends_with('.') {
        text.push('\n');
    }
    Ok(text)
}

/// Lists the content of the medium in comments; it is inherited from the base unless the manifest
/// lists other content.
fn write_content(text: &mut String, medium: &ForeignMedium, sequences: &[RecoveredSequence]) {
    let Some(Node::Folder(packages)) = medium.root.get(PACKAGES) else { return };
    if packages.iter().len() == 0 {
        return;
    }
    text.push_str("\n# Content of the base. List an entry to replace it.\n");
    for (id, node) in packages.iter() {
        let (n_files, table) = match node {
            Node::Folder(folder) => (folder.n_files(), table_of(sequences, id.as_str())),
            Node::File(_) => (1, "package"),
        };
        let files = if n_files == 1 { "1 file".to_owned() } else { format!("{n_files} files") };
        let _ = writeln!(text, "#   [[{table}]] id = {}: {files}", toml_string(id.as_str()));
    }
}

/// Returns the table for a content ID, according to the steps that refer to it; other content is
/// assumed to be a package.
fn table_of(sequences: &[RecoveredSequence], id: &str) -> &'static str {
    table_or_default(find_table(sequences, id), id)
}

/// Returns the table for a content ID, according to the first step that refers to it.
pub(super) fn find_table(sequences: &[RecoveredSequence], id: &str) -> Option<&'static str> {
    let steps = sequences.iter().flat_map(|one| one.sequence.walk());
    let mut tables = steps.filter_map(|(_, step)| step.action()).flat_map(crate::sequence::rules::step_references);
    let table = tables.find(|(_, step_references, ..)| *step_references == id).map(|(_, _, table, _)| table);
    table.filter(|table| !table.is_empty())
}

/// Returns the table for content that no step refers to, unless one is known.
pub(super) fn table_or_default(table: Option<&'static str>, id: &str) -> &'static str {
    table.unwrap_or(if id.starts_with("Content_") { "application" } else { "package" })
}

fn write_sequences(text: &mut String, sequences: &[RecoveredSequence]) {
    for one in sequences {
        let _ = write!(
            text,
            "\n# The base carries this task sequence. Name it to replace its steps by those of the file, whose \
             secrets are\n\
             # not in it.\n# [task-sequence]\n# file = {}\n",
            toml_string(one.path.as_str())
        );
    }
}

/// Lists files and folders at the root that the new medium would otherwise lack.
fn write_files(text: &mut String, medium: &ForeignMedium, path: &str, others: &[String]) {
    for other in others {
        let source = path_in(medium, path, other);
        let _ = write!(text, "\n[[file]]\nsource = {}\npath = {}\n", toml_string(&source), toml_string(other));
    }
}

/// Lists the operating system images of a Windows disc in comments.
fn write_images(text: &mut String, medium: &ForeignMedium, path: &str, unknown: &mut Vec<String>) {
    for image in INSTALL_IMAGES.into_iter().filter(|image| medium.root.get(image).is_some()) {
        match medium.images(image) {
            Ok(images) => {
                let file = toml_string(&path_in(medium, path, image));
                let _ = write!(
                    text,
                    "\n# Images of Windows. A task sequence applies one of them:\n# [[operating-system]]\n\
                     # id = \"XXX00001\"\n# file = {file}\n# index = 1\n"
                );
                for image in images {
                    let name = image.name.unwrap_or_else(|| "without a name".to_owned());
                    let _ = writeln!(text, "#   {}: {}", image.index, foreign_text::line(&name));
                }
            }
            Err(error) => unknown.push(format!("`{image}` can't be read as a WIM file: {error}.")),
        }
    }
}

/// Returns `true` if a medium starts without waiting for a key press; BIOS waits if `bootfix.bin`
/// exists.
fn starts_without_prompt(root: &Folder) -> bool {
    root.get("boot/bootfix.bin").is_none() && root.get("Media/boot/bootfix.bin").is_none()
}

/// Returns the entries at the root that neither a base nor boot files supply.
fn other_files(root: &Folder) -> Vec<String> {
    let own = ["SMS", LAUNCH_FILE, AUTORUN_FILE, LABEL_FILE, lists::FOLDER];
    let is_own = |name: &str| own.iter().any(|own| own.eq_ignore_ascii_case(name));
    let is_boot_file = |path: &str| BOOT_FILES.contains(&path.to_ascii_lowercase().as_str());
    let mut others = Vec::new();
    for (name, node) in root.iter().filter(|(name, _)| !is_own(name.as_str())) {
        let is_covered = match node {
            Node::File(_) => is_boot_file(name.as_str()),
            Node::Folder(folder) => {
                let files = folder.files();
                files.iter().all(|(path, _)| is_boot_file(&format!("{name}/{path}"))) && !files.is_empty()
            }
        };
        if !is_covered {
            others.push(name.to_string());
        }
    }
    others
}

/// Finds boot image and boot files on a Windows medium, or in a folder of the ADK.
fn boot_parts(medium: &ForeignMedium) -> Result<BootParts> {
    let root = &medium.root;
    let is_file = |path: &str| matches!(root.get(path), Some(Node::File(_)));
    if is_file(BOOT_IMAGE) {
        return Ok(BootParts { image: BOOT_IMAGE.to_owned(), files: String::new() });
    }
    // The ADK has a Windows PE image per language beside its boot files.
    let languages = root.iter().filter(|(_, node)| matches!(node, Node::Folder(_)));
    let mut images = languages.map(|(name, _)| format!("{name}/winpe.wim")).filter(|path| is_file(path));
    let english = Some("en-us/winpe.wim".to_owned()).filter(|path| is_file(path));
    if let (Some(image), Some(Node::Folder(_))) = (english.or_else(|| images.next()), root.get("Media")) {
        return Ok(BootParts { image, files: "Media".to_owned() });
    }
    let message = format!("`{}` has no boot image", medium.path);
    Err(Error::new(message).help(
        "name a task sequence medium, a disc or stick of Windows with `sources/boot.wim`, or the folder `amd64` of the \
         ADK's Windows PE",
    ))
}

/// Returns the name of a medium, derived from its file name.
fn medium_name(path: &Utf8Path) -> String {
    let stem = path.file_stem().or(path.file_name()).unwrap_or_default();
    let parts = stem.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.')).filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("-");
    if name.trim_matches('.').is_empty() { "medium".to_owned() } else { name }
}

/// Returns the path of the medium for the manifest.
fn path_from(folder: &Utf8Path, path: &Utf8Path) -> Result<String> {
    let path = match folder.is_absolute() && !path.is_absolute() {
        true => path.canonicalize_utf8().map_err(|error| Error::io("finding", path, error))?,
        false => path.to_owned(),
    };
    let path = relative(folder, &path);
    Ok(if path.as_str().is_empty() { ".".to_owned() } else { path.into_string() })
}

/// Returns the path of a file or folder on the medium for the manifest. An empty path is the whole
/// medium.
fn path_in(medium: &ForeignMedium, path: &str, within: &str) -> String {
    match (medium.is_folder, within) {
        (true, "") => path.to_owned(),
        (true, within) => format!("{path}/{within}"),
        (false, "") => format!("{path}!"),
        (false, within) => format!("{path}!/{within}"),
    }
}

/// Returns the reference to the password of the base.
fn password_reference(folder: &Utf8Path, password: Option<&PasswordSource>) -> Result<String> {
    Ok(match password {
        Some(PasswordSource::Env(name)) => format!("{{ env = {} }}", toml_string(name)),
        Some(PasswordSource::File(path)) => format!("{{ file = {} }}", toml_string(&path_from(folder, path)?)),
        None => "{ env = \"BASE_PASSWORD\" }".to_owned(),
    })
}

/// Returns a text as a TOML string, with templates escaped.
fn toml_string(text: &str) -> String {
    foreign_text::toml(&toml::Value::from(escape_templates(text)).to_string()).into_owned()
}
