//! Steps that install the client, updates, applications and packages.

use super::{Environment, Key, MAX_VALUE, StepKind, ValueType, choice};

pub const KINDS: &[StepKind] = &[
    StepKind {
        name: "setup-windows",
        title: "Setup Windows and Configuration Manager",
        class: "SetupWindowsAndSMSAction",
        doc: "Restarts from Windows PE into the new system and installs the Configuration Manager client. Only this step leads from one to the other (R102).",
        // The step starts in Windows PE and ends in the new system.
        environment: Environment::Any,
        command: "OSDSetupWindows.exe",
        success_codes: &[0],
        keys: &[
            Key::new(
                "client-package",
                "ClientPackageID",
                ValueType::Package,
                "Package ID of the Configuration Manager client.",
            )
            .in_variable("_SMSClientPackageID")
            .required(),
            Key::new(
                "pre-production-package",
                "PreProductionClientPackageID",
                ValueType::Package,
                "Package ID of the pre-production client. Not available on stand-alone media (R132).",
            )
            .in_variable("_SMSClientPreProductionPackageID"),
            Key::new(
                "installation-properties",
                "ClientInstallProperties",
                ValueType::Text(MAX_VALUE),
                "Properties for the installation of the client, without SMSSITECODE (R87).",
            )
            .in_variable("SMSClientInstallProperties"),
        ],
    },
    StepKind {
        name: "install-software-updates",
        title: "Install Software Updates",
        class: "InstallUpdateAction",
        doc: "Installs software updates that are deployed to the computer. Not available on stand-alone media (R129).",
        environment: Environment::FullOs,
        command: "TSInstallSWUpdate.exe /target:%SMSInstallUpdateTarget%",
        success_codes: &[0],
        keys: &[
            Key::new(
                "updates",
                "Target",
                ValueType::Choice(&[
                    choice("all", "All", "Required and available updates."),
                    choice("mandatory", "Mandatory", "Required updates only."),
                ]),
                "Updates to install (R88).",
            )
            .in_variable("SMSInstallUpdateTarget")
            .with_default("mandatory"),
            Key::new("use-cached-scan", "UseCache", ValueType::Boolean, "Use the results of an earlier scan for updates.")
                .in_variable("SMSTSSoftwareUpdateScanUseCache")
                .with_default("true"),
        ],
    },
    StepKind {
        name: "install-application",
        title: "Install Application",
        class: "InstallApplicationAction",
        doc: "Installs applications, listed in the step or in variables. Lists in variables do not work on stand-alone media (R131).",
        environment: Environment::FullOs,
        command: "smsappinstall.exe /app:{application-ids} /basevar:{base-variable} /continueOnError:{continue-on-install-error}",
        success_codes: &[0],
        keys: &[
            Key::new("applications", "AppInfo", ValueType::Tables(APPLICATIONS), "Applications to install, in this order.")
                .in_variable("OSDApp")
                .hidden(),
            Key::new(
                "base-variable",
                "BaseVariableName",
                ValueType::Variable,
                "Common prefix of the variables that list the applications; the engine appends 01, 02 and so on.",
            )
            .hidden(),
            Key::new(
                "continue-on-install-error",
                "ContinueOnInstallError",
                ValueType::Boolean,
                "Install the remaining applications if one fails.",
            )
            .hidden()
            .with_default("false"),
            Key::new(
                "clear-cache",
                "ClearCache",
                ValueType::Boolean,
                "Delete the content from the cache afterwards.",
            )
            .in_variable("OSDAppClearCache")
            .with_default("false")
            .optional(),
        ],
    },
    StepKind {
        name: "install-package",
        title: "Install Package",
        class: "InstallSoftwareAction",
        doc: "Runs programs of packages, named in the step or listed in variables. Lists in variables do not work on stand-alone media (R131).",
        environment: Environment::FullOs,
        command: "smsswd.exe /pkg:{package} /install /basevar:{base-variable} /continueOnError:{continue-on-install-error}",
        success_codes: &[0],
        keys: &[
            Key::new("package", "PackageID", ValueType::Package, "ID of the package.").hidden(),
            Key::new("program", "ProgramName", ValueType::Text(255), "Name of the program in the package.")
                .in_variable("_SMSSWDProgramName"),
            Key::new(
                "base-variable",
                "BaseVariableName",
                ValueType::Variable,
                "Common prefix of the variables that list programs as `ABC00001:Program`; the engine appends 001, 002 and so on (R115).",
            )
            .hidden(),
            Key::new("download-retries", "RetryCount", ValueType::Integer(0, 99), "Number of retries if the download of the package fails.")
                .in_variable("OSDPackageDownloadRetries"),
            Key::new(
                "continue-on-install-error",
                "ContinueOnInstallError",
                ValueType::Boolean,
                "Run the remaining programs if one fails. Only written with `base-variable`.",
            )
            .hidden()
            .with_default("false")
            .optional(),
        ],
    },
    StepKind {
        name: "install-deployment-tools",
        title: "Install Deployment Tools",
        class: "InstallDeployToolsAction",
        doc: "Installs the Sysprep package, for Windows versions before Vista.",
        environment: Environment::FullOs,
        command: "osdprepareos.exe /install:{package}",
        success_codes: &[0],
        keys: &[Key::new("package", "SysprepPackageID", ValueType::Package, "ID of the Sysprep package.").hidden()],
    },
];

/// Keys of an application.
const APPLICATIONS: &[Key] = &[
    Key::new("id", "Name", ValueType::Application, "ID of the application at the site: `ScopeId_…/Application_…`.")
        .required(),
    Key::new("name", "DisplayName", ValueType::Text(255), "Name of the application."),
];
