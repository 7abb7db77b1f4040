//! Replacement of `ntfs_mount`, so that wimlib can read NTFS volumes inside of disks.
//!
//! wimlib mounts an NTFS volume by path with `ntfs_mount` of libntfs-3g, which can't open a range
//! of a disk. The function below takes precedence, since symbols of the program come before those
//! of shared libraries. It mounts the volume that the same thread has [lent](lend_volume), with
//! device operations that read a range of a file and refuse every write. Nothing is copied, and no
//! root permissions are needed. Files compressed by the Windows Overlay Filter are shown
//! decompressed, since neither library supports them.

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_long, c_ulong, c_void};
use std::io::{Read, Seek, SeekFrom};
use std::ptr;

use crate::format::overlay_filter::UnfilteredVolume;

/// Reason for a failed mount or read that libntfs-3g has no error number for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::format::wim) enum MountRefusal {
    /// Windows is hibernated on the volume, so its contents may be inconsistent.
    Hibernated,
    /// A file can't be decompressed.
    Damaged(String),
}

thread_local! {
    static LENT: RefCell<Option<UnfilteredVolume>> = const { RefCell::new(None) };
    static REFUSED: RefCell<Option<MountRefusal>> = const { RefCell::new(None) };
}

/// Lends a volume to the next mount in this thread.
pub(super) fn lend_volume(volume: UnfilteredVolume) {
    REFUSED.with_borrow_mut(|refused| *refused = None);
    LENT.with_borrow_mut(|lent| *lent = Some(volume));
}

/// Returns the reason for which the lent volume was refused or could not be read, and takes the
/// volume back.
pub(super) fn take_refusal() -> Option<MountRefusal> {
    LENT.with_borrow_mut(Option::take);
    REFUSED.with_borrow_mut(Option::take)
}

/// `struct ntfs_device` in ntfs-3g/device.h.
#[repr(C)]
struct NtfsDevice {
    operations: *const NtfsDeviceOperations,
    state: c_ulong,
    name: *mut c_char,
    /// `d_private`: pointer to the [`UnfilteredVolume`].
    volume: *mut c_void,
    heads: c_int,
    sectors_per_track: c_int,
}

/// `struct ntfs_device_operations` in ntfs-3g/device.h.
#[repr(C)]
struct NtfsDeviceOperations {
    open: unsafe extern "C" fn(*mut NtfsDevice, c_int) -> c_int,
    close: unsafe extern "C" fn(*mut NtfsDevice) -> c_int,
    seek: unsafe extern "C" fn(*mut NtfsDevice, i64, c_int) -> i64,
    read: unsafe extern "C" fn(*mut NtfsDevice, *mut c_void, i64) -> i64,
    write: unsafe extern "C" fn(*mut NtfsDevice, *const c_void, i64) -> i64,
    pread: unsafe extern "C" fn(*mut NtfsDevice, *mut c_void, i64, i64) -> i64,
    pwrite: unsafe extern "C" fn(*mut NtfsDevice, *const c_void, i64, i64) -> i64,
    sync: unsafe extern "C" fn(*mut NtfsDevice) -> c_int,
    stat: unsafe extern "C" fn(*mut NtfsDevice, *mut c_void) -> c_int,
    ioctl: unsafe extern "C" fn(*mut NtfsDevice, c_ulong, *mut c_void) -> c_int,
}

static OPERATIONS: NtfsDeviceOperations =
    NtfsDeviceOperations { open, close, seek, read, write, pread, pwrite, sync, stat, ioctl };

unsafe extern "C" {
    fn ntfs_device_alloc(
        name: *const c_char,
        state: c_long,
        operations: *const NtfsDeviceOperations,
        private: *mut c_void,
    ) -> *mut NtfsDevice;
    fn ntfs_device_free(device: *mut NtfsDevice) -> c_int;
    fn ntfs_device_mount(device: *mut NtfsDevice, flags: c_ulong) -> *mut c_void;
    fn ntfs_create_lru_caches(volume: *mut c_void);
    fn ntfs_volume_check_hiberfile(volume: *mut c_void, verbose: c_int) -> c_int;
    fn ntfs_umount(volume: *mut c_void, force: c_int) -> c_int;
    fn __errno_location() -> *mut c_int;
}

// Bits of `enum ntfs_device_state_bits`.
const IS_OPEN: c_ulong = 1 << 0;
const IS_READ_ONLY: c_ulong = 1 << 1;

/// `NTFS_MNT_RDONLY`.
const READ_ONLY: c_ulong = 1;

// Error numbers, the same on every Linux except MIPS and SPARC.
const EPERM: c_int = 1;
const EIO: c_int = 5;
const EBADF: c_int = 9;
const EBUSY: c_int = 16;
const EINVAL: c_int = 22;
const EROFS: c_int = 30;
const EOPNOTSUPP: c_int = 95;

/// Request for the length of a device as 64 bits.
const BLKGETSIZE64: c_ulong = 0x8008_1272;

fn set_errno(number: c_int) {
    // SAFETY: the C library has one `errno` per thread.
    unsafe { *__errno_location() = number }
}

fn errno() -> c_int {
    // SAFETY: as above.
    unsafe { *__errno_location() }
}

/// Mounts the lent volume read-only, ignoring the name. Volumes with a hibernated Windows are
/// refused.
///
/// # Safety
///
/// The name ends with a NUL.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ntfs_mount(name: *const c_char, flags: c_ulong) -> *mut c_void {
    let Some(volume) = LENT.with_borrow_mut(Option::take) else {
        set_errno(EINVAL);
        return ptr::null_mut();
    };
    let private = Box::into_raw(Box::new(volume));
    // SAFETY: the name is copied; the operations are static; the volume lives until the device is
    // closed.
    let device = unsafe { ntfs_device_alloc(name, 0, &raw const OPERATIONS, private.cast()) };
    if device.is_null() {
        // SAFETY: nothing else has the pointer.
        drop(unsafe { Box::from_raw(private) });
        return ptr::null_mut();
    }
    // SAFETY: the device is valid. Once mounted, the volume owns it, and unmounting closes and
    // frees it.
    unsafe {
        let mounted = ntfs_device_mount(device, flags | READ_ONLY);
        if mounted.is_null() {
            let why = errno();
            // A failed mount closes the device if it was opened, and closing frees the volume.
            free_volume(device);
            ntfs_device_free(device);
            set_errno(why);
            return mounted;
        }
        ntfs_create_lru_caches(mounted);
        if ntfs_volume_check_hiberfile(mounted, 0) < 0 && errno() == EPERM {
            REFUSED.with_borrow_mut(|refused| *refused = Some(MountRefusal::Hibernated));
            ntfs_umount(mounted, 1);
            set_errno(EPERM);
            return ptr::null_mut();
        }
        mounted
    }
}

/// # Safety
///
/// The device was allocated by [`ntfs_mount`].
unsafe fn free_volume(device: *mut NtfsDevice) {
    // SAFETY: the pointer came from `Box::into_raw`, and is null once it was freed.
    unsafe {
        let window = std::mem::replace(&mut (*device).volume, ptr::null_mut());
        if !window.is_null() {
            drop(Box::from_raw(window.cast::<UnfilteredVolume>()));
        }
    }
}

unsafe extern "C" fn open(device: *mut NtfsDevice, _flags: c_int) -> c_int {
    // SAFETY: libntfs-3g passes the device that it was given, here and in the other operations.
    let device = unsafe { &mut *device };
    if device.state & IS_OPEN != 0 {
        set_errno(EBUSY);
        return -1;
    }
    if device.volume.is_null() {
        set_errno(EBADF);
        return -1;
    }
    device.state |= IS_OPEN | IS_READ_ONLY;
    0
}

unsafe extern "C" fn close(device: *mut NtfsDevice) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        if (*device).state & IS_OPEN == 0 {
            set_errno(EBADF);
            return -1;
        }
        (*device).state &= !IS_OPEN;
        free_volume(device);
    }
    0
}

unsafe extern "C" fn seek(device: *mut NtfsDevice, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in `open`; an open device has its volume.
    let Some(window) = (unsafe { (*device).volume.cast::<UnfilteredVolume>().as_mut() }) else { return fail(EBADF) };
    let place = match (whence, u64::try_from(offset)) {
        (0, Ok(offset)) => SeekFrom::Start(offset),
        (1, _) => SeekFrom::Current(offset),
        (2, _) => SeekFrom::End(offset),
        _ => return fail(EINVAL),
    };
    let len = window.volume_len();
    match window.seek(place) {
        // Seeking past the end has to fail: this is how libntfs-3g detects truncated volumes.
        Ok(at) if at <= len => at as i64,
        _ => fail(EINVAL),
    }
}

unsafe extern "C" fn read(device: *mut NtfsDevice, to: *mut c_void, n: i64) -> i64 {
    // SAFETY: as in `seek`.
    let Some(window) = (unsafe { (*device).volume.cast::<UnfilteredVolume>().as_mut() }) else { return fail(EBADF) };
    // SAFETY: there is room for so many bytes, as a caller of `read` promises.
    unsafe { read_into(window, to, n) }
}

unsafe extern "C" fn pread(device: *mut NtfsDevice, to: *mut c_void, n: i64, offset: i64) -> i64 {
    // SAFETY: as in `seek`.
    let Some(window) = (unsafe { (*device).volume.cast::<UnfilteredVolume>().as_mut() }) else { return fail(EBADF) };
    let Ok(offset) = u64::try_from(offset) else { return fail(EINVAL) };
    let Ok(before) = window.stream_position() else { return fail(EIO) };
    if window.seek(SeekFrom::Start(offset)).is_err() {
        return fail(EINVAL);
    }
    // SAFETY: as in `read`.
    let n_read = unsafe { read_into(window, to, n) };
    if window.seek(SeekFrom::Start(before)).is_err() { fail(EIO) } else { n_read }
}

/// # Safety
///
/// There is room for `n` bytes at `to`.
unsafe fn read_into(window: &mut UnfilteredVolume, to: *mut c_void, n: i64) -> i64 {
    let Ok(n) = usize::try_from(n) else { return fail(EINVAL) };
    // SAFETY: as promised by the caller. The bytes may be uninitialised; a volume only writes into
    // what it is given.
    let to = unsafe { std::slice::from_raw_parts_mut(to.cast::<u8>(), n) };
    match window.read(to) {
        Ok(n_read) => n_read as i64,
        Err(error) => {
            if let Some(why) = window.take_fault() {
                REFUSED.with_borrow_mut(|refused| *refused = Some(MountRefusal::Damaged(why)));
            }
            fail(error.raw_os_error().unwrap_or(EIO))
        }
    }
}

fn fail(number: c_int) -> i64 {
    set_errno(number);
    -1
}

unsafe extern "C" fn write(_device: *mut NtfsDevice, _from: *const c_void, _n: i64) -> i64 {
    fail(EROFS)
}

unsafe extern "C" fn pwrite(_device: *mut NtfsDevice, _from: *const c_void, _n: i64, _offset: i64) -> i64 {
    fail(EROFS)
}

unsafe extern "C" fn sync(_device: *mut NtfsDevice) -> c_int {
    0
}

unsafe extern "C" fn stat(_device: *mut NtfsDevice, _to: *mut c_void) -> c_int {
    fail(EOPNOTSUPP) as c_int
}

unsafe extern "C" fn ioctl(device: *mut NtfsDevice, request: c_ulong, to: *mut c_void) -> c_int {
    // SAFETY: as in `seek`.
    let window = unsafe { (*device).volume.cast::<UnfilteredVolume>().as_ref() };
    match window {
        // Some callers sign-extend the 32-bit request number.
        Some(window) if request & 0xffff_ffff == BLKGETSIZE64 && !to.is_null() => {
            // SAFETY: this request comes with a place for 64 bits.
            unsafe { to.cast::<u64>().write_unaligned(window.volume_len()) };
            0
        }
        _ => fail(EOPNOTSUPP) as c_int,
    }
}
