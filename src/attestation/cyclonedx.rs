//! Inventory of a medium as CycloneDX 1.6, in JSON (ECMA-424).
//!
//! The medium is the described component. Images, content, drivers, boot programs and all files are components with a
//! reference each. Facts without a field of their own are properties in the name space `tsmedia`.

use disc_layout::digest::guid;
use serde_json::{Value as Json, json};

use super::{Component, ComponentKind, Inventory, InventoryFile};

const MEDIUM: &str = "medium";

/// Returns the document of a medium.
pub fn document(inventory: &Inventory) -> Json {
    let mut properties =
        vec![property("id", &inventory.id.to_string()), property("length", &inventory.len.to_string())];
    properties.extend(inventory.description.iter().map(|(key, value)| property(key, value)));
    properties.extend(inventory.withheld.iter().map(|path| property("withheld", path)));
    let components =
        inventory.components.iter().enumerate().map(|(index, component)| self::component(index, component));
    let files = inventory.files.iter().map(file);
    let references: Vec<_> = (0..inventory.components.len()).map(component_reference).collect();
    let of_files = inventory.files.iter().map(|file| file_reference(&file.path));
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", guid(inventory.sha256.0)),
        "version": 1,
        "metadata": {
            "timestamp": inventory.date.to_string(),
            "tools": {
                "components": [{ "type": "application", "name": "tsmedia", "version": env!("CARGO_PKG_VERSION") }],
            },
            "component": {
                "type": "operating-system",
                "bom-ref": MEDIUM,
                "name": inventory.label,
                "description": format!("medium {}", inventory.name),
                "hashes": [{ "alg": "SHA-256", "content": inventory.sha256 }],
                "properties": properties,
            },
        },
        "components": components.chain(files).collect::<Vec<_>>(),
        "dependencies": [{ "ref": MEDIUM, "dependsOn": references.into_iter().chain(of_files).collect::<Vec<_>>() }],
    })
}

fn component(index: usize, component: &Component) -> Json {
    let mut properties = vec![property("path", &component.path)];
    properties.extend(component.facts.iter().map(|(key, value)| property(key, value)));
    let mut json = json!({
        "type": match component.kind {
            ComponentKind::Image => "operating-system",
            ComponentKind::Content => "application",
            ComponentKind::Driver => "device-driver",
            ComponentKind::BootProgram => "firmware",
        },
        "bom-ref": component_reference(index),
        "name": component.name,
    });
    if let Some(version) = &component.version {
        json["version"] = version.as_str().into();
    }
    if let Some(supplier) = &component.supplier {
        json["supplier"] = json!({ "name": supplier });
    }
    json["properties"] = properties.into();
    json
}

fn file(file: &InventoryFile) -> Json {
    json!({
        "type": "file",
        "bom-ref": file_reference(&file.path),
        "name": file.path,
        "hashes": [
            { "alg": "SHA-256", "content": file.digests.sha256 },
            { "alg": "BLAKE3", "content": file.digests.blake3 },
        ],
        "properties": [property("length", &file.len.to_string())],
    })
}

fn property(key: &str, value: &str) -> Json {
    json!({ "name": format!("tsmedia:{key}"), "value": value })
}

fn component_reference(index: usize) -> String {
    format!("component-{}", index + 1)
}

fn file_reference(path: &str) -> String {
    format!("file:{path}")
}
