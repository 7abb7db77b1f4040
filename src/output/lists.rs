//! The lists that a medium carries of itself, as text.
//!
//! `BLAKE3SUMS` has every file but itself and `SHA256SUMS`; `SHA256SUMS` has every file but itself. With the digest
//! of the structure in `medium.toml` every byte of the medium is covered, and damage in a list shows as well: the
//! two lists disagree. The formats are those of `b3sum` and of GNU `sha256sum`, paths from the medium's root; names
//! on a medium hold no character that they would escape.

use std::fmt::{self, Write};

use crate::digest::{Digest, Digests};

/// Where they are on a medium; nothing else is.
pub const FOLDER: &str = "tsmedia";
/// What the medium says of itself.
pub const MEDIUM: &str = "tsmedia/medium.toml";
/// The BLAKE3 digests.
pub const BLAKE3SUMS: &str = "tsmedia/BLAKE3SUMS";
/// The SHA-256 digests.
pub const SHA256SUMS: &str = "tsmedia/SHA256SUMS";

/// What a prestaged medium says of itself in `medium.toml`: who made it.
pub const CREATED_BY: &str = "created-by";
/// Which version of it this is.
pub const VERSION: &str = "version";
/// What else there is to say of it.
pub const COMMENT: &str = "comment";

/// From when on a stand-alone medium may be used.
pub const VALID_FROM: &str = "valid-from";
/// From when on it may not be used any more.
pub const EXPIRES: &str = "expires";

/// Firmware under which a disc waits for a key before it starts: see [`Prompt`](super::Prompt).
pub const PROMPT: &str = "prompt";

/// The key for the folder that the prestart command runs in.
pub const PRESTART: &str = "prestart";

/// The hexadecimal digits of either digest.
const DIGEST_LEN: usize = 64;

/// A list of digests: one line per file.
pub fn sums<'a>(lines: impl Iterator<Item = (&'a str, impl fmt::Display)> + Clone) -> String {
    // A hundred thousand lines are too much to be moved about while they grow.
    let mut text = String::with_capacity(lines.clone().map(|(path, _)| path.len() + DIGEST_LEN + 3).sum());
    for (path, digest) in lines {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{digest}  {path}");
    }
    text
}

/// The lines of a list, path and digest; for a line that is none, its number.
pub fn parse_sums(text: &str) -> Vec<Result<(&str, &str), usize>> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        lines.push(match line.split_once("  ") {
            Some((digest, path)) if is_digest(digest) && !path.is_empty() => Ok((path, digest)),
            _ => Err(index + 1),
        });
    }
    lines
}

/// Lower-case digits only: a flipped bit that makes one upper-case has to show.
fn is_digest(text: &str) -> bool {
    text.len() == DIGEST_LEN && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// What `medium.toml` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medium {
    /// The version of tsmedia's formats that made it.
    pub format_version: u32,
    /// The volume label.
    pub label: String,
    /// What else it says of itself, in this order.
    pub description: Vec<(String, String)>,
    /// The medium's identity.
    pub id: Digest,
    /// The digest of its files that depend on secrets, if it has any.
    pub secrets: Option<Digest>,
    /// The digest of every byte outside files, unless the medium carries it elsewhere: see [`Seal`](super::Seal).
    pub structure: Option<Digest>,
}

/// Which disc of a set a medium says that it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SaidDisc {
    /// What tells the set from others.
    pub set: String,
    /// Its number, from 1.
    pub number: usize,
    /// How many there are, if it says that it is the last.
    pub n_discs: Option<usize>,
}

/// What a digest that is not known yet looks like: as long as any.
pub(super) const NOT_YET: Digest = Digests::NOT_YET.blake3;

impl Medium {
    /// The text of `medium.toml`.
    pub fn to_toml(&self) -> String {
        let mut text = String::from("# This medium was made by tsmedia; `tsmedia verify` checks it.\n");
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key} = {value}\n"));
        line("format-version", &self.format_version.to_string());
        line("label", &toml::Value::from(self.label.as_str()).to_string());
        for (key, value) in &self.description {
            line(key, &toml::Value::from(value.as_str()).to_string());
        }
        line("id", &format!("\"{}\"", self.id));
        if let Some(secrets) = self.secrets {
            line("secrets", &format!("\"{secrets}\""));
        }
        if let Some(structure) = self.structure {
            line("structure", &format!("\"{structure}\""));
        }
        text
    }

    /// Which disc of a set it is, if it is one.
    pub fn disc(&self) -> Option<SaidDisc> {
        let said = |key: &str| self.description.iter().find(|(said, _)| said == key).map(|(_, value)| value.as_str());
        let n_discs = said("discs").and_then(|n| n.parse().ok());
        Some(SaidDisc { set: said("set")?.to_owned(), number: said("disc")?.parse().ok()?, n_discs })
    }

    /// Reads a `medium.toml`; nothing if it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut table: toml::Table = text.parse().ok()?;
        let format_version = table.remove("format-version")?.as_integer()?.try_into().ok()?;
        let mut take = |key: &str| table.remove(key)?.as_str().map(str::to_owned);
        let label = take("label")?;
        let id = take("id")?.parse().ok()?;
        let mut digest =
            |key: &str| take(key).map(|digest| digest.parse().ok()).map_or(Some(None), |digest| digest.map(Some));
        let (secrets, structure) = (digest("secrets")?, digest("structure")?);
        let description =
            table.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect();
        Some(Self { format_version, label, description, id, secrets, structure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_medium_reads_back_from_its_text() {
        let medium = Medium {
            format_version: 1,
            label: "WIN \"11\" \\ ü".into(),
            description: vec![("kind".into(), "stand-alone".into()), ("site".into(), "BER".into())],
            id: Digest::of(b"id"),
            secrets: Some(Digest::of(b"secrets")),
            structure: Some(Digest::of(b"structure")),
        };
        let text = medium.to_toml();
        assert_eq!(Medium::parse(&text), Some(medium.clone()));
        let other = Medium { structure: Some(NOT_YET), id: NOT_YET, ..medium.clone() };
        assert_eq!(other.to_toml().len(), text.len(), "the length must not depend on a digest");
        let without = Medium { secrets: None, structure: None, ..medium };
        assert_eq!(Medium::parse(&without.to_toml()), Some(without));
        assert_eq!(Medium::parse("label = 1"), None);
    }

    #[test]
    fn lines_that_are_none_are_told_by_number() {
        let digest = "0".repeat(64);
        let text = format!("{digest}  a b.txt\nnonsense\n");
        assert_eq!(parse_sums(&text), [Ok(("a b.txt", digest.as_str())), Err(2)]);
    }
}
