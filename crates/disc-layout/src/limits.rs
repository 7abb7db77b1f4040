//! Budgets for untrusted input: the most bytes, levels and entries that each reader takes.
//!
//! Media claim lengths, counts and nesting that need not be true. A reader checks a claim against the constant here
//! before it allocates or recurses, and reports the medium as unreadable if the claim exceeds it. The constants are far
//! above anything that real media have, and low enough for a machine with 2 GB of memory. Limits that a format itself
//! sets (a FAT path, a Joliet name) stay with the format.

/// Files and folders of a medium or volume that is read into memory.
pub const MAX_ITEMS: usize = 2_000_000;
/// Length of all paths of a medium or volume together, in bytes.
pub const MAX_PATHS_LEN: u64 = 512 << 20;
/// Length of one path of a medium or volume, in bytes or UTF-16 units.
pub const MAX_PATH_LEN: usize = 32_767;
/// Length of one folder or table of a disc that is read at once, in bytes.
pub const MAX_DISC_FOLDER_LEN: u64 = 256 << 20;
/// Length of all folders of a disc in one of its file systems, in bytes.
pub const MAX_DISC_FOLDERS_LEN: u64 = 1 << 30;
/// Length of the partition entries of a GPT, in bytes. Windows and Linux write 16 KiB.
pub const MAX_PARTITION_ENTRIES_LEN: u64 = 1 << 20;
/// Logical partitions of an MBR; a longer chain is a circle.
pub const MAX_LOGICAL_PARTITIONS: u32 = 256;
/// Records of an NTFS volume's master file table.
pub const MAX_NTFS_RECORDS: u64 = 4 << 20;
/// Length of one record of a master file table, in bytes.
pub const MAX_NTFS_RECORD_LEN: usize = 64 << 10;
/// Levels of folders on an NTFS volume.
pub const MAX_NTFS_DEPTH: usize = 512;
