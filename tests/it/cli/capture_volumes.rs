//! `capture`: what the field has of names, FAT volumes and full disks.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use super::capture::{is_whole, noise, partition, put_into, put_ntfs, sparse, tool};
use crate::fixtures::sandbox::{Sandbox, settle};

#[test]
fn names_that_windows_cannot_hold_are_refused_and_listed() {
    let sandbox = Sandbox::empty();
    for name in ["con", "aux.h", "a:b.txt", "q?.txt", "trail.", "blank ", "deep/nul.log", "Foo", "foo", "fine"] {
        sandbox.put(&format!("tree/{name}"), name);
    }
    let mut seen = sandbox.see("capture tree -o out.wim");
    assert!(!sandbox.path("out.wim").exists());
    // Files that are left out do not matter.
    sandbox.put("own.ini", "[ExclusionList]\ncon\n");
    sandbox.put("few/con", "left out");
    sandbox.put("few/fine", "fine");
    ["few/con", "few/fine", "few"].iter().for_each(|path| settle(&sandbox.path(path)));
    seen += &sandbox.see("capture few -o out.wim --config own.ini");
    fs::create_dir(sandbox.path("other")).unwrap();
    fs::write(sandbox.path("other").as_std_path().join(OsStr::from_bytes(b"caf\xe9")), "not UTF-8").unwrap();
    seen += &sandbox.see("capture other -o other.wim");
    assert!(!sandbox.path("other.wim").exists());
    insta::assert_snapshot!(seen, @"
    $ tsmedia capture tree -o out.wim
    ! error: Windows can't hold 8 names in `tree`:
    !   `a:b.txt` has the character `:`, which Windows does not allow
    !   `aux.h` stands for the device AUX on Windows
    !   `blank ` ends in a space, which Windows cuts off
    !   `con` stands for the device CON on Windows
    !   `deep/nul.log` stands for the device NUL on Windows
    !   `foo` differs from `Foo` beside it only in case
    !   `q?.txt` has the character `?`, which Windows does not allow
    !   `trail.` ends in a full stop, which Windows cuts off
    !   help: rename the files, or list them under `[ExclusionList]` in a file for `--config` (`exclusions` in a manifest)
    = 1

    $ tsmedia capture few -o out.wim --config own.ini
    ! captured  few as image 1, `few` (folder)
    ! left out  con: excluded by the list of exclusions
    ! created   out.wim (1.19 kB)
    = 0

    $ tsmedia capture other -o other.wim
    ! error: reading `other`: the name `other/caf�` is not valid UTF-8
    !   help: rename it
    = 1
    ");
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
fn put_few_clusters(sandbox: &Sandbox, name: &str) {
    sparse(sandbox, name, 33 << 20);
    tool(sandbox, "mkfs.fat", &["-F", "32", "-s", "8", name]);
    let fat = Fat32::of(&sandbox.get(name));
    let volume = fs::File::options().write(true).open(sandbox.path(name)).unwrap();
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
    let sandbox = Sandbox::empty();
    put_few_clusters(&sandbox, "esp.img");
    sandbox.done(&["capture", "esp.img", "-o", "esp.wim"]);
    is_whole(&sandbox, "esp.wim");
    tool(&sandbox, "wimlib-imagex", &["extract", "esp.wim", "1", "/", "--dest-dir=ours", "--no-acls"]);
    tool(&sandbox, "7z", &["x", "-otheirs", "esp.img"]);
    assert!(sandbox.get("ours/EFI/BOOTX64.EFI") == noise(4096, 3));
    assert_eq!(sandbox.get("ours/EFI/BOOTX64.EFI"), sandbox.get("theirs/EFI/BOOTX64.EFI"));
    sparse(&sandbox, "disk.img", 80 << 20);
    partition(&sandbox, "disk.img", "label: gpt\nstart=2048, size=67584, type=U\nstart=69632, size=65536\n");
    put_into(&sandbox, "esp.img", "disk.img", 2048);
    put_ntfs(&sandbox, "volume", 65536 * 512);
    put_into(&sandbox, "volume", "disk.img", 69632);
    let seen = sandbox.see("capture disk.img -o disk.wim");
    assert!(seen.contains("(FAT32)") && seen.contains("(NTFS)"), "{seen}");
}

#[test]
fn short_names_are_in_the_code_page_that_is_given() {
    let sandbox = Sandbox::empty();
    put_few_clusters(&sandbox, "esp.img");
    for (arguments, name) in [(&[][..], "GRÖ╒.TXT"), (&["--oem-code-page", "850"], "GRÖı.TXT")] {
        sandbox.done(&[&["capture", "esp.img", "-o", "out.wim", "--force"], arguments].concat());
        let listed = tool(&sandbox, "wimlib-imagex", &["dir", "out.wim", "1"]);
        assert!(listed.contains(&format!("/{name}\n")), "{listed}");
    }
    let mut seen = sandbox.see("capture esp.img -o out.wim --oem-code-page 932");
    sandbox.put(
        "capture.toml",
        "manifest-version = 1\n\n[capture]\npath = \"esp.wim\"\noem-code-page = 850\n\n[[capture.source]]\npath = \"esp.img\"\n",
    );
    sandbox.done(&["apply", "capture.toml"]);
    let listed = tool(&sandbox, "wimlib-imagex", &["dir", "esp.wim", "1"]);
    assert!(listed.contains("/GRÖı.TXT\n"), "{listed}");
    let text = String::from_utf8(sandbox.get("capture.toml")).unwrap();
    sandbox.put("capture.toml", text.replace("850", "851"));
    seen += &sandbox.see("check capture.toml");
    sandbox.put("capture.toml", text.replace("850", "858"));
    seen += &sandbox.see("plan capture.toml");
    insta::assert_snapshot!(seen);
}

#[test]
fn fat_with_sectors_of_4096_bytes_is_read() {
    let sandbox = Sandbox::empty();
    sparse(&sandbox, "volume.img", 40 << 20);
    tool(&sandbox, "mkfs.fat", &["-F", "16", "-S", "4096", "-s", "1", "volume.img"]);
    sandbox.put("file", noise(10_000, 5));
    tool(&sandbox, "mmd", &["-i", "volume.img", "::EFI"]);
    tool(&sandbox, "mcopy", &["-i", "volume.img", "file", "::EFI/A long name.größe"]);
    sandbox.done(&["capture", "volume.img", "-o", "out.wim"]);
    tool(&sandbox, "wimlib-imagex", &["extract", "out.wim", "1", "/", "--dest-dir=ours", "--no-acls"]);
    assert!(sandbox.get("ours/EFI/A long name.größe") == noise(10_000, 5));
}

#[test]
fn a_fat_folder_in_itself_is_an_error() {
    let sandbox = Sandbox::empty();
    put_few_clusters(&sandbox, "esp.img");
    let fat = Fat32::of(&sandbox.get("esp.img"));
    let volume = fs::File::options().write(true).open(sandbox.path("esp.img")).unwrap();
    volume.write_all_at(&entry(b"SELF       ", 0x10, 3, 0), fat.cluster(3) + 96).unwrap();
    insta::assert_snapshot!(sandbox.see("capture esp.img -o out.wim"), @"
    $ tsmedia capture esp.img -o out.wim
    ! error: the FAT volume `esp.img` can't be read
    !   because: the folder `/EFI/SELF` shares its clusters with another folder
    !   help: repair it with `fsck.fat`, or copy it again
    = 1
    ");
    assert_eq!(sandbox.list("."), ["esp.img"]);
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
    let sandbox = Sandbox::empty();
    sandbox.put("shim.c", SHIM);
    tool(&sandbox, "cc", &["-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"]);
    // Noise is written twice: in compressed chunks, which turn out as long, and then as it is.
    sandbox.put("tree/noise.bin", noise(100_000, 7));
    sandbox.put("tree/text.txt", "text ".repeat(20_000));
    let line = ["capture", "tree", "-o", "out.wim", "--force", "--threads", "1"];
    sandbox.done(&line);
    let whole = sandbox.get("out.wim");
    let mut n_failed = 0;
    for n in 1.. {
        sandbox.put("out.wim", "what was there");
        let mut command = sandbox.command(&line);
        let ran = command.env("LD_PRELOAD", sandbox.path("shim.so")).env("FAIL_WRITE", n.to_string()).output().unwrap();
        if ran.status.success() {
            assert!(sandbox.get("out.wim") == whole, "write {n} failed unnoticed");
            break;
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(1) && said.contains("No space left on device"), "write {n}: {said}");
        assert_eq!(sandbox.get("out.wim"), b"what was there", "write {n}");
        n_failed += 1;
    }
    assert!(n_failed > 10, "only {n_failed} writes failed");
}
