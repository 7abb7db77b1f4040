//! A project of three packages, and one that depends on a template value, that is edited at random.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use camino::Utf8PathBuf;
use tsmedia::content::Content;
use tsmedia::date::Date;
use tsmedia::format::partitions::PartitionScheme;
use tsmedia::manifest::{self, Options};
use tsmedia::media::data;
use tsmedia::output;
use tsmedia::problem::Problems;
use tsmedia::resolve::Resolver;
use tsmedia::target::Target;
use tsmedia::volume::Node;

use crate::fixtures::disc::Sample;
use crate::fixtures::sandbox::Sandbox;

const PACKAGES: [&str; 3] = ["BER00001", "BER00002", "BER00003"];

/// On the medium if a template value says so.
const OPTIONAL: &str = "BER00004";

/// Files that tsmedia writes itself: readers must agree with each other on their contents.
const OWN_LISTS: [&str; 3] = ["tsmedia/medium.toml", "tsmedia/BLAKE3SUMS", "tsmedia/SHA256SUMS"];

/// The boot files of a [`Sandbox`].
const BOOT_FILES: [&str; 7] = [
    "bootmgr",
    "boot/bcd",
    "boot/boot.sdi",
    "boot/etfsboot.com",
    "efi/boot/bootx64.efi",
    "efi/microsoft/boot/bcd",
    "efi/microsoft/boot/efisys_noprompt.bin",
];

/// Output of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    StandAlone,
    Stick(PartitionScheme),
    Prestaged,
}

impl Kind {
    pub fn output(self) -> &'static str {
        match self {
            Self::StandAlone => "out/medium.iso",
            Self::Stick(_) => "out/medium.img",
            Self::Prestaged => "out/medium.wim",
        }
    }
}

pub struct Project {
    pub kind: Kind,
    pub sandbox: Sandbox,
    /// The files of the packages, by package and name, with their lengths.
    files: BTreeMap<(usize, String), usize>,
    edition: u64,
    has_tools: bool,
    random: Random,
}

impl Project {
    pub fn new(kind: Kind, seed: u64) -> Self {
        let sandbox = Sandbox::empty();
        sandbox.put_boot();
        sandbox.put(&format!("packages/{OPTIONAL}/tools/tool.exe"), noise(40_000, 1));
        let random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut project = Self { kind, sandbox, files: BTreeMap::new(), edition: 1, has_tools: false, random };
        for n in 0..60 {
            let len = project.random.below(6_000);
            project.put(n % 2, &format!("folder {}/file {n}.dat", n % 5), len);
        }
        // A package of several MiB before a large file: when it gets longer, the file moves, and that it is not
        // written anew is worth something.
        for n in 0..5 {
            project.put(0, &format!("part {n}.cab"), 850_000 + n * 7_001);
        }
        for (package, name, len) in [
            (0, "größer.bin", 70_000),
            (1, "middle.bin", 300_000),
            (1, "setup.cab", (1 << 20) + 250_000),
            (2, "install.wim", (5 << 20) + 12_345),
        ] {
            project.put(package, name, len);
        }
        // A disk of a virtual machine: nearly all of it is a hole.
        let disk = File::create(project.path(2, "disk.vhd")).unwrap();
        disk.set_len(2 << 20).unwrap();
        disk.write_all_at(b"conectix", 1 << 20).unwrap();
        project.files.insert((2, "disk.vhd".into()), 2 << 20);
        project.put_manifest();
        project
    }

    fn path(&self, package: usize, name: &str) -> Utf8PathBuf {
        self.sandbox.path(&format!("packages/{}/{name}", PACKAGES[package]))
    }

    fn put(&mut self, package: usize, name: &str, len: usize) {
        let bytes = noise(len, self.random.next());
        self.sandbox.put(&format!("packages/{}/{name}", PACKAGES[package]), bytes);
        self.files.insert((package, name.into()), len);
    }

    fn label(&self) -> String {
        format!("WIN11 ED{}", self.edition)
    }

    fn put_manifest(&self) {
        let (name, rest) = match self.kind {
            Kind::StandAlone | Kind::Stick(_) => {
                ("win11", "kind = \"stand-alone\"\nlabel = \"WIN11 ED{{ vars.edition }}\"")
            }
            Kind::Prestaged => ("WIN11 ED{{ vars.edition }}", "kind = \"prestaged\""),
        };
        let mut text = format!(
            r#"manifest-version = 1

[media]
name = "{name}"
{rest}
source-date = 2026-01-01

[vars]
edition = {}
tools = {}

[output]
{}path = "{}"

[boot]
image = {{ file = "images/boot.wim" }}
files = "boot-files"
"#,
            self.edition,
            self.has_tools,
            match self.kind {
                Kind::Stick(PartitionScheme::Mbr) => "format = \"usb\"\n",
                Kind::Stick(PartitionScheme::Gpt) => "format = \"usb\"\npartition-table = \"gpt\"\n",
                _ => "",
            },
            self.kind.output()
        );
        text += match self.kind {
            Kind::StandAlone | Kind::Stick(_) => "prompt = false\n",
            Kind::Prestaged => "\n[[operating-system]]\nid = \"BER00010\"\nfile = \"images/boot.wim\"\n",
        };
        for id in PACKAGES {
            text += &format!("\n[[package]]\nid = \"{id}\"\nsource = \"packages/{id}\"\n");
        }
        text += &format!("\n[[package]]\nid = \"{OPTIONAL}\"\nsource = \"packages/{OPTIONAL}\"\n");
        text += "when = \"{{ vars.tools }}\"\n";
        self.sandbox.put("media.toml", text);
    }

    /// One to three edits, and what they are.
    pub fn edit(&mut self) -> String {
        let edits: Vec<_> = (0..=self.random.below(3)).map(|_| self.edit_once()).collect();
        // So that what was read before is not of the same tick of the clock as what is written next.
        std::thread::sleep(std::time::Duration::from_millis(25));
        edits.join(", ")
    }

    fn edit_once(&mut self) -> String {
        let files: Vec<_> = self.files.iter().map(|(key, len)| (key.clone(), *len)).collect();
        // Large files are few, and every third edit is to be of one.
        let is_large = self.random.below(3) == 0;
        let chosen: Vec<_> = files.iter().filter(|(_, len)| (*len >= 1 << 20) == is_large).collect();
        let ((package, name), len) = chosen[self.random.below(chosen.len())].clone();
        // Within the slack, or past it.
        let step = if self.random.below(2) == 0 { 1 + self.random.below(3_000) } else { len / 16 + 4_096 };
        let other = format!("new {}/file.bin", self.random.below(1_000));
        match self.random.below(12) {
            0 | 1 => {
                self.put(package, &name, len);
                format!("`{name}` is another one")
            }
            2 | 3 => {
                self.put(package, &name, len + step);
                format!("`{name}` grows by {step}")
            }
            4 => {
                self.put(package, &name, len - step.min(len));
                format!("`{name}` shrinks by {step}")
            }
            5 => {
                let len = [300, 80_000, 320_000][self.random.below(3)];
                self.put(package, &other, len);
                format!("`{other}` comes with {len} bytes")
            }
            6 if !is_large => {
                fs::remove_file(self.path(package, &name)).unwrap();
                self.files.remove(&(package, name.clone()));
                format!("`{name}` goes")
            }
            6 | 7 => {
                let to = if self.random.below(2) == 0 { package } else { (package + 1) % PACKAGES.len() };
                let new = self.path(to, &other);
                fs::create_dir_all(new.parent().unwrap()).unwrap();
                fs::rename(self.path(package, &name), new).unwrap();
                let len = self.files.remove(&(package, name.clone())).unwrap();
                self.files.insert((to, other.clone()), len);
                format!("`{name}` of {} is `{other}` of {}", PACKAGES[package], PACKAGES[to])
            }
            8 => {
                self.edition += 1;
                self.put_manifest();
                format!("the label is `{}`", self.label())
            }
            9 | 10 => self.add_or_remove_bulk(),
            _ => {
                self.has_tools = !self.has_tools;
                self.put_manifest();
                format!("`tools` is {}", self.has_tools)
            }
        }
    }

    /// Changes the length of the first package by more than its slack.
    fn add_or_remove_bulk(&mut self) -> String {
        let bulk = (0, "bulk.cab".to_owned());
        if self.files.remove(&bulk).is_some() {
            fs::remove_file(self.path(0, &bulk.1)).unwrap();
            return "`bulk.cab` goes".into();
        }
        self.put(0, &bulk.1, 600_000);
        "`bulk.cab` comes".into()
    }

    /// The medium that the manifest means at this moment.
    pub fn target(&self) -> Target {
        let mut problems = Problems::default();
        let rendered = manifest::load(&self.sandbox.path("media.toml"), &Options::default(), &mut problems).unwrap();
        let media = Resolver::default().resolve(&rendered[0], Date::EARLIEST, &mut problems);
        media.unwrap_or_else(|| panic!("{problems:?}")).targets().remove(0)
    }

    /// Expected contents of the medium, taken from the project and not from tsmedia.
    pub fn sample(&self) -> Sample {
        let mut sample = Sample::new(&self.label());
        // A folder stays when the last of its files goes.
        for id in PACKAGES {
            for folder in self.sandbox.path(&format!("packages/{id}")).read_dir_utf8().unwrap() {
                let folder = folder.unwrap();
                if folder.file_type().unwrap().is_dir() {
                    sample.empty_folder(&format!("SMS/PKG/{id}/{}", folder.file_name()));
                }
            }
        }
        let mut add = |path: &str, source: String| sample.add(path, self.sandbox.path(&source).as_std_path());
        for (package, name) in self.files.keys() {
            let id = PACKAGES[*package];
            add(&format!("SMS/PKG/{id}/{name}"), format!("packages/{id}/{name}"));
        }
        if self.has_tools {
            add(&format!("SMS/PKG/{OPTIONAL}/tools/tool.exe"), format!("packages/{OPTIONAL}/tools/tool.exe"));
        }
        for path in BOOT_FILES {
            add(path, format!("boot-files/{path}"));
        }
        add("sources/boot.wim", "images/boot.wim".into());
        match self.kind {
            Kind::StandAlone | Kind::Stick(_) => {
                let label = self.label();
                sample.made("MediaLabel.txt", format!("label={label}\r\n").as_bytes());
            }
            Kind::Prestaged => add("SMS/PKG/BER00010/boot.wim", "images/boot.wim".into()),
        }
        // What it tells the client is made; other tests read it.
        let target = self.target();
        let output = target.medium().unwrap();
        for path in [data::BOOTSTRAP_FILE, data::VARIABLES_FILE] {
            let Some(Node::File(Content::Bytes(bytes))) = output.root.get(path) else { panic!("{path}") };
            sample.made(path, bytes);
        }
        let mut medium = File::open(self.sandbox.path(self.kind.output())).unwrap();
        let listing = output::read(&mut medium).unwrap();
        for path in OWN_LISTS {
            let listed = listing.files.iter().find(|file| file.path == path).unwrap();
            sample.made(path, listed.read_text(&mut medium).unwrap().as_bytes());
        }
        sample
    }
}

/// Numbers that follow from the first one.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Bytes that look like nothing, the same for the same seed.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}
