use std::fs;
use std::io::Cursor;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::*;

/// A folder with disks made by qemu-img.
struct DiskFixture {
    folder: TempDir,
}

const LEN: usize = 20 << 20;

impl DiskFixture {
    /// Creates a raw disk with data, zeros and compressible data. `None` if there is no qemu-img.
    fn new() -> Option<Self> {
        if Command::new("qemu-img").arg("--version").output().is_err() {
            assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "`qemu-img` is not installed");
            return None;
        }
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        fixture.put("disk.raw", &content(1));
        Some(fixture)
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().canonicalize_utf8().unwrap().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn qemu_img(&self, line: &str) {
        let ran = Command::new("qemu-img").args(line.split(' ')).current_dir(self.folder.path()).output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    fn open(&self, name: &str, allowed: &[&str]) -> Result<VirtualDisk> {
        let allowed: Vec<_> = allowed.iter().map(|name| self.path(name)).collect();
        let path = self.path(name);
        VirtualDisk::open(&path, Arc::new(File::open(&path).unwrap()), &allowed)
    }

    /// Bytes of a disk after conversion.
    fn raw(&self, name: &str, allowed: &[&str]) -> Vec<u8> {
        let disk = self.open(name, allowed).unwrap();
        let to = File::options().read(true).write(true).create(true).truncate(true).open(self.path("copy")).unwrap();
        disk.copy(&to, &Progress::default()).unwrap();
        fs::read(self.path("copy")).unwrap()
    }

    /// Error with its causes and its help.
    fn refused(&self, name: &str, allowed: &[&str]) -> String {
        let error = match self.open(name, allowed) {
            Err(error) => error,
            Ok(disk) => disk.copy(&tempfile::tempfile().unwrap(), &Progress::default()).unwrap_err(),
        };
        let text = format!("{} | {}", error.with_causes(), error.advice().unwrap_or_default());
        text.replace(self.path("").as_str(), "")
    }
}

/// Data in several places with zeros between, and a compressible part.
fn content(seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; LEN];
    let mut state = seed;
    for at in [0, 3 << 20, (7 << 20) + 512, LEN - (1 << 20)] {
        for byte in &mut bytes[at..at + 700_000] {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
    }
    bytes[10 << 20..11 << 20].fill(7);
    bytes
}

const FORMS: [(&str, &str); 14] = [
    ("disk.qcow2", "-O qcow2"),
    ("old.qcow2", "-O qcow2 -o compat=0.10,cluster_size=4096"),
    ("large.qcow2", "-O qcow2 -o cluster_size=2M"),
    ("extended.qcow2", "-O qcow2 -o extended_l2=on,cluster_size=128k"),
    ("packed.qcow2", "-c -O qcow2"),
    ("disk.vhd", "-O vpc"),
    ("fixed.vhd", "-O vpc -o subformat=fixed,force_size=on"),
    ("disk.vhdx", "-O vhdx"),
    ("small.vhdx", "-O vhdx -o block_size=1M"),
    ("disk.vdi", "-O vdi"),
    ("disk.vmdk", "-O vmdk"),
    ("packed.vmdk", "-O vmdk -o subformat=streamOptimized"),
    ("flat.vmdk", "-O vmdk -o subformat=monolithicFlat"),
    ("split.vmdk", "-O vmdk -o subformat=twoGbMaxExtentSparse"),
];

#[test]
fn disks_of_every_form_have_the_bytes_that_qemu_gives_them() {
    let Some(fixture) = DiskFixture::new() else { return };
    let wanted = content(1);
    for (name, options) in FORMS {
        fixture.qemu_img(&format!("convert -f raw {options} disk.raw {name}"));
        let raw = fixture.raw(name, &[]);
        // VHDs have whole cylinders.
        assert!(raw[..LEN] == wanted && raw[LEN..].iter().all(|byte| *byte == 0), "{name}");
        use std::os::unix::fs::MetadataExt;
        let n_used = fs::metadata(fixture.path("copy")).unwrap().blocks() * 512;
        assert!(n_used < 5 << 20, "{name}: {n_used} bytes are used");
        assert_eq!(fixture.open(name, &[]).unwrap().in_place().is_some(), ["fixed.vhd", "flat.vmdk"].contains(&name));
    }
}

#[test]
fn a_disk_is_put_together_of_all_that_is_allowed_below_it() {
    let Some(fixture) = DiskFixture::new() else { return };
    let io = |line: &str, name: &str| {
        let ran = Command::new("qemu-io").args(["-f", "qcow2", "-c", line]).arg(fixture.path(name)).output();
        ran.is_ok_and(|ran| ran.status.success())
    };
    fixture.qemu_img("convert -f raw -O qcow2 disk.raw base.qcow2");
    fixture.qemu_img("create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2");
    if !io("write -P 9 1M 64k", "top.qcow2") || !io("write -z 3M 128k", "top.qcow2") {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "`qemu-io` is not installed");
        return;
    }
    let mut wanted = content(1);
    wanted[1 << 20..][..64 << 10].fill(9);
    wanted[3 << 20..][..128 << 10].fill(0);
    assert!(fixture.raw("top.qcow2", &["base.qcow2"]) == wanted);
    // A raw backing file may begin with anything, since its format is given.
    let mut raw = content(1);
    raw[..4].copy_from_slice(b"QFI\xfb");
    fixture.put("odd.raw", &raw);
    fixture.qemu_img("create -q -f qcow2 -b odd.raw -F raw odd.qcow2");
    assert!(fixture.raw("odd.qcow2", &["odd.raw"]) == raw);
    // A disk that is longer than its backing file, and a VMDK with a parent.
    fixture.qemu_img("create -q -f qcow2 -b disk.raw -F raw long.qcow2 30M");
    let long = fixture.raw("long.qcow2", &["disk.raw"]);
    assert!(long[..LEN] == content(1) && long[LEN..] == vec![0; 10 << 20]);
    fixture.qemu_img("convert -f raw -O vmdk disk.raw base.vmdk");
    fixture.qemu_img("create -q -f vmdk -b base.vmdk -F vmdk top.vmdk");
    assert!(fixture.raw("top.vmdk", &["base.vmdk"]) == content(1));
    let named: Vec<_> =
        fixture.open("top.qcow2", &["base.qcow2"]).unwrap().references().iter().map(|it| it.name.clone()).collect();
    assert_eq!(named, ["base.qcow2"]);
}

#[test]
fn data_in_a_file_of_its_own_are_read_if_that_is_allowed() {
    let Some(fixture) = DiskFixture::new() else { return };
    fixture.qemu_img("create -q -f qcow2 -o data_file=data.raw,data_file_raw=on apart.qcow2 20M");
    fixture.qemu_img("convert -n -f raw -O qcow2 disk.raw apart.qcow2");
    assert!(fixture.raw("apart.qcow2", &["data.raw"]) == content(1));
    let message = fixture.refused("apart.qcow2", &[]);
    assert!(
        message.contains("not allowed: data file `data.raw`") && message.contains("--allow-reference data.raw"),
        "{message}"
    );
}

#[test]
fn no_name_is_followed_that_is_not_allowed() {
    let Some(fixture) = DiskFixture::new() else { return };
    fixture.qemu_img("convert -f raw -O qcow2 disk.raw base.qcow2");
    fixture.put("secret", &[7; 512]);
    fs::create_dir(fixture.path("sub")).unwrap();
    let rebase = |name: &str, backing: &str| {
        fixture.qemu_img(&format!("create -q -f qcow2 {name} 20M"));
        let mut command = Command::new("qemu-img");
        command.args(["rebase", "-u", "-F", "raw", "-b", backing, name]).current_dir(fixture.folder.path());
        assert!(command.status().unwrap().success(), "{backing}");
    };
    for backing in [
        "secret",
        "./sub/../secret",
        "/etc/hostname",
        "file:secret",
        "nbd://127.0.0.1:1/x",
        "nbd:127.0.0.1:1",
        "https://127.0.0.1/x",
        "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"secret\"}}",
        "C:\\base.raw",
        "missing $(touch x)",
    ] {
        rebase("top.qcow2", backing);
        let message = fixture.refused("top.qcow2", &["base.qcow2", "sub"]);
        assert!(
            message.starts_with(&format!("`top.qcow2` refers to files that are not allowed: backing file `{backing}`")),
            "{message}"
        );
        let is_path = !backing.starts_with(['n', 'h', 'j', 'C']);
        assert_eq!(message.contains("--allow-reference"), is_path, "{message}");
    }
    assert!(fixture.refused("top.qcow2", &[]).contains("--allow-reference 'missing $(touch x)'"));
    // The typed path is the one that is opened, and links are not followed elsewhere.
    rebase("top.qcow2", "sub/../disk.raw");
    assert!(fixture.raw("top.qcow2", &["disk.raw"]) == content(1));
    // Allowed through a link to its folder.
    fs::create_dir(fixture.path("real")).unwrap();
    std::os::unix::fs::symlink("real", fixture.path("via")).unwrap();
    fs::copy(fixture.path("disk.raw"), fixture.path("real/base.raw")).unwrap();
    fixture.qemu_img("create -q -f qcow2 -b base.raw -F raw real/top.qcow2");
    assert!(fixture.raw("via/top.qcow2", &["via/base.raw"]) == content(1));
    // Each disk of a chain is checked, also with another format.
    fixture.put(
        "text.vmdk",
        b"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\nRW 4 FLAT \"/etc/hostname\" 0\n",
    );
    fixture.qemu_img("create -q -f qcow2 -u -b text.vmdk -F vmdk chain.qcow2 2048");
    let message = fixture.refused("chain.qcow2", &["text.vmdk"]);
    assert!(message.contains("`text.vmdk` refers to files that are not allowed: extent `/etc/hostname`"), "{message}");
    // A cycle.
    fixture.qemu_img("create -q -f qcow2 circle.qcow2 2048");
    fixture.qemu_img("rebase -u -b circle.qcow2 -F qcow2 circle.qcow2");
    assert!(fixture.refused("circle.qcow2", &["circle.qcow2"]).contains("it refers to itself"));
    // Another format than given, and a device.
    fixture.qemu_img("create -q -f qcow2 -u -b disk.raw -F qcow2 wrong.qcow2 2048");
    assert!(fixture.refused("wrong.qcow2", &["disk.raw"]).contains("it is raw, but the disk above it says `qcow2`"));
    fixture.qemu_img("create -q -f qcow2 -u -b /dev/null -F raw device.qcow2 2048");
    assert!(fixture.refused("device.qcow2", &["/dev/null"]).contains("not a regular file"));
}

#[test]
fn extents_are_a_disks_own_beside_the_descriptor_and_nowhere_else() {
    let Some(fixture) = DiskFixture::new() else { return };
    fixture.qemu_img("convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse disk.raw split.vmdk");
    let half = LEN / 2;
    fixture.put("first.vmdk", &content(1)[..half]);
    fixture.put("second.vmdk", &content(1)[half..]);
    let text = |extents: &str| format!("# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n{extents}\n");
    let n = half / 512;
    fixture.put("flat.vmdk", text(&format!("RW {n} FLAT \"first.vmdk\" 0\nRW {n} FLAT \"second.vmdk\" 0")).as_bytes());
    assert!(fixture.raw("flat.vmdk", &[]) == content(1));
    fixture.put("zero.vmdk", text(&format!("RW {n} ZERO\nRW {n} FLAT \"second.vmdk\" 0")).as_bytes());
    let raw = fixture.raw("zero.vmdk", &[]);
    assert!(raw[..half] == vec![0; half] && raw[half..] == content(1)[half..]);
    // A link next to the descriptor leads out of the folder.
    std::os::unix::fs::symlink("/etc/hostname", fixture.path("link.vmdk")).unwrap();
    fixture.put("linked.vmdk", text("RW 1 FLAT \"link.vmdk\" 0").as_bytes());
    assert!(fixture.refused("linked.vmdk", &[]).contains("not allowed: extent `link.vmdk`"));
    // A descriptor without data, data without a descriptor, and truncated data.
    fixture.put("lone.vmdk", text("RW 1 FLAT \"lone-flat.vmdk\" 0").as_bytes());
    let message = fixture.refused("lone.vmdk", &[]);
    assert!(message.contains("whose data file `lone-flat.vmdk` is not next to it | put all files"), "{message}");
    let message = fixture.refused("split-s001.vmdk", &[]);
    assert!(
        message.contains("is an extent of a VMDK") && message.contains("use its descriptor, `split.vmdk`"),
        "{message}"
    );
    fixture.qemu_img("convert -f raw -O vmdk -o subformat=twoGbMaxExtentFlat disk.raw pieces.vmdk");
    assert!(fixture.raw("pieces.vmdk", &[]) == content(1));
    assert!(fixture.refused("pieces-f001.vmdk", &[]).contains("use its descriptor, `pieces.vmdk`"));
    fixture.put("cut.vmdk", text(&format!("RW {} FLAT \"first.vmdk\" 0", n + 1)).as_bytes());
    assert!(fixture.refused("cut.vmdk", &[]).contains("its descriptor expects"));
    // In another folder, through a link to the descriptor.
    fs::create_dir(fixture.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../flat.vmdk", fixture.path("elsewhere/flat.vmdk")).unwrap();
    assert!(fixture.raw("elsewhere/flat.vmdk", &[]) == content(1));
}

#[test]
fn what_is_not_supported_is_an_error_and_never_other_bytes() {
    let Some(fixture) = DiskFixture::new() else { return };
    fixture.qemu_img("convert -f raw -O vmdk disk.raw base.vmdk");
    fixture.qemu_img("create -q -f vmdk -b base.vmdk -F vmdk top.vmdk");
    fixture.qemu_img("convert -f raw -O vmdk disk.raw base.vmdk");
    let message = fixture.refused("top.vmdk", &["base.vmdk"]);
    assert!(message.contains("has changed since it was made"), "{message}");
    fixture.qemu_img("convert -f raw -O vdi disk.raw disk.vdi");
    let mut bytes = fs::read(fixture.path("disk.vdi")).unwrap();
    bytes[0x1a8] = 1;
    fixture.put("child.vdi", &bytes);
    assert!(fixture.refused("child.vdi", &[]).contains("it is a differencing disk"));
    fixture.qemu_img("convert -f raw -O vpc disk.raw disk.vhd");
    let mut bytes = fs::read(fixture.path("disk.vhd")).unwrap();
    bytes[60..64].copy_from_slice(&[0, 0, 0, 4]);
    bytes[512 + 64..512 + 72].copy_from_slice(b"\0b\0.\0v\0x");
    fixture.put("child.vhd", &bytes);
    assert!(fixture.refused("child.vhd", &[]).contains("most of its data is in its parent `b.vx` | merge"));
    fixture.qemu_img("create -q -f qcow2 -o compression_type=zstd zstd.qcow2 20M");
    fixture.qemu_img("convert -c -f raw -O qcow2 -o compression_type=zstd disk.raw zstd.qcow2");
    assert!(fixture.refused("zstd.qcow2", &[]).contains("Zstandard"));
    // Truncated, and with two clusters at one place in the file.
    fixture.qemu_img("convert -f raw -O qcow2 disk.raw disk.qcow2");
    let bytes = fs::read(fixture.path("disk.qcow2")).unwrap();
    fixture.put("cut.qcow2", &bytes[..bytes.len() / 2]);
    assert!(fixture.refused("cut.qcow2", &[]).contains("is missing: the file has"));
    let mut bytes = bytes;
    let l2 = u64::from_be_bytes(bytes[0x30000..0x30008].try_into().unwrap()) & 0x00ff_ffff_ffff_fe00;
    let entry = bytes[l2 as usize..][..8].to_vec();
    bytes[l2 as usize..][..64 << 10].chunks_mut(8).for_each(|other| other.copy_from_slice(&entry));
    let mut long = Qcow2::read(&mut Cursor::new(&bytes)).unwrap();
    long.len = 512 << 20;
    let mapped = long.map(&mut Cursor::new(&bytes), bytes.len() as u64, &mut |_| Ok(()));
    assert!(mapped.unwrap_err().to_string().contains("more than once"));
}

#[test]
fn damaged_disks_are_errors_or_disks_and_never_endless() {
    let Some(fixture) = DiskFixture::new() else { return };
    let mut state: u64 = 3;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for (name, options) in FORMS {
        fixture.qemu_img(&format!("convert -f raw {options} disk.raw {name}"));
        let file = File::options().read(true).write(true).open(fixture.path(name)).unwrap();
        let file_len = file.metadata().unwrap().len();
        let mut start = vec![0; file_len.min(400 << 10) as usize];
        file.read_exact_at(&mut start, 0).unwrap();
        for _ in 0..60 {
            let mut damaged = start.clone();
            for _ in 0..1 + next() % 4 {
                let at = next() as usize % damaged.len().min(if next() % 2 == 0 { 512 } else { 400 << 10 });
                damaged[at] = if next() % 3 == 0 { 0xff } else { next() as u8 };
            }
            file.write_all_at(&damaged, 0).unwrap();
            let Ok(disk) = fixture.open(name, &[]) else { continue };
            // The mapped length is bounded by the file, whatever length the disk claims.
            let mut n_mapped = 0;
            let mut count = |run: map::DiskRun| {
                n_mapped += if matches!(run.from, map::RunSource::File(_)) { run.len } else { 0 };
                Ok(())
            };
            let layer = &disk.layers[0];
            let (file, len) = (&mut &*layer.file, layer.file_len);
            let _ = match &layer.format {
                LayerFormat::Qcow2(disk, _) => disk.map(file, len, &mut count),
                LayerFormat::Vhd(disk) => disk.map(file, len, &mut count),
                LayerFormat::Vhdx(disk) => disk.map(file, len, &mut count),
                LayerFormat::Vdi(disk) => disk.map(file, len, &mut count),
                LayerFormat::Vmdk(extents) => match &extents[0].data {
                    ExtentData::Sparse(file, sparse) => sparse.map(&mut &**file, len, &mut count),
                    _ => Ok(()),
                },
                LayerFormat::Raw(_) => Ok(()),
            };
            assert!(n_mapped <= len + (2 << 20), "{name}: {n_mapped} of {len}");
        }
    }
}
