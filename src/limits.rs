//! Limits for untrusted input: maximum numbers of bytes, levels and items that each reader accepts.
//!
//! Files from outside may claim any length, count or nesting. Before it allocates or recurses, a reader checks the claim
//! against a limit here, and reports the file as unreadable if it is exceeded. The limits are far above anything that
//! Windows, Configuration Manager or an author writes, and low enough for a machine with 2 GB of memory. Limits of a format
//! itself (a FAT path, a Joliet name) stay with the format.
//!
//! Files named by users are opened with [`open`] and read with [`read`] or [`read_text`], which refuse devices and FIFOs
//! and enforce a maximum length.

pub use authoring::file::{check_image, check_len, open, open_within, read, read_text};
pub use authoring::limits::*;
pub use disc_layout::limits::MAX_PATHS_LEN;
pub use task_sequence::limits::*;

// Text that authors and tsmedia write.

/// Profiles of one manifest, counting each mention.
pub const MAX_PROFILES: usize = 100;
/// Values of a manifest times its sites; every site gets its own rendered manifest.
pub const MAX_SITE_VALUES: usize = 2_000_000;
/// Length of a site file, in bytes. A site with some thousand packages and applications exports two or three megabytes.
pub const MAX_SITE_FILE_LEN: u64 = 32 << 20;
/// Length of a record or saved plan, in bytes: those of a thousand media with a few thousand files each.
pub const MAX_RECORD_LEN: u64 = 256 << 20;
/// Length of `tsmedia.lock`, in bytes: a few hundred thousand files.
pub const MAX_CONTENT_LOCK_LEN: u64 = 64 << 20;
/// Length of a lock file, in bytes. It contains a process ID and the name of an output.
pub const MAX_LOCK_LEN: u64 = 64 << 10;
/// Length of the cache's table of digests, in bytes; a million files take 120 MiB.
pub const MAX_DIGESTS_LEN: u64 = 512 << 20;
/// Length of a list of exclusions for a capture, in bytes.
pub const MAX_EXCLUSIONS_LEN: u64 = 1 << 20;
/// Length of a secret, in bytes. Certificates with their keys have a few thousand.
pub const MAX_SECRET_LEN: usize = 1 << 20;

// Task sequences.

/// Members of a ZIP archive.
pub const MAX_ZIP_MEMBERS: u16 = 10_000;
/// Total unpacked length of one ZIP archive, in bytes.
pub const MAX_ZIP_UNPACKED_LEN: u64 = 256 << 20;
/// Length of an export within a ZIP archive, in bytes. It is unpacked into memory.
pub const MAX_NESTED_ZIP_LEN: u64 = 64 << 20;
/// Length of a ZIP archive's central directory, in bytes.
pub const MAX_ZIP_DIRECTORY_LEN: u64 = 4 << 20;

// Certificates and other files of Secure Boot and the site.

/// Length of a certificate, key or PFX file, in bytes. They have a few thousand.
pub const MAX_CERTIFICATE_LEN: usize = 1 << 20;
/// Rounds of hashing that all passwords of a PFX file may take together: some seconds. openssl writes 2,048, Windows
/// 2,000; few files have more than a million.
pub const MAX_PFX_ITERATIONS: u32 = 10_000_000;
/// Levels of bags in a PFX file.
pub const MAX_PFX_DEPTH: usize = 4;
/// Signatures of one boot program. Windows signs with one or two.
pub const MAX_SIGNATURES: usize = 16;
/// Levels of fields in BER or DER that is rewritten. Files have about 20.
pub const MAX_BER_DEPTH: usize = 64;
/// Certificates between a signature and its root.
pub const MAX_CERTIFICATE_CHAIN: usize = 10;
/// Length of a description, statement or signature bundle of a medium, in bytes: those of some hundred thousand files.
pub const MAX_ATTESTATION_LEN: u64 = 512 << 20;
/// Length of the output of a signing command, in bytes. Signatures have at most a few hundred.
pub const MAX_SIGNATURE_LEN: usize = 64 << 10;
/// Length of a Secure Boot revocation list, in bytes. Lists have some tens of kilobytes.
pub const MAX_REVOCATIONS_LEN: u64 = 16 << 20;
/// Length of a file of media variables or policies, in bytes.
pub const MAX_VARIABLES_LEN: usize = 256 << 20;
/// Length of an encrypted file of a base, in bytes: its text and what a manifest adds to it fit into one of
/// [`MAX_VARIABLES_LEN`].
pub const MAX_BASE_DATA_LEN: usize = MAX_VARIABLES_LEN / 4;
/// Variables of a base. Media have a few dozen.
pub const MAX_BASE_VARIABLES: usize = 10_000;
/// Length of a policy exported from a site, in bytes. A site makes 32 MB at most.
pub const MAX_POLICY_LEN: usize = 64 << 20;

// Programs, drivers and registry hives.

/// Length of a boot program, or of another program whose version is read, in bytes. They have a few megabytes.
pub const MAX_PROGRAM_LEN: u64 = 64 << 20;
/// Length of another file read from a boot image into memory, in bytes. The largest are fonts.
pub const MAX_BOOT_FILE_LEN: u64 = 64 << 20;
/// Length of a script or settings file of a boot image, in bytes.
pub const MAX_SCRIPT_LEN: u64 = 64 << 10;
/// Length of an INF file, in bytes. Those of graphics drivers have a few megabytes.
pub const MAX_INF_LEN: u64 = 16 << 20;
/// Length of a signed catalog, in bytes. Those of large driver packages have some hundred kilobytes.
pub const MAX_CATALOG_LEN: u64 = 16 << 20;
/// Catalogs of an INF file. It has at most one for each architecture.
pub const MAX_INF_CATALOGS: usize = 32;
/// Length of a string of an INF file after token substitution, in characters; the limit of Windows.
pub const MAX_INF_STRING_LEN: usize = 4_096;
/// Length of a kernel or registry hive read from an image, in bytes.
pub const MAX_HIVE_LEN: u64 = 256 << 20;
/// Levels of keys in a registry hive; the limit of Windows.
pub const MAX_HIVE_DEPTH: usize = 512;
/// Length of a boot configuration store, in bytes. They have some tens of kilobytes.
pub const MAX_BOOT_STORE_LEN: u64 = 16 << 20;
/// Objects of a boot configuration store.
pub const MAX_BOOT_OBJECTS: usize = 10_000;
/// Elements of all objects of a boot configuration store.
pub const MAX_BOOT_ELEMENTS: usize = 100_000;
/// Length of the data of one element, in bytes.
pub const MAX_BOOT_DATA_LEN: usize = 64 << 10;
/// Nested devices in an element of a boot configuration store, such as a partition of a virtual disk in a file on a
/// partition.
pub const MAX_BOOT_DEVICE_DEPTH: u32 = 4;
/// Length of an EFI boot image of Windows (`efisys.bin`) or a program in one (`cdboot.efi`) that is read for comparison, in
/// bytes. They have up to three megabytes.
pub const MAX_EFISYS_LEN: u64 = 8 << 20;
/// Files with each kind of name that an EFI boot image is compared with.
pub const MAX_EFISYS_FILES: usize = 8;

// Media, volumes and images.

/// Length of a text on a medium, in bytes: the digest lists of a million files.
pub const MAX_MEDIUM_TEXT_LEN: u64 = 256 << 20;
/// Length of the bootstrap file of a medium, in bytes. It has about a hundred.
pub const MAX_BOOTSTRAP_LEN: u64 = 1 << 20;
/// Chain of virtual disks (backing files and parents). A longer one is probably circular.
pub const MAX_DISK_CHAIN: usize = 64;
/// Length of the descriptor of a VMDK, in bytes. A disk of 64 TiB in pieces of 2 GiB has one of 2 MB.
pub const MAX_DISK_DESCRIPTOR_LEN: u64 = 4 << 20;
/// Extents of a VMDK. A disk of 64 TiB in pieces of 2 GiB has 32,768.
pub const MAX_DISK_EXTENTS: usize = 1 << 16;
/// Levels of folders in a WIM image. Readers recurse, and more levels could overflow the stack.
pub const MAX_WIM_DEPTH: usize = 1_000;
/// Length of an uncompressed chunk of a WIM, in bytes; the largest that wimlib writes by default.
pub const MAX_WIM_CHUNK_LEN: u64 = 1 << 26;
/// Minimum length of a chunk of a WIM, in bytes; the smallest that Windows writes.
pub const MIN_WIM_CHUNK_LEN: u64 = 1 << 12;
/// Length of the table of chunks of a WIM resource, in bytes.
pub const MAX_WIM_CHUNK_TABLE_LEN: u64 = 64 << 20;
/// Length of a WIM resource read into memory, in bytes.
pub const MAX_WIM_RESOURCE_LEN: u64 = 512 << 20;
/// Length of the blob table of a WIM, in bytes: two and a half million contents.
pub const MAX_WIM_TABLE_LEN: u64 = 128 << 20;
/// Length of the XML of a WIM, in bytes. Files with a dozen images have some tens of kilobytes.
pub const MAX_WIM_XML_LEN: u64 = 16 << 20;
/// Length of the metadata of one WIM image, in bytes: those of a million files.
pub const MAX_WIM_METADATA_LEN: u64 = 256 << 20;
/// WIM files searched for contents missing from another one in the same folder.
pub const MAX_WIMS_SEARCHED: usize = 200;
/// Files below one folder of a manifest. More than any medium has; symbolic links can multiply files beyond any number.
pub const MAX_TREE_FILES: u64 = 4_000_000;
/// Files and folders of a medium in a WIM file. Windows itself has about 200,000.
pub const MAX_WIM_FILES: usize = 500_000;
/// Bytes of a medium in a WIM file unpacked into memory.
pub const MAX_UNPACKED_LEN: u64 = 64 << 20;

// Published media.

/// Length of a manifest or index of a registry, in bytes; the limit of `docker-registry` and of Azure.
pub const MAX_REMOTE_MANIFEST_LEN: u64 = 4 << 20;
/// Length of the configuration of a published medium, in bytes: some hundred thousand extents.
pub const MAX_REMOTE_CONFIG_LEN: u64 = 4 << 20;
/// Chunks of one medium. Each is a layer of the artifact; Amazon's registry allows 4,200 layers.
pub const MAX_REMOTE_CHUNKS: usize = 4_000;
/// Length of a chunk, in bytes. Chunks are verified in memory, several at a time.
pub const MAX_REMOTE_CHUNK_LEN: u64 = 64 << 20;
/// Length of a published medium, in bytes: with chunks of 16 MiB on average.
pub const MAX_REMOTE_MEDIUM_LEN: u64 = 1 << 36;
/// Tags of a repository.
pub const MAX_REMOTE_TAGS: usize = 10_000;
/// Attachments of a published medium, such as a bill of materials.
pub const MAX_REMOTE_ATTACHMENTS: usize = 64;
/// Length of an attachment, in bytes. It is read into memory.
pub const MAX_REMOTE_ATTACHMENT_LEN: u64 = 64 << 20;
/// Length of another answer of a registry, in bytes: a token, a list of tags, an error.
pub const MAX_REMOTE_ANSWER_LEN: u64 = 1 << 20;
/// Length of a file of registry credentials, in bytes.
pub const MAX_CREDENTIALS_LEN: u64 = 1 << 20;
