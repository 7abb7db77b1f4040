//! Steps that run programs, set variables, restart, and join networks.

use super::{Choice, Environment, Form, Key, Kind, MAX_VALUE, choice};

/// A whole number without a limit of its own.
const ANY: i64 = u32::MAX as i64;

pub const KINDS: &[Kind] = &[
    Kind {
        name: "restart-computer",
        title: "Restart Computer",
        class: "RebootAction",
        doc: "Restarts the computer, into Windows PE or into the installed operating system. The sequence goes on with the next step.",
        environment: Environment::Any,
        command: "smsboot.exe /target:{target}",
        success_codes: &[0],
        keys: &[
            Key::new(
                "target",
                "Target",
                Form::Choice(&[
                    choice("windows-pe", "WinPE", "The boot image of the task sequence."),
                    choice("hard-disk", "HD", "The installed operating system."),
                ]),
                "What is started.",
            )
            .in_variable("SMSRebootTarget")
            .hidden()
            .required(),
            Key::new("message", "Message", Form::Text(512), "What the user is told: 512 characters at most (R125).")
                .in_variable("SMSRebootMessage"),
            Key::new(
                "message-timeout",
                "MessageTimeout",
                Form::Integer(0, ANY),
                "How many seconds the message is shown before the restart.",
            )
            .in_variable("SMSRebootTimeout")
            .or("60"),
        ],
    },
    Kind {
        name: "run-command-line",
        title: "Run Command Line",
        class: "RunCommandLineAction",
        doc: "Runs a command line. Commands of the shell such as `copy` need `cmd /c`.",
        environment: Environment::Any,
        command: "smsswd.exe /run:{package} {command-line}",
        success_codes: &[0, 3010],
        keys: &[
            Key::new("command-line", "CommandLine", Form::Text(MAX_VALUE), "The command line.").hidden().required(),
            Key::new("package", "PackageID", Form::Package, "The package that it runs from.").hidden(),
            Key::new(
                "working-directory",
                "WorkingDirectory",
                Form::Text(127),
                "The folder in which it runs: 127 characters at most (R111).",
            ),
            Key::new(
                "disable-wow64-redirection",
                "DisableWow64Redirection",
                Form::Boolean,
                "Whether 64-bit programs of the system folder are run, not those for 32 bits.",
            )
            .in_variable("SMSTSDisableWow64Redirection")
            .or("false"),
            Key::new(
                "output-variable",
                "OutputVariableName",
                Form::Variable,
                "The variable that is set to the last 1000 characters of what it prints.",
            )
            .in_variable("SMSTSRunCommandLineOutputVariableName"),
            Key::new(
                "user",
                "UserName",
                Form::Text(255),
                "The account that it runs as, `DOMAIN\\user`. Not in Windows PE (R107).",
            )
            .in_variable("SMSTSRunCommandLineUserName"),
            Key::new("password", "UserPassword", Form::Secret, "The password of that account.")
                .in_variable("SMSTSRunCommandLineUserPassword"),
        ],
    },
    Kind {
        name: "run-powershell-script",
        title: "Run PowerShell Script",
        class: "RunPowerShellScriptAction",
        doc: "Runs a PowerShell script: one of a package, or one that stands in the sequence. In Windows PE the boot image needs PowerShell (R108).",
        environment: Environment::Any,
        command: "OSDRunPowerShellScript.exe",
        success_codes: &[0, 3010],
        keys: &[
            Key::new("package", "PackageID", Form::Package, "The package that holds the script.")
                .in_variable("OSDRunPowerShellScriptPackageID"),
            Key::new("script-name", "ScriptName", Form::Text(255), "The script within the package.")
                .in_variable("OSDRunPowerShellScriptScriptName"),
            Key::new("script", "SourceScript", Form::Text(1 << 20), "The script itself, in place of a package.")
                .in_variable("OSDRunPowerShellScriptSourceScript"),
            Key::new(
                "parameters",
                "Parameters",
                Form::Text(MAX_VALUE),
                "Parameters of the script, not of `powershell.exe` (R109).",
            )
            .in_variable("OSDRunPowerShellScriptParameters"),
            Key::new(
                "execution-policy",
                "ExecutionPolicy",
                Form::Choice(&[
                    choice("all-signed", "AllSigned", "Only scripts that a trusted publisher signed."),
                    choice("undefined", "Undefined", "No policy of its own."),
                    choice("bypass", "Bypass", "Every script."),
                ]),
                "Which scripts are run.",
            )
            .in_variable("OSDRunPowerShellScriptExecutionPolicy")
            .or("all-signed"),
            Key::new(
                "output-variable",
                "OutputVariableName",
                Form::Variable,
                "The variable that is set to the last 1000 characters of what it prints.",
            )
            .in_variable("OSDRunPowerShellScriptOutputVariableName"),
            Key::new("working-directory", "WorkingDirectory", Form::Text(127), "The folder in which it runs.")
                .in_variable("SMSTSRunPowerShellWorkingDirectory"),
            Key::new("user", "UserName", Form::Text(255), "The account that it runs as. Not in Windows PE (R107).")
                .in_variable("SMSTSRunPowerShellUserName"),
            Key::new("password", "UserPassword", Form::Secret, "The password of that account.")
                .in_variable("SMSTSRunPowerShellUserPassword"),
        ],
    },
    Kind {
        name: "set-variable",
        title: "Set Task Sequence Variable",
        class: "SetVariableAction",
        doc: "Sets a variable of the task sequence. An empty value deletes it.",
        environment: Environment::Any,
        command: "tsenv.exe \"{variable}={value}\"[~ /hiddenflag:{is-hidden}]",
        success_codes: &[0],
        keys: &[
            Key::new("variable", "VariableName", Form::Variable, "The variable.").hidden().required(),
            Key::new("value", "VariableValue", Form::Text(MAX_VALUE), "Its value: 4000 characters at most (R67).")
                .hidden(),
            Key::new(
                "secret-value",
                "HiddenVariableValue",
                Form::Secret,
                "A value that is shown nowhere, in place of `value`.",
            )
            .in_variable("SetVariableActionHiddenVariableValue"),
        ],
    },
    Kind {
        name: "set-dynamic-variables",
        title: "Set Dynamic Variables",
        class: "SetDynamicVariablesAction",
        doc: "Sets variables by rules on the computer, its location, make and model, or other variables.",
        environment: Environment::Any,
        command: "OSDSetDynamicVariables.exe",
        success_codes: &[0],
        keys: &[Key::new("rules", "Rules", Form::Tables(RULES), "The rules, in their order.")
            .in_variable("OSDSetDynamicVariablesRules")
            .required()],
    },
    Kind {
        name: "run-task-sequence",
        title: "Run Task Sequence",
        class: "SubTasksequence",
        doc: "Runs another task sequence, with the same variables.",
        environment: Environment::Any,
        command: "SubTasksequence.exe",
        success_codes: &[0],
        keys: &[
            Key::new(
                "task-sequence",
                "TsPackageID",
                Form::Package,
                "The task sequence: one without a boot image (R116).",
            )
            .in_variable("OSDSubTasksequencePackageID")
            .required(),
            Key::new(
                "task-sequence-name",
                "TsName",
                Form::Text(512),
                "ID and name of the task sequence as the console shows them.",
            )
            .in_variable("OSDSubTasksequenceTsName"),
            Key::new(
                "child-applications",
                "TsReferenceApplications",
                Form::Text(1 << 20),
                "Applications that the task sequence refers to, as the console lists them.",
            )
            .in_variable("OSDSubTasksequenceTsReferenceApplications"),
            Key::new(
                "child-packages",
                "TsReferencePackages",
                Form::Text(1 << 20),
                "Packages that the task sequence refers to, as the console lists them.",
            )
            .in_variable("OSDSubTasksequenceTsReferencePackages"),
            Key::new(
                "child-software-updates",
                "TsReferenceSoftwareUpdates",
                Form::Text(1 << 20),
                "Software updates that the task sequence refers to, as the console lists them.",
            )
            .in_variable("OSDSubTasksequenceTsReferenceSoftwareUpdates"),
        ],
    },
    Kind {
        name: "check-readiness",
        title: "Check Readiness",
        class: "PrestartCheckAction",
        doc: "Fails (with code 4316) if the computer lacks what is asked for; all checks are made first.",
        environment: Environment::Any,
        command: "OSDPrestartCheck.exe ",
        success_codes: &[0],
        keys: &[
            Key::new("memory", "Memory", Form::Integer(1, ANY), "The least memory, in MB.").in_variable("OSDMemory"),
            Key::new(
                "processor-speed",
                "ProcessorSpeed",
                Form::Integer(1, ANY),
                "The least speed of the processor, in MHz.",
            )
            .in_variable("OSDProcessorSpeed"),
            Key::new("disk-space", "FreeDiskSpace", Form::Integer(1, ANY), "The least free space on the disk, in MB.")
                .in_variable("OSDFreeDiskSpace"),
            Key::new(
                "os-type",
                "OSType",
                Form::Choice(&[
                    choice("client", "CLIENT", "Windows for workstations."),
                    choice("server", "SERVER", "Windows Server."),
                ]),
                "What the present operating system must be, for a refresh.",
            )
            .in_variable("OSDOSType"),
            Key::new(
                "architecture",
                "OSArchitecture",
                Form::Choice(&[choice("x86", "32", "32-bit processors."), choice("x64", "64", "64-bit processors.")]),
                "What the present operating system must be for.",
            )
            .in_variable("OSDOSArchitecture"),
            Key::new(
                "minimum-os",
                "MinOSVersion",
                Form::Text(64),
                "The oldest version of the present system, such as `10.0.19045`.",
            )
            .in_variable("OSDMinOSVersion"),
            Key::new("maximum-os", "MaxOSVersion", Form::Text(64), "The newest version of the present system.")
                .in_variable("OSDMaxOSVersion"),
            Key::new(
                "client-version",
                "CMClientMinVersion",
                Form::Text(64),
                "The oldest version of the Configuration Manager client.",
            )
            .in_variable("OSDCMClientMinVersion"),
            Key::new(
                "os-language",
                "OSLanguageID",
                Form::Integer(1, 0xffff),
                "The language of the present system, such as 1033.",
            )
            .in_variable("OSDOSLanguageID"),
            Key::new("ac-power", "CheckPowerState", Form::Boolean, "Whether the computer must be plugged in.")
                .in_variable("OSDCheckPowerState")
                .or("false")
                .optional(),
            Key::new("network", "CheckNetworkConnected", Form::Boolean, "Whether a network must be connected.")
                .in_variable("OSDCheckNetworkConnected")
                .or("false")
                .optional(),
            Key::new("wired-network", "CheckNetworkWired", Form::Boolean, "Whether that network must be a wired one.")
                .in_variable("OSDCheckNetworkWired")
                .or("false")
                .optional(),
            Key::new("uefi", "CheckDeviceUEFI", Form::Boolean, "Whether the computer must be in UEFI mode.")
                .in_variable("OSDCheckDeviceUEFI")
                .or("false")
                .optional(),
            Key::new("tpm-enabled", "CheckTpmEnabled", Form::Boolean, "Require a TPM that is enabled.")
                .in_variable("OSDCheckDeviceTpmEnabled")
                .or("false")
                .optional(),
            Key::new("tpm-activated", "CheckTpmActivated", Form::Boolean, "Require a TPM that is activated.")
                .in_variable("OSDCheckDeviceTpmActivated")
                .or("false")
                .optional(),
        ],
    },
    Kind {
        name: "connect-network-folder",
        title: "Connect To Network Folder",
        class: "ConnectNetworkFolderAction",
        doc: "Connects a shared folder. It needs the network.",
        environment: Environment::Any,
        command: "smsnetuse.exe %SMSConnectNetworkFolderPath%",
        success_codes: &[0],
        keys: &[
            Key::new("path", "Path", Form::Text(255), "The shared folder: `\\\\server\\share` (R120).")
                .in_variable("SMSConnectNetworkFolderPath")
                .required(),
            Key::new("drive", "DriveLetter", Form::Text(2), "The drive letter, D to Z but for X, with a colon (R120).")
                .in_variable("SMSConnectNetworkFolderDriveLetter"),
            Key::new("user", "Username", Form::Text(255), "The account, `DOMAIN\\user`.")
                .in_variable("SMSConnectNetworkFolderAccount")
                .required(),
            Key::new("password", "Password", Form::Secret, "The password of that account.")
                .in_variable("SMSConnectNetworkFolderPassword"),
        ],
    },
    Kind {
        name: "join-domain-workgroup",
        title: "Join Domain or Workgroup",
        class: "JoinDomainWorkgroupAction",
        doc: "Joins the installed system to a domain or a workgroup; it restarts.",
        environment: Environment::FullOs,
        command: "osdjoin.exe /type:%OSDJoinType%",
        success_codes: &[0],
        keys: &[
            Key::new("workgroup", "WorkgroupName", Form::Text(32), "The workgroup: 32 characters at most (R82).")
                .in_variable("OSDJoinWorkgroupName"),
            Key::new("domain", "DomainName", Form::Text(255), "The domain: 255 characters at most (R82).")
                .in_variable("OSDJoinDomainName"),
            Key::new(
                "domain-ou",
                "DomainOUName",
                Form::Text(32_767),
                "The organisational unit: `LDAP://OU=…,DC=…` (R81).",
            )
            .in_variable("OSDJoinDomainOUName"),
            Key::new("user", "DomainUsername", Form::Text(255), "The account that may join: `DOMAIN\\user` (R80).")
                .in_variable("OSDJoinAccount"),
            Key::new("password", "DomainPassword", Form::Secret, "The password of that account.")
                .in_variable("OSDJoinPassword"),
            Key::new("skip-restart", "SkipReboot", Form::Boolean, "Whether the restart is left out.")
                .in_variable("OSDJoinSkipReboot")
                .or("false"),
        ],
    },
    Kind {
        name: "download-package-content",
        title: "Download Package Content",
        class: "DownloadPackageContentAction",
        doc: "Downloads packages without running them. Not on stand-alone media (R130).",
        environment: Environment::Any,
        command: "OsdDownloadContent.exe ",
        success_codes: &[0],
        keys: &[
            Key::new("packages", "DownloadPackages", Form::Packages, "The packages, images and driver packages.")
                .in_variable("OSDDownloadDownloadPackages")
                .required(),
            Key::new(
                "contents",
                "PackageInfo",
                Form::Tables(CONTENTS),
                "What the console shows of the packages; made from `packages` unless set.",
            )
            .in_variable("OSDPackage")
            .hidden(),
            Key::new(
                "location",
                "DestinationLocationType",
                Form::Choice(&[
                    choice("task-sequence", "TSCache", "The working folder of the task sequence."),
                    choice("client-cache", "CCMCache", "The cache of the client. Not in Windows PE."),
                    choice("custom", "Custom", "The folder in `path`."),
                ]),
                "Where they are put.",
            )
            .in_variable("OSDDownloadDestinationLocationType")
            .or("task-sequence"),
            Key::new("path", "DestinationCustomPath", Form::Text(255), "The folder, for `location = \"custom\"`.")
                .in_variable("OSDDownloadDestinationPath"),
            Key::new(
                "variable",
                "DestinationVariable",
                Form::Variable,
                "The variable that is set to each path, with 01, 02 … behind its name.",
            )
            .in_variable("OSDDownloadDestinationVariable"),
            Key::new(
                "continue-on-download-error",
                "ContinueDownloadOnError",
                Form::Boolean,
                "Whether the rest is downloaded when one fails.",
            )
            .in_variable("OSDDownloadContinueDownloadOnError")
            .or("false"),
        ],
    },
];

/// Key of a package to download, as the console shows it.
const CONTENTS: &[Key] = &[
    Key::new("package", "PackageId", Form::Package, "The package."),
    Key::new("name", "Name", Form::Text(512), "Its name."),
    Key::new("type", "PkgType", Form::Integer(0, ANY), "Its type, as the site counts."),
    Key::new("size", "Size", Form::Text(64), "Its size, as the console shows it."),
];

/// What a rule of Set Dynamic Variables says. What it asks of the computer holds if one of it does; make and model
/// have to hold both.
const RULES: &[Key] = &[
    Key::new("asset-tag", "AssetTag", Form::Text(255), "The asset tag of the computer."),
    Key::new("uuid", "UUID", Form::Text(255), "Its UUID."),
    Key::new("serial-number", "SerialNumber", Form::Text(255), "Its serial number."),
    Key::new("mac-address", "MACAddress", Form::Text(255), "A MAC address of it."),
    Key::new("default-gateway", "DefaultGateway", Form::Text(255), "A default gateway: its location."),
    Key::new("make", "Make", Form::Text(255), "The manufacturer; `*` and `?` stand for other characters."),
    Key::new("model", "Model", Form::Text(255), "The model; `*` and `?` stand for other characters."),
    Key::new("variable", "Variable", Form::Text(255), "A variable that is compared."),
    Key::new("operator", "Operator", Form::Choice(OPERATORS), "How it is compared.").or("equals"),
    Key::new("value", "Value", Form::Text(MAX_VALUE), "What it is compared with."),
    Key::new("hide", "IsSecret", Form::Texts, "The variables of `set` whose values the console does not show."),
    Key::new("set", "Variables", Form::Map, "The variables to set, each with its value.").required(),
];

/// How a rule compares a variable; the XML has names of its own for them.
const OPERATORS: &[Choice] = &[
    choice("exists", "exists", "It is there."),
    choice("not-exists", "not-exists", "It is not there."),
    choice("equals", "equals", "It is the same; the case of letters does not count."),
    choice("not-equals", "not-equals", "It is not the same."),
    choice("greater", "greater", "It is more."),
    choice("greater-equal", "greater-equal", "It is more, or the same."),
    choice("less", "less", "It is less."),
    choice("less-equal", "less-equal", "It is less, or the same."),
    choice("like", "like", "It fits a pattern in which `*` and `?` stand for other characters."),
    choice("not-like", "not-like", "It does not fit such a pattern."),
];
