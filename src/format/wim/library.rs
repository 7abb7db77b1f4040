//! The only place that calls wimlib: opened files and decompressors as values that free themselves.
//!
//! Nothing that wimlib lends is kept: every text is copied before the call returns. Texts that are not UTF-8 (names
//! may hold unpaired surrogates) are read with replacement characters.

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
use super::resource::Blob;
use super::{Found, WimFacts};
use crate::limits;

use codec::{compression, initialise};

// What wimlib reads and writes NTFS volumes with; the crate that builds wimlib leaves linking it to its users.
#[link(name = "ntfs-3g")]
unsafe extern "C" {}

/// What wimlib could not do.
pub(super) enum Failure {
    NotAWim,
    Encrypted,
    Damaged(String),
    Other(String),
}

/// What wimlib says of an opened file.
pub(super) struct Info {
    pub facts: WimFacts,
    pub part: u16,
    pub n_parts: u16,
    pub is_pipable: bool,
}

/// A file or folder with the place of its contents.
pub(super) struct Entry {
    pub found: Found,
    pub kind: Kind,
    pub blob: Blob,
}

/// Whether the contents of a file are what its readers see.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Link,
    Encrypted,
}

/// An opened WIM file. The pointer keeps it on its thread.
pub(super) struct Handle(NonNull<sys::WIMStruct>);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the pointer came from wimlib_open_wim and is freed once.
        unsafe { sys::wimlib_free(self.0.as_ptr()) }
    }
}

impl Handle {
    pub(super) fn open(path: &Utf8Path) -> Result<Self, Failure> {
        initialise();
        let file = limits::open(path).map_err(|error| Failure::Other(error.to_string()))?;
        Guard::new(&file).map_err(Failure::Damaged)?;
        let path = c_text(path.as_str())?;
        let mut wim = ptr::null_mut();
        // SAFETY: the path ends in a zero, the place for the result is ours.
        check(unsafe { sys::wimlib_open_wim(path.as_ptr(), 0, &mut wim) })?;
        Self::of(wim)
    }

    /// Opens a file of which whole images are read: the `index`-th, or all of them.
    pub(super) fn open_images(path: &Utf8Path, index: Option<u32>) -> Result<Self, Failure> {
        let handle = Self::open(path)?;
        let file = limits::open(path).map_err(|error| Failure::Other(error.to_string()))?;
        let guard = Guard::new(&file).map_err(Failure::Damaged)?;
        match index {
            Some(index) => guard.check_image(&file, index),
            None => guard.check_images(&file),
        }
        .map_err(Failure::Damaged)?;
        Ok(handle)
    }

    /// What the library has opened or made.
    fn of(wim: *mut sys::WIMStruct) -> Result<Self, Failure> {
        NonNull::new(wim).map(Self).ok_or_else(|| Failure::Other("the library gave nothing".into()))
    }

    pub(super) fn info(&self) -> Result<Info, Failure> {
        // SAFETY: the structure is plain numbers, for which zeros are a value.
        let mut info: sys::wimlib_wim_info = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are valid for the call.
        check(unsafe { sys::wimlib_get_wim_info(self.0.as_ptr(), &mut info) })?;
        let compression =
            compression(info.compression_type as u32).ok_or_else(|| Failure::Damaged("unknown compression".into()))?;
        Ok(Info {
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

    /// A value of the XML, if it is there.
    pub(super) fn property(&self, index: u32, name: &str) -> Option<String> {
        let name = CString::new(name).ok()?;
        // SAFETY: the handle is open; the text that is lent is copied before anything else is called.
        unsafe {
            let value = sys::wimlib_get_image_property(self.0.as_ptr(), index as c_int, name.as_ptr());
            text(value)
        }
    }

    pub(super) fn entry(&self, index: u32, path: &str) -> Result<Option<Entry>, Failure> {
        Ok(self.iterate(index, path, 0)?.pop())
    }

    pub(super) fn children(&self, index: u32, path: &str) -> Result<Vec<Entry>, Failure> {
        self.iterate(index, path, sys::WIMLIB_ITERATE_DIR_TREE_FLAG_CHILDREN)
    }

    fn iterate(&self, index: u32, path: &str, flags: u32) -> Result<Vec<Entry>, Failure> {
        let path = c_text(path)?;
        let mut entries = Vec::new();
        // SAFETY: the callback gets the vector back as the very type that is passed here, while it is borrowed by
        // nobody else; all pointers are valid for the call.
        let code = unsafe {
            sys::wimlib_iterate_dir_tree(
                self.0.as_ptr(),
                index as c_int,
                path.as_ptr(),
                flags as c_int,
                Some(take_entry),
                ptr::from_mut::<Vec<Entry>>(&mut entries).cast(),
            )
        };
        if code as u32 == sys::wimlib_error_code_WIMLIB_ERR_PATH_DOES_NOT_EXIST {
            return Ok(Vec::new());
        }
        check(code)?;
        Ok(entries)
    }
}

const ATTRIBUTE_DIRECTORY: u32 = 0x10;
const ATTRIBUTE_REPARSE_POINT: u32 = 0x400;
const ATTRIBUTE_ENCRYPTED: u32 = 0x4000;

/// Copies what wimlib shows of an entry. Nothing in it panics: that would end the process.
unsafe extern "C" fn take_entry(entry: *const sys::wimlib_dir_entry, entries: *mut c_void) -> c_int {
    // SAFETY: wimlib lends a valid entry, which always has a first stream; `entries` is what `iterate` passed.
    let (entry, stream, entries) = unsafe {
        let streams = ptr::addr_of!((*entry).streams).cast::<sys::wimlib_stream_entry>();
        (&*entry, &*streams, &mut *entries.cast::<Vec<Entry>>())
    };
    let resource = &stream.resource;
    let is_folder = entry.attributes & ATTRIBUTE_DIRECTORY != 0;
    let kind = if entry.attributes & ATTRIBUTE_REPARSE_POINT != 0 {
        Kind::Link
    } else if entry.attributes & ATTRIBUTE_ENCRYPTED != 0 {
        Kind::Encrypted
    } else {
        Kind::Plain
    };
    // SAFETY: the path is a text of the entry.
    let path = unsafe { text(entry.full_path) }.unwrap_or_default();
    entries.push(Entry {
        found: Found { path: path.trim_start_matches('/').to_owned(), is_folder, len: resource.uncompressed_size },
        kind,
        blob: Blob {
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

/// The library's own version, which what it compresses may depend on.
pub(super) fn version() -> u32 {
    // SAFETY: it takes nothing and always gives a number.
    unsafe { sys::wimlib_get_version() }
}

fn c_text(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::Other("a path can't hold a zero".into()))
}

/// # Safety
///
/// The pointer is null, or to a text that ends in a zero and stays until the call returns.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: as promised by the caller.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

fn check(code: c_int) -> Result<(), Failure> {
    let code = code as sys::wimlib_error_code;
    if code == sys::wimlib_error_code_WIMLIB_ERR_SUCCESS {
        return Ok(());
    }
    // SAFETY: the text is the library's own and constant.
    let why = unsafe { text(sys::wimlib_get_error_string(code)) }.unwrap_or_default();
    Err(match code {
        sys::wimlib_error_code_WIMLIB_ERR_NOT_A_WIM_FILE => Failure::NotAWim,
        sys::wimlib_error_code_WIMLIB_ERR_WIM_IS_ENCRYPTED => Failure::Encrypted,
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
        | sys::wimlib_error_code_WIMLIB_ERR_XML => Failure::Damaged(why),
        _ => Failure::Other(why),
    })
}
