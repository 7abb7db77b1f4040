//! Loads finished media: their format, their contents, and the digests of their files.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::SeekFrom;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

use crate::device::{self, Original};
use crate::diff::{self, BootContent, MediumContents};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::iso::BootProgram;
use crate::format::wim::header::PIPABLE_MAGIC;
use crate::layout::Region;
use crate::media::data;
use crate::output::lists::{self, MediumToml};
use crate::output::{ListedFile, Listing, ParsedMedium, ReadSeek, WIM_MAGIC, starts_with};
use crate::progress::Progress;

/// Open finished medium, or a planned one that is read from its layout.
#[derive(Debug)]
pub struct FinishedMedium<R = Original<File>> {
    /// Path of the medium.
    pub path: Utf8PathBuf,
    /// Parsed structures.
    pub parsed: ParsedMedium,
    /// Contents of `medium.toml`, if tsmedia made it.
    pub medium: Option<MediumToml>,
    file: R,
    listing: Listing,
}

/// Opens a medium and reads its structures.
pub fn open(path: &Utf8Path) -> Result<FinishedMedium> {
    let mut file = device::open(path)?;
    let mut begins = |magic: &[u8; 8]| starts_with(&mut file, magic).map_err(|error| Error::io("reading", path, error));
    let is_wim = begins(WIM_MAGIC)? || begins(&PIPABLE_MAGIC)?;
    let parsed = ParsedMedium::read(&mut file).map_err(|error| Error::new(format!("reading `{path}`")).because(error));
    let parsed = match parsed {
        Ok(ParsedMedium::Wim(wim)) if wim.seal.is_none() => return Err(refused_wim(path)),
        Err(why) if is_wim => return Err(refused_wim(path).because(why)),
        parsed => parsed?,
    };
    Ok(FinishedMedium::new(path, parsed, file))
}

fn refused_wim(path: &Utf8Path) -> Error {
    Error::new(format!("`{path}` is a WIM file, not a medium"))
        .help(format!("give a medium, or run `tsmedia inspect {path}` to see the contents of the WIM file"))
}

impl<R: ReadSeek> FinishedMedium<R> {
    /// Reads the structures of a medium that tsmedia made or is about to make. `path` is only shown.
    pub fn read(path: &Utf8Path, mut file: R) -> Result<Self> {
        let parsed = ParsedMedium::read(&mut file)?;
        Ok(Self::new(path, parsed, file))
    }

    fn new(path: &Utf8Path, parsed: ParsedMedium, mut file: R) -> Self {
        let listing = Listing::from(&parsed);
        let medium = listing.medium(&mut file);
        Self { path: path.to_owned(), parsed, medium, file, listing }
    }

    /// Loads its contents and description.
    pub fn contents(&mut self, progress: &Progress) -> Result<MediumContents> {
        let digests = self.digests(progress)?;
        let has_secrets = self.medium.as_ref().is_some_and(|medium| medium.secrets.is_some());
        let files: BTreeMap<_, _> = self
            .listing
            .files
            .iter()
            .filter_map(|file| {
                let depends_on_secrets = has_secrets && data::may_hold_secrets(&file.path);
                let blake3 = if depends_on_secrets { None } else { Some(*digests.get(&file.path)?) };
                Some((file.path.clone(), diff::FileContent { len: file.len, blake3 }))
            })
            .collect();
        let mut boot = Vec::new();
        for program in self.parsed.boot().to_vec().into_iter().filter(|program| program.is_bootable) {
            boot.push(self.boot(&program, &files)?);
        }
        Ok(MediumContents {
            id: self.medium.as_ref().map(|medium| medium.id),
            label: self.parsed.label().to_owned(),
            date: self.parsed.date(),
            format_version: self.medium.as_ref().map(|medium| medium.format_version),
            description: self.medium.iter().flat_map(|medium| medium.description.iter().cloned()).collect(),
            values: None,
            boot,
            files,
            entries: Vec::new(),
            secrets: self.medium.as_ref().and_then(|medium| medium.secrets),
        })
    }

    /// Digests of its files by path, from its list if it has one, and otherwise by reading them.
    pub fn digests(&mut self, progress: &Progress) -> Result<HashMap<String, Digest>> {
        let mut digests = self.listed();
        let mut unknown: Vec<&ListedFile> =
            self.listing.files.iter().filter(|file| !digests.contains_key(&file.path)).collect();
        unknown.sort_by_key(|file| file.places.first().map(|place| place.offset));
        progress.start(unknown.iter().map(|file| file.len).sum());
        let failed =
            |path: &str, error: Error| Error::new(format!("reading `{path}` on `{}`", self.path)).because(error);
        for file in unknown {
            let digest = hash(&mut self.file, &file.places, progress).map_err(|error| failed(&file.path, error))?;
            digests.insert(file.path.clone(), digest);
        }
        Ok(digests)
    }

    /// Digests that the medium lists. Empty if the list can't be read, so that files are read instead.
    fn listed(&mut self) -> HashMap<String, Digest> {
        if self.medium.is_none() {
            return HashMap::new();
        }
        let list = self.listing.files.iter().find(|file| file.path == lists::BLAKE3SUMS);
        let Some(Ok(text)) = list.map(|list| list.read_text(&mut self.file)) else { return HashMap::new() };
        let lines = lists::parse_sums(&text).into_iter().flatten();
        lines.filter_map(|(path, digest)| Some((path.to_owned(), digest.parse().ok()?))).collect()
    }

    /// Loads a boot image: the file that starts at the same byte, or else the bytes that the boot catalog says are
    /// loaded. If the catalog leaves the length to the firmware, the bytes are not known.
    fn boot(&mut self, program: &BootProgram, files: &BTreeMap<String, diff::FileContent>) -> Result<BootContent> {
        let firmware = program.firmware();
        let starts_there = |file: &&ListedFile| file.places.first().is_some_and(|place| place.offset == program.offset);
        let file = self.listing.files.iter().find(starts_there).and_then(|file| files.get(&file.path));
        if let Some(file) = file {
            return Ok(BootContent::from_file(firmware, *file));
        }
        let bytes = match program.loaded_len() {
            Some(len) => {
                let place = Region { offset: program.offset, len: len.min(self.parsed.len() - program.offset) };
                Some(hash(&mut self.file, &[place], &Progress::default())?)
            }
            None => None,
        };
        Ok(BootContent { firmware, bytes, made_of: None })
    }
}

const BLOCK_LEN: u64 = 1 << 20;

/// Hashes the bytes of some ranges.
fn hash(image: &mut dyn ReadSeek, places: &[Region], progress: &Progress) -> Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; BLOCK_LEN as usize];
    for place in places {
        let mut at = place.offset;
        while at < place.offset + place.len {
            progress.check_cancelled()?;
            let bytes = &mut block[..(place.offset + place.len - at).min(BLOCK_LEN) as usize];
            read(image, at, bytes)?;
            hasher.update(bytes);
            at += bytes.len() as u64;
            progress.add(bytes.len() as u64);
        }
    }
    Ok(Digest(*hasher.finalize().as_bytes()))
}

fn read(image: &mut dyn ReadSeek, at: u64, bytes: &mut [u8]) -> Result<()> {
    let read = image.seek(SeekFrom::Start(at)).and_then(|_| image.read_exact(bytes));
    read.map_err(|error| Error::new(format!("reading {} bytes at byte {at}", bytes.len())).because(error))
}

/// Unit in which equal bytes are counted: a sector.
const SECTOR: usize = 2_048;

/// Number of bytes in a range of `new` whose sectors equal those from a byte of `old`.
pub fn same_len(
    old: &mut FinishedMedium<impl ReadSeek>,
    new: &mut FinishedMedium<impl ReadSeek>,
    from: u64,
    range: Range<u64>,
    progress: &Progress,
) -> Result<u64> {
    let block_len = (range.end - range.start).min(BLOCK_LEN) as usize;
    let mut blocks = [vec![0; block_len], vec![0; block_len]];
    let mut n_same = 0;
    let mut at = range.start;
    while at < range.end {
        progress.check_cancelled()?;
        let len = (range.end - at).min(BLOCK_LEN) as usize;
        let [of_old, of_new] = blocks.each_mut().map(|block| &mut block[..len]);
        read(&mut old.file, from + (at - range.start), of_old)?;
        read(&mut new.file, at, of_new)?;
        let sectors = of_old.chunks(SECTOR).zip(of_new.chunks(SECTOR));
        n_same += sectors.filter(|(old, new)| old == new).map(|(old, _)| old.len() as u64).sum::<u64>();
        progress.add(len as u64);
        at += len as u64;
    }
    Ok(n_same)
}
