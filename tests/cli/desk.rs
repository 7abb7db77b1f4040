//! A small project of its own for each test, the program that works in it, and what the program said.
//!
//! The boot files are no programs and the boot image is not compressed, so that every size in a transcript is the
//! same wherever the test runs.

use std::fmt::Write as _;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

/// A stand-alone medium for two sites.
pub const MANIFEST: &str = r#"manifest-version = 1

[media]
name = "win11"
kind = "stand-alone"
label = "WIN11 {{ site.code }}"
source-date = 2026-01-01

[output]
path = "out/{{ media.name }}-{{ site.code }}.iso"

[boot]
image = { file = "images/boot.wim" }
files = "boot-files"
prompt = false

[[sites]]
code = "BER"

[[sites]]
code = "HAM"

[[package]]
id = "BER00021"
source = "packages/vpn"

[[file]]
source = "readme.txt"
path = "readme.txt"
when = "{{ site.code == 'HAM' }}"
"#;

/// A folder with a manifest and all that it names.
pub struct Desk {
    _folder: TempDir,
    pub root: Utf8PathBuf,
}

impl Desk {
    pub fn new() -> Self {
        Self::in_folder(".")
    }

    /// The same in a folder below the temporary one.
    pub fn in_folder(folder: &str) -> Self {
        let mut desk = Self::empty();
        if folder != "." {
            desk.root = desk.root.join(folder);
        }
        desk.put("media.toml", MANIFEST);
        desk.put("packages/vpn/setup.cmd", "rem installs the client\r\n");
        desk.put("packages/vpn/vpn.conf", "server = vpn.example.com\n");
        desk.put("readme.txt", "Moin\n");
        desk.put_boot();
        desk
    }

    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(folder.path().canonicalize().unwrap()).unwrap();
        Self { _folder: folder, root }
    }

    /// The boot image, and boot files that are none.
    pub fn put_boot(&self) {
        for (path, len) in [
            ("bootmgr", 400),
            ("boot/bcd", 500),
            ("boot/boot.sdi", 600),
            ("boot/etfsboot.com", 4_096),
            ("efi/boot/bootx64.efi", 9_000),
            ("efi/microsoft/boot/bcd", 700),
            ("efi/microsoft/boot/efisys_noprompt.bin", 16_384),
        ] {
            self.put(&format!("boot-files/{path}"), path.bytes().cycle().take(len).collect::<Vec<_>>());
        }
        self.put("images/boot.wim", boot_image());
    }

    pub fn path(&self, path: &str) -> Utf8PathBuf {
        self.root.join(path)
    }

    pub fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn get(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap()
    }

    /// Puts another text in place of one in the manifest.
    pub fn edit(&self, old: &str, new: &str) {
        let text = String::from_utf8(self.get("media.toml")).unwrap();
        assert!(text.contains(old), "{old} is not in the manifest");
        self.put("media.toml", text.replacen(old, new, 1));
    }

    /// The program, in the folder, with nothing of the environment that it looks at.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tsmedia"));
        command.args(arguments).current_dir(&self.root).env_remove("SOURCE_DATE_EPOCH").env_remove("NO_COLOR");
        command.env_remove("TSMEDIA_CACHE_LIMIT").env_remove("COLUMNS");
        command
    }

    /// The same as somebody whom permissions stop: root becomes nobody, who is given the folder, and the program in it.
    pub fn command_of_somebody(&self, arguments: &[&str]) -> Command {
        const NOBODY: u32 = 65_534;
        let mut command = self.command(arguments);
        if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
            let program = self.path(".program/tsmedia");
            if !program.exists() {
                let chown =
                    |arguments: &[&str]| assert!(Command::new("chown").args(arguments).status().unwrap().success());
                chown(&["-R", "65534:65534", self.root.as_str()]);
                fs::set_permissions(self._folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
                fs::set_permissions(&self.root, fs::Permissions::from_mode(0o755)).unwrap();
                let original = env!("CARGO_BIN_EXE_tsmedia");
                fs::create_dir(program.parent().unwrap()).unwrap();
                fs::hard_link(original, &program).or_else(|_| fs::copy(original, &program).map(drop)).unwrap();
            }
            command = Command::new(&program);
            command.args(arguments).current_dir(&self.root).env_remove("SOURCE_DATE_EPOCH").uid(NOBODY).gid(NOBODY);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the program printed, which must have done its work.
    pub fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// What somebody sees who types this: standard output marked `|`, standard error `!`, and the exit code.
    pub fn see(&self, line: &str) -> String {
        let words: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
        self.see_ran(line, &self.run(&words))
    }

    pub fn see_ran(&self, line: &str, ran: &Output) -> String {
        let mut text = format!("$ tsmedia {line}\n");
        for (mark, bytes) in [('|', &ran.stdout), ('!', &ran.stderr)] {
            for said in String::from_utf8_lossy(bytes).lines() {
                let said = said.replace(self.root.as_str(), "<folder>");
                text += format!("{mark} {}", without_digests(&said)).trim_end();
                text.push('\n');
            }
        }
        let _ = writeln!(text, "= {}\n", ran.status.code().map_or("killed".into(), |code| code.to_string()));
        text
    }

    /// The files of a folder, by name.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let entries = self.path(folder).read_dir_utf8().unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }
}

/// Digests depend on the boot image, which has a random identity.
fn without_digests(line: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in line.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        match digits.len() {
            64 => parts.push(format!("<digest>{}", &part[64..])),
            _ => parts.push(part.to_owned()),
        }
    }
    parts.concat()
}

/// A WIM file with one image, which is the one to start.
fn boot_image() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs::create_dir_all(root.join("tree/Windows/System32")).unwrap();
        fs::write(root.join("tree/Windows/System32/winpeshl.exe"), [7; 5_000]).unwrap();
        // How well metadata compress depends on the times in them, and sizes are in snapshots.
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for path in ["tree/Windows/System32/winpeshl.exe", "tree/Windows/System32", "tree/Windows", "tree"] {
            let times = FileTimes::new().set_accessed(time).set_modified(time);
            File::open(root.join(path)).unwrap().set_times(times).unwrap();
        }
        wimlib(&["capture", root.join("tree").as_str(), root.join("boot.wim").as_str(), "Stand-in", "--boot"]);
        let properties = ["WINDOWS/ARCH=9", "WINDOWS/VERSION/MAJOR=10", "WINDOWS/VERSION/BUILD=26100"];
        let properties = properties.iter().flat_map(|property| ["--image-property", property]);
        wimlib(&[&["info", root.join("boot.wim").as_str(), "1"], &properties.collect::<Vec<_>>()[..]].concat());
        fs::read(root.join("boot.wim")).unwrap()
    })
}

/// Runs wimlib-imagex; what it captures is not compressed, and never other metadata of files than their names.
pub fn wimlib(arguments: &[&str]) {
    let mut command = Command::new("wimlib-imagex");
    command.args(arguments);
    if matches!(arguments[0], "capture" | "append") {
        command.args(["--no-acls", "--norpfix"]);
    }
    if arguments[0] == "capture" {
        command.arg("--compress=none");
    }
    let output = command.output().expect("wimlib-imagex");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
