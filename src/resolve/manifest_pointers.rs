//! JSON pointers of manifest values at which several checks report problems.

/// Folder or WIM file of the boot files.
pub(super) const FILES: &str = "/boot/files";
/// WIM file of the boot image.
pub(super) const IMAGE: &str = "/boot/image/file";
