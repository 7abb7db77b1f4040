//! Steps that install drivers in the new system.

use super::{Environment, Form, Key, Kind};

pub const KINDS: &[Kind] = &[
    Kind {
        name: "auto-apply-drivers",
        title: "Auto Apply Drivers",
        class: "AutoApplyAction",
        doc: "Asks the site for drivers that fit the computer and installs them. Not on stand-alone media (R128).",
        environment: Environment::WindowsPe,
        command: "osddriverclient.exe /auto /bestmatch:%OSDAutoApplyDriverBestMatch% /unsigned:%OSDAllowUnsignedDriver%",
        success_codes: &[0],
        keys: &[
            Key::new(
                "best-match",
                "BestMatch",
                Form::Boolean,
                "Whether only the best driver for each device is installed; otherwise all that fit.",
            )
            .in_variable("OSDAutoApplyDriverBestMatch")
            .or("true"),
            Key::new("categories", "CategoryList", Form::Texts, "The categories that are looked at; all unless said.")
                .in_variable("OSDAutoApplyDriverCategoryList"),
            Key::new("unsigned", "UnsignedDriver", Form::Boolean, "Whether drivers without a signature are installed.")
                .in_variable("OSDAllowUnsignedDriver")
                .or("false"),
        ],
    },
    Kind {
        name: "apply-driver-package",
        title: "Apply Driver Package",
        class: "ApplyDriverPackageAction",
        doc: "Makes all drivers of a package available to Windows Setup: the step for stand-alone media.",
        environment: Environment::WindowsPe,
        command: "osddriverclient.exe /install:{package} [?boot-critical-id: \"/bootcritical:%OSDApplyDriverBootCriticalContentUniqueID%,%OSDApplyDriverBootCriticalINFFile%,%OSDApplyDriverBootCriticalHardwareComponent%,%OSDApplyDriverBootCriticalID%\"] /unsigned:%OSDAllowUnsignedDriver%[~ /recurse:%OSDRecurse%]",
        success_codes: &[0],
        keys: &[
            Key::new("package", "DriverPackageID", Form::Package, "The driver package.")
                .in_variable("OSDApplyDriverDriverPackageID")
                .hidden()
                .required(),
            Key::new(
                "recurse",
                "Recurse",
                Form::Boolean,
                "Whether the drivers are installed by DISM, with those in subfolders.",
            )
            .in_variable("OSDRecurse")
            .or("false"),
            Key::new("unsigned", "UnsignedDriver", Form::Boolean, "Whether drivers without a signature are installed.")
                .in_variable("OSDAllowUnsignedDriver")
                .or("false"),
            Key::new(
                "boot-critical-id",
                "BootCriticalContentUniqueID",
                Form::Text(255),
                "The driver for mass storage that Windows before Vista starts from: its content.",
            )
            .in_variable("OSDApplyDriverBootCriticalContentUniqueID")
            .documented(),
            Key::new("boot-critical-inf", "BootCriticalINFFile", Form::Text(255), "Its INF file.")
                .in_variable("OSDApplyDriverBootCriticalINFFile")
                .documented(),
            Key::new(
                "boot-critical-component",
                "BootCriticalHardwareComponent",
                Form::Text(255),
                "Its kind, such as `scsi`.",
            )
            .in_variable("OSDApplyDriverBootCriticalHardwareComponent")
            .documented(),
            Key::new("boot-critical-hardware-id", "BootCriticalID", Form::Text(255), "Its ID in the INF file.")
                .in_variable("OSDApplyDriverBootCriticalID")
                .documented(),
        ],
    },
];
