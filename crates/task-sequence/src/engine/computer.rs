//! Facts about a computer. All facts are optional; a missing fact is unknown.

use schemars::JsonSchema;
use serde::Deserialize;

// Examples of lists are constants, since the attribute does not accept a list if this crate is built alone.
const MAC_ADDRESSES: [&str; 1] = ["00:15:5D:00:00:01"];
const IP_ADDRESSES: [&str; 1] = ["10.0.0.2"];
const GATEWAYS: [&str; 1] = ["10.0.0.1"];
const CHASSIS: [u8; 1] = [10];

/// Facts about the computer. Facts that are not set are unknown.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Computer {
    /// Name of the computer.
    #[schemars(example = &"MININT-1")]
    pub name: Option<String>,
    /// Manufacturer of the computer.
    #[schemars(example = &"Contoso")]
    pub make: Option<String>,
    /// Model of the computer.
    #[schemars(example = &"Laptop 14")]
    pub model: Option<String>,
    /// Version of the product (`Win32_ComputerSystemProduct.Version`), which is the model name for
    /// some manufacturers.
    #[schemars(example = &"Laptop 14 Gen 3")]
    pub version: Option<String>,
    /// Product family (`Win32_ComputerSystem.SystemFamily`).
    #[schemars(example = &"Laptop")]
    pub family: Option<String>,
    /// Product number (`Win32_ComputerSystem.SystemSKUNumber`).
    #[schemars(example = &"0B04")]
    pub sku: Option<String>,
    /// Type of computer (`Win32_ComputerSystem.PCSystemType`): 1 for a desktop, 2 for a mobile
    /// computer.
    #[schemars(range(min = 0, max = 255), example = 2)]
    pub system_type: Option<i64>,
    /// Serial number of the computer.
    #[schemars(example = &"5CG1234567")]
    pub serial_number: Option<String>,
    /// Asset tag of the computer.
    #[schemars(example = &"A-100")]
    pub asset_tag: Option<String>,
    /// SMBIOS UUID of the computer.
    #[schemars(example = &"4c4c4544-0000-1000-8000-000000000000")]
    pub uuid: Option<String>,
    /// MAC addresses of all network adapters.
    #[schemars(example = MAC_ADDRESSES)]
    pub mac_addresses: Option<Vec<String>>,
    /// IP addresses of all network adapters.
    #[schemars(example = IP_ADDRESSES)]
    pub ip_addresses: Option<Vec<String>>,
    /// Default gateways of all network adapters.
    #[schemars(example = GATEWAYS)]
    pub default_gateways: Option<Vec<String>>,
    /// Usable memory in MB.
    #[schemars(range(min = 1, max = 1_000_000_000), example = 16_384)]
    pub memory: Option<i64>,
    /// Free space on the system drive in MB.
    #[schemars(range(min = 0, max = 1_000_000_000), example = 60_000)]
    pub free_disk_space: Option<i64>,
    /// Chassis types (`Win32_SystemEnclosure.ChassisTypes`): 3 for a desktop, 9 or 10 for a laptop.
    #[schemars(example = CHASSIS)]
    pub chassis_types: Option<Vec<i64>>,
    /// Secure Boot is enabled.
    #[schemars(example = true)]
    pub secure_boot: Option<bool>,
    /// The computer has a battery.
    #[schemars(example = true)]
    pub battery: Option<bool>,
    /// The computer runs on AC power.
    #[schemars(example = true)]
    pub ac_power: Option<bool>,
    /// Version of the Configuration Manager client at the start.
    #[schemars(example = &"5.00.9128.1000")]
    pub client_version: Option<String>,
    /// Firmware of the computer.
    pub bios: Bios,
    /// Main board of the computer.
    pub base_board: BaseBoard,
    /// Processor of the computer.
    pub processor: Processor,
    /// Operating system that runs at the start. Windows PE or a new system that the task sequence
    /// starts later has other values.
    pub operating_system: OperatingSystem,
    /// Trusted Platform Module (TPM) of the computer.
    pub tpm: Tpm,
    /// All network adapters of the computer.
    pub network_adapter: Option<Vec<NetworkAdapter>>,
}

/// Firmware of a computer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Bios {
    /// Version of the firmware (`Win32_BIOS.SMBIOSBIOSVersion`).
    #[schemars(example = &"1.12.0")]
    pub version: Option<String>,
    /// Manufacturer of the firmware.
    #[schemars(example = &"Contoso")]
    pub manufacturer: Option<String>,
}

/// Main board of a computer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BaseBoard {
    /// Manufacturer of the main board.
    #[schemars(example = &"Contoso")]
    pub manufacturer: Option<String>,
    /// Product name of the main board.
    #[schemars(example = &"0X8DXD")]
    pub product: Option<String>,
    /// Version of the main board.
    #[schemars(example = &"A00")]
    pub version: Option<String>,
    /// Serial number of the main board.
    #[schemars(example = &"CN0001")]
    pub serial_number: Option<String>,
}

/// Processor of a computer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Processor {
    /// Name of the processor.
    #[schemars(example = &"Contoso CPU 5 @ 2.40GHz")]
    pub name: Option<String>,
    /// Manufacturer of the processor.
    #[schemars(example = &"GenuineIntel")]
    pub manufacturer: Option<String>,
    /// Architecture of the processor.
    #[schemars(example = &"x64")]
    pub architecture: Option<Architecture>,
    /// Number of cores.
    #[schemars(range(min = 1, max = 65_536), example = 4)]
    pub cores: Option<i64>,
    /// Number of logical processors.
    #[schemars(range(min = 1, max = 65_536), example = 8)]
    pub logical_processors: Option<i64>,
    /// Maximum clock speed in MHz.
    #[schemars(range(min = 1, max = 1_000_000), example = 2400)]
    pub speed: Option<i64>,
}

/// Operating system of a computer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OperatingSystem {
    /// Name of the operating system (`Win32_OperatingSystem.Caption`).
    #[schemars(example = &"Microsoft Windows 11 Enterprise")]
    pub caption: Option<String>,
    /// Version of the operating system.
    #[schemars(example = &"10.0.22631")]
    pub version: Option<String>,
    /// Build number of the operating system.
    #[schemars(example = &"22631")]
    pub build: Option<String>,
    /// Architecture of the operating system.
    #[schemars(example = &"x64")]
    pub architecture: Option<Architecture>,
    /// Type of operating system.
    #[schemars(example = &"workstation")]
    pub product_type: Option<ProductType>,
    /// Edition number (`Win32_OperatingSystem.OperatingSystemSKU`).
    #[schemars(range(min = 0, max = 65_535), example = 4)]
    pub sku: Option<i64>,
    /// Language number (`Win32_OperatingSystem.OSLanguage`), such as 1033 for English (United
    /// States).
    #[schemars(range(min = 1, max = 65_535), example = 1033)]
    pub language: Option<i64>,
}

/// Trusted Platform Module (TPM) of a computer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tpm {
    /// Windows detects the TPM. Set `false` if there is none or the firmware hides it.
    #[schemars(example = true)]
    pub present: Option<bool>,
    /// The TPM is enabled.
    #[schemars(example = true)]
    pub enabled: Option<bool>,
    /// The TPM is activated.
    #[schemars(example = true)]
    pub activated: Option<bool>,
    /// The TPM has an owner.
    #[schemars(example = false)]
    pub owned: Option<bool>,
    /// Version of the TPM specification (`Win32_TPM.SpecVersion`).
    #[schemars(example = &"2.0, 0, 1.38")]
    pub version: Option<String>,
}

/// Network adapter of a computer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct NetworkAdapter {
    /// Name of the network adapter.
    #[schemars(example = &"Contoso Gigabit Adapter")]
    pub description: Option<String>,
    /// MAC address of the network adapter.
    #[schemars(example = &"00:15:5D:00:00:01")]
    pub mac_address: Option<String>,
    /// IP addresses of the network adapter.
    #[schemars(example = IP_ADDRESSES)]
    pub ip_addresses: Option<Vec<String>>,
    /// Default gateways of the network adapter.
    #[schemars(example = GATEWAYS)]
    pub default_gateways: Option<Vec<String>>,
    /// The network adapter uses DHCP.
    #[schemars(example = true)]
    pub dhcp: Option<bool>,
    /// The network adapter is connected to a network.
    #[schemars(example = true)]
    pub connected: Option<bool>,
    /// The network adapter is wired, not wireless.
    #[schemars(example = true)]
    pub wired: Option<bool>,
}

/// Architecture of a processor or operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// 32-bit x86.
    X86,
    /// 64-bit x86.
    X64,
    /// 64-bit ARM.
    Arm64,
}

/// Type of operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProductType {
    /// Windows client.
    Workstation,
    /// Windows Server as a domain controller.
    DomainController,
    /// Windows Server, not a domain controller.
    Server,
}

impl Computer {
    /// Returns the MAC addresses, set directly or collected from all adapters.
    pub fn mac_addresses(&self) -> Option<Vec<String>> {
        let of_adapters = || self.network_adapter.as_ref()?.iter().map(|adapter| adapter.mac_address.clone()).collect();
        self.mac_addresses.clone().or_else(of_adapters)
    }

    /// Returns the IP addresses, set directly or collected from all adapters.
    pub fn ip_addresses(&self) -> Option<Vec<String>> {
        let of_adapters = || collect_addresses(self.network_adapter.as_ref()?, |adapter| &adapter.ip_addresses);
        self.ip_addresses.clone().or_else(of_adapters)
    }

    /// Returns the default gateways, set directly or collected from all adapters.
    pub fn default_gateways(&self) -> Option<Vec<String>> {
        let of_adapters = || collect_addresses(self.network_adapter.as_ref()?, |adapter| &adapter.default_gateways);
        self.default_gateways.clone().or_else(of_adapters)
    }
}

fn collect_addresses(
    adapters: &[NetworkAdapter],
    addresses: impl Fn(&NetworkAdapter) -> &Option<Vec<String>>,
) -> Option<Vec<String>> {
    let lists: Option<Vec<_>> = adapters.iter().map(|adapter| addresses(adapter).clone()).collect();
    Some(lists?.concat())
}
