//! Generates the script in a boot image that starts a prestart command on the medium.
//!
//! The script searches every drive for the package of the command, waits for drives that are not
//! ready, and runs the command in the package folder. It depends only on package ID and command, so
//! that changed files on the medium don't change the boot image. It uses only `cmd.exe` and
//! `ping.exe`, which every Windows PE has.

use super::windows_folder;

/// Name of the script.
pub(super) const NAME: &str = "tsmedia-prestart.cmd";
/// Maximum length of a script line that `cmd.exe` reads, in characters.
pub(super) const MAX_LINE: usize = 8_191;
/// Number of searches for the medium, one per second.
const TRIES: u32 = 30;
/// Seconds for which an error message stays on the screen.
const SHOWN: u32 = 60;
/// Exit code if the medium is not found.
const NOT_FOUND: u32 = 2;

/// Returns the command that starts the script in the folder of a package in the boot image.
pub(super) fn command(package: &str) -> String {
    format!("cmd /c X:\\sms\\PKG\\{package}\\{NAME}")
}

/// Returns the script that runs a command in a package of the medium.
///
/// # Errors
///
/// The length of the command if it is too long for a line.
pub(super) fn script(package: &str, command: &str) -> Result<String, usize> {
    let command = escaped(command);
    if command.len() > MAX_LINE {
        return Err(command.len());
    }
    let folder = windows_folder(package);
    // X: is the RAM disk; A: and B: are floppy disks.
    let drives: Vec<_> = ('C'..='Z').filter(|letter| *letter != 'X').map(String::from).collect();
    let drives = drives.join(" ");
    let shown = SHOWN + 1;
    // `cmd.exe` expands `%drive%` before it runs the line, so it outlives the `endlocal` in front.
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

/// Escapes a command line, so that a script starts what the command line itself would.
fn escaped(command: &str) -> String {
    let mut text = String::with_capacity(command.len());
    let mut is_quoted = false;
    for c in command.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            // In a script, `%1` is an argument, and unset variables expand to nothing.
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
        insta::assert_snapshot!(script("BER00099", "cmd /c prestart.cmd %FOO% & \"a & b%\"").unwrap(), @r#"
        @echo off
        rem Runs the prestart command of the medium in its folder on the medium.
        setlocal
        set tries=0
        :search
        for %%d in (C D E F G H I J K L M N O P Q R S T U V W Y Z) do if exist "%%d:\SMS\PKG\BER00099\*" set drive=%%d:& goto found
        set /a tries=tries+1
        if %tries% geq 30 goto missing
        ping -n 2 127.0.0.1 >nul
        goto search
        :missing
        echo The prestart command was not started: no drive has the folder \SMS\PKG\BER00099.
        echo Connect the medium that this computer was started from, and restart the computer.
        ping -n 61 127.0.0.1 >nul
        exit /b 2
        :found
        endlocal & cd /d "%drive%\SMS\PKG\BER00099"
        cmd /c prestart.cmd %%FOO%% ^& "a & b%%"
        exit /b %errorlevel%
        "#);
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
