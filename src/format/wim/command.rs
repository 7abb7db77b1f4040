//! Commands of `wimlib-imagex` that mend a WIM file, as help that can be typed.

use camino::{Utf8Path, Utf8PathBuf};

use crate::shell::word;

/// Exports all images of a WIM file to a new one, or the one of `index`. `options` follow.
pub fn export(path: &Utf8Path, index: Option<u32>, options: &str) -> String {
    let images = index.map_or("all".to_owned(), |index| index.to_string());
    let space = if options.is_empty() { "" } else { " " };
    format!("wimlib-imagex export {} {images} {}{space}{options}", word(path.as_str()), word(renewed(path).as_str()))
}

/// Joins the parts of a split WIM, one of which is `part`.
pub(super) fn join(part: &Utf8Path) -> String {
    // `install2.swm` belongs to `install.swm`.
    let stem = part.file_stem().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    let extension = part.extension().map_or(String::new(), |extension| format!(".{extension}"));
    let whole = word(part.with_file_name(format!("{stem}.wim")).as_str()).into_owned();
    let parts = word(part.with_file_name(stem).as_str()).into_owned();
    format!("wimlib-imagex join {whole} {parts}*{extension}")
}

/// The path of the file that [`export`] makes, beside the first.
pub fn renewed(path: &Utf8Path) -> Utf8PathBuf {
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
        assert_eq!(join(Utf8Path::new("a b/i000.swm")), "wimlib-imagex join 'a b/i.wim' 'a b/i'*.swm");
    }
}
