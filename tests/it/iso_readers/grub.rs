//! GRUB as a reader, started by SeaBIOS from the disc itself: its UDF and its ISO 9660 module, one at a time, so that
//! what the firmware does with the boot catalog is tested as well.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::fixtures::disc::{Sample, run};
use tsmedia::content::Content;
use tsmedia::firmware::Firmware;
use tsmedia::format::iso;
use tsmedia::layout::Layout;
use tsmedia::volume::BootEntry;

/// A GRUB that runs a script from its own memory and knows one file system.
fn grub(folder: &Path, file_system: &str, script: &str) -> Vec<u8> {
    let config = folder.join("grub.cfg");
    let program = folder.join("grub.img");
    fs::write(&config, script).unwrap();
    let (config, program) = (config.to_str().unwrap(), program.to_str().unwrap());
    let modules =
        ["biosdisk", "serial", "terminal", "echo", "ls", "hashsum", "gcry_sha256", "hexdump", "probe", "iorw"];
    let arguments = ["-O", "i386-pc-eltorito", "-p", "/", "-c", config, "-o", program];
    run("grub-mkimage", &[&arguments[..], &modules, &[file_system]].concat());
    fs::read(program).unwrap()
}

/// Puts GRUB on the disc. Its first sector must know where the rest is, which is known when the disc is laid out.
fn put_grub(sample: &mut Sample, mut program: Vec<u8>) {
    let entry = |program: &[u8]| BootEntry { firmware: Firmware::Bios, image: Layout::from(&Content::bytes(program)) };
    sample.volume.boot = vec![entry(&program)];
    let image = sample.sparse_image();
    let offset = iso::read(&mut fs::File::open(image).unwrap()).unwrap().boot[0].offset;
    // The boot information table: sector of the volume descriptor, sector and length of the program, checksum.
    let sum = program[64..].chunks(4).fold(0u32, |sum, word| {
        let mut bytes = [0; 4];
        bytes[..word.len()].copy_from_slice(word);
        sum.wrapping_add(u32::from_le_bytes(bytes))
    });
    for (n, value) in [16, (offset / 2_048) as u32, program.len() as u32, sum].into_iter().enumerate() {
        program[8 + 4 * n..12 + 4 * n].copy_from_slice(&value.to_le_bytes());
    }
    sample.volume.boot = vec![entry(&program)];
}

/// Output of GRUB on the serial line.
fn boot(image: &Path) -> String {
    let drive = format!("file={},format=raw,media=cdrom,readonly=on", image.to_str().unwrap());
    let output = Command::new("timeout")
        .args(["180", "qemu-system-x86_64", "-machine", "q35,accel=tcg", "-m", "128", "-nic", "none", "-no-reboot"])
        .args(["-display", "none", "-monitor", "none", "-serial", "stdio", "-boot", "d", "-drive", &drive])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x01"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(
        text.contains("the end"),
        "GRUB didn't run to the end: {}\n{text}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn read_by_grub(file_system: &str, name: &str) {
    let mut sample = Sample::new("GRUB DISC");
    sample.source("readme.txt", b"hello\n");
    sample.source("SMS/data/TsmBootstrap.ini", &b"[x]\r\n".repeat(700));
    sample.source("sources/größe ж.bin", &vec![0x5A; 2_500_000]);
    sample.source("a/b/c/d/e/f/g/h/i/j/k/deep.txt", b"deep");
    sample.source("empty.txt", b"");
    for n in 0..300 {
        sample.source(&format!("many/file number {n}.txt"), format!("{n}").repeat(n).as_bytes());
    }
    // Beyond 4 GiB, with marks where extents meet.
    let large = sample.folder.path().join("large.wim");
    let file = fs::File::create(&large).unwrap();
    file.set_len((4 << 30) + 5_000).unwrap();
    let marks = [0x3FFF_F7FC_u64, 0xFFFF_F7FC, (4 << 30) + 4_992];
    for (n, at) in marks.iter().enumerate() {
        std::os::unix::fs::FileExt::write_all_at(&file, format!("mark {n}!!").as_bytes(), *at).unwrap();
    }
    sample.add("sources/large.wim", &large);

    let mut script = String::from("serial --unit=0 --speed=115200\nterminal_output serial\nprobe --fs (cd)\n");
    script += "probe --label (cd)\nls -l (cd)/sources\n";
    let mut expected = Vec::new();
    for (path, source) in sample.files.iter().filter(|(path, _)| *path != "sources/large.wim") {
        script += &format!("hashsum --hash sha256 '(cd)/{path}'\n");
        expected.push(tsmedia::digest::Digests::hash(&fs::read(source).unwrap()).sha256.to_string());
    }
    for at in marks {
        script += &format!("hexdump --skip={at} --length=8 (cd)/sources/large.wim\n");
    }
    script += "echo the end\noutb 0xf4 0x31\n";
    let program = grub(sample.folder.path(), file_system, &script);
    put_grub(&mut sample, program);
    let text = boot(&sample.sparse_image());
    let is_digest = |word: &&str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
    let found: Vec<_> = text.split_whitespace().filter(is_digest).collect();
    assert_eq!(found, expected, "{text}");
    assert!(text.contains(name) && text.contains("GRUB DISC"), "{text}");
    assert!(text.contains("4294972296"), "{text}");
    for n in 0..3 {
        assert!(text.contains(&format!("mark {n}!!")), "{text}");
    }
    assert!(!text.contains("error"), "{text}");
}

#[test]
fn grub_reads_udf_from_the_disc_that_started_it() {
    read_by_grub("udf", "udf");
}

#[test]
fn grub_reads_joliet_from_the_disc_that_started_it() {
    read_by_grub("iso9660", "iso9660");
}
