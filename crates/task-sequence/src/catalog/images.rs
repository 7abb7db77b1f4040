//! Steps that apply, upgrade and capture operating systems.

use super::{Environment, Form, Key, Kind, choice};

/// Where an image is applied, in one of three ways; on the next free partition unless said.
const DISK: Key = Key::new(
    "disk",
    "DestinationDisk",
    Form::Integer(0, 99),
    "The disk that it is applied to; with `partition` (R117).",
)
.hidden()
.documented();
const PARTITION: Key =
    Key::new("partition", "DestinationPartition", Form::Integer(1, 99), "The partition of that disk (R117).")
        .hidden()
        .documented();
const DRIVE: Key =
    Key::new("drive", "DestinationLogicalDrive", Form::Text(2), "The drive that it is applied to, C to Z (R117).")
        .hidden()
        .documented();
const DRIVE_VARIABLE: Key =
    Key::new("drive-variable", "DestinationVariable", Form::Variable, "A variable that holds the drive.")
        .hidden()
        .documented();

pub const KINDS: &[Kind] = &[
    Kind {
        name: "apply-operating-system",
        title: "Apply Operating System Image",
        class: "ApplyOperatingSystemAction",
        doc: "Applies an operating system image to the computer. All else on the volume is removed.",
        environment: Environment::WindowsPe,
        command: "OSDApplyOS.exe[ /image:{image},%OSDImageIndex%][ /install:{upgrade-package},%OSDInstallEditionIndex%][ \"/config:{answer-package},%OSDConfigFileName%\"][ /target:{disk},{partition}][ /target:{drive}][ /target:%{drive-variable}%] /runfromnet:{run-from-network}",
        success_codes: &[0],
        keys: &[
            Key::new("image", "ImagePackageID", Form::Package, "The operating system image.").hidden(),
            Key::new("index", "ImageIndex", Form::Integer(1, 65_535), "Which image in its WIM file (R27).")
                .in_variable("OSDImageIndex"),
            Key::new(
                "upgrade-package",
                "InstallPackageID",
                Form::Package,
                "An operating system upgrade package, in place of `image`.",
            )
            .hidden(),
            Key::new("edition", "InstallEditionIndex", Form::Integer(1, 65_535), "Which edition of that package.")
                .in_variable("OSDInstallEditionIndex"),
            Key::new("answer-package", "ConfigFilePackage", Form::Package, "The package that holds the answer file.")
                .hidden(),
            Key::new(
                "answer-file",
                "ConfigFileName",
                Form::Text(255),
                "The answer file within it, such as `unattend.xml`.",
            )
            .in_variable("OSDConfigFileName"),
            DISK,
            PARTITION,
            DRIVE,
            DRIVE_VARIABLE,
            Key::new(
                "layered-driver",
                "LayeredDriver",
                Form::Integer(0, 6),
                "The keyboard driver for Japanese and Korean systems.",
            )
            .in_variable("OSDLayeredDriver"),
            Key::new(
                "run-from-network",
                "RunFromNet",
                Form::Boolean,
                "Whether the image is read from the distribution point as it is applied.",
            )
            .hidden()
            .or("false"),
        ],
    },
    Kind {
        name: "apply-data-image",
        title: "Apply Data Image",
        class: "ApplyDataImageAction",
        doc: "Applies an image of files.",
        environment: Environment::WindowsPe,
        command: "OSDApplyOS.exe /data:{image},%OSDDataImageIndex% [ /target:{disk},{partition}][ /target:{drive}][ /target:%{drive-variable}%]",
        success_codes: &[0],
        keys: &[
            Key::new("image", "ImagePackageID", Form::Package, "The image package.").hidden().required(),
            Key::new("index", "ImageIndex", Form::Integer(1, 65_535), "Which image in its WIM file (R27).")
                .in_variable("OSDDataImageIndex")
                .required(),
            DISK,
            PARTITION,
            DRIVE,
            DRIVE_VARIABLE,
            Key::new(
                "wipe",
                "WipeDestinationPartition",
                Form::Boolean,
                "Whether all else on the partition is removed first.",
            )
            .in_variable("OSDWipeDestinationPartition")
            .or("true"),
        ],
    },
    Kind {
        name: "upgrade-operating-system",
        title: "Upgrade Operating System",
        class: "UpgradeOperatingSystemAction",
        doc: "Upgrades the running system in place.",
        environment: Environment::FullOs,
        command: "OSDUpgradeOS.exe ",
        success_codes: &[0],
        keys: &[
            Key::new("package", "InstallPackageID", Form::Package, "The operating system upgrade package.")
                .in_variable("OSDUpgradeInstallPackageID"),
            Key::new("edition", "InstallEditionIndex", Form::Integer(1, 65_535), "Which edition of that package.")
                .in_variable("OSDUpgradeInstallEditionIndex")
                .or("1"),
            Key::new(
                "source",
                "InstallPath",
                Form::Text(255),
                "A path of the installation source, or a variable that holds it, in place of `package`.",
            )
            .in_variable("OSDUpgradeInstallPath"),
            Key::new(
                "feature-update",
                "FeatureUpdateName",
                Form::Text(512),
                "The name of a feature update, in place of `package`. It needs the network (R136).",
            )
            .in_variable("OSDUpgradeFeatureUpdateName"),
            Key::new(
                "feature-update-deployment",
                "FeatureUpdateAssignmentId",
                Form::Text(255),
                "The deployment of that feature update, by its ID.",
            )
            .in_variable("OSDFeatureUpdateAssignmentID"),
            Key::new("product-key", "OsProductKey", Form::Text(255), "The product key (R78).")
                .in_variable("OSDUpgradeOsProductKey"),
            Key::new("driver-package", "DriverPackageID", Form::Package, "A driver package that Setup uses.")
                .in_variable("OSDUpgradeDriverPackageID"),
            Key::new(
                "drivers",
                "StagedContent",
                Form::Text(255),
                "A path of drivers that Setup uses, or a variable that holds it, in place of `driver-package`.",
            )
            .in_variable("OSDUpgradeStagedContent"),
            Key::new(
                "keep",
                "PreserveSettings",
                Form::Text(32),
                "What is kept; `Upgrade` is applications, data and settings, and Microsoft advises against others.",
            )
            .in_variable("OSDUpgradePreserveSettings")
            .or("Upgrade"),
            Key::new("scan-only", "ScanOnly", Form::Boolean, "Whether only compatibility is checked.")
                .in_variable("OSDUpgradeScanOnly")
                .or("false"),
            Key::new(
                "ignore-messages",
                "IgnoreMessages",
                Form::Boolean,
                "Whether messages of compatibility that can be dismissed are.",
            )
            .in_variable("OSDUpgradeIgnoreMessages")
            .or("false"),
            Key::new(
                "dynamic-update",
                "DynamicUpdateSettings",
                Form::Choice(&[
                    choice("disable", "Disable", "It gets none."),
                    choice("override-policy", "OveridePolicy", "It does, whatever the policy of the computer says."),
                ]),
                "Whether Setup gets updates of itself from Windows Update. That needs the network (R136).",
            )
            .in_variable("OSDUpgradeDynamicUpdateSettings")
            .or("disable"),
        ],
    },
    Kind {
        name: "prepare-client-for-capture",
        title: "Prepare ConfigMgr Client for Capture",
        class: "PrepareSMSClientAction",
        doc: "Takes what is the computer's own out of the Configuration Manager client before its system is captured.",
        environment: Environment::FullOs,
        command: "osdpreparesmsclient.exe",
        success_codes: &[0],
        keys: &[],
    },
    Kind {
        name: "prepare-windows-for-capture",
        title: "Prepare Windows for Capture",
        class: "PrepareOSAction",
        doc: "Runs Sysprep and restarts into Windows PE. It fails on members of a domain (R84).",
        environment: Environment::FullOs,
        command: "osdprepareos.exe /activate:%OSDKeepActivation% /bmsd:%OSDBuildStorageDriverList%[~ /shutdown:%OSDShutdownPreparedOs%]",
        success_codes: &[0],
        keys: &[
            Key::new("keep-activation", "KeepActivation", Form::Boolean, "Whether the activation of Windows is kept.")
                .in_variable("OSDKeepActivation")
                .or("false"),
            Key::new(
                "build-driver-list",
                "BuildStorageDriverList",
                Form::Boolean,
                "Whether Sysprep lists drivers for mass storage. Windows XP only.",
            )
            .in_variable("OSDBuildStorageDriverList")
            .or("false"),
            Key::new(
                "shut-down",
                "ShutdownPreparedOs",
                Form::Boolean,
                "Shut the computer down afterwards instead of restarting it.",
            )
            .in_variable("OSDShutdownPreparedOs")
            .or("false"),
        ],
    },
    Kind {
        name: "capture-operating-system-image",
        title: "Capture Operating System Image",
        class: "CaptureSystemImageAction",
        doc: "Captures the volumes of the reference machine into a WIM file on a share: one image for each NTFS or FAT32 volume (R92).",
        environment: Environment::WindowsPe,
        command: "osdcapturesystemimage.exe",
        success_codes: &[0],
        keys: &[
            Key::new(
                "destination",
                "CaptureDestination",
                Form::Text(511),
                "The WIM file: `\\\\server\\share\\image.wim` (R89).",
            )
            .in_variable("OSDCaptureDestination")
            .required(),
            Key::new(
                "user",
                "CaptureUsername",
                Form::Text(255),
                "The account that may write there: `DOMAIN\\user` (R89).",
            )
            .in_variable("OSDCaptureAccount")
            .required(),
            Key::new("password", "CapturePassword", Form::Secret, "The password of that account.")
                .in_variable("OSDCaptureAccountPassword"),
            Key::new("creator", "ImageCreator", Form::Text(255), "Who made the image: 255 characters at most (R91).")
                .in_variable("OSDImageCreator"),
            Key::new(
                "image-description",
                "ImageDescription",
                Form::Text(255),
                "What the image is: 255 characters at most (R91).",
            )
            .in_variable("OSDImageDescription"),
            Key::new("version", "ImageVersion", Form::Text(32), "Its version: 32 characters at most (R91).")
                .in_variable("OSDImageVersion"),
        ],
    },
];
