//! Checks that the boot stores among the boot files start the boot image on the medium, from a RAM
//! disk based on `boot.sdi`.
//!
//! A boot manager that can't find a file named in its store stops with an error code. Stores are
//! never changed: unusual content may be intended, and not all of it is understood.

use std::sync::Arc;

use super::assemble::AssembledMedium;
use super::boot::BOOT_SDI;
use super::manifest_pointers::{FILES, IMAGE};
use super::request::MediumRequest;
use crate::content::Content;
use crate::error::Result;
use crate::firmware::Firmware;
use crate::format::bcd::{BcdStore, DefaultEntryFault};
use crate::format::regf::{self, Hive};
use crate::limits::MAX_BOOT_STORE_LEN;
use crate::manifest::BOOT_IMAGE_PATH;
use crate::problem::{Problem, Problems};
use crate::source::read_start;
use crate::volume::Node;

/// First bytes of a RAM disk description (`boot.sdi`).
const SDI_MAGIC: &[u8] = b"$SDI0001";

/// Help for an unsuitable boot store.
const HELP: &str = "use boot files whose store starts `\\sources\\boot.wim`, such as those of an extracted Windows ISO \
                    or of the ADK's `Media` folder, or write `store = \"built\"` in `[boot]`";

/// Checks the boot stores that were found against the files on the medium.
pub(super) fn check_stores(request: &MediumRequest<'_>, medium: &AssembledMedium, problems: &mut Problems) {
    let (mut no_stores, mut no_sdis, mut sdis) = (Vec::new(), Vec::new(), vec![BOOT_SDI.to_owned()]);
    for (firmware, path) in &medium.start.found_stores {
        let Some(Node::File(content)) = medium.root.get(path) else { continue };
        let bytes = match read_prefix(content, MAX_BOOT_STORE_LEN) {
            Ok(bytes) => bytes,
            Err(error) => {
                request.failed(&error, FILES, problems);
                continue;
            }
        };
        if !bytes.starts_with(regf::MAGIC) {
            no_stores.push(format!("`{path}`"));
            continue;
        }
        match Hive::read(&bytes).and_then(|hive| BcdStore::read(&hive)) {
            Ok(store) => sdis.extend(check_store(request, medium, path, *firmware, &store, problems)),
            // Keep the cause: the hive reader names the offset there.
            Err(error) => {
                let mut why = error.to_string();
                if let Some(cause) = std::error::Error::source(&error) {
                    why = format!("{why}: {cause}");
                }
                let problem = Problem::warning(format!("the boot store `{path}` can't be read: {why}"));
                let problem = problem.at(request.place(FILES), "copied unchanged");
                problems.add(problem.help("copy the boot files again from their source"));
            }
        }
    }
    sdis.sort();
    sdis.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    for path in sdis {
        let Some(Node::File(content)) = medium.root.get(&path) else { continue };
        match read_prefix(content, SDI_MAGIC.len() as u64) {
            Ok(bytes) if *bytes == *SDI_MAGIC => {}
            Ok(_) => no_sdis.push(format!("`{path}`")),
            Err(error) => request.failed(&error, FILES, problems),
        }
    }
    let told = [
        ("not a boot store, so the boot manager can't start", no_stores),
        ("not a RAM disk, so Windows PE can't start", no_sdis),
    ];
    let told = told.into_iter().filter(|(_, names)| !names.is_empty());
    let told: Vec<_> = told.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect();
    if !told.is_empty() && !medium.start.are_stand_ins {
        let problem = Problem::note(told.join("; ")).at(request.place(FILES), "");
        problems.add(problem.help("use boot files of Windows; placeholders are only useful for testing"));
    }
}

/// Checks one boot store. Returns the path of its RAM disk description if that is on the medium.
fn check_store(
    request: &MediumRequest<'_>,
    medium: &AssembledMedium,
    path: &str,
    firmware: Firmware,
    store: &BcdStore,
    problems: &mut Problems,
) -> Option<String> {
    let started = store.default_entry().ok_or(DefaultEntryFault::NoEntry);
    let [boot_image, sdi] = match started.and_then(|started| started.files(firmware)) {
        Ok(files) => files,
        Err(not) => {
            let problem = Problem::warning(format!("the boot store `{path}` {not}"));
            problems.add(problem.at(request.place(FILES), "comes from here").help(HELP));
            return None;
        }
    };
    let files = request.place(FILES);
    let is_there = |path: &str| matches!(medium.root.get(path), Some(Node::File(_)));
    if !boot_image.eq_ignore_ascii_case(BOOT_IMAGE_PATH) {
        let message = format!("the boot store `{path}` starts `{boot_image}`");
        let problem = match is_there(&boot_image) {
            true => Problem::note(format!("{message} instead of the boot image `{BOOT_IMAGE_PATH}`")),
            false => Problem::warning(format!(
                "{message}, which is not on the medium; the boot image is `{BOOT_IMAGE_PATH}`"
            )),
        };
        problems.add(problem.at(files.clone(), "comes from here").at(request.place(IMAGE), "not started").help(HELP));
    }
    if !is_there(&sdi) {
        let message = format!("the boot store `{path}` needs `{sdi}`, which is not on the medium");
        let problem = Problem::warning(message).at(files, "comes from here");
        problems.add(problem.help(HELP));
        return None;
    }
    Some(sdi)
}

/// Reads at most `len` bytes from the start of a content.
fn read_prefix(content: &Content, len: u64) -> Result<Arc<[u8]>> {
    match content {
        Content::Bytes(bytes) => Ok(Arc::from(&bytes[..bytes.len().min(len as usize)])),
        Content::Source(source) => Ok(read_start(source, source.len().min(len) as usize)?.into()),
    }
}
