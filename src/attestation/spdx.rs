//! Inventory of a medium as SPDX 2.3, in JSON (SPDX Specification 2.3, annex D).
//!
//! The medium is the described package. It contains the components as packages, and every file with its SHA-1, which SPDX
//! requires, and SHA-256. Files that depend on secrets are listed as excluded (7.9). Licences are not known.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use super::{Component, ComponentKind, Inventory, InventoryFile};
use crate::digest::Sha1;

const MEDIUM: &str = "SPDXRef-Medium";

/// Returns the document of a medium.
pub fn document(inventory: &Inventory) -> Json {
    let mut medium = json!({
        "SPDXID": MEDIUM,
        "name": inventory.label,
        "versionInfo": inventory.id,
        "packageFileName": inventory.name,
        "downloadLocation": "NOASSERTION",
        "primaryPackagePurpose": "INSTALL",
        "checksums": [{ "algorithm": "SHA256", "checksumValue": inventory.sha256 }],
        "filesAnalyzed": true,
        "packageVerificationCode": {
            "packageVerificationCodeValue": verification_code(inventory.files.iter()),
        },
        "comment": comment(inventory.description.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    });
    if !inventory.withheld.is_empty() {
        let excluded: Vec<_> = inventory.withheld.iter().map(|path| format!("./{path}")).collect();
        medium["packageVerificationCode"]["packageVerificationCodeExcludedFiles"] = excluded.into();
    }
    let mut packages = vec![medium];
    let mut relationships = vec![relationship("SPDXRef-DOCUMENT", "DESCRIBES", MEDIUM)];
    let files_of_components = files_of_components(inventory);
    for (index, component) in inventory.components.iter().enumerate() {
        let files = files_of_components.get(&index).map_or(&[][..], Vec::as_slice);
        packages.push(package(index, component, &files.iter().map(|at| &inventory.files[*at]).collect::<Vec<_>>()));
        relationships.push(relationship(MEDIUM, "CONTAINS", &package_id(index)));
        relationships.extend(files.iter().map(|at| relationship(&package_id(index), "CONTAINS", &file_id(*at))));
    }
    let mut files = Vec::new();
    for (index, file) in inventory.files.iter().enumerate() {
        files.push(self::file(index, file));
        relationships.push(relationship(MEDIUM, "CONTAINS", &file_id(index)));
    }
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": inventory.name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/tsmedia-{}", inventory.sha256),
        "creationInfo": {
            "created": inventory.date.to_string(),
            "creators": [concat!("Tool: tsmedia-", env!("CARGO_PKG_VERSION"))],
        },
        "packages": packages,
        "files": files,
        "relationships": relationships,
    })
}

/// Files in the folder of each component, or its only file, by index. Components without files are left out.
fn files_of_components(inventory: &Inventory) -> BTreeMap<usize, Vec<usize>> {
    let mut by_path: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, component) in inventory.components.iter().enumerate() {
        by_path.entry(&component.path).or_default().push(index);
    }
    let mut files: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, file) in inventory.files.iter().enumerate() {
        let mut path = Some(file.path.as_str());
        while let Some(folder) = path {
            for component in by_path.get(folder).into_iter().flatten() {
                files.entry(*component).or_default().push(at);
            }
            path = folder.rsplit_once('/').map(|(above, _)| above);
        }
    }
    files
}

fn package(index: usize, component: &Component, files: &[&InventoryFile]) -> Json {
    let mut package = json!({
        "SPDXID": package_id(index),
        "name": component.name,
        "packageFileName": format!("./{}", component.path),
        "downloadLocation": "NOASSERTION",
        "primaryPackagePurpose": match component.kind {
            ComponentKind::Image => "OPERATING-SYSTEM",
            ComponentKind::Content => "INSTALL",
            ComponentKind::Driver => "OTHER",
            ComponentKind::BootProgram => "APPLICATION",
        },
        "filesAnalyzed": !files.is_empty(),
        "comment": comment(component.facts.iter().map(|(key, value)| (*key, value.as_str()))),
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    });
    if !files.is_empty() {
        package["packageVerificationCode"] =
            json!({ "packageVerificationCodeValue": verification_code(files.iter().copied()) });
    }
    if let Some(version) = &component.version {
        package["versionInfo"] = version.as_str().into();
    }
    if let Some(supplier) = &component.supplier {
        package["supplier"] = format!("Organization: {supplier}").into();
    }
    package
}

/// Returns facts as one text.
fn comment<'a>(facts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    facts.map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join("; ")
}

fn file(index: usize, file: &InventoryFile) -> Json {
    json!({
        "SPDXID": file_id(index),
        "fileName": format!("./{}", file.path),
        "checksums": [
            { "algorithm": "SHA1", "checksumValue": sha1_of(file).to_string() },
            { "algorithm": "SHA256", "checksumValue": file.digests.sha256 },
        ],
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    })
}

fn sha1_of(file: &InventoryFile) -> Sha1 {
    file.digests.sha1.unwrap_or(Sha1([0; 20]))
}

fn package_id(index: usize) -> String {
    format!("SPDXRef-Component-{}", index + 1)
}

fn file_id(index: usize) -> String {
    format!("SPDXRef-File-{}", index + 1)
}

fn relationship(from: &str, kind: &str, to: &str) -> Json {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

/// Computes the verification code of a package: the SHA-1 digest of the sorted digests of its files (SPDX 2.3, 7.9).
fn verification_code<'a>(files: impl Iterator<Item = &'a InventoryFile>) -> String {
    let mut digests: Vec<_> = files.map(|file| sha1_of(file).to_string()).collect();
    digests.sort_unstable();
    Sha1::hash(digests.concat().as_bytes()).to_string()
}
