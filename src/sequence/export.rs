//! Exports of the Configuration Manager console, from their archives.

use std::io::{Read, Seek};

use crate::error::Result;
use crate::format::zip::Archive;
use crate::limits::MAX_EXPORT_LEN;

pub use task_sequence::export::{Exported, Referred};

/// Reads the sequences of a `.zip` that the console exported, in the order of their IDs.
///
/// # Errors
///
/// It is damaged, holds no task sequence, or one that can't be read.
pub fn read_zip(source: impl Read + Seek) -> Result<Vec<Exported>> {
    let mut archive = Archive::open(source)?;
    let names: Vec<_> = archive.members().iter().map(|member| member.name.clone()).collect();
    let read = |name: &str| archive.read(name, MAX_EXPORT_LEN).map_err(Into::into);
    Ok(task_sequence::export::read_members(names.iter().map(String::as_str), read)?)
}

/// Reads the XML of a sequence by itself.
///
/// # Errors
///
/// It is none.
pub fn read_xml(text: &str) -> Result<Exported> {
    Ok(task_sequence::export::read_xml(text)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sequence::xml;

    /// Real exports stay with their owners: `TSMEDIA_SEQUENCE_EXPORTS` names a folder of them.
    #[test]
    fn real_exports_come_out_as_they_went_in() {
        let Some(folder) = std::env::var_os("TSMEDIA_SEQUENCE_EXPORTS") else { return };
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "zip") {
                continue;
            }
            for exported in read_zip(fs::File::open(&path).unwrap()).unwrap() {
                let written = xml::write(&exported.sequence).unwrap();
                let [written, given] = [&written, &exported.xml].map(|text| xml::normal_form(text).unwrap());
                assert_eq!(written, given, "{}", path.display());
            }
        }
    }
}
