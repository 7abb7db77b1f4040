//! Formats a boot store (BCD) in the form of `bcdedit /enum all`, and as JSON. Elements without a known name are shown by
//! their number and bytes.

use serde_json::{Value as Json, json};

use super::Page;
use crate::error::Result;
use crate::firmware::Firmware;
use crate::format::bcd::{BcdDevice, BcdElement, BcdObject, BcdStore, BcdValue, DeviceLocator};

/// Column of the values.
const INDENT: usize = 24;
/// Bytes per line of a value of unknown format.
const BYTES_IN_LINE: usize = 32;

/// Boot store on a finished medium.
#[derive(Debug)]
pub struct MediumBootStore {
    /// Firmware whose boot manager reads it.
    pub firmware: Firmware,
    /// Path on the medium.
    pub path: String,
    /// Parsed store, or the reason that it can't be read.
    pub read: Result<BcdStore>,
}

/// Formats a boot store with its objects in the order of `bcdedit`, applications first.
pub fn boot_store(store: &BcdStore, is_dirty: bool) -> Page {
    let mut page = Page::default();
    for (n, object) in sorted(store).into_iter().enumerate() {
        let heading = object.heading();
        if n > 0 {
            page.gap();
        }
        page.line(&heading);
        page.line("-".repeat(heading.len()));
        row(&mut page, "identifier", &[store.name(object.id)]);
        for (name, element) in object.named_elements() {
            row(&mut page, &name, &value_lines(store, object, element));
        }
    }
    if is_dirty {
        page.gap();
        page.line("The store was not closed cleanly; changes that are only in its log are not shown.");
    }
    page
}

/// Returns a boot store as JSON.
pub fn boot_store_json(store: &BcdStore, is_dirty: bool) -> Json {
    let objects = sorted(store).into_iter().map(|object| {
        let elements = object.named_elements().map(|(name, element)| {
            json!({
                "type": format!("{:08x}", element.id),
                "name": name,
                "value": value_json(object, element),
                "text": value_lines(store, object, element),
            })
        });
        json!({
            "identifier": object.id.to_string(),
            "name": store.name(object.id),
            "type": format!("{:08x}", object.kind),
            "heading": object.heading(),
            "elements": elements.collect::<Vec<_>>(),
        })
    });
    json!({ "form": "bcd", "dirty": is_dirty, "objects": objects.collect::<Vec<_>>() })
}

/// Sorts objects: the boot manager, its entries in the order of the menu, then the others by type and identifier.
fn sorted(store: &BcdStore) -> Vec<&BcdObject> {
    let mut objects: Vec<_> = store.objects.iter().collect();
    let manager = store.objects.iter().find(|object| object.id.alias() == Some("{bootmgr}"));
    // DisplayOrder: the entries of the menu.
    let order = match manager.and_then(|manager| manager.get(0x2400_0001)) {
        Some(BcdValue::Objects(order)) => &order[..],
        _ => &[],
    };
    objects.sort_by_key(|object| {
        let place = order.iter().position(|id| *id == object.id).unwrap_or(usize::MAX);
        // Bits 28–31: application, inherited settings or device; bits 0–19: type of the application.
        (object.kind >> 28, object.kind & 0xF_FFFF, place, object.id)
    });
    objects
}

fn row(page: &mut Page, key: &str, values: &[String]) {
    // The extra space separates a name that fills the column from its value.
    let mut key = format!("{key:<width$} ", width = INDENT - 1);
    for value in values {
        page.row(&key, value);
        key = " ".repeat(INDENT);
    }
    if values.is_empty() {
        page.line(key);
    }
}

/// Returns the lines of a value.
fn value_lines(store: &BcdStore, object: &BcdObject, element: &BcdElement) -> Vec<String> {
    match &element.value {
        BcdValue::Device(BcdDevice::Other(bytes)) => bytes_lines(bytes),
        BcdValue::Device(device) => {
            let path = located_by(object, device).map_or_else(String::new, |path| format!(" ({path})"));
            vec![format!("{device}{path}")]
        }
        BcdValue::Text(text) => vec![text.clone()],
        BcdValue::Object(id) => vec![store.name(*id)],
        BcdValue::Objects(ids) => ids.iter().map(|id| store.name(*id)).collect(),
        BcdValue::Integer(number) => vec![match element.value.number_name(element.id) {
            Some(word) => word.to_owned(),
            None => number.to_string(),
        }],
        BcdValue::Boolean(is_set) => vec![if *is_set { "Yes" } else { "No" }.to_owned()],
        BcdValue::Integers(numbers) => numbers.iter().map(|number| format!("{number:#x}")).collect(),
        BcdValue::Other(data) => {
            let mut lines = bytes_lines(&data.bytes);
            lines.insert(0, format!("({}, {})", data.kind, super::counted(data.bytes.len(), "byte")));
            lines
        }
    }
}

/// Returns the path by which a device is searched for, if another element of the object contains it.
fn located_by<'a>(object: &'a BcdObject, device: &BcdDevice) -> Option<&'a str> {
    match device {
        BcdDevice::Locate { by: DeviceLocator::Element(number), .. } => match object.get(*number)? {
            BcdValue::Text(path) => Some(path),
            _ => None,
        },
        _ => None,
    }
}

fn bytes_lines(bytes: &[u8]) -> Vec<String> {
    bytes.chunks(BYTES_IN_LINE).map(hex).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn value_json(object: &BcdObject, element: &BcdElement) -> Json {
    match &element.value {
        BcdValue::Device(device) => {
            let mut json = json!({ "device": device.to_string(), "bytes": hex(&device.to_bytes()) });
            if let BcdDevice::Locate { by, within } = device {
                json["locate"] = match by {
                    DeviceLocator::Path(path) => json!({ "path": path }),
                    DeviceLocator::Element(number) => json!({
                        "element": format!("{number:08x}"),
                        "element-name": object.element_name(*number),
                        "path": located_by(object, device),
                    }),
                };
                json["locate"]["within"] = json!(within.as_ref().map(|within| within.to_string()));
            }
            json
        }
        BcdValue::Text(text) => json!(text),
        BcdValue::Object(id) => json!(id.to_string()),
        BcdValue::Objects(ids) => ids.iter().map(|id| id.to_string()).collect(),
        BcdValue::Integer(number) => json!(number),
        BcdValue::Boolean(is_set) => json!(is_set),
        BcdValue::Integers(numbers) => json!(numbers),
        BcdValue::Other(data) => json!({ "registry-type": data.kind.to_string(), "bytes": hex(&data.bytes) }),
    }
}
