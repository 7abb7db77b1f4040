//! Making a WIM file of trees.

use std::collections::{HashMap, HashSet};
use std::ffi::{CString, c_int, c_void};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::ptr;
use std::ptr::NonNull;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use wimlib as sys;

pub(in crate::format::wim) use super::Failure;
use super::ntfs::{self, Refusal};
use super::{Handle, c_text, check, initialise, text};
use crate::error::Error;
use crate::format::overlay_filter::Unfiltered;
use crate::format::partitions::Window;
use crate::format::wim::capture::types::{Attributes, Exclusions, LeftOut, Packing, WhyLeftOut};
use crate::progress::Progress;

/// Why a capture ended.
pub(in crate::format::wim) enum Ended {
    /// The library failed; the texts are what it said itself before, each a line.
    Failed(Failure, Vec<String>),
    /// Windows sleeps on the volume.
    Hibernated,
    /// A file of an NTFS volume can't be decompressed, and why.
    Damaged(String),
    /// A volume can't be read.
    Source(Error),
    /// Somebody asked it to stop.
    Interrupted,
    /// A file or folder of the source can't be read.
    Unreadable(String, Vec<String>),
}

/// A tree to make an image of.
pub(in crate::format::wim) enum Tree<'a> {
    Folder(&'a Utf8Path),
    Ntfs(Window),
}

/// A WIM file that is being made. The order of the fields is that in which they have to go.
pub(in crate::format::wim) struct Builder<'p> {
    handle: Handle,
    /// WIM files whose contents are taken over, and read while it is written.
    olds: Vec<Handle>,
    /// Of images of NTFS volumes by their indexes: the files with a reparse point whose contents are nowhere.
    hollow: HashMap<u32, HashSet<String>>,
    watch: Lent<Watch<'p>>,
    log: Log,
}

/// A value that the library has a pointer to: it stays where it is, and is freed after the handle.
struct Lent<T>(NonNull<T>);

impl<T> Lent<T> {
    fn new(value: T) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    /// The value, while the library does nothing.
    fn get(&mut self) -> &mut T {
        // SAFETY: the pointer came from a box; the library uses it only within calls, and no call is under way while
        // somebody has this.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box and is freed once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// What the library tells while it works.
struct Watch<'p> {
    progress: &'p Progress,
    left_out: Vec<LeftOut>,
    unreadable: Option<String>,
    /// How many bytes of the path of a source come before the path in it.
    root_len: usize,
    n_scanned: u64,
}

impl<'p> Builder<'p> {
    /// A WIM file without images.
    pub(in crate::format::wim) fn new(packing: Packing, progress: &'p Progress) -> Result<Self, Ended> {
        initialise();
        let log = Log::begin();
        let mut wim = ptr::null_mut();
        let compression = match packing {
            Packing::None => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_NONE,
            Packing::Xpress => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_XPRESS,
            Packing::Lzx => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZX,
            Packing::Solid => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZMS,
        };
        // SAFETY: the place for the result is ours.
        let code = unsafe { sys::wimlib_create_new_wim(compression as _, &mut wim) };
        let handle = check(code).and_then(|()| Handle::of(wim)).map_err(|failure| log.ended(failure))?;
        Ok(Self::of(handle, progress, log))
    }

    /// The images of a WIM file, to which others come. The file itself is not changed.
    pub(in crate::format::wim) fn extend(path: &Utf8Path, progress: &'p Progress) -> Result<Self, Ended> {
        let log = Log::begin();
        let handle = Handle::open_images(path, None).map_err(|failure| log.ended(failure))?;
        Ok(Self::of(handle, progress, log))
    }

    fn of(handle: Handle, progress: &'p Progress, log: Log) -> Self {
        let watch = Lent::new(Watch { progress, left_out: Vec::new(), unreadable: None, root_len: 0, n_scanned: 0 });
        // SAFETY: the watch stays for as long as the handle is used, and is of the type that is expected.
        unsafe { sys::wimlib_register_progress_function(handle.0.as_ptr(), Some(told), watch.0.as_ptr().cast()) };
        Self { handle, olds: Vec::new(), hollow: HashMap::new(), watch, log }
    }

    /// How many images it has by now.
    pub(in crate::format::wim) fn n_images(&self) -> Result<u32, Ended> {
        self.handle.info().map(|info| info.facts.n_images).map_err(|failure| self.log.ended(failure))
    }

    /// Has contents that another WIM file holds taken from there. Returns its number, for templates.
    pub(in crate::format::wim) fn reuse(&mut self, path: &Utf8Path) -> Result<usize, Ended> {
        let old = Handle::open_images(path, None).map_err(|failure| self.log.ended(failure))?;
        let mut olds = [old.0.as_ptr()];
        // SAFETY: both are open; the other one is kept until this one has been written and freed.
        let code = unsafe { sys::wimlib_reference_resources(self.handle.0.as_ptr(), olds.as_mut_ptr(), 1, 0) };
        self.olds.push(old);
        self.result(code)?;
        Ok(self.olds.len() - 1)
    }

    /// Adds an image of a WIM file, or all of them, as they are described there. Marked to start is the one, or which
    /// of all is there.
    pub(in crate::format::wim) fn take(&mut self, path: &Utf8Path, index: Option<u32>) -> Result<(), Ended> {
        let old = Handle::open_images(path, index).map_err(|failure| self.log.ended(failure))?;
        let index = index.map_or(sys::WIMLIB_ALL_IMAGES, |index| index as c_int);
        // SAFETY: both are open, and the other one is kept until this one has been written and freed; names and
        // descriptions that are not given are those of the images. The structure is plain numbers, for which zeros
        // are a value.
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
        self.olds.push(old);
        self.result(code)
    }

    /// Adds a tree as the last image, and says what was left out.
    pub(in crate::format::wim) fn add(
        &mut self,
        tree: Tree,
        name: &str,
        exclusions: Exclusions,
    ) -> Result<Vec<LeftOut>, Ended> {
        let mut flags = sys::WIMLIB_ADD_FLAG_VERBOSE | sys::WIMLIB_ADD_FLAG_EXCLUDE_VERBOSE;
        let config = match exclusions {
            Exclusions::Windows => {
                flags |= sys::WIMLIB_ADD_FLAG_WINCONFIG;
                None
            }
            Exclusions::File(path) => Some(self.text(path.as_str())?),
            Exclusions::None => None,
        };
        let watch = self.watch.get();
        // A tree that couldn't be added before may have left some of its own.
        (watch.root_len, watch.unreadable) = (0, None);
        watch.left_out.clear();
        let source = match tree {
            Tree::Folder(path) => {
                // Access rights of Linux mean nothing to Windows, and links stay as they are.
                flags |= sys::WIMLIB_ADD_FLAG_NO_ACLS | sys::WIMLIB_ADD_FLAG_NORPFIX;
                self.watch.get().root_len = path.as_str().len();
                path.to_owned()
            }
            Tree::Ntfs(volume) => {
                // The whole volume is captured, so links that lead within it may follow it to another drive letter.
                flags |= sys::WIMLIB_ADD_FLAG_NTFS | sys::WIMLIB_ADD_FLAG_RPFIX;
                let volume = Unfiltered::new(volume, self.watch.get().progress).map_err(Ended::Source)?;
                self.hollow.insert(self.n_images()? + 1, volume.hollow_paths());
                ntfs::lend(volume);
                Utf8PathBuf::from("the lent volume")
            }
        };
        let (source, name) = (self.text(source.as_str())?, self.text(name)?);
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
        self.result(code)?;
        Ok(std::mem::take(&mut self.watch.get().left_out))
    }

    /// Shows every file and folder of an image with its path, its root aside, in no particular order.
    pub(in crate::format::wim) fn visit(
        &mut self,
        index: u32,
        show: &mut dyn FnMut(&str, Attributes),
    ) -> Result<(), Ended> {
        let root = self.text("/")?;
        let mut visit = Visit { show, hollow: self.hollow.get(&index) };
        // SAFETY: the path ends in a zero; the callback gets the visit back as the very type that is passed here, while
        // it is borrowed by nobody else.
        let code = unsafe {
            sys::wimlib_iterate_dir_tree(
                self.handle.0.as_ptr(),
                index as c_int,
                root.as_ptr(),
                sys::WIMLIB_ITERATE_DIR_TREE_FLAG_RECURSIVE as c_int,
                Some(shown),
                ptr::from_mut::<Visit>(&mut visit).cast(),
            )
        };
        self.result(code)
    }

    /// Takes a file or folder out of an image.
    pub(in crate::format::wim) fn remove(&mut self, index: u32, path: &str) -> Result<(), Ended> {
        let path = self.text(path)?;
        let flags = sys::WIMLIB_DELETE_FLAG_RECURSIVE as c_int;
        // SAFETY: the path ends in a zero.
        let code = unsafe { sys::wimlib_delete_path(self.handle.0.as_ptr(), index as c_int, path.as_ptr(), flags) };
        self.result(code)
    }

    /// Has the files of an image that are as they were in an image of an old WIM file taken from there unread.
    pub(in crate::format::wim) fn compare(&mut self, index: u32, old: usize, old_index: u32) -> Result<(), Ended> {
        let old = self.olds[old].0.as_ptr();
        // SAFETY: both are open.
        let code = unsafe {
            sys::wimlib_reference_template_image(self.handle.0.as_ptr(), index as c_int, old, old_index as c_int, 0)
        };
        self.result(code)
    }

    /// Sets a value of an image's XML.
    pub(in crate::format::wim) fn describe(&mut self, index: u32, key: &str, value: &str) -> Result<(), Ended> {
        let (key, value) = (self.text(key)?, self.text(value)?);
        // SAFETY: the texts end in zeros; the library copies them.
        let code = unsafe {
            sys::wimlib_set_image_property(self.handle.0.as_ptr(), index as c_int, key.as_ptr(), value.as_ptr())
        };
        self.result(code)
    }

    /// Writes it to a file, which is emptied first. Zero threads are as many as there are processors.
    pub(in crate::format::wim) fn write(
        &mut self,
        path: &Utf8Path,
        packing: Option<Packing>,
        n_threads: u32,
    ) -> Result<(), Ended> {
        let path = self.text(path.as_str())?;
        // What it would cover is still to be changed.
        let mut flags = sys::WIMLIB_WRITE_FLAG_NO_CHECK_INTEGRITY;
        if packing == Some(Packing::Solid) {
            flags |= sys::WIMLIB_WRITE_FLAG_SOLID;
        }
        let log = Log::begin();
        // SAFETY: the path ends in a zero.
        let code = unsafe {
            sys::wimlib_write(self.handle.0.as_ptr(), path.as_ptr(), sys::WIMLIB_ALL_IMAGES, flags as c_int, n_threads)
        };
        self.result(code)?;
        // A resource that does not get shorter is written again, uncompressed. If that fails, the library reports it, keeps
        // the first version and succeeds; but the file is then another one than without the fault.
        let lines = log.lines();
        if lines.is_empty() { Ok(()) } else { Err(Ended::Failed(Failure::Other(String::new()), lines)) }
    }

    fn text(&self, text: &str) -> Result<CString, Ended> {
        c_text(text).map_err(|failure| self.log.ended(failure))
    }

    fn result(&mut self, code: c_int) -> Result<(), Ended> {
        let refusal = ntfs::take_back();
        let Err(failure) = check(code) else { return Ok(()) };
        if code as u32 == sys::wimlib_error_code_WIMLIB_ERR_ABORTED_BY_PROGRESS {
            return Err(Ended::Interrupted);
        }
        match refusal {
            Some(Refusal::Hibernated) => return Err(Ended::Hibernated),
            Some(Refusal::Damaged(why)) => return Err(Ended::Damaged(why)),
            None => {}
        }
        match self.watch.get().unreadable.take() {
            Some(path) => Err(Ended::Unreadable(path, self.log.lines())),
            None => Err(self.log.ended(failure)),
        }
    }
}

/// An image that is shown.
struct Visit<'a> {
    show: &'a mut dyn FnMut(&str, Attributes),
    hollow: Option<&'a HashSet<String>>,
}

/// Shows an entry to the closure of a visit. Nothing in it panics: that would end the process.
unsafe extern "C" fn shown(entry: *const sys::wimlib_dir_entry, visit: *mut c_void) -> c_int {
    // SAFETY: the library lends a valid entry, whose path lives until this returns; `visit` is what was passed with it.
    unsafe {
        let (entry, visit) = (&*entry, &mut *visit.cast::<Visit>());
        let path = text(entry.full_path).unwrap_or_default();
        let path = path.trim_start_matches('/');
        if !path.is_empty() {
            let is_hollow = visit.hollow.is_some_and(|hollow| hollow.contains(path));
            let (flags, reparse_tag) = (entry.attributes, entry.reparse_tag);
            (visit.show)(path, Attributes { flags, reparse_tag, is_hollow });
        }
    }
    0
}

/// Hears what the library tells. Nothing in it panics: that would end the process.
unsafe extern "C" fn told(
    message: sys::wimlib_progress_msg,
    info: *mut sys::wimlib_progress_info,
    watch: *mut c_void,
) -> sys::wimlib_progress_status {
    // SAFETY: this is the watch that `of` passed, which nobody else uses while the library works; the part of the
    // union that is read is the one that belongs to the message; the texts in it live until this returns.
    unsafe {
        let watch = &mut *watch.cast::<Watch>();
        match message {
            sys::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_SCAN_DENTRY => watch.scanned(&(*info).scan),
            sys::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_WRITE_STREAMS => {
                let streams = &(*info).write_streams;
                watch.progress.show(streams.completed_bytes, streams.total_bytes);
            }
            sys::wimlib_progress_msg_WIMLIB_PROGRESS_MSG_HANDLE_ERROR if watch.unreadable.is_none() => {
                watch.unreadable = text((*info).handle_error.path);
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

/// How many files are scanned before the log is looked at.
const LOG_EVERY: u64 = 1024;

impl Watch<'_> {
    fn scanned(&mut self, scan: &sys::wimlib_progress_info_wimlib_progress_info_scan) {
        self.n_scanned += 1;
        if self.n_scanned.is_multiple_of(LOG_EVERY) {
            Log::shorten();
        }
        let why = match scan.status {
            sys::wimlib_progress_info_wimlib_progress_info_scan_WIMLIB_SCAN_DENTRY_EXCLUDED => WhyLeftOut::Listed,
            sys::wimlib_progress_info_wimlib_progress_info_scan_WIMLIB_SCAN_DENTRY_UNSUPPORTED => {
                WhyLeftOut::Unsupported
            }
            _ => return,
        };
        // SAFETY: the library lends the path until the callback returns.
        let path = unsafe { text(scan.cur_path) }.unwrap_or_default();
        let path = path.get(self.root_len..).unwrap_or(&path).trim_start_matches('/').to_owned();
        self.left_out.push(LeftOut { path, why });
    }
}

/// What the library prints of errors and warnings, which goes to a file in memory: it says there which file could not
/// be read, and why. There is one for the process, as the library has but one place to print to.
struct Log {
    start: u64,
}

/// Volumes without short names have a warning for every file: they are not kept.
const MAX_LOG: u64 = 1 << 20;

impl Log {
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
            // The library appends, so what follows begins anew.
            let _ = file.set_len(0);
        }
    }

    fn ended(&self, failure: Failure) -> Ended {
        Ended::Failed(failure, self.lines())
    }

    /// The errors that were printed since it began, without their marks.
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
