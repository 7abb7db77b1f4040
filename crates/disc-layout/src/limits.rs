//! Limits for untrusted input: the maximum bytes, levels and entries that each reader accepts.
//!
//! Media may claim any length, count or nesting. A reader checks a claim against the limit before it allocates or
//! recurses, and reports an error if the claim exceeds it. The limits are far above anything on real media, and low
//! enough for a machine with 2 GB of memory. Limits of the formats themselves, such as the length of a FAT path, are
//! kept with the format.

/// Number of files and folders of a medium or volume that is read into memory.
pub const MAX_ITEMS: usize = 2_000_000;
/// Total length of all paths of a medium or volume, in bytes.
pub const MAX_PATHS_LEN: u64 = 512 << 20;
/// Length of one path, in bytes or UTF-16 units.
pub const MAX_PATH_LEN: usize = 32_767;
/// Length of one folder or table of a disc that is read at once, in bytes.
pub const MAX_DISC_FOLDER_LEN: u64 = 256 << 20;
/// Total length of all folders in one file system of a disc, in bytes.
pub const MAX_DISC_FOLDERS_LEN: u64 = 1 << 30;
/// Length of the partition entries of a GPT, in bytes. Windows and Linux write 16 KiB.
pub const MAX_PARTITION_ENTRIES_LEN: u64 = 1 << 20;
/// Number of logical partitions of an MBR. A longer chain is a loop.
pub const MAX_LOGICAL_PARTITIONS: u32 = 256;
/// Number of records of an NTFS master file table.
pub const MAX_NTFS_RECORDS: u64 = 4 << 20;
/// Length of one record of a master file table, in bytes.
pub const MAX_NTFS_RECORD_LEN: usize = 64 << 10;
/// Depth of folders on an NTFS volume.
pub const MAX_NTFS_DEPTH: usize = 512;
