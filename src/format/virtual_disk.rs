//! Virtual disks: QCOW2, VHD, VHDX, VMDK and VDI, and the raw disks below them.
//!
//! A virtual disk may be made of several files, and names them itself: a backing file or parent below it, a data file,
//! the extents of a VMDK. Whoever wrote the disk chose these names, so they are opened only if they are regular files
//! that are allowed by name, or extents in the folder of their descriptor. No other name is opened or even looked at,
//! and names that stand for protocols (`nbd:…`, `json:{…}`) never are. What is open is what was checked: nothing is
//! opened twice.
//!
//! Each format has a module that reads its header and maps the disk to ranges of files; [`copy`](VirtualDisk::copy)
//! makes it raw. The modules say what they do not support.

mod copy;
mod descriptor;
mod map;
mod names;
mod qcow2;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use self::copy::Target;
use self::descriptor::{Descriptor, Kind};
use self::map::SECTOR_LEN;
use self::names::{Allowed, Refusals, Role};
use self::qcow2::Qcow2;
use self::vdi::Vdi;
use self::vhd::Vhd;
use self::vhdx::Vhdx;
use self::vmdk::Sparse;
use super::partitions::Window;
use crate::error::{Error, ErrorKind, Result};
use crate::foreign_text::from_utf16;
use crate::limits::MAX_DISK_CHAIN;
use crate::progress::Progress;

/// Disk in a file or in several, open.
#[derive(Debug)]
pub struct VirtualDisk {
    /// From the disk that was opened down to the lowest one.
    layers: Vec<Layer>,
    /// Files that the disk names, in the order in which they were found.
    named: Vec<Named>,
}

/// File that a virtual disk names.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name in the disk.
    pub name: String,
    /// The file that this stands for.
    pub path: Utf8PathBuf,
    file: Arc<File>,
}

/// One disk of a chain.
#[derive(Debug)]
struct Layer {
    path: Utf8PathBuf,
    file: Arc<File>,
    file_len: u64,
    format: Format,
}

#[derive(Debug)]
enum Format {
    /// The bytes of the disk, of which there are so many. A fixed VHD has its footer behind them.
    Raw(u64),
    /// With its data file, if that is another one.
    Qcow2(Qcow2, Option<Arc<File>>),
    Vhd(Vhd),
    Vhdx(Vhdx),
    Vdi(Vdi),
    Vmdk(Vec<Extent>),
}

/// Part of a VMDK.
#[derive(Debug)]
struct Extent {
    /// First byte on the disk.
    at: u64,
    /// Length in bytes.
    len: u64,
    data: Data,
}

#[derive(Debug)]
enum Data {
    /// A range of the file that begins at this byte.
    Flat(Arc<File>, u64),
    Sparse(Arc<File>, Sparse),
    Zero,
}

/// Format of a file, by its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Raw,
    FixedVhd,
    Qcow2,
    Vhd,
    Vhdx,
    Vdi,
    Vmdk,
    Descriptor,
}

const MARKS: [(Mark, u64, &[u8]); 6] = [
    (Mark::Qcow2, 0, qcow2::MAGIC),
    (Mark::Vhdx, 0, vhdx::SIGNATURE),
    (Mark::Vhd, 0, vhd::COOKIE),
    (Mark::Vmdk, 0, vmdk::MAGIC),
    (Mark::Vmdk, 0, vmdk::ESX_MAGIC),
    (Mark::Vdi, vdi::SIGNATURE.0, vdi::SIGNATURE.1),
];

impl VirtualDisk {
    /// Opens a disk with all files that it is made of. `allowed` are files that it may name.
    ///
    /// # Errors
    ///
    /// A file that is named and not allowed, missing or not a regular file; a damaged header; what is not supported.
    pub fn open(path: &Utf8Path, file: Arc<File>, allowed: &[Utf8PathBuf]) -> Result<Self> {
        let allowed = Allowed::new(allowed)?;
        let mut disk = Self { layers: Vec::new(), named: Vec::new() };
        let mut next = Some((path.to_owned(), file, None));
        while let Some((path, file, format)) = next {
            if disk.layers.len() == MAX_DISK_CHAIN {
                return Err(Error::new(format!(
                    "`{}` has more than {MAX_DISK_CHAIN} disks below it",
                    disk.layers[0].path
                )));
            }
            next = disk.add(&path, file, format.as_deref(), &allowed)?.map(|(named, format)| {
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

    /// Whether the disk has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The files that the disk names, without the one that was opened.
    pub fn named(&self) -> &[Named] {
        &self.named
    }

    /// The disk as a range of a file, if it can be read where it is.
    pub fn in_place(&self) -> Option<Window> {
        let [layer] = self.layers.as_slice() else { return None };
        match &layer.format {
            Format::Raw(len) => Some(Window::new(Arc::clone(&layer.file), 0, *len)),
            Format::Vmdk(extents) => match extents.as_slice() {
                [Extent { len, data: Data::Flat(file, start), .. }] => {
                    Some(Window::new(Arc::clone(file), *start, *len))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Writes the disk to an empty file, in which zeros are holes.
    pub fn copy(&self, to: &File, progress: &Progress) -> Result<()> {
        let mut target = Target::new(to, self.len(), progress)?;
        for layer in self.layers.iter().rev() {
            layer.write(&mut target).map_err(|error| match error.kind() {
                ErrorKind::Interrupted => error,
                _ => names::making(&layer.path, error),
            })?;
            target.is_blank = false;
        }
        Ok(())
    }

    /// Adds a disk, whose format another disk may have given. Returns the one below it, and its format likewise.
    fn add(
        &mut self,
        path: &Utf8Path,
        file: Arc<File>,
        format: Option<&str>,
        allowed: &Allowed,
    ) -> Result<Option<(Named, Option<String>)>> {
        let of_disk = |error: Error| names::about(path, error);
        let identity = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
        if self.layers.iter().any(|layer| identity(&layer.file) == identity(&file)) {
            return Err(of_disk(Error::new("it is below itself")));
        }
        let file_len = (&*file).seek(SeekFrom::End(0)).map_err(|error| Error::io("reading", path, error))?;
        let folder = names::folder_of(&file, path);
        let mut refusals = Refusals::new(path, &folder, allowed);
        let mut below = None;
        let format = match Mark::read(&file, file_len, format).map_err(of_disk)? {
            Mark::Raw if names::is_piece(path) => return Err(names::lone_extent(path, &folder)),
            Mark::Raw => Format::Raw(file_len),
            Mark::FixedVhd => Format::Raw(file_len - vhd::FOOTER_LEN),
            Mark::Vhd => Format::Vhd(Vhd::read(&mut &*file).map_err(of_disk)?),
            Mark::Vhdx => Format::Vhdx(Vhdx::read(&mut &*file).map_err(of_disk)?),
            Mark::Vdi => Format::Vdi(Vdi::read(&mut &*file).map_err(of_disk)?),
            Mark::Qcow2 => {
                let header = Qcow2::read(&mut &*file).map_err(of_disk)?;
                let data = header.data_file.as_ref().and_then(|name| refusals.open(Role::DataFile, name));
                let backing = header.backing.as_ref().and_then(|name| refusals.open(Role::BackingFile, name));
                below = backing.map(|named| (named, header.backing_format.clone()));
                self.named.extend(data.clone());
                Format::Qcow2(header, data.map(|named| named.file))
            }
            Mark::Vmdk => {
                let (sparse, text) = Sparse::read(&mut &*file).map_err(of_disk)?;
                let text = text.filter(|text| descriptor::is_one(text));
                let descriptor = Descriptor::parse(&text.ok_or_else(|| names::lone_extent(path, &folder))?);
                below = parent(&descriptor.map_err(of_disk)?, &mut refusals).map_err(of_disk)?;
                let data = Data::Sparse(Arc::clone(&file), sparse.clone());
                Format::Vmdk(vec![Extent { at: 0, len: sparse.len, data }])
            }
            Mark::Descriptor => {
                let text = names::read_text(&file, file_len);
                let descriptor = text.and_then(|text| Descriptor::parse(&text)).map_err(of_disk)?;
                below = parent(&descriptor, &mut refusals).map_err(of_disk)?;
                Format::Vmdk(self.extents(&descriptor, &mut refusals)?)
            }
        };
        refusals.finish()?;
        self.layers.push(Layer { path: path.to_owned(), file, file_len, format });
        Ok(below)
    }

    /// Opens the extents of a descriptor. Those that are refused are left out.
    fn extents(&mut self, descriptor: &Descriptor, refusals: &mut Refusals) -> Result<Vec<Extent>> {
        let mut extents = Vec::new();
        let mut at: u64 = 0;
        for listed in &descriptor.extents {
            let too_long = || Error::new("its extents have more sectors than there can be");
            let len = listed.n_sectors.checked_mul(SECTOR_LEN).ok_or_else(too_long)?;
            let data = match listed.kind {
                Kind::Zero => Data::Zero,
                Kind::Flat | Kind::Sparse => {
                    let Some(named) = refusals.open_extent(&listed.name)? else { continue };
                    let file = Arc::clone(&named.file);
                    self.named.push(named);
                    open_extent(file, listed, len).map_err(|error| names::about(Utf8Path::new(&listed.name), error))?
                }
            };
            extents.push(Extent { at, len, data });
            at = at.checked_add(len).ok_or_else(too_long)?;
        }
        Ok(extents)
    }
}

impl Named {
    /// Metadata of the file that is open.
    pub fn metadata(&self) -> std::io::Result<std::fs::Metadata> {
        self.file.metadata()
    }
}

/// Checks that an extent has as many bytes as its descriptor says.
fn open_extent(file: Arc<File>, listed: &descriptor::Listed, len: u64) -> Result<Data> {
    let file_len = file.metadata().map_err(|error| Error::new("looking at it").because(error))?.len();
    if listed.kind == Kind::Flat {
        let start = listed.start.checked_mul(SECTOR_LEN);
        return match start.filter(|start| start.checked_add(len).is_some_and(|end| end <= file_len)) {
            Some(start) => Ok(Data::Flat(file, start)),
            None => Err(Error::new(format!("it has {file_len} bytes, and its descriptor expects {len}"))
                .help("copy it again: its end is missing")),
        };
    }
    let (sparse, _) = Sparse::read(&mut &*file)?;
    if sparse.len < len {
        return Err(Error::new(format!("it holds {} bytes of the disk, and its descriptor expects {len}", sparse.len)));
    }
    Ok(Data::Sparse(file, sparse))
}

/// Opens the parent of a VMDK, which must be the one that it was made of, as it was then.
fn parent(child: &Descriptor, refusals: &mut Refusals) -> Result<Option<(Named, Option<String>)>> {
    let Some(parent) = child.parent.as_ref().and_then(|name| refusals.open(Role::Parent, name)) else {
        return Ok(None);
    };
    let len = parent.metadata().map_err(|error| Error::io("looking at", &parent.path, error))?.len();
    let text = match Mark::of(&parent.file, len)? {
        Mark::Descriptor => Some(names::read_text(&parent.file, len)?),
        Mark::Vmdk => Sparse::read(&mut &*parent.file)?.1,
        _ => None,
    };
    let named = &parent.name;
    let text = text.ok_or_else(|| Error::new(format!("its parent `{named}` is not a VMDK")))?;
    if child.parent_cid.is_some() && child.parent_cid != Descriptor::parse(&text)?.cid {
        return Err(Error::new(format!("its parent `{named}` has changed since it was made"))
            .help("find the parent as it was: what both hold now was never on the disk together"));
    }
    Ok(Some((parent, None)))
}

impl Mark {
    /// Recognises the format of a disk. What is not recognised is raw.
    fn of(file: &File, len: u64) -> Result<Self> {
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
        if descriptor::is_one(&read(0, descriptor::FIRST_LINE.len())?) {
            return Ok(Self::Descriptor);
        }
        match len.checked_sub(vhd::FOOTER_LEN) {
            Some(before) if read(before, vhd::COOKIE.len())? == vhd::COOKIE => Ok(Self::FixedVhd),
            _ => Ok(Self::Raw),
        }
    }

    /// Recognises the format of a disk that another one says to have a format. A raw disk is raw whatever it begins
    /// with: its user could write the mark of another format there.
    fn read(file: &File, len: u64, format: Option<&str>) -> Result<Self> {
        if let Some("raw" | "file" | "host_device") = format {
            return Ok(Self::Raw);
        }
        let mark = Self::of(file, len)?;
        let name = match mark {
            Self::Raw => "raw",
            Self::FixedVhd | Self::Vhd => "vpc",
            Self::Qcow2 => "qcow2",
            Self::Vhdx => "vhdx",
            Self::Vdi => "vdi",
            Self::Vmdk | Self::Descriptor => "vmdk",
        };
        match format {
            Some(said) if said != name => Err(Error::new(format!("it is {name}, and the disk above it says `{said}`"))
                .help("see whether the right file bears this name")),
            _ => Ok(mark),
        }
    }
}

impl Format {
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

impl Layer {
    fn write(&self, target: &mut Target) -> Result<()> {
        let (mut file, file_len) = (&*self.file, self.file_len);
        match &self.format {
            Format::Raw(len) => target.write_raw(file, 0, 0, *len),
            Format::Qcow2(disk, data) => {
                let data = data.as_deref().unwrap_or(file);
                let data_len = data.metadata().map_err(|error| Error::new("looking at its data").because(error))?.len();
                let data_len = if std::ptr::eq(data, file) { file_len } else { data_len };
                disk.map(&mut file, data_len, &mut |run| target.write(data, run, 0))
            }
            Format::Vhd(disk) => disk.map(&mut file, file_len, &mut |run| target.write(&self.file, run, 0)),
            Format::Vhdx(disk) => disk.map(&mut file, file_len, &mut |run| target.write(&self.file, run, 0)),
            Format::Vdi(disk) => disk.map(&mut file, file_len, &mut |run| target.write(&self.file, run, 0)),
            Format::Vmdk(extents) => extents.iter().try_for_each(|extent| extent.write(target)),
        }
    }
}

impl Extent {
    fn write(&self, target: &mut Target) -> Result<()> {
        match &self.data {
            Data::Flat(file, start) => target.write_raw(file, *start, self.at, self.len),
            Data::Sparse(file, sparse) => {
                let len = (&**file).seek(SeekFrom::End(0)).map_err(|error| Error::new("reading").because(error))?;
                sparse.map(&mut &**file, len, &mut |run| {
                    let len = run.len.min(self.len.saturating_sub(run.at));
                    target.write(file, map::Run { len, ..run }, self.at)
                })
            }
            Data::Zero => Ok(()),
        }
    }
}

/// Text of UTF-16 units up to the first zero.
fn text_of(units: &[u16]) -> String {
    from_utf16(units.iter().copied().take_while(|unit| *unit != 0))
}

/// The error of a differencing disk of Windows. `command` merges it there.
fn differencing(parent: &str, command: &str) -> Error {
    Error::new(format!("it is a differencing disk: most of it is in its parent `{parent}`"))
        .help(format!("merge the two in Windows first, with `{command}`, or export the machine"))
}

#[cfg(test)]
mod tests;
