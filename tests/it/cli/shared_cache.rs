//! One cache for all manifests of a repository, wherever it is, and what stays of those beside manifests.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::fixtures::sandbox::{MANIFEST, Sandbox};

const BER: &str = "sites/ber/media.toml";
const MUC: &str = "sites/muc/media.toml";

/// A repository with two manifests that share all their content.
fn repository() -> Sandbox {
    let sandbox = without_repository();
    fs::create_dir(sandbox.path(".git")).unwrap();
    sandbox
}

fn without_repository() -> Sandbox {
    let sandbox = Sandbox::new();
    let manifest = MANIFEST
        .replace("images/boot.wim", "../../images/boot.wim")
        .replace("\"boot-files\"", "\"../../boot-files\"")
        .replace("packages/vpn", "../../packages/vpn")
        .replace("source = \"readme.txt\"", "source = \"../../readme.txt\"");
    sandbox.put(BER, &manifest);
    sandbox.put(MUC, manifest.replace("name = \"win11\"", "name = \"muc\""));
    std::thread::sleep(std::time::Duration::from_millis(30));
    sandbox
}

/// Numbers of files and outputs that a cache knows, and its folder.
fn known(sandbox: &Sandbox, arguments: &[&str]) -> (String, u64, u64) {
    let caches = sandbox.done(&[&["cache", "--json"], arguments].concat());
    let caches: serde_json::Value = serde_json::from_str(&caches).unwrap();
    let caches = &caches["caches"];
    assert_eq!(caches.as_array().unwrap().len(), 1);
    let digests = &caches[0]["digests"];
    let number = |key: &str| digests[key].as_u64().unwrap();
    (caches[0]["cache"].as_str().unwrap().to_owned(), number("files"), number("outputs"))
}

#[test]
fn the_manifests_of_a_repository_share_a_cache_at_its_root() {
    let sandbox = repository();
    sandbox.done(&["apply", BER]);
    let (folder, n_files, n_outputs) = known(&sandbox, &[BER]);
    assert_eq!((folder.as_str(), n_outputs), ("./.tsmedia", 2));
    sandbox.done(&["apply", MUC]);
    // The content was known already, and the outputs are others although their names in the manifests are alike.
    assert_eq!(known(&sandbox, &[BER, MUC]), (folder, n_files, 4));
    assert!(sandbox.done(&["plan", BER, MUC]).starts_with("nothing to do"));
    assert!(!sandbox.path("sites/ber/.tsmedia").exists() && !sandbox.path("sites/muc/.tsmedia").exists());
    // From within the repository, it is the same cache.
    let ran = sandbox.command(&["cache", "--json"]).current_dir(sandbox.path("sites/ber")).output().unwrap();
    assert!(String::from_utf8(ran.stdout).unwrap().contains("\"../../.tsmedia\""));
}

#[test]
fn the_command_line_and_the_environment_name_the_folder_of_the_cache() {
    let sandbox = repository();
    let of = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        let ran = command.env("TSMEDIA_CACHE_DIR", "from-environment").output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    of(&["apply", BER]);
    assert!(sandbox.path("from-environment/digests").exists());
    of(&["--cache-dir", "given/folder", "apply", BER]);
    assert!(sandbox.path("given/folder/objects").exists());
    of(&["plan", MUC, "--cache-dir=given/folder"]);
    assert!(!sandbox.path(".tsmedia").exists());
    assert_eq!(known(&sandbox, &["--cache-dir", "given/folder", BER]).2, 2);
}

#[test]
fn processes_that_share_a_cache_lose_nothing_of_each_other() {
    let sandbox = repository();
    let start = |manifest: &str| sandbox.command(&["apply", manifest]).spawn().unwrap();
    let runs: Vec<_> = [BER, MUC].into_iter().map(start).collect();
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    assert_eq!(known(&sandbox, &[BER]).2, 4);
    assert!(sandbox.done(&["plan", BER, MUC]).starts_with("nothing to do"));
}

#[test]
fn a_key_of_a_cache_beside_the_manifest_is_never_replaced() {
    let sandbox = without_repository();
    let manifest = String::from_utf8(sandbox.get(BER)).unwrap();
    let manifest = manifest
        .replace("kind = \"stand-alone\"\nlabel = \"WIN11 {{ site.code }}\"", "kind = \"bootable\"\nmode = \"dynamic\"")
        .replace("code = \"BER\"", "code = \"BER\"\nmanagement-points = [\"http://mp1.example.com\"]");
    let manifest = &manifest[..manifest.find("\n[[sites]]\ncode = \"HAM\"").unwrap()];
    sandbox.put(BER, format!("{manifest}\n[certificate]\nself-signed = {{}}\n"));
    let certificate = || sandbox.done(&["certificate", BER]);
    let before = certificate();
    assert!(sandbox.path("sites/ber/.tsmedia/certificate.key").exists());
    fs::create_dir(sandbox.path(".git")).unwrap();
    assert_eq!(certificate(), before);
    assert_eq!(sandbox.done(&["certificate", BER, "--cache-dir", "elsewhere"]), before);
    fs::remove_dir_all(sandbox.path("sites/ber/.tsmedia")).unwrap();
    assert_ne!(certificate(), before);
    assert!(sandbox.path(".tsmedia/certificate.key").exists());
}

#[test]
fn what_a_cache_beside_the_manifest_knew_of_outputs_is_still_known() {
    let sandbox = without_repository();
    sandbox.done(&["apply", BER]);
    fs::create_dir(sandbox.path(".git")).unwrap();
    // Only a cache that knows an output lets it be deleted.
    let manifest = String::from_utf8(sandbox.get(BER)).unwrap();
    sandbox.put(BER, manifest.replace("\n[[sites]]\ncode = \"HAM\"\n", ""));
    let seen = sandbox.see(&format!("apply {BER} --yes"));
    assert!(seen.contains("deleted   sites/ber/out/win11-HAM.iso"), "{seen}");
    assert!(!sandbox.path("sites/ber/out/win11-HAM.iso").exists());
}

#[test]
fn a_read_only_checkout_is_planned_checked_and_verified() {
    let sandbox = repository();
    sandbox.done(&["apply", BER]);
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    // Hands the files to another user, and makes the program available there.
    sandbox.command_of_somebody(&["--version"]).output().unwrap();
    let folders = ["", "sites", "sites/ber", "sites/ber/out"];
    let set = |mode| {
        folders.iter().for_each(|path| fs::set_permissions(sandbox.path(path), Permissions::from_mode(mode)).unwrap())
    };
    set(0o555);
    let see = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        sandbox.see_ran(line, &sandbox.command_of_somebody(&words).output().unwrap())
    };
    let mut seen = see(&format!("plan {BER}"));
    seen += &see(&format!("check {BER}"));
    seen += &see("verify sites/ber/out/win11-BER.iso");
    seen += &see(&format!("apply {BER}"));
    set(0o755);
    insta::assert_snapshot!(seen);
}
