//! Passwords of media, named on the command line by where they are.

use camino::Utf8Path;

use crate::error::{Error, Result};
use crate::limits;
use crate::secret::Secret;

/// Place of a password on the command line: `env:NAME` or `file:PATH`.
#[derive(Clone, Debug)]
pub(super) enum PasswordFrom {
    Env(String),
    File(String),
}

/// Parses the place of a password.
pub(super) fn parse(text: &str) -> std::result::Result<PasswordFrom, String> {
    match text.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Ok(PasswordFrom::Env(name.to_owned())),
        Some(("file", path)) if !path.is_empty() => Ok(PasswordFrom::File(path.to_owned())),
        _ => Err("write `env:NAME` or `file:PATH`; a password itself would be seen by others".into()),
    }
}

/// Reads the password.
///
/// # Errors
///
/// It is not there, or is not UTF-8.
pub(super) fn read(from: &PasswordFrom) -> Result<Secret> {
    let password = match from {
        PasswordFrom::Env(name) => match std::env::var_os(name) {
            Some(value) => Secret::new(value.into_encoded_bytes()),
            None => return Err(Error::new(format!("the environment variable `{name}` is not set"))),
        },
        PasswordFrom::File(path) => {
            let read = limits::open_within(path, limits::MAX_SECRET_LEN as u64).and_then(Secret::read);
            read.map_err(|error| Error::io("reading", Utf8Path::new(path), error))?.without_line_break()
        }
    };
    match password.text() {
        Some(_) => Ok(password),
        None => Err(Error::new("the password is no text in UTF-8").help("save it as UTF-8")),
    }
}
