//! Keys in the cache: random bytes that only their owner may read. They are created once and survive emptying the
//! cache.

use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};

use super::{CacheFolder, prepare};
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::certificate::private_key::PrivateKey;
use crate::secret::{FingerprintKey, Secret};
use crate::write::{JournalKey, open};

/// Name of the key of journals.
pub(super) const JOURNAL_KEY: &str = "journal.key";
/// Name of the key of certificates.
const CERTIFICATE_KEY: &str = "certificate.key";
/// Name of the key of fingerprints.
const FINGERPRINT_KEY: &str = "veil";

/// Private key for self-signed certificates whose manifest gives none, created if there is none. Emptying the cache
/// does not remove it.
///
/// # Errors
///
/// If the key is invalid, accessible to other users, or can't be created or written.
pub fn certificate_key(folder: &CacheFolder) -> Result<PrivateKey> {
    let (root, _) = folder.key_place(CERTIFICATE_KEY);
    let path = root.join(CERTIFICATE_KEY);
    let damaged = |_| Error::new(format!("`{path}` is not a private key")).help(format!("remove it with `rm {path}`"));
    let parse = |secret: Secret| PrivateKey::read(secret.bytes()).map_err(damaged);
    if let Some(secret) = read(root, &path)? {
        return parse(secret);
    }
    prepare(root)?;
    let key = PrivateKey::generate().map_err(|error| Error::new("making a private key").because(error))?;
    create(&path, key.to_pem().as_bytes()).map_err(|error| Error::io("writing", &path, error))?;
    read(root, &path)?.map_or(Ok(key), parse)
}

/// Key of the cache's secret fingerprints, created if there is none. A key that can't be written is used for this run
/// only.
///
/// # Errors
///
/// If other users may access the key, or the system has no random bytes.
pub fn fingerprint_key(folder: &CacheFolder) -> Result<FingerprintKey> {
    let (root, _) = folder.key_place(FINGERPRINT_KEY);
    let path = root.join(FINGERPRINT_KEY);
    let parse = |secret: Secret| secret.bytes().try_into().ok().map(FingerprintKey::new);
    let found = read(root, &path)?;
    let is_damaged = found.is_some();
    if let Some(key) = found.and_then(parse) {
        return Ok(key);
    }
    let key =
        FingerprintKey::random().map_err(|error| Error::new("asking the system for random bytes").because(error))?;
    // If the key can't be written, neither can anything that depends on it.
    let written = prepare(root).and_then(|()| {
        let removed = if is_damaged { open::remove(&path) } else { Ok(()) };
        removed.and_then(|()| create(&path, key.key())).map_err(|error| Error::io("writing", &path, error))
    });
    if written.is_err() {
        return Ok(key);
    }
    Ok(read(root, &path)?.and_then(parse).unwrap_or(key))
}

/// Reads a key. `None` if there is none, or the cache can't be used by this user.
///
/// # Errors
///
/// If the key can't be read, or is accessible to other users.
fn read(root: &Utf8Path, path: &Utf8Path) -> Result<Option<Secret>> {
    if open::check_folder(root).is_err() {
        return Ok(None);
    }
    match open::open_private(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(open::failed("reading", path, error)),
        Ok(file) => Secret::read(file).map(Some).map_err(|error| Error::io("reading", path, error)),
    }
}

/// Writes a key that must not exist. If two processes do this at once, the first one wins.
fn create(path: &Utf8Path, key: &[u8]) -> io::Result<()> {
    let own = Utf8PathBuf::from(format!("{path}.{}", std::process::id()));
    open::remove(&own)?;
    let written = open::create_private(&own).and_then(|mut file| file.write_all(key).and_then(|()| file.sync_all()));
    let renamed = written.and_then(|()| open::rename_new(&own, path));
    let _ = open::remove(&own);
    renamed.map(drop)
}

fn journal_key_path(root: &Utf8Path) -> Utf8PathBuf {
    root.join(JOURNAL_KEY)
}

/// Key of an output's journals, if the cache has one that was created in place.
///
/// It is derived from the random bytes in the file and from the file's inode and change time, which can't be forged in
/// an archive or a clone. A cache that came with a folder can't seal anything.
pub(super) fn find_journal_key(root: &Utf8Path, output: Digest) -> Option<JournalKey> {
    open::check_folder(root).ok()?;
    let file = open::open_private(&journal_key_path(root)).ok()?;
    let stat = Stat::from_metadata(&file.metadata().ok()?);
    let secret = Secret::read_to(file, JournalKey::LEN).ok()?;
    let secret: &[u8; JournalKey::LEN] = secret.bytes().try_into().ok()?;
    let mut hasher = blake3::Hasher::new_derive_key("tsmedia 2026-11-29 seals of journals");
    hasher.update(secret);
    hasher.update(&stat.inode.to_le_bytes());
    hasher.update(&stat.changed_ns.to_le_bytes());
    hasher.update(&output.0);
    Some(JournalKey::new(*hasher.finalize().as_bytes()))
}

/// Key of an output's journals, created and synced if there is none.
pub(super) fn make_journal_key(root: &Utf8Path, output: Digest) -> Result<JournalKey> {
    if let Some(key) = find_journal_key(root, output) {
        return Ok(key);
    }
    let path = journal_key_path(root);
    let failed = |error| Error::io("writing", &path, error);
    prepare(root)?;
    let secret =
        FingerprintKey::random().map_err(|error| Error::new("asking the system for random bytes").because(error))?;
    // Write under the final name, since renaming would alter the change time.
    open::remove(&path).map_err(failed)?;
    let mut file = open::create_private(&path).map_err(failed)?;
    file.write_all(secret.key()).and_then(|()| file.sync_all()).map_err(failed)?;
    drop(file);
    open::sync_folder(root).map_err(failed)?;
    find_journal_key(root, output).ok_or_else(|| Error::new(format!("`{path}` changed while it was being made")))
}
