//! Formats the version, components and drivers of Windows in an image.

use serde_json::{Value as Json, json};

use crate::format::windows::WindowsFacts;

/// Maximum number of added drivers listed.
const MAX_NAMES: usize = 10;

/// Returns rows of a table; empty if nothing is known.
pub(super) fn rows(windows: &WindowsFacts) -> Vec<(&'static str, String)> {
    if *windows == WindowsFacts::default() {
        return Vec::new();
    }
    let architecture = windows.architecture.map(|architecture| format!("kernel for {architecture}"));
    let version = windows.version.map(|version| format!("version {version}"));
    let words: Vec<_> = version.into_iter().chain(architecture).collect();
    let or_unknown = |words: Option<String>| words.unwrap_or_else(|| "unknown".to_owned());
    let mut rows = vec![
        ("windows", or_unknown(Some(words.join(", ")).filter(|words| !words.is_empty()))),
        ("components", or_unknown(windows.components.as_ref().map(|names| listed(names.iter().map(String::as_str))))),
        (
            "drivers",
            or_unknown(windows.drivers.as_ref().map(|drivers| {
                let (network, storage) = (&drivers.network, &drivers.storage);
                let added: Vec<_> = network.union(storage).map(String::as_str).filter(|name| is_added(name)).collect();
                let mut text = format!("{} for network, {} for storage", network.len(), storage.len());
                if !added.is_empty() {
                    text += &format!("; added: {}", listed(added.iter().copied().take(MAX_NAMES)));
                }
                if let Some(n_more) = added.len().checked_sub(MAX_NAMES).filter(|n_more| *n_more > 0) {
                    text += &format!(" and {n_more} more");
                }
                text
            })),
        ),
        (
            "client",
            match windows.clients.is_empty() {
                true => "no Configuration Manager client".to_owned(),
                false => {
                    let clients: Vec<_> = windows.clients.iter().map(|client| client.to_string()).collect();
                    format!("Configuration Manager, for {}", clients.join(" and "))
                }
            },
        ),
    ];
    rows.extend(windows.unread.iter().map(|(path, why)| ("unread", format!("`{path}`: {why}"))));
    rows
}

/// Returns whether a driver was added to the image: Windows names INF files of added drivers `oem0.inf` and so on.
fn is_added(name: &str) -> bool {
    let number = name.strip_prefix("oem").and_then(|rest| rest.strip_suffix(".inf"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Returns the Windows in an image as JSON; null if nothing is known.
pub(super) fn json(windows: &WindowsFacts) -> Json {
    if *windows == WindowsFacts::default() {
        return Json::Null;
    }
    let unread = windows.unread.iter().map(|(path, why)| json!({ "path": path, "why": why }));
    json!({
        "architecture": windows.architecture.map(|architecture| architecture.to_string()),
        "version": windows.version.map(|version| version.to_string()),
        "components": windows.components,
        "powershell": windows.has_powershell(),
        "drvload": windows.has_drvload,
        "drivers": windows.drivers.as_ref().map(|drivers| {
            json!({ "network": drivers.network, "storage": drivers.storage })
        }),
        "clients": windows.clients.iter().map(|client| client.to_string()).collect::<Vec<_>>(),
        "unread": unread.collect::<Vec<_>>(),
    })
}
