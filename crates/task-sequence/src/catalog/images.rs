//! Steps that apply, upgrade and capture operating systems.

use super::{Environment, Key, StepKind, ValueType, choice};

/// Destination disk; one of three ways to select the destination. Without any, the image goes to
/// the next free partition.
const DISK: Key = Key::new(
    "disk",
    "DestinationDisk",
    ValueType::Integer(0, 99),
    "Number of the disk to apply the image to, 0 to 99; requires `partition` (R117).",
)
.hidden()
.documented();
const PARTITION: Key = Key::new(
    "partition",
    "DestinationPartition",
    ValueType::Integer(1, 99),
    "Number of the partition on `disk`, 1 to 99 (R117).",
)
.hidden()
.documented();
const DRIVE: Key = Key::new(
    "drive",
    "DestinationLogicalDrive",
    ValueType::Text(2),
    "Drive to apply the image to, `C:` to `Z:` (R117).",
)
.hidden()
.documented();
const DRIVE_VARIABLE: Key = Key::new(
    "drive-variable",
    "DestinationVariable",
    ValueType::Variable,
    "Variable that contains the letter of the destination drive.",
)
.hidden()
.documented();

pub const KINDS: &[StepKind] = &[
    StepKind {
        name: "apply-operating-system",
        title: "Apply Operating System Image",
        class: "ApplyOperatingSystemAction",
        doc: "Applies an operating system image to a volume and deletes everything else on it.",
        environment: Environment::WindowsPe,
        command: "OSDApplyOS.exe[ /image:{image},%OSDImageIndex%][ /install:{upgrade-package},%OSDInstallEditionIndex%][ \"/config:{answer-package},%OSDConfigFileName%\"][ /target:{disk},{partition}][ /target:{drive}][ /target:%{drive-variable}%] /runfromnet:{run-from-network}",
        success_codes: &[0],
        keys: &[
            Key::new("image", "ImagePackageID", ValueType::Package, "Package ID of the operating system image.").hidden(),
            Key::new("index", "ImageIndex", ValueType::Integer(1, 65_535), "Index of the image in its WIM file, from 1 (R27).")
                .in_variable("OSDImageIndex"),
            Key::new(
                "upgrade-package",
                "InstallPackageID",
                ValueType::Package,
                "Package ID of an operating system upgrade package, instead of `image`.",
            )
            .hidden(),
            Key::new("edition", "InstallEditionIndex", ValueType::Integer(1, 65_535), "Index of the edition in `upgrade-package`, from 1.")
                .in_variable("OSDInstallEditionIndex"),
            Key::new("answer-package", "ConfigFilePackage", ValueType::Package, "Package ID of the package with the answer file.")
                .hidden(),
            Key::new(
                "answer-file",
                "ConfigFileName",
                ValueType::Text(255),
                "Answer file in `answer-package`, such as `unattend.xml`.",
            )
            .in_variable("OSDConfigFileName"),
            DISK,
            PARTITION,
            DRIVE,
            DRIVE_VARIABLE,
            Key::new(
                "layered-driver",
                "LayeredDriver",
                ValueType::Integer(0, 6),
                "Keyboard driver for Japanese and Korean systems, 0 to 6.",
            )
            .in_variable("OSDLayeredDriver"),
            Key::new(
                "run-from-network",
                "RunFromNet",
                ValueType::Boolean,
                "Apply the image directly from the distribution point, without downloading it first.",
            )
            .hidden()
            .with_default("false"),
        ],
    },
    StepKind {
        name: "apply-data-image",
        title: "Apply Data Image",
        class: "ApplyDataImageAction",
        doc: "Applies a data image to a volume.",
        environment: Environment::WindowsPe,
        command: "OSDApplyOS.exe /data:{image},%OSDDataImageIndex% [ /target:{disk},{partition}][ /target:{drive}][ /target:%{drive-variable}%]",
        success_codes: &[0],
        keys: &[
            Key::new("image", "ImagePackageID", ValueType::Package, "Package ID of the data image.").hidden().required(),
            Key::new("index", "ImageIndex", ValueType::Integer(1, 65_535), "Index of the image in its WIM file, from 1 (R27).")
                .in_variable("OSDDataImageIndex")
                .required(),
            DISK,
            PARTITION,
            DRIVE,
            DRIVE_VARIABLE,
            Key::new(
                "wipe",
                "WipeDestinationPartition",
                ValueType::Boolean,
                "Delete everything on the partition first.",
            )
            .in_variable("OSDWipeDestinationPartition")
            .with_default("true"),
        ],
    },
    StepKind {
        name: "upgrade-operating-system",
        title: "Upgrade Operating System",
        class: "UpgradeOperatingSystemAction",
        doc: "Upgrades the running system in place.",
        environment: Environment::FullOs,
        command: "OSDUpgradeOS.exe ",
        success_codes: &[0],
        keys: &[
            Key::new("package", "InstallPackageID", ValueType::Package, "Package ID of the operating system upgrade package.")
                .in_variable("OSDUpgradeInstallPackageID"),
            Key::new("edition", "InstallEditionIndex", ValueType::Integer(1, 65_535), "Index of the edition in `package`, from 1.")
                .in_variable("OSDUpgradeInstallEditionIndex")
                .with_default("1"),
            Key::new(
                "source",
                "InstallPath",
                ValueType::Text(255),
                "Path of the installation source, or a variable with the path, instead of `package`.",
            )
            .in_variable("OSDUpgradeInstallPath"),
            Key::new(
                "feature-update",
                "FeatureUpdateName",
                ValueType::Text(512),
                "Name of a feature update, instead of `package`. Requires the network (R136).",
            )
            .in_variable("OSDUpgradeFeatureUpdateName"),
            Key::new(
                "feature-update-deployment",
                "FeatureUpdateAssignmentId",
                ValueType::Text(255),
                "ID of the deployment of the feature update.",
            )
            .in_variable("OSDFeatureUpdateAssignmentID"),
            Key::new("product-key", "OsProductKey", ValueType::Text(255), "Product key of the new system (R78).")
                .in_variable("OSDUpgradeOsProductKey"),
            Key::new("driver-package", "DriverPackageID", ValueType::Package, "Package ID of a driver package for Windows Setup.")
                .in_variable("OSDUpgradeDriverPackageID"),
            Key::new(
                "drivers",
                "StagedContent",
                ValueType::Text(255),
                "Path of drivers for Windows Setup, or a variable with the path, instead of `driver-package`.",
            )
            .in_variable("OSDUpgradeStagedContent"),
            Key::new(
                "keep",
                "PreserveSettings",
                ValueType::Text(32),
                "Data to keep. Microsoft advises against any other value than `Upgrade`, which keeps applications, data and settings.",
            )
            .in_variable("OSDUpgradePreserveSettings")
            .with_default("Upgrade"),
            Key::new("scan-only", "ScanOnly", ValueType::Boolean, "Check compatibility only; don't upgrade.")
                .in_variable("OSDUpgradeScanOnly")
                .with_default("false"),
            Key::new(
                "ignore-messages",
                "IgnoreMessages",
                ValueType::Boolean,
                "Ignore compatibility messages that can be dismissed.",
            )
            .in_variable("OSDUpgradeIgnoreMessages")
            .with_default("false"),
            Key::new(
                "dynamic-update",
                "DynamicUpdateSettings",
                ValueType::Choice(&[
                    choice("disable", "Disable", "Don't use Dynamic Update."),
                    choice("override-policy", "OveridePolicy", "Use Dynamic Update, regardless of the computer's policy."),
                ]),
                "Updates of Windows Setup from Windows Update. They require the network (R136).",
            )
            .in_variable("OSDUpgradeDynamicUpdateSettings")
            .with_default("disable"),
        ],
    },
    StepKind {
        name: "prepare-client-for-capture",
        title: "Prepare ConfigMgr Client for Capture",
        class: "PrepareSMSClientAction",
        doc: "Removes the computer's identity from the Configuration Manager client before its system is captured.",
        environment: Environment::FullOs,
        command: "osdpreparesmsclient.exe",
        success_codes: &[0],
        keys: &[],
    },
    StepKind {
        name: "prepare-windows-for-capture",
        title: "Prepare Windows for Capture",
        class: "PrepareOSAction",
        doc: "Runs Sysprep and restarts into Windows PE. It fails on members of a domain (R84).",
        environment: Environment::FullOs,
        command: "osdprepareos.exe /activate:%OSDKeepActivation% /bmsd:%OSDBuildStorageDriverList%[~ /shutdown:%OSDShutdownPreparedOs%]",
        success_codes: &[0],
        keys: &[
            Key::new("keep-activation", "KeepActivation", ValueType::Boolean, "Keep the activation of Windows.")
                .in_variable("OSDKeepActivation")
                .with_default("false"),
            Key::new(
                "build-driver-list",
                "BuildStorageDriverList",
                ValueType::Boolean,
                "Build the list of mass storage drivers for Sysprep. Windows XP only.",
            )
            .in_variable("OSDBuildStorageDriverList")
            .with_default("false"),
            Key::new(
                "shut-down",
                "ShutdownPreparedOs",
                ValueType::Boolean,
                "Shut the computer down afterwards instead of restarting it.",
            )
            .in_variable("OSDShutdownPreparedOs")
            .with_default("false"),
        ],
    },
    StepKind {
        name: "capture-operating-system-image",
        title: "Capture Operating System Image",
        class: "CaptureSystemImageAction",
        doc: "Captures the volumes of the reference computer into a WIM file on a share, one image per NTFS or FAT32 volume (R92).",
        environment: Environment::WindowsPe,
        command: "osdcapturesystemimage.exe",
        success_codes: &[0],
        keys: &[
            Key::new(
                "destination",
                "CaptureDestination",
                ValueType::Text(511),
                "WIM file to write, such as `\\\\server\\share\\image.wim` (R89).",
            )
            .in_variable("OSDCaptureDestination")
            .required(),
            Key::new(
                "user",
                "CaptureUsername",
                ValueType::Text(255),
                "Account with write access to the share: `DOMAIN\\user` (R89).",
            )
            .in_variable("OSDCaptureAccount")
            .required(),
            Key::new("password", "CapturePassword", ValueType::Secret, "Password of `user`.")
                .in_variable("OSDCaptureAccountPassword"),
            Key::new("creator", "ImageCreator", ValueType::Text(255), "Creator of the image: at most 255 characters (R91).")
                .in_variable("OSDImageCreator"),
            Key::new(
                "image-description",
                "ImageDescription",
                ValueType::Text(255),
                "Description of the image: at most 255 characters (R91).",
            )
            .in_variable("OSDImageDescription"),
            Key::new("version", "ImageVersion", ValueType::Text(32), "Version of the image: at most 32 characters (R91).")
                .in_variable("OSDImageVersion"),
        ],
    },
];
