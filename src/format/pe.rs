//! PE files, the form of EFI boot programs and of everything that Windows executes: headers, sections, resources, the
//! certificate table and the digest that Authenticode signs.
//!
//! Follows Microsoft's "PE Format" (PE32 and PE32+) and "Windows Authenticode Portable Executable Signature Format" 1.0
//! (2008). Reads files of others: nothing is believed, and what leads out of the file is malformed. Not supported:
//! object files, symbols, imports, page hashes; of resources only what is asked for by type and name.

mod resource;

use std::fmt;
use std::ops::Range;

use object::LittleEndian as LE;
use object::pe::{
    IMAGE_DIRECTORY_ENTRY_RESOURCE as RESOURCES, IMAGE_DIRECTORY_ENTRY_SECURITY as CERTIFICATES,
    IMAGE_SIZEOF_SECTION_HEADER, ImageDosHeader, ImageFileHeader, ImageNtHeaders32, ImageNtHeaders64,
    ImageSectionHeader,
};
use object::read::pe::{DataDirectories, ImageNtHeaders, ImageOptionalHeader, optional_header_magic};

use crate::format::wim::Architecture;
use crate::limits::MAX_SIGNATURES;

pub use resource::{FileVersion, ResourceName};

/// A PE file in memory whose headers make sense.
#[derive(Clone, Debug)]
pub struct Pe<'a> {
    bytes: &'a [u8],
    machine: u16,
    subsystem: u16,
    headers_len: usize,
    checksum_at: usize,
    directories: DataDirectories<'a>,
    directories_at: usize,
    sections: Vec<Section>,
    certificates: Range<usize>,
}

/// A section (PE Format, "Section Table").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name, up to eight bytes; what is not ASCII is shown as `?`.
    pub name: String,
    /// Where it is in memory, from the start of the program, and how long.
    pub in_memory: Range<u64>,
    /// Where it is in the file; empty if nothing of it is.
    pub in_file: Range<usize>,
}

/// What a program runs in (PE Format, "Windows Subsystem").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsystem {
    /// 10: an EFI application, as boot programs are.
    EfiApplication,
    /// 11 to 13: an EFI driver or a ROM image.
    EfiDriver,
    /// 16: a Windows boot application, which the boot manager starts.
    BootApplication,
    /// Another one, by its number.
    Other(u16),
}

/// Why bytes are no PE file, as a fragment about "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const CUT_OFF: Malformed = Malformed("it is cut off");

/// Sections of 40 bytes; the format's own limit is 65,535, the loader's of Windows 96.
const MAX_SECTIONS: usize = 96;

/// An entry of the certificate table is a length, a revision and a type, and what it holds.
const CERTIFICATE_HEADER_LEN: usize = 8;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const PKCS_SIGNED_DATA: u16 = 2;

impl<'a> Pe<'a> {
    /// Reads the headers of a PE file.
    ///
    /// # Errors
    ///
    /// `bytes` is not a PE file, or its headers lead out of it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(b"MZ") {
            return Err(Malformed("it does not begin with `MZ`"));
        }
        let at = ImageDosHeader::parse(bytes).map_err(|_| CUT_OFF)?.nt_headers_offset() as usize;
        if slice(bytes, at, 4).ok_or(CUT_OFF)? != b"PE\0\0" {
            return Err(Malformed("it is a DOS program and no PE file"));
        }
        // The directories come 16 bytes later in PE32+, whose addresses are of 64 bits.
        match optional_header_magic(bytes).map_err(|_| CUT_OFF)? {
            0x10B => Self::with_headers::<ImageNtHeaders32>(bytes, at, 96),
            0x20B => Self::with_headers::<ImageNtHeaders64>(bytes, at, 112),
            _ => Err(Malformed("its optional header is neither PE32 nor PE32+")),
        }
    }

    /// Reads the headers at offset `at`, whose directories begin `directories_at` bytes into the optional header.
    fn with_headers<H: ImageNtHeaders>(bytes: &'a [u8], at: usize, directories_at: usize) -> Result<Self, Malformed> {
        let mut offset = at as u64;
        let (headers, directories) = H::parse(bytes, &mut offset)
            .map_err(|_| Malformed("its optional header is cut off, or too short for its directories"))?;
        let table = headers.sections(bytes, offset).map_err(|_| CUT_OFF)?;
        let sections = table.iter().map(|header| section(bytes, header)).collect::<Result<Vec<_>, _>>()?;
        if sections.len() > MAX_SECTIONS {
            return Err(Malformed("it has more sections than Windows loads"));
        }
        let headers_len = headers.optional_header().size_of_headers() as usize;
        let table_end = offset as usize + sections.len() * IMAGE_SIZEOF_SECTION_HEADER;
        if headers_len > bytes.len() || headers_len < table_end {
            return Err(Malformed("its headers have a length that can't be"));
        }
        let (start, len) = directories.get(CERTIFICATES).map_or((0, 0), |entry| entry.address_range());
        let (start, len) = (start as usize, len as usize);
        if len > 0 && (start < headers_len || start.checked_add(len).is_none_or(|end| end > bytes.len())) {
            return Err(Malformed("its certificate table is not where it can be"));
        }
        let optional = at + 4 + size_of::<ImageFileHeader>();
        Ok(Self {
            bytes,
            machine: headers.file_header().machine.get(LE).0,
            subsystem: headers.optional_header().subsystem().0,
            headers_len,
            checksum_at: optional + 64,
            directories,
            directories_at: optional + directories_at,
            sections,
            certificates: if len > 0 { start..start + len } else { bytes.len()..bytes.len() },
        })
    }

    /// The processors that it is for, by its number (PE Format, "Machine Types").
    pub fn machine(&self) -> u16 {
        self.machine
    }

    /// The processors that it is for, if Windows PE runs on such ones.
    pub fn architecture(&self) -> Option<Architecture> {
        match self.machine {
            0x014C => Some(Architecture::X86),
            0x8664 => Some(Architecture::X64),
            0xAA64 => Some(Architecture::Arm64),
            0x01C0 | 0x01C2 | 0x01C4 => Some(Architecture::Arm),
            _ => None,
        }
    }

    /// What it runs in.
    pub fn subsystem(&self) -> Subsystem {
        match self.subsystem {
            10 => Subsystem::EfiApplication,
            11..=13 => Subsystem::EfiDriver,
            16 => Subsystem::BootApplication,
            other => Subsystem::Other(other),
        }
    }

    /// Its sections, in the order of their table.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The parts of the file that an Authenticode digest is over, in their order: all but the checksum, the entry of the
    /// certificate table, and that table (Authenticode, "Calculating the PE Image Hash").
    pub fn signed_ranges(&self) -> Vec<Range<usize>> {
        let entry = self.directories_at + CERTIFICATES * 8;
        let mut ranges: Vec<_> = std::iter::once(0..self.checksum_at).collect();
        if self.directories.len() > CERTIFICATES {
            ranges.extend([self.checksum_at + 4..entry, entry + 8..self.headers_len]);
        } else {
            ranges.push(self.checksum_at + 4..self.headers_len);
        }
        let mut sections: Vec<_> = self.sections.iter().map(|section| section.in_file.clone()).collect();
        sections.retain(|range| !range.is_empty());
        sections.sort_by_key(|range| range.start);
        let hashed = sections.iter().fold(self.headers_len, |sum, range| sum.saturating_add(range.len()));
        ranges.extend(sections);
        // What follows the sections. In a file as linkers make it that is up to the certificate table.
        let end = self.bytes.len() - self.certificates.len();
        if end > hashed {
            ranges.push(hashed..end);
        }
        ranges
    }

    /// The bytes that an Authenticode digest is over, in their order.
    pub fn signed_bytes(&self) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.bytes;
        self.signed_ranges().into_iter().map(move |range| &bytes[range])
    }

    /// The PKCS #7 signatures of the certificate table, in their order (Authenticode, "The Attribute Certificate Table").
    /// Entries of other types are left out.
    ///
    /// # Errors
    ///
    /// When an entry has a length that can't be.
    pub fn signatures(&self) -> Result<Vec<&'a [u8]>, Malformed> {
        const WRONG: Malformed = Malformed("its certificate table has an entry of a length that can't be");
        let mut rest = &self.bytes[self.certificates.clone()];
        let mut signatures = Vec::new();
        while rest.len() >= CERTIFICATE_HEADER_LEN {
            let len = u32_at(rest, 0).ok_or(WRONG)? as usize;
            let kind = u16_at(rest, 6).ok_or(WRONG)?;
            let signature = rest.get(CERTIFICATE_HEADER_LEN..len).ok_or(WRONG)?;
            if kind == PKCS_SIGNED_DATA {
                signatures.push(signature);
            }
            if signatures.len() > MAX_SIGNATURES {
                return Err(Malformed("it has more signatures than are checked"));
            }
            // Entries begin at multiples of eight bytes.
            rest = rest.get(len.next_multiple_of(8)..).unwrap_or_default();
        }
        Ok(signatures)
    }

    /// The bytes of the file that are at an address in memory, up to the end of their section.
    fn at_address(&self, address: u32) -> Option<&'a [u8]> {
        let address = u64::from(address);
        let section = self.sections.iter().find(|section| section.in_memory.contains(&address))?;
        let skip = usize::try_from(address - section.in_memory.start).ok()?;
        self.bytes[section.in_file.clone()].get(skip..)
    }
}

fn section(bytes: &[u8], header: &ImageSectionHeader) -> Result<Section, Malformed> {
    let (start, len) = (header.pointer_to_raw_data.get(LE) as usize, header.size_of_raw_data.get(LE) as usize);
    let end = start.checked_add(len).filter(|end| *end <= bytes.len());
    let in_file = match (len, end) {
        (0, _) => 0..0,
        (_, Some(end)) => start..end,
        (_, None) => return Err(Malformed("one of its sections leads out of it")),
    };
    let show = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    let name = header.raw_name().iter().map(show).collect();
    let address = u64::from(header.virtual_address.get(LE));
    let memory_len = u64::from(header.virtual_size.get(LE)).max(len as u64);
    Ok(Section { name, in_memory: address..address + memory_len, in_file })
}

fn slice(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(len)?)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    slice(bytes, at, 2).map(|two| u16::from_le_bytes([two[0], two[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    slice(bytes, at, 4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests;
