//! Rules for media: kind, output, label, capacity and options.

use super::{Rule, RuleEntry, error, note, warning};

pub const RULES: &[RuleEntry] = &[
    error(
        Rule::UnknownMediaKind,
        "unknown-media-kind",
        "unknown media kind",
        "A medium is of kind `capture`, `bootable`, `prestaged` or `stand-alone`. The kind decides which content the medium carries and which keys the manifest may use. Set `kind` in `[media]` to one of these.",
        "S0",
    ),
    error(
        Rule::WrongOutputFormat,
        "wrong-output-format",
        "output format that does not suit the media kind",
        "Prestaged media are WIM files, which are applied to a disk and started from there. All other media are disc images or USB sticks. Change `kind`, or change `format` in `[output]`.",
        "S0 PRE P",
    ),
    error(
        Rule::WrongImageExtension,
        "wrong-image-extension",
        "disc or stick image with the wrong file extension",
        "Programs that mount, burn or write images select files by extension: `.iso` for disc images, `.img` for stick images. Change the extension of the output path.",
        "BOOT P",
    ),
    error(
        Rule::WrongWimExtension,
        "wrong-wim-extension",
        "prestaged medium without the extension `.wim`",
        "Programs that apply images select files by extension. Give the output path the extension `.wim`.",
        "PRE P",
    ),
    error(
        Rule::MissingOutputFolder,
        "missing-output-folder",
        "output folder that does not exist",
        "Configuration Manager does not create the output folder, and fails at the end of the build.",
        "BOOT CAP ALONE",
    )
    .unchecked("tsmedia creates the folder"),
    warning(
        Rule::OverwrittenOutput,
        "overwritten-output",
        "existing file at the output path",
        "The wizard of Configuration Manager deletes an existing file at the output path without asking.",
        "BOOT",
    )
    .unchecked("tsmedia refuses to replace a file that it did not create"),
    error(
        Rule::UnknownCapacity,
        "unknown-capacity",
        "unknown capacity",
        "The console offers 650 MB, 4 GB, 8 GB and unlimited. tsmedia also accepts the names of disc types, such as `dvd`, and sizes with a unit. Write one of these as `capacity` in `[output]`.",
        "CAP BOOT ALONE P",
    ),
    error(
        Rule::FileTooLargeForFat32,
        "file-too-large-for-fat32",
        "file of 4 GiB or more on a stick",
        "UEFI starts sticks from FAT32, which limits files to 4 GiB. Set `large-files` in `[output]` to split WIM files or to move large files to an NTFS volume.",
        "CAP BOOT ALONE",
    ),
    error(
        Rule::StickTooSmall,
        "stick-too-small",
        "content that does not fit on the stick",
        "`tsmedia write` compares the size of the image with that of the drive before it writes anything. Use a larger drive, or reduce the content.",
        "ALONE",
    ),
    warning(
        Rule::LargeFat32Volume,
        "large-fat32-volume",
        "FAT32 volume over 32 GiB",
        "Windows reads FAT32 volumes over 32 GiB, but its tools do not format them, so the stick can't be recreated with them.",
        "TOOLS",
    ),
    error(
        Rule::FixedDisk,
        "fixed-disk",
        "target drive that is not removable",
        "`tsmedia write` only writes to removable drives, since a mistyped device name would overwrite another disk of the computer. Check the device name.",
        "BOOT CAP ALONE",
    ),
    warning(
        Rule::TruncatedLabel,
        "truncated-label",
        "label that FAT truncates",
        "Labels of FAT volumes are limited to 11 characters in capitals, so Windows shows a shortened label. `MediaLabel.txt` on the medium keeps the whole label. Shorten the label if it should be shown as it is.",
        "BOOT",
    ),
    error(
        Rule::MultilineLabel,
        "multiline-label",
        "label with a line break or control character",
        "`MediaLabel.txt` on the medium stores the label in one line, as `label=…`. Remove line breaks and control characters from the label.",
        "BOOT OWN",
    ),
    error(
        Rule::VolumeOptionOnPrestaged,
        "volume-option-on-prestaged",
        "label, capacity, prompt or autorun file on prestaged media",
        "Prestaged media are WIM files and have no volume that a label, capacity, prompt or autorun file could apply to. Remove the option.",
        "PRE P",
    ),
    error(
        Rule::LongPrestagedText,
        "long-prestaged-text",
        "`created-by`, `version` or `comment` that is too long",
        "The PowerShell cmdlet accepts at most 50 characters for `created-by`, 32 for `version` and 127 for `comment`. Shorten the text.",
        "P",
    ),
    note(
        Rule::BlockedAutorun,
        "blocked-autorun",
        "`autorun.inf` that antimalware may block",
        "Antimalware often blocks media with an `autorun.inf`, so the file is off by default. Remove `autorun` unless the medium has to be started in Windows.",
        "BOOT",
    )
    .lowerable(),
    warning(
        Rule::InsufficientStagingSpace,
        "insufficient-staging-space",
        "staging folder without space for the content",
        "Configuration Manager stages content in a temporary folder. A build that runs out of space there fails late.",
        "BOOT P",
    )
    .unchecked("tsmedia has no staging folder: content goes straight to the output"),
    error(
        Rule::CapacityExceeded,
        "capacity-exceeded",
        "content that exceeds the capacity",
        "Stand-alone media can span up to 99 discs; the user is prompted for the next disc while the task sequence runs. All other media have to fit on one. Raise `capacity`, or reduce the content.",
        "ALONE",
    ),
    error(
        Rule::OptionOfOtherKind,
        "option-of-other-kind",
        "option that the media kind does not have",
        "Some keys apply only to some kinds of media. For example, capture media have no password, stand-alone media have no management points, and bootable media carry no packages. Remove the key, or change `kind`. Sites in a profile are exempt, so that media of all kinds can share them.",
        "CAP BOOT PRE ALONE",
    ),
];
