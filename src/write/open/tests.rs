use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use camino::Utf8PathBuf;

use super::*;

struct OpenScratch {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl OpenScratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        Self { _folder: folder, root }
    }

    fn put(&self, name: &str) -> Utf8PathBuf {
        let path = self.root.join(name);
        fs::write(&path, "precious").unwrap();
        path
    }
}

fn why<T>(opened: io::Result<T>) -> OpenRefusal {
    refusal(&opened.err().unwrap()).unwrap()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn only_a_regular_file_of_ours_with_one_name_is_opened_to_write() {
    let scratch = OpenScratch::new();
    let victim = scratch.put("victim");
    let path = scratch.root.join("path");
    symlink(&victim, &path).unwrap();
    assert_eq!(why(open_own(&path)), OpenRefusal::Link);
    assert_eq!(why(open_or_create(&path)), OpenRefusal::Link);
    assert_eq!(why(open_to_inspect(&path)), OpenRefusal::Link);
    assert_eq!(create_new(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    fs::remove_file(&path).unwrap();
    symlink("nowhere", &path).unwrap();
    assert_eq!(why(open_or_create(&path)), OpenRefusal::Link);
    fs::remove_file(&path).unwrap();
    fs::hard_link(&victim, &path).unwrap();
    assert_eq!(why(open_own(&path)), OpenRefusal::SecondName);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(why(open_own(&path)), OpenRefusal::NotAFile);
    fs::remove_dir(&path).unwrap();
    // Opening a pipe without a reader must not wait for one.
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert_eq!(why(open_own(&path)), OpenRefusal::NotAFile);
    assert_eq!(why(open_to_inspect(&path)), OpenRefusal::NotAFile);
    fs::remove_file(&path).unwrap();
    assert!(open_or_create(&path).is_ok() && open_own(&path).is_ok());
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_file_of_another_user_is_not_written_to() {
    if !is_root() {
        eprintln!("not tested: only root can give a file away");
        return;
    }
    let scratch = OpenScratch::new();
    let path = scratch.put("path");
    std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
    assert_eq!(why(open_own(&path)), OpenRefusal::Owner(65_534));
    assert!(open_to_inspect(&path).is_ok());
    std::os::unix::fs::chown(&scratch.root, Some(65_534), None).unwrap();
    assert_eq!(why(check_folder(&scratch.root)), OpenRefusal::Owner(65_534));
}

#[test]
fn a_private_file_is_refused_if_others_may_read_or_write_it() {
    let scratch = OpenScratch::new();
    let path = scratch.root.join("key");
    drop(create_private(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(open_private(&path).is_ok());
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(why(open_private(&path)), OpenRefusal::Permissions(mode));
    }
    let error = failed("reading", &path, OpenRefusal::Permissions(0o640).into());
    assert_eq!(error.advice().unwrap(), format!("run `chmod 600 {path}`"));
    let folder = scratch.root.join("folder");
    create_private_folder(&folder).unwrap();
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_of_our_own_is_not_a_link() {
    let scratch = OpenScratch::new();
    let (real, link) = (scratch.root.join("a/real"), scratch.root.join("link"));
    create_own_folder(&real).unwrap();
    create_own_folder(&real).unwrap();
    symlink(&real, &link).unwrap();
    assert_eq!(why(create_own_folder(&link)), OpenRefusal::Link);
    assert_eq!(why(check_folder(&link)), OpenRefusal::Link);
    assert_eq!(why(check_folder(&scratch.put("file"))), OpenRefusal::NotAFolder);
    fs::write(real.join("file"), "kept").unwrap();
    remove_tree(&link).unwrap();
    assert!(!is_link(&link) && real.join("file").exists());
    remove_tree(&link).unwrap();
}

#[test]
fn a_file_that_is_read_whole_has_a_limit() {
    let scratch = OpenScratch::new();
    let path = scratch.put("file");
    assert_eq!(read_own(&path, 8).unwrap(), b"precious");
    assert_eq!(read_own(&path, 7).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert!(read_own("/dev/zero".into(), 8).is_err());
}

#[test]
fn of_two_files_the_first_keeps_the_name() {
    let scratch = OpenScratch::new();
    let (a, b) = (scratch.put("a"), scratch.root.join("b"));
    let file = File::open(&a).unwrap();
    assert!(rename_new(&a, &b).unwrap());
    assert!(is_named(&file, &b) && !is_named(&file, &a));
    assert!(!rename_new(&scratch.put("a"), &b).unwrap() && is_named(&file, &b));
}
