//! Names of published media: `oci://HOST/REPOSITORY:TAG`, `file:///FOLDER:TAG`, or with `@sha256:DIGEST` in place of the
//! tag.

use std::fmt;

use camino::Utf8PathBuf;

use crate::digest::Sha256;
use crate::error::{Error, Result};

/// Name of a published medium, or of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteReference {
    /// Repository.
    pub place: RemotePlace,
    /// Medium in the repository; `None` if the name has neither a tag nor a digest.
    pub version: Option<RemoteVersion>,
}

/// Repository of media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemotePlace {
    /// OCI image layout in a folder.
    Folder(Utf8PathBuf),
    /// Repository of a registry.
    Registry {
        /// Host name or address, with a port if it is not the default.
        host: String,
        /// Path of the repository.
        repository: String,
    },
}

/// Medium in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteVersion {
    /// Name that may be moved to another medium.
    Tag(String),
    /// SHA-256 digest of a manifest.
    Digest(Sha256),
}

/// Maximum length of a tag (Distribution 1.1, "Pulling manifests").
const MAX_TAG_LEN: usize = 128;
/// Maximum length of the host and path of a repository. Longer names are refused by common registries.
const MAX_REPOSITORY_LEN: usize = 255;

impl RemoteReference {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// If the scheme is not supported, or a part has an invalid character or length.
    pub fn parse(text: &str) -> Result<Self> {
        let failed = |why: &str| {
            Error::new(format!("`{text}` does not name a published medium: {why}"))
                .help("write it as `oci://registry.example.com/media/win11:BER` or `file:///srv/media/win11:BER`")
        };
        let Some((scheme, rest)) = text.split_once("://") else { return Err(failed("it has no scheme")) };
        let (rest, version) = split_version(rest).map_err(failed)?;
        let place = match scheme {
            "file" => folder(rest).map_err(failed)?,
            "oci" => registry(rest).map_err(failed)?,
            _ => return Err(failed("the scheme is neither `oci` nor `file`")),
        };
        Ok(Self { place, version })
    }

    /// Version, or an error that asks for one.
    pub fn version(&self) -> Result<&RemoteVersion> {
        self.version
            .as_ref()
            .ok_or_else(|| Error::new(format!("`{self}` has no tag")).help(format!("add one, such as `{self}:latest`")))
    }

    /// Returns the name of a tag in the same repository.
    pub fn with_tag(&self, tag: &str) -> Self {
        Self { place: self.place.clone(), version: Some(RemoteVersion::Tag(tag.to_owned())) }
    }
}

impl RemotePlace {
    /// Last component of the path, such as `win11`.
    pub fn name(&self) -> &str {
        match self {
            Self::Folder(folder) => folder.file_name().unwrap_or("media"),
            Self::Registry { repository, .. } => repository.rsplit('/').next().unwrap_or(repository),
        }
    }
}

impl fmt::Display for RemoteReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        match &self.version {
            None => Ok(()),
            Some(RemoteVersion::Tag(tag)) => write!(f, ":{tag}"),
            Some(RemoteVersion::Digest(digest)) => write!(f, "@sha256:{digest}"),
        }
    }
}

impl fmt::Display for RemotePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "file://{folder}"),
            Self::Registry { host, repository } => write!(f, "oci://{host}/{repository}"),
        }
    }
}

/// Splits the tag or digest off.
fn split_version(text: &str) -> std::result::Result<(&str, Option<RemoteVersion>), &'static str> {
    if let Some((rest, digest)) = text.split_once('@') {
        let hex = digest.strip_prefix("sha256:").ok_or("a digest starts with `sha256:`")?;
        let digest = hex.parse().map_err(|_| "a digest is 64 hexadecimal digits")?;
        return Ok((rest, Some(RemoteVersion::Digest(digest))));
    }
    match text.rsplit_once(':') {
        // The port of a host is followed by a path.
        Some((rest, tag)) if !tag.contains('/') => {
            if !is_tag(tag) {
                return Err("a tag has up to 128 letters, digits, `.`, `-` and `_`, and starts with none of `.-`");
            }
            Ok((rest, Some(RemoteVersion::Tag(tag.to_owned()))))
        }
        _ => Ok((text, None)),
    }
}

/// Returns `true` for `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(super) fn is_tag(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.len() <= MAX_TAG_LEN && text.bytes().all(is_inner) && !text.is_empty() && !text.starts_with(['.', '-'])
}

fn folder(text: &str) -> std::result::Result<RemotePlace, &'static str> {
    if !text.starts_with('/') || text.len() == 1 {
        return Err("a folder is an absolute path, so there are three slashes");
    }
    Ok(RemotePlace::Folder(text.trim_end_matches('/').into()))
}

fn registry(text: &str) -> std::result::Result<RemotePlace, &'static str> {
    let (host, repository) = text.split_once('/').ok_or("the repository is missing")?;
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) {
        return Err("the host is not valid");
    }
    // Components of lower-case letters and digits, with single separators inside (Distribution 1.1).
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let is_component = |part: &str| {
        !part.is_empty()
            && part.bytes().all(is_inner)
            && !part.starts_with(['.', '_', '-'])
            && !part.ends_with(['.', '_', '-'])
    };
    if text.len() > MAX_REPOSITORY_LEN || !repository.split('/').all(is_component) {
        return Err("a repository has lower-case letters and digits, separated by `.`, `-`, `_` and `/`");
    }
    Ok(RemotePlace::Registry { host: host.to_owned(), repository: repository.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_media_read_back() {
        let digest = format!("oci://r.example.com:5000/media/win11@sha256:{}", "0a".repeat(32));
        for text in [
            "oci://registry.example.com/media/win11:BER",
            "oci://[::1]:5000/a/b-c.d",
            "file:///srv/media/win11:BER",
            "file:///srv/media",
            &digest,
        ] {
            assert_eq!(RemoteReference::parse(text).unwrap().to_string(), text);
        }
        let parsed = RemoteReference::parse("oci://localhost:5000/win11").unwrap();
        assert_eq!((parsed.version, parsed.place.name()), (None, "win11"));
    }

    #[test]
    fn wrong_names_are_refused_with_the_reason() {
        for (text, why) in [
            ("win11:BER", "it has no scheme"),
            ("s3://bucket/win11", "neither `oci` nor `file`"),
            ("oci://registry.example.com", "the repository is missing"),
            ("oci://registry.example.com/Media/win11", "lower-case"),
            ("oci://registry.example.com/media/../win11", "lower-case"),
            ("oci://user:secret@registry.example.com/media", "starts with `sha256:`"),
            ("oci://registry.example.com/media:.BER", "starts with none of"),
            ("oci://registry.example.com/media@sha256:12", "64 hexadecimal digits"),
            ("file://media/win11", "absolute path"),
        ] {
            let error = RemoteReference::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
