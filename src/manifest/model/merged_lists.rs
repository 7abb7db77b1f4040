//! Lists that are merged with those of profiles, entry by entry.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// List whose entries are merged with those of profiles.
#[derive(Debug)]
pub struct MergedList {
    /// Keys that lead to the list.
    pub path: &'static [&'static str],
    /// Keys that identify an entry; the first one that is set counts. None if the entries are texts.
    pub keys: &'static [&'static str],
    /// Singular and plural for messages.
    pub names: (&'static str, &'static str),
    /// The identity is a path on Windows, where case does not matter.
    pub is_windows_path: bool,
    /// The entries are paths, relative to the file that they are written in.
    pub is_path: bool,
    /// Example of an identity.
    example: &'static str,
}

/// Every list of tables in a manifest of media, and the lists of texts that add up. All other lists are one choice, such
/// as `boot.firmware`, and are replaced.
pub const MERGED_LISTS: [MergedList; 10] = [
    MergedList::new(&["sites"], &["code", "data"], ("site", "sites"), "BER"),
    MergedList::new(&["operating-system"], &["id"], ("operating system image", "operating system images"), "BER00010"),
    MergedList::new(&["package"], &["id"], ("package", "packages"), "BER00021"),
    MergedList::new(&["application"], &["id"], ("application", "applications"), "Content_4ba2d1f6"),
    MergedList::new(&["driver-package"], &["id"], ("driver package", "driver packages"), "BER00030"),
    MergedList::of_paths(&["file"], ("file", "files"), "readme.txt"),
    MergedList::of_paths(
        &["boot", "file"],
        ("file of the boot image", "files of the boot image"),
        "Windows/System32/startnet.cmd",
    ),
    MergedList {
        is_path: true,
        ..MergedList::new(&["boot", "drivers"], &[], ("folder of drivers", "folders of drivers"), "drivers/net")
    },
    MergedList::new(&["media", "exclude"], &[], ("pattern in `exclude`", "patterns in `exclude`"), "*.pdb"),
    MergedList::new(&["media", "accept"], &[], ("accepted rule", "accepted rules"), "unsigned-boot-program"),
];

impl MergedList {
    const fn new(
        path: &'static [&'static str],
        keys: &'static [&'static str],
        names: (&'static str, &'static str),
        example: &'static str,
    ) -> Self {
        Self { path, keys, names, is_windows_path: false, is_path: false, example }
    }

    const fn of_paths(
        path: &'static [&'static str],
        names: (&'static str, &'static str),
        example: &'static str,
    ) -> Self {
        Self { is_windows_path: true, ..Self::new(path, &["path"], names, example) }
    }

    /// Returns the schema of the entries to remove from the list.
    fn removal_schema(&self) -> Json {
        let by = match self.keys {
            ["id"] => ", by ID",
            ["path"] => ", by path",
            [] => "",
            _ => ", by site code",
        };
        let description = format!("Inherited {} to remove{by}, or `\"all\"`.", self.names.1);
        json!({
            "description": description,
            "examples": [[self.example], ALL],
            "anyOf": [
                { "oneOf": [{ "const": ALL, "type": "string", "description": "Remove everything inherited." }] },
                { "type": "array", "items": { "type": "string", "minLength": 1 } },
            ],
        })
    }
}

/// Key of the table of entries to remove.
pub const REMOVE: &str = "remove";

/// Value of a key in `[remove]` for everything inherited.
pub const ALL: &str = "all";

/// Inherited entries to remove, by list. They are removed before the manifest is rendered, so this
/// only stands for the schema.
#[derive(Debug, Clone, Deserialize)]
pub struct RemoveTable;

impl JsonSchema for RemoveTable {
    fn schema_name() -> Cow<'static, str> {
        "Remove".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let empty = || json!({ "type": "object", "properties": {}, "additionalProperties": false });
        let mut root = empty();
        for list in &MERGED_LISTS {
            let (last, above) = list.path.split_last().unwrap_or((&"", &[]));
            let mut table = &mut root;
            for key in above {
                let below = &mut table["properties"][*key];
                if below.is_null() {
                    *below = empty();
                    below["description"] = json!(format!("Inherited entries of `{key}` to remove."));
                }
                table = &mut table["properties"][*key];
            }
            table["properties"][*last] = list.removal_schema();
        }
        json_schema!({
            "type": "object", "properties": root["properties"], "additionalProperties": false,
        })
    }
}
