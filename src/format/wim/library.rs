//! Bindings of wimlib: open files and decompressors, which free themselves. All calls of wimlib are
//! here.
//!
//! Text that wimlib lends is copied before a call returns. Text that is not UTF-8 gets replacement
//! characters; names may contain unpaired surrogates.

#![expect(unsafe_code, reason = "wimlib is a C library")]

pub(super) mod capture;
pub(super) mod codec;
mod ntfs;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::ptr::NonNull;

use camino::Utf8Path;
use wimlib as sys;

use super::guard::Guard;
use super::resource::BlobLocation;
use super::{WimEntry, WimFacts};
use crate::limits;

use codec::{compression, initialise};

// wimlib uses libntfs-3g; its crate leaves linking to the final program.
#[link(name = "ntfs-3g")]
unsafe extern "C" {}

/// Error of wimlib.
pub(super) enum LibraryError {
    NotAWim,
    Encrypted,
    Damaged(String),
    Other(String),
}

/// Properties of an open WIM file.
pub(super) struct LibraryInfo {
    pub facts: WimFacts,
    pub part: u16,
    pub n_parts: u16,
    pub is_pipable: bool,
}

/// A file or folder, and the location of its contents.
pub(super) struct LocatedEntry {
    pub found: WimEntry,
    pub kind: WimEntryKind,
    pub blob: BlobLocation,
}

/// Kind of contents: readable, or not what a reader of the file would see.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WimEntryKind {
    Plain,
    Link,
    Encrypted,
}

/// Handle of an open WIM file. The pointer makes it `!Send`.
pub(super) struct WimHandle(NonNull<sys::WIMStruct>);

impl Drop for WimHandle {
    fn drop(&mut self) {
        // SAFETY: the pointer came from wimlib_open_wim and is freed once.
        unsafe { sys::wimlib_free(self.0.as_ptr()) }
    }
}

impl WimHandle {
    pub(super) fn open(path: &Utf8Path) -> Result<Self, LibraryError> {
        initialise();
        let file = limits::open(path).map_err(|error| LibraryError::Other(error.to_string()))?;
        Guard::new(&file).map_err(LibraryError::Damaged)?;
        let path = to_c_string(path.as_str())?;
        let mut wim = ptr::null_mut();
        // SAFETY: the path ends in a zero, the place for the result is ours.
        check_code(unsafe { sys::wimlib_open_wim(path.as_ptr(), 0, &mut wim) })?;
        Self::from_raw(wim)
    }

    /// Opens a file to read whole images: the one with `index`, or all of them.
    pub(super) fn open_images(path: &Utf8Path, index: Option<u32>) -> Result<Self, LibraryError> {
        let handle = Self::open(path)?;
        let file = limits::open(path).map_err(|error| LibraryError::Other(error.to_string()))?;
        let guard = Guard::new(&file).map_err(LibraryError::Damaged)?;
        match index {
            Some(index) => guard.check_image(&file, index),
            None => guard.check_images(&file),
        }
        .map_err(LibraryError::Damaged)?;
        Ok(handle)
    }

    /// Wraps a handle that wimlib returned.
    fn from_raw(wim: *mut sys::WIMStruct) -> Result<Self, LibraryError> {
        NonNull::new(wim).map(Self).ok_or_else(|| LibraryError::Other("wimlib returned no handle".into()))
    }

    pub(super) fn info(&self) -> Result<LibraryInfo, LibraryError> {
        // SAFETY: the structure is plain numbers, for which zeros are a value.
        let mut info: sys::wimlib_wim_info = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are valid for the call.
        check_code(unsafe { sys::wimlib_get_wim_info(self.0.as_ptr(), &mut info) })?;
        let compression = compression(info.compression_type as u32)
            .ok_or_else(|| LibraryError::Damaged("unknown compression".into()))?;
        Ok(LibraryInfo {
            facts: WimFacts {
                compression,
                chunk_len: info.chunk_size,
                n_images: info.image_count,
                boot_index: Some(info.boot_index).filter(|index| (1..=info.image_count).contains(index)),
                guid: info.guid,
            },
            part: info.part_number,
            n_parts: info.total_parts,
            is_pipable: info.pipable() != 0,
        })
    }

    /// Value in the XML of an image, if it is set.
    pub(super) fn property(&self, index: u32, name: &str) -> Option<String> {
        let name = CString::new(name).ok()?;
        // SAFETY: the handle is open; the text that is lent is copied before anything else is
        // called.
        unsafe {
            let value = sys::wimlib_get_image_property(self.0.as_ptr(), index as c_int, name.as_ptr());
            copy_text(value)
        }
    }

    pub(super) fn entry(&self, index: u32, path: &str) -> Result<Option<LocatedEntry>, LibraryError> {
        Ok(self.iterate(index, path, 0)?.pop())
    }

    pub(super) fn children(&self, index: u32, path: &str) -> Result<Vec<LocatedEntry>, LibraryError> {
        self.iterate(index, path, sys::WIMLIB_ITERATE_DIR_TREE_FLAG_CHILDREN)
    }

    fn iterate(&self, index: u32, path: &str, flags: u32) -> Result<Vec<LocatedEntry>, LibraryError> {
        let path = to_c_string(path)?;
        let mut entries = Vec::new();
        // SAFETY: the callback gets the vector back as the very type that is passed here, while
        // nothing else borrows it; all pointers are valid for the call.
        let code = unsafe {
            sys::wimlib_iterate_dir_tree(
                self.0.as_ptr(),
                index as c_int,
                path.as_ptr(),
                flags as c_int,
                Some(collect_entry),
                ptr::from_mut::<Vec<LocatedEntry>>(&mut entries).cast(),
            )
        };
        if code as u32 == sys::wimlib_error_code_WIMLIB_ERR_PATH_DOES_NOT_EXIST {
            return Ok(Vec::new());
        }
        check_code(code)?;
        Ok(entries)
    }
}

// `FILE_ATTRIBUTE_…`.
const ATTRIBUTE_DIRECTORY: u32 = 0x10;
const ATTRIBUTE_REPARSE_POINT: u32 = 0x400;
const ATTRIBUTE_ENCRYPTED: u32 = 0x4000;

/// Copies an entry that wimlib lends. Must not panic: unwinding into C aborts the process.
unsafe extern "C" fn collect_entry(entry: *const sys::wimlib_dir_entry, entries: *mut c_void) -> c_int {
    // SAFETY: wimlib lends a valid entry, which always has a first stream; `entries` is what
    // `iterate` passed.
    let (entry, stream, entries) = unsafe {
        let streams = ptr::addr_of!((*entry).streams).cast::<sys::wimlib_stream_entry>();
        (&*entry, &*streams, &mut *entries.cast::<Vec<LocatedEntry>>())
    };
    let resource = &stream.resource;
    let is_folder = entry.attributes & ATTRIBUTE_DIRECTORY != 0;
    let kind = if entry.attributes & ATTRIBUTE_REPARSE_POINT != 0 {
        WimEntryKind::Link
    } else if entry.attributes & ATTRIBUTE_ENCRYPTED != 0 {
        WimEntryKind::Encrypted
    } else {
        WimEntryKind::Plain
    };
    // SAFETY: the path is a text of the entry.
    let path = unsafe { copy_text(entry.full_path) }.unwrap_or_default();
    entries.push(LocatedEntry {
        found: WimEntry { path: path.trim_start_matches('/').to_owned(), is_folder, len: resource.uncompressed_size },
        kind,
        blob: BlobLocation {
            len: resource.uncompressed_size,
            sha1: resource.sha1_hash,
            is_missing: resource.is_missing() != 0,
            is_compressed: resource.is_compressed() != 0,
            is_solid: resource.packed() != 0,
            offset: resource.offset,
            resource_offset: resource.raw_resource_offset_in_wim,
            resource_len: resource.raw_resource_compressed_size,
            resource_unpacked_len: resource.raw_resource_uncompressed_size,
        },
    });
    0
}

/// Version of wimlib, which its compressed output may depend on.
pub(super) fn version() -> u32 {
    // SAFETY: it takes nothing and always gives a number.
    unsafe { sys::wimlib_get_version() }
}

fn to_c_string(text: &str) -> Result<CString, LibraryError> {
    CString::new(text).map_err(|_| LibraryError::Other("a path can't contain a NUL".into()))
}

/// # Safety
///
/// The pointer is null, or to a text that ends in a zero and stays until the call returns.
unsafe fn copy_text(text: *const c_char) -> Option<String> {
    // SAFETY: as promised by the caller.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Converts an error code of wimlib.
fn check_code(code: c_int) -> Result<(), LibraryError> {
    let code = code as sys::wimlib_error_code;
    if code == sys::wimlib_error_code_WIMLIB_ERR_SUCCESS {
        return Ok(());
    }
    // SAFETY: the text is the library's own and constant.
    let why = unsafe { copy_text(sys::wimlib_get_error_string(code)) }.unwrap_or_default();
    Err(match code {
        sys::wimlib_error_code_WIMLIB_ERR_NOT_A_WIM_FILE => LibraryError::NotAWim,
        sys::wimlib_error_code_WIMLIB_ERR_WIM_IS_ENCRYPTED => LibraryError::Encrypted,
        sys::wimlib_error_code_WIMLIB_ERR_DECOMPRESSION
        | sys::wimlib_error_code_WIMLIB_ERR_IMAGE_COUNT
        | sys::wimlib_error_code_WIMLIB_ERR_INTEGRITY
        | sys::wimlib_error_code_WIMLIB_ERR_INVALID_CHUNK_SIZE
        | sys::wimlib_error_code_WIMLIB_ERR_INVALID_COMPRESSION_TYPE
        | sys::wimlib_error_code_WIMLIB_ERR_INVALID_HEADER
        | sys::wimlib_error_code_WIMLIB_ERR_INVALID_INTEGRITY_TABLE
        | sys::wimlib_error_code_WIMLIB_ERR_INVALID_LOOKUP_TABLE_ENTRY
        | sys::wimlib_error_code_WIMLIB_ERR_INVALID_METADATA_RESOURCE
        | sys::wimlib_error_code_WIMLIB_ERR_INVALID_PART_NUMBER
        | sys::wimlib_error_code_WIMLIB_ERR_INVALID_RESOURCE_HASH
        | sys::wimlib_error_code_WIMLIB_ERR_INVALID_UTF16_STRING
        | sys::wimlib_error_code_WIMLIB_ERR_METADATA_NOT_FOUND
        | sys::wimlib_error_code_WIMLIB_ERR_RESOURCE_NOT_FOUND
        | sys::wimlib_error_code_WIMLIB_ERR_UNEXPECTED_END_OF_FILE
        | sys::wimlib_error_code_WIMLIB_ERR_XML => LibraryError::Damaged(why),
        _ => LibraryError::Other(why),
    })
}
