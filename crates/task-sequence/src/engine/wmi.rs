//! Instances of WMI classes, derived from facts about a computer.

use super::computer::{Architecture, Computer, NetworkAdapter, ProductType};
use crate::truth::Truth;
use crate::wql::{self, Property, WmiInstance};

/// Default namespace of conditions.
pub const DEFAULT_NAMESPACE: &str = r"root\cimv2";
const TPM_NAMESPACE: &str = r"root\cimv2\security\microsofttpm";

/// Instance of a class in a fact file: properties by name.
pub type WmiRow = Vec<(String, Property)>;

/// Property that is derived from a fact.
struct Column<T> {
    class: &'static str,
    property: &'static str,
    /// Key of the fact below `computer`.
    fact: &'static str,
    value: fn(&T) -> Option<Property>,
}

const fn column<T>(
    class: &'static str,
    property: &'static str,
    fact: &'static str,
    value: fn(&T) -> Option<Property>,
) -> Column<T> {
    Column { class, property, fact, value }
}

fn text(text: &Option<String>) -> Option<Property> {
    text.clone().map(Property::Text)
}

fn number(number: Option<i64>) -> Option<Property> {
    number.map(Property::Number)
}

fn truth(is_true: Option<bool>) -> Option<Property> {
    is_true.map(Property::Boolean)
}

fn texts(texts: &Option<Vec<String>>) -> Option<Property> {
    Some(Property::List(texts.as_ref()?.iter().cloned().map(Property::Text).collect()))
}

const SYSTEM: &str = "Win32_ComputerSystem";
const BIOS: &str = "Win32_BIOS";
const PRODUCT: &str = "Win32_ComputerSystemProduct";
const BOARD: &str = "Win32_BaseBoard";
const ENCLOSURE: &str = "Win32_SystemEnclosure";
const OS: &str = "Win32_OperatingSystem";
const PROCESSOR: &str = "Win32_Processor";
const BATTERY: &str = "Win32_Battery";
const TPM: &str = "Win32_TPM";
const ADAPTER: &str = "Win32_NetworkAdapterConfiguration";

/// Classes with exactly one instance on a computer. Several processors have the same properties, so
/// that they count as one.
const SINGLE: [&str; 7] = [SYSTEM, BIOS, PRODUCT, BOARD, ENCLOSURE, OS, PROCESSOR];

#[rustfmt::skip]
const COLUMNS: [Column<Computer>; 40] = [
    column(SYSTEM, "Manufacturer", "make", |c| text(&c.make)),
    column(SYSTEM, "Model", "model", |c| text(&c.model)),
    column(SYSTEM, "Name", "name", |c| text(&c.name)),
    column(SYSTEM, "SystemFamily", "family", |c| text(&c.family)),
    column(SYSTEM, "SystemSKUNumber", "sku", |c| text(&c.sku)),
    column(SYSTEM, "PCSystemType", "system-type", |c| number(c.system_type)),
    column(SYSTEM, "TotalPhysicalMemory", "memory", |c| number(c.memory.map(|mb| mb << 20))),
    column(SYSTEM, "NumberOfLogicalProcessors", "processor.logical-processors", |c| number(c.processor.logical_processors)),
    column(BIOS, "SMBIOSBIOSVersion", "bios.version", |c| text(&c.bios.version)),
    column(BIOS, "Manufacturer", "bios.manufacturer", |c| text(&c.bios.manufacturer)),
    column(BIOS, "SerialNumber", "serial-number", |c| text(&c.serial_number)),
    column(PRODUCT, "Vendor", "make", |c| text(&c.make)),
    column(PRODUCT, "Name", "model", |c| text(&c.model)),
    column(PRODUCT, "Version", "version", |c| text(&c.version)),
    column(PRODUCT, "IdentifyingNumber", "serial-number", |c| text(&c.serial_number)),
    column(PRODUCT, "UUID", "uuid", |c| text(&c.uuid)),
    column(BOARD, "Manufacturer", "base-board.manufacturer", |c| text(&c.base_board.manufacturer)),
    column(BOARD, "Product", "base-board.product", |c| text(&c.base_board.product)),
    column(BOARD, "Version", "base-board.version", |c| text(&c.base_board.version)),
    column(BOARD, "SerialNumber", "base-board.serial-number", |c| text(&c.base_board.serial_number)),
    column(ENCLOSURE, "ChassisTypes", "chassis-types", |c| {
        Some(Property::List(c.chassis_types.as_ref()?.iter().copied().map(Property::Number).collect()))
    }),
    column(ENCLOSURE, "SMBIOSAssetTag", "asset-tag", |c| text(&c.asset_tag)),
    column(OS, "Caption", "operating-system.caption", |c| text(&c.operating_system.caption)),
    column(OS, "Version", "operating-system.version", |c| text(&c.operating_system.version)),
    column(OS, "BuildNumber", "operating-system.build", |c| text(&c.operating_system.build)),
    column(OS, "OSArchitecture", "operating-system.architecture", |c| {
        let bits = match c.operating_system.architecture? {
            Architecture::X86 => "32-bit",
            Architecture::X64 => "64-bit",
            Architecture::Arm64 => "ARM 64-bit Processor",
        };
        Some(Property::Text(bits.into()))
    }),
    column(OS, "ProductType", "operating-system.product-type", |c| {
        number(c.operating_system.product_type.map(|kind| match kind {
            ProductType::Workstation => 1,
            ProductType::DomainController => 2,
            ProductType::Server => 3,
        }))
    }),
    column(OS, "OperatingSystemSKU", "operating-system.sku", |c| number(c.operating_system.sku)),
    column(OS, "OSLanguage", "operating-system.language", |c| number(c.operating_system.language)),
    column(PROCESSOR, "Name", "processor.name", |c| text(&c.processor.name)),
    column(PROCESSOR, "Manufacturer", "processor.manufacturer", |c| text(&c.processor.manufacturer)),
    column(PROCESSOR, "Architecture", "processor.architecture", |c| {
        number(c.processor.architecture.map(|architecture| match architecture {
            Architecture::X86 => 0,
            Architecture::X64 => 9,
            Architecture::Arm64 => 12,
        }))
    }),
    column(PROCESSOR, "NumberOfCores", "processor.cores", |c| number(c.processor.cores)),
    column(PROCESSOR, "NumberOfLogicalProcessors", "processor.logical-processors", |c| number(c.processor.logical_processors)),
    column(PROCESSOR, "MaxClockSpeed", "processor.speed", |c| number(c.processor.speed)),
    column(TPM, "IsEnabled_InitialValue", "tpm.enabled", |c| truth(c.tpm.enabled)),
    column(TPM, "IsActivated_InitialValue", "tpm.activated", |c| truth(c.tpm.activated)),
    column(TPM, "IsOwned_InitialValue", "tpm.owned", |c| truth(c.tpm.owned)),
    column(TPM, "SpecVersion", "tpm.version", |c| text(&c.tpm.version)),
    column(SYSTEM, "DNSHostName", "name", |c| text(&c.name)),
];

#[rustfmt::skip]
const ADAPTER_COLUMNS: [Column<NetworkAdapter>; 6] = [
    column(ADAPTER, "Description", "network-adapter.description", |a| text(&a.description)),
    column(ADAPTER, "MACAddress", "network-adapter.mac-address", |a| text(&a.mac_address)),
    column(ADAPTER, "IPAddress", "network-adapter.ip-addresses", |a| texts(&a.ip_addresses)),
    column(ADAPTER, "DefaultIPGateway", "network-adapter.default-gateways", |a| texts(&a.default_gateways)),
    column(ADAPTER, "DHCPEnabled", "network-adapter.dhcp", |a| truth(a.dhcp)),
    column(ADAPTER, "IPEnabled", "network-adapter.connected", |a| truth(a.connected)),
];

/// Facts for answering queries.
pub struct WmiFacts<'a> {
    /// Facts about the computer.
    pub computer: &'a Computer,
    /// Instances of a class in the fact file; `None` if it lists none.
    pub rows: &'a dyn Fn(&str, &str) -> Option<Vec<WmiRow>>,
    /// Tells whether the system of the start is still running.
    pub is_first_system: bool,
}

/// Evaluates a query in a namespace.
pub fn evaluate(namespace: &str, query: &str, known: &WmiFacts<'_>) -> Truth {
    let parsed = match wql::parse(query) {
        Ok(parsed) => parsed,
        Err(why) => {
            let query = shorten(query);
            return Truth::Unknown(format!(
                "can't parse the WMI query `{query}`: {why}; add `[[wmi]]` with this `query` and its `result`"
            ));
        }
    };
    let class = parsed.class.as_str();
    let rows = (known.rows)(namespace, class);
    let is = |other: &str| class.eq_ignore_ascii_case(other);
    let computer = known.computer;
    let instance = |row| FactInstance { class, row, computer: None, adapter: None };
    let single = |row| FactInstance { computer: Some((computer, known.is_first_system)), ..instance(row) };
    // Facts about the computer only answer for classes in their usual namespace.
    let namespace_of_class = if is(TPM) { TPM_NAMESPACE } else { DEFAULT_NAMESPACE };
    let is_here = namespace.eq_ignore_ascii_case(namespace_of_class);
    let instances = match rows {
        // A single row adds properties to those that follow from the facts.
        Some(rows) if rows.len() == 1 && is_here => vec![single(rows.into_iter().next())],
        Some(rows) => rows.into_iter().map(|row| instance(Some(row))).collect(),
        None if is_here && SINGLE.iter().any(|class| is(class)) => vec![single(None)],
        None if is_here && is(TPM) => match computer.tpm.present {
            Some(true) => vec![single(None)],
            Some(false) => Vec::new(),
            None => return missing("whether there is a TPM", "computer.tpm.present"),
        },
        // Most queries only ask whether there is an instance, so the number of instances matters more than
        // properties.
        None if is_here && is(BATTERY) => match computer.battery {
            Some(true) => vec![instance(None)],
            Some(false) => Vec::new(),
            None => return missing("whether there is a battery", "computer.battery"),
        },
        None if is_here && is(ADAPTER) => match &computer.network_adapter {
            Some(adapters) => {
                adapters.iter().map(|adapter| FactInstance { adapter: Some(adapter), ..instance(None) }).collect()
            }
            None => return missing("the list of network adapters", "computer.network-adapter"),
        },
        None => {
            return Truth::Unknown(format!(
                "the instances of `{class}` are not known; add `[[wmi]]` with `class = \"{class}\"` and its `rows`"
            ));
        }
    };
    parsed.has_result(&instances)
}

fn missing(what: &str, fact: &str) -> Truth {
    Truth::Unknown(format!("{what} is not known; add `{fact}`"))
}

/// Shortens a query for a message.
fn shorten(query: &str) -> String {
    const MAX: usize = 60;
    match query.char_indices().nth(MAX) {
        Some((at, _)) => format!("{}…", &query[..at]),
        None => query.to_owned(),
    }
}

/// Instance that is derived from facts about the computer, from a row, or both.
struct FactInstance<'a> {
    class: &'a str,
    row: Option<WmiRow>,
    /// Computer, with `true` if the system of the start is still running.
    computer: Option<(&'a Computer, bool)>,
    adapter: Option<&'a NetworkAdapter>,
}

impl WmiInstance for FactInstance<'_> {
    fn get(&self, property: &str) -> Property {
        let class = self.class;
        let in_row = |(name, _): &&(String, Property)| name.eq_ignore_ascii_case(property);
        if let Some((_, value)) = self.row.iter().flatten().find(in_row) {
            return value.clone();
        }
        let unknown = |help: String| Property::Unknown(format!("`{class}.{property}` is not known; {help}"));
        let add_row = || format!("add `[[wmi]]` with `class = \"{class}\"` and `rows = [{{ {property} = … }}]`");
        let found = match (self.computer, self.adapter) {
            (_, Some(adapter)) => lookup(&ADAPTER_COLUMNS, class, property, adapter),
            (Some((_, false)), None) if class.eq_ignore_ascii_case(OS) => {
                return unknown(format!(
                    "it describes the system at the start, but another one is running; {}",
                    add_row()
                ));
            }
            (Some((computer, _)), None) => lookup(&COLUMNS, class, property, computer),
            (None, None) => None,
        };
        match found {
            Some((_, Some(value))) => value,
            Some((fact, None)) => unknown(format!("add `computer.{fact}`")),
            None => unknown(add_row()),
        }
    }
}

/// Returns the key of the fact that a property is derived from, and its value if the fact is known.
fn lookup<T>(columns: &[Column<T>], class: &str, property: &str, of: &T) -> Option<(&'static str, Option<Property>)> {
    let column = columns
        .iter()
        .find(|column| column.class.eq_ignore_ascii_case(class) && column.property.eq_ignore_ascii_case(property))?;
    Some((column.fact, (column.value)(of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(namespace: &str, query: &str, computer: &Computer, is_first_system: bool) -> String {
        let disk = |name: &str, size: i64| {
            vec![("DeviceID".to_owned(), Property::Text(name.into())), ("Size".to_owned(), Property::Number(size))]
        };
        let rows = |namespace: &str, class: &str| match (namespace, class) {
            (r"root\cimv2", "Win32_LogicalDisk") => Some(vec![disk("C:", 100), disk("D:", 5)]),
            (r"root\cimv2", "Win32_Printer") => Some(Vec::new()),
            (r"root\cimv2", "Win32_BIOS") => Some(vec![vec![("Version".to_owned(), Property::Text("V1".into()))]]),
            _ => None,
        };
        match evaluate(namespace, query, &WmiFacts { computer, rows: &rows, is_first_system }) {
            Truth::True => "yes".into(),
            Truth::False => "no".into(),
            Truth::Unknown(why) => why,
        }
    }

    fn computer() -> Computer {
        let text = |text: &str| Some(text.to_owned());
        let adapter = |address: &str, connected| NetworkAdapter {
            ip_addresses: Some(vec![address.to_owned()]),
            connected: Some(connected),
            ..NetworkAdapter::default()
        };
        let mut computer = Computer { make: text("Contoso"), model: text("Laptop 14"), ..Computer::default() };
        computer.bios.version = text("1.12.0");
        computer.memory = Some(16_000);
        computer.chassis_types = Some(vec![10]);
        computer.battery = Some(true);
        computer.tpm.present = Some(true);
        computer.tpm.enabled = Some(false);
        computer.processor.architecture = Some(Architecture::X64);
        computer.operating_system.build = text("22631");
        computer.operating_system.product_type = Some(ProductType::Workstation);
        computer.network_adapter = Some(vec![adapter("10.0.0.2", true), adapter("10.0.0.3", false)]);
        computer
    }

    #[test]
    fn usual_classes_follow_from_the_facts_about_the_computer() {
        let cases = [
            ("SELECT * FROM Win32_ComputerSystem WHERE Model LIKE 'Laptop%' AND Manufacturer = 'contoso'", "yes"),
            ("SELECT * FROM win32_computersystem WHERE TotalPhysicalMemory < 8000000000", "no"),
            ("SELECT * FROM Win32_ComputerSystemProduct WHERE Name = 'Laptop 14' AND Vendor <> 'x'", "yes"),
            (
                "SELECT * FROM Win32_ComputerSystemProduct WHERE Version LIKE '%X1%'",
                "`Win32_ComputerSystemProduct.Version` is not known; add `computer.version`",
            ),
            ("SELECT * FROM Win32_BIOS WHERE SMBIOSBIOSVersion = '1.12.0' AND Version = 'v1'", "yes"),
            (
                "SELECT * FROM Win32_BIOS WHERE SerialNumber = 'x'",
                "`Win32_BIOS.SerialNumber` is not known; add `computer.serial-number`",
            ),
            ("SELECT * FROM Win32_SystemEnclosure WHERE ChassisTypes = '9' OR ChassisTypes = '10'", "yes"),
            (
                "SELECT * FROM Win32_BaseBoard WHERE Product = 'x'",
                "`Win32_BaseBoard.Product` is not known; add `computer.base-board.product`",
            ),
            ("SELECT * FROM Win32_Processor WHERE Architecture = 9", "yes"),
            ("SELECT * FROM Win32_OperatingSystem WHERE BuildNumber >= 22000 AND ProductType = 1", "yes"),
            ("SELECT * FROM Win32_Battery", "yes"),
            (
                "SELECT * FROM Win32_Battery WHERE BatteryStatus = 2",
                "`Win32_Battery.BatteryStatus` is not known; add `[[wmi]]` with `class = \"Win32_Battery\"` and `rows = [{ BatteryStatus = … }]`",
            ),
            (
                "SELECT * FROM Win32_NetworkAdapterConfiguration WHERE IPEnabled = TRUE AND IPAddress = '10.0.0.2'",
                "yes",
            ),
            ("SELECT * FROM Win32_NetworkAdapterConfiguration WHERE IPEnabled = TRUE AND IPAddress = '10.0.0.3'", "no"),
            (
                "SELECT * FROM Win32_NetworkAdapterConfiguration WHERE DHCPEnabled = TRUE",
                "`Win32_NetworkAdapterConfiguration.DHCPEnabled` is not known; add `computer.network-adapter.dhcp`",
            ),
            ("SELECT * FROM Win32_LogicalDisk WHERE DeviceID = 'D:' AND Size > 50", "no"),
            ("SELECT * FROM Win32_LogicalDisk WHERE DeviceID = 'C:' AND Size > 50", "yes"),
            ("SELECT * FROM Win32_Printer", "no"),
            (
                "SELECT * FROM Win32_VideoController",
                "the instances of `Win32_VideoController` are not known; add `[[wmi]]` with `class = \"Win32_VideoController\"` and its `rows`",
            ),
            (
                "SELECT * FROM Win32_TPM",
                "the instances of `Win32_TPM` are not known; add `[[wmi]]` with `class = \"Win32_TPM\"` and its `rows`",
            ),
            (
                "SELECT",
                "can't parse the WMI query `SELECT`: a property is missing before the end; add `[[wmi]]` with this `query` and its `result`",
            ),
        ];
        for (query, expected) in cases {
            assert_eq!(says(DEFAULT_NAMESPACE, query, &computer(), true), expected, "{query}");
        }
        let tpm = "SELECT * FROM Win32_Tpm WHERE IsEnabled_InitialValue = TRUE";
        assert_eq!(says(r"ROOT\CIMV2\Security\MicrosoftTpm", tpm, &computer(), true), "no");
        let nothing = Computer::default();
        assert_eq!(
            says(TPM_NAMESPACE, tpm, &nothing, true),
            "whether there is a TPM is not known; add `computer.tpm.present`"
        );
        assert_eq!(
            says(DEFAULT_NAMESPACE, "SELECT * FROM Win32_Battery", &nothing, true),
            "whether there is a battery is not known; add `computer.battery`"
        );
        assert_eq!(
            says(
                DEFAULT_NAMESPACE,
                "SELECT * FROM Win32_OperatingSystem WHERE BuildNumber = '22631'",
                &computer(),
                false
            ),
            "`Win32_OperatingSystem.BuildNumber` is not known; it describes the system at the start, but another one is running; add `[[wmi]]` \
             with `class = \"Win32_OperatingSystem\"` and `rows = [{ BuildNumber = … }]`"
        );
    }
}
