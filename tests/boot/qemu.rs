//! Starts an image in QEMU, without acceleration, and reads what it says on the serial port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What starts the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// A PC with the BIOS that QEMU has by itself.
    SeaBios,
    /// A PC with UEFI.
    Ovmf,
    /// An arm64 machine with UEFI.
    Aavmf,
}

/// Under the load of everything else that is tested a boot may take a while; by itself it takes seconds.
const LIMIT: Duration = Duration::from_secs(90);
/// Emulated firmware stops once in a long while before it has looked at any medium: seen of AAVMF, which had said no
/// more than its version after three minutes, once in hundreds of starts. A medium that does not start fails each time.
const N_TRIES: usize = 3;

/// Code and variables of UEFI, where distributions put them.
const OVMF: [(&str, &str); 4] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
];
const AAVMF: [(&str, &str); 2] = [
    ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
    ("/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw", "/usr/share/edk2/aarch64/vars-template-pflash.raw"),
];

/// Whether everything is started (`TSMEDIA_TEST_THOROUGH`), or only one of what starts alike.
pub fn is_thorough() -> bool {
    std::env::var_os("TSMEDIA_TEST_THOROUGH").is_some()
}

/// Starts a disc and returns what it said up to the line that holds `marker`, without what moves the cursor.
pub fn boot_disc(firmware: Firmware, disc: &Path, scratch: &Path, marker: &str) -> String {
    boot(firmware, disc, scratch, marker, true)
}

/// Starts a stick, in the same way.
pub fn boot_stick(firmware: Firmware, stick: &Path, scratch: &Path, marker: &str) -> String {
    boot(firmware, stick, scratch, marker, false)
}

fn boot(firmware: Firmware, medium: &Path, scratch: &Path, marker: &str, is_disc: bool) -> String {
    let _turn = Turn::take();
    let mut said = String::new();
    for _ in 0..N_TRIES {
        match try_boot(firmware, medium, scratch, marker, is_disc) {
            Ok(said) => return said,
            Err(in_vain) => said = in_vain,
        }
    }
    panic!("{firmware:?} did not say `{marker}` in {N_TRIES} times {LIMIT:?}: {said}");
}

/// Starts a machine once: what it said, up to the marker or up to the end of its time.
fn try_boot(firmware: Firmware, medium: &Path, scratch: &Path, marker: &str, is_disc: bool) -> Result<String, String> {
    let serial = scratch.join(format!("serial-{firmware:?}.txt"));
    let _ = fs::remove_file(&serial);
    let mut machine = Machine(command(firmware, medium, scratch, &serial, is_disc).spawn().expect("QEMU"));
    let start = Instant::now();
    loop {
        let said = fs::read(&serial).map(|bytes| plain(&bytes)).unwrap_or_default();
        // The line counts when it is whole.
        if said.split_inclusive('\n').any(|line| line.contains(marker) && line.ends_with('\n')) {
            return Ok(said);
        }
        let ended = machine.0.try_wait().expect("QEMU");
        assert!(ended.is_none(), "{firmware:?} ended with {ended:?}: {said}");
        if start.elapsed() >= LIMIT {
            return Err(said);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A processor to run a machine on: each takes a whole one, and slows all others down where there is none.
struct Turn;

static N_RUNNING: Mutex<usize> = Mutex::new(0);
static ONE_ENDED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
        let n_running = N_RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let is_busy = |n_running: &mut usize| *n_running >= n_processors;
        *ONE_ENDED.wait_while(n_running, is_busy).unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *N_RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ONE_ENDED.notify_one();
    }
}

fn command(firmware: Firmware, medium: &Path, scratch: &Path, serial: &Path, is_disc: bool) -> Command {
    let mut command = Command::new(match firmware {
        Firmware::SeaBios | Firmware::Ovmf => "qemu-system-x86_64",
        Firmware::Aavmf => "qemu-system-aarch64",
    });
    match firmware {
        Firmware::SeaBios => command.args(["-machine", "q35,accel=tcg", "-m", "128"]),
        Firmware::Ovmf => command.args(["-machine", "q35,accel=tcg", "-m", "256"]),
        Firmware::Aavmf => command.args(["-machine", "virt,accel=tcg", "-cpu", "cortex-a57", "-m", "512"]),
    };
    command.args(["-display", "none", "-monitor", "none", "-net", "none", "-no-reboot", "-serial"]);
    command.arg(format!("file:{}", serial.display()));
    let files = match firmware {
        Firmware::SeaBios => None,
        Firmware::Ovmf => Some(firmware_files(&OVMF)),
        Firmware::Aavmf => Some(firmware_files(&AAVMF)),
    };
    if let Some((code, variables)) = files {
        // Firmware writes to its variables.
        let own = scratch.join(format!("variables-{firmware:?}.fd"));
        fs::copy(variables, &own).expect("the variables of the firmware");
        command.arg("-drive").arg(format!("if=pflash,format=raw,readonly=on,file={}", code.display()));
        command.arg("-drive").arg(format!("if=pflash,format=raw,file={}", own.display()));
    }
    let kind = if is_disc { "media=cdrom,readonly=on" } else { "media=disk,snapshot=on" };
    command.arg("-drive").arg(format!("if=none,id=medium,format=raw,{kind},file={}", medium.display()));
    match (firmware, is_disc) {
        (Firmware::Aavmf, true) => command.args(["-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=medium"]),
        (_, true) => command.args(["-device", "ide-cd,drive=medium,bus=ide.2"]),
        (_, false) => command.args(["-device", "qemu-xhci", "-device", "usb-storage,drive=medium,removable=on"]),
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    command
}

fn firmware_files(places: &[(&str, &str)]) -> (PathBuf, PathBuf) {
    let found = places.iter().find(|(code, variables)| Path::new(code).exists() && Path::new(variables).exists());
    let (code, variables) = found.unwrap_or_else(|| panic!("no UEFI firmware for QEMU at any of {places:?}"));
    (code.into(), variables.into())
}

/// Ends with the test, however that ends.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Text without carriage returns and escape sequences (`ESC [ … letter`).
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest));
    }
    plain.replace('\r', "")
}
