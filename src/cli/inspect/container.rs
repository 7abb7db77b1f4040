//! `tsmedia inspect` of an encrypted file (`Variables.dat`, `Policy.xml`): shows its header, and its variables or policies
//! if the password is given or known.

use std::io::Read;

use camino::Utf8Path;
use serde_json::json;
use zeroize::Zeroizing;

use super::Arguments;
use crate::cli::Outcome;
use crate::cli::password;
use crate::cli::screen::Screen;
use crate::error::{Error, Result};
use crate::format::media_variables_file::{self, DEFAULT_PASSWORD, HEADER_LEN, VariablesHeader};
use crate::limits::{self, MAX_VARIABLES_LEN};
use crate::media::data;
use crate::report::{self, Page};
use crate::secret::Secret;
use crate::sequence::policy;

/// Maximum size of an encrypted file in bytes; those on media are smaller.
const MAX_LEN: u64 = MAX_VARIABLES_LEN as u64 + 64;

/// Returns whether a file has the header of an encrypted file.
pub(super) fn is_container(path: &Utf8Path) -> bool {
    let mut start = [0; HEADER_LEN];
    limits::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && VariablesHeader::matches(&start)
}

pub(super) fn run(path: &Utf8Path, arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let reading = |error| Error::io("reading", path, error);
    let bytes = limits::read(path, MAX_LEN).map_err(reading)?;
    let unreadable =
        |bad: media_variables_file::VariablesError| Error::new(format!("`{path}` can't be read")).because(bad);
    let header = VariablesHeader::read(&bytes).map_err(unreadable)?;
    let given = arguments.password_from.as_ref().map(password::read).transpose()?;
    let password = given.as_ref().and_then(Secret::text).unwrap_or(DEFAULT_PASSWORD);
    // Without a password, media encrypt their variables with a well-known one, and their policies with their GUID.
    let text = match (media_variables_file::decode(&bytes, password), &given) {
        (Err(_), None) => guid_beside(path).and_then(|guid| media_variables_file::decode(&bytes, &guid).ok()),
        (Err(bad), Some(_)) => {
            return Err(unreadable(bad).help("pass the media password with `--password-from`"));
        }
        (text, _) => text.ok(),
    };
    let policies = text.as_ref().and_then(|text| policy::read(text).ok()).unwrap_or_default();
    let variables = text.as_ref().map(|text| data::read_variables(text));
    let (algorithm, len) = (header.algorithm.to_string(), header.plain_len);
    if screen.json {
        let variables = variables.map(|variables| {
            let shown = variables.iter().map(|(name, value)| match arguments.values {
                true => json!({ "name": name, "value": value.as_str() }),
                false => json!({ "name": name }),
            });
            shown.collect::<Vec<_>>()
        });
        let has_password = variables.is_none() || given.is_some();
        let contents = json!({
            "form": "encrypted",
            "algorithm": algorithm,
            "text-len": len,
            "encrypted-len": header.cipher_len,
            "has-password": has_password,
            "variables": variables,
            "policies": report::policy::to_json(&policies),
        });
        return screen.print_json(&report::inspected(path, &contents));
    }
    let mut page = Page::of_line(format!("encrypted file of a medium: {algorithm}, {len} bytes of text"));
    match &variables {
        None => page.line("protected by a password: pass it with `--password-from env:NAME` or `file:PATH`"),
        Some(variables) => {
            if given.is_none() {
                page.line("not protected by a password: anyone can read it");
            }
            for (name, value) in variables {
                page.line(match arguments.values {
                    true => format!("  {name} = {}", value.as_str()),
                    false => format!("  {name}"),
                });
            }
            report::policy::add(&mut page, &policies);
        }
    }
    screen.print_page(&page)
}

/// Reads the GUID of a medium from the variables beside a file. It encrypts the policies if there is no password.
fn guid_beside(path: &Utf8Path) -> Option<Zeroizing<String>> {
    let bytes = limits::read(path.with_file_name("Variables.dat"), MAX_LEN).ok()?;
    let variables = data::read_variables(&media_variables_file::decode(&bytes, DEFAULT_PASSWORD).ok()?);
    variables.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(data::GUID)).map(|(_, guid)| guid)
}
