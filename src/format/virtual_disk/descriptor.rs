//! Descriptors of VMDKs: a text that lists the extents of a disk, in its own file or inside of an
//! extent.
//!
//! Follows VMware's "Virtual Disk Format 5.0". Values for virtual hardware (`ddb.…`) are ignored.

use crate::error::{Error, Result};
use crate::limits::MAX_DISK_EXTENTS;

/// First line of a descriptor.
pub(super) const FIRST_LINE: &[u8] = b"# Disk DescriptorFile";

/// Value of `parentCID` for disks without a parent.
const NO_PARENT: &str = "ffffffff";

/// A parsed descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Descriptor {
    /// Content identifier, which changes with the contents.
    pub cid: Option<String>,
    /// Content identifier of the parent when this disk was made.
    pub parent_cid: Option<String>,
    /// Name of the parent.
    pub parent: Option<String>,
    /// Extents in the order of the disk.
    pub extents: Vec<ListedExtent>,
}

/// An extent in a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedExtent {
    pub n_sectors: u64,
    pub kind: ExtentKind,
    /// Name of the file; empty for zeros.
    pub name: String,
    /// First sector of a flat extent in its file.
    pub start: u64,
}

/// Layout of an extent's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExtentKind {
    /// Raw bytes of the disk.
    Flat,
    /// Grain tables and data.
    Sparse,
    /// Zeros, without a file.
    Zero,
}

/// Returns `true` if `text` begins like a descriptor.
pub(super) fn is_descriptor(text: &[u8]) -> bool {
    text.get(..FIRST_LINE.len()).is_some_and(|line| line.eq_ignore_ascii_case(FIRST_LINE))
}

impl Descriptor {
    /// Parses a descriptor.
    ///
    /// # Errors
    ///
    /// If an extent is malformed or of an unsupported kind.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        let mut descriptor = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if let Some((key, value)) = line.split_once('=').filter(|(key, _)| !key.contains('"')) {
                let value = value.trim().trim_matches('"').to_owned();
                match key.trim().to_ascii_lowercase().as_str() {
                    "cid" => descriptor.cid = Some(value.to_ascii_lowercase()),
                    "parentcid" => descriptor.parent_cid = Some(value.to_ascii_lowercase()),
                    "parentfilenamehint" => descriptor.parent = Some(value),
                    _ => {}
                }
            } else if let Some(extent) = parse_extent(line)? {
                if descriptor.extents.len() == MAX_DISK_EXTENTS {
                    return Err(Error::new(format!("its descriptor lists more than {MAX_DISK_EXTENTS} extents")));
                }
                descriptor.extents.push(extent);
            }
        }
        if descriptor.has_parent() && descriptor.parent.as_ref().is_none_or(String::is_empty) {
            return Err(Error::new("it does not name its parent"));
        }
        Ok(descriptor)
    }

    /// Returns `true` for a disk with a parent.
    pub fn has_parent(&self) -> bool {
        self.parent.is_some() || self.parent_cid.as_ref().is_some_and(|cid| cid != NO_PARENT)
    }
}

/// Parses a line such as `RW 4192256 SPARSE "disk-s001.vmdk"`; `None` if it does not describe an
/// extent.
fn parse_extent(line: &str) -> Result<Option<ListedExtent>> {
    let mut words = line.split_whitespace();
    if !matches!(words.next(), Some("RW" | "RDONLY" | "NOACCESS")) {
        return Ok(None);
    }
    let wrong = || Error::new(format!("a line of its descriptor is damaged: {line:.100}"));
    let n_sectors = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
    let kind = match words.next().ok_or_else(wrong)? {
        "FLAT" | "VMFS" => ExtentKind::Flat,
        "SPARSE" | "VMFSSPARSE" => ExtentKind::Sparse,
        "ZERO" => ExtentKind::Zero,
        other => {
            return Err(Error::new(format!("extents of the kind `{other:.20}` are not supported"))
                .help("consolidate the snapshots of the virtual machine, or export it"));
        }
    };
    // Names may contain blanks; quotes can't be escaped.
    let mut quoted = line.splitn(3, '"').skip(1);
    let (name, rest) = (quoted.next().unwrap_or_default(), quoted.next().unwrap_or_default());
    if kind != ExtentKind::Zero && name.is_empty() {
        return Err(wrong());
    }
    let start = match rest.split_whitespace().next() {
        Some(word) if kind == ExtentKind::Flat => word.parse().map_err(|_| wrong())?,
        _ => 0,
    };
    Ok(Some(ListedExtent { n_sectors, kind, name: name.to_owned(), start }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_read_with_blanks_in_names_and_offsets() {
        let text = b"# Disk DescriptorFile\nversion=1\nCID=FE\nparentCID=ffffffff\r\ncreateType=\"x\"\n\
            RW 10 FLAT \"a disk-flat.vmdk\" 5\nRDONLY 20 ZERO\nRW 30 SPARSE \"b.vmdk\"\nddb.x = \"RW 1 ZERO\"\n\0junk";
        let parsed = Descriptor::parse(text).unwrap();
        let seen: Vec<_> =
            parsed.extents.iter().map(|it| (it.n_sectors, it.kind, it.name.as_str(), it.start)).collect();
        let expected = [
            (10, ExtentKind::Flat, "a disk-flat.vmdk", 5),
            (20, ExtentKind::Zero, "", 0),
            (30, ExtentKind::Sparse, "b.vmdk", 0),
        ];
        assert_eq!(seen, expected);
        assert_eq!((parsed.cid.as_deref(), parsed.has_parent()), (Some("fe"), false));
    }

    #[test]
    fn a_parent_is_recognised_by_its_name_or_its_identifier() {
        let parsed = |text: &str| Descriptor::parse(text.as_bytes());
        assert!(parsed("parentFileNameHint=\"base.vmdk\"\n").unwrap().has_parent());
        assert!(parsed("parentCID=0badcafe\nparentFileNameHint=\"base.vmdk\"\n").unwrap().has_parent());
        assert!(parsed("parentCID=0badcafe\n").is_err());
        for wrong in ["RW x FLAT \"a\" 0", "RW 1", "RW 1 FLAT", "RW 1 FLAT \"a\" x", "RW 1 VMFSRDM \"a\""] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
