//! `tsmedia sign`: signs the documents about finished media.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;

use super::Outcome;
use super::file_kind;
use super::password::{self, PasswordLocation};
use super::screen::Screen;
use crate::attestation::signer::{Signer, sign};
use crate::device;
use crate::error::{Error, Result};
use crate::format::signing_key::{KeyError, SigningKey, VerificationKey};
use crate::limits;
use crate::report;

#[derive(Debug, Args)]
#[command(override_usage = "tsmedia sign [OPTIONS] <MEDIUM>...")]
#[command(group = clap::ArgGroup::new("signer").required(true).args(["key_from", "command"]))]
pub(super) struct Arguments {
    /// Medium with documents beside it.
    #[arg(required = true, value_name = "MEDIUM")]
    media: Vec<Utf8PathBuf>,
    /// Private key in PEM: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "WHERE", value_parser = password::parse)]
    key_from: Option<PasswordLocation>,
    /// Shell command that signs its standard input.
    #[arg(long, value_name = "COMMAND", requires = "public_key")]
    command: Option<String>,
    /// Public key that the command signs with, in PEM.
    #[arg(long, value_name = "FILE", requires = "command")]
    public_key: Option<Utf8PathBuf>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    arguments.media.iter().try_for_each(|path| file_kind::expect_medium(path))?;
    let signer = signer(arguments)?;
    let mut signed = Vec::new();
    for path in &arguments.media {
        let mut image = device::open(path)?;
        let bundles =
            screen.with_progress(&format!("signing {path}"), |progress| sign(path, &mut image, &signer, progress))?;
        for (_, bundle) in &bundles {
            screen.status(&format!("wrote `{bundle}`"));
        }
        signed.push(report::signed_json(path, &bundles));
    }
    let key = &signer.public_key;
    match screen.json {
        true => screen.print_json(&json!({ "key": report::key_json(key), "media": signed })),
        false => {
            screen.status(&format!("signed with the key {} ({})", key.fingerprint(), key.algorithm()));
            Ok(Outcome::Done)
        }
    }
}

fn signer(arguments: &Arguments) -> Result<Signer> {
    if let (Some(command), Some(path)) = (&arguments.command, &arguments.public_key) {
        return Ok(Signer::with_command(command, read_public_key(path)?));
    }
    let Some(from) = &arguments.key_from else { return Err(Error::new("a key to sign with is missing")) };
    let name = match from {
        PasswordLocation::Env(name) => format!("the environment variable `{name}`"),
        PasswordLocation::File(path) => format!("`{path}`"),
    };
    let key = SigningKey::read(password::read(from)?.bytes());
    Signer::with_key(key.map_err(|why| unusable(&name, &why))?)
}

/// Reads a public key.
///
/// # Errors
///
/// If the file can't be read, or has no usable key.
pub(super) fn read_public_key(path: &Utf8Path) -> Result<VerificationKey> {
    let bytes =
        limits::read(path, limits::MAX_CERTIFICATE_LEN as u64).map_err(|error| Error::io("reading", path, error))?;
    VerificationKey::read(&bytes).map_err(|why| unusable(&format!("`{path}`"), &why))
}

fn unusable(name: &str, why: &KeyError) -> Error {
    Error::new(format!("{name} can't be used as a key: {why}")).help(why.help())
}
