//! Rules of task sequences: values of steps, their order and environment, captures.

use super::{Entry, Rule, error, note, warning};

pub const RULES: &[Entry] = &[
    error(
        Rule::InvalidSequenceName,
        "invalid-sequence-name",
        "task sequence name or description of invalid length",
        "A site accepts names of 1 to 50 characters and descriptions of up to 512.",
        "P",
    ),
    error(
        Rule::InvalidStepName,
        "invalid-step-name",
        "step name or description of invalid length",
        "A site stores names of 1 to 100 characters and descriptions of up to 255.",
        "STEPS WMI",
    ),
    warning(
        Rule::LongStepName,
        "long-step-name",
        "step name over 50 characters",
        "A site stores up to 100 characters, but the editor accepts only 50.",
        "STEPS WMI",
    ),
    error(
        Rule::LargeTaskSequence,
        "large-task-sequence",
        "task sequence over 2 MB",
        "A site stores no larger one. Put scripts into packages.",
        "SIZE EDITOR",
    ),
    error(
        Rule::IncompleteStep,
        "incomplete-step",
        "step with missing or contradictory references",
        "The editor does not save such a step. A disabled step may lack its reference.",
        "EDITOR PLAN",
    )
    .lowerable(),
    error(
        Rule::InvalidProductKey,
        "invalid-product-key",
        "invalid product key",
        "A key is five groups of five letters and digits, an encoded volume key, or a variable. Otherwise Setup stops and asks for one.",
        "S3 VARS",
    )
    .lowerable(),
    error(
        Rule::AmbiguousDomainJoin,
        "ambiguous-domain-join",
        "step that joins both or neither of domain and workgroup",
        "The step has to name exactly one of them.",
        "S3 P VARS",
    ),
    error(
        Rule::DomainJoinWithoutAccount,
        "domain-join-without-account",
        "domain join without a valid account",
        "It needs an account, as `DOMAIN\\user` or a variable, and its password.",
        "S3 P",
    )
    .lowerable(),
    error(
        Rule::InvalidOrganizationalUnit,
        "invalid-organizational-unit",
        "invalid organizational unit",
        "Write `LDAP://OU=…,DC=…`, together with a domain. Some pages print it without the colon, by mistake.",
        "VARS P STEPS",
    )
    .lowerable(),
    error(
        Rule::LongDomainName,
        "long-domain-name",
        "domain or workgroup name that is too long",
        "Windows limits workgroups to 32 characters and domains to 255.",
        "VARS",
    ),
    error(
        Rule::UnresolvedDomain,
        "unresolved-domain",
        "domain of another forest that can't be looked up",
        "The editor browses only domains of its own forest; others are typed in.",
        "S3",
    )
    .unchecked("tsmedia looks up no domains and accepts any"),
    error(
        Rule::DomainJoinBeforeCapture,
        "domain-join-before-capture",
        "domain join before a capture",
        "Sysprep fails on members of a domain, at the end of the build. Join a workgroup.",
        "P S3 STEPS",
    )
    .lowerable(),
    error(
        Rule::ContradictoryAdministrator,
        "contradictory-administrator",
        "contradictory settings of the local administrator",
        "The account is either disabled and has a random password, or is enabled and has a given one.",
        "S3 VARS",
    ),
    error(
        Rule::InvalidServerLicense,
        "invalid-server-license",
        "invalid server licensing",
        "`per-server` has 5 to 9999 connections, 5 by default. Windows Server 2008 and later have no such mode.",
        "S3 P VARS",
    ),
    error(
        Rule::InvalidClientProperties,
        "invalid-client-properties",
        "invalid client installation properties",
        "The medium assigns the site, so the properties must not contain SMSSITECODE. Values with spaces are quoted.",
        "P",
    )
    .lowerable(),
    error(
        Rule::UnknownUpdateSelection,
        "unknown-update-selection",
        "unknown selection of software updates",
        "Install Software Updates installs `all` or `mandatory` ones.",
        "P",
    ),
    error(
        Rule::InvalidCaptureTarget,
        "invalid-capture-target",
        "invalid target of a capture",
        "A capture is written to a WIM file on a share, in a folder of up to 255 characters, by an account that has a password.",
        "S3 P VARS",
    )
    .lowerable(),
    note(
        Rule::OverwrittenCapture,
        "overwritten-capture",
        "capture that overwrites an existing WIM file",
        "A file of that name on the share is overwritten without asking. Whether there is one is not checked, since tsmedia does not access the share. A destination with a variable in it is not reported.",
        "S3",
    )
    .lowerable(),
    error(
        Rule::InvalidImageDescription,
        "invalid-image-description",
        "image metadata that is too long or malformed",
        "Creator and description have at most 255 characters, the version 32 letters and digits; `.`, `-` and `_` are also accepted. The XML of the WIM file is written from them.",
        "VARS P",
    ),
    note(
        Rule::SkippedVolume,
        "skipped-volume",
        "volume that is not captured",
        "Only NTFS and FAT volumes are captured, one image each. Others, and those on USB drives, are skipped.",
        "S3 STEPS",
    )
    .unchecked("task sequences name no volumes; `tsmedia capture` reports those that it skips"),
    error(
        Rule::CaptureOutsideWindowsPe,
        "capture-outside-windows-pe",
        "capture outside of Windows PE",
        "Prepare Windows for Capture restarts into Windows PE, where Capture Operating System Image runs.",
        "S3 STEPS",
    )
    .lowerable(),
    error(
        Rule::UnpreparedCapture,
        "unprepared-capture",
        "capture without preparation, or in the wrong order",
        "First the client is prepared, then Windows. Sysprep restarts the computer, so no step after it finds Windows running.",
        "S3",
    )
    .lowerable(),
    error(
        Rule::PreparationInWindowsPe,
        "preparation-in-windows-pe",
        "preparation of a capture in Windows PE",
        "The steps that prepare a capture work on the running Windows.",
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
    .unchecked("what is installed on a reference computer is not known"),
    warning(
        Rule::SeparateBootVolume,
        "separate-boot-volume",
        "Windows and its boot files on different volumes",
        "The captured image would not start without the other volume.",
        "STEPS",
    )
    .unchecked("how the reference computer was installed is not known"),
    warning(
        Rule::RepeatedCapture,
        "repeated-capture",
        "second capture of a reference computer",
        "The first capture removed the client. Reinstall the computer before the next one.",
        "S3",
    )
    .lowerable(),
    note(
        Rule::DriversOnReferenceMachine,
        "drivers-on-reference-machine",
        "drivers on a reference computer",
        "They end up on every computer that the image is deployed to. Build reference computers as virtual machines.",
        "CAPTS",
    )
    .lowerable(),
    warning(
        Rule::DeletedAutopilotProfile,
        "deleted-autopilot-profile",
        "Autopilot profile that Sysprep deletes",
        "Prepare Windows for Capture runs Sysprep with `/generalize`, which deletes the profile.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::IncompleteBuildAndCapture,
        "incomplete-build-and-capture",
        "build and capture without an image or boot image",
        "The task sequence installs the operating system that it captures, and restarts into the boot image.",
        "S3",
    )
    .lowerable(),
    error(
        Rule::WrongEnvironment,
        "wrong-environment",
        "step in the wrong environment",
        "Some steps run only in Windows PE, others only in the full operating system. Only Setup Windows and Configuration Manager leads from the first to the second.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::MissingSetupStep,
        "missing-setup-step",
        "applied operating system that is never set up",
        "Without Setup Windows and Configuration Manager the task sequence never leaves Windows PE.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::IgnoredContinueOnError,
        "ignored-continue-on-error",
        "continue-on-error on a step that ignores it",
        "The task sequence fails with Setup Windows and Configuration Manager regardless.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::MisplacedDriverPackage,
        "misplaced-driver-package",
        "driver package outside of apply and setup",
        "Before the operating system is applied there is nothing to add drivers to; after its setup they are not installed.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::AmbiguousNetworkSettings,
        "ambiguous-network-settings",
        "several Apply Network Settings without a conditional group each",
        "Conditions of these steps themselves are ignored, and the last one takes effect.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::AccountInWindowsPe,
        "account-in-windows-pe",
        "step that runs as another account in Windows PE",
        "Windows PE has no user accounts, so the step fails.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::MissingPowershell,
        "missing-powershell",
        "PowerShell script in a boot image without PowerShell",
        "WinPE-WMI, WinPE-NetFX, WinPE-Scripting and WinPE-PowerShell are optional components.",
        "STEPS BIMG",
    )
    .lowerable(),
    note(
        Rule::UnverifiedPowershell,
        "unverified-powershell",
        "PowerShell script in Windows PE, and a boot image that can't be checked",
        "The boot image does not list its components, or is not named. PowerShell is an optional one.",
        "STEPS BIMG",
    )
    .lowerable(),
    warning(
        Rule::InvalidScriptSettings,
        "invalid-script-settings",
        "unsigned script, or parameters that are not the script's",
        "The policy `all-signed` rejects unsigned scripts. Switches of `powershell.exe` are not parameters of a script.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::InvalidTimeout,
        "invalid-timeout",
        "time-out outside of 1 to 999 minutes",
        "The editor accepts no other numbers.",
        "STEPS",
    ),
    error(
        Rule::LongWorkingDirectory,
        "long-working-directory",
        "working directory over 127 characters",
        "The site stores no more.",
        "STEPS VARS",
    ),
    error(
        Rule::InvalidExitCode,
        "invalid-exit-code",
        "exit code that is not an integer",
        "The usual codes of success are 0 and 3010 (restart required).",
        "STEPS TOOLS",
    ),
    error(
        Rule::UncoordinatedRestart,
        "uncoordinated-restart",
        "command that restarts the computer by itself",
        "The task sequence loses its place. Exit with 3010, or use Restart Computer.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::InvalidRetryCount,
        "invalid-retry-count",
        "retry count outside of 1 to 5",
        "The editor accepts no other numbers.",
        "STEPS",
    ),
    error(
        Rule::InvalidDynamicList,
        "invalid-dynamic-list",
        "invalid name or value of a dynamic list",
        "Lists of packages are variables ending in 001, 002 … with values such as `ABC00001:Program`; lists of applications end in 01, 02 …. A list ends at the first missing number.",
        "STEPS",
    )
    .lowerable(),
    error(
        Rule::InvalidChildSequence,
        "invalid-child-sequence",
        "invalid child task sequence",
        "A child has no boot image, is enabled, and is not its own parent. Otherwise the deployment fails, even with continue-on-error. Child task sequences in a content library are checked; others are stored at the site.",
        "STEPS",
    ),
    error(
        Rule::InvalidDestination,
        "invalid-destination",
        "missing, ambiguous or invalid destination of an image",
        "An image is applied to a disk (0 to 99) and partition (from 1), or to a drive from C to Z.",
        "STEPS VARS P",
    ),
    error(
        Rule::InvalidPartition,
        "invalid-partition",
        "partition that the partition table can't have",
        "GPT has no extended or logical partitions, MBR none for EFI or MSR, and percentages add up to at most 100.",
        "VARS STEPS P",
    ),
    warning(
        Rule::RestartWithoutPartition,
        "restart-without-partition",
        "restart without a formatted partition",
        "The task sequence has to save its state on the disk; it fails even with continue-on-error.",
        "PLAN",
    )
    .lowerable(),
    error(
        Rule::InvalidNetworkFolder,
        "invalid-network-folder",
        "invalid network folder or drive",
        "A folder is `\\\\server\\share`, its drive D to Z except X, which is that of Windows PE.",
        "VARS",
    ),
    error(
        Rule::InvalidBitlockerSettings,
        "invalid-bitlocker-settings",
        "invalid BitLocker settings",
        "BitLocker is suspended for 1 to 15 restarts. `tpm-and-pin` needs a PIN of 4 to 20 digits, other modes none.",
        "VARS P",
    ),
    error(
        Rule::UnreleasedStateStore,
        "unreleased-state-store",
        "state store that is requested and never released",
        "The store of the state migration point stays reserved.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::StateStoreKeptOnFailure,
        "state-store-kept-on-failure",
        "state store that stays reserved if a step fails",
        "Steps between Request State Store and Release State Store continue on error, so that the store is released.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::InteractiveApplication,
        "interactive-application",
        "application that does not install silently",
        "Applications in task sequences are MSI files or scripts that install for the system, without prompts.",
        "STEPS",
    )
    .unchecked("how an application is installed is defined at the site"),
    warning(
        Rule::LingeringRebootWait,
        "lingering-reboot-wait",
        "`SMSTSWaitForSecondReboot` that is not reset after updates",
        "Every later restart would wait, too.",
        "VARS",
    )
    .lowerable(),
    error(
        Rule::LongRestartMessage,
        "long-restart-message",
        "restart message over 512 characters",
        "The site stores no more.",
        "VARS WMI",
    ),
    error(
        Rule::InvalidRestartRequest,
        "invalid-restart-request",
        "incomplete or invalid restart request",
        "`SMSTSRetryRequested` has no effect without `SMSTSRebootRequested`, which is `HD` or `WinPE`.",
        "VARS",
    )
    .lowerable(),
    error(
        Rule::VariableForNumber,
        "variable-for-number",
        "variable where an answer file needs a number",
        "The editor accepts only digits.",
        "STEPS",
    ),
    note(
        Rule::InferredName,
        "inferred-name",
        "key whose name in XML is inferred",
        "No console was seen to write the variable of this key, and Microsoft does not document it. A client that reads it under another name ignores the setting.",
        "TOOLS",
    )
    .lowerable(),
];
