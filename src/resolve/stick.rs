//! What a stick can't hold, or Windows may stumble over: FAT32 ends files at 4 GiB, and has its own limits beside.

use super::Draft;
use super::start::IMAGE;
use crate::format::fat::MAX_FILE_LEN;
use crate::format::stick::{is_content, is_too_large};
use crate::manifest::{LargeFiles, OutputFormat};
use crate::problem::Problem;
use crate::size::Size;

/// The most that the tools of Windows format as FAT32.
const MAX_FORMATTED_LEN: u64 = 32 << 30;

impl Draft<'_> {
    /// Complains of what is on a medium and can't be on a stick.
    pub(super) fn check_stick(&mut self) {
        if self.rendered.manifest.format() != OutputFormat::Usb {
            return;
        }
        let files = self.root.files();
        let has_ntfs = self.rendered.manifest.output.large_files == Some(LargeFiles::Ntfs);
        let is_there = |path: &str, len: u64| has_ntfs && is_too_large(path, len);
        let is_split = files.iter().any(|(path, content)| is_there(path, content.len()));
        // What is on the second partition as a whole counts there.
        let is_on_fat = |path: &str, len: u64| !is_split || !(is_content(path) || is_there(path, len));
        let on_fat = files.iter().filter(|(path, content)| is_on_fat(path, content.len()));
        let len: u64 = on_fat.map(|(_, content)| content.len()).sum();
        let large =
            files.into_iter().filter(|(path, content)| content.len() > MAX_FILE_LEN && is_on_fat(path, content.len()));
        let large: Vec<_> = large.map(|(path, content)| (path, content.len())).collect();
        for (path, len) in &large {
            self.too_large(path, *len);
        }
        if large.is_empty() && len > MAX_FORMATTED_LEN {
            let message = format!(
                "the stick holds {}, and the tools of Windows format no FAT32 volume of more than {}",
                Size(len),
                Size(MAX_FORMATTED_LEN)
            );
            let problem = Problem::warning(message).rule("R9").at(self.place("/output/format"), "");
            self.problems.add(
                problem
                    .help("Windows reads it all the same; leave something out if the stick is to be made there anew"),
            );
        }
    }

    /// A file that is too large for FAT32, at the line that names it.
    fn too_large(&mut self, path: &str, len: u64) {
        let is_startable = !is_too_large(path, len);
        let holds = |folder: &str| {
            folder == "." || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let entries = self.entries.iter().zip(&self.pointers).filter(|(entry, _)| holds(&entry.path));
        let nearest = entries.max_by_key(|(entry, _)| entry.path.len());
        let at = nearest.map_or(IMAGE, |(_, pointer)| pointer.as_str());
        let message =
            format!("`{path}` has {len} bytes, and a stick (FAT32) holds files of at most {MAX_FILE_LEN} bytes");
        let problem = Problem::error(message).rule("R8").at(self.place(at), "comes from here");
        let is_wim = path.to_ascii_lowercase().ends_with(".wim");
        if is_startable {
            self.problems.add(problem.help("what starts has to be on FAT32: make the boot image smaller, or a disc"));
            return;
        }
        self.problems.add(problem.help(match is_wim {
            true => {
                "write `large-files = \"split\"` in `[output]` to have it split into parts that Windows reads as one, or \
                 `large-files = \"ntfs\"` to have it on a second partition"
            }
            false => {
                "write `large-files = \"ntfs\"` in `[output]` to have it on a second partition; `\"split\"` is for WIM \
                 files"
            }
        }));
    }
}
