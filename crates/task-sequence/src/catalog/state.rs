//! Steps that keep the state of users over a deployment.

use super::{Environment, Form, Key, Kind, choice};

/// The most restores and retries that a step counts.
const ANY: i64 = u32::MAX as i64;

pub const KINDS: &[Kind] = &[
    Kind {
        name: "request-state-store",
        title: "Request State Store",
        class: "RequestStateStoreAction",
        doc: "Asks a state migration point for room. A Release State Store has to follow (R122).",
        environment: Environment::Any,
        command: "osdsmpclient.exe /{purpose}",
        success_codes: &[0],
        keys: &[
            Key::new(
                "purpose",
                "RequestType",
                Form::Choice(&[
                    choice("capture", "capture", "Room to keep the state in."),
                    choice("restore", "restore", "The state that was kept."),
                ]),
                "What it is asked for.",
            )
            .in_variable("OSDStateRequestType")
            .hidden()
            .required(),
            Key::new("store-retries", "SMPRetryCount", Form::Integer(0, ANY), "How often another attempt is made.")
                .in_variable("OSDStateSMPRetryCount")
                .hidden()
                .or("3"),
            Key::new(
                "store-retry-delay",
                "SMPRetryTime",
                Form::Integer(0, ANY),
                "How many seconds lie between attempts.",
            )
            .in_variable("OSDStateSMPRetryTime")
            .hidden()
            .or("10"),
            Key::new(
                "fall-back-to-network-account",
                "FallbackToNAA",
                Form::Boolean,
                "Whether the network access account is used where the computer's fails.",
            )
            .in_variable("OSDStateFallbackToNAA")
            .or("false"),
        ],
    },
    Kind {
        name: "release-state-store",
        title: "Release State Store",
        class: "ReleaseStateStoreAction",
        doc: "Tells the state migration point that capture or restore is done.",
        environment: Environment::Any,
        command: "osdsmpclient.exe /release",
        success_codes: &[0],
        keys: &[],
    },
    Kind {
        name: "capture-user-state",
        title: "Capture User State",
        class: "CaptureUserStateAction",
        doc: "Saves files and settings of users with the User State Migration Tool.",
        environment: Environment::Any,
        command: "osdmigrateuserstate.exe /collect /continueOnError:%OSDMigrateContinueOnLockedFiles% /skipefs:%OSDMigrateSkipEncryptedFiles%",
        success_codes: &[0],
        keys: &[
            Key::new("package", "UsmtPackageID", Form::Package, "The package of the User State Migration Tool.")
                .in_variable("_OSDMigrateUsmtPackageID")
                .required(),
            Key::new(
                "mode",
                "Mode",
                Form::Choice(&[
                    choice("simple", "Simple", "All users by the tool's own settings."),
                    choice("advanced", "Advanced", "By `configuration-files`."),
                ]),
                "How it is told what to save.",
            )
            .in_variable("OSDMigrateMode")
            .or("simple"),
            Key::new("configuration-files", "ConfigFiles", Form::Texts, "Files of the package that say what is saved.")
                .in_variable("OSDMigrateConfigFiles"),
            Key::new("verbose", "EnableVerboseLogging", Form::Boolean, "Whether everything is logged.")
                .in_variable("OSDMigrateEnableVerboseLogging")
                .or("false"),
            Key::new(
                "skip-encrypted",
                "SkipEncryptedFiles",
                Form::Boolean,
                "Whether files of the encrypting file system are left out.",
            )
            .in_variable("OSDMigrateSkipEncryptedFiles")
            .or("false"),
            Key::new(
                "in-place",
                "UseHardlinks",
                Form::Boolean,
                "Whether files are kept where they are, by hard links.",
            )
            .in_variable("_OSDMigrateUseHardlinks")
            .or("false"),
            Key::new(
                "file-access",
                "FileAccess",
                Form::Choice(&[
                    choice("normal", "Normal", "Through the file system."),
                    choice("vss", "VSS", "From a shadow copy of the volume."),
                ]),
                "How files are read.",
            )
            .in_variable("OSDMigrateFileAccess")
            .or("normal"),
            Key::new(
                "offline",
                "OfflineUserState",
                Form::Boolean,
                "Capture the state in Windows PE, from the system that is not running.",
            )
            .in_variable("_OSDMigrateOfflineUserState")
            .or("false"),
            Key::new(
                "continue-on-locked-files",
                "ContinueOnLockedFiles",
                Form::Boolean,
                "Whether files that can't be read are passed over.",
            )
            .in_variable("OSDMigrateContinueOnLockedFiles")
            .or("true"),
        ],
    },
    Kind {
        name: "restore-user-state",
        title: "Restore User State",
        class: "RestoreUserStateAction",
        doc: "Puts saved files and settings of users back.",
        environment: Environment::FullOs,
        command: "osdmigrateuserstate.exe /apply /continueOnError:%OSDMigrateContinueOnRestore%",
        success_codes: &[0],
        keys: &[
            Key::new("package", "UsmtRestorePackageID", Form::Package, "The package of the User State Migration Tool.")
                .in_variable("_OSDMigrateUsmtRestorePackageID")
                .required(),
            Key::new(
                "mode",
                "Mode",
                Form::Choice(&[
                    choice("simple", "Simple", "All users by the tool's own settings."),
                    choice("advanced", "Advanced", "By `configuration-files`."),
                ]),
                "How it is told what to restore.",
            )
            .in_variable("OSDMigrateMode")
            .or("simple"),
            Key::new(
                "configuration-files",
                "ConfigFiles",
                Form::Texts,
                "Files of the package that say what is restored.",
            )
            .in_variable("OSDMigrateConfigFiles"),
            Key::new(
                "local-users",
                "LocalAccounts",
                Form::Boolean,
                "Whether accounts of the computer itself are restored.",
            )
            .in_variable("OSDMigrateLocalAccounts")
            .or("false"),
            Key::new("local-password", "LocalAccountPassword", Form::Secret, "The password that those accounts get.")
                .in_variable("OSDMigrateLocalAccountPassword")
                .documented(),
            Key::new(
                "continue-on-error-files",
                "ContinueOnRestore",
                Form::Boolean,
                "Whether files that can't be restored are passed over.",
            )
            .in_variable("OSDMigrateContinueOnRestore")
            .or("true"),
            Key::new("verbose", "EnableVerboseLogging", Form::Boolean, "Whether everything is logged.")
                .in_variable("OSDMigrateEnableVerboseLogging")
                .or("false"),
        ],
    },
];
