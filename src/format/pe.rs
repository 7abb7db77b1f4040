//! PE files (EFI boot programs and Windows executables): headers, sections, resources, the
//! certificate table, and the digest that Authenticode signs.
//!
//! Follows Microsoft's "PE Format" (PE32 and PE32+) and "Windows Authenticode Portable Executable
//! Signature Format" 1.0 (2008). Files are untrusted: every offset is checked. Not supported:
//! object files, symbols, imports, page hashes, and listing resources.

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

/// A PE file in memory with valid headers.
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

/// Section of a PE file (PE Format, "Section Table").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Name of up to eight bytes; non-ASCII bytes are shown as `?`.
    pub name: String,
    /// Addresses in memory, relative to the start of the program.
    pub in_memory: Range<u64>,
    /// Range in the file; empty if the section is not stored.
    pub in_file: Range<usize>,
}

/// Subsystem of a program (PE Format, "Windows Subsystem").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsystem {
    /// 10: an EFI application, as boot programs are.
    EfiApplication,
    /// 11 to 13: an EFI driver or a ROM image.
    EfiDriver,
    /// 16: a Windows boot application, which the boot manager starts.
    BootApplication,
    /// Other subsystem, by number.
    Other(u16),
}

/// Reason why a PE file can't be read. Completes a sentence about "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedPe(pub &'static str);

impl fmt::Display for MalformedPe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const TRUNCATED: MalformedPe = MalformedPe("it is truncated");

/// Most sections that Windows loads; the format permits 65,535.
const MAX_SECTIONS: usize = 96;

/// Header of an entry of the certificate table: length, revision and type.
const CERTIFICATE_HEADER_LEN: usize = 8;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const PKCS_SIGNED_DATA: u16 = 2;

impl<'a> Pe<'a> {
    /// Reads the headers of a PE file.
    ///
    /// # Errors
    ///
    /// If `bytes` is not a PE file, or its headers lead out of it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MalformedPe> {
        if !bytes.starts_with(b"MZ") {
            return Err(MalformedPe("it does not begin with `MZ`"));
        }
        let at = ImageDosHeader::parse(bytes).map_err(|_| TRUNCATED)?.nt_headers_offset() as usize;
        if slice(bytes, at, 4).ok_or(TRUNCATED)? != b"PE\0\0" {
            return Err(MalformedPe("it is a DOS program, not a PE file"));
        }
        // In PE32+ the directories are 16 bytes further on: its addresses have 64 bits.
        match optional_header_magic(bytes).map_err(|_| TRUNCATED)? {
            0x10B => Self::parse_headers::<ImageNtHeaders32>(bytes, at, 96),
            0x20B => Self::parse_headers::<ImageNtHeaders64>(bytes, at, 112),
            _ => Err(MalformedPe("its optional header is neither PE32 nor PE32+")),
        }
    }

    /// Reads the headers at offset `at`, with the directories at `directories_at` of the optional
    /// header.
    fn parse_headers<H: ImageNtHeaders>(
        bytes: &'a [u8],
        at: usize,
        directories_at: usize,
    ) -> Result<Self, MalformedPe> {
        let mut offset = at as u64;
        let (headers, directories) = H::parse(bytes, &mut offset)
            .map_err(|_| MalformedPe("its optional header is truncated, or too short for its directories"))?;
        let table = headers.sections(bytes, offset).map_err(|_| TRUNCATED)?;
        let sections = table.iter().map(|header| parse_section(bytes, header)).collect::<Result<Vec<_>, _>>()?;
        if sections.len() > MAX_SECTIONS {
            return Err(MalformedPe("it has more sections than Windows loads"));
        }
        let headers_len = headers.optional_header().size_of_headers() as usize;
        let table_end = offset as usize + sections.len() * IMAGE_SIZEOF_SECTION_HEADER;
        if headers_len > bytes.len() || headers_len < table_end {
            return Err(MalformedPe("its headers have an impossible length"));
        }
        let (start, len) = directories.get(CERTIFICATES).map_or((0, 0), |entry| entry.address_range());
        let (start, len) = (start as usize, len as usize);
        // The digest leaves the table out, so one that overlaps the headers would hide changes to
        // them.
        if len > 0 && (start < headers_len || start.checked_add(len).is_none_or(|end| end > bytes.len())) {
            return Err(MalformedPe("its certificate table has an impossible offset"));
        }
        // After the signature `PE\0\0`. The checksum has the same offset in PE32 and PE32+.
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

    /// Architecture as a number (PE Format, "Machine Types").
    pub fn machine(&self) -> u16 {
        self.machine
    }

    /// Architecture, if Windows PE exists for it.
    pub fn architecture(&self) -> Option<Architecture> {
        match self.machine {
            0x014C => Some(Architecture::X86),
            0x8664 => Some(Architecture::X64),
            0xAA64 => Some(Architecture::Arm64),
            0x01C0 | 0x01C2 | 0x01C4 => Some(Architecture::Arm),
            _ => None,
        }
    }

    /// Subsystem of the program.
    pub fn subsystem(&self) -> Subsystem {
        match self.subsystem {
            10 => Subsystem::EfiApplication,
            11..=13 => Subsystem::EfiDriver,
            16 => Subsystem::BootApplication,
            other => Subsystem::Other(other),
        }
    }

    /// Sections in the order of their table.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Ranges of the file that an Authenticode digest covers: everything but the checksum, the
    /// certificate table and its directory entry (Authenticode, "Calculating the PE Image Hash").
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
        // Authenticode hashes sections in the order of the file, not of the table.
        sections.sort_by_key(|range| range.start);
        let hashed = sections.iter().fold(self.headers_len, |sum, range| sum.saturating_add(range.len()));
        ranges.extend(sections);
        // Data after the sections; linkers leave nothing there but the certificate table.
        let end = self.bytes.len() - self.certificates.len();
        if end > hashed {
            ranges.push(hashed..end);
        }
        ranges
    }

    /// Bytes that an Authenticode digest covers.
    pub fn signed_bytes(&self) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.bytes;
        self.signed_ranges().into_iter().map(move |range| &bytes[range])
    }

    /// PKCS #7 signatures in the certificate table (Authenticode, "The Attribute Certificate
    /// Table"). Entries of other types are skipped.
    ///
    /// # Errors
    ///
    /// If an entry has an impossible length, or there are more than [`MAX_SIGNATURES`].
    pub fn signatures(&self) -> Result<Vec<&'a [u8]>, MalformedPe> {
        const WRONG: MalformedPe = MalformedPe("its certificate table has an entry of impossible length");
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
                return Err(MalformedPe("it has too many signatures"));
            }
            // Entries are aligned to eight bytes.
            rest = rest.get(len.next_multiple_of(8)..).unwrap_or_default();
        }
        Ok(signatures)
    }

    /// Bytes in the file for an address in memory, up to the end of the section.
    fn at_address(&self, address: u32) -> Option<&'a [u8]> {
        let address = u64::from(address);
        let section = self.sections.iter().find(|section| section.in_memory.contains(&address))?;
        let skip = usize::try_from(address - section.in_memory.start).ok()?;
        self.bytes[section.in_file.clone()].get(skip..)
    }
}

/// Parses a section header.
fn parse_section(bytes: &[u8], header: &ImageSectionHeader) -> Result<Section, MalformedPe> {
    let (start, len) = (header.pointer_to_raw_data.get(LE) as usize, header.size_of_raw_data.get(LE) as usize);
    let end = start.checked_add(len).filter(|end| *end <= bytes.len());
    let in_file = match (len, end) {
        (0, _) => 0..0,
        (_, Some(end)) => start..end,
        (_, None) => return Err(MalformedPe("one of its sections extends past its end")),
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
