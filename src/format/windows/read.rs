//! Reader of the properties. Unreadable files are listed and don't fail it.

use std::collections::BTreeSet;

use super::{DriverClass, Drivers, WindowsFacts};
use crate::error::{Error, Result};
use crate::format::pe::Pe;
use crate::format::regf::{Hive, HiveKey};
use crate::format::wim::{Architecture, Wim, WindowsVersion};
use crate::limits::MAX_HIVE_LEN;

const KERNEL: &str = "Windows/System32/ntoskrnl.exe";
const SOFTWARE: &str = "Windows/System32/config/SOFTWARE";
// Hives with a driver database. Since Windows 8.1 it is usually in a hive of its own.
const DRIVER_HIVES: [&str; 2] = ["Windows/System32/config/DRIVERS", "Windows/System32/config/SYSTEM"];
const POWERSHELL: &str = "Windows/System32/WindowsPowerShell/v1.0/powershell.exe";
const DRVLOAD: &str = "Windows/System32/drvload.exe";
// Folders of Configuration Manager's programs in a boot image, by architecture.
const CLIENTS: [(&str, Architecture); 3] =
    [("i386", Architecture::X86), ("x64", Architecture::X64), ("arm64", Architecture::Arm64)];
/// Program of Configuration Manager that Windows PE starts.
const CLIENT: &str = "TsBootShell.exe";

/// Reads the properties of the Windows in an image.
///
/// # Errors
///
/// If there is no such image, or it can't be read at all.
pub fn read(wim: &Wim, index: u32) -> Result<WindowsFacts> {
    let mut windows = WindowsFacts::default();
    let image = WindowsImage { wim, index };
    image.read_file(KERNEL, &mut windows, read_kernel)?;
    image.read_file(SOFTWARE, &mut windows, |bytes, windows| {
        read_software(bytes, windows).map_err(|error| error.to_string())
    })?;
    for path in DRIVER_HIVES {
        if windows.drivers.is_none() {
            image.read_file(path, &mut windows, |bytes, windows| {
                windows.drivers = read_drivers(bytes).map_err(|error| error.to_string())?;
                Ok(())
            })?;
        }
    }
    windows.has_powershell_program = image.has_file(POWERSHELL)?;
    windows.has_drvload = image.has_file(DRVLOAD)?;
    for (folder, architecture) in CLIENTS {
        if image.has_file(&format!("sms/bin/{folder}/{CLIENT}"))? {
            windows.clients.insert(architecture);
        }
    }
    Ok(windows)
}

/// An image of a WIM file.
struct WindowsImage<'a> {
    wim: &'a Wim,
    index: u32,
}

impl WindowsImage<'_> {
    fn has_file(&self, path: &str) -> Result<bool> {
        Ok(self.wim.find(self.index, path)?.is_some_and(|found| !found.is_folder))
    }

    /// Passes a file to `learn`, if it exists. Errors are collected.
    fn read_file(
        &self,
        path: &str,
        windows: &mut WindowsFacts,
        learn: impl FnOnce(&[u8], &mut WindowsFacts) -> std::result::Result<(), String>,
    ) -> Result<()> {
        if !self.has_file(path)? {
            return Ok(());
        }
        let learnt = match self.wim.extract(self.index, path, MAX_HIVE_LEN) {
            Ok(bytes) => learn(&bytes.unwrap_or_default(), windows),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = learnt {
            windows.unread.push((path.to_owned(), why));
        }
        Ok(())
    }
}

/// Reads the kernel.
pub(super) fn read_kernel(bytes: &[u8], windows: &mut WindowsFacts) -> std::result::Result<(), String> {
    let pe = Pe::parse(bytes).map_err(|why| why.to_string())?;
    windows.architecture = pe.architecture();
    windows.version = pe.file_version().map(|version| {
        let [major, minor, build, revision] = version.0.map(u32::from);
        WindowsVersion { major, minor, build, revision }
    });
    Ok(())
}

/// Reads the hive `SOFTWARE`.
pub(super) fn read_software(bytes: &[u8], windows: &mut WindowsFacts) -> Result<()> {
    let hive = Hive::read(bytes)?;
    // Updates don't always replace the kernel, so its file version may be older.
    windows.version = read_version(&hive)?.or(windows.version);
    windows.components = read_components(&hive)?;
    Ok(())
}

fn read_version(hive: &Hive) -> Result<Option<WindowsVersion>> {
    let Some(key) = hive.key(r"Microsoft\Windows NT\CurrentVersion")? else { return Ok(None) };
    let number = |name: &str| -> Result<Option<u32>> {
        Ok(key.value(name)?.and_then(|data| data.number()).and_then(|number| u32::try_from(number).ok()))
    };
    let text = |name: &str| -> Result<Option<String>> { Ok(key.value(name)?.and_then(|data| data.text())) };
    // Before Windows 10, one text contained both. It has been 6.3 since then.
    let old = text("CurrentVersion")?.unwrap_or_default();
    let (old_major, old_minor) = old.split_once('.').unwrap_or_default();
    let major = number("CurrentMajorVersionNumber")?.or_else(|| old_major.parse().ok());
    let minor = number("CurrentMinorVersionNumber")?.or_else(|| old_minor.parse().ok());
    let build = match text("CurrentBuild")? {
        Some(build) => Some(build),
        None => text("CurrentBuildNumber")?,
    };
    let build = build.and_then(|build| build.trim().parse().ok());
    let (Some(major), Some(minor), Some(build)) = (major, minor, build) else { return Ok(None) };
    Ok(Some(WindowsVersion { major, minor, build, revision: number("UBR")?.unwrap_or(0) }))
}

/// Installed optional components; `None` if packages are not listed. Package names are like
/// `WinPE-WMI-Package~31bf3856ad364e35~amd64~~10.0.26100.1`: name, signing key, architecture,
/// language, version.
fn read_components(hive: &Hive) -> Result<Option<BTreeSet<String>>> {
    let Some(packages) = hive.key(r"Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages")? else {
        return Ok(None);
    };
    let mut components = BTreeSet::new();
    let mut budget = ValueBudget::new(hive);
    for package in packages.keys()? {
        budget.take(&package)?;
        let name = package.name();
        let mut fields = name.split('~');
        let (name, language) = (fields.next().unwrap_or_default(), fields.nth(2).unwrap_or_default());
        let Some(component) = name.strip_suffix("-Package").filter(|name| name.starts_with("WinPE-")) else { continue };
        if language.is_empty() && is_installed(&package)? {
            components.insert(component.to_owned());
        }
    }
    Ok(Some(components))
}

/// Values that may still be read. Keys can share a list of values, although Windows never does
/// that, so that reading all of them would take more than the size of the hive.
struct ValueBudget(usize);

impl ValueBudget {
    fn new(hive: &Hive) -> Self {
        // A value takes at least a record of 20 bytes and an offset.
        Self(hive.len() / 24)
    }

    fn take(&mut self, key: &HiveKey) -> Result<()> {
        let left = self.0.checked_sub(key.n_values());
        self.0 = left.ok_or_else(|| Error::new("the registry hive is damaged: its values are larger than the hive"))?;
        Ok(())
    }
}

/// Returns `true` for a package that is installed, or will be at the next start.
fn is_installed(package: &HiveKey) -> Result<bool> {
    const INSTALL_PENDING: u64 = 0x60;
    let state = package.value("CurrentState")?.and_then(|data| data.number());
    Ok(state.is_none_or(|state| state >= INSTALL_PENDING))
}

/// Drivers in the driver database of a hive; `None` if it has none.
pub(super) fn read_drivers(bytes: &[u8]) -> Result<Option<Drivers>> {
    let hive = Hive::read(bytes)?;
    let Some(packages) = hive.key(r"DriverDatabase\DriverPackages")? else { return Ok(None) };
    let mut drivers = Drivers::default();
    let mut budget = ValueBudget::new(&hive);
    for package in packages.keys()? {
        budget.take(&package)?;
        // The default value is the name of the INF file. Without it, use the start of the key's
        // name, which is like `netvsc.inf_amd64_0123456789abcdef`.
        let key_name = package.name();
        let own_name = || key_name.split_inclusive(".inf").next().unwrap_or(&key_name).to_owned();
        let name = package.value("")?.and_then(|data| data.text()).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(own_name);
        let version = package.value("Version")?;
        match version.as_ref().and_then(|version| parse_class(&version.bytes)) {
            Some(DriverClass::Network) => drivers.network.insert(name),
            Some(DriverClass::Storage) => drivers.storage.insert(name),
            _ => false,
        };
    }
    Ok(Some(drivers))
}

/// Device class in the value `Version` of a driver package: 16 bytes from byte 8.
fn parse_class(version: &[u8]) -> Option<DriverClass> {
    let guid: &[u8; 16] = version.get(8..24)?.try_into().ok()?;
    let [a, b, c, d, e, f, g, h, rest @ ..] = guid;
    let first = u32::from_le_bytes([*a, *b, *c, *d]);
    let (second, third) = (u16::from_le_bytes([*e, *f]), u16::from_le_bytes([*g, *h]));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let guid = format!("{first:08x}-{second:04x}-{third:04x}-{}-{}", hex(&rest[..2]), hex(&rest[2..]));
    Some(DriverClass::from_guid(&guid))
}
