//! The base of a medium: an existing Configuration Manager medium, opened, decrypted and checked.
//!
//! A base supplies data that only the site has: the variables and policies of `SMS\data`, the
//! client programs, `LaunchMedia.cmd` and `autorun.inf`. Entries of the manifest replace those of
//! the base.

use std::sync::Arc;

use camino::Utf8Path;

use super::placement::{Location, find_whole_folder};
use super::request::MediumRequest;
use super::secret_refs::fetch_secret_text;
use super::sources::Sources;
use crate::content::Content;
use crate::error::Result;
use crate::format::media_variables_file::{VariablesError, VariablesHeader};
use crate::format::medium_tree::path_on_medium;
use crate::limits::{MAX_BASE_DATA_LEN, MAX_SCRIPT_LEN};
use crate::manifest::{BaseTable, CONTENT, Kind, MAX_LABEL};
use crate::media::data::{self, BaseData, BaseDataError, Bootstrap, EncryptedFile};
use crate::media::{AUTORUN_FILE, LABEL_FILE, LAUNCH_FILE, PACKAGES, windows_text};
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::secret::Secret;
use crate::volume::{Folder, Name, Node};

/// Names at the root of a base that the new medium inherits, besides boot files.
const TAKEN: [&str; 3] = ["SMS", LAUNCH_FILE, AUTORUN_FILE];

/// The base of a medium.
pub(super) struct Base {
    /// Path of the base as written in the manifest.
    pub name: String,
    /// JSON pointer of that path.
    pub pointer: String,
    /// Decrypted data of the base. `None` if decryption failed (which was reported), if the
    /// password was not available, or for capture media without variables.
    pub data: Option<BaseData>,
    /// The base has variables, decrypted or not.
    pub has_variables: bool,
    /// Label in `MediaLabel.txt`.
    pub label: Option<String>,
    /// Files that the new medium inherits unless the manifest replaces them.
    pub files: Folder,
}

/// Opens the base; `None` if the manifest names none or it can't be used.
pub(super) fn open(request: &MediumRequest<'_>, problems: &mut Problems) -> Option<Base> {
    let (table, table_at) = request.rendered.manifest.base()?;
    let pointer = format!("{table_at}/medium");
    let path = request.input(&pointer, &table.medium);
    let is_folder = request.readable(request.sources.is_folder(&path), &path, &pointer, problems)?;
    let root = if is_folder { path } else { path_on_medium(&path, "") };
    let found = find_whole_folder(request, &root, ".", &pointer, Location::Medium, problems)?;
    let Node::Folder(folder) = found.node else { return None };
    let bootstrap = read_bootstrap(request, table, &folder, &pointer, problems)?;
    check_kind(request, &bootstrap, &pointer, problems);
    let data_of_base = decrypt_data(request, (table, table_at), &folder, bootstrap, problems);
    let label = read_text(request, &folder, LABEL_FILE).and_then(|text| parse_label(&text));
    let files = inherited_files(request, &folder, data_of_base.as_ref());
    check_prestart(request, &folder, &files, &pointer, problems);
    check_operating_system(request, &files, &pointer, problems);
    let has_variables = folder.get(data::VARIABLES_FILE).is_some();
    Some(Base { name: table.medium.clone(), pointer, data: data_of_base, has_variables, label, files })
}

/// Reads `TsmBootstrap.ini` of the base. Without it, the base is not a task sequence medium.
fn read_bootstrap(
    request: &MediumRequest<'_>,
    table: &BaseTable,
    folder: &Folder,
    pointer: &str,
    problems: &mut Problems,
) -> Option<Bootstrap> {
    let file = folder.get(data::BOOTSTRAP_FILE);
    let content = match file {
        Some(Node::File(content)) => Some(content),
        _ => None,
    };
    let bytes = content.map(|content| request.sources.read_content(content, MAX_SCRIPT_LEN as usize)).transpose();
    let bytes = bytes.map_err(|error| request.failed(&error, pointer, problems)).ok()?;
    let bootstrap = bytes.and_then(|bytes| Bootstrap::read(bytes.bytes()));
    if bootstrap.is_none() {
        let message = format!("`{}` is not a Configuration Manager medium", table.medium);
        let label = match file {
            Some(_) => format!("its `{}` has no section `MediaInfo`", windows_path(data::BOOTSTRAP_FILE)),
            None => format!("has no `{}`", windows_path(data::BOOTSTRAP_FILE)),
        };
        let help = "name a medium created by the console's wizard or a cmdlet; name boot files of other discs in \
                    `boot.files`, and other content in `[[file]]`";
        problems.add(Problem::error(message).at(request.place(pointer), label).help(help));
    }
    bootstrap
}

/// Checks that base and manifest describe one kind of medium.
fn check_kind(request: &MediumRequest<'_>, bootstrap: &Bootstrap, pointer: &str, problems: &mut Problems) {
    let wanted = request.rendered.manifest.media.kind;
    let Some(media_type) = bootstrap.media_type() else { return };
    let kinds: &[Kind] = match media_type.to_ascii_lowercase().as_str() {
        "bootmedia" => &[Kind::Bootable],
        "oemmedia" => &[Kind::Prestaged],
        "fullmedia" => &[Kind::StandAlone, Kind::Capture],
        // The value for capture media is not documented, so any other value may be one.
        _ => &[Kind::Capture],
    };
    if kinds.contains(&wanted) {
        return;
    }
    let kind = kinds.first().map_or("", |kind| kind.as_str());
    let message = format!("the base is a {kind} medium, but the manifest describes a {} medium", wanted.as_str());
    let problem = Problem::error(message).at(request.place(pointer), format!("`MediaType={media_type}`"));
    let problem = problem.at(request.place("/media/kind"), "the kind");
    problems.add(problem.help(format!("write `kind = \"{kind}\"`, or name a base of the manifest's kind")));
}

/// Checks that a prestaged medium has an operating system image, from the manifest or from the
/// base.
fn check_operating_system(request: &MediumRequest<'_>, files: &Folder, pointer: &str, problems: &mut Problems) {
    let manifest = &request.rendered.manifest;
    let is_image = |path: &str| Utf8Path::new(path).extension().is_some_and(|it| it.eq_ignore_ascii_case("wim"));
    let is_on_base = match files.get(PACKAGES) {
        Some(Node::Folder(packages)) => packages.files().iter().any(|(path, _)| is_image(path)),
        _ => false,
    };
    if manifest.media.kind != Kind::Prestaged || is_on_base || manifest.operating_system.iter().any(|one| one.when) {
        return;
    }
    let message = "a prestaged medium needs an operating system image; manifest and base have none";
    let problem = Problem::new(Rule::MissingOperatingSystem, message).at(request.place(pointer), "");
    problems.add(problem.help("add an `[[operating-system]]`, or name a base with an image below `SMS\\PKG`"));
}

/// Decrypts the variables and policies of the base.
fn decrypt_data(
    request: &MediumRequest<'_>,
    (table, table_at): (&BaseTable, &str),
    folder: &Folder,
    bootstrap: Bootstrap,
    problems: &mut Problems,
) -> Option<BaseData> {
    let (medium_at, password_at) = (format!("{table_at}/medium"), format!("{table_at}/password"));
    let Some(Node::File(variables)) = folder.get(data::VARIABLES_FILE) else {
        if request.rendered.manifest.media.kind != Kind::Capture {
            let message = format!("the base `{}` has no variables", table.medium);
            let label = format!("has no `{}`", windows_path(data::VARIABLES_FILE));
            let help = "copy the base again, with all its files";
            problems.add(Problem::error(message).at(request.place(&medium_at), label).help(help));
        }
        return None;
    };
    // `PasswordRequired` in the bootstrap file decides: decrypting with the wrong password can only say "wrong". Old
    // media don't say whether they have one.
    let password = match (&table.password, bootstrap.requires_password()) {
        (Some(_), Some(false)) => {
            let message = format!("the base `{}` has no password, but the manifest gives one", table.medium);
            problems.add(Problem::error(message).at(request.place(&password_at), "").help("remove `password`"));
            return None;
        }
        (Some(reference), _) => Some(fetch_secret_text(request, &password_at, reference, problems)?),
        (None, Some(true)) => {
            let message = format!("the base `{}` has a password, but the manifest gives none", table.medium);
            let problem = Problem::error(message).at(request.place(&medium_at), "`PasswordRequired=true`");
            problems.add(problem.help("write `password = { env = \"BASE_PASSWORD\" }` beside `medium`"));
            return None;
        }
        (None, _) => None,
    };
    let encrypted = read_encrypted_files(request.sources, variables, folder);
    let (variables, policies) = encrypted.map_err(|error| request.failed(&error, &medium_at, problems)).ok()?;
    let password = password.as_ref().and_then(|password| password.text());
    let (path, why) = match BaseData::read(bootstrap, &variables, &policies, password) {
        Ok(data) => return Some(data),
        Err(failed) => failed,
    };
    let problem = match why {
        BaseDataError::Unreadable(VariablesError::Password) if password.is_some() => {
            Problem::error(format!("the password does not open `{}` of the base", windows_path(&path)))
                .at(request.place(&password_at), "")
                .at(request.place(&medium_at), "the base")
                .help("give the password that the base was created with")
        }
        why => Problem::error(format!("`{}` of the base can't be read: {why}", windows_path(&path)))
            .at(request.place(&medium_at), "")
            .help("copy the base again, or recreate it"),
    };
    problems.add(problem);
    None
}

/// Reads the encrypted variables, and the other encrypted files in their folder.
pub(super) fn read_encrypted_files(
    sources: &dyn Sources,
    variables: &Content,
    folder: &Folder,
) -> Result<(EncryptedFile, Vec<EncryptedFile>)> {
    let read = |path: &str, content: &Content| -> Result<EncryptedFile> {
        let bytes = sources.read_content(content, MAX_BASE_DATA_LEN)?;
        Ok(EncryptedFile { path: path.to_owned(), bytes })
    };
    let mut others = Vec::new();
    if let Some(Node::Folder(folder)) = folder.get(data::FOLDER) {
        for (name, content) in folder.files() {
            let path = format!("{}/{name}", data::FOLDER);
            let is_known = |own: &&str| own.eq_ignore_ascii_case(&path);
            if ![data::BOOTSTRAP_FILE, data::VARIABLES_FILE].iter().any(is_known) {
                others.push(read(&path, content)?);
            }
        }
    }
    others.retain(|file| VariablesHeader::matches(file.bytes.bytes()));
    Ok((read(data::VARIABLES_FILE, variables)?, others))
}

/// Returns the inherited files, without those that the new medium writes itself and content that
/// the manifest names.
fn inherited_files(request: &MediumRequest<'_>, folder: &Folder, data: Option<&BaseData>) -> Folder {
    let mut files = Folder::default();
    for taken in TAKEN {
        // Keep the spelling of the base: Windows programs compare names without case, other readers
        // don't.
        let name = folder.spelling(taken).and_then(|name| Name::new(&name).ok());
        if let (Some(node), Some(name)) = (folder.get(taken), name) {
            files.put(name, node.clone());
        }
    }
    if request.rendered.is_written("/media/autorun") {
        files.remove(AUTORUN_FILE);
    }
    if let Some(data) = data {
        let written = [data::BOOTSTRAP_FILE, data::VARIABLES_FILE].into_iter();
        let written = written.chain(data.policies.iter().map(|(path, _)| path.as_str()));
        written.for_each(|path| drop(files.remove(path)));
    }
    let value = request.rendered.value();
    let prestart = request.rendered.manifest.prestart.as_ref().filter(|prestart| prestart.files.is_some());
    if let Some(package) = prestart.and_then(|prestart| prestart.package_on_medium()) {
        files.remove(&format!("{PACKAGES}/{package}"));
    }
    for (table, ..) in CONTENT {
        let entries = value.get(table).and_then(|entries| entries.as_array());
        for id in entries.into_iter().flatten().filter_map(|entry| entry.get("id")?.as_str()) {
            files.remove(&format!("{PACKAGES}/{id}"));
        }
    }
    files
}

/// Warns of a base that may have its own prestart command besides that of the manifest. The
/// variable that names it is undocumented, but its files are in a package.
fn check_prestart(request: &MediumRequest<'_>, all: &Folder, kept: &Folder, pointer: &str, problems: &mut Problems) {
    let manifest = &request.rendered.manifest;
    let Some(prestart) = &manifest.prestart else { return };
    let command = request.place("/prestart/command");
    let package = prestart.package_on_medium().filter(|_| prestart.files.is_some());
    if let Some(package) = package.filter(|package| all.get(&format!("{PACKAGES}/{package}")).is_some()) {
        let message = format!("the prestart files replace `{}\\{package}` of the base", windows_path(PACKAGES));
        let problem =
            Problem::warning(message).at(request.place(pointer), "the base").at(command.clone(), "the command");
        problems.add(problem.help("set `package` in `[prestart]` to an unused ID"));
    }
    let Some(Node::Folder(packages)) = kept.get(PACKAGES).filter(|_| manifest.media.kind == Kind::Bootable) else {
        return;
    };
    let is_other = |id: &str| prestart.package_on_medium().is_none_or(|package| !package.eq_ignore_ascii_case(id));
    if let Some((id, _)) = packages.iter().find(|(id, _)| is_other(id.as_str())) {
        let message = format!(
            "the base has `{}\\{id}`, probably for its own prestart command, which stays active",
            windows_path(PACKAGES)
        );
        let problem = Problem::warning(message).at(request.place(pointer), "the base").at(command, "this command");
        problems.add(problem.help(
            "start that command from your own script; reportedly the command of a medium takes precedence over that of \
             its boot image",
        ));
    }
}

/// Reads a small text file of the base; `None` if it is missing or not text.
fn read_text(request: &MediumRequest<'_>, folder: &Folder, path: &str) -> Option<String> {
    let Some(Node::File(content)) = folder.get(path) else { return None };
    let bytes = request.sources.read_content(content, MAX_SCRIPT_LEN as usize).ok()?;
    windows_text(bytes.bytes()).map(|text| text.to_string())
}

/// Parses the label in `MediaLabel.txt`; `None` if it is not valid for a medium.
fn parse_label(text: &str) -> Option<String> {
    let (key, label) = text.lines().next()?.split_once('=')?;
    let label = label.trim();
    let is_one = key.trim().eq_ignore_ascii_case("label") && (1..=MAX_LABEL).contains(&label.encode_utf16().count());
    (is_one && !label.chars().any(char::is_control)).then(|| label.to_owned())
}

fn windows_path(path: &str) -> String {
    path.replace('/', "\\")
}

impl Base {
    /// Returns `true` if the base has policies or may have them: those of an undecrypted base are
    /// unknown.
    pub fn may_have_policies(&self) -> bool {
        self.data.as_ref().is_none_or(|data| !data.policies.is_empty())
    }

    /// Returns the IDs of content that the manifest does not replace.
    pub fn content(&self) -> Vec<String> {
        match self.files.get(PACKAGES) {
            Some(Node::Folder(packages)) => packages.iter().map(|(id, _)| id.to_string()).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the variables and policies as secrets of the medium, each with a description.
    pub fn secrets(&self) -> impl Iterator<Item = (String, Arc<Secret>)> + '_ {
        let data = self.data.iter();
        data.flat_map(|data| {
            let variables =
                data.variables.iter().map(|(name, value)| (format!("the variable `{name}` of the base"), value));
            let policies =
                data.policies.iter().map(|(path, text)| (format!("`{}` of the base", windows_path(path)), text));
            variables.chain(policies).map(|(name, value)| (name, Arc::clone(value)))
        })
    }
}
