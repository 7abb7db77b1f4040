use std::fs;
use std::process::Command;

use camino::Utf8Path;
use camino::Utf8PathBuf;
use test_fixtures::is_thorough;

use super::*;
use crate::date::Date;
use crate::format::regf::{KeyTree, ValueData, ValueType, checksum};
use crate::format::wim::Wim;
use test_fixtures::program::Program;

struct ImageFixture {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl ImageFixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        fs::create_dir_all(root.join("tree/Windows/System32/config")).unwrap();
        Self { _folder: folder, root }
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.root.join("tree").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn read(&self) -> WindowsFacts {
        let wim = self.root.join("boot.wim");
        let tree = self.root.join("tree");
        let mut command = Command::new("wimlib-imagex");
        command.args(["capture", tree.as_str(), wim.as_str(), "PE", "--boot", "--no-acls", "--compress=XPRESS"]);
        assert!(command.output().unwrap().status.success());
        read(&Wim::open(&wim).unwrap(), 1).unwrap()
    }
}

/// A key at a path, with values.
fn path(path: &str, values: Vec<(&str, ValueData<'static>)>) -> KeyTree {
    let mut names = path.rsplit('\\');
    let mut tree = KeyTree::new(names.next().unwrap());
    tree.values = values.into_iter().map(|(name, data)| (name.to_owned(), data)).collect();
    names.fold(tree, |tree, name| KeyTree::new(name).with_key(tree))
}

fn hive(keys: Vec<KeyTree>) -> Vec<u8> {
    keys.into_iter().fold(KeyTree::new("ROOT"), KeyTree::with_key).to_hive(Date::EARLIEST).unwrap()
}

fn software(version: Vec<(&str, ValueData<'static>)>, packages: &[(&str, Option<u32>)]) -> Vec<u8> {
    let mut list = KeyTree::new("Packages");
    for (name, state) in packages {
        let mut package = KeyTree::new(*name);
        package.values.extend(state.map(|state| ("CurrentState".to_owned(), ValueData::from_u32(state))));
        list.keys.push(package);
    }
    let servicing = KeyTree::new("Component Based Servicing").with_key(list);
    let windows = KeyTree::new("Windows").with_key(KeyTree::new("CurrentVersion").with_key(servicing));
    hive(vec![KeyTree::new("Microsoft").with_key(windows).with_key(path(r"Windows NT\CurrentVersion", version))])
}

/// The value `Version` of the driver package of virtual disks in Windows 11, with another class.
fn driver_version(class: [u8; 4]) -> ValueData<'static> {
    let [a, b, c, d] = class;
    let bytes = [
        &[0x00, 0xFF, 0x09, 0x00, 0, 0, 0, 0, d, c, b, a, 0x25, 0xE3, 0xCE, 0x11, 0xBF, 0xC1][..],
        &[0x08, 0x00, 0x2B, 0xE1, 0x03, 0x18, 0x00, 0xC0, 0x97, 0x8C, 0x0F, 0xE7, 0xD7, 0x01],
        &[0xFC, 0x53, 0x68, 0x00, 0x5A, 0x00, 0x64, 0x00, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    ValueData::from_bytes(bytes.concat())
}

const NET: [u8; 4] = [0x4D, 0x36, 0xE9, 0x72];
const DISK: [u8; 4] = [0x4D, 0x36, 0xE9, 0x7B];
const HDC: [u8; 4] = [0x4D, 0x36, 0xE9, 0x6A];
const DISPLAY: [u8; 4] = [0x4D, 0x36, 0xE9, 0x68];

fn driver_database(packages: &[(&str, Option<&str>, ValueData<'static>)]) -> KeyTree {
    let mut list = KeyTree::new("DriverPackages");
    for (key, name, version) in packages {
        let mut package = KeyTree::new(*key).with_value("Version", version.clone());
        package.values.extend(name.map(|name| (String::new(), ValueData::from_text(name))));
        list.keys.push(package);
    }
    KeyTree::new("DriverDatabase").with_key(list)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn version(revision: u32) -> Option<WindowsVersion> {
    Some(WindowsVersion { major: 10, minor: 0, build: 26_100, revision })
}

#[test]
fn all_that_an_image_says_is_read() {
    let scratch = ImageFixture::new();
    let kernel = Program { version: Some([10, 0, 26_100, 1]), ..Program::X64 };
    let current = vec![
        ("CurrentVersion", ValueData::from_text("6.3")),
        ("CurrentMajorVersionNumber", ValueData::from_u32(10)),
        ("CurrentMinorVersionNumber", ValueData::from_u32(0)),
        ("CurrentBuild", ValueData::from_text("26100")),
        ("UBR", ValueData::from_u32(1_742)),
    ];
    let packages = [
        ("WinPE-WMI-Package~31bf3856ad364e35~amd64~~10.0.26100.1", Some(0x70)),
        ("WinPE-WMI-Package~31bf3856ad364e35~amd64~en-US~10.0.26100.1", Some(0x70)),
        ("WinPE-NetFx-Package~31bf3856ad364e35~amd64~~10.0.26100.1", Some(0x60)),
        ("WinPE-Scripting-Package~31bf3856ad364e35~amd64~~10.0.26100.1", None),
        ("WinPE-HTA-Package~31bf3856ad364e35~amd64~~10.0.26100.1", Some(0x40)),
        ("WinPE-MDAC-Package~31bf3856ad364e35~amd64~de-DE~10.0.26100.1", Some(0x70)),
        ("Microsoft-Windows-WinPE-Package~31bf3856ad364e35~amd64~~10.0.26100.1", Some(0x70)),
    ];
    let drivers = [
        ("netvsc.inf_amd64_0123456789abcdef", Some("netvsc.inf"), driver_version(NET)),
        ("e1d.inf_amd64_1", Some("oem0.inf"), driver_version(NET)),
        ("viostor.inf_amd64_2", None, driver_version(DISK)),
        ("mshdc.inf_amd64_3", Some("mshdc.inf"), driver_version(HDC)),
        ("display.inf_amd64_4", Some("display.inf"), driver_version(DISPLAY)),
        ("cut.inf_amd64_5", Some("cut.inf"), ValueData::from_bytes([0; 20])),
    ];
    // File names are case-insensitive.
    scratch
        .put("Windows/System32/NTOSKRNL.EXE", kernel.bytes())
        .put("Windows/System32/config/SOFTWARE", software(current, &packages))
        .put("Windows/System32/config/DRIVERS", hive(vec![driver_database(&drivers)]))
        .put("Windows/System32/config/SYSTEM", b"not read, since DRIVERS has a driver database")
        .put("Windows/System32/drvload.exe", b"")
        .put("sms/bin/x64/TSBOOTSHELL.EXE", b"")
        .put("sms/bin/i386/other.exe", b"");
    let expected = WindowsFacts {
        architecture: Some(Architecture::X64),
        version: version(1_742),
        components: Some(set(&["WinPE-NetFx", "WinPE-Scripting", "WinPE-WMI"])),
        has_powershell_program: false,
        has_drvload: true,
        drivers: Some(Drivers {
            network: set(&["netvsc.inf", "oem0.inf"]),
            storage: set(&["mshdc.inf", "viostor.inf"]),
        }),
        clients: [Architecture::X64].into(),
        unread: Vec::new(),
    };
    let windows = scratch.read();
    assert_eq!(windows, expected);
    assert_eq!(windows.missing_components(&POWERSHELL), Some(vec!["WinPE-PowerShell"]));
    assert_eq!(windows.has_powershell(), Some(false));
}

#[test]
fn powershell_needs_all_of_its_components_where_these_are_known() {
    let with = |components: Option<&[&str]>, has_powershell_program| WindowsFacts {
        components: components.map(set),
        has_powershell_program,
        ..WindowsFacts::default()
    };
    assert_eq!(with(Some(&POWERSHELL), true).has_powershell(), Some(true));
    for at in 0..POWERSHELL.len() {
        let mut some = POWERSHELL.to_vec();
        some.remove(at);
        assert_eq!(with(Some(&some), true).has_powershell(), Some(false), "{some:?}");
    }
    assert_eq!(with(None, true).has_powershell(), Some(true));
    assert_eq!(with(None, false).has_powershell(), None);
}

#[test]
fn an_image_that_says_nothing_says_nothing() {
    let scratch = ImageFixture::new();
    scratch.put("Windows/System32/config/other", b"");
    let windows = scratch.read();
    assert_eq!(windows, WindowsFacts::default());
    assert!(!windows.is_windows());
}

#[test]
fn the_driver_database_may_be_in_the_hive_of_the_system_and_the_version_that_of_the_kernel() {
    let scratch = ImageFixture::new();
    let drivers = driver_database(&[("net.inf_x86_1", Some("net.inf"), driver_version(NET))]);
    let kernel = Program { machine: 0x014C, version: Some([10, 0, 26_100, 7]), ..Program::X64 };
    scratch
        .put("Windows/System32/ntoskrnl.exe", kernel.bytes())
        .put("Windows/System32/config/SOFTWARE", hive(vec![path(r"Microsoft\Windows NT\CurrentVersion", vec![])]))
        .put("Windows/System32/config/DRIVERS", hive(vec![KeyTree::new("Other")]))
        .put("Windows/System32/config/SYSTEM", hive(vec![drivers]));
    let windows = scratch.read();
    assert_eq!((windows.architecture, windows.version), (Some(Architecture::X86), version(7)));
    let drivers = windows.drivers.unwrap();
    assert_eq!((drivers.network, drivers.storage), (set(&["net.inf"]), set(&[])));
    assert_eq!(windows.components, None);
}

#[test]
fn versions_before_windows_10_are_in_one_text() {
    let scratch = ImageFixture::new();
    let current =
        vec![("CurrentVersion", ValueData::from_text("6.3")), ("CurrentBuildNumber", ValueData::from_text("9600"))];
    scratch.put("Windows/System32/config/SOFTWARE", software(current, &[]));
    let windows = scratch.read();
    assert_eq!(windows.version, Some(WindowsVersion { major: 6, minor: 3, build: 9_600, revision: 0 }));
    assert_eq!(windows.components, Some(set(&[])));
}

#[test]
fn what_can_not_be_read_is_told_and_the_rest_is_read() {
    let scratch = ImageFixture::new();
    let mut cut = software(vec![], &[]);
    cut.truncate(4_096 + 100);
    scratch
        .put("Windows/System32/ntoskrnl.exe", b"stand-in")
        .put("Windows/System32/config/SOFTWARE", cut)
        .put("Windows/System32/config/DRIVERS", hive(vec![driver_database(&[])]));
    let windows = scratch.read();
    let paths: Vec<_> = windows.unread.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["Windows/System32/ntoskrnl.exe", "Windows/System32/config/SOFTWARE"]);
    assert_eq!(windows.unread[0].1, "it does not begin with `MZ`");
    assert!(windows.unread[1].1.contains("were expected"), "{:?}", windows.unread);
    assert_eq!(windows.drivers, Some(Drivers::default()));
}

/// A hive written by another program: hivexsh adds keys and values to an empty one.
#[test]
fn hives_that_hivex_wrote_are_read() {
    let scratch = ImageFixture::new();
    let empty = scratch.root.join("empty");
    fs::write(&empty, hive(vec![])).unwrap();
    let hex = |data: ValueData| data.bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(",");
    let value = driver_version(DISK);
    let script = format!(
        "cd \\\nadd DriverDatabase\ncd DriverDatabase\nadd DriverPackages\ncd DriverPackages\n\
         add viostor.inf_amd64_520417bbc533faba\ncd viostor.inf_amd64_520417bbc533faba\n\
         setval 2\n@\nstring:oem35.inf\nVersion\nhex:{}:{}\ncommit {}\n",
        ValueType::BYTES.0,
        hex(value),
        scratch.root.join("edited")
    );
    fs::write(scratch.root.join("script"), script).unwrap();
    if !done("hivexsh", &["-w", "-f", scratch.root.join("script").as_str(), empty.as_str()]) {
        return;
    }
    scratch.put("Windows/System32/config/DRIVERS", fs::read(scratch.root.join("edited")).unwrap());
    let drivers = scratch.read().drivers.unwrap();
    assert_eq!((drivers.network, drivers.storage), (set(&[]), set(&["oem35.inf"])));
}

/// Runs a tool, which must succeed. Returns `false` if it is not installed.
fn done(tool: &str, arguments: &[&str]) -> bool {
    let Ok(output) = Command::new(tool).args(arguments).current_dir(Utf8Path::new("/")).output() else {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "{tool} is not installed");
        return false;
    };
    assert!(output.status.success(), "{tool}: {output:?}");
    true
}

/// Reads damaged bytes, with an error or another result, but without a panic.
fn damaged(bytes: &[u8], read: impl Fn(&[u8]) -> bool) {
    let step = if is_thorough() { 1 } else { 29 };
    let is_hive = bytes.starts_with(b"regf");
    let (mut n_read, mut n_refused) = (0, 0);
    let mut ask = |bytes: &[u8]| match read(bytes) {
        true => n_read += 1,
        false => n_refused += 1,
    };
    let mut changed = bytes.to_vec();
    for at in (0..bytes.len()).step_by(step) {
        for byte in [0, 0xFF, bytes[at] ^ 1, bytes[at] ^ 0x80] {
            changed[at] = byte;
            if is_hive && at < 508 {
                // Keep the checksum valid, so that the other fields are read.
                let sum = checksum(changed.first_chunk().unwrap());
                changed[508..512].copy_from_slice(&sum.to_le_bytes());
            }
            ask(&changed);
            changed[at] = bytes[at];
        }
        if is_hive {
            changed[508..512].copy_from_slice(&bytes[508..512]);
        }
        ask(&bytes[..at]);
    }
    assert!(n_read > 0 && n_refused > 0, "{n_read} read, {n_refused} refused");
}

#[test]
fn damaged_kernels_and_hives_are_refused_or_read_and_end_nothing() {
    let kernel = Program { version: Some([10, 0, 26_100, 1]), ..Program::X64 };
    damaged(&kernel.bytes(), |bytes| super::read::read_kernel(bytes, &mut WindowsFacts::default()).is_ok());
    let current =
        vec![("CurrentMajorVersionNumber", ValueData::from_u32(10)), ("CurrentBuild", ValueData::from_text("26100"))];
    let packages = [
        ("WinPE-WMI-Package~31bf3856ad364e35~amd64~~10.0.26100.1", Some(0x70)),
        ("WinPE-NetFx-Package~31bf3856ad364e35~amd64~~10.0.26100.1", Some(0x60)),
    ];
    damaged(&software(current, &packages), |bytes| {
        super::read::read_software(bytes, &mut WindowsFacts::default()).is_ok()
    });
    let drivers = [
        ("netvsc.inf_amd64_0123456789abcdef", Some("netvsc.inf"), driver_version(NET)),
        ("viostor.inf_amd64_2", None, driver_version(DISK)),
    ];
    damaged(&hive(vec![driver_database(&drivers)]), |bytes| super::read::read_drivers(bytes).is_ok());
}

/// Many keys that share a long list of values: without a limit, reading them takes hours.
#[test]
fn keys_that_share_their_values_are_refused() {
    let mut names: Vec<_> = (0..4_000).map(|n| format!("a{n}.inf_amd64_1")).collect();
    names.sort();
    let mut list = KeyTree::new("DriverPackages");
    list.keys = names.iter().map(|name| KeyTree::new(name.as_str())).collect();
    let mut full = KeyTree::new("z.inf");
    full.values = (0..20_000).map(|n| (format!("v{n}"), ValueData::from_u32(n))).collect();
    list.keys.push(full);
    let mut bytes = hive(vec![KeyTree::new("DriverDatabase").with_key(list)]);
    assert!(super::read::read_drivers(&bytes).is_ok());
    let record = |bytes: &[u8], name: &str| {
        let name = name.as_bytes();
        let at = bytes.windows(name.len()).position(|window| window == name).unwrap() - 76;
        assert_eq!(&bytes[at..at + 2], b"nk");
        at
    };
    let shared: [u8; 8] = bytes[record(&bytes, "z.inf") + 36..][..8].try_into().unwrap();
    let mut from = 0;
    for name in &names {
        let at = from + record(&bytes[from..], name);
        bytes[at + 36..at + 44].copy_from_slice(&shared);
        from = at;
    }
    let error = super::read::read_drivers(&bytes).unwrap_err().to_string();
    assert!(error.contains("its values are larger than the hive"), "{error}");
}

/// More drivers than any Windows PE has: the time grows with the size of the hive, not faster.
#[test]
fn large_hives_are_read_in_one_go() {
    if !is_thorough() {
        return;
    }
    let build = |n_packages: usize| {
        let names: Vec<_> = (0..n_packages).map(|n| format!("e{n:06}.inf_amd64_0123456789abcdef")).collect();
        let version = ValueData::from_bytes([&driver_version(NET).bytes[..], &[0; 200]].concat());
        let packages: Vec<_> = names.iter().map(|name| (name.as_str(), None, version.clone())).collect();
        hive(vec![driver_database(&packages)])
    };
    for n_packages in [10_000, 40_000, 140_000] {
        let bytes = build(n_packages);
        let start = std::time::Instant::now();
        let drivers = super::read::read_drivers(&bytes).unwrap().unwrap();
        let took = start.elapsed();
        assert_eq!(drivers.network.len(), n_packages);
        println!("{n_packages} drivers, {} bytes: {took:?}", bytes.len());
    }
}
