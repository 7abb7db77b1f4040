//! Boot stores (BCD): what a boot manager can start, and how.
//!
//! A store is a registry hive: `Objects\{GUID}` with `Description\Type`, and `Elements\XXXXXXXX` whose value `Element`
//! holds the data. After Microsoft's BCD reference (`BcdObject`, `BcdElementType`) and stores that Windows wrote. An
//! element says in its number who it is for and of which format it is; one whose data are not of that format is kept as
//! it is. Not supported: changing a store, and settings of firmware, which Windows keeps in no file.

mod built;
mod device;
mod names;
mod started;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub use built::{Start, store};
pub use device::{Device, Locator, Partition};
pub use started::{NotStarted, Started};

use crate::date::Date;
use crate::error::{Error, Result};
use crate::limits::{MAX_BOOT_DATA_LEN, MAX_BOOT_ELEMENTS, MAX_BOOT_OBJECTS, MAX_BOOT_STORE_LEN};

use super::regf::{Data, Hive, Key, Tree, Type};

/// A boot store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Its objects, in the order of their identifiers when read.
    pub objects: Vec<Object>,
}

/// Something that can be started, or settings that others inherit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its identifier.
    pub id: Guid,
    /// What it is: `BcdObjectType`.
    pub kind: u32,
    /// What is said of it, in the order of the numbers.
    pub elements: Vec<Element>,
}

/// One setting of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Which: `BcdElementType`.
    pub id: u32,
    /// To what it is set.
    pub value: Value,
}

/// What an element is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Format 1.
    Device(Device),
    /// Format 2.
    Text(String),
    /// Format 3.
    Object(Guid),
    /// Format 4.
    Objects(Vec<Guid>),
    /// Format 5.
    Integer(u64),
    /// Format 6.
    Boolean(bool),
    /// Format 7.
    Integers(Vec<u64>),
    /// Whatever is not as its format asks for.
    Other(Data<'static>),
}

/// A globally unique identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub u128);

/// Elements whose data have at most [`MAX_BOOT_STORE_LEN`] bytes together, however many share them.
#[derive(Default)]
struct Read {
    n_elements: usize,
    data_len: u64,
}

/// An element has one value.
const MAX_VALUES: usize = 16;

/// What the root's description calls every store.
const KEY_NAME: &str = "BCD00000001";

impl Store {
    /// Reads the store that a hive is.
    pub fn read(hive: &Hive) -> Result<Self> {
        let no_store = || Error::new("this registry hive is no boot store: it has no `Objects`");
        let objects = hive.key("Objects")?.ok_or_else(no_store)?.keys()?;
        let mut store = Self::default();
        let mut read = Read::default();
        for key in objects {
            let object = Object::read(&key, &mut read).map_err(|error| in_object(&key, error))?;
            store.objects.push(object);
            if store.objects.len() > MAX_BOOT_OBJECTS {
                return Err(Error::new(format!("it has more than {MAX_BOOT_OBJECTS} objects; a boot store has fewer")));
            }
        }
        Ok(store)
    }

    /// The bytes of the store.
    pub fn to_bytes(&self, date: Date) -> Result<Vec<u8>> {
        let mut objects = Tree::new("Objects");
        for object in &self.objects {
            let mut elements = Tree::new("Elements");
            for element in &object.elements {
                let key = Tree::new(format!("{:08x}", element.id));
                elements.keys.push(key.with_value("Element", element.value.to_data()));
            }
            let description = Tree::new("Description").with_value("Type", Data::of_u32(object.kind));
            objects.keys.push(Tree::new(object.id.to_string()).with_key(description).with_key(elements));
        }
        // The root of stores that `bcdedit` makes bears this name, too.
        let description = Tree::new("Description").with_value("KeyName", Data::of_text(KEY_NAME));
        Tree::new("NewStoreRoot").with_key(description).with_key(objects).to_hive(date)
    }

    /// An object by its identifier.
    pub fn object(&self, id: Guid) -> Option<&Object> {
        self.objects.iter().find(|object| object.id == id)
    }
}

fn in_object(key: &Key, error: Error) -> Error {
    Error::new(format!("the object `{}` of the boot store can't be read", key.name())).because(error)
}

impl Object {
    fn read(key: &Key, read: &mut Read) -> Result<Self> {
        let id = key.name().parse().map_err(|()| Error::new("its name is no GUID"))?;
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
                let id = u32::from_str_radix(&name, 16).map_err(|_| wrong("has a name that is no number"))?;
                if key.n_values() > MAX_VALUES {
                    return Err(wrong("has more values than one that Windows writes"));
                }
                let data = key.value("Element")?.ok_or_else(|| wrong("has no data"))?;
                read.n_elements += 1;
                read.data_len += data.bytes.len() as u64;
                if data.bytes.len() > MAX_BOOT_DATA_LEN {
                    return Err(wrong("is larger than any that Windows writes"));
                }
                if read.n_elements > MAX_BOOT_ELEMENTS || read.data_len > MAX_BOOT_STORE_LEN {
                    return Err(wrong("is one too many: those before it are more than a boot store has"));
                }
                elements.push(Element { id, value: Value::parse(id, data) });
            }
        }
        Ok(Self { id, kind, elements })
    }

    /// What one of its elements is set to.
    pub fn get(&self, id: u32) -> Option<&Value> {
        self.elements.iter().find(|element| element.id == id).map(|element| &element.value)
    }
}

impl Value {
    fn parse(id: u32, data: Data) -> Self {
        let is_bytes = data.kind == Type::BYTES;
        let bytes = &data.bytes;
        let parsed = match id >> 24 & 0xF {
            1 if is_bytes => Some(Self::Device(Device::parse(bytes))),
            2 => data.text().map(Self::Text),
            3 => data.text().and_then(|text| text.parse().ok()).map(Self::Object),
            4 => data.texts().and_then(|texts| texts.iter().map(|text| text.parse().ok()).collect()).map(Self::Objects),
            // Windows writes no more bytes than the number has, and sometimes none that it has not.
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
        parsed.unwrap_or_else(|| Self::Other(Data { kind: data.kind, bytes: data.bytes.into_owned().into() }))
    }

    /// The word that `bcdedit` has for a number of this element; none if it writes digits.
    pub fn word(&self, element: u32) -> Option<&'static str> {
        match self {
            Self::Integer(number) => names::word(element, *number),
            _ => None,
        }
    }

    fn to_data(&self) -> Data<'static> {
        match self {
            Self::Device(device) => Data::of_bytes(device.to_bytes()),
            Self::Text(text) => Data::of_text(text),
            Self::Object(id) => Data::of_text(&id.to_string()),
            Self::Objects(ids) => {
                let ids: Vec<_> = ids.iter().map(Guid::to_string).collect();
                Data::of_texts(ids.iter().map(String::as_str))
            }
            Self::Integer(number) => Data::of_bytes(number.to_le_bytes()),
            Self::Boolean(is_set) => Data::of_bytes([u8::from(*is_set)]),
            Self::Integers(numbers) => Data::of_bytes(numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>()),
            Self::Other(data) => data.clone(),
        }
    }
}

impl Guid {
    /// From the bytes of a GUID in memory, whose first three parts are little-endian.
    pub fn from_bytes(mut bytes: [u8; 16]) -> Self {
        [0..4, 4..6, 6..8].into_iter().for_each(|part| bytes[part].reverse());
        Self(u128::from_be_bytes(bytes))
    }

    /// Its bytes in memory.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = self.0.to_be_bytes();
        [0..4, 4..6, 6..8].into_iter().for_each(|part| bytes[part].reverse());
        bytes
    }

    /// What `bcdedit` calls the object of this identifier wherever it is, such as `{bootmgr}`.
    pub fn alias(self) -> Option<&'static str> {
        names::alias(self)
    }
}

impl FromStr for Guid {
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

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let (a, b, c, d, e) = (&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
        write!(f, "{{{a}-{b}-{c}-{d}-{e}}}")
    }
}

/// Bytes as hexadecimal digits.
fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
