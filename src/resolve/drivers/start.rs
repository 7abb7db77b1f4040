//! What Windows PE starts: `winpeshl.ini` where there is one, `setup.exe` at the root, or else `startnet.cmd` ("WinPE
//! boot process", `winpeshl.exe`).
//!
//! The apps of `[LaunchApp]` and `[LaunchApps]` run one after the other. Ours goes before them, all in one section, so
//! that nothing hangs on which of the two comes first.

use super::super::placement::Placement;
use super::super::request::Request;
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

/// What loads the drivers, as an app of `winpeshl.ini`: a comma comes before what it is told.
const APP: &str = "%SYSTEMROOT%\\System32\\cmd.exe, /c %SYSTEMDRIVE%\\tsmedia\\drivers\\load.cmd";
/// The same in `startnet.cmd`.
const CALL: &str = "@call %SystemDrive%\\tsmedia\\drivers\\load.cmd";
/// What `startnet.cmd` is in images of the Windows ADK.
const USUAL: &[u8] = b"wpeinit\r\n";

/// Has what Windows PE starts load the drivers first.
pub(super) fn start_drivers(
    request: &Request<'_>,
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
                let message = "the boot image starts `setup.exe` of Windows, which loads none of these drivers";
                let problem = Problem::error(message).at(request.place(DRIVERS), "would not be loaded");
                problems.add(problem.help(
                    "take a boot image of the Windows ADK or of Configuration Manager, or put a `winpeshl.ini` \
                     with what it is to start into `Windows/System32` of this one, by `[[boot.file]]`",
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
            let content = Content::bytes(bytes);
            if !boot_image.root.replace(path, content.clone()) {
                boot_image.place(request, Placement::of_file(path, content, DRIVERS), problems);
            }
        }
        Err(why) => {
            let message = format!("`{path}` can't be made to load the drivers: {why}");
            let problem = Problem::error(message).at(request.place(DRIVERS), "would not be loaded");
            problems.add(problem.help(
                "put one that is right into the boot image by `[[boot.file]]`, or leave out `drivers` and have \
                 your own `winpeshl.ini` or `startnet.cmd` run `drvload`",
            ));
        }
    }
}

/// A `winpeshl.ini` that starts our app before its own.
fn with_first_app(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let is_wide = bytes.starts_with(&[0xFF, 0xFE]);
    if bytes.starts_with(&[0xFE, 0xFF]) || bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Err("Windows reads INI files in ANSI and in UTF-16 (little-endian), and this is neither".into());
    }
    let text = inf::text(bytes);
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
                Some((key, app)) if key.trim().eq_ignore_ascii_case("AppPath") => {
                    let app = app.trim().trim_matches('"');
                    if app.contains([' ', ',']) {
                        return Err(format!("`{app}` in `[LaunchApp]` has a space or a comma"));
                    }
                    apps.push(app.to_owned());
                }
                _ => return Err(format!("`{trimmed}` in `[LaunchApp]` is not understood")),
            },
            "launchapps" if trimmed == APP => {}
            "launchapps" => apps.push(trimmed.to_owned()),
            _ if is_found => after.push(line.to_owned()),
            _ => before.push(line.to_owned()),
        }
    }
    if apps.len() == 1 {
        return Err("it starts nothing: there is no app in `[LaunchApp]` or `[LaunchApps]`".into());
    }
    let lines = [before, vec!["[LaunchApps]".to_owned()], apps, after].concat();
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
    Ok(match is_wide {
        true => [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
        // Each character came from one byte.
        false => text.chars().map(|c| c as u8).collect(),
    })
}

/// A `startnet.cmd` that loads the drivers before anything else.
fn with_first_call(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if [&[0xFF, 0xFE][..], &[0xFE, 0xFF], &[0xEF, 0xBB, 0xBF]].iter().any(|mark| bytes.starts_with(mark)) {
        return Err("it begins with a byte order mark, which `cmd.exe` does not understand".into());
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
        assert_eq!(composed(&expected), expected, "once is enough");
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
        assert_eq!(why(b""), "it starts nothing: there is no app in `[LaunchApp]` or `[LaunchApps]`");
        assert_eq!(why(b"[LaunchApps]\n"), why(b""));
        assert_eq!(why(b"[LaunchApp]\nAppPath=C:\\a b.exe\n"), "`C:\\a b.exe` in `[LaunchApp]` has a space or a comma");
        assert_eq!(why(b"[LaunchApp]\nx.exe\n"), "`x.exe` in `[LaunchApp]` is not understood");
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
