//! Rules of media: kind, output, label, capacity and options.

use super::{Entry, Rule, error, note, warning};

pub const RULES: &[Entry] = &[
    error(
        Rule::UnknownMediaKind,
        "unknown-media-kind",
        "unknown media kind",
        "Media are `capture`, `bootable`, `prestaged` or `stand-alone`. Each kind carries other content and has other options.",
        "S0",
    ),
    error(
        Rule::WrongOutputFormat,
        "wrong-output-format",
        "output format that the media kind does not have",
        "Prestaged media are WIM files, which are applied to a disk and started from there. All other media are disc images or USB sticks.",
        "S0 PRE P",
    ),
    error(
        Rule::WrongImageExtension,
        "wrong-image-extension",
        "disc or stick image with the wrong file extension",
        "Programs that mount or burn images select them by extension: `.iso` for discs, `.img` for sticks.",
        "BOOT P",
    ),
    error(
        Rule::WrongWimExtension,
        "wrong-wim-extension",
        "prestaged medium without the extension `.wim`",
        "Programs that apply images select them by extension.",
        "PRE P",
    ),
    error(
        Rule::MissingOutputFolder,
        "missing-output-folder",
        "output folder that does not exist",
        "Configuration Manager does not create the folder and fails at the end of the build.",
        "BOOT CAP ALONE",
    )
    .unchecked("tsmedia creates the folder"),
    warning(
        Rule::OverwrittenOutput,
        "overwritten-output",
        "existing file at the output path",
        "The wizard of Configuration Manager deletes the file without asking.",
        "BOOT",
    )
    .unchecked("tsmedia refuses to replace a file that it did not create"),
    error(
        Rule::UnknownCapacity,
        "unknown-capacity",
        "unknown capacity",
        "The console offers 650 MB, 4 GB, 8 GB and unlimited. tsmedia also accepts the names of disc types and sizes with a unit.",
        "CAP BOOT ALONE P",
    ),
    error(
        Rule::FileTooLargeForFat32,
        "file-too-large-for-fat32",
        "file of 4 GiB or more on a stick",
        "UEFI starts sticks from FAT32, which limits files to 4 GiB. `large-files` in `[output]` splits WIM files or moves them to an NTFS volume.",
        "CAP BOOT ALONE",
    ),
    error(
        Rule::StickTooSmall,
        "stick-too-small",
        "content that does not fit on the stick",
        "`tsmedia write` compares the image with the size of the drive before it writes anything.",
        "ALONE",
    ),
    warning(
        Rule::LargeFat32Volume,
        "large-fat32-volume",
        "FAT32 volume over 32 GiB",
        "Windows reads such a volume, but its tools do not format one, so the stick can't be recreated with them.",
        "TOOLS",
    ),
    error(
        Rule::FixedDisk,
        "fixed-disk",
        "target drive that is not removable",
        "A wrong device name would overwrite another disk of the computer.",
        "BOOT CAP ALONE",
    ),
    warning(
        Rule::TruncatedLabel,
        "truncated-label",
        "label that FAT truncates",
        "Labels of FAT volumes have at most 11 characters, in capitals. `MediaLabel.txt` keeps the whole label.",
        "BOOT",
    ),
    error(
        Rule::MultilineLabel,
        "multiline-label",
        "label with a line break or control character",
        "`MediaLabel.txt` stores the label in one line, as `label=…`.",
        "BOOT OWN",
    ),
    error(
        Rule::VolumeOptionOnPrestaged,
        "volume-option-on-prestaged",
        "label, capacity, prompt or autorun file on prestaged media",
        "Prestaged media are WIM files: they have no volume that these options could describe.",
        "PRE P",
    ),
    error(
        Rule::LongPrestagedText,
        "long-prestaged-text",
        "`created-by`, `version` or `comment` that is too long",
        "`created-by` has at most 50 characters, `version` 32 and `comment` 127; the cmdlet accepts no more.",
        "P",
    ),
    note(
        Rule::BlockedAutorun,
        "blocked-autorun",
        "`autorun.inf` that antimalware may block",
        "Antimalware often blocks media with an `autorun.inf`, so it is off by default.",
        "BOOT",
    )
    .lowerable(),
    warning(
        Rule::InsufficientStagingSpace,
        "insufficient-staging-space",
        "staging folder without space for the content",
        "A build that runs out of space fails late.",
        "BOOT P",
    )
    .unchecked("tsmedia has no staging folder: content goes straight to the output"),
    error(
        Rule::CapacityExceeded,
        "capacity-exceeded",
        "content that exceeds the capacity",
        "Stand-alone media may be spread over up to 99 discs, and people are asked for the next one while the task sequence runs. All other media have to fit on one.",
        "ALONE",
    ),
    error(
        Rule::OptionOfOtherKind,
        "option-of-other-kind",
        "option that the media kind does not have",
        "For example, capture media have no password, stand-alone media no management points, and bootable media no packages. Sites defined in a profile are exempt.",
        "CAP BOOT PRE ALONE",
    ),
];
