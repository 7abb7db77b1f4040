//! Lists the contents of a finished medium.
//!
//! Everything comes from the medium itself. It is read to its end and compared with its own lists, so that a damaged
//! medium is never described.

use camino::Utf8Path;

use super::components::{self, Component};
use super::digest::sha256_of;
use crate::date::Date;
use crate::device;
use crate::digest::{Digest, DigestKinds, Digests, Sha256};
use crate::error::{Error, ErrorKind, Result};
use crate::format::revocations::Revocations;
use crate::media::data;
use crate::output::lists::{self, MediumToml};
use crate::output::{Listing, ParsedMedium, ReadSeek};
use crate::progress::Progress;
use crate::resolve::ForeignMedium;
use crate::verify::{Verified, programs, verify_with};

/// Contents of a finished medium.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// Name of the file.
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    /// Digest of the whole medium.
    pub sha256: Sha256,
    /// Volume label.
    pub label: String,
    /// Date of everything on the medium.
    pub date: Date,
    /// Identity of the medium.
    pub id: Digest,
    /// Format version of the tsmedia that made it.
    pub format_version: u32,
    /// Further keys and values of its `medium.toml`.
    pub description: Vec<(String, String)>,
    /// Files, by path. Those that depend on secrets are left out.
    pub files: Vec<InventoryFile>,
    /// Paths of the files that depend on secrets.
    pub withheld: Vec<String>,
    /// Images, packages, drivers and boot programs, in the order of their kinds and paths.
    pub components: Vec<Component>,
}

/// File of a medium.
#[derive(Clone, Debug)]
pub struct InventoryFile {
    /// Path from the root.
    pub path: String,
    /// Length in bytes.
    pub len: u64,
    /// Digests, with SHA-1.
    pub digests: Digests,
}

impl Inventory {
    /// Reads a medium. Also returns the result of its verification, for comparing it with its manifest.
    ///
    /// # Errors
    ///
    /// If the medium can't be read, was not made by tsmedia, has a fault, or changes while it is read.
    pub fn read(path: &Utf8Path, progress: &Progress) -> Result<(Self, Verified)> {
        let mut image = device::open(path)?;
        let failed = |error| Error::io("reading", path, error);
        let before = image.version().map_err(failed)?;
        let about = |error| Error::new(format!("describing `{path}`")).because(error);
        let read = read(path, &mut image, progress);
        if image.version().map_err(failed)? != before {
            return Err(Error::new(format!("`{path}` changed while it was being described"))
                .with_kind(ErrorKind::Stale)
                .help("try again when no other process writes to it"));
        }
        read.map_err(|error| if error.kind() == ErrorKind::Interrupted { error } else { about(error) })
    }
}

fn read(path: &Utf8Path, image: &mut dyn ReadSeek, progress: &Progress) -> Result<(Inventory, Verified)> {
    let parsed = ParsedMedium::read(&mut *image)?;
    let listing = Listing::from(&parsed);
    let mut verified = verify_with(image, &listing, DigestKinds::Sha1Too, progress)?;
    programs::add(&mut verified, image, &parsed, &Revocations::default());
    let medium = match (verified.faults.len(), &verified.medium) {
        (0, Some(medium)) => medium.clone(),
        (n_faults, _) => {
            let faults = if n_faults == 1 { "a fault" } else { "faults" };
            return Err(Error::new(format!("the medium has {faults}, so it can't be described"))
                .help(format!("run `tsmedia verify {path}` to see them")));
        }
    };
    let sha256 = sha256_of(image, progress)?;
    let components = components::read(&ForeignMedium::open(path)?, &listing, image, &verified.programs)?;
    let MediumToml { format_version, id, .. } = medium;
    let (mut files, mut withheld) = (Vec::new(), Vec::new());
    for (path, file) in &verified.files {
        let depends_on_secrets = medium.secrets.is_some() && (data::may_hold_secrets(path) || is_list(path));
        match file.digests {
            Some(digests) if !depends_on_secrets => {
                files.push(InventoryFile { path: path.clone(), len: file.len, digests });
            }
            _ => withheld.push(path.clone()),
        }
    }
    let inventory = Inventory {
        name: path.file_name().unwrap_or_default().to_owned(),
        len: verified.len,
        sha256,
        label: verified.label.clone(),
        date: parsed.date().unwrap_or(Date::EARLIEST),
        id,
        format_version,
        description: medium.description,
        files,
        withheld,
        components,
    };
    Ok((inventory, verified))
}

/// Returns `true` for the lists that a medium carries of itself: they have the digests of all files.
fn is_list(path: &str) -> bool {
    [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].contains(&path)
}
