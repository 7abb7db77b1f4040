//! `tsmedia capture`: a WIM file of folders, volumes and disks.

use camino::{Utf8Path, Utf8PathBuf};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::file_kind::{self, FileKind};
use super::screen::Screen;
use super::{Outcome, project};
use crate::capture::{self, CaptureJob, ContentCompression, Exclusions, IfExists, ImageDescription, SourceOptions};
use crate::date::Date;
use crate::error::{Error, Result};
use crate::format::fat::CodePage;
use crate::format::partitions::Selection;
use crate::inputs::Inputs;
use crate::manifest::Placeholders;
use crate::project::refuse_input;
use crate::report;
use crate::write::DiskOps;

const AFTER_HELP: &str = "\
Left out, unless --config or --no-exclusions says otherwise, is what Windows' own capture leaves
out: page files, hiberfil.sys, recycle bins, System Volume Information, Windows\\CSC.

Volumes that hold neither NTFS nor FAT, and all on USB, are skipped. Of a disk with other
volumes, one that can't be read is left out with a warning.

A virtual disk may be made of other files: a backing file, a parent, extents. Extents beside
their descriptor belong to it; all other files must be allowed with --allow-reference.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Folders, NTFS or FAT volumes, or whole disks (image files or block devices).
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<Utf8PathBuf>,
    /// The WIM file to make.
    #[arg(short, long, value_name = "FILE")]
    output: Utf8PathBuf,
    /// What an image is called; once for each source. Unless given, as its source.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// What the images are.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Who made the images.
    #[arg(long, value_name = "TEXT")]
    created_by: Option<String>,
    /// The version of the images.
    #[arg(long, value_name = "VERSION")]
    image_version: Option<String>,
    /// Capture only the partition with this number; repeat it for several.
    #[arg(long = "partition", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    partitions: Vec<u32>,
    /// Skip the partition with this number; repeat it for several.
    #[arg(long = "skip-partition", value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "partitions")]
    skip_partitions: Vec<u32>,
    /// Fail if a volume can't be read, instead of leaving it out.
    #[arg(long)]
    strict: bool,
    /// Let virtual disks refer to this file; repeat it for several.
    #[arg(long = "allow-reference", value_name = "FILE")]
    references: Vec<Utf8PathBuf>,
    /// How contents are compressed.
    #[arg(long, value_enum, default_value_t = Compression::Lzx, conflicts_with = "append")]
    compression: Compression,
    /// How many threads compress; as many as there are processors unless given.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: u32,
    /// A file that lists what is left out, in the format of `wimcapture --config` and `WimScript.ini`.
    #[arg(long, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
    /// Leave nothing out.
    #[arg(long, conflicts_with = "config")]
    no_exclusions: bool,
    /// Treatment of files whose contents are not on their volume: deduplicated, offline, kept in a cloud.
    #[arg(long, value_enum, default_value_t = Placeholders::Refuse, value_name = "WHAT")]
    placeholders: Placeholders,
    /// OEM code page of short names on FAT volumes, such as 850 for Western Europe. Long names don't need it.
    #[arg(long, value_name = "NUMBER", default_value = "437", value_parser = parse_code_page)]
    oem_code_page: CodePage,
    /// Add an integrity table.
    #[arg(long)]
    check: bool,
    /// When the images are said to be made, in seconds since 1970; `SOURCE_DATE_EPOCH` or 1980-01-01 unless given.
    #[arg(long, value_name = "SECONDS", value_parser = parse_date)]
    date: Option<Date>,
    /// Replace the file that is there.
    #[arg(long, conflicts_with = "append")]
    force: bool,
    /// Add the images to those of the file that is there, compressed as they are.
    #[arg(long)]
    append: bool,
    /// Take what has not changed since, by size and times, from the WIM file of an earlier capture.
    #[arg(long, value_name = "FILE")]
    update_from: Option<Utf8PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Compression {
    /// Not at all.
    None,
    /// XPRESS: fast, and larger.
    Xpress,
    /// LZX: as Windows does it.
    Lzx,
    /// LZMS over many files at once: smallest and slow; nothing boots from it.
    Solid,
}

impl ValueEnum for Placeholders {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Refuse, Self::LeaveOut, Self::Keep]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Refuse => "Fail, and name them",
            Self::LeaveOut => "Leave them out of the image",
            Self::Keep => "Capture them as they are, with their reparse points",
        };
        Some(PossibleValue::new(self.as_str()).help(help))
    }
}

fn parse_code_page(text: &str) -> std::result::Result<CodePage, String> {
    text.parse().ok().and_then(CodePage::new).ok_or_else(|| {
        let numbers: Vec<_> = CodePage::all().map(|page| page.number().to_string()).collect();
        format!("use one of {}", numbers.join(", "))
    })
}

fn parse_date(text: &str) -> std::result::Result<Date, String> {
    let date = text.parse().ok().and_then(Date::from_unix);
    date.ok_or_else(|| "give it as seconds since 1970, between 1980 and 2099".into())
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let kinds = [FileKind::Folder, FileKind::DiskImage, FileKind::DiscImage, FileKind::VirtualDisk];
    for source in &arguments.sources {
        file_kind::expect(source, &kinds, "a folder, a volume or a disk")?;
    }
    let date = match arguments.date {
        Some(date) => date,
        None => project::source_date()?,
    };
    let exclusions = match &arguments.config {
        Some(path) if !path.is_file() => {
            return Err(
                Error::new(format!("`{path}` is not a file")).help("`--config` takes a list of what is left out")
            );
        }
        Some(path) => Exclusions::File(path),
        None if arguments.no_exclusions => Exclusions::None,
        None => Exclusions::Windows,
    };
    let (n_names, n_sources) = (arguments.names.len(), arguments.sources.len());
    if n_names > 0 && n_names != n_sources {
        return Err(Error::new(format!("there are {n_names} names for {n_sources} sources"))
            .help("give `--name` once for each source, in the same order"));
    }
    let options = |(at, path): (usize, &Utf8PathBuf)| SourceOptions {
        path: path.clone(),
        name: arguments.names.get(at).cloned(),
        partitions: Selection::new(&arguments.partitions, &arguments.skip_partitions),
        references: arguments.references.clone(),
    };
    let sources: Vec<_> = arguments.sources.iter().enumerate().map(options).collect();
    let work = CaptureJob {
        sources: &sources,
        target: &arguments.output,
        about: ImageDescription {
            description: arguments.description.clone(),
            created_by: arguments.created_by.clone(),
            version: arguments.image_version.clone(),
        },
        packing: match arguments.compression {
            Compression::None => ContentCompression::None,
            Compression::Xpress => ContentCompression::Xpress,
            Compression::Lzx => ContentCompression::Lzx,
            Compression::Solid => ContentCompression::Solid,
        },
        n_threads: arguments.threads,
        exclusions,
        placeholders: arguments.placeholders,
        oem_code_page: arguments.oem_code_page,
        with_check: arguments.check,
        strict: arguments.strict,
        date,
        existing: match (arguments.force, arguments.append) {
            (_, true) => IfExists::Append,
            (true, _) => IfExists::Replace,
            _ => IfExists::Refuse,
        },
        update_from: arguments.update_from.as_deref(),
        sysfs: Utf8Path::new("/sys"),
        disk: DiskOps::default(),
    };
    let mut inputs = Inputs::default();
    arguments.config.iter().for_each(|path| inputs.note(path));
    // A capture may take the place of the one that it is updated from: it has all that it took from there.
    refuse_input(&arguments.output, &inputs)?;
    let captured =
        screen.watch(&format!("capturing {}", arguments.output), |progress| capture::capture(&work, progress))?;
    if screen.json {
        return screen.json(&report::captured_json(&captured, &arguments.output));
    }
    screen.say_page(&report::captured(&captured, &arguments.output));
    Ok(Outcome::Done)
}
