//! `TsmBootstrap.ini`, the data of a medium in clear.
//!
//! Public readers use three keys of the section `MediaInfo`: `MediaType`, `PasswordRequired` and
//! `Unattended`. Microsoft documents none of them. Other content of an existing file is kept.

use crate::media::windows_text;

const SECTION: &str = "MediaInfo";
const MEDIA_TYPE: &str = "MediaType";
const PASSWORD_REQUIRED: &str = "PasswordRequired";
const UNATTENDED: &str = "Unattended";

/// Lines of `TsmBootstrap.ini`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    lines: Vec<String>,
}

impl Bootstrap {
    /// Creates the file for a media type, such as `BootMedia`.
    pub fn new(media_type: &str) -> Self {
        Self { lines: vec![format!("[{SECTION}]"), format!("{MEDIA_TYPE}={media_type}")] }
    }

    /// Parses a file in ASCII, UTF-8 or UTF-16. `None` if it has no section `MediaInfo`.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = windows_text(bytes)?;
        let bootstrap = Self { lines: text.lines().map(|line| line.trim().to_owned()).collect() };
        bootstrap.section().is_some().then_some(bootstrap)
    }

    /// Returns the media type, such as `BootMedia`.
    pub fn media_type(&self) -> Option<&str> {
        self.get(MEDIA_TYPE)
    }

    /// Returns `true` if the medium has a password; `None` if unknown.
    pub fn requires_password(&self) -> Option<bool> {
        self.get_bool(PASSWORD_REQUIRED)
    }

    /// Returns `true` if the medium prompts only for the password; `None` if unknown.
    pub fn is_unattended(&self) -> Option<bool> {
        self.get_bool(UNATTENDED)
    }

    /// Sets whether the medium has a password.
    pub fn require_password(&mut self, is_required: bool) {
        self.set(PASSWORD_REQUIRED, is_required);
    }

    /// Sets whether the medium prompts only for the password.
    pub fn set_unattended(&mut self, is_unattended: bool) {
        self.set(UNATTENDED, is_unattended);
    }

    /// Serializes the file, with line breaks of Windows.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect()
    }

    fn get_bool(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(|value| value.to_ascii_lowercase().parse().ok())
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.lines.get(self.line_of(key)?)?.split_once('=').map(|(_, value)| value.trim())
    }

    fn set(&mut self, key: &str, value: bool) {
        let line = format!("{key}={value}");
        match self.line_of(key) {
            Some(at) => self.lines[at] = line,
            None => {
                let (_, end) = self.section().unwrap_or((0, self.lines.len()));
                self.lines.insert(end, line);
            }
        }
    }

    /// Returns the number of the line that sets a key of the section, ignoring case.
    fn line_of(&self, key: &str) -> Option<usize> {
        let (start, end) = self.section()?;
        let sets = |line: &String| line.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case(key));
        self.lines[start..end].iter().position(sets).map(|at| start + at)
    }

    /// Returns the line range of the section, without its header and trailing empty lines.
    fn section(&self) -> Option<(usize, usize)> {
        let is_head = |line: &String| {
            let name = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
            name.is_some_and(|name| name.trim().eq_ignore_ascii_case(SECTION))
        };
        let start = self.lines.iter().position(is_head)? + 1;
        let len = self.lines[start..].iter().take_while(|line| !line.starts_with('[')).count();
        let is_empty = |line: &&String| line.is_empty();
        let n_empty = self.lines[start..start + len].iter().rev().take_while(is_empty).count();
        Some((start, start + len - n_empty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_says_how_the_medium_starts() {
        let mut bootstrap = Bootstrap::new("BootMedia");
        bootstrap.require_password(true);
        bootstrap.set_unattended(false);
        let text = String::from_utf8(bootstrap.to_bytes()).unwrap();
        assert_eq!(text, "[MediaInfo]\r\nMediaType=BootMedia\r\nPasswordRequired=true\r\nUnattended=false\r\n");
        let values = (bootstrap.media_type(), bootstrap.requires_password(), bootstrap.is_unattended());
        assert_eq!(values, (Some("BootMedia"), Some(true), Some(false)));
    }

    #[test]
    fn what_a_file_of_others_has_besides_is_kept() {
        let text = "; made by a site\n[Other]\nUnattended=yes\n\n[mediainfo]\n mediatype = FullMedia \
                    \nColour=7\n\n[Last]\nA=1\n";
        let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        for bytes in [text.as_bytes(), &utf16] {
            let mut bootstrap = Bootstrap::read(bytes).unwrap();
            assert_eq!((bootstrap.media_type(), bootstrap.is_unattended()), (Some("FullMedia"), None));
            bootstrap.require_password(false);
            assert_eq!(
                String::from_utf8(bootstrap.to_bytes()).unwrap(),
                "; made by a site\r\n[Other]\r\nUnattended=yes\r\n\r\n[mediainfo]\r\nmediatype = \
                 FullMedia\r\nColour=7\r\n\
                 PasswordRequired=false\r\n\r\n[Last]\r\nA=1\r\n"
            );
        }
        assert_eq!(Bootstrap::read(b"[Media]\nMediaType=x\n"), None);
        assert_eq!(Bootstrap::read(b"\xFF\xFF[MediaInfo]"), None);
    }
}
