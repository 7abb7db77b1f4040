//! Tells what a file is by its first bytes, so that a command that gets the wrong kind of file says so, and names the
//! command that takes it.
//!
//! A guess for messages: what is taken as right is still read and checked by the command itself.

use std::io::{Read, Seek, SeekFrom};

use camino::Utf8Path;

use crate::error::{Error, Result};
use crate::git_lfs;
use crate::limits;
use crate::sequence;

/// Bytes read from the start of a file: the 32 KiB before the descriptors of a disc, and texts up to their tables.
const HEAD_LEN: u64 = 64 << 10;

/// Kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Folder,
    Manifest,
    Sequence,
    /// Steps that sequences include.
    IncludedSteps,
    Facts,
    /// A content library.
    Library,
    /// Another file in TOML: a profile, template values.
    OtherToml,
    Record,
    SavedPlan,
    /// The XML of a task sequence.
    Xml,
    /// A ZIP archive, as the console exports task sequences.
    Zip,
    DiscImage,
    /// A disk with a partition table, such as a stick.
    DiskImage,
    /// A disk of a virtual machine.
    VirtualDisk,
    Wim,
    /// A registry hive, such as a boot store.
    Hive,
    Program,
    Certificate,
    /// A PFX file or a private key.
    Key,
    LfsPointer,
    /// Anything else, or a file that can't be read.
    Unknown,
}

use FileKind::*;

impl FileKind {
    /// Returns the kind of the file at a path.
    pub fn of(path: &Utf8Path) -> Self {
        let Ok(metadata) = path.metadata() else { return Unknown };
        if metadata.is_dir() {
            return Folder;
        }
        if !metadata.is_file() {
            // A device or a pipe is read once, and by the command itself.
            return Unknown;
        }
        let mut head = Vec::new();
        let Ok(mut file) = limits::open(path) else { return Unknown };
        if (&mut file).take(HEAD_LEN).read_to_end(&mut head).is_err() {
            return Unknown;
        }
        let mut tail = Vec::new();
        if metadata.len() >= 512 && file.seek(SeekFrom::End(-512)).is_ok() {
            let _ = file.take(512).read_to_end(&mut tail);
        }
        by_bytes(&head, &tail)
    }

    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Folder => "a folder",
            Manifest => "a manifest",
            Sequence => "a task sequence",
            IncludedSteps => "a file of steps that task sequences include",
            Facts => "a fact file",
            Library => "a content library",
            OtherToml => "a TOML file of another kind",
            Record => "a record",
            SavedPlan => "a saved plan",
            Xml => "an XML file",
            Zip => "a ZIP archive",
            DiscImage => "a disc image",
            DiskImage => "a disk image",
            VirtualDisk => "a disk of a virtual machine",
            Wim => "a WIM file",
            Hive => "a registry hive",
            Program => "a program",
            Certificate => "a certificate",
            Key => "a private key",
            LfsPointer => "a Git LFS pointer",
            Unknown => "a file of an unknown kind",
        }
    }

    /// Help that names the command for such a file.
    fn advice(self, path: &Utf8Path) -> String {
        match self {
            Folder => format!("name a file in it, such as `{}`", path.join("media.toml")),
            Manifest => format!("`tsmedia plan {path}` says what it makes"),
            Sequence => format!("`tsmedia check {path}` checks it, and `tsmedia sequence show {path}` draws it"),
            IncludedSteps => "name the task sequence that includes it".into(),
            Facts => format!("`tsmedia simulate media.toml --facts {path}` runs a task sequence by it"),
            Library => format!("name it in a manifest: `[library]` with `files = [\"{path}\"]`"),
            OtherToml => format!("template values are given with `--vars {path}`, and profiles with `media.profile`"),
            Record => format!("`tsmedia diff {path} media.toml` compares it with its manifest"),
            SavedPlan => format!("`tsmedia apply {path}` does what it says"),
            Xml | Zip => format!("`tsmedia sequence import {path}` makes a file of an exported task sequence"),
            DiscImage | DiskImage => {
                format!("`tsmedia inspect {path}` shows what it holds, and `tsmedia verify {path}` checks it")
            }
            VirtualDisk => format!("`tsmedia capture {path} -o image.wim` captures it"),
            Wim | Hive | Program => format!("`tsmedia inspect {path}` shows what it holds"),
            Certificate => "certificates are named in a manifest: `root-ca`, `issuing-cas` or `certificate`".into(),
            Key => "keys are named in a manifest, in `certificate`".into(),
            LfsPointer => git_lfs::help(path),
            Unknown => String::new(),
        }
    }
}

/// Fails if a path leads to something that is surely not of the kinds that a command takes. `wanted` is what it takes, in
/// words.
pub(super) fn expect(path: &Utf8Path, kinds: &[FileKind], wanted: &str) -> Result<()> {
    let kind = FileKind::of(path);
    if kind == Unknown || kinds.contains(&kind) {
        return Ok(());
    }
    if kind == LfsPointer {
        return Err(git_lfs::error(path));
    }
    Err(Error::new(format!("`{path}` is {}, not {wanted}", kind.words())).help(kind.advice(path)))
}

/// Fails if a path surely leads to no manifest.
pub(super) fn expect_manifest(path: &Utf8Path) -> Result<()> {
    // What another file in TOML lacks is told key by key.
    expect(path, &[Manifest, OtherToml, Folder], "a manifest")
}

/// Fails if a path surely leads to no task sequence file.
pub(super) fn expect_sequence(path: &Utf8Path) -> Result<()> {
    expect(path, &[Sequence, OtherToml], "a task sequence")
}

/// Fails if a path surely leads to nothing that holds a medium.
pub(super) fn expect_medium(path: &Utf8Path) -> Result<()> {
    expect(path, &[DiscImage, DiskImage, Wim], "a finished medium")
}

fn by_bytes(head: &[u8], tail: &[u8]) -> FileKind {
    const STARTS: [(&[u8], FileKind); 16] = [
        (b"MSWIM\0\0\0", Wim),
        (b"WLPWM\0\0\0", Wim),
        (b"regf", Hive),
        (b"MZ", Program),
        (b"PK\x03\x04", Zip),
        (b"PK\x05\x06", Zip),
        (b"QFI\xfb", VirtualDisk),
        (b"KDMV", VirtualDisk),
        (b"COWD", VirtualDisk),
        (b"# Disk DescriptorFile", VirtualDisk),
        (b"vhdxfile", VirtualDisk),
        (b"conectix", VirtualDisk),
        (b"<<< ", VirtualDisk),
        // UTF-16, as the console writes XML.
        (b"\xff\xfe<\0", Xml),
        (b"\xfe\xff\0<", Xml),
        (b"&lt;", Xml),
    ];
    if git_lfs::is_pointer(head) {
        return LfsPointer;
    }
    if let Some((_, kind)) = STARTS.iter().find(|(start, _)| head.starts_with(start)) {
        return *kind;
    }
    // ECMA-119 6.2.1 and ECMA-167 2/8.3.1: the first volume descriptor.
    let is_descriptor = |id: &[u8]| head.get(0x8001..0x8006) == Some(id);
    if is_descriptor(b"CD001") || is_descriptor(b"BEA01") {
        return DiscImage;
    }
    if tail.starts_with(b"conectix") {
        return VirtualDisk;
    }
    if head.get(510..512) == Some(&[0x55, 0xaa]) {
        return DiskImage;
    }
    // ASN.1: a sequence. PKCS #12 begins with its version, 3.
    if let [0x30, len, rest @ ..] = head
        && (*len >= 0x80 || rest.len() < 0x80)
        && std::str::from_utf8(head).is_err()
    {
        let value = rest.get(usize::from(len & 0x7f) * usize::from(*len >= 0x80)..).unwrap_or_default();
        return if value.starts_with(&[2, 1, 3]) || value.starts_with(&[2, 1, 0]) { Key } else { Certificate };
    }
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Unknown,
    };
    by_text(valid.trim_start_matches('\u{feff}').trim_start())
}

fn by_text(text: &str) -> FileKind {
    if text.starts_with('<') && !text.starts_with("<<<<<<<") {
        return Xml;
    }
    if let Some(rest) = text.strip_prefix("-----BEGIN ") {
        return if rest.lines().next().is_some_and(|line| line.contains("PRIVATE KEY")) { Key } else { Certificate };
    }
    if text.starts_with('{') {
        let start: String = text.chars().take(4_096).collect();
        let has = |key: &str| start.contains(key);
        return match (has("\"record-version\""), has("\"plan-version\"")) {
            (true, _) => Record,
            (_, true) => SavedPlan,
            _ => Unknown,
        };
    }
    if sequence::is_sequence_text(text) {
        return Sequence;
    }
    let mut is_toml = false;
    let mut tables = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            tables.push(header.trim_start_matches('[').split(']').next().unwrap_or_default().trim().to_owned());
            is_toml = true;
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let key = key.trim().trim_matches(['"', '\'']);
            match key {
                "manifest-version" if tables.is_empty() => return Manifest,
                "facts-version" if tables.is_empty() => return Facts,
                "library-version" if tables.is_empty() => return Library,
                _ => is_toml |= key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')),
            }
        }
    }
    let has = |name: &str| tables.iter().any(|table| table == name);
    if has("output") || has("capture") || (has("media") && has("boot")) {
        Manifest
    } else if has("steps") && tables.iter().all(|table| table.starts_with("steps")) {
        IncludedSteps
    } else if is_toml {
        OtherToml
    } else {
        Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_bytes() {
        let mut disc = vec![0; 0x8800];
        disc[0x8001..0x8006].copy_from_slice(b"CD001");
        let mut stick = vec![0; 1024];
        stick[510..512].copy_from_slice(&[0x55, 0xaa]);
        let oid = "0".repeat(64);
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n");
        let cases: &[(&[u8], FileKind)] = &[
            (b"manifest-version = 1\n[media]\n", Manifest),
            (b"# old\n[media]\nname = 'x'\n[output]\n", Manifest),
            (b"#:schema x\nsequence-version = 1\n", Sequence),
            (b"[[steps]]\ntype = 'group'\n[[steps.steps]]\n", IncludedSteps),
            (b"facts-version = 1\n", Facts),
            (b"library-version = 1\n[[package]]\n", Library),
            (b"language = 'de'\n", OtherToml),
            (b"\xef\xbb\xbfmanifest-version = 1\n", Manifest),
            (b"{\n\"record-version\": 2,\n", Record),
            (b"{\"plan-version\": 1", SavedPlan),
            (b"{}", Unknown),
            (b"<?xml version='1.0'?><sequence/>", Xml),
            (b"\xff\xfe<\0s\0", Xml),
            (b"\xfe\xff\0<\0s", Xml),
            (b"&lt;sequence", Xml),
            (b"PK\x03\x04", Zip),
            (&disc, DiscImage),
            (&stick, DiskImage),
            (b"QFI\xfb", VirtualDisk),
            (b"MSWIM\0\0\0", Wim),
            (b"regf", Hive),
            (b"MZ\x90", Program),
            (b"-----BEGIN CERTIFICATE-----\n", Certificate),
            (b"-----BEGIN RSA PRIVATE KEY-----\n", Key),
            (b"\x30\x82\x01\x00\x30\x82\xff\xff", Certificate),
            (b"\x30\x82\x01\x00\x02\x01\x03\x30\xff", Key),
            (pointer.as_bytes(), LfsPointer),
            (b"just words", Unknown),
            (b"", Unknown),
            (b"\xff\x00\xfe", Unknown),
        ];
        for (bytes, kind) in cases {
            assert_eq!(by_bytes(bytes, &[]), *kind, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(by_bytes(&[0; 600], b"conectix"), VirtualDisk);
    }
}
