//! `capture`: what the field has of names, FAT volumes and full disks.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use super::capture::{is_whole, noise, partition, put_into, put_ntfs, sparse, tool};
use crate::fixtures::desk::{Desk, settle};

#[test]
fn names_that_windows_cannot_hold_are_refused_and_listed() {
    let desk = Desk::empty();
    for name in ["con", "aux.h", "a:b.txt", "q?.txt", "trail.", "blank ", "deep/nul.log", "Foo", "foo", "fine"] {
        desk.put(&format!("tree/{name}"), name);
    }
    let mut seen = desk.see("capture tree -o out.wim");
    assert!(!desk.path("out.wim").exists());
    // Files that are left out do not matter.
    desk.put("own.ini", "[ExclusionList]\ncon\n");
    desk.put("few/con", "left out");
    desk.put("few/fine", "fine");
    ["few/con", "few/fine", "few"].iter().for_each(|path| settle(&desk.path(path)));
    seen += &desk.see("capture few -o out.wim --config own.ini");
    fs::create_dir(desk.path("other")).unwrap();
    fs::write(desk.path("other").as_std_path().join(OsStr::from_bytes(b"caf\xe9")), "not UTF-8").unwrap();
    seen += &desk.see("capture other -o other.wim");
    assert!(!desk.path("other.wim").exists());
    insta::assert_snapshot!(seen);
}

/// Places of the allocation tables and the clusters of a FAT32 volume, by its boot sector.
struct Fat32 {
    tables: Vec<u64>,
    data: u64,
    cluster_len: u64,
}

impl Fat32 {
    fn of(volume: &[u8]) -> Self {
        let u16_at = |at: usize| u64::from(u16::from_le_bytes([volume[at], volume[at + 1]]));
        let sector_len = u16_at(11);
        let table_len = (u16_at(36) | u16_at(38) << 16) * sector_len;
        let n_tables = u64::from(volume[16]);
        let first = u16_at(14) * sector_len;
        Self {
            tables: (0..n_tables).map(|n| first + n * table_len).collect(),
            data: first + n_tables * table_len,
            cluster_len: u64::from(volume[13]) * sector_len,
        }
    }

    fn cluster(&self, number: u64) -> u64 {
        self.data + (number - 2) * self.cluster_len
    }

    /// Ends the chain of a cluster.
    fn end(&self, volume: &fs::File, cluster: u64) {
        for table in &self.tables {
            volume.write_all_at(&0x0fff_ffff_u32.to_le_bytes(), table + 4 * cluster).unwrap();
        }
    }
}

/// Entry of a folder with a short name.
fn entry(name: &[u8; 11], attributes: u8, cluster: u16, len: u32) -> [u8; 32] {
    let mut entry = [0; 32];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    entry[24..26].copy_from_slice(&(46u16 << 9 | 1 << 5 | 1).to_le_bytes());
    entry[26..28].copy_from_slice(&cluster.to_le_bytes());
    entry[28..32].copy_from_slice(&len.to_le_bytes());
    entry
}

/// An EFI system partition as `mkfs.fat -F 32 -s 8` makes it, with too few clusters for FAT32 by the specification. mtools
/// takes it for FAT16, so its files are put there by hand.
fn put_few_clusters(desk: &Desk, name: &str) {
    sparse(desk, name, 33 << 20);
    tool(desk, "mkfs.fat", &["-F", "32", "-s", "8", name]);
    let fat = Fat32::of(&desk.get(name));
    let volume = fs::File::options().write(true).open(desk.path(name)).unwrap();
    for cluster in 3..=5 {
        fat.end(&volume, cluster);
    }
    let mut root = entry(b"EFI        ", 0x10, 3, 0).to_vec();
    // \x99 is Ö in code pages 437 and 850, \xd5 an ı in 850 alone.
    root.extend(entry(b"GR\x99\xd5    TXT", 0x20, 5, 4));
    volume.write_all_at(&root, fat.cluster(2)).unwrap();
    let mut folder = entry(b".          ", 0x10, 3, 0).to_vec();
    folder.extend(entry(b"..         ", 0x10, 0, 0));
    folder.extend(entry(b"BOOTX64 EFI", 0x20, 4, 4096));
    volume.write_all_at(&folder, fat.cluster(3)).unwrap();
    volume.write_all_at(&noise(4096, 3), fat.cluster(4)).unwrap();
    volume.write_all_at(b"text", fat.cluster(5)).unwrap();
}

#[test]
fn fat32_with_few_clusters_is_read_alone_and_beside_a_volume_of_windows() {
    let desk = Desk::empty();
    put_few_clusters(&desk, "esp.img");
    desk.done(&["capture", "esp.img", "-o", "esp.wim"]);
    is_whole(&desk, "esp.wim");
    tool(&desk, "wimlib-imagex", &["extract", "esp.wim", "1", "/", "--dest-dir=ours", "--no-acls"]);
    tool(&desk, "7z", &["x", "-otheirs", "esp.img"]);
    assert!(desk.get("ours/EFI/BOOTX64.EFI") == noise(4096, 3));
    assert_eq!(desk.get("ours/EFI/BOOTX64.EFI"), desk.get("theirs/EFI/BOOTX64.EFI"));
    sparse(&desk, "disk.img", 80 << 20);
    partition(&desk, "disk.img", "label: gpt\nstart=2048, size=67584, type=U\nstart=69632, size=65536\n");
    put_into(&desk, "esp.img", "disk.img", 2048);
    put_ntfs(&desk, "volume", 65536 * 512);
    put_into(&desk, "volume", "disk.img", 69632);
    let seen = desk.see("capture disk.img -o disk.wim");
    assert!(seen.contains("(FAT32)") && seen.contains("(NTFS)"), "{seen}");
}

#[test]
fn short_names_are_in_the_code_page_that_is_given() {
    let desk = Desk::empty();
    put_few_clusters(&desk, "esp.img");
    for (arguments, name) in [(&[][..], "GRÖ╒.TXT"), (&["--oem-code-page", "850"], "GRÖı.TXT")] {
        desk.done(&[&["capture", "esp.img", "-o", "out.wim", "--force"], arguments].concat());
        let listed = tool(&desk, "wimlib-imagex", &["dir", "out.wim", "1"]);
        assert!(listed.contains(&format!("/{name}\n")), "{listed}");
    }
    let mut seen = desk.see("capture esp.img -o out.wim --oem-code-page 932");
    desk.put(
        "capture.toml",
        "manifest-version = 1\n\n[capture]\npath = \"esp.wim\"\noem-code-page = 850\n\n[[capture.source]]\npath = \"esp.img\"\n",
    );
    desk.done(&["apply", "capture.toml"]);
    let listed = tool(&desk, "wimlib-imagex", &["dir", "esp.wim", "1"]);
    assert!(listed.contains("/GRÖı.TXT\n"), "{listed}");
    let text = String::from_utf8(desk.get("capture.toml")).unwrap();
    desk.put("capture.toml", text.replace("850", "851"));
    seen += &desk.see("check capture.toml");
    desk.put("capture.toml", text.replace("850", "858"));
    seen += &desk.see("plan capture.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn fat_with_sectors_of_4096_bytes_is_read() {
    let desk = Desk::empty();
    sparse(&desk, "volume.img", 40 << 20);
    tool(&desk, "mkfs.fat", &["-F", "16", "-S", "4096", "-s", "1", "volume.img"]);
    desk.put("file", noise(10_000, 5));
    tool(&desk, "mmd", &["-i", "volume.img", "::EFI"]);
    tool(&desk, "mcopy", &["-i", "volume.img", "file", "::EFI/A long name.größe"]);
    desk.done(&["capture", "volume.img", "-o", "out.wim"]);
    tool(&desk, "wimlib-imagex", &["extract", "out.wim", "1", "/", "--dest-dir=ours", "--no-acls"]);
    assert!(desk.get("ours/EFI/A long name.größe") == noise(10_000, 5));
}

#[test]
fn a_fat_folder_in_itself_is_an_error() {
    let desk = Desk::empty();
    put_few_clusters(&desk, "esp.img");
    let fat = Fat32::of(&desk.get("esp.img"));
    let volume = fs::File::options().write(true).open(desk.path("esp.img")).unwrap();
    volume.write_all_at(&entry(b"SELF       ", 0x10, 3, 0), fat.cluster(3) + 96).unwrap();
    insta::assert_snapshot!(desk.see("capture esp.img -o out.wim"));
    assert_eq!(desk.list("."), ["esp.img"]);
}

/// Fails one call of `write` or `pwrite` on the file that becomes the output, and counts them.
const SHIM: &str = r#"#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int n_calls;

static int fails(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    if (!strstr(path, ".tsmedia-part")) return 0;
    const char *wanted = getenv("FAIL_WRITE");
    return wanted && __atomic_add_fetch(&n_calls, 1, __ATOMIC_SEQ_CST) == atoi(wanted);
}

ssize_t write(int fd, const void *from, size_t n) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (fails(fd)) { errno = ENOSPC; return -1; }
    return real(fd, from, n);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
    if (fails(fd)) { errno = ENOSPC; return -1; }
    return real(fd, from, n, at);
}

ssize_t pwrite64(int fd, const void *from, size_t n, off_t at) {
    return pwrite(fd, from, n, at);
}
"#;

#[test]
fn a_write_that_fails_once_is_an_error_or_changes_no_byte() {
    let desk = Desk::empty();
    desk.put("shim.c", SHIM);
    tool(&desk, "cc", &["-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"]);
    // Noise is written twice: in compressed chunks, which are no shorter, and then as it is.
    desk.put("tree/noise.bin", noise(100_000, 7));
    desk.put("tree/text.txt", "text ".repeat(20_000));
    let line = ["capture", "tree", "-o", "out.wim", "--force", "--threads", "1"];
    desk.done(&line);
    let whole = desk.get("out.wim");
    let mut n_failed = 0;
    for n in 1.. {
        desk.put("out.wim", "what was there");
        let mut command = desk.command(&line);
        let ran = command.env("LD_PRELOAD", desk.path("shim.so")).env("FAIL_WRITE", n.to_string()).output().unwrap();
        if ran.status.success() {
            assert!(desk.get("out.wim") == whole, "write {n} failed unnoticed");
            break;
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(1) && said.contains("No space left on device"), "write {n}: {said}");
        assert_eq!(desk.get("out.wim"), b"what was there", "write {n}");
        n_failed += 1;
    }
    assert!(n_failed > 10, "only {n_failed} writes failed");
}
