//! The script in a boot image that starts a prestart command on the medium.
//!
//! It looks for the package of the command on every drive, waits for drives that are not ready, and runs the command in
//! the folder of the package. Its bytes follow from package and command alone, so that a change of the files on the
//! medium leaves the boot image as it is. It uses nothing but `cmd.exe` and `ping.exe`, which every Windows PE has.

use super::windows_folder;

/// Name of the script.
pub(super) const NAME: &str = "tsmedia-prestart.cmd";
/// Length of a line of a script that `cmd.exe` reads, in characters.
pub(super) const MAX_LINE: usize = 8_191;
/// Seconds until the medium has to be there.
const TRIES: u32 = 30;
/// Seconds for which a failure stays on the screen.
const SHOWN: u32 = 60;
/// Exit code if the medium was not found.
const NOT_FOUND: u32 = 2;

/// Returns the command that starts the script in the folder of a package in the boot image.
pub(super) fn command(package: &str) -> String {
    format!("cmd /c X:\\sms\\PKG\\{package}\\{NAME}")
}

/// Returns the script that runs a command in a package of the medium.
///
/// # Errors
///
/// The length of the command, if it is too long for a line.
pub(super) fn script(package: &str, command: &str) -> Result<String, usize> {
    let command = escaped(command);
    if command.len() > MAX_LINE {
        return Err(command.len());
    }
    let folder = windows_folder(package);
    // X: is the RAM disk, A: and B: are diskettes.
    let drives: Vec<_> = ('C'..='Z').filter(|letter| *letter != 'X').map(String::from).collect();
    let drives = drives.join(" ");
    let shown = SHOWN + 1;
    // `endlocal` returns to the folder of `setlocal`, and its line still knows the drive.
    let text = format!(
        "@echo off\n\
         rem Runs the prestart command of the medium in its folder on the medium.\n\
         setlocal\n\
         set tries=0\n\
         :search\n\
         for %%d in ({drives}) do if exist \"%%d:\\{folder}\\*\" set drive=%%d:& goto found\n\
         set /a tries=tries+1\n\
         if %tries% geq {TRIES} goto missing\n\
         ping -n 2 127.0.0.1 >nul\n\
         goto search\n\
         :missing\n\
         echo The prestart command was not started: no drive has the folder \\{folder}.\n\
         echo Connect the medium that this computer was started from, and restart the computer.\n\
         ping -n {shown} 127.0.0.1 >nul\n\
         exit /b {NOT_FOUND}\n\
         :found\n\
         endlocal & cd /d \"%drive%\\{folder}\"\n\
         {command}\n\
         exit /b %errorlevel%\n"
    );
    Ok(text.replace('\n', "\r\n"))
}

/// Writes a command line so that a line of a script starts what it would start by itself.
fn escaped(command: &str) -> String {
    let mut text = String::with_capacity(command.len());
    let mut is_quoted = false;
    for c in command.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            // A script expands `%1`, and names that are not set to nothing.
            '%' => text.push('%'),
            '&' | '|' | '<' | '>' | '^' | '(' | ')' if !is_quoted => text.push('^'),
            _ => {}
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_what_windows_reads() {
        insta::assert_snapshot!(script("BER00099", "cmd /c prestart.cmd %FOO% & \"a & b%\"").unwrap());
    }

    #[test]
    fn commands_keep_their_meaning_in_a_script() {
        for (command, expected) in [
            ("cmd /c prestart.cmd", "cmd /c prestart.cmd"),
            ("cmd /c echo %PATH% 100%", "cmd /c echo %%PATH%% 100%%"),
            ("cmd /c a.cmd & b.cmd > log 2>&1", "cmd /c a.cmd ^& b.cmd ^> log 2^>^&1"),
            ("cmd /c \"a & b\" | c^d", "cmd /c \"a & b\" ^| c^^d"),
            ("cmd /c \"a & b", "cmd /c \"a & b"),
        ] {
            assert_eq!(escaped(command), expected);
        }
    }

    #[test]
    fn a_command_that_no_line_holds_is_refused() {
        assert_eq!(script("SMS10000", &"%".repeat(4_096)), Err(8_192));
        assert!(script("SMS10000", &"%".repeat(4_095)).is_ok());
    }

    #[test]
    fn every_line_ends_as_windows_ends_lines() {
        let script = script("SMS10000", "cmd /c a.cmd").unwrap();
        assert!(script.is_ascii() && script.ends_with("\r\n"));
        assert!(!script.replace("\r\n", "").contains(['\r', '\n']));
    }
}
