//! Steps that install the client, updates, applications and packages.

use super::{Environment, Form, Key, Kind, MAX_VALUE, choice};

pub const KINDS: &[Kind] = &[
    Kind {
        name: "setup-windows",
        title: "Setup Windows and Configuration Manager",
        class: "SetupWindowsAndSMSAction",
        doc: "Restarts from Windows PE into the new system and installs the Configuration Manager client: the only way from one to the other (R102).",
        // It begins in Windows PE and ends in the new system.
        environment: Environment::Any,
        command: "OSDSetupWindows.exe",
        success_codes: &[0],
        keys: &[
            Key::new(
                "client-package",
                "ClientPackageID",
                Form::Package,
                "The package of the Configuration Manager client.",
            )
            .in_variable("_SMSClientPackageID")
            .required(),
            Key::new(
                "pre-production-package",
                "PreProductionClientPackageID",
                Form::Package,
                "The package of the client that is piloted. Not on stand-alone media (R132).",
            )
            .in_variable("_SMSClientPreProductionPackageID"),
            Key::new(
                "installation-properties",
                "ClientInstallProperties",
                Form::Text(MAX_VALUE),
                "Properties of the client's installation, without SMSSITECODE (R87).",
            )
            .in_variable("SMSClientInstallProperties"),
        ],
    },
    Kind {
        name: "install-software-updates",
        title: "Install Software Updates",
        class: "InstallUpdateAction",
        doc: "Installs software updates that are deployed to the computer. Not on stand-alone media (R129).",
        environment: Environment::FullOs,
        command: "TSInstallSWUpdate.exe /target:%SMSInstallUpdateTarget%",
        success_codes: &[0],
        keys: &[
            Key::new(
                "updates",
                "Target",
                Form::Choice(&[
                    choice("all", "All", "Those that are required and those that are available."),
                    choice("mandatory", "Mandatory", "Those that are required."),
                ]),
                "Which ones (R88).",
            )
            .in_variable("SMSInstallUpdateTarget")
            .or("mandatory"),
            Key::new("use-cached-scan", "UseCache", Form::Boolean, "Whether the results of an earlier scan are used.")
                .in_variable("SMSTSSoftwareUpdateScanUseCache")
                .or("true"),
        ],
    },
    Kind {
        name: "install-application",
        title: "Install Application",
        class: "InstallApplicationAction",
        doc: "Installs applications: those that it names, or those that variables name (R131: not on stand-alone media).",
        environment: Environment::FullOs,
        command: "smsappinstall.exe /app:{application-ids} /basevar:{base-variable} /continueOnError:{continue-on-install-error}",
        success_codes: &[0],
        keys: &[
            Key::new("applications", "AppInfo", Form::Tables(APPLICATIONS), "The applications, in their order.")
                .in_variable("OSDApp")
                .hidden(),
            Key::new(
                "base-variable",
                "BaseVariableName",
                Form::Variable,
                "The variables that name them, less the 01, 02 … behind the name.",
            )
            .hidden(),
            Key::new(
                "continue-on-install-error",
                "ContinueOnInstallError",
                Form::Boolean,
                "Whether the next application is installed when one fails.",
            )
            .hidden()
            .or("false"),
            Key::new(
                "clear-cache",
                "ClearCache",
                Form::Boolean,
                "Whether the content is removed from the cache afterwards.",
            )
            .in_variable("OSDAppClearCache")
            .or("false")
            .optional(),
        ],
    },
    Kind {
        name: "install-package",
        title: "Install Package",
        class: "InstallSoftwareAction",
        doc: "Runs a program of a package: the one that it names, or those that variables name (R131: not on stand-alone media).",
        environment: Environment::FullOs,
        command: "smsswd.exe /pkg:{package} /install /basevar:{base-variable} /continueOnError:{continue-on-install-error}",
        success_codes: &[0],
        keys: &[
            Key::new("package", "PackageID", Form::Package, "The package.").hidden(),
            Key::new("program", "ProgramName", Form::Text(255), "The program of the package.")
                .in_variable("_SMSSWDProgramName"),
            Key::new(
                "base-variable",
                "BaseVariableName",
                Form::Variable,
                "The variables that name `ABC00001:Program`, less the 001, 002 … behind the name (R115).",
            )
            .hidden(),
            Key::new("download-retries", "RetryCount", Form::Integer(0, 99), "Number of retries of a failed download.")
                .in_variable("OSDPackageDownloadRetries"),
            Key::new(
                "continue-on-install-error",
                "ContinueOnInstallError",
                Form::Boolean,
                "Whether the next one is installed when one fails; written with `base-variable` only.",
            )
            .hidden()
            .or("false")
            .optional(),
        ],
    },
    Kind {
        name: "install-deployment-tools",
        title: "Install Deployment Tools",
        class: "InstallDeployToolsAction",
        doc: "Installs the package of Sysprep, for Windows before Vista.",
        environment: Environment::FullOs,
        command: "osdprepareos.exe /install:{package}",
        success_codes: &[0],
        keys: &[Key::new("package", "SysprepPackageID", Form::Package, "The package of Sysprep.").hidden()],
    },
];

/// What an application says.
const APPLICATIONS: &[Key] = &[
    Key::new("id", "Name", Form::Application, "Its identity at the site: `ScopeId_…/Application_…`.").required(),
    Key::new("name", "DisplayName", Form::Text(255), "Its name."),
];
