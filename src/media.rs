//! A resolved medium for one site: all its content, found and checked.
//!
//! `resolve` creates a [`Media`], which becomes the [`Target`]s to build. The files that every
//! medium of a kind carries (label, autorun file) are generated here only.

pub mod data;
pub mod set;
mod windows_text;

use camino::Utf8PathBuf;

pub use windows_text::windows_text;

use crate::content::Content;
use crate::date::Date;
use crate::format::partitions::PartitionScheme;
use crate::manifest::{Capacity, Kind};
use crate::output::{ContentEntry, Form, Output, SecretContent, TemplateValue};
use crate::target::{Recipe, Target, TargetFacts};
use crate::volume::{BootEntry, Folder};

/// A resolved medium for one site.
#[derive(Clone, Debug)]
pub struct Media {
    /// Name in the manifest.
    pub name: String,
    /// Kind of medium.
    pub kind: Kind,
    /// Site code; `None` if the manifest has no sites.
    pub site: Option<String>,
    /// File format of the output.
    pub form: Form,
    /// Volume label; the name for prestaged media.
    pub label: String,
    /// Optional descriptive entries: key and value.
    pub description: Vec<(&'static str, String)>,
    /// Date of everything on the medium.
    pub date: Date,
    /// Write `autorun.inf`.
    pub autorun: bool,
    /// Capacity of the medium.
    pub capacity: Capacity,
    /// Path of the output.
    pub path: Utf8PathBuf,
    /// Path of the output as written, relative to the manifest.
    pub path_as_written: String,
    /// Tree of all files.
    pub root: Folder,
    /// Boot catalog entries.
    pub boot: Vec<BootEntry>,
    /// Content entries, in the order of the manifest.
    pub entries: Vec<ContentEntry>,
    /// Template values that the medium depends on, by name.
    pub values: Vec<TemplateValue>,
    /// Fingerprints of the secrets in it; `None` without secrets.
    pub secret_content: Option<SecretContent>,
    /// Discs of the set, if one disc is too small.
    pub discs: Vec<Output>,
}

/// Folder of packages on stand-alone media. In a disc set, packages may be on any disc.
pub const PACKAGES: &str = "SMS/PKG";

/// Label in clear text, as Configuration Manager writes it since version 1902.
pub const LABEL_FILE: &str = "MediaLabel.txt";

/// File that Windows evaluates when the medium is inserted.
pub const AUTORUN_FILE: &str = "autorun.inf";

/// Script that starts a Configuration Manager medium from Windows.
pub const LAUNCH_FILE: &str = "LaunchMedia.cmd";

/// Programs that start a medium from Windows, in order of preference. They belong to Microsoft.
pub const AUTORUN_PROGRAMS: [&str; 3] =
    ["SMS/bin/x64/TSMBAutorun.exe", "SMS/bin/i386/TSMBAutorun.exe", "SMS/bin/arm64/TSMBAutorun.exe"];

/// Program that performs the capture on capture media, started by one of [`AUTORUN_PROGRAMS`].
pub const CAPTURE_PROGRAM: &str = "OsdCaptureCD.exe";

/// Returns the path of the program that starts a medium from Windows; `None` if it has none.
pub fn autorun_program(root: &Folder) -> Option<&'static str> {
    AUTORUN_PROGRAMS.into_iter().find(|path| root.get(path).is_some())
}

/// Returns the files that every disc or stick carries, by path.
pub fn own_files(label: &str, autorun: bool, root: &Folder) -> Vec<(&'static str, Content)> {
    let mut files = vec![(LABEL_FILE, Content::bytes(format!("label={label}\r\n").into_bytes()))];
    if autorun {
        let open = match autorun_program(root) {
            Some(program) => format!("open={}\r\n", program.replace('/', "\\")),
            None => String::new(),
        };
        let text = format!("[autorun]\r\nlabel={label}\r\n{open}");
        files.push((AUTORUN_FILE, Content::bytes(text.into_bytes())));
    }
    files
}

impl Media {
    /// Returns the targets to build: one, or one per disc of a set.
    pub fn targets(mut self) -> Vec<Target> {
        let discs = std::mem::take(&mut self.discs);
        if discs.is_empty() {
            let (path, name, values) = (self.path.clone(), self.path_as_written.clone(), self.values.clone());
            let recipe = Recipe::Medium(Box::new(self.into()));
            return vec![Target { path, name, values, recipe, facts: TargetFacts::default() }];
        }
        let target = |(number, disc): (usize, Output)| {
            let (path, name) = self.disc_path(number);
            let recipe = Recipe::Medium(Box::new(disc));
            Target { path, name, values: self.values.clone(), recipe, facts: TargetFacts::default() }
        };
        (1..).zip(discs).map(target).collect()
    }

    /// Returns the path of a disc of a set, absolute and as the author sees it.
    pub fn disc_path(&self, number: usize) -> (Utf8PathBuf, String) {
        (set::numbered(self.path.as_str(), number).into(), set::numbered(&self.path_as_written, number))
    }
}

/// Converts a medium that is not a disc set.
impl From<Media> for Output {
    fn from(media: Media) -> Self {
        let mut description = vec![("kind", media.kind.as_str().into()), ("name", media.name)];
        description.extend(media.site.map(|site| ("site", site)));
        if let Form::Stick(scheme) | Form::StickWithNtfs(scheme) = media.form {
            let table = match scheme {
                PartitionScheme::Mbr => "mbr",
                PartitionScheme::Gpt => "gpt",
            };
            description.extend([("format", "usb".into()), ("partition-table", table.into())]);
            if let Form::StickWithNtfs(_) = media.form {
                description.push(("large-files", "ntfs".into()));
            }
        }
        description.extend(media.description);
        let capacity = match media.capacity {
            Capacity::Unlimited => None,
            Capacity::AtMost(size) => Some(size),
        };
        // The capacity determines the amount of slack.
        description.extend(capacity.map(|capacity| ("capacity", format!("{} bytes", capacity.0))));
        Self {
            form: media.form,
            description,
            label: media.label,
            date: media.date,
            root: media.root,
            boot: media.boot,
            capacity,
            entries: media.entries,
            secret_content: media.secret_content,
            disc: None,
        }
    }
}
