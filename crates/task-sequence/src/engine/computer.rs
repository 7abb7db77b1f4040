//! Facts about a computer. All of them are optional; a missing one is unknown.

use schemars::JsonSchema;
use serde::Deserialize;

// Examples of lists, by name: attributes take no list where this crate is built by itself.
const MAC_ADDRESSES: [&str; 1] = ["00:15:5D:00:00:01"];
const IP_ADDRESSES: [&str; 1] = ["10.0.0.2"];
const GATEWAYS: [&str; 1] = ["10.0.0.1"];
const CHASSIS: [u8; 1] = [10];

/// A computer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Computer {
    /// Its name.
    #[schemars(example = &"MININT-1")]
    pub name: Option<String>,
    /// The manufacturer.
    #[schemars(example = &"Contoso")]
    pub make: Option<String>,
    /// The model.
    #[schemars(example = &"Laptop 14")]
    pub model: Option<String>,
    /// Version of the product (`Win32_ComputerSystemProduct.Version`), the name of the model on some makes.
    #[schemars(example = &"Laptop 14 Gen 3")]
    pub version: Option<String>,
    /// Family of the model (`Win32_ComputerSystem.SystemFamily`).
    #[schemars(example = &"Laptop")]
    pub family: Option<String>,
    /// Number of the model (`Win32_ComputerSystem.SystemSKUNumber`).
    #[schemars(example = &"0B04")]
    pub sku: Option<String>,
    /// Kind of computer (`Win32_ComputerSystem.PCSystemType`): 1 for a desktop, 2 for a mobile computer.
    #[schemars(range(min = 0, max = 255), example = 2)]
    pub system_type: Option<i64>,
    /// The serial number.
    #[schemars(example = &"5CG1234567")]
    pub serial_number: Option<String>,
    /// The asset tag.
    #[schemars(example = &"A-100")]
    pub asset_tag: Option<String>,
    /// The UUID.
    #[schemars(example = &"4c4c4544-0000-1000-8000-000000000000")]
    pub uuid: Option<String>,
    /// All MAC addresses.
    #[schemars(example = MAC_ADDRESSES)]
    pub mac_addresses: Option<Vec<String>>,
    /// All IP addresses.
    #[schemars(example = IP_ADDRESSES)]
    pub ip_addresses: Option<Vec<String>>,
    /// All default gateways.
    #[schemars(example = GATEWAYS)]
    pub default_gateways: Option<Vec<String>>,
    /// Memory that Windows can use, in MB.
    #[schemars(range(min = 1, max = 1_000_000_000), example = 16_384)]
    pub memory: Option<i64>,
    /// Free space on the system drive, in MB.
    #[schemars(range(min = 0, max = 1_000_000_000), example = 60_000)]
    pub free_disk_space: Option<i64>,
    /// Types of the chassis (`Win32_SystemEnclosure.ChassisTypes`): 3 for a desktop, 9 or 10 for a laptop.
    #[schemars(example = CHASSIS)]
    pub chassis_types: Option<Vec<i64>>,
    /// Secure Boot is on.
    #[schemars(example = true)]
    pub secure_boot: Option<bool>,
    /// It has a battery.
    #[schemars(example = true)]
    pub battery: Option<bool>,
    /// It is plugged in.
    #[schemars(example = true)]
    pub ac_power: Option<bool>,
    /// Version of the Configuration Manager client at the start.
    #[schemars(example = &"5.00.9128.1000")]
    pub client_version: Option<String>,
    /// Its firmware.
    pub bios: Bios,
    /// Its main board.
    pub base_board: BaseBoard,
    /// Its processor.
    pub processor: Processor,
    /// The system that runs at the start. Windows PE or a new system that the sequence starts later is another one.
    pub operating_system: OperatingSystem,
    /// Its Trusted Platform Module.
    pub tpm: Tpm,
    /// All its network adapters.
    pub network_adapter: Option<Vec<NetworkAdapter>>,
}

/// Firmware.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Bios {
    /// Version (`Win32_BIOS.SMBIOSBIOSVersion`).
    #[schemars(example = &"1.12.0")]
    pub version: Option<String>,
    /// Manufacturer.
    #[schemars(example = &"Contoso")]
    pub manufacturer: Option<String>,
}

/// Main board.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BaseBoard {
    /// Manufacturer.
    #[schemars(example = &"Contoso")]
    pub manufacturer: Option<String>,
    /// Product.
    #[schemars(example = &"0X8DXD")]
    pub product: Option<String>,
    /// Version.
    #[schemars(example = &"A00")]
    pub version: Option<String>,
    /// Serial number.
    #[schemars(example = &"CN0001")]
    pub serial_number: Option<String>,
}

/// Processor.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Processor {
    /// Name.
    #[schemars(example = &"Contoso CPU 5 @ 2.40GHz")]
    pub name: Option<String>,
    /// Manufacturer.
    #[schemars(example = &"GenuineIntel")]
    pub manufacturer: Option<String>,
    /// Architecture.
    #[schemars(example = &"x64")]
    pub architecture: Option<Architecture>,
    /// Number of cores.
    #[schemars(range(min = 1, max = 65_536), example = 4)]
    pub cores: Option<i64>,
    /// Number of logical processors.
    #[schemars(range(min = 1, max = 65_536), example = 8)]
    pub logical_processors: Option<i64>,
    /// Highest speed in MHz.
    #[schemars(range(min = 1, max = 1_000_000), example = 2400)]
    pub speed: Option<i64>,
}

/// Operating system.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OperatingSystem {
    /// Name (`Win32_OperatingSystem.Caption`).
    #[schemars(example = &"Microsoft Windows 11 Enterprise")]
    pub caption: Option<String>,
    /// Version.
    #[schemars(example = &"10.0.22631")]
    pub version: Option<String>,
    /// Number of the build.
    #[schemars(example = &"22631")]
    pub build: Option<String>,
    /// Architecture.
    #[schemars(example = &"x64")]
    pub architecture: Option<Architecture>,
    /// Kind of system.
    #[schemars(example = &"workstation")]
    pub product_type: Option<ProductType>,
    /// Number of the edition (`Win32_OperatingSystem.OperatingSystemSKU`).
    #[schemars(range(min = 0, max = 65_535), example = 4)]
    pub sku: Option<i64>,
    /// Language (`Win32_OperatingSystem.OSLanguage`).
    #[schemars(range(min = 1, max = 65_535), example = 1033)]
    pub language: Option<i64>,
}

/// Trusted Platform Module.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tpm {
    /// Windows sees it. Without one, or if the firmware hides it, this is `false`.
    #[schemars(example = true)]
    pub present: Option<bool>,
    /// It is enabled.
    #[schemars(example = true)]
    pub enabled: Option<bool>,
    /// It is activated.
    #[schemars(example = true)]
    pub activated: Option<bool>,
    /// It has an owner.
    #[schemars(example = false)]
    pub owned: Option<bool>,
    /// Version of the specification (`Win32_TPM.SpecVersion`).
    #[schemars(example = &"2.0, 0, 1.38")]
    pub version: Option<String>,
}

/// Network adapter.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct NetworkAdapter {
    /// Name of the device.
    #[schemars(example = &"Contoso Gigabit Adapter")]
    pub description: Option<String>,
    /// MAC address.
    #[schemars(example = &"00:15:5D:00:00:01")]
    pub mac_address: Option<String>,
    /// All IP addresses.
    #[schemars(example = IP_ADDRESSES)]
    pub ip_addresses: Option<Vec<String>>,
    /// All default gateways.
    #[schemars(example = GATEWAYS)]
    pub default_gateways: Option<Vec<String>>,
    /// DHCP is used.
    #[schemars(example = true)]
    pub dhcp: Option<bool>,
    /// A network is connected.
    #[schemars(example = true)]
    pub connected: Option<bool>,
    /// It is not a wireless one.
    #[schemars(example = true)]
    pub wired: Option<bool>,
}

/// Architecture of a processor or system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// 32 bits.
    X86,
    /// 64 bits.
    X64,
    /// 64-bit ARM.
    Arm64,
}

/// Kind of operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProductType {
    /// Windows for workstations.
    Workstation,
    /// Windows Server with a domain.
    DomainController,
    /// Windows Server.
    Server,
}

impl Computer {
    /// MAC addresses, of the computer or of all its adapters.
    pub fn mac_addresses(&self) -> Option<Vec<String>> {
        let of_adapters = || self.network_adapter.as_ref()?.iter().map(|adapter| adapter.mac_address.clone()).collect();
        self.mac_addresses.clone().or_else(of_adapters)
    }

    /// IP addresses, of the computer or of all its adapters.
    pub fn ip_addresses(&self) -> Option<Vec<String>> {
        let of_adapters = || of_all(self.network_adapter.as_ref()?, |adapter| &adapter.ip_addresses);
        self.ip_addresses.clone().or_else(of_adapters)
    }

    /// Default gateways, of the computer or of all its adapters.
    pub fn default_gateways(&self) -> Option<Vec<String>> {
        let of_adapters = || of_all(self.network_adapter.as_ref()?, |adapter| &adapter.default_gateways);
        self.default_gateways.clone().or_else(of_adapters)
    }
}

fn of_all(
    adapters: &[NetworkAdapter],
    addresses: impl Fn(&NetworkAdapter) -> &Option<Vec<String>>,
) -> Option<Vec<String>> {
    let lists: Option<Vec<_>> = adapters.iter().map(|adapter| addresses(adapter).clone()).collect();
    Some(lists?.concat())
}
