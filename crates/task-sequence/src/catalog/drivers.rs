//! Steps that install drivers in the new system.

use super::{Environment, Key, StepKind, ValueType};

pub const KINDS: &[StepKind] = &[
    StepKind {
        name: "auto-apply-drivers",
        title: "Auto Apply Drivers",
        class: "AutoApplyAction",
        doc: "Installs drivers from the site that match the computer. Not available on stand-alone media (R128).",
        environment: Environment::WindowsPe,
        command: "osddriverclient.exe /auto /bestmatch:%OSDAutoApplyDriverBestMatch% /unsigned:%OSDAllowUnsignedDriver%",
        success_codes: &[0],
        keys: &[
            Key::new(
                "best-match",
                "BestMatch",
                ValueType::Boolean,
                "Install only the best matching driver for each device, instead of all compatible ones.",
            )
            .in_variable("OSDAutoApplyDriverBestMatch")
            .with_default("true"),
            Key::new("categories", "CategoryList", ValueType::Texts, "Driver categories to search. Default: all.")
                .in_variable("OSDAutoApplyDriverCategoryList"),
            Key::new("unsigned", "UnsignedDriver", ValueType::Boolean, "Install unsigned drivers as well.")
                .in_variable("OSDAllowUnsignedDriver")
                .with_default("false"),
        ],
    },
    StepKind {
        name: "apply-driver-package",
        title: "Apply Driver Package",
        class: "ApplyDriverPackageAction",
        doc: "Makes all drivers of a driver package available to Windows Setup. Use it on stand-alone media.",
        environment: Environment::WindowsPe,
        command: "osddriverclient.exe /install:{package} [?boot-critical-id: \"/bootcritical:%OSDApplyDriverBootCriticalContentUniqueID%,%OSDApplyDriverBootCriticalINFFile%,%OSDApplyDriverBootCriticalHardwareComponent%,%OSDApplyDriverBootCriticalID%\"] /unsigned:%OSDAllowUnsignedDriver%[~ /recurse:%OSDRecurse%]",
        success_codes: &[0],
        keys: &[
            Key::new("package", "DriverPackageID", ValueType::Package, "ID of the driver package.")
                .in_variable("OSDApplyDriverDriverPackageID")
                .hidden()
                .required(),
            Key::new(
                "recurse",
                "Recurse",
                ValueType::Boolean,
                "Install the drivers with DISM, including those in subfolders.",
            )
            .in_variable("OSDRecurse")
            .with_default("false"),
            Key::new("unsigned", "UnsignedDriver", ValueType::Boolean, "Install unsigned drivers as well.")
                .in_variable("OSDAllowUnsignedDriver")
                .with_default("false"),
            Key::new(
                "boot-critical-id",
                "BootCriticalContentUniqueID",
                ValueType::Text(255),
                "Unique ID of the boot-critical mass storage driver, for Windows versions before Vista.",
            )
            .in_variable("OSDApplyDriverBootCriticalContentUniqueID")
            .documented(),
            Key::new(
                "boot-critical-inf",
                "BootCriticalINFFile",
                ValueType::Text(255),
                "INF file of the boot-critical driver.",
            )
            .in_variable("OSDApplyDriverBootCriticalINFFile")
            .documented(),
            Key::new(
                "boot-critical-component",
                "BootCriticalHardwareComponent",
                ValueType::Text(255),
                "Hardware component of the boot-critical driver, such as `scsi`.",
            )
            .in_variable("OSDApplyDriverBootCriticalHardwareComponent")
            .documented(),
            Key::new(
                "boot-critical-hardware-id",
                "BootCriticalID",
                ValueType::Text(255),
                "Hardware ID of the boot-critical driver in its INF file.",
            )
            .in_variable("OSDApplyDriverBootCriticalID")
            .documented(),
        ],
    },
];
