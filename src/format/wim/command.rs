//! Commands of `wimlib-imagex` for help texts. A file on a medium is extracted with `7z` into the
//! current folder first.

use camino::{Utf8Path, Utf8PathBuf};

use crate::format::medium_tree::SEPARATOR;
use crate::shell::quote;

/// Command that extracts files from a medium, with ` && ` at its end, and the path of the extracted
/// file. The command is empty for other files. `pattern` selects the files from the path of one.
fn extract_command(path: &Utf8Path, pattern: impl FnOnce(&str) -> String) -> (String, &Utf8Path) {
    match path.as_str().split_once(SEPARATOR).filter(|_| !path.exists()) {
        Some((medium, within)) => (format!("7z x {} {} && ", quote(medium), pattern(within)), Utf8Path::new(within)),
        None => (String::new(), path),
    }
}

/// Command that verifies a WIM file.
pub(super) fn verify(path: &Utf8Path) -> String {
    let (extract, path) = extract_command(path, |within| quote(within).into_owned());
    format!("{extract}wimlib-imagex verify {}", quote(path.as_str()))
}

/// Command that exports all images, or the one with `index`, to a new WIM file. `options` are
/// appended.
pub fn export(path: &Utf8Path, index: Option<u32>, options: &str) -> String {
    let (extract, path) = extract_command(path, |within| quote(within).into_owned());
    let images = index.map_or("all".to_owned(), |index| index.to_string());
    let space = if options.is_empty() { "" } else { " " };
    let (from, to) = (quote(path.as_str()), exported_path(path));
    format!("{extract}wimlib-imagex export {from} {images} {}{space}{options}", quote(to.as_str()))
}

/// Command that joins the parts of a split WIM, from the path of one part.
pub(super) fn join(part: &Utf8Path) -> String {
    // `install2.swm` is a part of `install.swm`.
    let all_parts = |part: &str| {
        let part = Utf8Path::new(part);
        let stem = part.file_stem().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
        let extension = part.extension().unwrap_or_default();
        format!("'{}*.{extension}'", part.with_file_name(stem))
    };
    let (extract, part) = extract_command(part, all_parts);
    let stem = part.file_stem().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    let extension = part.extension().map_or(String::new(), |extension| format!(".{extension}"));
    let whole = quote(part.with_file_name(format!("{stem}.wim")).as_str()).into_owned();
    let parts = quote(part.with_file_name(stem).as_str()).into_owned();
    format!("{extract}wimlib-imagex join {whole} {parts}*{extension}")
}

/// Path of the file that [`export`] creates next to the original.
pub fn exported_path(path: &Utf8Path) -> Utf8PathBuf {
    path.with_file_name(format!("{}-new.wim", path.file_stem().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_the_file_and_what_becomes_of_it() {
        let path = Utf8Path::new("images/install.esd");
        assert_eq!(export(path, None, ""), "wimlib-imagex export images/install.esd all images/install-new.wim");
        assert_eq!(
            export(Utf8Path::new("it's here/a.wim"), Some(2), "--not-pipable"),
            "wimlib-imagex export 'it'\\''s here/a.wim' 2 'it'\\''s here/a-new.wim' --not-pipable"
        );
        assert_eq!(join(Utf8Path::new("images/boot2.swm")), "wimlib-imagex join images/boot.wim images/boot*.swm");
        let on_medium = |name: &str| format!("Win 11.iso!/sources/{name}");
        assert_eq!(
            export(on_medium("install.esd").as_str().into(), Some(3), "--not-pipable"),
            "7z x 'Win 11.iso' sources/install.esd && \
             wimlib-imagex export sources/install.esd 3 sources/install-new.wim --not-pipable"
        );
        assert_eq!(
            join(on_medium("install2.swm").as_str().into()),
            "7z x 'Win 11.iso' 'sources/install*.swm' && wimlib-imagex join sources/install.wim sources/install*.swm"
        );
        assert_eq!(
            verify(on_medium("boot.wim").as_str().into()),
            "7z x 'Win 11.iso' sources/boot.wim && wimlib-imagex verify sources/boot.wim"
        );
        assert_eq!(verify(Utf8Path::new("images/boot.wim")), "wimlib-imagex verify images/boot.wim");
        assert_eq!(join(Utf8Path::new("a b/i000.swm")), "wimlib-imagex join 'a b/i.wim' 'a b/i'*.swm");
    }
}
