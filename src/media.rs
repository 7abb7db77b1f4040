//! What a manifest means for one site: everything on the medium, found and checked.
//!
//! A [`Media`] is made by `resolve` and becomes the [`Target`]s that are built. What every medium of a kind carries of
//! its own accord (its label, its autorun file) is written here and nowhere else.

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
use crate::target::{Recipe, Target};
use crate::volume::{BootEntry, Folder};

/// One medium for one site.
#[derive(Clone, Debug)]
pub struct Media {
    /// Its name in the manifest.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// The site that it is made for, if the manifest has sites.
    pub site: Option<String>,
    /// What its output is as a file.
    pub form: Form,
    /// The volume label; of a prestaged medium its name.
    pub label: String,
    /// What else it says of itself: key and value.
    pub words: Vec<(&'static str, String)>,
    /// Every time on the medium.
    pub date: Date,
    /// Whether `autorun.inf` is written.
    pub autorun: bool,
    /// What it can hold.
    pub capacity: Capacity,
    /// Where its output is put.
    pub path: Utf8PathBuf,
    /// The same as the author wrote it, relative to the manifest.
    pub path_as_written: String,
    /// Everything on the medium.
    pub root: Folder,
    /// How it starts.
    pub boot: Vec<BootEntry>,
    /// The content entries of the manifest, in its order.
    pub entries: Vec<ContentEntry>,
    /// The template values that it is made with, by name.
    pub values: Vec<TemplateValue>,
    /// What of it depends on secrets, if anything does.
    pub secret_content: Option<SecretContent>,
    /// The discs that it is a set of, where one does not hold it.
    pub discs: Vec<Output>,
}

/// Where a client looks for packages on stand-alone media; they need not be on the first disc of a set.
pub const PACKAGES: &str = "SMS/PKG";

/// Where the label stands in clear, as Configuration Manager writes it since version 1902.
pub const LABEL_FILE: &str = "MediaLabel.txt";

/// What Windows runs, or shows, when the medium is put in.
pub const AUTORUN_FILE: &str = "autorun.inf";

/// Script that starts a medium in Windows, on media of Configuration Manager.
pub const LAUNCH_FILE: &str = "LaunchMedia.cmd";

/// Programs that start a medium in a running Windows, the preferred one first. They are Microsoft's.
pub const AUTORUN_PROGRAMS: [&str; 3] =
    ["SMS/bin/x64/TSMBAutorun.exe", "SMS/bin/i386/TSMBAutorun.exe", "SMS/bin/arm64/TSMBAutorun.exe"];

/// Program of capture media that captures, started by one of [`AUTORUN_PROGRAMS`].
pub const CAPTURE_PROGRAM: &str = "OsdCaptureCD.exe";

/// Returns the path of the program on a medium that starts it in Windows, if there is one.
pub fn autorun_program(root: &Folder) -> Option<&'static str> {
    AUTORUN_PROGRAMS.into_iter().find(|path| root.get(path).is_some())
}

/// The files that a disc or stick carries of its own accord: where, and what.
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
    /// The targets that it is made as: one, or one for each disc of a set.
    pub fn targets(mut self) -> Vec<Target> {
        let discs = std::mem::take(&mut self.discs);
        if discs.is_empty() {
            let (path, name, values) = (self.path.clone(), self.path_as_written.clone(), self.values.clone());
            return vec![Target { path, name, values, recipe: Recipe::Medium(Box::new(self.into())) }];
        }
        let target = |(number, disc): (usize, Output)| {
            let (path, name) = self.place_of_disc(number);
            Target { path, name, values: self.values.clone(), recipe: Recipe::Medium(Box::new(disc)) }
        };
        (1..).zip(discs).map(target).collect()
    }

    /// Path of a disc of a set, and the same path as the author sees it.
    pub fn place_of_disc(&self, number: usize) -> (Utf8PathBuf, String) {
        (set::numbered(self.path.as_str(), number).into(), set::numbered(&self.path_as_written, number))
    }
}

/// The medium as one.
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
        description.extend(media.words);
        let capacity = match media.capacity {
            Capacity::Unlimited => None,
            Capacity::AtMost(size) => Some(size),
        };
        // It decides how much slack the medium has.
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
