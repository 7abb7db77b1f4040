//! Reads media passwords from the environment or a file.

use camino::Utf8Path;

use crate::error::{Error, Result};
use crate::limits;
use crate::secret::Secret;

/// Location of a password, as `env:NAME` or `file:PATH` on the command line.
#[derive(Clone, Debug)]
pub(super) enum PasswordLocation {
    Env(String),
    File(String),
}

/// Parses the location of a password.
pub(super) fn parse(text: &str) -> std::result::Result<PasswordLocation, String> {
    match text.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Ok(PasswordLocation::Env(name.to_owned())),
        Some(("file", path)) if !path.is_empty() => Ok(PasswordLocation::File(path.to_owned())),
        _ => Err("write `env:NAME` or `file:PATH`; other users can see passwords on command lines".into()),
    }
}

/// Reads the password.
///
/// # Errors
///
/// The variable or file does not exist, or the password is not UTF-8.
pub(super) fn read(from: &PasswordLocation) -> Result<Secret> {
    let password = match from {
        PasswordLocation::Env(name) => match std::env::var_os(name) {
            Some(value) => Secret::new(value.into_encoded_bytes()),
            None => return Err(Error::new(format!("the environment variable `{name}` is not set"))),
        },
        PasswordLocation::File(path) => {
            let read = limits::open_within(path, limits::MAX_SECRET_LEN as u64).and_then(Secret::read);
            read.map_err(|error| Error::io("reading", Utf8Path::new(path), error))?.without_line_break()
        }
    };
    match password.text() {
        Some(_) => Ok(password),
        None => Err(Error::new("the password is not UTF-8").help("save it as UTF-8")),
    }
}
