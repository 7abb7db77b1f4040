//! What a base supplies to a medium: names, and no values.

use std::fmt;
use std::sync::Arc;

use super::base::Base;
use crate::manifest::Kind;
use crate::media::data::{BaseData, MediaData, Value};
use crate::secret::Secret;

/// Names of everything that a medium has of its base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supplied {
    /// The base, as the manifest names it.
    pub base: String,
    /// The variables that come from the base.
    pub kept: Vec<String>,
    /// The variables of the base that the manifest sets otherwise.
    pub replaced: Vec<String>,
    /// The variables that media of sites have, and neither base nor manifest.
    pub lacking: Vec<&'static str>,
    /// The paths of policies in the base.
    pub policies: Vec<String>,
    /// The IDs of content in the base that the manifest does not name.
    pub content: Vec<String>,
    /// The number of other files that the base has for the medium, unless the manifest brings others.
    pub n_files: u64,
}

impl Supplied {
    /// Compares a base with the medium that is built on it.
    pub(super) fn new(base: &Base, of_base: &BaseData, data: &MediaData) -> Self {
        let is_kept = |name: &str, value: &Arc<Secret>| match data.get(name) {
            Some(Value::Secret(there)) => Arc::ptr_eq(there, value),
            _ => false,
        };
        let (kept, replaced): (Vec<_>, Vec<_>) =
            of_base.variables.iter().partition(|(name, value)| is_kept(name, value));
        let names =
            |variables: Vec<&(String, Arc<Secret>)>| variables.into_iter().map(|(name, _)| name.clone()).collect();
        Self {
            base: base.name.clone(),
            kept: names(kept),
            replaced: names(replaced),
            lacking: expected(data.kind).iter().filter(|name| data.get(name).is_none()).copied().collect(),
            policies: of_base.policies.iter().map(|(path, _)| path.replace('/', "\\")).collect(),
            content: base.content(),
            n_files: base.files.n_files(),
        }
    }

    /// Returns the number of things that the base supplies, as a sentence.
    pub fn summary(&self) -> String {
        let counted = |n: usize, one: &str, several: &str| format!("{n} {}", if n == 1 { one } else { several });
        let parts = [
            counted(self.kept.len(), "variable", "variables"),
            counted(self.policies.len(), "policy", "policies"),
            counted(self.n_files as usize, "file", "files"),
        ];
        let [variables, policies, files] = parts;
        match self.policies.len() {
            0 => format!("the base `{}` supplies {variables} and {files}", self.base),
            _ => format!("the base `{}` supplies {variables}, {policies} and {files}", self.base),
        }
    }

    /// Returns the names of it in lines, each with where they come from.
    pub fn details(&self) -> Vec<String> {
        let of_base: Vec<_> = self.kept.iter().chain(&self.policies).collect();
        let lines = [
            listed("from the base", &of_base),
            listed("replaced by the manifest", &self.replaced),
            listed("in neither", &self.lacking),
        ];
        lines.into_iter().flatten().collect()
    }
}

/// Lists names after what they have in common; nothing if there are none.
fn listed(what: &str, names: &[impl fmt::Display]) -> Option<String> {
    let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| format!("{what}: {names}"))
}

/// The variables that media of sites have, by Microsoft's log of a boot medium ("Understand PXE boot"). Of stand-alone
/// media, public readers look for two.
fn expected(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Bootable | Kind::Prestaged => &[
            "_SMSTSBootMediaPackageID",
            "_SMSTSHTTPPort",
            "_SMSTSHTTPSPort",
            "_SMSTSIISSSLState",
            "_SMSTSMediaPFX",
            "_SMSTSPublicRootKey",
            "_SMSTSRootCACerts",
            "_SMSTSSiteCode",
            "_SMSTSSiteSigningCertificate",
            "_SMSTSUseFirstCert",
        ],
        Kind::StandAlone => &["_SMSTSBrandingTitle", "_SMSTSSiteCode"],
        Kind::Capture => &[],
    }
}
