//! Manifest-specific texts and rules for schema errors.

use std::sync::LazyLock;

use serde_json::Value as Json;

use crate::problem::Problem;
use crate::rule::Rule;
use authoring::Dialect;
use authoring::doc::Doc;
use authoring::schema::{self, CompiledSchema};
use authoring::spanned::escape;

use super::ManifestKind;
use super::schema::rendered_schema;

impl Dialect for ManifestKind {
    fn name(&self) -> &'static str {
        "the manifest"
    }

    fn schema(&self) -> &'static CompiledSchema {
        static MEDIUM: LazyLock<CompiledSchema> = LazyLock::new(|| compile(ManifestKind::Medium));
        static CAPTURE: LazyLock<CompiledSchema> = LazyLock::new(|| compile(ManifestKind::Capture));
        match self {
            Self::Medium => &MEDIUM,
            Self::Capture => &CAPTURE,
        }
    }

    fn rule(&self, pointer: &str) -> Option<Rule> {
        match pointer {
            "/media/kind" => Some(Rule::UnknownMediaKind),
            "/output/format" => Some(Rule::WrongOutputFormat),
            "/output/capacity" => Some(Rule::UnknownCapacity),
            "/media/device-affinity" => Some(Rule::InvalidDeviceAffinity),
            "/prestart/command" => Some(Rule::PrestartFilesWithoutCommand),
            "/media/language" => Some(Rule::InvalidLanguage),
            "/boot" | "/boot/image" => Some(Rule::MissingBootImage),
            "/media/mode" => Some(Rule::MissingMode),
            _ => None,
        }
    }

    fn takes_date(&self, pointer: &str) -> bool {
        let parts: Vec<_> = pointer.split('/').collect();
        matches!(
            parts[..],
            ["", "media", "source-date" | "valid-from" | "expires"]
                | ["", "capture", "source-date"]
                | ["", "certificate", "self-signed", "start" | "expires"]
                | ["", "sites", _, "certificate", "self-signed", "start" | "expires"]
                | ["", "vars", ..]
                | ["", "sites", _, "vars", ..]
        )
    }

    fn nested_tables(&self) -> &'static [&'static str] {
        &["/boot/image"]
    }

    fn foreign_key(&self, doc: Doc<'_>, key: &str) -> Option<Problem> {
        let pointer = format!("/{}", escape(key));
        if *self != Self::Capture || schema::find(&rendered_schema(Self::Medium), &pointer).is_none() {
            return None;
        }
        let message = format!("a manifest with `[capture]` does not build a medium, so it has no `{key}`");
        let help = "split it into two manifests; that of the medium can use the captured WIM file";
        Some(Problem::error(message).at(doc.key(&pointer), "").at(doc.key("/capture"), "captures").help(help))
    }

    fn advice(&self, name: &str, value: &Json) -> Option<String> {
        match value {
            Json::Null | Json::String(_) | Json::Array(_) | Json::Bool(_)
                if name.rsplit('.').next() == Some("image") =>
            {
                Some("write `image = { file = \"images/boot.wim\" }`".into())
            }
            Json::Bool(_) if name == "media.unknown-computers" => Some(
                "`true` requires a site file with GUIDs: write `data = \"site.json\"` in `[[sites]]`, or write \
                 the GUIDs here: `unknown-computers = { x64 = \"5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5f\" }`"
                    .into(),
            ),
            Json::Number(number) if name == "output.capacity" => Some(with_unit(&number.to_string())),
            Json::String(text) if name == "output.capacity" && text.parse::<f64>().is_ok() => Some(with_unit(text)),
            _ => None,
        }
    }
}

/// Returns the help for a capacity without a unit: small numbers are assumed to be gigabytes, large
/// ones bytes.
fn with_unit(number: &str) -> String {
    const MIN_BYTES: f64 = 1e6;
    match (number.parse::<f64>(), number.parse::<u64>()) {
        (_, Ok(bytes)) if bytes as f64 >= MIN_BYTES => {
            let rounded = format!("{:.1}", bytes as f64 / 1e9);
            let gigabytes = rounded.trim_end_matches('0').trim_end_matches('.');
            let is_exact = gigabytes.parse::<f64>().is_ok_and(|value| (value * 1e9) as u64 == bytes);
            match is_exact {
                true => format!("add the unit: `\"{gigabytes} GB\"`"),
                false => format!("add the unit: `\"{bytes} B\"`"),
            }
        }
        _ => format!("add the unit: `\"{number} GB\"`"),
    }
}

fn compile(kind: ManifestKind) -> CompiledSchema {
    CompiledSchema::new(rendered_schema(kind))
}
