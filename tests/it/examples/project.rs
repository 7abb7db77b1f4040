//! A copy of the examples, and the media that were made in it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use tempfile::TempDir;

use crate::fixtures::boot_programs;
use crate::fixtures::qemu::Firmware;

/// Environment of the examples of sites and capture media: passwords and a key, which is generated once.
pub fn secrets() -> [(&'static str, &'static str); 4] {
    static KEY: OnceLock<String> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let arguments = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
        String::from_utf8(Command::new("openssl").args(arguments).output().unwrap().stdout).unwrap()
    });
    [
        ("MEDIA_PASSWORD", "mQ7vX2pL9sWk"),
        ("JOIN_PASSWORD", "tR4kZ8bN1cYf"),
        ("CAPTURE_PASSWORD", "zH5wJ3gD6nLe"),
        ("MEDIA_KEY", key),
    ]
}

/// The folder `examples` of the repository, elsewhere, with the stand-in images.
pub struct Project {
    _folder: TempDir,
    root: Utf8PathBuf,
}

/// A finished medium, as `inspect --json` shows it.
pub struct Medium {
    pub path: Utf8PathBuf,
    pub label: String,
    pub description: Value,
    /// Length and first byte of each file, by path.
    pub files: BTreeMap<String, (u64, u64)>,
    pub is_stick: bool,
    boot: Vec<String>,
}

impl Project {
    pub fn examples() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = Utf8PathBuf::try_from(folder.path().join("examples")).unwrap();
        fs::create_dir(&root).unwrap();
        fs::create_dir(folder.path().join("scratch")).unwrap();
        let original = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        // Only files of the repository, not media built there.
        for entry in original.read_dir_utf8().unwrap().map(Result::unwrap) {
            if entry.path().join("media.toml").exists() {
                copy(entry.path(), &root);
                for made in ["out", ".tsmedia", "media.record.json"] {
                    let made = root.join(entry.file_name()).join(made);
                    let _ = fs::remove_dir_all(&made).or_else(|_| fs::remove_file(&made));
                }
            }
        }
        copy(boot_programs::made(), &root);
        let made = root.join(boot_programs::made().file_name().unwrap());
        fs::rename(made, root.join("images")).unwrap();
        Self { _folder: folder, root }
    }

    /// Folder for files that are not part of an example.
    pub fn scratch(&self) -> Utf8PathBuf {
        self.root.with_file_name("scratch")
    }

    pub fn path(&self, path: &str) -> Utf8PathBuf {
        self.root.join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    /// Standard output of a run that must succeed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tsmedia"));
        command.args(arguments).current_dir(&self.root).env_remove("SOURCE_DATE_EPOCH").envs(secrets());
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// The names of the examples.
    pub fn examples_with_manifests(&self) -> Vec<String> {
        let entries = self.root.read_dir_utf8().unwrap().map(Result::unwrap);
        let examples = entries.filter(|entry| entry.path().join("media.toml").exists());
        let mut names: Vec<_> = examples.map(|entry| entry.file_name().to_owned()).collect();
        names.sort();
        names
    }

    /// The media that an example made.
    pub fn media(&self, example: &str) -> Vec<Medium> {
        let mut paths: Vec<_> =
            self.path(example).join("out").read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
        paths.sort();
        paths.into_iter().map(|path| self.medium(path)).collect()
    }

    fn medium(&self, path: Utf8PathBuf) -> Medium {
        let seen: Value = serde_json::from_str(&self.done(&["inspect", "--json", path.as_str()])).unwrap();
        let seen = &seen["file"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let file = |file: &Value| {
            let start = file["extents"][0][0].as_u64().unwrap_or(0);
            (text(&file["path"]), (file["len"].as_u64().unwrap(), start))
        };
        Medium {
            path,
            label: text(&seen["label"]),
            description: seen["description"].clone(),
            files: seen["files"].as_array().unwrap().iter().map(file).collect(),
            is_stick: seen["form"] == "usb",
            boot: seen["boot"].as_array().unwrap().iter().map(|boot| text(&boot["platform"])).collect(),
        }
    }
}

impl Medium {
    /// Firmware that starts it.
    pub fn firmware(&self) -> Vec<Firmware> {
        let is_arm64 = self.files.keys().any(|path| path.eq_ignore_ascii_case("efi/boot/bootaa64.efi"));
        let firmware = self.boot.iter().map(|platform| match (platform.as_str(), is_arm64) {
            ("BIOS", _) => Firmware::SeaBios,
            ("UEFI", false) => Firmware::Ovmf,
            ("UEFI", true) => Firmware::Aavmf,
            other => panic!("{}: {other:?}", self.path),
        });
        firmware.collect()
    }
}

/// Copies a folder into another one.
pub fn copy(from: &Utf8Path, into: &Utf8Path) {
    let status = Command::new("cp").args(["-r", from.as_str(), into.as_str()]).status().unwrap();
    assert!(status.success(), "copying {from}");
}
