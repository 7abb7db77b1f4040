//! Lists that a medium carries of itself: `medium.toml`, `BLAKE3SUMS` and `SHA256SUMS`.
//!
//! `BLAKE3SUMS` lists every file but itself and `SHA256SUMS`; `SHA256SUMS` lists every file but itself. With the digest
//! of the structure in `medium.toml`, every byte of the medium is covered. Damage in a list shows too, because the two
//! lists then disagree. The formats are those of `b3sum` and GNU `sha256sum`, with paths from the root of the medium.
//! Names on a medium contain no character that these tools escape.

use std::fmt::{self, Write};

use crate::digest::{Digest, Digests};

/// Folder of the lists. It holds nothing else.
pub const FOLDER: &str = "tsmedia";
/// Description of the medium.
pub const MEDIUM: &str = "tsmedia/medium.toml";
/// BLAKE3 digests.
pub const BLAKE3SUMS: &str = "tsmedia/BLAKE3SUMS";
/// SHA-256 digests.
pub const SHA256SUMS: &str = "tsmedia/SHA256SUMS";

/// Key of `medium.toml`: creator of a prestaged medium.
pub const CREATED_BY: &str = "created-by";
/// Key of `medium.toml`: version of a prestaged medium.
pub const VERSION: &str = "version";
/// Key of `medium.toml`: comment of a prestaged medium.
pub const COMMENT: &str = "comment";

/// Key of `medium.toml`: start of the validity of a stand-alone medium.
pub const VALID_FROM: &str = "valid-from";
/// Key of `medium.toml`: end of the validity of a stand-alone medium.
pub const EXPIRES: &str = "expires";

/// Key of `medium.toml`: firmware under which a disc waits for a key press before it starts; see
/// [`Prompt`](super::Prompt).
pub const PROMPT: &str = "prompt";

/// Key of `medium.toml`: folder that the prestart command runs in.
pub const PRESTART: &str = "prestart";

/// Length of a BLAKE3 or SHA-256 digest in hexadecimal digits.
const DIGEST_LEN: usize = 64;

/// Formats a list of digests, one line per file.
pub fn sums<'a>(lines: impl Iterator<Item = (&'a str, impl fmt::Display)> + Clone) -> String {
    // Growing the text would move megabytes: a list can have a hundred thousand lines.
    let mut text = String::with_capacity(lines.clone().map(|(path, _)| path.len() + DIGEST_LEN + 3).sum());
    for (path, digest) in lines {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{digest}  {path}");
    }
    text
}

/// Parses the lines of a list into path and digest. An invalid line yields its number, from 1.
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

/// Accepts lower-case digits only, so that a flipped bit that makes a digit upper-case is found.
fn is_digest(text: &str) -> bool {
    text.len() == DIGEST_LEN && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Contents of `medium.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediumToml {
    /// Format version of the tsmedia that made the medium.
    pub format_version: u32,
    /// Volume label.
    pub label: String,
    /// Other keys and values, in the order written.
    pub description: Vec<(String, String)>,
    /// Identity of the medium.
    pub id: Digest,
    /// Digest of the files that depend on secrets, if there are any.
    pub secrets: Option<Digest>,
    /// Digest of every byte outside files, unless the medium stores it elsewhere: see [`Seal`](super::Seal).
    pub structure: Option<Digest>,
}

/// Position in a disc set, as recorded on a medium.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiscOfSet {
    /// Identifier of the set.
    pub set: String,
    /// Number of the disc, from 1.
    pub number: usize,
    /// Number of discs in the set, recorded on the last disc only.
    pub n_discs: Option<usize>,
}

/// Placeholder for a digest that is not known yet. It has the length of a real one.
pub(super) const NOT_YET: Digest = Digests::NOT_YET.blake3;

impl MediumToml {
    /// Formats the text of `medium.toml`.
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

    /// Position in a disc set, if the medium records one.
    pub fn disc(&self) -> Option<DiscOfSet> {
        let said = |key: &str| self.description.iter().find(|(said, _)| said == key).map(|(_, value)| value.as_str());
        let n_discs = said("discs").and_then(|n| n.parse().ok());
        Some(DiscOfSet { set: said("set")?.to_owned(), number: said("disc")?.parse().ok()?, n_discs })
    }

    /// Parses `medium.toml`. `None` if it was not written by tsmedia.
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
        let medium = MediumToml {
            format_version: 1,
            label: "WIN \"11\" \\ ü".into(),
            description: vec![("kind".into(), "stand-alone".into()), ("site".into(), "BER".into())],
            id: Digest::hash(b"id"),
            secrets: Some(Digest::hash(b"secrets")),
            structure: Some(Digest::hash(b"structure")),
        };
        let text = medium.to_toml();
        assert_eq!(MediumToml::parse(&text), Some(medium.clone()));
        let other = MediumToml { structure: Some(NOT_YET), id: NOT_YET, ..medium.clone() };
        assert_eq!(other.to_toml().len(), text.len(), "the length must not depend on a digest");
        let without = MediumToml { secrets: None, structure: None, ..medium };
        assert_eq!(MediumToml::parse(&without.to_toml()), Some(without));
        assert_eq!(MediumToml::parse("label = 1"), None);
    }

    #[test]
    fn invalid_lines_are_reported_by_number() {
        let digest = "0".repeat(64);
        let text = format!("{digest}  a b.txt\nnonsense\n");
        assert_eq!(parse_sums(&text), [Ok(("a b.txt", digest.as_str())), Err(2)]);
    }
}
