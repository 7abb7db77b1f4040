//! `tsmedia capture`: writes a WIM file from folders, volumes or disks.

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

/// Headings of options.
const IMAGES: &str = "Names and texts of images";
const CONTENT: &str = "Content";
const FILE: &str = "WIM file";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folders, NTFS or FAT volumes, or whole disks (image files or block devices).
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<Utf8PathBuf>,
    /// WIM file to write.
    #[arg(short, long, value_name = "FILE", help_heading = FILE)]
    output: Utf8PathBuf,
    /// Replace an existing file.
    #[arg(long, conflicts_with = "append", help_heading = FILE)]
    force: bool,
    /// Add the images to an existing file, with its compression.
    #[arg(long, help_heading = FILE)]
    append: bool,
    /// Take files with unchanged size and times from an earlier capture.
    #[arg(long, value_name = "FILE", help_heading = FILE)]
    update_from: Option<Utf8PathBuf>,
    /// Compression of file contents.
    #[arg(long, value_enum, default_value_t = CompressionArgument::Lzx, conflicts_with = "append", help_heading = FILE)]
    compression: CompressionArgument,
    /// Number of compression threads; by default, one per processor.
    #[arg(hide_short_help = true, long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = FILE)]
    threads: u32,
    /// Add an integrity table.
    #[arg(hide_short_help = true, long, help_heading = FILE)]
    check: bool,
    /// Name of an image, once for each source; by default, the name of its source.
    #[arg(long = "name", value_name = "NAME", help_heading = IMAGES)]
    names: Vec<String>,
    /// Description of the images.
    #[arg(long, value_name = "TEXT", help_heading = IMAGES)]
    description: Option<String>,
    /// Author of the images.
    #[arg(hide_short_help = true, long, value_name = "TEXT", help_heading = IMAGES)]
    created_by: Option<String>,
    /// Version of the images.
    #[arg(hide_short_help = true, long, value_name = "VERSION", help_heading = IMAGES)]
    image_version: Option<String>,
    /// Creation date of the images, in seconds since 1970; by default, `SOURCE_DATE_EPOCH` or 1980-01-01.
    #[arg(hide_short_help = true, long, value_name = "SECONDS", value_parser = parse_date, help_heading = IMAGES)]
    date: Option<Date>,
    /// Capture only the partition with this number; repeat for several.
    #[arg(long = "partition", value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = CONTENT)]
    partitions: Vec<u32>,
    /// Skip the partition with this number; repeat for several.
    #[arg(long = "skip-partition", value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "partitions", help_heading = CONTENT)]
    skip_partitions: Vec<u32>,
    /// Fail if a volume can't be read, instead of leaving it out.
    #[arg(hide_short_help = true, long, help_heading = CONTENT)]
    strict: bool,
    /// Allow virtual disks to refer to this file; repeat for several.
    #[arg(hide_short_help = true, long = "allow-reference", value_name = "FILE", help_heading = CONTENT)]
    references: Vec<Utf8PathBuf>,
    /// List of exclusions, in the format of `WimScript.ini` (`wimcapture --config`).
    #[arg(hide_short_help = true, long, value_name = "FILE", help_heading = CONTENT)]
    config: Option<Utf8PathBuf>,
    /// Exclude nothing.
    #[arg(long, conflicts_with = "config", help_heading = CONTENT)]
    no_exclusions: bool,
    /// Handling of files whose contents are not on their volume: deduplicated, offline or in a cloud.
    #[arg(hide_short_help = true, long, value_enum, default_value_t = Placeholders::Refuse, value_name = "ACTION", help_heading = CONTENT)]
    placeholders: Placeholders,
    /// OEM code page of short names on FAT volumes, such as 850 for Western Europe; long names don't need it.
    #[arg(hide_short_help = true, long, value_name = "NUMBER", default_value = "437", value_parser = parse_code_page, help_heading = CONTENT)]
    oem_code_page: CodePage,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CompressionArgument {
    /// Uncompressed.
    None,
    /// XPRESS: fast, larger files.
    Xpress,
    /// LZX: Windows' default.
    Lzx,
    /// Solid LZMS: slow, smallest files; not bootable.
    Solid,
}

impl ValueEnum for Placeholders {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Refuse, Self::LeaveOut, Self::Keep]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Refuse => "Fail and list them",
            Self::LeaveOut => "Leave them out of the image",
            Self::Keep => "Capture them unchanged, with their reparse points",
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
    date.ok_or_else(|| "write seconds since 1970, for a date between 1980 and 2099".into())
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
            return Err(Error::new(format!("`{path}` is not a file"))
                .help("`--config` takes a list of exclusions, such as `WimScript.ini`"));
        }
        Some(path) => Exclusions::File(path),
        None if arguments.no_exclusions => Exclusions::None,
        None => Exclusions::Windows,
    };
    let (n_names, n_sources) = (arguments.names.len(), arguments.sources.len());
    if n_names > 0 && n_names != n_sources {
        return Err(Error::new(format!("{n_names} names were given for {n_sources} sources"))
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
            CompressionArgument::None => ContentCompression::None,
            CompressionArgument::Xpress => ContentCompression::Xpress,
            CompressionArgument::Lzx => ContentCompression::Lzx,
            CompressionArgument::Solid => ContentCompression::Solid,
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
    // The file of `--update-from` is not among the inputs: a capture may replace the file it is updated from, since it contains everything
    // that it took from there.
    refuse_input(&arguments.output, &inputs)?;
    let captured = screen
        .with_progress(&format!("capturing {}", arguments.output), |progress| capture::capture(&work, progress))?;
    if screen.json {
        return screen.print_json(&report::captured_json(&captured, &arguments.output));
    }
    screen.status_page(&report::captured(&captured, &arguments.output));
    Ok(Outcome::Done)
}
