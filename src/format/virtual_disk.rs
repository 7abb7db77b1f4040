//! Virtual disks (QCOW2, VHD, VHDX, VMDK, VDI) and raw disks.
//!
//! A virtual disk may consist of several files and refer to them by name: a backing file or parent,
//! a data file, VMDK extents. The author of the disk chose these names, so they are untrusted: a
//! file is opened only if it is a regular file that the user allowed by name, or an extent in the
//! folder of its descriptor. Other names are not even looked up, and names of protocols (`nbd:…`,
//! `json:{…}`) are never used. Files are opened once, and the checked handle is the one that is
//! read.
//!
//! Each format has a module that reads the header and maps the disk to ranges of files;
//! [`copy`](VirtualDisk::copy) converts it to a raw disk. Unsupported features are listed there.

mod copy;
mod descriptor;
mod map;
mod qcow2;
mod references;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use self::copy::RawCopy;
use self::descriptor::{Descriptor, ExtentKind};
use self::map::SECTOR_LEN;
use self::qcow2::Qcow2;
use self::references::{AllowedReferences, ReferenceOpener, ReferenceRole};
use self::vdi::Vdi;
use self::vhd::Vhd;
use self::vhdx::Vhdx;
use self::vmdk::SparseExtent;
use super::partitions::Window;
use crate::error::{Error, ErrorKind, Result};
use crate::foreign_text::from_utf16;
use crate::limits::MAX_DISK_CHAIN;
use crate::progress::Progress;

/// An open disk, in one file or several.
#[derive(Debug)]
pub struct VirtualDisk {
    /// Chain of disks, from the opened one to the lowest.
    layers: Vec<DiskLayer>,
    /// Referenced files, in the order in which they were found.
    named: Vec<ReferencedFile>,
}

/// A file that a virtual disk refers to.
#[derive(Clone, Debug)]
pub struct ReferencedFile {
    /// Name in the disk.
    pub name: String,
    /// Path of the file.
    pub path: Utf8PathBuf,
    file: Arc<File>,
}

/// A disk in a chain.
#[derive(Debug)]
struct DiskLayer {
    path: Utf8PathBuf,
    file: Arc<File>,
    file_len: u64,
    format: LayerFormat,
}

/// Format of a disk in a chain, with its header.
#[derive(Debug)]
enum LayerFormat {
    /// Raw disk with its length in bytes. Fixed VHDs are raw disks with a footer.
    Raw(u64),
    /// QCOW2, with its data file if that is separate.
    Qcow2(Qcow2, Option<Arc<File>>),
    Vhd(Vhd),
    Vhdx(Vhdx),
    Vdi(Vdi),
    Vmdk(Vec<DiskExtent>),
}

/// Part of a VMDK.
#[derive(Debug)]
struct DiskExtent {
    /// First byte on the disk.
    at: u64,
    /// Length in bytes.
    len: u64,
    data: ExtentData,
}

/// Storage of an extent.
#[derive(Debug)]
enum ExtentData {
    /// Range of a file that starts at this offset.
    Flat(Arc<File>, u64),
    Sparse(Arc<File>, SparseExtent),
    Zero,
}

/// Format of a file, detected by its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DiskFormat {
    Raw,
    FixedVhd,
    Qcow2,
    Vhd,
    Vhdx,
    Vdi,
    Vmdk,
    Descriptor,
}

/// Signatures of the formats, by offset.
const MARKS: [(DiskFormat, u64, &[u8]); 6] = [
    (DiskFormat::Qcow2, 0, qcow2::MAGIC),
    (DiskFormat::Vhdx, 0, vhdx::SIGNATURE),
    (DiskFormat::Vhd, 0, vhd::COOKIE),
    (DiskFormat::Vmdk, 0, vmdk::MAGIC),
    (DiskFormat::Vmdk, 0, vmdk::ESX_MAGIC),
    (DiskFormat::Vdi, vdi::SIGNATURE.0, vdi::SIGNATURE.1),
];

impl VirtualDisk {
    /// Opens a disk with all its files. `allowed` lists the files that it may refer to.
    ///
    /// # Errors
    ///
    /// If a referenced file is not allowed, missing or not a regular file, a header is damaged, or
    /// a feature is not supported.
    pub fn open(path: &Utf8Path, file: Arc<File>, allowed: &[Utf8PathBuf]) -> Result<Self> {
        let allowed = AllowedReferences::new(allowed)?;
        let mut disk = Self { layers: Vec::new(), named: Vec::new() };
        let mut next = Some((path.to_owned(), file, None));
        while let Some((path, file, format)) = next {
            if disk.layers.len() == MAX_DISK_CHAIN {
                return Err(Error::new(format!(
                    "`{}` has a chain of more than {MAX_DISK_CHAIN} disks",
                    disk.layers[0].path
                )));
            }
            next = disk.add_layer(&path, file, format.as_deref(), &allowed)?.map(|(named, format)| {
                disk.named.push(named.clone());
                (named.path, named.file, format)
            });
        }
        Ok(disk)
    }

    /// Length of the disk in bytes.
    pub fn len(&self) -> u64 {
        self.layers.first().map_or(0, |layer| layer.format.len())
    }

    /// Returns `true` if the disk has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Files that the disk refers to, without the one that was opened.
    pub fn references(&self) -> &[ReferencedFile] {
        &self.named
    }

    /// Range of a file that contains the disk, if it can be read without conversion.
    pub fn in_place(&self) -> Option<Window> {
        let [layer] = self.layers.as_slice() else { return None };
        match &layer.format {
            LayerFormat::Raw(len) => Some(Window::new(Arc::clone(&layer.file), 0, *len)),
            LayerFormat::Vmdk(extents) => match extents.as_slice() {
                [DiskExtent { len, data: ExtentData::Flat(file, start), .. }] => {
                    Some(Window::new(Arc::clone(file), *start, *len))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Writes the disk to an empty file, with holes for zeros.
    pub fn copy(&self, to: &File, progress: &Progress) -> Result<()> {
        let mut target = RawCopy::new(to, self.len(), progress)?;
        for layer in self.layers.iter().rev() {
            layer.write(&mut target).map_err(|error| match error.kind() {
                ErrorKind::Interrupted => error,
                _ => references::conversion_error(&layer.path, error),
            })?;
            target.is_blank = false;
        }
        Ok(())
    }

    /// Adds a disk. `format` is its format according to the disk above. Returns the disk below,
    /// with its format.
    fn add_layer(
        &mut self,
        path: &Utf8Path,
        file: Arc<File>,
        format: Option<&str>,
        allowed: &AllowedReferences,
    ) -> Result<Option<(ReferencedFile, Option<String>)>> {
        let of_disk = |error: Error| references::reading_error(path, error);
        let identity = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
        // Compared by inode: a cycle may go through links and other spellings of the path.
        if self.layers.iter().any(|layer| identity(&layer.file) == identity(&file)) {
            return Err(of_disk(Error::new("it refers to itself")));
        }
        let file_len = (&*file).seek(SeekFrom::End(0)).map_err(|error| Error::io("reading", path, error))?;
        let folder = references::folder_of(&file, path);
        let mut refusals = ReferenceOpener::new(path, &folder, allowed);
        let mut below = None;
        let format = match DiskFormat::detect_expected(&file, file_len, format).map_err(of_disk)? {
            DiskFormat::Raw if references::is_flat_extent_name(path) => {
                return Err(references::lone_extent_error(path, &folder));
            }
            DiskFormat::Raw => LayerFormat::Raw(file_len),
            DiskFormat::FixedVhd => LayerFormat::Raw(file_len - vhd::FOOTER_LEN),
            DiskFormat::Vhd => LayerFormat::Vhd(Vhd::read(&mut &*file).map_err(of_disk)?),
            DiskFormat::Vhdx => LayerFormat::Vhdx(Vhdx::read(&mut &*file).map_err(of_disk)?),
            DiskFormat::Vdi => LayerFormat::Vdi(Vdi::read(&mut &*file).map_err(of_disk)?),
            DiskFormat::Qcow2 => {
                let header = Qcow2::read(&mut &*file).map_err(of_disk)?;
                let data = header.data_file.as_ref().and_then(|name| refusals.open(ReferenceRole::DataFile, name));
                let backing = header.backing.as_ref().and_then(|name| refusals.open(ReferenceRole::BackingFile, name));
                below = backing.map(|named| (named, header.backing_format.clone()));
                self.named.extend(data.clone());
                LayerFormat::Qcow2(header, data.map(|named| named.file))
            }
            DiskFormat::Vmdk => {
                let (sparse, text) = SparseExtent::read(&mut &*file).map_err(of_disk)?;
                let text = text.filter(|text| descriptor::is_descriptor(text));
                let descriptor = Descriptor::parse(&text.ok_or_else(|| references::lone_extent_error(path, &folder))?);
                below = open_parent(&descriptor.map_err(of_disk)?, &mut refusals).map_err(of_disk)?;
                let data = ExtentData::Sparse(Arc::clone(&file), sparse.clone());
                LayerFormat::Vmdk(vec![DiskExtent { at: 0, len: sparse.len, data }])
            }
            DiskFormat::Descriptor => {
                let text = references::read_text(&file, file_len);
                let descriptor = text.and_then(|text| Descriptor::parse(&text)).map_err(of_disk)?;
                below = open_parent(&descriptor, &mut refusals).map_err(of_disk)?;
                LayerFormat::Vmdk(self.open_extents(&descriptor, &mut refusals)?)
            }
        };
        refusals.finish()?;
        self.layers.push(DiskLayer { path: path.to_owned(), file, file_len, format });
        Ok(below)
    }

    /// Opens the extents of a descriptor, except refused ones.
    fn open_extents(&mut self, descriptor: &Descriptor, refusals: &mut ReferenceOpener) -> Result<Vec<DiskExtent>> {
        let mut extents = Vec::new();
        let mut at: u64 = 0;
        for listed in &descriptor.extents {
            let too_long = || Error::new("its extents have too many sectors");
            let len = listed.n_sectors.checked_mul(SECTOR_LEN).ok_or_else(too_long)?;
            let data = match listed.kind {
                ExtentKind::Zero => ExtentData::Zero,
                ExtentKind::Flat | ExtentKind::Sparse => {
                    let Some(named) = refusals.open_extent(&listed.name)? else { continue };
                    let file = Arc::clone(&named.file);
                    self.named.push(named);
                    open_extent(file, listed, len)
                        .map_err(|error| references::reading_error(Utf8Path::new(&listed.name), error))?
                }
            };
            extents.push(DiskExtent { at, len, data });
            at = at.checked_add(len).ok_or_else(too_long)?;
        }
        Ok(extents)
    }
}

impl ReferencedFile {
    /// Metadata of the open file.
    pub fn metadata(&self) -> std::io::Result<std::fs::Metadata> {
        self.file.metadata()
    }
}

/// Opens an extent and checks that it is as long as its descriptor says.
fn open_extent(file: Arc<File>, listed: &descriptor::ListedExtent, len: u64) -> Result<ExtentData> {
    let file_len = file.metadata().map_err(|error| Error::new("reading its metadata").because(error))?.len();
    if listed.kind == ExtentKind::Flat {
        let start = listed.start.checked_mul(SECTOR_LEN);
        return match start.filter(|start| start.checked_add(len).is_some_and(|end| end <= file_len)) {
            Some(start) => Ok(ExtentData::Flat(file, start)),
            None => Err(Error::new(format!("it has {file_len} bytes, but its descriptor expects {len}"))
                .help("copy the file again; its end is missing")),
        };
    }
    let (sparse, _) = SparseExtent::read(&mut &*file)?;
    if sparse.len < len {
        return Err(Error::new(format!(
            "it contains {} bytes of the disk, but its descriptor expects {len}",
            sparse.len
        )));
    }
    Ok(ExtentData::Sparse(file, sparse))
}

/// Opens the parent of a VMDK. It must not have changed since the VMDK was made.
fn open_parent(child: &Descriptor, refusals: &mut ReferenceOpener) -> Result<Option<(ReferencedFile, Option<String>)>> {
    let Some(parent) = child.parent.as_ref().and_then(|name| refusals.open(ReferenceRole::Parent, name)) else {
        return Ok(None);
    };
    let len = parent.metadata().map_err(|error| Error::io("reading the metadata of", &parent.path, error))?.len();
    let text = match DiskFormat::detect(&parent.file, len)? {
        DiskFormat::Descriptor => Some(references::read_text(&parent.file, len)?),
        DiskFormat::Vmdk => SparseExtent::read(&mut &*parent.file)?.1,
        _ => None,
    };
    let named = &parent.name;
    let text = text.ok_or_else(|| Error::new(format!("its parent `{named}` is not a VMDK")))?;
    if child.parent_cid.is_some() && child.parent_cid != Descriptor::parse(&text)?.cid {
        return Err(Error::new(format!("its parent `{named}` has changed since it was made"))
            .help("restore the parent from before the change; the combination of both never existed"));
    }
    Ok(Some((parent, None)))
}

impl DiskFormat {
    /// Detects the format of a disk. Unknown files are raw.
    fn detect(file: &File, len: u64) -> Result<Self> {
        let read = |at: u64, n: usize| -> Result<Vec<u8>> {
            let mut bytes = vec![0; if at + n as u64 > len { 0 } else { n }];
            let read = file.read_exact_at(&mut bytes, at);
            read.map(|()| bytes).map_err(|error| Error::new(format!("reading at byte {at}")).because(error))
        };
        for (mark, at, bytes) in MARKS {
            if read(at, bytes.len())? == bytes {
                return Ok(mark);
            }
        }
        if descriptor::is_descriptor(&read(0, descriptor::FIRST_LINE.len())?) {
            return Ok(Self::Descriptor);
        }
        match len.checked_sub(vhd::FOOTER_LEN) {
            Some(before) if read(before, vhd::COOKIE.len())? == vhd::COOKIE => Ok(Self::FixedVhd),
            _ => Ok(Self::Raw),
        }
    }

    /// Detects the format of a disk and compares it with the format that the disk above gives. A
    /// disk that should be raw is not inspected: its guest could have written the signature of
    /// another format.
    fn detect_expected(file: &File, len: u64, format: Option<&str>) -> Result<Self> {
        if let Some("raw" | "file" | "host_device") = format {
            return Ok(Self::Raw);
        }
        let mark = Self::detect(file, len)?;
        let name = match mark {
            Self::Raw => "raw",
            Self::FixedVhd | Self::Vhd => "vpc",
            Self::Qcow2 => "qcow2",
            Self::Vhdx => "vhdx",
            Self::Vdi => "vdi",
            Self::Vmdk | Self::Descriptor => "vmdk",
        };
        match format {
            Some(expected) if expected != name => {
                Err(Error::new(format!("it is {name}, but the disk above it says `{expected}`"))
                    .help("check whether the right file has this name"))
            }
            _ => Ok(mark),
        }
    }
}

impl LayerFormat {
    fn len(&self) -> u64 {
        match self {
            Self::Raw(len) => *len,
            Self::Qcow2(disk, _) => disk.len,
            Self::Vhd(disk) => disk.len,
            Self::Vhdx(disk) => disk.len,
            Self::Vdi(disk) => disk.len,
            Self::Vmdk(extents) => extents.last().map_or(0, |extent| extent.at + extent.len),
        }
    }
}

impl DiskLayer {
    fn write(&self, target: &mut RawCopy) -> Result<()> {
        let (mut file, file_len) = (&*self.file, self.file_len);
        match &self.format {
            LayerFormat::Raw(len) => target.write_raw(file, 0, 0, *len),
            LayerFormat::Qcow2(disk, data) => {
                let data = data.as_deref().unwrap_or(file);
                let data_len = data
                    .metadata()
                    .map_err(|error| Error::new("reading the metadata of its data file").because(error))?
                    .len();
                let data_len = if std::ptr::eq(data, file) { file_len } else { data_len };
                disk.map(&mut file, data_len, &mut |run| target.write(data, run, 0))
            }
            LayerFormat::Vhd(disk) => disk.map(&mut file, file_len, &mut |run| target.write(&self.file, run, 0)),
            LayerFormat::Vhdx(disk) => disk.map(&mut file, file_len, &mut |run| target.write(&self.file, run, 0)),
            LayerFormat::Vdi(disk) => disk.map(&mut file, file_len, &mut |run| target.write(&self.file, run, 0)),
            LayerFormat::Vmdk(extents) => extents.iter().try_for_each(|extent| extent.write(target)),
        }
    }
}

impl DiskExtent {
    fn write(&self, target: &mut RawCopy) -> Result<()> {
        match &self.data {
            ExtentData::Flat(file, start) => target.write_raw(file, *start, self.at, self.len),
            ExtentData::Sparse(file, sparse) => {
                let len = (&**file).seek(SeekFrom::End(0)).map_err(|error| Error::new("reading").because(error))?;
                sparse.map(&mut &**file, len, &mut |run| {
                    let len = run.len.min(self.len.saturating_sub(run.at));
                    target.write(file, map::DiskRun { len, ..run }, self.at)
                })
            }
            ExtentData::Zero => Ok(()),
        }
    }
}

/// Text up to the first NUL.
fn utf16_until_nul(units: &[u16]) -> String {
    from_utf16(units.iter().copied().take_while(|unit| *unit != 0))
}

/// Error for a differencing disk of Windows; `command` merges it there.
fn differencing_disk_error(parent: &str, command: &str) -> Error {
    Error::new(format!("it is a differencing disk; most of its data is in its parent `{parent}`"))
        .help(format!("merge both in Windows with `{command}`, or export the virtual machine"))
}

#[cfg(test)]
mod tests;
