//! The values that a medium inherits from its base, by name only.

use std::fmt;
use std::sync::Arc;

use super::base::Base;
use crate::manifest::Kind;
use crate::media::data::{BaseData, MediaData, MediaValue};
use crate::secret::Secret;

/// Names of everything that a medium inherits from its base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuppliedByBase {
    /// Path of the base as written in the manifest.
    pub base: String,
    /// Variables inherited from the base.
    pub kept: Vec<String>,
    /// Variables of the base that the manifest overrides.
    pub replaced: Vec<String>,
    /// Variables usually on site media that neither base nor manifest sets.
    pub lacking: Vec<&'static str>,
    /// Paths of policies in the base.
    pub policies: Vec<String>,
    /// IDs of content in the base that the manifest does not replace.
    pub content: Vec<String>,
    /// Number of other files inherited unless the manifest replaces them.
    pub n_files: u64,
}

impl SuppliedByBase {
    /// Compares a base with the medium that is built on it.
    pub(super) fn new(base: &Base, of_base: &BaseData, data: &MediaData) -> Self {
        let is_kept = |name: &str, value: &Arc<Secret>| match data.get(name) {
            Some(MediaValue::Secret(there)) => Arc::ptr_eq(there, value),
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
            lacking: expected_variables(data.kind).iter().filter(|name| data.get(name).is_none()).copied().collect(),
            policies: of_base.policies.iter().map(|(path, _)| path.replace('/', "\\")).collect(),
            content: base.content(),
            n_files: base.files.n_files(),
        }
    }

    /// Summarizes the inherited items by number.
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

    /// Lists the inherited names, one line per origin.
    pub fn details(&self) -> Vec<String> {
        let of_base: Vec<_> = self.kept.iter().chain(&self.policies).collect();
        let lines = [
            name_list("from the base", &of_base),
            name_list("replaced by the manifest", &self.replaced),
            name_list("set by neither", &self.lacking),
        ];
        lines.into_iter().flatten().collect()
    }
}

/// Lists names after a label; `None` if there are none.
fn name_list(what: &str, names: &[impl fmt::Display]) -> Option<String> {
    let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| format!("{what}: {names}"))
}

/// Returns the variables expected on media of sites, according to Microsoft's log of a boot medium
/// ("Understand PXE boot"). For stand-alone media, public readers look for two.
fn expected_variables(kind: Kind) -> &'static [&'static str] {
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
