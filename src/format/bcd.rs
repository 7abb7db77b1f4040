//! Boot configuration data (BCD): the entries of a Windows boot manager.
//!
//! A store is a registry hive: `Objects\{GUID}` with `Description\Type`, and `Elements\XXXXXXXX`
//! whose value `Element` holds the data. Follows Microsoft's BCD reference (`BcdObject`,
//! `BcdElementType`) and stores written by Windows. The number of an element includes its format;
//! data that do not match it are kept as bytes. Not supported: changing a store in place, and
//! firmware settings, which are not stored in files.

mod default_entry;
mod device;
mod names;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::str::FromStr;

pub use default_entry::{DefaultEntry, DefaultEntryFault};
pub use device::{BcdDevice, BcdPartition, DeviceLocator};
pub use write::{WindowsPeBoot, windows_pe_store};

use crate::date::Date;
use crate::error::{Error, Result};
use crate::limits::{MAX_BOOT_DATA_LEN, MAX_BOOT_ELEMENTS, MAX_BOOT_OBJECTS, MAX_BOOT_STORE_LEN};

use super::regf::{Hive, HiveKey, KeyTree, ValueData, ValueType};

/// A boot store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BcdStore {
    /// Objects; sorted by identifier if the store was read.
    pub objects: Vec<BcdObject>,
}

/// A boot entry, or settings that entries inherit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BcdObject {
    /// Identifier of the object.
    pub id: BcdGuid,
    /// Type of the object (`BcdObjectType`).
    pub kind: u32,
    /// Elements, sorted by number if the object was read.
    pub elements: Vec<BcdElement>,
}

/// A setting of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BcdElement {
    /// Number of the element (`BcdElementType`).
    pub id: u32,
    /// Value of the element.
    pub value: BcdValue,
}

/// Value of an element, by its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BcdValue {
    /// Format 1.
    Device(BcdDevice),
    /// Format 2.
    Text(String),
    /// Format 3.
    Object(BcdGuid),
    /// Format 4.
    Objects(Vec<BcdGuid>),
    /// Format 5.
    Integer(u64),
    /// Format 6.
    Boolean(bool),
    /// Format 7.
    Integers(Vec<u64>),
    /// Data that do not match the element's format.
    Other(ValueData<'static>),
}

/// A GUID, as Windows writes it in text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BcdGuid(pub u128);

/// Counts elements and data while a store is read: at most [`MAX_BOOT_ELEMENTS`] and
/// [`MAX_BOOT_STORE_LEN`] bytes. Hive cells can be shared, so the size of the hive does not bound
/// them.
#[derive(Default)]
struct ElementBudget {
    n_elements: usize,
    data_len: u64,
}

/// Most registry values of an element's key; Windows writes one.
const MAX_VALUES: usize = 16;

/// Name in the root's description, the same in every store.
const KEY_NAME: &str = "BCD00000001";

impl BcdStore {
    /// Reads a store from a registry hive.
    pub fn read(hive: &Hive) -> Result<Self> {
        let no_store = || Error::new("this registry hive is not a boot store: it has no key `Objects`");
        let objects = hive.key("Objects")?.ok_or_else(no_store)?.keys()?;
        let mut store = Self::default();
        let mut read = ElementBudget::default();
        for key in objects {
            let object = BcdObject::read(&key, &mut read).map_err(|error| in_object(&key, error))?;
            store.objects.push(object);
            if store.objects.len() > MAX_BOOT_OBJECTS {
                return Err(Error::new(format!("it has more than {MAX_BOOT_OBJECTS} objects")));
            }
        }
        Ok(store)
    }

    /// Encodes the store as a registry hive.
    pub fn to_bytes(&self, date: Date) -> Result<Vec<u8>> {
        let mut objects = KeyTree::new("Objects");
        for object in &self.objects {
            let mut elements = KeyTree::new("Elements");
            for element in &object.elements {
                let key = KeyTree::new(format!("{:08x}", element.id));
                elements.keys.push(key.with_value("Element", element.value.to_data()));
            }
            let description = KeyTree::new("Description").with_value("Type", ValueData::from_u32(object.kind));
            objects.keys.push(KeyTree::new(object.id.to_string()).with_key(description).with_key(elements));
        }
        // `bcdedit` gives the root of its stores this name, too.
        let description = KeyTree::new("Description").with_value("KeyName", ValueData::from_text(KEY_NAME));
        KeyTree::new("NewStoreRoot").with_key(description).with_key(objects).to_hive(date)
    }

    /// Finds an object by its identifier.
    pub fn object(&self, id: BcdGuid) -> Option<&BcdObject> {
        self.objects.iter().find(|object| object.id == id)
    }
}

fn in_object(key: &HiveKey, error: Error) -> Error {
    Error::new(format!("the object `{}` of the boot store can't be read", key.name())).because(error)
}

impl BcdObject {
    fn read(key: &HiveKey, read: &mut ElementBudget) -> Result<Self> {
        let id = key.name().parse().map_err(|()| Error::new("its name is not a GUID"))?;
        let kind = match key.key("Description")? {
            Some(description) => description.value("Type")?.and_then(|data| data.number()),
            None => None,
        };
        let kind = kind.and_then(|kind| u32::try_from(kind).ok());
        let kind = kind.ok_or_else(|| Error::new("it has no `Type` in its `Description`"))?;
        let mut elements = Vec::new();
        if let Some(keys) = key.key("Elements")? {
            for key in keys.keys()? {
                let name = key.name();
                let wrong = |what: &str| Error::new(format!("its element `{name}` {what}"));
                let id =
                    u32::from_str_radix(&name, 16).map_err(|_| wrong("has a name that is not a hexadecimal number"))?;
                if key.n_values() > MAX_VALUES {
                    return Err(wrong(&format!("has more than {MAX_VALUES} registry values")));
                }
                let data = key.value("Element")?.ok_or_else(|| wrong("has no data"))?;
                read.n_elements += 1;
                read.data_len += data.bytes.len() as u64;
                if data.bytes.len() > MAX_BOOT_DATA_LEN {
                    let len = data.bytes.len();
                    return Err(wrong(&format!("has {len} bytes; at most {MAX_BOOT_DATA_LEN} are read")));
                }
                if read.n_elements > MAX_BOOT_ELEMENTS || read.data_len > MAX_BOOT_STORE_LEN {
                    return Err(wrong("exceeds the size of a boot store"));
                }
                elements.push(BcdElement { id, value: BcdValue::parse(id, data) });
            }
        }
        Ok(Self { id, kind, elements })
    }

    /// Value of an element of this object.
    pub fn get(&self, id: u32) -> Option<&BcdValue> {
        self.elements.iter().find(|element| element.id == id).map(|element| &element.value)
    }
}

impl BcdValue {
    fn parse(id: u32, data: ValueData) -> Self {
        let is_bytes = data.kind == ValueType::BYTES;
        let bytes = &data.bytes;
        // The format is the second digit of the number.
        let parsed = match id >> 24 & 0xF {
            1 if is_bytes => Some(Self::Device(BcdDevice::parse(bytes))),
            2 => data.text().map(Self::Text),
            3 => data.text().and_then(|text| text.parse().ok()).map(Self::Object),
            4 => data.texts().and_then(|texts| texts.iter().map(|text| text.parse().ok()).collect()).map(Self::Objects),
            // Windows writes as few bytes as the number needs.
            5 if is_bytes && (1..=8).contains(&bytes.len()) => {
                let digits = bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
                Some(Self::Integer(digits))
            }
            6 if is_bytes && bytes.len() == 1 => Some(Self::Boolean(bytes[0] != 0)),
            7 if is_bytes && bytes.len().is_multiple_of(8) => {
                Some(Self::Integers(bytes.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect()))
            }
            _ => None,
        };
        parsed.unwrap_or_else(|| Self::Other(ValueData { kind: data.kind, bytes: data.bytes.into_owned().into() }))
    }

    /// Name that `bcdedit` shows for an integer value of `element`, such as `OptIn`; `None` if it
    /// shows the number.
    pub fn number_name(&self, element: u32) -> Option<&'static str> {
        match self {
            Self::Integer(number) => names::number_name(element, *number),
            _ => None,
        }
    }

    fn to_data(&self) -> ValueData<'static> {
        match self {
            Self::Device(device) => ValueData::from_bytes(device.to_bytes()),
            Self::Text(text) => ValueData::from_text(text),
            Self::Object(id) => ValueData::from_text(&id.to_string()),
            Self::Objects(ids) => {
                let ids: Vec<_> = ids.iter().map(BcdGuid::to_string).collect();
                ValueData::from_texts(ids.iter().map(String::as_str))
            }
            Self::Integer(number) => ValueData::from_bytes(number.to_le_bytes()),
            Self::Boolean(is_set) => ValueData::from_bytes([u8::from(*is_set)]),
            Self::Integers(numbers) => {
                ValueData::from_bytes(numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>())
            }
            Self::Other(data) => data.clone(),
        }
    }
}

impl BcdGuid {
    /// Decodes a GUID from its binary form, whose first three fields are little-endian.
    pub fn from_bytes(mut bytes: [u8; 16]) -> Self {
        [0..4, 4..6, 6..8].into_iter().for_each(|part| bytes[part].reverse());
        Self(u128::from_be_bytes(bytes))
    }

    /// Encodes the GUID in its binary form.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = self.0.to_be_bytes();
        [0..4, 4..6, 6..8].into_iter().for_each(|part| bytes[part].reverse());
        bytes
    }

    /// Well-known name of the object with this identifier in `bcdedit`, such as `{bootmgr}`.
    pub fn alias(self) -> Option<&'static str> {
        names::alias(self)
    }
}

impl FromStr for BcdGuid {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or(())?;
        let is_in_form = inner.len() == 36
            && inner.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if !is_in_form {
            return Err(());
        }
        u128::from_str_radix(&inner.replace('-', ""), 16).map(Self).map_err(|_| ())
    }
}

impl fmt::Display for BcdGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let (a, b, c, d, e) = (&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
        write!(f, "{{{a}-{b}-{c}-{d}-{e}}}")
    }
}

/// Writes bytes as hexadecimal digits.
fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
