//! The stand-in boot images and programs of `examples/boot`, made once for all tests of a process.

use std::process::Command;
use std::sync::OnceLock;

use camino::Utf8PathBuf;

/// The folder that `examples/boot/make` filled for x64 and arm64.
pub fn made() -> &'static Utf8PathBuf {
    static MADE: OnceLock<Utf8PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Utf8PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("examples-{}", std::process::id()));
        make(&folder);
        folder
    })
}

/// Makes them in a folder.
pub fn make(folder: &Utf8PathBuf) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/boot/make");
    let output = Command::new(script).args([folder.as_str(), "x64", "arm64"]).output().expect("the script");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}
