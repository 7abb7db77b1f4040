//! What the tests of disc images share: trees of real files, images written without the product's own writer, and
//! independent readers that must not complain.

pub mod etfsboot;
pub mod readers;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use camino::Utf8PathBuf;
use tempfile::TempDir;
use tsmedia::content::{Content, SourceFile, Stat};
use tsmedia::date::Date;
use tsmedia::digest::Digest;
use tsmedia::firmware::Firmware;
use tsmedia::format::iso;
use tsmedia::layout::{Layout, Piece, Slack};
use tsmedia::volume::{BootEntry, Folder, Volume};

/// A tree with the files it is made of, and the image made of it.
pub struct Sample {
    pub volume: Volume,
    /// How much room is left between things.
    pub slack: Slack,
    pub folder: TempDir,
    /// Every file of the tree, and the file on this machine that holds the same.
    pub files: BTreeMap<String, PathBuf>,
    /// Every folder of the tree but the root.
    pub folders: Vec<String>,
}

impl Sample {
    pub fn new(label: &str) -> Self {
        let volume = Volume {
            label: label.into(),
            id: Digest::of(label.as_bytes()),
            date: Date::from_unix(1_767_225_600).unwrap(),
            root: Folder::default(),
            parts: Vec::new(),
            boot: Vec::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        Self { volume, slack: Slack::Ample, folder, files: BTreeMap::new(), folders: Vec::new() }
    }

    fn next_source(&self) -> PathBuf {
        self.folder.path().join(format!("source-{}", self.files.len()))
    }

    /// Adds a file that is read from a source.
    pub fn source(&mut self, path: &str, bytes: &[u8]) {
        let source = self.next_source();
        fs::write(&source, bytes).unwrap();
        self.add(path, &source);
    }

    /// Adds a file of this machine.
    pub fn add(&mut self, path: &str, source: &Path) {
        let stat = Stat::of(&fs::metadata(source).unwrap());
        let file = SourceFile { path: Utf8PathBuf::from_path_buf(source.into()).unwrap(), stat };
        self.volume.root.insert(path, Content::file(file)).unwrap();
        self.files.insert(path.into(), source.into());
        self.note_parents(path);
    }

    /// Adds a file that is made in memory.
    pub fn made(&mut self, path: &str, bytes: &[u8]) {
        let source = self.next_source();
        fs::write(&source, bytes).unwrap();
        self.volume.root.insert(path, Content::bytes(bytes)).unwrap();
        self.files.insert(path.into(), source);
        self.note_parents(path);
    }

    pub fn empty_folder(&mut self, path: &str) {
        self.volume.root.insert_folder(path).unwrap();
        self.note_parents(&format!("{path}/"));
    }

    pub fn boot(&mut self, firmware: Firmware, image: &[u8]) {
        self.volume.boot.push(BootEntry { firmware, image: Layout::from(&Content::bytes(image)) });
    }

    fn note_parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            let folder = path[..at].to_owned();
            if !self.folders.contains(&folder) {
                self.folders.push(folder);
            }
        }
    }

    /// Writes the image, over a pattern that shows every byte that was not written.
    pub fn image(&self) -> PathBuf {
        let layout = iso::layout(&self.volume, self.slack).unwrap();
        let path = self.folder.path().join("disc.iso");
        fs::write(&path, vec![0xD1; usize::try_from(layout.len()).unwrap() + 4_096]).unwrap();
        write(&layout, &path, false);
        path
    }

    /// Writes the image as a sparse file.
    pub fn sparse_image(&self) -> PathBuf {
        let path = self.folder.path().join("disc.iso");
        File::create(&path).unwrap();
        write(&iso::layout(&self.volume, self.slack).unwrap(), &path, true);
        path
    }

    /// An empty folder to extract to.
    pub fn target(&self, name: &str) -> PathBuf {
        let target = self.folder.path().join(name);
        let _ = fs::remove_dir_all(&target);
        fs::create_dir(&target).unwrap();
        target
    }

    /// Compares what a reader extracted with the tree, then removes it: the same files with the same bytes, and no
    /// others.
    pub fn assert_extracted(&self, who: &str, folder: &Path) {
        let mut found = BTreeMap::new();
        let mut found_folders = Vec::new();
        list(folder, "", &mut found, &mut found_folders);
        assert_eq!(found.keys().collect::<Vec<_>>(), self.files.keys().collect::<Vec<_>>(), "{who}: files");
        let mut folders = self.folders.clone();
        folders.sort();
        found_folders.sort();
        assert_eq!(found_folders, folders, "{who}: folders");
        for (path, source) in &self.files {
            assert!(same_bytes(source, &found[path]), "{who}: `{path}` has other bytes");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}

/// Writes what a layout says, and zeros between its extents.
pub fn write(layout: &Layout, path: &Path, sparse: bool) {
    let mut target = File::options().write(true).open(path).unwrap();
    target.set_len(layout.len()).unwrap();
    let mut at = 0;
    let fill = |target: &mut File, from: u64, to: u64| {
        if !sparse {
            target.seek(SeekFrom::Start(from)).unwrap();
            std::io::copy(&mut std::io::repeat(0).take(to - from), target).unwrap();
        }
    };
    for extent in layout.extents() {
        fill(&mut target, at, extent.offset);
        at = extent.end();
        match &extent.piece {
            Piece::Bytes(bytes) => {
                target.seek(SeekFrom::Start(extent.offset)).unwrap();
                target.write_all(bytes).unwrap();
            }
            Piece::Source { file, start } => {
                let source = File::open(file.path()).unwrap();
                let mut done = 0;
                let mut buffer = vec![0; 1 << 20];
                while done < extent.len {
                    if sparse {
                        // Files of many GiB are nearly all holes.
                        done = next_data(&source, start + done).map_or(extent.len, |at| (at - start).min(extent.len));
                    }
                    let len = usize::try_from(extent.len - done).unwrap().min(buffer.len());
                    source.read_exact_at(&mut buffer[..len], start + done).unwrap();
                    target.write_all_at(&buffer[..len], extent.offset + done).unwrap();
                    done += len as u64;
                }
            }
        }
    }
    fill(&mut target, at, layout.len());
}

/// Where in a file the next byte is that is no hole's; none if there are only holes.
fn next_data(file: &File, at: u64) -> Option<u64> {
    rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)).ok()
}

fn list(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>, folders: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), &format!("{path}/"), files, folders);
            folders.push(path);
        } else {
            files.insert(path, entry.path());
        }
    }
}

/// Whether two files hold the same, of whatever length.
pub fn same_bytes(one: &Path, other: &Path) -> bool {
    same_stream(&mut File::open(one).unwrap(), &mut File::open(other).unwrap())
}

fn same_stream(one: &mut impl Read, other: &mut impl Read) -> bool {
    let (mut here, mut there) = (vec![0; 1 << 18], vec![0; 1 << 18]);
    loop {
        let n = one.read(&mut here).unwrap();
        if n == 0 {
            return other.read(&mut there).unwrap() == 0;
        }
        if other.read_exact(&mut there[..n]).is_err() || here[..n] != there[..n] {
            return false;
        }
    }
}

/// Runs a tool whose output must be the bytes of a file.
pub fn assert_same_stream(program: &str, arguments: &[&str], file: &Path) {
    let mut child = Command::new(program).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let is_same = same_stream(child.stdout.as_mut().unwrap(), &mut File::open(file).unwrap());
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    assert!(is_same, "{program} {arguments:?}: other bytes than {}", file.display());
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

/// Runs a tool that must end well, and gives what it wrote to both of its outputs.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{text}", output.status);
    text
}

/// Runs a tool that must end well, and gives what it wrote to its output.
pub fn run_for_bytes(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    output.stdout
}

/// Fails when a reader complains.
pub fn assert_quiet(who: &str, text: &str) {
    let complaint = text.lines().find(|line| {
        // xorriso says so of every BIOS boot program that is no file of the tree, as on the discs of Microsoft.
        if line.contains("Found hidden El-Torito image. Its size could not be figured out") {
            return false;
        }
        let line = line.to_lowercase();
        // Names of files may hold these words; none of our samples does.
        ["warning", "error", "sorry", "failure", "corrupt", "invalid", "unexpected", "ignoring", "damaged", "missing"]
            .iter()
            .any(|word| line.contains(word))
    });
    assert!(complaint.is_none(), "{who} complains: {}\n{text}", complaint.unwrap_or_default());
}
