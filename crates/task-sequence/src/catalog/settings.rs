//! Steps that configure Windows and its network.

use super::{Choice, Environment, Key, StepKind, ValueType, choice};

/// Modes of NetBIOS over TCP/IP, numbered as in Windows.
const NETBIOS: &[Choice] =
    &[choice("dhcp", "0", "As configured by DHCP."), choice("on", "1", "Enabled."), choice("off", "2", "Disabled.")];

pub const KINDS: &[StepKind] = &[
    StepKind {
        name: "apply-windows-settings",
        title: "Apply Windows Settings",
        class: "ApplyWindowsSettingsAction",
        doc: "Configures the new Windows: computer name, registered owner, product key, local administrator and languages.",
        environment: Environment::WindowsPe,
        command: "osdwinsettings.exe /config",
        success_codes: &[0],
        keys: &[
            Key::new(
                "computer-name",
                "ComputerName",
                ValueType::Text(255),
                "Name of the computer, usually from a variable.",
            )
            .in_variable("OSDComputerName")
            .with_default("%_SMSTSMachineName%"),
            Key::new("user-name", "RegisteredUserName", ValueType::Text(255), "User that Windows is registered to.")
                .in_variable("OSDRegisteredUserName")
                .required(),
            Key::new(
                "organization",
                "RegisteredOrgName",
                ValueType::Text(255),
                "Organization that Windows is registered to.",
            )
            .in_variable("OSDRegisteredOrgName")
            .required(),
            Key::new(
                "product-key",
                "ProductKey",
                ValueType::Text(255),
                "Product key: five groups of five characters, an encoded volume key, or a variable (R78).",
            )
            .in_variable("OSDProductKey"),
            Key::new(
                "server-licensing",
                "ServerLicenseMode",
                ValueType::Choice(&[
                    choice("per-seat", "PerSeat", "One license for each connecting computer."),
                    choice("per-server", "PerServer", "Licenses for `server-connections` simultaneous connections."),
                ]),
                "Licensing mode of a server. Obsolete since Windows Server 2008 (R86).",
            )
            .in_variable("OSDServerLicenseMode")
            .documented(),
            Key::new(
                "server-connections",
                "ServerLicenseConnectionLimit",
                ValueType::Integer(5, 9999),
                "Maximum number of connections with `server-licensing = \"per-server\"`, 5 to 9999 (R86).",
            )
            .in_variable("OSDServerLicenseConnectionLimit")
            .with_default("5"),
            Key::new(
                "random-administrator-password",
                "RandomAdminPassword",
                ValueType::Boolean,
                "Disable the local administrator and set a random password, instead of `administrator-password` (R85).",
            )
            .in_variable("OSDRandomAdminPassword")
            .with_default("true"),
            Key::new(
                "administrator-password",
                "AdminPassword",
                ValueType::Secret,
                "Password of the local administrator, which is enabled (R85).",
            )
            .in_variable("OSDLocalAdminPassword"),
            Key::new("time-zone", "TimeZone", ValueType::Text(255), "Time zone, such as `W. Europe Standard Time`.")
                .in_variable("OSDTimeZone"),
            Key::new("input-locale", "InputLocale", ValueType::Text(255), "Keyboard layout, such as `de-DE`.")
                .in_variable("OSDWindowsSettingsInputLocale"),
            Key::new("system-locale", "SystemLocale", ValueType::Text(255), "System locale, such as `de-DE`.")
                .in_variable("OSDWindowsSettingsSystemLocale"),
            Key::new(
                "ui-language",
                "UILanguage",
                ValueType::Text(255),
                "Display language of Windows, such as `de-DE`.",
            )
            .in_variable("OSDWindowsSettingsUILanguage"),
            Key::new(
                "ui-language-fallback",
                "UILanguageFallback",
                ValueType::Text(255),
                "Display language if `ui-language` is not installed.",
            )
            .in_variable("OSDWindowsSettingsUILanguageFallback"),
            Key::new(
                "user-locale",
                "UserLocale",
                ValueType::Text(255),
                "Locale for the formats of dates and numbers, such as `de-DE`.",
            )
            .in_variable("OSDWindowsSettingsUserLocale"),
        ],
    },
    StepKind {
        name: "apply-network-settings",
        title: "Apply Network Settings",
        class: "ApplyNetworkSettingsAction",
        doc: "Joins the new Windows to a workgroup or domain and configures its network adapters.",
        environment: Environment::WindowsPe,
        command: "osdnetsettings.exe configure",
        success_codes: &[0],
        keys: &[
            Key::new(
                "workgroup",
                "WorkgroupName",
                ValueType::Text(32),
                "Workgroup to join: at most 32 characters (R79, R82).",
            )
            .in_variable("OSDWorkgroupName"),
            Key::new(
                "domain",
                "DomainName",
                ValueType::Text(255),
                "Domain to join: at most 255 characters (R79, R82).",
            )
            .in_variable("OSDDomainName"),
            Key::new(
                "domain-ou",
                "DomainOUName",
                ValueType::Text(32_767),
                "Organizational unit of the computer: `LDAP://OU=…,DC=…` (R81).",
            )
            .in_variable("OSDDomainOUName"),
            Key::new(
                "user",
                "DomainUsername",
                ValueType::Text(255),
                "Account that may join computers to the domain: `DOMAIN\\user` (R80).",
            )
            .in_variable("OSDJoinAccount"),
            Key::new("password", "DomainPassword", ValueType::Secret, "Password of `user`.")
                .in_variable("OSDJoinPassword"),
            Key::new("dns-domain", "DNSDomain", ValueType::Text(255), "DNS domain of the computer.")
                .in_variable("OSDDNSDomain")
                .hidden()
                .documented(),
            Key::new(
                "dns-suffixes",
                "DNSSuffixSearchOrder",
                ValueType::Texts,
                "DNS suffixes to search, in this order.",
            )
            .in_variable("OSDDNSSuffixSearchOrder")
            .hidden()
            .documented(),
            Key::new(
                "tcp-ip-filtering",
                "EnableTCPIPFiltering",
                ValueType::Boolean,
                "Filter TCP/IP by the ports and protocols of `adapters`.",
            )
            .in_variable("OSDEnableTCPIPFiltering")
            .hidden()
            .with_default("false"),
            Key::new("adapters", "Adapters", ValueType::Tables(ADAPTERS), "Settings of individual network adapters.")
                .in_variable("OSDAdapter")
                .hidden()
                .documented(),
        ],
    },
    StepKind {
        name: "capture-network-settings",
        title: "Capture Network Settings",
        class: "CaptureNetworkSettingsAction",
        doc: "Saves the network settings of the running system for the new one.",
        environment: Environment::FullOs,
        command: "osdnetsettings.exe capture netmembership:%OSDMigrateNetworkMembership% adapters:%OSDMigrateAdapterSettings%",
        success_codes: &[0],
        keys: &[
            Key::new("membership", "MigrateNetworkMembership", ValueType::Boolean, "Keep the domain or workgroup.")
                .in_variable("OSDMigrateNetworkMembership")
                .with_default("true"),
            Key::new(
                "adapters",
                "MigrateAdapterSettings",
                ValueType::Boolean,
                "Keep the settings of network adapters.",
            )
            .in_variable("OSDMigrateAdapterSettings")
            .with_default("true"),
        ],
    },
    StepKind {
        name: "capture-windows-settings",
        title: "Capture Windows Settings",
        class: "CaptureWindowsSettingsAction",
        doc: "Saves settings of the running or installed Windows for the new one.",
        environment: Environment::Any,
        command: "osdwinsettings.exe /capture /name:%OSDMigrateComputerName% /reginfo:%OSDMigrateRegistrationInfo% /timezone:%OSDMigrateTimeZone%",
        success_codes: &[0],
        keys: &[
            Key::new("computer-name", "MigrateComputerName", ValueType::Boolean, "Keep the name of the computer.")
                .in_variable("OSDMigrateComputerName")
                .with_default("true"),
            Key::new(
                "registration",
                "MigrateRegistrationInfo",
                ValueType::Boolean,
                "Keep the registered user and organization.",
            )
            .in_variable("OSDMigrateRegistrationInfo")
            .with_default("true"),
            Key::new("time-zone", "MigrateTimeZone", ValueType::Boolean, "Keep the time zone.")
                .in_variable("OSDMigrateTimeZone")
                .with_default("true"),
        ],
    },
];

/// Keys of a network adapter.
const ADAPTERS: &[Key] = &[
    Key::new("name", "Name", ValueType::Text(255), "Name of the connection in Windows.").documented(),
    Key::new("mac-address", "MacAddress", ValueType::Text(17), "MAC address of the adapter.").documented(),
    Key::new("dhcp", "EnableDHCP", ValueType::Boolean, "Get the IP address from DHCP.")
        .with_default("true")
        .documented(),
    Key::new("addresses", "IPAddressList", ValueType::Texts, "IP addresses of the adapter.").documented(),
    Key::new("subnet-masks", "SubnetMask", ValueType::Texts, "Subnet masks, one for each of `addresses`.").documented(),
    Key::new("gateways", "Gateways", ValueType::Texts, "Default gateways of the adapter.").documented(),
    Key::new("gateway-metrics", "GatewayCostMetric", ValueType::Integers, "Metrics, one for each of `gateways`.")
        .documented(),
    Key::new("dns-servers", "DNSServerList", ValueType::Texts, "DNS servers, in this order.").documented(),
    Key::new("dns-suffix", "DNSSuffix", ValueType::Text(255), "DNS suffix of the connection.").documented(),
    Key::new(
        "register-in-dns",
        "EnableDNSRegistration",
        ValueType::Boolean,
        "Register the address of the connection in DNS.",
    )
    .with_default("true")
    .documented(),
    Key::new(
        "register-full-name",
        "EnableFullDNSRegistration",
        ValueType::Boolean,
        "Register the address under the full computer name, too.",
    )
    .with_default("true")
    .documented(),
    Key::new("wins-servers", "WINSServerList", ValueType::Texts, "WINS servers: at most two.").documented(),
    Key::new("lmhosts", "EnableLMHOSTS", ValueType::Boolean, "Look up names in the file LMHOSTS.")
        .with_default("true")
        .documented(),
    Key::new("netbios", "TcpipNetbiosOptions", ValueType::Choice(NETBIOS), "Use of NetBIOS over TCP/IP.")
        .with_default("dhcp")
        .documented(),
    Key::new("tcp-ports", "TCPFilterPortList", ValueType::Texts, "TCP ports to allow.").documented(),
    Key::new("udp-ports", "UDPFilterPortList", ValueType::Texts, "UDP ports to allow.").documented(),
    Key::new("protocols", "ProtocolFilterList", ValueType::Texts, "IP protocols to allow.").documented(),
];
