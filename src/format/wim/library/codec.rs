//! Compressors and decompressors of wimlib.

use std::ffi::c_int;
use std::ptr;
use std::sync::Once;

use wimlib as sys;

use crate::format::wim::WimCompression;

/// Decompressor for chunks of a maximum length.
pub(in crate::format::wim) struct Decompressor(*mut sys::wimlib_decompressor);

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: the pointer came from wimlib_create_decompressor and is freed once.
        unsafe { sys::wimlib_free_decompressor(self.0) }
    }
}

impl Decompressor {
    /// Creates a decompressor; `None` if wimlib does not support the compression or length.
    pub(in crate::format::wim) fn new(compression: WimCompression, chunk_len: usize) -> Option<Self> {
        initialise();
        let number = compression_type(compression)?;
        let mut decompressor = ptr::null_mut();
        // SAFETY: the place for the result is ours.
        let code = unsafe { sys::wimlib_create_decompressor(number as _, chunk_len, &mut decompressor) };
        (code == 0 && !decompressor.is_null()).then_some(Self(decompressor))
    }

    /// Decompresses `from` into `to`. Returns `false` unless `to` is filled exactly.
    pub(in crate::format::wim) fn decompress(&mut self, from: &[u8], to: &mut [u8]) -> bool {
        // SAFETY: both slices are valid for their lengths and don't overlap.
        let code = unsafe {
            sys::wimlib_decompress(from.as_ptr().cast(), from.len(), to.as_mut_ptr().cast(), to.len(), self.0)
        };
        code == 0
    }
}

/// Compressor for chunks of a maximum length.
pub(in crate::format::wim) struct Compressor {
    compressor: *mut sys::wimlib_compressor,
    packed: Vec<u8>,
}

impl Drop for Compressor {
    fn drop(&mut self) {
        // SAFETY: the pointer came from wimlib_create_compressor and is freed once.
        unsafe { sys::wimlib_free_compressor(self.compressor) }
    }
}

impl Compressor {
    /// Creates a compressor; `None` if wimlib does not support the compression or length.
    pub(in crate::format::wim) fn new(compression: WimCompression, chunk_len: usize) -> Option<Self> {
        initialise();
        let number = compression_type(compression)?;
        let mut compressor = ptr::null_mut();
        // SAFETY: the place for the result is ours. 0 is the default level.
        let code = unsafe { sys::wimlib_create_compressor(number as _, chunk_len, 0, &mut compressor) };
        let made = code == 0 && !compressor.is_null();
        made.then(|| Self { compressor, packed: vec![0; chunk_len] })
    }

    /// Compresses a chunk; `None` if it does not get shorter.
    pub(in crate::format::wim) fn compress(&mut self, chunk: &[u8]) -> Option<Vec<u8>> {
        let room = chunk.len().saturating_sub(1).min(self.packed.len());
        let packed = &mut self.packed[..room];
        // SAFETY: both slices are valid for their lengths and don't overlap.
        let len = unsafe {
            sys::wimlib_compress(
                chunk.as_ptr().cast(),
                chunk.len(),
                packed.as_mut_ptr().cast(),
                packed.len(),
                self.compressor,
            )
        };
        (len > 0).then(|| packed[..len].to_vec())
    }
}

fn compression_type(compression: WimCompression) -> Option<sys::wimlib_compression_type> {
    match compression {
        WimCompression::None => None,
        WimCompression::Xpress => Some(sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_XPRESS),
        WimCompression::Lzx => Some(sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZX),
        WimCompression::Lzms => Some(sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZMS),
    }
}

/// Compression by its number in wimlib and in solid resources.
pub(in crate::format::wim) fn compression(number: u32) -> Option<WimCompression> {
    match number {
        0 => Some(WimCompression::None),
        1 => Some(WimCompression::Xpress),
        2 => Some(WimCompression::Lzx),
        3 => Some(WimCompression::Lzms),
        _ => None,
    }
}

/// Initializes wimlib: paths are case-insensitive, and texts are UTF-8 in every locale.
pub(super) fn initialise() {
    static ONCE: Once = Once::new();
    let flags = sys::WIMLIB_INIT_FLAG_DEFAULT_CASE_INSENSITIVE | sys::WIMLIB_INIT_FLAG_ASSUME_UTF8;
    // SAFETY: called once, before any other function of wimlib, since those would initialize it
    // without these flags. On Linux it only sets defaults and can't fail.
    ONCE.call_once(|| unsafe {
        sys::wimlib_global_init(flags as c_int);
    });
}
