//! Detects the kind of a file from its first bytes, so that a command given the wrong kind can name the right command.
//!
//! The result is a guess for messages. Commands still parse and check the files they accept.

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
    /// File of steps that task sequences include.
    IncludedSteps,
    Facts,
    /// Content library.
    Library,
    /// Other TOML file, such as a profile or template values.
    OtherToml,
    Record,
    SavedPlan,
    /// XML of a task sequence.
    Xml,
    /// ZIP archive, such as an exported task sequence.
    Zip,
    DiscImage,
    /// Disk with a partition table, such as a USB stick.
    DiskImage,
    /// Disk of a virtual machine.
    VirtualDisk,
    Wim,
    /// Registry hive, such as a boot store.
    Hive,
    Program,
    Certificate,
    /// PFX file or private key.
    Key,
    LfsPointer,
    /// Any other file, or one that can't be read.
    Unknown,
}

use FileKind::*;

impl FileKind {
    /// Returns the kind of the file at a path.
    pub fn from_path(path: &Utf8Path) -> Self {
        let Ok(metadata) = path.metadata() else { return Unknown };
        if metadata.is_dir() {
            return Folder;
        }
        if !metadata.is_file() {
            // Reading from a pipe or device here would take the bytes from the command.
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

    /// Returns the kind with its article, such as `a manifest`.
    pub fn description(self) -> &'static str {
        match self {
            Folder => "a folder",
            Manifest => "a manifest",
            Sequence => "a task sequence",
            IncludedSteps => "a file of included steps",
            Facts => "a fact file",
            Library => "a content library",
            OtherToml => "another kind of TOML file",
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

    /// Returns help that names the command for such a file.
    fn advice(self, path: &Utf8Path) -> String {
        match self {
            Folder => format!("name a file in it, such as `{}`", path.join("media.toml")),
            Manifest => format!("run `tsmedia plan {path}` to see what it builds"),
            Sequence => format!("check it with `tsmedia check {path}`, or draw it with `tsmedia sequence show {path}`"),
            IncludedSteps => "name the task sequence that includes it".into(),
            Facts => format!("run a task sequence with these facts: `tsmedia simulate media.toml --facts {path}`"),
            Library => format!("name it in a manifest: `[library]` with `files = [\"{path}\"]`"),
            OtherToml => format!("pass template values with `--vars {path}`; name profiles in `media.profile`"),
            Record => format!("compare it with its manifest: `tsmedia diff {path} media.toml`"),
            SavedPlan => format!("apply it with `tsmedia apply {path}`"),
            Xml | Zip => format!("import an exported task sequence with `tsmedia sequence import {path}`"),
            DiscImage | DiskImage => {
                format!("show its contents with `tsmedia inspect {path}`, or check it with `tsmedia verify {path}`")
            }
            VirtualDisk => format!("capture it with `tsmedia capture {path} -o image.wim`"),
            Wim | Hive | Program => format!("show its contents with `tsmedia inspect {path}`"),
            Certificate => "name it in a manifest, in `root-ca`, `issuing-cas` or `certificate`".into(),
            Key => "name it in a manifest, in `certificate`".into(),
            LfsPointer => git_lfs::help(path),
            Unknown => String::new(),
        }
    }
}

/// Fails if the file at `path` has a known kind that is not among `kinds`. `wanted` describes those for the message.
pub(super) fn expect(path: &Utf8Path, kinds: &[FileKind], wanted: &str) -> Result<()> {
    let kind = FileKind::from_path(path);
    if kind == Unknown || kinds.contains(&kind) {
        return Ok(());
    }
    if kind == LfsPointer {
        return Err(git_lfs::error(path));
    }
    Err(Error::new(format!("`{path}` is {}, not {wanted}", kind.description())).help(kind.advice(path)))
}

/// Fails if the file at `path` is known not to be a manifest.
pub(super) fn expect_manifest(path: &Utf8Path) -> Result<()> {
    // Loading another TOML file reports the keys it lacks. Loading a folder reports that it is one.
    expect(path, &[Manifest, OtherToml, Folder], "a manifest")
}

/// Fails if the file at `path` is known not to be a task sequence.
pub(super) fn expect_sequence(path: &Utf8Path) -> Result<()> {
    expect(path, &[Sequence, OtherToml], "a task sequence")
}

/// Fails if the file at `path` is known not to be a medium.
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
        // XML in UTF-16, as the console writes it.
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
    // DER: a SEQUENCE. PKCS #12 starts with the version 3 (RFC 7292, 4), private keys with 0 (RFC 5208, 5).
    // Text can start with `0` too, so require bytes that are not UTF-8. Lengths from 0x80 take further bytes.
    if let [0x30, len, rest @ ..] = head
        && (*len >= 0x80 || rest.len() < 0x80)
        && std::str::from_utf8(head).is_err()
    {
        let value = rest.get(usize::from(len & 0x7f) * usize::from(*len >= 0x80)..).unwrap_or_default();
        return if value.starts_with(&[2, 1, 3]) || value.starts_with(&[2, 1, 0]) { Key } else { Certificate };
    }
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // `HEAD_LEN` may end within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Unknown,
    };
    by_text(valid.trim_start_matches('\u{feff}').trim_start())
}

fn by_text(text: &str) -> FileKind {
    // `<<<<<<<` is the marker of a merge conflict in any file.
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
    // A tolerant scan: the file may have syntax errors, and its first 64 KiB are enough.
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
    fn kinds_are_detected_from_bytes() {
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
