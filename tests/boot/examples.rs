//! The stand-in boot images and programs of `examples/boot`, made once for all tests of a process.

use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

/// The folder that `examples/boot/make` filled for x64 and arm64.
pub fn made() -> &'static Utf8PathBuf {
    static MADE: OnceLock<Utf8PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let parent = Utf8PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("boot-examples");
        // Those of processes that have ended are in nobody's way but that of the disk.
        for old in parent.read_dir_utf8().into_iter().flatten().flatten() {
            if !Utf8Path::new("/proc").join(old.file_name()).exists() {
                let _ = std::fs::remove_dir_all(old.path());
            }
        }
        let folder = parent.join(std::process::id().to_string());
        make(&folder);
        folder
    })
}

/// Makes them in a folder.
pub fn make(folder: &Utf8Path) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/boot/make");
    let output = Command::new(script).args([folder.as_str(), "x64", "arm64"]).output().expect("the script");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}
