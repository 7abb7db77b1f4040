//! Steps that run programs, set variables, restart the computer, and join networks.

use super::{Choice, Environment, Key, MAX_VALUE, StepKind, ValueType, choice};

/// Maximum of an integer that has no documented limit.
const ANY: i64 = u32::MAX as i64;

pub const KINDS: &[StepKind] = &[
    StepKind {
        name: "restart-computer",
        title: "Restart Computer",
        class: "RebootAction",
        doc: "Restarts the computer into Windows PE or the installed operating system, where the task sequence continues with the next step.",
        environment: Environment::Any,
        command: "smsboot.exe /target:{target}",
        success_codes: &[0],
        keys: &[
            Key::new(
                "target",
                "Target",
                ValueType::Choice(&[
                    choice("windows-pe", "WinPE", "Boot image of the task sequence."),
                    choice("hard-disk", "HD", "Installed operating system."),
                ]),
                "System to start.",
            )
            .in_variable("SMSRebootTarget")
            .hidden()
            .required(),
            Key::new("message", "Message", ValueType::Text(512), "Message to the user: at most 512 characters (R125).")
                .in_variable("SMSRebootMessage"),
            Key::new(
                "message-timeout",
                "MessageTimeout",
                ValueType::Integer(0, ANY),
                "Seconds that the message is shown before the restart.",
            )
            .in_variable("SMSRebootTimeout")
            .with_default("60"),
        ],
    },
    StepKind {
        name: "run-command-line",
        title: "Run Command Line",
        class: "RunCommandLineAction",
        doc: "Runs a command line. Shell commands such as `copy` need `cmd /c`.",
        environment: Environment::Any,
        command: "smsswd.exe /run:{package} {command-line}",
        success_codes: &[0, 3010],
        keys: &[
            Key::new("command-line", "CommandLine", ValueType::Text(MAX_VALUE), "Command line to run.").hidden().required(),
            Key::new("package", "PackageID", ValueType::Package, "ID of the package whose folder the command runs from.").hidden(),
            Key::new(
                "working-directory",
                "WorkingDirectory",
                ValueType::Text(127),
                "Folder to run in: at most 127 characters (R111).",
            ),
            Key::new(
                "disable-wow64-redirection",
                "DisableWow64Redirection",
                ValueType::Boolean,
                "Run 64-bit programs of the system folder, instead of their 32-bit counterparts.",
            )
            .in_variable("SMSTSDisableWow64Redirection")
            .with_default("false"),
            Key::new(
                "output-variable",
                "OutputVariableName",
                ValueType::Variable,
                "Variable to store the last 1000 characters of the output in.",
            )
            .in_variable("SMSTSRunCommandLineOutputVariableName"),
            Key::new(
                "user",
                "UserName",
                ValueType::Text(255),
                "Account to run as, `DOMAIN\\user`. Not available in Windows PE (R107).",
            )
            .in_variable("SMSTSRunCommandLineUserName"),
            Key::new("password", "UserPassword", ValueType::Secret, "Password of `user`.")
                .in_variable("SMSTSRunCommandLineUserPassword"),
        ],
    },
    StepKind {
        name: "run-powershell-script",
        title: "Run PowerShell Script",
        class: "RunPowerShellScriptAction",
        doc: "Runs a PowerShell script, from a package or written in the task sequence. In Windows PE the boot image needs PowerShell (R108).",
        environment: Environment::Any,
        command: "OSDRunPowerShellScript.exe",
        success_codes: &[0, 3010],
        keys: &[
            Key::new("package", "PackageID", ValueType::Package, "ID of the package with the script.")
                .in_variable("OSDRunPowerShellScriptPackageID"),
            Key::new("script-name", "ScriptName", ValueType::Text(255), "Name of the script in the package.")
                .in_variable("OSDRunPowerShellScriptScriptName"),
            Key::new("script", "SourceScript", ValueType::Text(1 << 20), "Text of the script, instead of `package` and `script-name`.")
                .in_variable("OSDRunPowerShellScriptSourceScript"),
            Key::new(
                "parameters",
                "Parameters",
                ValueType::Text(MAX_VALUE),
                "Parameters of the script, not of `powershell.exe` (R109).",
            )
            .in_variable("OSDRunPowerShellScriptParameters"),
            Key::new(
                "execution-policy",
                "ExecutionPolicy",
                ValueType::Choice(&[
                    choice("all-signed", "AllSigned", "Run only scripts that are signed by a trusted publisher."),
                    choice("undefined", "Undefined", "Set no policy for this script."),
                    choice("bypass", "Bypass", "Run all scripts."),
                ]),
                "Execution policy for the script.",
            )
            .in_variable("OSDRunPowerShellScriptExecutionPolicy")
            .with_default("all-signed"),
            Key::new(
                "output-variable",
                "OutputVariableName",
                ValueType::Variable,
                "Variable to store the last 1000 characters of the output in.",
            )
            .in_variable("OSDRunPowerShellScriptOutputVariableName"),
            Key::new("working-directory", "WorkingDirectory", ValueType::Text(127), "Folder to run in: at most 127 characters (R111).")
                .in_variable("SMSTSRunPowerShellWorkingDirectory"),
            Key::new("user", "UserName", ValueType::Text(255), "Account to run as, `DOMAIN\\user`. Not available in Windows PE (R107).")
                .in_variable("SMSTSRunPowerShellUserName"),
            Key::new("password", "UserPassword", ValueType::Secret, "Password of `user`.")
                .in_variable("SMSTSRunPowerShellUserPassword"),
        ],
    },
    StepKind {
        name: "set-variable",
        title: "Set Task Sequence Variable",
        class: "SetVariableAction",
        doc: "Sets a task sequence variable. An empty value deletes the variable.",
        environment: Environment::Any,
        command: "tsenv.exe \"{variable}={value}\"[~ /hiddenflag:{is-hidden}]",
        success_codes: &[0],
        keys: &[
            Key::new("variable", "VariableName", ValueType::Variable, "Name of the variable.").hidden().required(),
            Key::new("value", "VariableValue", ValueType::Text(MAX_VALUE), "Value of the variable: at most 4000 characters (R67).")
                .hidden(),
            Key::new(
                "secret-value",
                "HiddenVariableValue",
                ValueType::Secret,
                "Secret value that is never shown, instead of `value`.",
            )
            .in_variable("SetVariableActionHiddenVariableValue"),
        ],
    },
    StepKind {
        name: "set-dynamic-variables",
        title: "Set Dynamic Variables",
        class: "SetDynamicVariablesAction",
        doc: "Sets variables according to rules about the computer, its location, its make and model, or other variables.",
        environment: Environment::Any,
        command: "OSDSetDynamicVariables.exe",
        success_codes: &[0],
        keys: &[Key::new("rules", "Rules", ValueType::Tables(RULES), "Rules, evaluated in this order.")
            .in_variable("OSDSetDynamicVariablesRules")
            .required()],
    },
    StepKind {
        name: "run-task-sequence",
        title: "Run Task Sequence",
        class: "SubTasksequence",
        doc: "Runs another task sequence with the same variables.",
        environment: Environment::Any,
        command: "SubTasksequence.exe",
        success_codes: &[0],
        keys: &[
            Key::new(
                "task-sequence",
                "TsPackageID",
                ValueType::Package,
                "Package ID of the child task sequence, which must not have a boot image (R116).",
            )
            .in_variable("OSDSubTasksequencePackageID")
            .required(),
            Key::new(
                "task-sequence-name",
                "TsName",
                ValueType::Text(512),
                "ID and name of the child task sequence, as the console shows them.",
            )
            .in_variable("OSDSubTasksequenceTsName"),
            Key::new(
                "child-applications",
                "TsReferenceApplications",
                ValueType::Text(1 << 20),
                "Applications that the child task sequence refers to, as the console lists them.",
            )
            .in_variable("OSDSubTasksequenceTsReferenceApplications"),
            Key::new(
                "child-packages",
                "TsReferencePackages",
                ValueType::Text(1 << 20),
                "Packages that the child task sequence refers to, as the console lists them.",
            )
            .in_variable("OSDSubTasksequenceTsReferencePackages"),
            Key::new(
                "child-software-updates",
                "TsReferenceSoftwareUpdates",
                ValueType::Text(1 << 20),
                "Software updates that the child task sequence refers to, as the console lists them.",
            )
            .in_variable("OSDSubTasksequenceTsReferenceSoftwareUpdates"),
        ],
    },
    StepKind {
        name: "check-readiness",
        title: "Check Readiness",
        class: "PrestartCheckAction",
        doc: "Fails with code 4316, after all checks, if the computer does not meet a requirement.",
        environment: Environment::Any,
        command: "OSDPrestartCheck.exe ",
        success_codes: &[0],
        keys: &[
            Key::new("memory", "Memory", ValueType::Integer(1, ANY), "Minimum memory in MB. Default: not checked.").in_variable("OSDMemory"),
            Key::new(
                "processor-speed",
                "ProcessorSpeed",
                ValueType::Integer(1, ANY),
                "Minimum speed of the processor in MHz. Default: not checked.",
            )
            .in_variable("OSDProcessorSpeed"),
            Key::new("disk-space", "FreeDiskSpace", ValueType::Integer(1, ANY), "Minimum free disk space in MB. Default: not checked.")
                .in_variable("OSDFreeDiskSpace"),
            Key::new(
                "os-type",
                "OSType",
                ValueType::Choice(&[
                    choice("client", "CLIENT", "Windows client."),
                    choice("server", "SERVER", "Windows Server."),
                ]),
                "Required type of the current operating system, for a refresh. Default: not checked.",
            )
            .in_variable("OSDOSType"),
            Key::new(
                "architecture",
                "OSArchitecture",
                ValueType::Choice(&[choice("x86", "32", "32-bit Windows."), choice("x64", "64", "64-bit Windows.")]),
                "Required architecture of the current operating system. Default: not checked.",
            )
            .in_variable("OSDOSArchitecture"),
            Key::new(
                "minimum-os",
                "MinOSVersion",
                ValueType::Text(64),
                "Minimum version of the current operating system, such as `10.0.19045`. Default: not checked.",
            )
            .in_variable("OSDMinOSVersion"),
            Key::new("maximum-os", "MaxOSVersion", ValueType::Text(64), "Maximum version of the current operating system. Default: not checked.")
                .in_variable("OSDMaxOSVersion"),
            Key::new(
                "client-version",
                "CMClientMinVersion",
                ValueType::Text(64),
                "Minimum version of the Configuration Manager client. Default: not checked.",
            )
            .in_variable("OSDCMClientMinVersion"),
            Key::new(
                "os-language",
                "OSLanguageID",
                ValueType::Integer(1, 0xffff),
                "Required language of the current operating system, as a decimal number such as 1033. Default: not checked.",
            )
            .in_variable("OSDOSLanguageID"),
            Key::new("ac-power", "CheckPowerState", ValueType::Boolean, "Require AC power.")
                .in_variable("OSDCheckPowerState")
                .with_default("false")
                .optional(),
            Key::new("network", "CheckNetworkConnected", ValueType::Boolean, "Require a connected network.")
                .in_variable("OSDCheckNetworkConnected")
                .with_default("false")
                .optional(),
            Key::new("wired-network", "CheckNetworkWired", ValueType::Boolean, "Require a wired network.")
                .in_variable("OSDCheckNetworkWired")
                .with_default("false")
                .optional(),
            Key::new("uefi", "CheckDeviceUEFI", ValueType::Boolean, "Require UEFI mode.")
                .in_variable("OSDCheckDeviceUEFI")
                .with_default("false")
                .optional(),
            Key::new("tpm-enabled", "CheckTpmEnabled", ValueType::Boolean, "Require an enabled TPM.")
                .in_variable("OSDCheckDeviceTpmEnabled")
                .with_default("false")
                .optional(),
            Key::new("tpm-activated", "CheckTpmActivated", ValueType::Boolean, "Require an activated TPM.")
                .in_variable("OSDCheckDeviceTpmActivated")
                .with_default("false")
                .optional(),
        ],
    },
    StepKind {
        name: "connect-network-folder",
        title: "Connect To Network Folder",
        class: "ConnectNetworkFolderAction",
        doc: "Connects to a shared folder. Requires the network.",
        environment: Environment::Any,
        command: "smsnetuse.exe %SMSConnectNetworkFolderPath%",
        success_codes: &[0],
        keys: &[
            Key::new("path", "Path", ValueType::Text(255), "Shared folder: `\\\\server\\share` (R120).")
                .in_variable("SMSConnectNetworkFolderPath")
                .required(),
            Key::new("drive", "DriveLetter", ValueType::Text(2), "Drive letter with a colon, `D:` to `Z:` except `X:` (R120).")
                .in_variable("SMSConnectNetworkFolderDriveLetter"),
            Key::new("user", "Username", ValueType::Text(255), "Account to connect with: `DOMAIN\\user`.")
                .in_variable("SMSConnectNetworkFolderAccount")
                .required(),
            Key::new("password", "Password", ValueType::Secret, "Password of `user`.")
                .in_variable("SMSConnectNetworkFolderPassword"),
        ],
    },
    StepKind {
        name: "join-domain-workgroup",
        title: "Join Domain or Workgroup",
        class: "JoinDomainWorkgroupAction",
        doc: "Joins the installed system to a domain or workgroup and restarts the computer.",
        environment: Environment::FullOs,
        command: "osdjoin.exe /type:%OSDJoinType%",
        success_codes: &[0],
        keys: &[
            Key::new("workgroup", "WorkgroupName", ValueType::Text(32), "Workgroup to join: at most 32 characters (R82).")
                .in_variable("OSDJoinWorkgroupName"),
            Key::new("domain", "DomainName", ValueType::Text(255), "Domain to join: at most 255 characters (R82).")
                .in_variable("OSDJoinDomainName"),
            Key::new(
                "domain-ou",
                "DomainOUName",
                ValueType::Text(32_767),
                "Organizational unit of the computer: `LDAP://OU=…,DC=…` (R81).",
            )
            .in_variable("OSDJoinDomainOUName"),
            Key::new("user", "DomainUsername", ValueType::Text(255), "Account that may join computers to the domain: `DOMAIN\\user` (R80).")
                .in_variable("OSDJoinAccount"),
            Key::new("password", "DomainPassword", ValueType::Secret, "Password of `user`.")
                .in_variable("OSDJoinPassword"),
            Key::new("skip-restart", "SkipReboot", ValueType::Boolean, "Don't restart the computer afterwards.")
                .in_variable("OSDJoinSkipReboot")
                .with_default("false"),
        ],
    },
    StepKind {
        name: "download-package-content",
        title: "Download Package Content",
        class: "DownloadPackageContentAction",
        doc: "Downloads packages without running them. Not available on stand-alone media (R130).",
        environment: Environment::Any,
        command: "OsdDownloadContent.exe ",
        success_codes: &[0],
        keys: &[
            Key::new("packages", "DownloadPackages", ValueType::Packages, "IDs of the packages, images and driver packages to download.")
                .in_variable("OSDDownloadDownloadPackages")
                .required(),
            Key::new(
                "contents",
                "PackageInfo",
                ValueType::Tables(CONTENTS),
                "Details of the packages as the console shows them. Default: derived from `packages`.",
            )
            .in_variable("OSDPackage")
            .hidden(),
            Key::new(
                "location",
                "DestinationLocationType",
                ValueType::Choice(&[
                    choice("task-sequence", "TSCache", "Working folder of the task sequence."),
                    choice("client-cache", "CCMCache", "Cache of the Configuration Manager client. Not available in Windows PE."),
                    choice("custom", "Custom", "Folder in `path`."),
                ]),
                "Location to download to.",
            )
            .in_variable("OSDDownloadDestinationLocationType")
            .with_default("task-sequence"),
            Key::new("path", "DestinationCustomPath", ValueType::Text(255), "Folder to download to, for `location = \"custom\"`.")
                .in_variable("OSDDownloadDestinationPath"),
            Key::new(
                "variable",
                "DestinationVariable",
                ValueType::Variable,
                "Common prefix of the variables to store the paths in; the engine appends 01, 02 and so on.",
            )
            .in_variable("OSDDownloadDestinationVariable"),
            Key::new(
                "continue-on-download-error",
                "ContinueDownloadOnError",
                ValueType::Boolean,
                "Download the remaining packages if one fails.",
            )
            .in_variable("OSDDownloadContinueDownloadOnError")
            .with_default("false"),
        ],
    },
];

/// Keys of a package to download, as the console shows it.
const CONTENTS: &[Key] = &[
    Key::new("package", "PackageId", ValueType::Package, "ID of the package."),
    Key::new("name", "Name", ValueType::Text(512), "Name of the package."),
    Key::new("type", "PkgType", ValueType::Integer(0, ANY), "Type of the package, by the site's numbers."),
    Key::new("size", "Size", ValueType::Text(64), "Size of the package, as the console shows it."),
];

/// Keys of a rule of Set Dynamic Variables.
///
/// A rule about the computer applies if one of its values matches; `make` and `model` must both
/// match.
const RULES: &[Key] = &[
    Key::new("asset-tag", "AssetTag", ValueType::Text(255), "Asset tag of the computer."),
    Key::new("uuid", "UUID", ValueType::Text(255), "SMBIOS UUID of the computer."),
    Key::new("serial-number", "SerialNumber", ValueType::Text(255), "Serial number of the computer."),
    Key::new("mac-address", "MACAddress", ValueType::Text(255), "MAC address of one of the computer's adapters."),
    Key::new(
        "default-gateway",
        "DefaultGateway",
        ValueType::Text(255),
        "Default gateway of the computer, which identifies its location.",
    ),
    Key::new("make", "Make", ValueType::Text(255), "Manufacturer of the computer; `*` and `?` are wildcards."),
    Key::new("model", "Model", ValueType::Text(255), "Model of the computer; `*` and `?` are wildcards."),
    Key::new("variable", "Variable", ValueType::Text(255), "Variable to compare with `value`."),
    Key::new("operator", "Operator", ValueType::Choice(OPERATORS), "Comparison operator.").with_default("equals"),
    Key::new("value", "Value", ValueType::Text(MAX_VALUE), "Value to compare `variable` with."),
    Key::new("hide", "IsSecret", ValueType::Texts, "Variables of `set` whose values the console hides."),
    Key::new("set", "Variables", ValueType::Map, "Variables to set, each with its value.").required(),
];

/// Comparison operators of a rule, with names of their own in the XML.
const OPERATORS: &[Choice] = &[
    choice("exists", "exists", "The variable is set."),
    choice("not-exists", "not-exists", "The variable is not set."),
    choice("equals", "equals", "The values are equal, ignoring case."),
    choice("not-equals", "not-equals", "The values differ, ignoring case."),
    choice("greater", "greater", "The variable is greater."),
    choice("greater-equal", "greater-equal", "The variable is greater or equal."),
    choice("less", "less", "The variable is less."),
    choice("less-equal", "less-equal", "The variable is less or equal."),
    choice("like", "like", "The variable matches a pattern with the wildcards `*` and `?`."),
    choice("not-like", "not-like", "The variable does not match a pattern with the wildcards `*` and `?`."),
];
