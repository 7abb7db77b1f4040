//! Steps that set up Windows and its network.

use super::{Choice, Environment, Form, Key, Kind, choice};

/// How NetBIOS is used, as Windows counts it.
const NETBIOS: &[Choice] =
    &[choice("dhcp", "0", "As DHCP says."), choice("on", "1", "Always."), choice("off", "2", "Never.")];

pub const KINDS: &[Kind] = &[
    Kind {
        name: "apply-windows-settings",
        title: "Apply Windows Settings",
        class: "ApplyWindowsSettingsAction",
        doc: "Sets up the new Windows: computer name, owner, product key, administrator, languages.",
        environment: Environment::WindowsPe,
        command: "osdwinsettings.exe /config",
        success_codes: &[0],
        keys: &[
            Key::new("computer-name", "ComputerName", Form::Text(255), "The name of the computer; usually by a variable.")
                .in_variable("OSDComputerName")
                .or("%_SMSTSMachineName%"),
            Key::new("user-name", "RegisteredUserName", Form::Text(255), "Whom Windows is registered to.")
                .in_variable("OSDRegisteredUserName")
                .required(),
            Key::new("organization", "RegisteredOrgName", Form::Text(255), "The organisation that it is registered to.")
                .in_variable("OSDRegisteredOrgName")
                .required(),
            Key::new("product-key", "ProductKey", Form::Text(255), "The product key: five groups of five, an encoded volume key, or a variable (R78).")
                .in_variable("OSDProductKey"),
            Key::new(
                "server-licensing",
                "ServerLicenseMode",
                Form::Choice(&[
                    choice("per-seat", "PerSeat", "For each computer that connects."),
                    choice("per-server", "PerServer", "For `server-connections` at a time."),
                ]),
                "How a server is licensed. Obsolete since Windows Server 2008 (R86).",
            )
            .in_variable("OSDServerLicenseMode")
            .documented(),
            Key::new("server-connections", "ServerLicenseConnectionLimit", Form::Integer(5, 9999), "The most connections, with `per-server` (R86).")
                .in_variable("OSDServerLicenseConnectionLimit")
                .or("5"),
            Key::new("random-administrator-password", "RandomAdminPassword", Form::Boolean, "Whether the local administrator gets a random password and is disabled; otherwise `administrator-password` (R85).")
                .in_variable("OSDRandomAdminPassword")
                .or("true"),
            Key::new("administrator-password", "AdminPassword", Form::Secret, "The password of the local administrator, who is enabled (R85).")
                .in_variable("OSDLocalAdminPassword"),
            Key::new("time-zone", "TimeZone", Form::Text(255), "The time zone, such as `W. Europe Standard Time`.")
                .in_variable("OSDTimeZone"),
            Key::new("input-locale", "InputLocale", Form::Text(255), "The keyboard, such as `de-DE`.")
                .in_variable("OSDWindowsSettingsInputLocale"),
            Key::new("system-locale", "SystemLocale", Form::Text(255), "The locale of the system, such as `de-DE`.")
                .in_variable("OSDWindowsSettingsSystemLocale"),
            Key::new("ui-language", "UILanguage", Form::Text(255), "The language of Windows, such as `de-DE`.")
                .in_variable("OSDWindowsSettingsUILanguage"),
            Key::new("ui-language-fallback", "UILanguageFallback", Form::Text(255), "The language where that one is lacking.")
                .in_variable("OSDWindowsSettingsUILanguageFallback"),
            Key::new("user-locale", "UserLocale", Form::Text(255), "The formats of dates and numbers, such as `de-DE`.")
                .in_variable("OSDWindowsSettingsUserLocale"),
        ],
    },
    Kind {
        name: "apply-network-settings",
        title: "Apply Network Settings",
        class: "ApplyNetworkSettingsAction",
        doc: "Joins the new Windows to a workgroup or a domain and sets up its network adapters.",
        environment: Environment::WindowsPe,
        command: "osdnetsettings.exe configure",
        success_codes: &[0],
        keys: &[
            Key::new("workgroup", "WorkgroupName", Form::Text(32), "The workgroup: 32 characters at most (R79, R82).")
                .in_variable("OSDWorkgroupName"),
            Key::new("domain", "DomainName", Form::Text(255), "The domain: 255 characters at most (R79, R82).")
                .in_variable("OSDDomainName"),
            Key::new("domain-ou", "DomainOUName", Form::Text(32_767), "The organisational unit: `LDAP://OU=…,DC=…` (R81).")
                .in_variable("OSDDomainOUName"),
            Key::new("user", "DomainUsername", Form::Text(255), "The account that may join: `DOMAIN\\user` (R80).")
                .in_variable("OSDJoinAccount"),
            Key::new("password", "DomainPassword", Form::Secret, "The password of that account.")
                .in_variable("OSDJoinPassword"),
            Key::new("dns-domain", "DNSDomain", Form::Text(255), "The DNS domain of the computer.").in_variable("OSDDNSDomain").hidden().documented(),
            Key::new("dns-suffixes", "DNSSuffixSearchOrder", Form::Texts, "The DNS suffixes to search, in their order.")
                .in_variable("OSDDNSSuffixSearchOrder")
                .hidden()
                .documented(),
            Key::new("tcp-ip-filtering", "EnableTCPIPFiltering", Form::Boolean, "Whether TCP/IP is filtered.")
                .in_variable("OSDEnableTCPIPFiltering")
                .hidden()
                .or("false"),
            Key::new("adapters", "Adapters", Form::Tables(ADAPTERS), "The network adapters with settings of their own.")
                .in_variable("OSDAdapter")
                .hidden()
                .documented(),
        ],
    },
    Kind {
        name: "capture-network-settings",
        title: "Capture Network Settings",
        class: "CaptureNetworkSettingsAction",
        doc: "Reads the network settings of the running system, for the new one.",
        environment: Environment::FullOs,
        command: "osdnetsettings.exe capture netmembership:%OSDMigrateNetworkMembership% adapters:%OSDMigrateAdapterSettings%",
        success_codes: &[0],
        keys: &[
            Key::new("membership", "MigrateNetworkMembership", Form::Boolean, "Whether domain or workgroup is kept.")
                .in_variable("OSDMigrateNetworkMembership")
                .or("true"),
            Key::new("adapters", "MigrateAdapterSettings", Form::Boolean, "Whether the settings of adapters are kept.")
                .in_variable("OSDMigrateAdapterSettings")
                .or("true"),
        ],
    },
    Kind {
        name: "capture-windows-settings",
        title: "Capture Windows Settings",
        class: "CaptureWindowsSettingsAction",
        doc: "Reads settings of the running or installed Windows, for the new one.",
        environment: Environment::Any,
        command: "osdwinsettings.exe /capture /name:%OSDMigrateComputerName% /reginfo:%OSDMigrateRegistrationInfo% /timezone:%OSDMigrateTimeZone%",
        success_codes: &[0],
        keys: &[
            Key::new("computer-name", "MigrateComputerName", Form::Boolean, "Whether the name of the computer is kept.")
                .in_variable("OSDMigrateComputerName")
                .or("true"),
            Key::new("registration", "MigrateRegistrationInfo", Form::Boolean, "Whether owner and organisation are kept.")
                .in_variable("OSDMigrateRegistrationInfo")
                .or("true"),
            Key::new("time-zone", "MigrateTimeZone", Form::Boolean, "Whether the time zone is kept.")
                .in_variable("OSDMigrateTimeZone")
                .or("true"),
        ],
    },
];

/// What a network adapter says.
const ADAPTERS: &[Key] = &[
    Key::new("name", "Name", Form::Text(255), "The connection, as Windows calls it.").documented(),
    Key::new("mac-address", "MacAddress", Form::Text(17), "Which adapter it is.").documented(),
    Key::new("dhcp", "EnableDHCP", Form::Boolean, "Whether it gets its address by DHCP.").or("true").documented(),
    Key::new("addresses", "IPAddressList", Form::Texts, "Its IP addresses.").documented(),
    Key::new("subnet-masks", "SubnetMask", Form::Texts, "The mask of each address.").documented(),
    Key::new("gateways", "Gateways", Form::Texts, "Its gateways.").documented(),
    Key::new("gateway-metrics", "GatewayCostMetric", Form::Integers, "The metric of each gateway.").documented(),
    Key::new("dns-servers", "DNSServerList", Form::Texts, "Its DNS servers, in their order.").documented(),
    Key::new("dns-suffix", "DNSSuffix", Form::Text(255), "The DNS suffix of the connection.").documented(),
    Key::new("register-in-dns", "EnableDNSRegistration", Form::Boolean, "Whether its address is registered in DNS.")
        .or("true")
        .documented(),
    Key::new(
        "register-full-name",
        "EnableFullDNSRegistration",
        Form::Boolean,
        "Whether it is with the computer's full name.",
    )
    .or("true")
    .documented(),
    Key::new("wins-servers", "WINSServerList", Form::Texts, "Its WINS servers, two at most.").documented(),
    Key::new("lmhosts", "EnableLMHOSTS", Form::Boolean, "Whether the file LMHOSTS is looked up.")
        .or("true")
        .documented(),
    Key::new("netbios", "TcpipNetbiosOptions", Form::Choice(NETBIOS), "How NetBIOS over TCP/IP is used.")
        .or("dhcp")
        .documented(),
    Key::new("tcp-ports", "TCPFilterPortList", Form::Texts, "The TCP ports that are let through.").documented(),
    Key::new("udp-ports", "UDPFilterPortList", Form::Texts, "The UDP ports that are let through.").documented(),
    Key::new("protocols", "ProtocolFilterList", Form::Texts, "The IP protocols that are let through.").documented(),
];
