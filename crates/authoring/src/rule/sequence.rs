//! Rules for task sequences: values of steps, their order and environment, captures.

use super::{Rule, RuleEntry, error, note, warning};

pub const RULES: &[RuleEntry] = &[
    error(
        Rule::InvalidSequenceName,
        "invalid-sequence-name",
        "task sequence name or description of invalid length",
        "A site accepts names of 1 to 50 characters and descriptions of up to 512 characters. Shorten the text.",
        "P",
    ),
    error(
        Rule::InvalidStepName,
        "invalid-step-name",
        "step name or description of invalid length",
        "A site stores names of 1 to 100 characters and descriptions of up to 255 characters. Shorten the text.",
        "STEPS WMI",
    ),
    warning(
        Rule::LongStepName,
        "long-step-name",
        "step name over 50 characters",
        "A site stores up to 100 characters, but the task sequence editor accepts only 50, so the step could not be edited there. Shorten the name.",
        "STEPS WMI",
    ),
    error(
        Rule::LargeTaskSequence,
        "large-task-sequence",
        "task sequence over 2 MB",
        "A site does not store task sequences over 2 MB. Move scripts to packages.",
        "SIZE EDITOR",
    ),
    error(
        Rule::IncompleteStep,
        "incomplete-step",
        "step with missing or contradictory references",
        "The editor does not save a step without the image, package or application that it works with, or with two of them. A disabled step may lack its reference. Add the missing key, or remove one of the two.",
        "EDITOR PLAN",
    )
    .lowerable(),
    error(
        Rule::InvalidProductKey,
        "invalid-product-key",
        "invalid product key",
        "A key is five groups of five letters and digits, an encoded volume key, or a variable. With anything else Windows Setup stops and prompts for a key.",
        "S3 VARS",
    )
    .lowerable(),
    error(
        Rule::AmbiguousDomainJoin,
        "ambiguous-domain-join",
        "step that joins both a domain and a workgroup, or neither",
        "A computer joins either a domain or a workgroup. Set exactly one of `domain` and `workgroup`.",
        "S3 P VARS",
    ),
    error(
        Rule::DomainJoinWithoutAccount,
        "domain-join-without-account",
        "domain join without a valid account",
        "Joining a domain requires an account, as `DOMAIN\\user` or a variable, and its password. Add `user` and `password`.",
        "S3 P",
    )
    .lowerable(),
    error(
        Rule::InvalidOrganizationalUnit,
        "invalid-organizational-unit",
        "invalid organizational unit",
        "Write `LDAP://OU=…,DC=…`, together with a domain. Some pages of the documentation print it without the colon, by mistake.",
        "VARS P STEPS",
    )
    .lowerable(),
    error(
        Rule::LongDomainName,
        "long-domain-name",
        "domain or workgroup name that is too long",
        "Windows limits the names of workgroups to 32 characters and those of domains to 255.",
        "VARS",
    ),
    error(
        Rule::UnresolvedDomain,
        "unresolved-domain",
        "domain of another forest that can't be looked up",
        "The editor can browse only the domains of its own forest; others have to be typed.",
        "S3",
    )
    .unchecked("tsmedia does not look up domains"),
    error(
        Rule::DomainJoinBeforeCapture,
        "domain-join-before-capture",
        "domain join before a capture",
        "Sysprep fails on members of a domain, at the end of the build. Join a workgroup instead; computers join the domain when the image is deployed.",
        "P S3 STEPS",
    )
    .lowerable(),
    error(
        Rule::ContradictoryAdministrator,
        "contradictory-administrator",
        "contradictory settings of the local administrator",
        "The local administrator is either disabled with a random password, or enabled with a password of your own. Set only one of `random-administrator-password` and `administrator-password`.",
        "S3 VARS",
    ),
    error(
        Rule::InvalidServerLicense,
        "invalid-server-license",
        "invalid server licensing",
        "`server-connections` applies to the mode `per-server` and is 5 to 9999, 5 by default. Windows Server 2008 and later do not have this mode.",
        "S3 P VARS",
    ),
    error(
        Rule::InvalidClientProperties,
        "invalid-client-properties",
        "invalid client installation properties",
        "The medium assigns the site, so the properties must not contain SMSSITECODE. Values with spaces have to be quoted.",
        "P",
    )
    .lowerable(),
    error(
        Rule::UnknownUpdateSelection,
        "unknown-update-selection",
        "unknown selection of software updates",
        "Install Software Updates installs either `all` updates or only the `mandatory` ones.",
        "P",
    ),
    error(
        Rule::InvalidCaptureTarget,
        "invalid-capture-target",
        "invalid destination of a capture",
        "A capture is written to a WIM file on a share, in a folder with at most 255 characters, by an account with a password.",
        "S3 P VARS",
    )
    .lowerable(),
    note(
        Rule::OverwrittenCapture,
        "overwritten-capture",
        "capture that overwrites an existing WIM file",
        "A file of that name on the share is overwritten without a prompt. tsmedia does not access the share, so it reports every destination without a variable. Move the file away before each capture, or use a variable in its name.",
        "S3",
    )
    .lowerable(),
    error(
        Rule::InvalidImageDescription,
        "invalid-image-description",
        "image metadata that is too long or malformed",
        "The creator and description have at most 255 characters. The version has at most 32 letters and digits; `.`, `-` and `_` are accepted too. The engine writes these texts to the XML of the WIM file.",
        "VARS P",
    ),
    note(
        Rule::SkippedVolume,
        "skipped-volume",
        "volume that is not captured",
        "Only NTFS and FAT volumes are captured, one image each. Other volumes and USB drives are skipped.",
        "S3 STEPS",
    )
    .unchecked("task sequences name no volumes; `tsmedia capture` reports the volumes that it skips"),
    error(
        Rule::CaptureOutsideWindowsPe,
        "capture-outside-windows-pe",
        "capture outside of Windows PE",
        "Capture Operating System Image only runs in Windows PE. Add Prepare Windows for Capture before it, which restarts into Windows PE.",
        "S3 STEPS",
    )
    .lowerable(),
    error(
        Rule::UnpreparedCapture,
        "unprepared-capture",
        "capture without preparation or in the wrong order",
        "A capture first prepares the client, then Windows, then captures the image. Sysprep restarts the computer, so that no step after it finds Windows running. Add the missing step, or correct the order.",
        "S3",
    )
    .lowerable(),
    error(
        Rule::PreparationInWindowsPe,
        "preparation-in-windows-pe",
        "preparation of a capture in Windows PE",
        "The steps that prepare a capture work on the running Windows. Move them before the restart into Windows PE.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::PreparationWithoutClient,
        "preparation-without-client",
        "preparation of a client that is not installed",
        "Prepare ConfigMgr Client removes the client only in build-and-capture task sequences, or with `SMSTSUninstallCCMClient`.",
        "S3 STEPS",
    )
    .unchecked("the software on a reference computer is unknown"),
    warning(
        Rule::SeparateBootVolume,
        "separate-boot-volume",
        "Windows and its boot files on different volumes",
        "An image of the Windows volume does not start without its boot files on the other volume.",
        "STEPS",
    )
    .unchecked("the partitions of the reference computer are unknown"),
    warning(
        Rule::RepeatedCapture,
        "repeated-capture",
        "second capture of a reference computer",
        "The first capture removes the client and generalizes Windows. Rebuild the computer before the next capture.",
        "S3",
    )
    .lowerable(),
    note(
        Rule::DriversOnReferenceMachine,
        "drivers-on-reference-machine",
        "drivers on a reference computer",
        "The drivers become part of the image and end up on every computer that it is deployed to. Build the reference computer as a virtual machine, without drivers.",
        "CAPTS",
    )
    .lowerable(),
    warning(
        Rule::DeletedAutopilotProfile,
        "deleted-autopilot-profile",
        "Autopilot profile that Sysprep deletes",
        "Prepare Windows for Capture runs Sysprep with `/generalize`, which deletes the Autopilot profile. Run Sysprep without that option, in a step of type `run-command-line`.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::IncompleteBuildAndCapture,
        "incomplete-build-and-capture",
        "build and capture without an operating system image",
        "A build-and-capture task sequence installs the operating system that it captures. Add a step that applies an image.",
        "S3",
    )
    .lowerable(),
    error(
        Rule::WrongEnvironment,
        "wrong-environment",
        "step in the wrong environment",
        "Some steps run only in Windows PE, others only in the full operating system. Only Setup Windows and Configuration Manager leads from the first to the second. Move the step, or add a restart before it.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::MissingSetupStep,
        "missing-setup-step",
        "applied operating system that is never set up",
        "Without Setup Windows and Configuration Manager the task sequence never leaves Windows PE, and the applied operating system is not configured. Add the step after the one that applies the image.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::IgnoredContinueOnError,
        "ignored-continue-on-error",
        "continue-on-error on a step that ignores it",
        "If Setup Windows and Configuration Manager fails, the task sequence fails regardless of this option. Remove it.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::MisplacedDriverPackage,
        "misplaced-driver-package",
        "driver package outside of deployment",
        "Before an operating system is applied there is nothing to add drivers to; after its setup they are not installed any more. Move the step between the two.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::AmbiguousNetworkSettings,
        "ambiguous-network-settings",
        "several Apply Network Settings steps without conditional groups",
        "The engine ignores conditions on Apply Network Settings steps themselves, and the last step takes effect. Put each step into a group of its own, with the condition on the group.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::AccountInWindowsPe,
        "account-in-windows-pe",
        "step that runs as another account in Windows PE",
        "Windows PE has no user accounts, so the step fails. Remove the account, or move the step after Setup Windows and Configuration Manager.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::MissingPowershell,
        "missing-powershell",
        "PowerShell script in a boot image without PowerShell",
        "PowerShell is an optional component of boot images. Add WinPE-WMI, WinPE-NetFX, WinPE-Scripting and WinPE-PowerShell in the properties of the boot image, or run the script after the restart into Windows.",
        "STEPS BIMG",
    )
    .lowerable(),
    note(
        Rule::UnverifiedPowershell,
        "unverified-powershell",
        "PowerShell script in Windows PE with an unverified boot image",
        "PowerShell is an optional component of boot images. The boot image is not known or does not list its components, so it can't be checked. Make sure that it contains WinPE-WMI, WinPE-NetFX, WinPE-Scripting and WinPE-PowerShell.",
        "STEPS BIMG",
    )
    .lowerable(),
    warning(
        Rule::InvalidScriptSettings,
        "invalid-script-settings",
        "unsigned script, or switches of PowerShell as parameters",
        "The execution policy `all-signed` rejects scripts without a signature, and switches of `powershell.exe` are not parameters of a script. Sign the script or change the policy, and remove the switches.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::InvalidTimeout,
        "invalid-timeout",
        "timeout outside of 1 to 999 minutes",
        "The editor accepts only 1 to 999 minutes.",
        "STEPS",
    ),
    error(
        Rule::LongWorkingDirectory,
        "long-working-directory",
        "working directory over 127 characters",
        "A site stores at most 127 characters. Use a shorter path.",
        "STEPS VARS",
    ),
    error(
        Rule::InvalidExitCode,
        "invalid-exit-code",
        "exit code that is not an integer",
        "Exit codes that count as success are integers, usually 0 and 3010 (restart required).",
        "STEPS TOOLS",
    ),
    error(
        Rule::UncoordinatedRestart,
        "uncoordinated-restart",
        "command that restarts the computer",
        "The task sequence loses its state if a command restarts the computer. Exit with 3010, or use Restart Computer.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::InvalidRetryCount,
        "invalid-retry-count",
        "retry count outside of 1 to 5",
        "The editor accepts only 1 to 5 retries.",
        "STEPS",
    ),
    error(
        Rule::InvalidDynamicList,
        "invalid-dynamic-list",
        "invalid name or value of a dynamic list",
        "A list of packages is a set of variables ending in 001, 002 and so on, with values such as `ABC00001:Program`. Names of variables for applications end in 01, 02 and so on. The engine stops at the first missing number.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::InvalidChildSequence,
        "invalid-child-sequence",
        "invalid child task sequence",
        "A child task sequence must have no boot image, be enabled, and not be its own parent. Otherwise the deployment fails, even with continue-on-error. Child task sequences in a content library are checked; others are stored at the site.",
        "STEPS",
    ),
    error(
        Rule::InvalidDestination,
        "invalid-destination",
        "missing, ambiguous or invalid destination of an image",
        "An image is applied either to a disk (0 to 99) and partition (from 1), or to a drive from C to Z. Set one of them.",
        "STEPS VARS P",
    ),
    error(
        Rule::InvalidPartition,
        "invalid-partition",
        "partition that the partition table can't have",
        "GPT has no extended or logical partitions, and MBR has no EFI or MSR partitions. Percentages add up to at most 100.",
        "VARS STEPS P",
    ),
    warning(
        Rule::RestartWithoutPartition,
        "restart-without-partition",
        "restart without a formatted partition",
        "The task sequence has to save its state on a formatted partition before a restart. It fails even with continue-on-error. Format a partition before the restart.",
        "PLAN",
    )
    .lowerable(),
    error(
        Rule::InvalidNetworkFolder,
        "invalid-network-folder",
        "invalid network folder or drive",
        "Write the folder as `\\\\server\\share`, and the drive as a letter from D to Z. X is the drive of Windows PE.",
        "VARS",
    ),
    error(
        Rule::InvalidBitlockerSettings,
        "invalid-bitlocker-settings",
        "invalid BitLocker settings",
        "BitLocker can be suspended for 1 to 15 restarts. `tpm-and-pin` needs a PIN of 4 to 20 digits; other modes have none.",
        "VARS P",
    ),
    error(
        Rule::UnreleasedStateStore,
        "unreleased-state-store",
        "state store that is requested and never released",
        "The storage on the state migration point stays reserved. Add Release State Store after the steps that use it.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::StateStoreKeptOnFailure,
        "state-store-kept-on-failure",
        "state store that stays reserved if a step fails",
        "If a step between Request State Store and Release State Store fails, the storage is not released. Set continue-on-error for these steps.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::InteractiveApplication,
        "interactive-application",
        "application that does not install silently",
        "Applications in task sequences must install silently for the system: MSI files or scripts without prompts.",
        "STEPS",
    )
    .unchecked("the installation of applications is defined at the site"),
    warning(
        Rule::LingeringRebootWait,
        "lingering-reboot-wait",
        "`SMSTSWaitForSecondReboot` that is not reset after updates",
        "Every later restart would wait, too. Reset the variable in a step after the updates.",
        "VARS",
    )
    .lowerable(),
    error(
        Rule::LongRestartMessage,
        "long-restart-message",
        "restart message over 512 characters",
        "A site stores at most 512 characters. Shorten the message.",
        "VARS WMI",
    ),
    error(
        Rule::InvalidRestartRequest,
        "invalid-restart-request",
        "incomplete or invalid restart request",
        "`SMSTSRetryRequested` has no effect without `SMSTSRebootRequested`, which is `HD` or `WinPE`. Set both.",
        "VARS",
    )
    .lowerable(),
    error(
        Rule::VariableForNumber,
        "variable-for-number",
        "variable where an answer file needs a number",
        "The editor accepts only digits for numbers of an answer file.",
        "STEPS",
    ),
    note(
        Rule::InferredName,
        "inferred-name",
        "key whose name in XML is inferred",
        "This name was neither seen in an export of a console nor documented by Microsoft. A client that reads the key under another name ignores the setting. Compare it with an export of your console.",
        "TOOLS",
    )
    .lowerable(),
];
