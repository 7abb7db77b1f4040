//! Rules of what media carry: boot images, operating systems, task sequences, packages and drivers.

use super::{Entry, Rule, error, note, warning};

pub const RULES: &[Entry] = &[
    error(
        Rule::MissingBootImage,
        "missing-boot-image",
        "missing boot image",
        "All media start from a boot image. In Configuration Manager stand-alone media use that of their task sequence.",
        "CAP BOOT PRE ALONE",
    ),
    error(
        Rule::ArchitectureMismatch,
        "architecture-mismatch",
        "boot image and operating system for different architectures",
        "x64 computers run boot images for x86 and x64, x86 computers only those for x86, and ARM64 computers only those for ARM64.",
        "BOOT CAP PRE",
    ),
    warning(
        Rule::X86BootImageForUefi,
        "x86-boot-image-for-uefi",
        "x86 boot image for UEFI",
        "UEFI of x64 computers looks for `bootx64.efi` and does not start an x86 boot image.",
        "TOOLS",
    ),
    warning(
        Rule::InconsistentBootImage,
        "inconsistent-boot-image",
        "boot image with contradictory architectures",
        "The WIM metadata, the kernel and the programs of Configuration Manager in a boot image should be for one architecture. The architecture is not checked at run time: a wrong medium starts, and fails late.",
        "PLAN",
    ),
    warning(
        Rule::UnsuitableBootDrivers,
        "unsuitable-boot-drivers",
        "boot image with missing or unsuitable drivers",
        "Windows PE needs drivers for network and storage, signed ones only, and no others.",
        "BOOT BIMG DRV",
    ),
    error(
        Rule::NoUsableDriver,
        "no-usable-driver",
        "driver folder without a driver for the boot image",
        "A folder in `boot.drivers` has to contain an INF file of a driver for the architecture of the boot image. Archives and installers are not unpacked.",
        "BOOT BIMG DRV",
    ),
    note(
        Rule::DriverOfOtherArchitecture,
        "driver-of-other-architecture",
        "driver for another architecture",
        "Drivers in `boot.drivers` for other architectures are put on the medium, but not loaded.",
        "BOOT BIMG DRV",
    ),
    warning(
        Rule::OutdatedBootImageCopy,
        "outdated-boot-image-copy",
        "medium with an outdated copy of the boot image",
        "Media carry a copy of the boot image, so a changed boot image requires that all of them are rebuilt.",
        "BIMG",
    )
    .unchecked("`tsmedia plan` lists the media that a changed boot image affects"),
    error(
        Rule::ContentNotDistributed,
        "content-not-distributed",
        "object that is not on a readable distribution point",
        "The console copies content from distribution points.",
        "BOOT ALONE PRE CMEXE",
    )
    .unchecked("tsmedia reads content from files, not from distribution points"),
    error(
        Rule::MissingOperatingSystem,
        "missing-operating-system",
        "missing or ambiguous operating system image",
        "Prestaged media stage an operating system image. A WIM file with several images needs an `index`.",
        "PRE",
    ),
    error(
        Rule::UnknownImageIndex,
        "unknown-image-index",
        "image index that is not in the WIM file",
        "The task sequence would fail when it applies the image, after it has partitioned the disk.",
        "S3 PRE P OWN",
    ),
    warning(
        Rule::UnappliedImage,
        "unapplied-image",
        "image of the manifest that the task sequence does not apply",
        "The manifest names one image of a WIM file, and the task sequence applies another one.",
        "S3 PRE P OWN",
    ),
    error(
        Rule::UnexpectedTaskSequence,
        "unexpected-task-sequence",
        "task sequence on bootable media",
        "Bootable media get their task sequence from the management point.",
        "ALONE PRE",
    ),
    note(
        Rule::MissingTaskSequence,
        "missing-task-sequence",
        "stand-alone medium without a task sequence",
        "The medium starts, and deploys nothing.",
        "ALONE PRE",
    ),
    warning(
        Rule::UnstartedInWindows,
        "unstarted-in-windows",
        "medium that is meant to be started in Windows, without the program that starts it",
        "In Windows, `SMS\\bin\\<architecture>\\TSMBAutorun.exe` starts the task sequence of a medium, for example an upgrade in place or a capture. The program is Microsoft's: it comes from a medium that Configuration Manager made, as the base of the new one or by `[[file]]`.",
        "ALONE CAP",
    )
    .lowerable(),
    error(
        Rule::MissingCaptureProgram,
        "missing-capture-program",
        "capture medium with neither a program nor a task sequence that captures",
        "Capture media of Configuration Manager carry a boot image and the client's programs: in Windows, `TSMBAutorun.exe` starts `OsdCaptureCD.exe`, which asks for the destination and the account. Without them, and without a task sequence, the medium does nothing.",
        "CAP",
    ),
    error(
        Rule::MissingContent,
        "missing-content",
        "content that the task sequence needs and the medium lacks",
        "Without a network there is no other source, and the step fails. Images, packages, driver packages, applications and child sequences of all steps that can run are checked.",
        "ALONE PLAN",
    )
    .lowerable(),
    warning(
        Rule::MissingPolicy,
        "missing-policy",
        "program or application without a policy",
        "Stand-alone media describe programs and applications by policies of the site. A step that installs something without a policy fails.",
        "SAPOL",
    )
    .lowerable(),
    warning(
        Rule::StaleContentHash,
        "stale-content-hash",
        "content that a policy knows by the hash of other content",
        "Clients compare content on media with the hash in the policy, and refuse content that differs. How a site computes the hash is not documented, so that tsmedia can't.",
        "SEC SAPOL",
    )
    .lowerable(),
    warning(
        Rule::MissingSupersededContent,
        "missing-superseded-content",
        "superseded application without content",
        "A retired application that is still referenced by supersedence stops the task sequence.",
        "STEPS",
    )
    .unchecked("supersedence is defined at the site"),
    warning(
        Rule::ImplicitDependency,
        "implicit-dependency",
        "application dependency that is not listed",
        "Stand-alone media do not resolve dependencies; list each application.",
        "STEPS ALONE",
    )
    .unchecked("dependencies of applications are defined at the site"),
    error(
        Rule::DisallowedApplication,
        "disallowed-application",
        "application in a dynamic list that does not allow installation from a task sequence",
        "Each application in a dynamic list has to be marked accordingly at the site.",
        "STEPS",
    )
    .unchecked("the property is set at the site"),
    note(
        Rule::UnencryptedContent,
        "unencrypted-content",
        "unencrypted content",
        "The password of a medium encrypts the task sequence and its variables, but no package and no image.",
        "S0 TSM",
    )
    .lowerable(),
    warning(
        Rule::LargeDriverPackage,
        "large-driver-package",
        "driver package with more than 500 drivers",
        "Applying a larger one takes long.",
        "DRV",
    ),
    warning(
        Rule::NonAsciiFileName,
        "non-ascii-file-name",
        "file name outside ASCII",
        "Such names broke the content hash check of Configuration Manager 2007.",
        "KB",
    )
    .unchecked("current clients accept these names"),
    warning(
        Rule::ChangedContent,
        "changed-content",
        "content that changed since its hash was recorded",
        "A client rejects content that does not match its hash (0x80091007).",
        "KB SEC",
    )
    .unchecked("the recorded hash is only known at the site"),
];
