//! Properties of boot images, mismatches with the manifest, and drivers and settings added to them.

use std::fs;

use tsmedia::date::Date;
use tsmedia::format::regf::{KeyTree, ValueData};

use crate::fixtures::sandbox::{Sandbox, wimlib};

use test_fixtures::program::Program;

const CONFIG: &str = "pe/Windows/System32/config";

/// Keys within each other, the innermost given.
fn within(path: &str, inner: KeyTree) -> KeyTree {
    path.rsplit('\\').fold(inner, |tree, name| KeyTree::new(name).with_key(tree))
}

fn hive(keys: Vec<KeyTree>) -> Vec<u8> {
    keys.into_iter().fold(KeyTree::new("ROOT"), KeyTree::with_key).to_hive(Date::EARLIEST).unwrap()
}

/// A driver of a class, which has the number in `{4d36e9..-e325-11ce-bfc1-08002be10318}`, as the driver database has it.
fn driver(name: &str, class: u8) -> KeyTree {
    let mut version = vec![0, 0xFF, 9, 0, 0, 0, 0, 0, class, 0xE9, 0x36, 0x4D, 0x25, 0xE3, 0xCE, 0x11];
    version.extend([0xBF, 0xC1, 0x08, 0x00, 0x2B, 0xE1, 0x03, 0x18]);
    version.resize(48, 0);
    let key = KeyTree::new(format!("{name}_amd64_0123456789abcdef"));
    key.with_value("", ValueData::from_text(name)).with_value("Version", ValueData::from_bytes(version))
}

const NET: u8 = 0x72;
const DISK: u8 = 0x7B;

/// A boot image that says so much of itself as those of Configuration Manager do.
fn sandbox(drivers: Vec<KeyTree>) -> Sandbox {
    sandbox_with(&["WMI", "NetFx", "Scripting"], drivers)
}

/// Boot image with these optional components.
fn sandbox_with(components: &[&str], drivers: Vec<KeyTree>) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut packages = KeyTree::new("Packages");
    for name in components {
        packages.keys.push(
            KeyTree::new(format!("WinPE-{name}-Package~31bf3856ad364e35~amd64~~10.0.26100.1"))
                .with_value("CurrentState", ValueData::from_u32(0x70)),
        );
    }
    let current = KeyTree::new("CurrentVersion")
        .with_value("CurrentMajorVersionNumber", ValueData::from_u32(10))
        .with_value("CurrentMinorVersionNumber", ValueData::from_u32(0))
        .with_value("CurrentBuild", ValueData::from_text("26100"))
        .with_value("UBR", ValueData::from_u32(1_742));
    let software = KeyTree::new("Microsoft")
        .with_key(within(r"Windows\CurrentVersion\Component Based Servicing", packages))
        .with_key(within("Windows NT", current));
    let mut list = KeyTree::new("DriverPackages");
    list.keys = drivers;
    sandbox.put(&format!("{CONFIG}/SOFTWARE"), hive(vec![software]));
    sandbox.put(&format!("{CONFIG}/DRIVERS"), hive(vec![within("DriverDatabase", list)]));
    sandbox
        .put("pe/Windows/System32/ntoskrnl.exe", Program { version: Some([10, 0, 26_100, 1]), ..Program::X64 }.bytes());
    sandbox.put("pe/Windows/System32/drvload.exe", "MZ");
    sandbox
        .put("pe/Windows/System32/winpeshl.ini", "[LaunchApps]\r\n%SYSTEMDRIVE%\\sms\\bin\\x64\\TsBootShell.exe\r\n");
    sandbox.put("pe/sms/bin/x64/TsBootShell.exe", "MZ");
    capture(&sandbox);
    sandbox
}

/// Makes the boot image anew of its tree.
fn capture(sandbox: &Sandbox) {
    let path = |name: &str| sandbox.path(name).into_string();
    let _ = fs::remove_file(sandbox.path("images/boot.wim"));
    wimlib(&["capture", &path("pe"), &path("images/boot.wim"), "Windows PE", "--boot"]);
    wimlib(&["info", &path("images/boot.wim"), "1", "--image-property", "WINDOWS/ARCH=9"]);
}

/// Applies the boot image of the medium to `applied`.
fn applied(sandbox: &Sandbox) {
    let _ = (fs::remove_dir_all(sandbox.path("taken")), fs::remove_dir_all(sandbox.path("applied")));
    sandbox.run_other("7z", &["e", "-bso0", "-bsp0", "-otaken", "out/win11-BER.iso", "sources/boot.wim"]);
    sandbox.run_other("wimlib-imagex", &["apply", "taken/boot.wim", "applied"]);
}

fn inf(class: &str, guid: &str, models: &str) -> String {
    format!(
        "[Version]\r\nSignature=\"$WINDOWS NT$\"\r\nClass={class}\r\nClassGuid={{{guid}-e325-11ce-bfc1-08002be10318}}\r\n\
         CatalogFile=own.cat\r\n[Manufacturer]\r\n%Maker%=Models,{models}\r\n"
    )
}

/// A driver for network in UTF-16, one for storage, and what comes with them.
fn put_drivers(sandbox: &Sandbox) {
    let wide = format!("\u{feff}{}", inf("Net", "4d36e972", "NTamd64.10.0,NTarm64.10.0"));
    sandbox.put("drivers/net/e1/e1.INF", wide.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    sandbox.put("drivers/net/e1/own.cat", "signed");
    sandbox.put("drivers/net/e1/e1.sys", "MZ");
    sandbox.put("drivers/net/autorun.inf", "[autorun]\r\nopen=setup.exe\r\n");
    sandbox.put("drivers/disk/disk.inf", inf("SCSIAdapter", "4d36e97b", "NTamd64"));
    sandbox.put("drivers/disk/own.cat", "signed");
    // The change of a file shows when it is in another tick of the clock than the build.
    std::thread::sleep(std::time::Duration::from_millis(30));
}

/// The hive `SYSTEM` of a Windows PE with a scratch space of 32 MiB, or without a value for it.
fn system(threshold: Option<u32>) -> Vec<u8> {
    let select = KeyTree::new("Select").with_value("Current", ValueData::from_u32(1));
    let filter = KeyTree::new("FBWF").with_value("Start", ValueData::from_u32(0));
    let filter = match threshold {
        Some(size) => filter.with_value("WinPECacheThreshold", ValueData::from_u32(size)),
        None => filter,
    };
    hive(vec![within(r"ControlSet001\Services", filter), select])
}

#[test]
fn scratch_space_is_set_in_the_registry_of_the_boot_image() {
    let sandbox = sandbox(Vec::new());
    for threshold in [Some(32), None] {
        sandbox.put(&format!("{CONFIG}/SYSTEM"), system(threshold));
        capture(&sandbox);
        match threshold {
            Some(_) => sandbox.edit("prompt = false\n", "prompt = false\nscratch-space = 256\n"),
            None => sandbox.edit("scratch-space = 256", "scratch-space = 512"),
        }
        sandbox.done(&["apply", "--site", "BER"]);
        applied(&sandbox);
        let hive = "applied/Windows/System32/config/SYSTEM";
        let value = sandbox.run_other("hivexget", &[hive, r"ControlSet001\Services\FBWF", "WinPECacheThreshold"]);
        assert_eq!(value.trim(), if threshold.is_some() { "256" } else { "512" });
        let start = sandbox.run_other("hivexget", &[hive, r"ControlSet001\Services\FBWF", "Start"]);
        assert_eq!(start.trim(), "0");
    }
    // A size that Windows PE has not, a hive of another Windows, one that was not closed, and none.
    sandbox.edit("scratch-space = 512", "scratch-space = 100");
    let mut seen = sandbox.see("check --site BER");
    sandbox.edit("scratch-space = 100", "scratch-space = 512");
    sandbox.put(&format!("{CONFIG}/SYSTEM"), hive(vec![within("ControlSet001", KeyTree::new("Services"))]));
    capture(&sandbox);
    seen += &sandbox.see("check --site BER");
    let mut open = system(None);
    open[4] += 1;
    let sum = open[..508].chunks(4).fold(0, |sum, four| sum ^ u32::from_le_bytes(four.try_into().unwrap()));
    open[508..512].copy_from_slice(&sum.to_le_bytes());
    sandbox.put(&format!("{CONFIG}/SYSTEM"), open);
    capture(&sandbox);
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
}

const DRIVERS: &str = "prompt = false\ndrivers = [\"drivers/net\", \"drivers/disk\"]\n";

#[test]
fn inspect_says_what_a_boot_image_is_and_check_where_it_does_not_fit() {
    let sandbox = sandbox(vec![driver("netvsc.inf", NET), driver("oem0.inf", NET), driver("stornvme.inf", DISK)]);
    let mut seen = sandbox.see("inspect images/boot.wim");
    seen += &sandbox.see("inspect images/boot.wim --json");
    seen += &sandbox.see("check --site BER");
    // Neither drivers nor programs, and a kernel for other processors than the description says.
    sandbox.put(&format!("{CONFIG}/DRIVERS"), hive(vec![within("DriverDatabase", KeyTree::new("DriverPackages"))]));
    sandbox.put("pe/Windows/System32/ntoskrnl.exe", Program { machine: 0x014C, ..Program::X64 }.bytes());
    fs::remove_dir_all(sandbox.path("pe/sms")).unwrap();
    capture(&sandbox);
    seen += &sandbox.see("check --site BER");
    // Programs for other processors, and a hive that was cut off.
    sandbox.put("pe/sms/bin/arm64/TsBootShell.exe", "MZ");
    let cut = sandbox.get(&format!("{CONFIG}/SOFTWARE"))[..5_000].to_vec();
    sandbox.put(&format!("{CONFIG}/SOFTWARE"), cut);
    capture(&sandbox);
    seen += &sandbox.see("check --site BER");
    seen += &sandbox.see("inspect images/boot.wim");
    insta::assert_snapshot!(seen);
}

#[test]
fn drivers_are_put_into_the_boot_image_and_loaded_before_all_else() {
    let sandbox = sandbox(Vec::new());
    put_drivers(&sandbox);
    sandbox.edit("prompt = false\n", DRIVERS);
    let mut seen = sandbox.see("check --site BER");
    sandbox.done(&["apply", "--site", "BER"]);
    applied(&sandbox);
    assert_eq!(sandbox.get("applied/tsmedia/drivers/1/e1/e1.sys"), b"MZ");
    assert_eq!(sandbox.get("applied/tsmedia/drivers/1/e1/e1.INF"), sandbox.get("drivers/net/e1/e1.INF"));
    assert_eq!(sandbox.get("applied/tsmedia/drivers/2/own.cat"), b"signed");
    for path in ["tsmedia/drivers/load.cmd", "Windows/System32/winpeshl.ini"] {
        seen += &format!("{path}:\n{}\n", String::from_utf8(sandbox.get(&format!("applied/{path}"))).unwrap());
    }
    // What the author puts there is what ours goes before.
    sandbox.put("winpe/winpeshl.ini", "[LaunchApp]\r\nAppPath=X:\\mine.exe\r\n");
    let own = "[[boot.file]]\nsource = \"winpe/winpeshl.ini\"\npath = \"Windows/System32/winpeshl.ini\"\n";
    sandbox.edit(DRIVERS, &format!("{DRIVERS}\n{own}"));
    sandbox.done(&["apply", "--site", "BER"]);
    applied(&sandbox);
    let composed = String::from_utf8(sandbox.get("applied/Windows/System32/winpeshl.ini")).unwrap();
    seen += &format!("{composed}\n");
    // Without it, the script of the Windows ADK.
    sandbox.edit(&format!("\n{own}"), "");
    fs::remove_file(sandbox.path("pe/Windows/System32/winpeshl.ini")).unwrap();
    sandbox.put("pe/Windows/System32/startnet.cmd", "wpeinit\r\nmine\r\n");
    capture(&sandbox);
    sandbox.done(&["apply", "--site", "BER"]);
    applied(&sandbox);
    seen += &String::from_utf8(sandbox.get("applied/Windows/System32/startnet.cmd")).unwrap();
    assert!(!sandbox.path("applied/Windows/System32/winpeshl.ini").exists());
    insta::assert_snapshot!(seen.replace('\r', ""));
}

#[test]
fn drivers_that_can_not_be_loaded_are_told() {
    let sandbox = sandbox(vec![driver("netvsc.inf", NET), driver("stornvme.inf", DISK)]);
    put_drivers(&sandbox);
    sandbox.edit("prompt = false\n", DRIVERS);
    sandbox.put("drivers/net/x86.inf", inf("Net", "4d36e972", "NTx86"));
    sandbox.put("drivers/net/video.inf", inf("Display", "4d36e968", "NTamd64"));
    sandbox.put("drivers/disk/disk.inf", inf("SCSIAdapter", "4d36e97b", "NTarm64"));
    let mut seen = sandbox.see("check --site BER");
    sandbox.put("drivers/disk/disk.inf", "no driver");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("\"drivers/disk\"", "\"readme.txt\", \"drivers/disks\"");
    seen += &sandbox.see("check --site BER");
    sandbox.edit("\"readme.txt\", \"drivers/disks\"", "");
    sandbox.put("drivers/net/größe/x.inf", inf("Net", "4d36e972", "NTamd64"));
    seen += &sandbox.see("check --site BER");
    fs::remove_dir_all(sandbox.path("drivers/net/größe")).unwrap();
    sandbox.put("pe/Windows/System32/winpeshl.ini", "[Other]\r\n");
    fs::remove_file(sandbox.path("pe/Windows/System32/drvload.exe")).unwrap();
    capture(&sandbox);
    seen += &sandbox.see("check --site BER");
    fs::remove_file(sandbox.path("pe/Windows/System32/winpeshl.ini")).unwrap();
    sandbox.put("pe/setup.exe", "MZ");
    capture(&sandbox);
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_sequence_that_runs_powershell_in_windows_pe_needs_a_boot_image_that_has_it() {
    let components = |names: &[&str]| {
        let sandbox = sandbox_with(names, vec![driver("netvsc.inf", NET), driver("stornvme.inf", DISK)]);
        sandbox.edit("\n[[sites]]", "\n[task-sequence]\nfile = \"deploy.toml\"\n\n[[sites]]");
        // A sequence of one step does not deploy anything, which is another matter.
        sandbox.edit("source-date", "rules = { R134 = \"off\", R139 = \"off\" }\nsource-date");
        sandbox.put(
            "deploy.toml",
            "sequence-version = 1\nname = \"Deploy\"\n\n[[steps]]\ntype = \"restart-computer\"\nname = \"Into Windows PE\"\n\
             target = \"windows-pe\"\n\n[[steps]]\ntype = \"run-powershell-script\"\nname = \"Ask\"\nscript = \"exit 0\"\nexecution-policy = \"bypass\"\n",
        );
        sandbox
    };
    let lacking = components(&["WMI", "NetFx", "Scripting"]);
    let mut seen = lacking.see("check");
    lacking.edit("R139 = \"off\"", "R139 = \"off\", R108 = \"warning\"");
    seen += &lacking.see("check --site BER");
    lacking.edit("R108 = \"warning\"", "R108 = \"off\"");
    seen += &lacking.see("check");
    // A PowerShell added to the image is taken as complete.
    lacking.edit(", R108 = \"off\"", "");
    lacking.put("winpe/powershell.exe", "MZ");
    let own = "[[boot.file]]\nsource = \"winpe\"\npath = \"Windows/System32/WindowsPowerShell/v1.0\"\n";
    lacking.edit("\n[task-sequence]", &format!("\n{own}\n[task-sequence]"));
    seen += &lacking.see("check --site BER");
    seen += &components(&["WMI", "NetFx", "Scripting", "PowerShell"]).see("check --site BER");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_windows_pe_that_is_older_than_what_it_puts_down_is_told() {
    let sandbox = sandbox(vec![driver("netvsc.inf", NET), driver("stornvme.inf", DISK)]);
    sandbox.put("system/Windows/System32/winver.exe", "MZ");
    let path = |name: &str| sandbox.path(name).into_string();
    let of_build = |build: &str| {
        let _ = fs::remove_file(sandbox.path("images/install.wim"));
        wimlib(&["capture", &path("system"), &path("images/install.wim"), "Windows 11 Pro"]);
        let build = format!("WINDOWS/VERSION/BUILD={build}");
        let properties = ["WINDOWS/ARCH=9", "WINDOWS/VERSION/MAJOR=10", &build, "WINDOWS/VERSION/SPBUILD=9"];
        let properties = properties.iter().flat_map(|property| ["--image-property", property]);
        let wim = path("images/install.wim");
        wimlib(&[&["info", &wim, "1"], &properties.collect::<Vec<_>>()[..]].concat());
    };
    sandbox.edit(
        "\n[[package]]",
        "\n[[operating-system]]\nid = \"BER00010\"\nfile = \"images/install.wim\"\n\n[[package]]",
    );
    of_build("28000");
    let seen = sandbox.see("check --site BER");
    // The same but for its number.
    of_build("26200");
    assert!(!sandbox.see("check --site BER").contains("older than"));
    insta::assert_snapshot!(seen);
}

#[test]
fn what_a_sequence_runs_and_applies_is_looked_for_in_the_images() {
    let sandbox = sandbox(vec![driver("netvsc.inf", NET), driver("storvsc.inf", DISK)]);
    sandbox.put(
        "deploy.toml",
        "sequence-version = 1\nname = \"Deploy\"\n\
         [[steps]]\ntype = \"set-variable\"\nname = \"No Status\"\nvariable = \"SMSTSDisableStatusRetry\"\nvalue = \"true\"\n\
         [[steps]]\ntype = \"restart-computer\"\nname = \"Restart in Windows PE\"\ntarget = \"windows-pe\"\n\
         condition = { variable = \"_SMSTSInWinPE\", value = \"false\" }\n\
         [[steps]]\ntype = \"run-powershell-script\"\nname = \"Ask\"\nscript = \"exit 0\"\nexecution-policy = \"bypass\"\n\
         [[steps]]\ntype = \"apply-operating-system\"\nname = \"Apply Windows\"\nimage = \"BER00010\"\nindex = 2\n\
         [[steps]]\ntype = \"setup-windows\"\nname = \"Setup Windows\"\nclient-package = \"BER00002\"\n",
    );
    sandbox.edit(
        "[[package]]",
        "[task-sequence]\nfile = \"deploy.toml\"\n\n[[operating-system]]\nid = \"BER00010\"\nfile = \"images/boot.wim\"\n\n\
         [[package]]\nid = \"BER00002\"\nsource = \"packages/vpn\"\n\n[[package]]",
    );
    let mut seen = sandbox.see("check --site BER");
    sandbox.edit("kind = \"stand-alone\"\n", "kind = \"stand-alone\"\nrules = { R108 = \"off\" }\n");
    let sequence = String::from_utf8(sandbox.get("deploy.toml")).unwrap();
    sandbox.put("deploy.toml", sequence.replace("index = 2", "index = 1"));
    seen += &sandbox.see("check --site BER");
    insta::assert_snapshot!(seen);
}
