//! Bindings for creating WIM files with wimlib.

use std::collections::{HashMap, HashSet};
use std::ffi::{CString, c_int, c_void};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::ptr;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use wimlib as sys;

pub(in crate::format::wim) use super::LibraryError;
use super::ntfs::{self, MountRefusal};
use super::{WimHandle, check_code, copy_text, initialise, to_c_string};
use crate::error::Error;
use crate::format::overlay_filter::UnfilteredVolume;
use crate::format::partitions::Window;
use crate::format::wim::capture::types::{Attributes, ContentCompression, Exclusions, LeftOut, WhyLeftOut};
use crate::progress::Progress;

/// Reason why a capture failed.
pub(in crate::format::wim) enum CaptureError {
    /// wimlib failed, with the lines that it printed before.
    Failed(LibraryError, Vec<String>),
    /// Windows is hibernated on the volume.
    Hibernated,
    /// A file of an NTFS volume can't be decompressed, with the reason.
    Damaged(String),
    /// A volume can't be read.
    Source(Error),
    /// The user interrupted the capture.
    Interrupted,
    /// A file or folder of the source can't be read, with the lines that wimlib printed.
    Unreadable(String, Vec<String>),
}

/// Source of an image.
pub(in crate::format::wim) enum LibraryTree<'a> {
    Folder(&'a Utf8Path),
    Ntfs(Window),
}

/// A WIM file being created. Fields are dropped in their order: the handle before what it refers
/// to.
pub(in crate::format::wim) struct Builder<'p> {
    handle: WimHandle,
    /// WIM files with reused contents, which are read while this one is written.
    reused: Vec<WimHandle>,
    /// Files with a reparse point whose contents are not on the volume, by index of an image of an
    /// NTFS volume.
    hollow: HashMap<u32, HashSet<String>>,
    watch: Pinned<CaptureWatch<'p>>,
    log: LibraryLog,
    /// Keeps other captures from NTFS volumes until the handle is dropped. `None` if no image is of one.
    ntfs: Option<MutexGuard<'static, ()>>,
}

/// Held while libntfs-3g is in use, since it is not thread-safe: volumes that are read at the same time
/// fail now and then with `EIO`.
static NTFS: Mutex<()> = Mutex::new(());

/// A value that wimlib has a pointer to. It has a fixed address and is dropped after the handle.
struct Pinned<T>(NonNull<T>);

impl<T> Pinned<T> {
    fn new(value: T) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    /// Borrows the value between calls of wimlib.
    fn get(&mut self) -> &mut T {
        // SAFETY: the pointer came from a box; the library uses it only within calls, and no call
        // is under way while this borrow lasts.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Pinned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box and is freed once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// State of the progress callback.
struct CaptureWatch<'p> {
    progress: &'p Progress,
    left_out: Vec<LeftOut>,
    unreadable: Option<String>,
    /// Length of the path of the source, which prefixes the paths of its files.
    root_len: usize,
    n_scanned: u64,
}

impl<'p> Builder<'p> {
    /// Starts a WIM file without images.
    pub(in crate::format::wim) fn new(
        packing: ContentCompression,
        progress: &'p Progress,
    ) -> Result<Self, CaptureError> {
        initialise();
        let log = LibraryLog::begin();
        let mut wim = ptr::null_mut();
        let compression = match packing {
            ContentCompression::None => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_NONE,
            ContentCompression::Xpress => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_XPRESS,
            ContentCompression::Lzx => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZX,
            ContentCompression::Solid => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZMS,
        };
        // SAFETY: the place for the result is ours.
        let code = unsafe { sys::wimlib_create_new_wim(compression as _, &mut wim) };
        let handle = check_code(code).and_then(|()| WimHandle::from_raw(wim)).map_err(|failure| log.failed(failure))?;
        Ok(Self::with_handle(handle, progress, log))
    }

    /// Starts with the images of an existing WIM file, which is not changed.
    pub(in crate::format::wim) fn extend(path: &Utf8Path, progress: &'p Progress) -> Result<Self, CaptureError> {
        let log = LibraryLog::begin();
        let handle = WimHandle::open_images(path, None).map_err(|failure| log.failed(failure))?;
        Ok(Self::with_handle(handle, progress, log))
    }

    /// Registers the progress callback.
    fn with_handle(handle: WimHandle, progress: &'p Progress, log: LibraryLog) -> Self {
        let watch =
            Pinned::new(CaptureWatch { progress, left_out: Vec::new(), unreadable: None, root_len: 0, n_scanned: 0 });
        // SAFETY: the watch stays for as long as the handle is used, and is of the type that is
        // expected.
        unsafe {
            sys::wimlib_register_progress_function(handle.0.as_ptr(), Some(on_progress), watch.0.as_ptr().cast())
        };
        Self { handle, reused: Vec::new(), hollow: HashMap::new(), watch, log, ntfs: None }
    }

    /// Number of images so far.
    pub(in crate::format::wim) fn n_images(&self) -> Result<u32, CaptureError> {
        self.handle.info().map(|info| info.facts.n_images).map_err(|failure| self.log.failed(failure))
    }

    /// Reuses contents of another WIM file. Returns its number for
    /// [`reuse_unchanged`](Self::reuse_unchanged).
    pub(in crate::format::wim) fn reuse(&mut self, path: &Utf8Path) -> Result<usize, CaptureError> {
        let old = WimHandle::open_images(path, None).map_err(|failure| self.log.failed(failure))?;
        let mut reused = [old.0.as_ptr()];
        // SAFETY: both are open; the other one is kept until this one has been written and freed.
        let code = unsafe { sys::wimlib_reference_resources(self.handle.0.as_ptr(), reused.as_mut_ptr(), 1, 0) };
        self.reused.push(old);
        self.check_result(code)?;
        Ok(self.reused.len() - 1)
    }

    /// Exports an image of another WIM file, or all of them, with their properties. A single image
    /// becomes the boot image; otherwise the boot index is kept.
    pub(in crate::format::wim) fn take(&mut self, path: &Utf8Path, index: Option<u32>) -> Result<(), CaptureError> {
        let old = WimHandle::open_images(path, index).map_err(|failure| self.log.failed(failure))?;
        let index = index.map_or(sys::WIMLIB_ALL_IMAGES, |index| index as c_int);
        // SAFETY: both are open, and the other one is kept until this one has been written and
        // freed; names and descriptions that are not given are those of the images. The structure
        // is plain numbers, for which zeros are a value.
        let code = unsafe {
            let (old, own) = (old.0.as_ptr(), self.handle.0.as_ptr());
            let flags = sys::WIMLIB_EXPORT_FLAG_BOOT as c_int;
            let mut info: sys::wimlib_wim_info = std::mem::zeroed();
            match sys::wimlib_export_image(old, index, own, ptr::null(), ptr::null(), flags) {
                0 => match sys::wimlib_get_wim_info(old, &mut info) {
                    0 => sys::wimlib_set_wim_info(own, &info, sys::WIMLIB_CHANGE_RPFIX_FLAG as c_int),
                    code => code,
                },
                code => code,
            }
        };
        self.reused.push(old);
        self.check_result(code)
    }

    /// Adds a tree as the last image, and returns the files that were left out.
    pub(in crate::format::wim) fn add(
        &mut self,
        tree: LibraryTree,
        name: &str,
        exclusions: Exclusions,
    ) -> Result<Vec<LeftOut>, CaptureError> {
        let mut flags = sys::WIMLIB_ADD_FLAG_VERBOSE | sys::WIMLIB_ADD_FLAG_EXCLUDE_VERBOSE;
        let config = match exclusions {
            Exclusions::Windows => {
                flags |= sys::WIMLIB_ADD_FLAG_WINCONFIG;
                None
            }
            Exclusions::File(path) => Some(self.c_string(path.as_str())?),
            Exclusions::None => None,
        };
        let watch = self.watch.get();
        // State of an earlier tree that could not be added.
        (watch.root_len, watch.unreadable) = (0, None);
        watch.left_out.clear();
        let source = match tree {
            LibraryTree::Folder(path) => {
                // Linux permissions mean nothing to Windows, and the targets of links are not
                // changed.
                flags |= sys::WIMLIB_ADD_FLAG_NO_ACLS | sys::WIMLIB_ADD_FLAG_NORPFIX;
                self.watch.get().root_len = path.as_str().len();
                path.to_owned()
            }
            LibraryTree::Ntfs(volume) => {
                // The whole volume is captured, so absolute links into it may be adapted to another
                // drive letter.
                flags |= sys::WIMLIB_ADD_FLAG_NTFS | sys::WIMLIB_ADD_FLAG_RPFIX;
                let volume = UnfilteredVolume::new(volume, self.watch.get().progress).map_err(CaptureError::Source)?;
                self.hollow.insert(self.n_images()? + 1, volume.hollow_paths());
                self.ntfs.get_or_insert_with(|| NTFS.lock().unwrap_or_else(PoisonError::into_inner));
                ntfs::lend_volume(volume);
                Utf8PathBuf::from("the lent volume")
            }
        };
        let (source, name) = (self.c_string(source.as_str())?, self.c_string(name)?);
        // SAFETY: all texts end in zeros and live until the call returns.
        let code = unsafe {
            sys::wimlib_add_image(
                self.handle.0.as_ptr(),
                source.as_ptr(),
                name.as_ptr(),
                config.as_ref().map_or(ptr::null(), |config| config.as_ptr()),
                flags as c_int,
            )
        };
        self.check_result(code)?;
        Ok(std::mem::take(&mut self.watch.get().left_out))
    }

    /// Calls `show` for every file and folder of an image with its path, except its root, in no
    /// particular order.
    pub(in crate::format::wim) fn visit(
        &mut self,
        index: u32,
        show: &mut dyn FnMut(&str, Attributes),
    ) -> Result<(), CaptureError> {
        let root = self.c_string("/")?;
        let mut visit = ImageVisit { show, hollow: self.hollow.get(&index) };
        // SAFETY: the path ends in a zero; the callback gets the visit back as the very type that
        // is passed here, while nothing else borrows it.
        let code = unsafe {
            sys::wimlib_iterate_dir_tree(
                self.handle.0.as_ptr(),
                index as c_int,
                root.as_ptr(),
                sys::WIMLIB_ITERATE_DIR_TREE_FLAG_RECURSIVE as c_int,
                Some(on_entry),
                ptr::from_mut::<ImageVisit>(&mut visit).cast(),
            )
        };
        self.check_result(code)
    }

    /// Removes a file or folder from an image.
    pub(in crate::format::wim) fn remove(&mut self, index: u32, path: &str) -> Result<(), CaptureError> {
        let path = self.c_string(path)?;
        let flags = sys::WIMLIB_DELETE_FLAG_RECURSIVE as c_int;
        // SAFETY: the path ends in a zero.
        let code = unsafe { sys::wimlib_delete_path(self.handle.0.as_ptr(), index as c_int, path.as_ptr(), flags) };
        self.check_result(code)
    }

    /// Reuses the contents of files that are unchanged since an image of an old WIM file, without
    /// reading them.
    pub(in crate::format::wim) fn reuse_unchanged(
        &mut self,
        index: u32,
        old: usize,
        old_index: u32,
    ) -> Result<(), CaptureError> {
        let old = self.reused[old].0.as_ptr();
        // SAFETY: both are open.
        let code = unsafe {
            sys::wimlib_reference_template_image(self.handle.0.as_ptr(), index as c_int, old, old_index as c_int, 0)
        };
        self.check_result(code)
    }

    /// Sets a property in the XML of an image.
    pub(in crate::format::wim) fn set_property(
        &mut self,
        index: u32,
        key: &str,
        value: &str,
    ) -> Result<(), CaptureError> {
        let (key, value) = (self.c_string(key)?, self.c_string(value)?);
        // SAFETY: the texts end in zeros; the library copies them.
        let code = unsafe {
            sys::wimlib_set_image_property(self.handle.0.as_ptr(), index as c_int, key.as_ptr(), value.as_ptr())
        };
        self.check_result(code)
    }

    /// Writes the WIM file. An existing file is overwritten. Zero threads mean one per processor.
    pub(in crate::format::wim) fn write(
        &mut self,
        path: &Utf8Path,
        packing: Option<ContentCompression>,
        n_threads: u32,
    ) -> Result<(), CaptureError> {
        let path = self.c_string(path.as_str())?;
        // Normalization still changes what an integrity table would cover.
        let mut flags = sys::WIMLIB_WRITE_FLAG_NO_CHECK_INTEGRITY;
        if packing == Some(ContentCompression::Solid) {
            flags |= sys::WIMLIB_WRITE_FLAG_SOLID;
        }
        let log = LibraryLog::begin();
        // SAFETY: the path ends in a zero.
        let code = unsafe {
            sys::wimlib_write(self.handle.0.as_ptr(), path.as_ptr(), sys::WIMLIB_ALL_IMAGES, flags as c_int, n_threads)
        };
        self.check_result(code)?;
        // wimlib rewrites a resource that did not get shorter, uncompressed. If that fails, it
        // prints an error, keeps the first version and succeeds, but the file then differs from one
        // that was written without the fault.
        let lines = log.lines();
        if lines.is_empty() { Ok(()) } else { Err(CaptureError::Failed(LibraryError::Other(String::new()), lines)) }
    }

    fn c_string(&self, text: &str) -> Result<CString, CaptureError> {
        to_c_string(text).map_err(|failure| self.log.failed(failure))
    }

    /// Converts an error code, and the reason for which the mount function refused a volume.
    fn check_result(&mut self, code: c_int) -> Result<(), CaptureError> {
        let refusal = ntfs::take_refusal();
        let Err(failure) = check_code(code) else { return Ok(()) };
        if code as u32 == sys::wimlib_error_code_WIMLIB_ERR_ABORTED_BY_PROGRESS {
            return Err(CaptureError::Interrupted);
        }
        match refusal {
            Some(MountRefusal::Hibernated) => return Err(CaptureError::Hibernated),
            Some(MountRefusal::Damaged(why)) => return Err(CaptureError::Damaged(why)),
            None => {}
        }
        match self.watch.get().unreadable.take() {
            Some(path) => Err(CaptureError::Unreadable(path, self.log.lines())),
            None => Err(self.log.failed(failure)),
        }
    }
}

/// State of listing an image.
struct ImageVisit<'a> {
    show: &'a mut dyn FnMut(&str, Attributes),
    hollow: Option<&'a HashSet<String>>,
}

/// Passes an entry to the closure of a listing. Must not panic: unwinding into C aborts the
/// process.
unsafe extern "C" fn on_entry(entry: *const sys::wimlib_dir_entry, visit: *mut c_void) -> c_int {
    // SAFETY: wimlib lends a valid entry, whose path lives until this returns; `visit` was passed
    // to the listing.
    unsafe {
        let (entry, visit) = (&*entry, &mut *visit.cast::<ImageVisit>());
        let path = copy_text(entry.full_path).unwrap_or_default();
        let path = path.trim_start_matches('/');
        if !path.is_empty() {
            let is_hollow = visit.hollow.is_some_and(|hollow| hollow.contains(path));
            let (flags, reparse_tag) = (entry.attributes, entry.reparse_tag);
            (visit.show)(path, Attributes { flags, reparse_tag, is_hollow });
        }
    }
    0
}

/// Receives progress messages of wimlib. Must not panic: unwinding into C aborts the process.
unsafe extern "C" fn on_progress(
    message: sys::wimlib_progress_msg,
    info: *mut sys::wimlib_progress_info,
    watch: *mut c_void,
) -> sys::wimlib_progress_status {
    // SAFETY: `watch` was registered by `with_handle`, and nothing else uses it while wimlib works;
    // the field of the union that is read belongs to the message; its texts live until this
    // returns.
    unsafe {
        let watch = &mut *watch.cast::<CaptureWatch>();
        match message {
            sys::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_SCAN_DENTRY => watch.on_scanned(&(*info).scan),
            sys::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_WRITE_STREAMS => {
                let streams = &(*info).write_streams;
                watch.progress.set(streams.completed_bytes, streams.total_bytes);
            }
            sys::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_HANDLE_ERROR if watch.unreadable.is_none() => {
                watch.unreadable = copy_text((*info).handle_error.path);
            }
            _ => {}
        }
        if watch.progress.is_cancelled() {
            sys::wimlib_progress_status_WIMLIB_PROGRESS_STATUS_ABORT
        } else {
            sys::wimlib_progress_status_WIMLIB_PROGRESS_STATUS_CONTINUE
        }
    }
}

/// Number of scanned files between checks of the log's length.
const LOG_EVERY: u64 = 1024;

impl CaptureWatch<'_> {
    fn on_scanned(&mut self, scan: &sys::wimlib_progress_info_wimlib_progress_info_scan) {
        self.n_scanned += 1;
        if self.n_scanned.is_multiple_of(LOG_EVERY) {
            LibraryLog::shorten();
        }
        let why = match scan.status {
            sys::wimlib_progress_info_wimlib_progress_info_scan_WIMLIB_SCAN_DENTRY_EXCLUDED => WhyLeftOut::Listed,
            sys::wimlib_progress_info_wimlib_progress_info_scan_WIMLIB_SCAN_DENTRY_UNSUPPORTED => {
                WhyLeftOut::Unsupported
            }
            _ => return,
        };
        // SAFETY: the library lends the path until the callback returns.
        let path = unsafe { copy_text(scan.cur_path) }.unwrap_or_default();
        let path = path.get(self.root_len..).unwrap_or(&path).trim_start_matches('/').to_owned();
        self.left_out.push(LeftOut { path, why });
    }
}

/// Errors and warnings that wimlib prints, which name the file and the reason. They are redirected
/// to a file in memory. wimlib has one output per process, so all captures share it.
struct LibraryLog {
    start: u64,
}

/// Length in bytes above which the log is cleared. Volumes without short names cause a warning per
/// file.
const MAX_LOG: u64 = 1 << 20;

impl LibraryLog {
    fn begin() -> Self {
        Self { start: Self::file().and_then(|file| file.metadata().ok()).map_or(0, |metadata| metadata.len()) }
    }

    fn file() -> Option<&'static File> {
        static FILE: OnceLock<Option<File>> = OnceLock::new();
        FILE.get_or_init(|| {
            let file = rustix::fs::memfd_create("wimlib", rustix::fs::MemfdFlags::CLOEXEC).ok()?;
            let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
            // SAFETY: the path ends in a zero; the library opens the file for itself.
            let code = unsafe { sys::wimlib_set_error_file_by_name(path.as_ptr()) };
            (code == 0).then(|| File::from(file))
        })
        .as_ref()
    }

    fn shorten() {
        if let Some(file) = Self::file().filter(|file| file.metadata().is_ok_and(|it| it.len() > MAX_LOG)) {
            // wimlib appends, so the next message starts at the beginning again.
            let _ = file.set_len(0);
        }
    }

    fn failed(&self, failure: LibraryError) -> CaptureError {
        CaptureError::Failed(failure, self.lines())
    }

    /// Errors printed since the start of this log, without their prefix.
    fn lines(&self) -> Vec<String> {
        let Some(mut file) = Self::file() else { return Vec::new() };
        let mut bytes = Vec::new();
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        let start = if len < self.start { 0 } else { self.start };
        if file.seek(SeekFrom::Start(start)).and_then(|_| file.read_to_end(&mut bytes)).is_err() {
            return Vec::new();
        }
        let printed = String::from_utf8_lossy(&bytes);
        printed.split(['\r', '\n']).filter_map(|line| line.strip_prefix("[ERROR] ")).map(str::to_owned).collect()
    }
}
