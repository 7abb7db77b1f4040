//! Steps that preserve user state during a deployment.

use super::{Environment, Key, StepKind, ValueType, choice};

/// Maximum number of retries, and of seconds between them.
const ANY: i64 = u32::MAX as i64;

pub const KINDS: &[StepKind] = &[
    StepKind {
        name: "request-state-store",
        title: "Request State Store",
        class: "RequestStateStoreAction",
        doc: "Requests storage on a state migration point. A Release State Store step must follow (R122).",
        environment: Environment::Any,
        command: "osdsmpclient.exe /{purpose}",
        success_codes: &[0],
        keys: &[
            Key::new(
                "purpose",
                "RequestType",
                ValueType::Choice(&[
                    choice("capture", "capture", "Storage to save user state in."),
                    choice("restore", "restore", "Storage of a user state that was saved before."),
                ]),
                "Purpose of the request.",
            )
            .in_variable("OSDStateRequestType")
            .hidden()
            .required(),
            Key::new(
                "store-retries",
                "SMPRetryCount",
                ValueType::Integer(0, ANY),
                "Number of retries if the state migration point does not answer.",
            )
            .in_variable("OSDStateSMPRetryCount")
            .hidden()
            .with_default("3"),
            Key::new("store-retry-delay", "SMPRetryTime", ValueType::Integer(0, ANY), "Seconds between retries.")
                .in_variable("OSDStateSMPRetryTime")
                .hidden()
                .with_default("10"),
            Key::new(
                "fall-back-to-network-account",
                "FallbackToNAA",
                ValueType::Boolean,
                "Use the network access account if the computer account can't connect to the state migration point.",
            )
            .in_variable("OSDStateFallbackToNAA")
            .with_default("false"),
        ],
    },
    StepKind {
        name: "release-state-store",
        title: "Release State Store",
        class: "ReleaseStateStoreAction",
        doc: "Tells the state migration point that capturing or restoring is complete.",
        environment: Environment::Any,
        command: "osdsmpclient.exe /release",
        success_codes: &[0],
        keys: &[],
    },
    StepKind {
        name: "capture-user-state",
        title: "Capture User State",
        class: "CaptureUserStateAction",
        doc: "Saves user files and settings with the User State Migration Tool (USMT).",
        environment: Environment::Any,
        command: "osdmigrateuserstate.exe /collect /continueOnError:%OSDMigrateContinueOnLockedFiles% /skipefs:%OSDMigrateSkipEncryptedFiles%",
        success_codes: &[0],
        keys: &[
            Key::new(
                "package",
                "UsmtPackageID",
                ValueType::Package,
                "Package with the User State Migration Tool (USMT).",
            )
            .in_variable("_OSDMigrateUsmtPackageID")
            .required(),
            Key::new(
                "mode",
                "Mode",
                ValueType::Choice(&[
                    choice("simple", "Simple", "Capture all user profiles with the standard USMT settings."),
                    choice("advanced", "Advanced", "Capture as defined in `configuration-files`."),
                ]),
                "Selection of files and settings to capture.",
            )
            .in_variable("OSDMigrateMode")
            .with_default("simple"),
            Key::new(
                "configuration-files",
                "ConfigFiles",
                ValueType::Texts,
                "Configuration files in the package that select what to capture, for `mode = \"advanced\"`.",
            )
            .in_variable("OSDMigrateConfigFiles"),
            Key::new("verbose", "EnableVerboseLogging", ValueType::Boolean, "Log verbosely.")
                .in_variable("OSDMigrateEnableVerboseLogging")
                .with_default("false"),
            Key::new(
                "skip-encrypted",
                "SkipEncryptedFiles",
                ValueType::Boolean,
                "Skip files that are encrypted with the Encrypting File System (EFS).",
            )
            .in_variable("OSDMigrateSkipEncryptedFiles")
            .with_default("false"),
            Key::new(
                "in-place",
                "UseHardlinks",
                ValueType::Boolean,
                "Keep files where they are on the disk, by hard links, instead of copying them.",
            )
            .in_variable("_OSDMigrateUseHardlinks")
            .with_default("false"),
            Key::new(
                "file-access",
                "FileAccess",
                ValueType::Choice(&[
                    choice("normal", "Normal", "Read files through the file system."),
                    choice("vss", "VSS", "Read files from a shadow copy of the volume."),
                ]),
                "Access to the files.",
            )
            .in_variable("OSDMigrateFileAccess")
            .with_default("normal"),
            Key::new(
                "offline",
                "OfflineUserState",
                ValueType::Boolean,
                "Capture in Windows PE from the installed system, which is not running.",
            )
            .in_variable("_OSDMigrateOfflineUserState")
            .with_default("false"),
            Key::new(
                "continue-on-locked-files",
                "ContinueOnLockedFiles",
                ValueType::Boolean,
                "Skip files that can't be read, instead of failing.",
            )
            .in_variable("OSDMigrateContinueOnLockedFiles")
            .with_default("true"),
        ],
    },
    StepKind {
        name: "restore-user-state",
        title: "Restore User State",
        class: "RestoreUserStateAction",
        doc: "Restores user files and settings that Capture User State saved.",
        environment: Environment::FullOs,
        command: "osdmigrateuserstate.exe /apply /continueOnError:%OSDMigrateContinueOnRestore%",
        success_codes: &[0],
        keys: &[
            Key::new(
                "package",
                "UsmtRestorePackageID",
                ValueType::Package,
                "Package with the User State Migration Tool (USMT).",
            )
            .in_variable("_OSDMigrateUsmtRestorePackageID")
            .required(),
            Key::new(
                "mode",
                "Mode",
                ValueType::Choice(&[
                    choice("simple", "Simple", "Restore all user profiles with the standard USMT settings."),
                    choice("advanced", "Advanced", "Restore as defined in `configuration-files`."),
                ]),
                "Selection of files and settings to restore.",
            )
            .in_variable("OSDMigrateMode")
            .with_default("simple"),
            Key::new(
                "configuration-files",
                "ConfigFiles",
                ValueType::Texts,
                "Configuration files in the package that select what to restore, for `mode = \"advanced\"`.",
            )
            .in_variable("OSDMigrateConfigFiles"),
            Key::new(
                "local-users",
                "LocalAccounts",
                ValueType::Boolean,
                "Restore local user accounts. They get `local-password`.",
            )
            .in_variable("OSDMigrateLocalAccounts")
            .with_default("false"),
            Key::new(
                "local-password",
                "LocalAccountPassword",
                ValueType::Secret,
                "Password for restored local accounts, for `local-users = true`.",
            )
            .in_variable("OSDMigrateLocalAccountPassword")
            .documented(),
            Key::new(
                "continue-on-error-files",
                "ContinueOnRestore",
                ValueType::Boolean,
                "Skip files that can't be restored, instead of failing.",
            )
            .in_variable("OSDMigrateContinueOnRestore")
            .with_default("true"),
            Key::new("verbose", "EnableVerboseLogging", ValueType::Boolean, "Log verbosely.")
                .in_variable("OSDMigrateEnableVerboseLogging")
                .with_default("false"),
        ],
    },
];
