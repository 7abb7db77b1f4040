//! Verifies finished media.
//!
//! [`verify`] needs only the medium: the lists that it carries cover every byte (see [`output`](crate::output)), and
//! each fault is named. [`compare`] checks it against what the manifest would make now. The medium is read once from
//! front to end; only its lists are kept in memory.

pub mod programs;
mod read;
pub mod set;

pub use programs::Program;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use crate::content::{Content, SourceKey};
use crate::digest::{Digest, DigestKinds, Digests, Sha256};
use crate::error::{Error, Result};
use crate::output::lists::{self, MediumToml};
use crate::output::{Identity, Listing, Output, ReadSeek};
use crate::progress::Progress;
use crate::store::Store;
use crate::write::WriteOptions;

/// Result of a verification.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Volume label.
    pub label: String,
    /// Contents of `medium.toml`, if it can be read.
    pub medium: Option<MediumToml>,
    /// Files by path, with their actual digests.
    pub files: BTreeMap<String, VerifiedFile>,
    /// Boot programs, if they were [examined](programs::add).
    pub programs: Vec<programs::Program>,
    /// Length in bytes.
    pub len: u64,
    /// Faults; empty if the medium is sound.
    pub faults: Vec<MediumFault>,
}

/// File as found on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Length in bytes.
    pub len: u64,
    /// Digests. `None` if the file can't be read.
    pub digests: Option<Digests>,
}

/// Fault of a medium.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MediumFault {
    /// The medium is truncated.
    CutOff {
        /// Length in bytes.
        len: u64,
        /// End of the last file, in bytes.
        needed: u64,
    },
    /// Bytes outside files changed: folders, boot programs, or the space between files.
    Structure,
    /// One of the medium's own lists changed or can't be read.
    List {
        /// Path of the list.
        path: String,
        /// Reason.
        why: String,
    },
    /// A file differs from the lists.
    Damaged(String),
    /// A file can't be read.
    Unreadable(String),
    /// A file is in the lists but not on the medium.
    Missing(String),
    /// A file is on the medium but not in the lists.
    Extra(String),
    /// A boot program is unchanged, but Secure Boot or the firmware refuses it.
    Refused {
        /// Path of the program.
        path: String,
        /// Reason, as a fragment about "it".
        why: String,
    },
    /// A signed statement about the medium is missing or invalid.
    Attestation {
        /// Path of the bundle; `None` if there is none.
        path: Option<String>,
        /// Reason, as a fragment about "it".
        why: String,
    },
    /// A file differs from what the manifest makes now.
    Differs(String),
    /// A file is in the manifest but not on the medium.
    NotThere(String),
    /// A file is on the medium but not in the manifest.
    NotInManifest(String),
    /// The label, or another value in `medium.toml`, differs from the manifest.
    OtherValue {
        /// Key of the value.
        key: String,
        /// Value on the medium, if any.
        medium: Option<String>,
        /// Value in the manifest, if any.
        manifest: Option<String>,
    },
    /// The date, boot programs or empty folders differ from the manifest, or another version of tsmedia made the
    /// medium.
    OtherIdentity,
}

impl MediumFault {
    /// Returns `true` for a difference from the manifest, which a sound medium can have.
    pub fn is_difference(&self) -> bool {
        match self {
            Self::Differs(_)
            | Self::NotThere(_)
            | Self::NotInManifest(_)
            | Self::OtherValue { .. }
            | Self::OtherIdentity => true,
            Self::CutOff { .. }
            | Self::Structure
            | Self::List { .. }
            | Self::Damaged(_)
            | Self::Unreadable(_)
            | Self::Missing(_)
            | Self::Extra(_)
            | Self::Refused { .. }
            | Self::Attestation { .. } => false,
        }
    }
}

/// Checks a medium against its own lists.
///
/// # Errors
///
/// If it can't be read, was not made by tsmedia, or the run is interrupted.
pub fn verify(image: &mut dyn ReadSeek, listing: &Listing, progress: &Progress) -> Result<Verified> {
    verify_with(image, listing, DigestKinds::Lists, progress)
}

/// Checks a medium like [`verify`], and computes the given digests of its files.
pub fn verify_with(
    image: &mut dyn ReadSeek,
    listing: &Listing,
    kinds: DigestKinds,
    progress: &Progress,
) -> Result<Verified> {
    let len = read::len(image)?;
    let mut faults = Vec::new();
    let mut text = |path: &str| {
        let file = listing.files.iter().find(|file| file.path == path)?;
        match file.read_text(image) {
            Ok(text) => Some(text),
            Err(error) => {
                let why = format!("it can't be read: {}", cause(&error));
                faults.push(MediumFault::List { path: path.to_owned(), why });
                None
            }
        }
    };
    let own = [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS];
    let [medium_text, blake3sums, sha256sums] = own.map(&mut text);
    if own.iter().all(|path| listing.files.iter().all(|file| file.path != *path)) {
        return Err(Error::new("the medium has no lists of digests, so it was not made by tsmedia")
            .help("give a medium made by tsmedia; no other can be verified"));
    }
    let needed = listing.files.iter().flat_map(|file| &file.places).map(|place| place.offset.saturating_add(place.len));
    if let Some(needed) = needed.max().filter(|needed| *needed > len) {
        faults.push(MediumFault::CutOff { len, needed });
    }
    let (files, structure) = read::hash(image, len, listing, kinds, progress)?;

    let medium = medium_text.as_deref().and_then(MediumToml::parse);
    match &medium {
        None if medium_text.is_some() => {
            faults.push(MediumFault::List {
                path: lists::MEDIUM.into(),
                why: "required values are missing or invalid".into(),
            });
        }
        _ => {}
    }
    let sealed = match (&listing.seal, &medium) {
        (Some(seal), _) => Some(seal.structure),
        (None, Some(medium)) => Some(medium.structure),
        (None, None) => None,
    };
    if sealed.is_some_and(|sealed| sealed.is_none() || sealed != structure) {
        faults.push(MediumFault::Structure);
    }
    ListedDigests::parse(blake3sums.as_deref(), sha256sums.as_deref(), &mut faults).check(&files, &mut faults);
    if !files.contains_key(lists::SHA256SUMS) {
        faults.push(MediumFault::Missing(lists::SHA256SUMS.into()));
    }
    // If `medium.toml` was modified, its digest of the structure means nothing.
    if faults.contains(&MediumFault::Damaged(lists::MEDIUM.into())) {
        let follows = |fault: &MediumFault| match fault {
            MediumFault::List { path, .. } => path == lists::MEDIUM,
            fault => *fault == MediumFault::Structure && listing.seal.is_none(),
        };
        faults.retain(|fault| !follows(fault));
    }
    faults.sort();
    faults.dedup();
    Ok(Verified { label: listing.label.clone(), medium, files, programs: Vec::new(), len, faults })
}

/// Computes what the manifest would make now, reading sources whose digests are not known.
pub fn wanted(output: &Output, store: &mut Store, options: &WriteOptions, progress: &Progress) -> Result<Identity> {
    output.identity(&hash_sources(output, store, DigestKinds::Lists, options, progress)?)
}

/// Hashes the sources of an output whose digests are not known. Returns a function that has all of them.
pub fn hash_sources<'a>(
    output: &Output,
    store: &'a mut Store,
    kinds: DigestKinds,
    options: &WriteOptions,
    progress: &Progress,
) -> Result<impl Fn(&SourceKey) -> Option<Digests> + use<'a>> {
    let files = output.root.files();
    let is_known = |key: &SourceKey| store.digests(key).is_some_and(|digests| digests.contain(kinds));
    let unknown = files.into_iter().filter_map(|(_, content)| match content {
        Content::Source(source) if !is_known(&source.key()) => Some((source.key(), Arc::clone(source))),
        _ => None,
    });
    // A file that is on the medium twice is read once.
    let unknown: Vec<_> = unknown.collect::<HashMap<_, _>>().into_values().collect();
    let digests = store.hash(&unknown, kinds, options, progress)?;
    let found: HashMap<_, _> = unknown.iter().map(|source| source.key()).zip(digests).collect();
    // The memo omits files that changed a moment ago, so look in the digests read just now first.
    Ok(move |key: &SourceKey| found.get(key).copied().or_else(|| store.digests(key)))
}

/// Compares a verified medium with what the manifest would make now. All digests must be known.
pub fn compare(verified: &Verified, output: &Output, wanted: &Identity) -> Vec<MediumFault> {
    let mut faults = Vec::new();
    if let Some(medium) = &verified.medium {
        let said = medium.description.iter().map(|(key, value)| (key.as_str(), value));
        let said: BTreeMap<_, _> = said.chain([("label", &medium.label)]).collect();
        let asked = output.description.iter().map(|(key, value)| (*key, value));
        let asked: BTreeMap<_, _> = asked.chain([("label", &output.label)]).collect();
        for key in said.keys().chain(asked.keys()).collect::<BTreeSet<_>>() {
            let value = |of: &BTreeMap<&str, &String>| of.get(key).map(|value| (*value).clone());
            if said.get(key) != asked.get(key) {
                let (medium, manifest) = (value(&said), value(&asked));
                faults.push(MediumFault::OtherValue { key: (*key).to_owned(), medium, manifest });
            }
        }
    }
    // Don't report a file twice that the medium's own lists already reported.
    let is_told = |path: &str| {
        verified.faults.iter().any(|fault| match fault {
            MediumFault::Damaged(told)
            | MediumFault::Unreadable(told)
            | MediumFault::Missing(told)
            | MediumFault::Extra(told) => told == path,
            _ => false,
        })
    };
    let n_values = faults.len();
    let wanted_files: BTreeMap<_, _> = wanted.files.iter().map(|file| (file.path.as_str(), file)).collect();
    for (path, file) in &wanted_files {
        match verified.files.get(*path) {
            None => faults.push(MediumFault::NotThere((*path).to_owned())),
            Some(found) if found.digests.map(|digests| digests.blake3) != file.blake3 || found.len != file.len => {
                faults.push(MediumFault::Differs((*path).to_owned()));
            }
            Some(_) => {}
        }
    }
    let own = [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS];
    let extra = verified.files.keys().filter(|path| !wanted_files.contains_key(path.as_str()));
    faults.extend(extra.filter(|path| !own.contains(&path.as_str())).cloned().map(MediumFault::NotInManifest));
    let is_whole = faults.len() == n_values;
    faults.retain(|fault| match fault {
        MediumFault::Differs(path) | MediumFault::NotThere(path) | MediumFault::NotInManifest(path) => !is_told(path),
        _ => true,
    });
    let is_same = verified.medium.as_ref().is_some_and(|medium| Some(medium.id) == wanted.id);
    if is_whole && n_values == 0 && !is_same {
        faults.push(MediumFault::OtherIdentity);
    }
    faults
}

fn cause(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Digests in the two lists, by path. `None` for a list that can't be read.
struct ListedDigests<'a> {
    blake3: Option<BTreeMap<&'a str, Digest>>,
    sha256: Option<BTreeMap<&'a str, Sha256>>,
}

impl<'a> ListedDigests<'a> {
    fn parse(blake3sums: Option<&'a str>, sha256sums: Option<&'a str>, faults: &mut Vec<MediumFault>) -> Self {
        Self {
            blake3: blake3sums.map(|text| parse(lists::BLAKE3SUMS, text, faults)),
            sha256: sha256sums.map(|text| parse(lists::SHA256SUMS, text, faults)),
        }
    }

    /// Reports damaged, missing and extra files. If the lists disagree about a file, the file itself decides which one
    /// is wrong, since no damage makes a digest match.
    fn check(&self, files: &BTreeMap<String, VerifiedFile>, faults: &mut Vec<MediumFault>) {
        let mut wrong_in: [Vec<&str>; 2] = [Vec::new(), Vec::new()];
        for (path, found) in files.iter().filter(|(path, _)| *path != lists::SHA256SUMS) {
            let Some(digests) = found.digests else {
                faults.push(MediumFault::Unreadable(path.clone()));
                continue;
            };
            if path == lists::BLAKE3SUMS {
                // If it doesn't match, the files that the lists contain show which of the two is wrong.
                let fits = self.sha256.as_ref().is_none_or(|list| list.get(path.as_str()) == Some(&digests.sha256));
                if !fits && self.blake3.is_some() {
                    let why = format!("it differs from its digest in `{}`", lists::SHA256SUMS);
                    faults.push(MediumFault::List { path: path.clone(), why });
                }
                continue;
            }
            // For each list that exists: `Some` if it contains the file, and `true` if the digest matches.
            let blake3 =
                self.blake3.as_ref().map(|list| list.get(path.as_str()).map(|listed| *listed == digests.blake3));
            let sha256 =
                self.sha256.as_ref().map(|list| list.get(path.as_str()).map(|listed| *listed == digests.sha256));
            match (blake3, sha256) {
                (Some(Some(true)) | None, Some(Some(true)) | None) => {}
                (Some(Some(true)), Some(_)) => wrong_in[1].push(path),
                (Some(_), Some(Some(true))) => wrong_in[0].push(path),
                (Some(None) | None, Some(None) | None) => faults.push(MediumFault::Extra(path.clone())),
                _ => faults.push(MediumFault::Damaged(path.clone())),
            }
        }
        for (list, paths) in [lists::BLAKE3SUMS, lists::SHA256SUMS].into_iter().zip(wrong_in) {
            if let Some(path) = paths.first() {
                let why = format!("its digest of `{path}` is wrong, while the other list has the right one");
                let why = if paths.len() == 1 {
                    why
                } else {
                    format!("{why}; so are those of {} more files", paths.len() - 1)
                };
                faults.push(MediumFault::List { path: list.into(), why });
            }
        }
        self.check_listed(files, faults);
    }

    /// Reports listed files that are not on the medium. A file in only one of the lists is a fault of that list.
    fn check_listed(&self, files: &BTreeMap<String, VerifiedFile>, faults: &mut Vec<MediumFault>) {
        let blake3 = self.blake3.as_ref().map(|list| list.keys().copied().collect::<BTreeSet<_>>());
        let sha256 = self.sha256.as_ref().map(|list| list.keys().copied().collect::<BTreeSet<_>>());
        let pairs = [(lists::BLAKE3SUMS, &blake3, &sha256), (lists::SHA256SUMS, &sha256, &blake3)];
        for (name, list, other) in pairs {
            for path in list.iter().flatten().filter(|path| !files.contains_key(**path)) {
                faults.push(match other {
                    Some(other) if !other.contains(path) && *path != lists::BLAKE3SUMS => {
                        let why = format!("it lists `{path}`, which is neither on the medium nor in the other list");
                        MediumFault::List { path: name.into(), why }
                    }
                    _ => MediumFault::Missing((*path).to_owned()),
                });
            }
        }
    }
}

fn parse<'a, T: FromStr>(name: &str, text: &'a str, faults: &mut Vec<MediumFault>) -> BTreeMap<&'a str, T> {
    let mut list = BTreeMap::new();
    for line in lists::parse_sums(text) {
        match line.map(|(path, digest)| (path, digest.parse())) {
            Ok((path, Ok(digest))) => {
                list.insert(path, digest);
            }
            Ok((path, Err(_))) => {
                faults.push(MediumFault::List { path: name.into(), why: format!("its digest of `{path}` is invalid") });
            }
            Err(line) => {
                faults.push(MediumFault::List {
                    path: name.into(),
                    why: format!("its line {line} is not a digest and a path"),
                });
            }
        }
    }
    list
}

#[cfg(test)]
mod tests;
