//! Rules for the content of media: boot images, operating systems, task sequences, packages and
//! drivers.

use super::{Rule, RuleEntry, error, note, warning};

pub const RULES: &[RuleEntry] = &[
    error(
        Rule::MissingBootImage,
        "missing-boot-image",
        "missing boot image",
        "All media start from a boot image. In Configuration Manager, stand-alone media use the boot image of their task sequence; a manifest always names one. Set `image` in `[boot]` to a WIM file and, if it contains several images, an `index`.",
        "CAP BOOT PRE ALONE",
    ),
    note(
        Rule::UnsignedBootProgram,
        "unsigned-boot-program",
        "boot program without a signature",
        "With Secure Boot, firmware starts only programs that are signed by an authority it trusts. Use the boot files of Windows, or accept the rule if the computers start without Secure Boot.",
        "TOOLS",
    ),
    note(
        Rule::UnstartableBootProgram,
        "unstartable-boot-program",
        "boot file that is not an EFI program",
        "UEFI firmware starts EFI programs only. A file of another format under the name of a boot program is a placeholder or damaged. Use the boot files of Windows.",
        "TOOLS",
    ),
    note(
        Rule::SingleSecureBootAuthority,
        "single-secure-boot-authority",
        "medium for firmware that trusts one of two authorities",
        "Microsoft signs boot programs with certificates of 2011 or 2023. Older firmware trusts only the first authority; updated firmware may have revoked it. Choose the authority with `secure-boot-ca` in `[boot]`, and accept the rule if all computers trust it.",
        "TOOLS",
    ),
    note(
        Rule::ExcludedByDefault,
        "excluded-by-default",
        "files left out of content by default",
        "Version control and desktops leave files in folders that no medium needs: `.git`, `.DS_Store`, `Thumbs.db` and `desktop.ini`. They are left out of content. List them in `exclude` to confirm that, or keep them with a pattern such as `!desktop.ini`.",
        "OWN",
    ),
    note(
        Rule::UnusedExclusion,
        "unused-exclusion",
        "pattern in `exclude` that matches nothing",
        "A pattern that matches no file may be misspelled, so that files are on the medium that should not be. A pattern that contains `/` starts at the folder of its entry; any other matches names at every depth. Correct or remove it.",
        "OWN",
    ),
    error(
        Rule::ArchitectureMismatch,
        "architecture-mismatch",
        "boot image and operating system for different architectures",
        "x64 computers start x86 and x64 boot images, x86 computers only x86 ones, and ARM64 computers only ARM64 ones. Use a boot image for the architecture of the operating system.",
        "BOOT CAP PRE",
    ),
    warning(
        Rule::X86BootImageForUefi,
        "x86-boot-image-for-uefi",
        "x86 boot image for UEFI",
        "The UEFI firmware of x64 computers looks for `bootx64.efi` and does not start an x86 boot image. Use an x64 boot image.",
        "TOOLS",
    ),
    warning(
        Rule::InconsistentBootImage,
        "inconsistent-boot-image",
        "boot image with contradictory architectures",
        "The WIM metadata, the kernel and the Configuration Manager programs in a boot image should have the same architecture. No check at run time catches a mismatch: the medium starts and fails late. Re-export the boot image from Configuration Manager.",
        "PLAN",
    ),
    warning(
        Rule::UnsuitableBootDrivers,
        "unsuitable-boot-drivers",
        "boot image with missing or unsuitable drivers",
        "Windows PE needs signed drivers for the network and storage controllers of the computers. Other drivers make the boot image larger without any use. Add the missing drivers to `boot.drivers`, or remove the unsuitable ones.",
        "BOOT BIMG DRV",
    ),
    error(
        Rule::NoUsableDriver,
        "no-usable-driver",
        "driver folder without a driver for the boot image",
        "A folder in `boot.drivers` must contain the INF file of a driver for the architecture of the boot image. Archives and installers are not unpacked; extract them first.",
        "BOOT BIMG DRV",
    ),
    note(
        Rule::DriverOfOtherArchitecture,
        "driver-of-other-architecture",
        "driver for another architecture",
        "Drivers in `boot.drivers` for other architectures are put on the medium, but the boot image does not load them. Remove them to save space.",
        "BOOT BIMG DRV",
    ),
    warning(
        Rule::OutdatedBootImageCopy,
        "outdated-boot-image-copy",
        "medium with an outdated copy of the boot image",
        "Every medium contains a copy of the boot image, so all media have to be rebuilt after the boot image changes.",
        "BIMG",
    )
    .unchecked("`tsmedia plan` lists the media that a changed boot image affects"),
    error(
        Rule::ContentNotDistributed,
        "content-not-distributed",
        "content that is not on a distribution point",
        "The console copies the content of media from distribution points, so each package and image has to be distributed to one that is reachable.",
        "BOOT ALONE PRE CMEXE",
    )
    .unchecked("tsmedia reads content from files, not from distribution points"),
    error(
        Rule::MissingOperatingSystem,
        "missing-operating-system",
        "missing or ambiguous operating system image",
        "Prestaged media stage an operating system image on the disk. Add `[[operating-system]]`, with an `index` if its WIM file contains several images.",
        "PRE",
    ),
    error(
        Rule::UnknownImageIndex,
        "unknown-image-index",
        "image index that is not in the WIM file",
        "The task sequence would fail when it applies the image, after it has partitioned the disk. Use an index that exists in the WIM file; `tsmedia inspect` lists them.",
        "S3 PRE P OWN",
    ),
    warning(
        Rule::UnappliedImage,
        "unapplied-image",
        "image index that the task sequence does not apply",
        "The manifest selects one image of a WIM file, but the task sequence applies another one. Use the same `index` in both.",
        "S3 PRE P OWN",
    ),
    error(
        Rule::UnexpectedTaskSequence,
        "unexpected-task-sequence",
        "task sequence on bootable media",
        "Bootable media get their task sequence from the management point when they run. Remove `[task-sequence]`, or build stand-alone media.",
        "ALONE PRE",
    ),
    note(
        Rule::MissingTaskSequence,
        "missing-task-sequence",
        "stand-alone medium without a task sequence",
        "The medium starts, but has nothing to run. Add `[task-sequence]`.",
        "ALONE PRE",
    ),
    warning(
        Rule::UnstartedInWindows,
        "unstarted-in-windows",
        "medium without the program that starts it in Windows",
        "In Windows, `SMS\\bin\\<architecture>\\TSMBAutorun.exe` starts the task sequence of a medium, for example for an in-place upgrade or a capture. The program is Microsoft's: take it from a medium that Configuration Manager created, either by using that medium as a base or with `[[file]]`.",
        "ALONE CAP",
    )
    .lowerable(),
    error(
        Rule::MissingCaptureProgram,
        "missing-capture-program",
        "capture medium without a program or task sequence that captures",
        "Capture media of Configuration Manager carry a boot image and programs of the client: in Windows, `TSMBAutorun.exe` starts `OsdCaptureCD.exe`, which prompts for the destination and the account. Without these programs and without a task sequence, the medium does nothing. Use a capture medium of Configuration Manager as a base, or add a task sequence that captures.",
        "CAP",
    ),
    error(
        Rule::MissingContent,
        "missing-content",
        "content that the task sequence needs and the medium lacks",
        "Without a network a medium is the only source of content, so a step whose content is missing fails. The images, packages, driver packages, applications and child task sequences of all steps that can run are checked. Add the content to the manifest, or remove the step.",
        "ALONE PLAN",
    )
    .lowerable(),
    warning(
        Rule::MissingPolicy,
        "missing-policy",
        "program or application without a policy",
        "Stand-alone media describe programs and applications by policies of the site. A step that installs a program or application without a policy fails. Re-export the policies after the task sequence changes.",
        "SAPOL",
    )
    .lowerable(),
    warning(
        Rule::StaleContentHash,
        "stale-content-hash",
        "content that differs from the hash in its policy",
        "Clients compare content on media with the hash in the policy, and reject content that differs. The algorithm of the hash is not documented, so tsmedia can't compute it. Re-export the policies after the content changes.",
        "SEC SAPOL",
    )
    .lowerable(),
    warning(
        Rule::MissingSupersededContent,
        "missing-superseded-content",
        "superseded application without content",
        "A retired application that a supersedence still refers to stops the task sequence.",
        "STEPS",
    )
    .unchecked("supersedence is defined at the site"),
    warning(
        Rule::ImplicitDependency,
        "implicit-dependency",
        "application dependency that is not listed",
        "Stand-alone media do not resolve dependencies between applications. List each application that another one depends on.",
        "STEPS ALONE",
    )
    .unchecked("dependencies of applications are defined at the site"),
    error(
        Rule::DisallowedApplication,
        "disallowed-application",
        "application in a dynamic list that does not allow installation from a task sequence",
        "Each application in a dynamic list has to allow installation from the Install Application task sequence action without being deployed. The option is set at the site.",
        "STEPS",
    )
    .unchecked("the property is set at the site"),
    note(
        Rule::UnencryptedContent,
        "unencrypted-content",
        "unencrypted content",
        "The media password encrypts the task sequence and its variables, but no packages and no images. Keep the medium in a safe place if its content is confidential.",
        "S0 TSM",
    )
    .lowerable(),
    warning(
        Rule::LargeDriverPackage,
        "large-driver-package",
        "driver package with more than 500 drivers",
        "Applying a driver package takes longer the more drivers it has. Split a package with more than 500 drivers, for example by model.",
        "DRV",
    ),
    warning(
        Rule::NonAsciiFileName,
        "non-ascii-file-name",
        "file name outside ASCII",
        "The content hash check of Configuration Manager 2007 failed for such names.",
        "KB",
    )
    .unchecked("current clients accept these names"),
    warning(
        Rule::ChangedContent,
        "changed-content",
        "content that changed since its hash was recorded",
        "A client rejects content that does not match its recorded hash (error 0x80091007).",
        "KB SEC",
    )
    .unchecked("the recorded hash is only known at the site"),
    error(
        Rule::LockMismatch,
        "lock-mismatch",
        "content that differs from `tsmedia.lock`",
        "The file has another size, or other bytes, than the lock file that was committed. If the change is meant, run `tsmedia lock --update` and review the difference; otherwise restore the file.",
        "OWN",
    ),
];
