//! Makes Windows PE load the drivers first, in the file that it starts from: `winpeshl.ini` if it
//! exists, `setup.exe` at the root, or `startnet.cmd` ("WinPE boot process", `winpeshl.exe`).
//!
//! Windows PE runs the apps of `[LaunchApp]` and `[LaunchApps]` one after the other. The driver
//! script goes before them, with all of them in one section, so that the order of the two sections
//! is irrelevant.

use super::super::request::MediumRequest;
use super::super::volume_tree::VolumeTree;
use super::super::windows_pe::WindowsPe;
use super::DRIVERS;
use crate::content::Content;
use crate::format::inf;
use crate::limits::{MAX_PROGRAM_LEN, MAX_SCRIPT_LEN};
use crate::problem::{Problem, Problems};

const SHELL: &str = "Windows/System32/winpeshl.ini";
const SETUP: &str = "setup.exe";
const STARTNET: &str = "Windows/System32/startnet.cmd";

/// Entry of `winpeshl.ini` that runs the driver script; a comma separates program and arguments.
const APP: &str = "%SYSTEMROOT%\\System32\\cmd.exe, /c %SYSTEMDRIVE%\\tsmedia\\drivers\\load.cmd";
/// Line of `startnet.cmd` that runs the driver script.
const CALL: &str = "@call %SystemDrive%\\tsmedia\\drivers\\load.cmd";
/// Content of `startnet.cmd` in images of the Windows ADK.
const USUAL: &[u8] = b"wpeinit\r\n";

/// Inserts the driver script into the file that Windows PE starts from.
pub(super) fn start_drivers(
    request: &MediumRequest<'_>,
    windows_pe: &WindowsPe,
    boot_image: &mut VolumeTree,
    problems: &mut Problems,
) {
    let Ok(shell) = windows_pe.read_file(request, &boot_image.root, SHELL, MAX_SCRIPT_LEN, DRIVERS, problems) else {
        return;
    };
    let (path, composed) = match shell {
        Some(bytes) => (SHELL, with_first_app(&bytes)),
        None => {
            let Ok(setup) = windows_pe.read_file(request, &boot_image.root, SETUP, MAX_PROGRAM_LEN, DRIVERS, problems)
            else {
                return;
            };
            if setup.is_some() {
                let message = "the boot image starts Windows `setup.exe`, which does not load these drivers";
                let problem = Problem::error(message).at(request.place(DRIVERS), "would not be loaded");
                problems.add(problem.help(
                    "use a boot image of the Windows ADK or of Configuration Manager, or add a `winpeshl.ini` \
                     to `Windows/System32` of this one with `[[boot.file]]`",
                ));
                return;
            }
            let Ok(startnet) =
                windows_pe.read_file(request, &boot_image.root, STARTNET, MAX_SCRIPT_LEN, DRIVERS, problems)
            else {
                return;
            };
            (STARTNET, with_first_call(startnet.as_deref().unwrap_or(USUAL)))
        }
    };
    match composed {
        Ok(bytes) => {
            boot_image.replace_or_place(request, path, Content::bytes(bytes), DRIVERS, problems);
        }
        Err(why) => {
            let message = format!("the drivers can't be added to `{path}`: {why}");
            let problem = Problem::error(message).at(request.place(DRIVERS), "would not be loaded");
            problems.add(problem.help(
                "add a corrected file with `[[boot.file]]`, or remove `drivers` and run `drvload` in \
                 your own `winpeshl.ini` or `startnet.cmd`",
            ));
        }
    }
}

/// Returns a `winpeshl.ini` that runs the driver script before its own apps.
fn with_first_app(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let is_wide = bytes.starts_with(&[0xFF, 0xFE]);
    if bytes.starts_with(&[0xFE, 0xFF]) || bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Err(
            "its encoding is neither ANSI nor UTF-16 (little-endian), which Windows requires of INI files".into()
        );
    }
    let text = inf::decode_text(bytes);
    // Both sections are merged into one `[LaunchApps]`, which keeps the order: existing apps, with
    // the driver script first. Everything outside these sections stays where it is.
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut apps = vec![APP.to_owned()];
    let mut section = String::new();
    let mut is_found = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default().trim().to_ascii_lowercase();
        }
        let is_heading = trimmed.starts_with('[');
        match section.as_str() {
            "launchapp" | "launchapps" if is_heading => is_found = true,
            "launchapp" | "launchapps" if trimmed.is_empty() || trimmed.starts_with(';') => {}
            "launchapp" => match trimmed.split_once('=') {
                // `[LaunchApps]` separates program and arguments with commas, so such a path can't
                // be moved there.
                Some((key, app)) if key.trim().eq_ignore_ascii_case("AppPath") => {
                    let app = app.trim().trim_matches('"');
                    if app.contains([' ', ',']) {
                        return Err(format!("`{app}` in `[LaunchApp]` contains a space or a comma"));
                    }
                    apps.push(app.to_owned());
                }
                _ => return Err(format!("`{trimmed}` in `[LaunchApp]` is not a known setting")),
            },
            "launchapps" if trimmed == APP => {}
            "launchapps" => apps.push(trimmed.to_owned()),
            _ if is_found => after.push(line.to_owned()),
            _ => before.push(line.to_owned()),
        }
    }
    if apps.len() == 1 {
        return Err("it starts no app: `[LaunchApp]` and `[LaunchApps]` are empty".into());
    }
    let lines = [before, vec!["[LaunchApps]".to_owned()], apps, after].concat();
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
    Ok(match is_wide {
        true => [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
        // `inf::text` decoded each byte to one character.
        false => text.chars().map(|c| c as u8).collect(),
    })
}

/// Returns a `startnet.cmd` that runs the driver script before anything else.
fn with_first_call(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if [&[0xFF, 0xFE][..], &[0xFE, 0xFF], &[0xEF, 0xBB, 0xBF]].iter().any(|mark| bytes.starts_with(mark)) {
        return Err("it starts with a byte order mark, which `cmd.exe` can't read".into());
    }
    let call = format!("{CALL}\r\n").into_bytes();
    Ok(if bytes.starts_with(&call) { bytes.to_vec() } else { [&call, bytes].concat() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(text: &str) -> String {
        String::from_utf8(with_first_app(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn our_app_comes_before_those_that_were_there_whatever_they_are_in() {
        let manager = "[LaunchApps]\r\n%SYSTEMDRIVE%\\sms\\bin\\x64\\TsBootShell.exe\r\n";
        let expected = format!("[LaunchApps]\r\n{APP}\r\n%SYSTEMDRIVE%\\sms\\bin\\x64\\TsBootShell.exe\r\n");
        assert_eq!(composed(manager), expected);
        assert_eq!(composed(&expected), expected, "the script is added once");
        let both =
            "; mine\n[launchapp]\nAppPath = X:\\a.exe\n\n[LaunchApps]\n; second\nb.exe, /s \"C:\\x y\"\n[Other]\nk=v\n";
        let expected =
            format!("; mine\r\n[LaunchApps]\r\n{APP}\r\nX:\\a.exe\r\nb.exe, /s \"C:\\x y\"\r\n[Other]\r\nk=v\r\n");
        assert_eq!(composed(both), expected);
        let wide = |text: &str| format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        assert_eq!(with_first_app(&wide(both)).unwrap(), wide(&expected));
        let ansi = with_first_app(b"[LaunchApps]\n\xE4.exe\n").unwrap();
        assert!(ansi.ends_with(b"load.cmd\r\n\xE4.exe\r\n"));
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        let why = |bytes: &[u8]| with_first_app(bytes).unwrap_err();
        assert_eq!(why(b""), "it starts no app: `[LaunchApp]` and `[LaunchApps]` are empty");
        assert_eq!(why(b"[LaunchApps]\n"), why(b""));
        assert_eq!(
            why(b"[LaunchApp]\nAppPath=C:\\a b.exe\n"),
            "`C:\\a b.exe` in `[LaunchApp]` contains a space or a comma"
        );
        assert_eq!(why(b"[LaunchApp]\nx.exe\n"), "`x.exe` in `[LaunchApp]` is not a known setting");
        assert!(why(b"\xEF\xBB\xBF[LaunchApps]\nx.exe\n").contains("UTF-16"));
        assert!(with_first_call(b"\xFF\xFEw\0").is_err());
    }

    #[test]
    fn the_script_is_called_before_the_network_starts() {
        let once = with_first_call(USUAL).unwrap();
        assert_eq!(String::from_utf8(once.clone()).unwrap(), format!("{CALL}\r\nwpeinit\r\n"));
        assert_eq!(with_first_call(&once).unwrap(), once);
    }
}
