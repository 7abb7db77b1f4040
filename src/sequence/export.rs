//! Exports of the Configuration Manager console, from their archives.

use std::io::{Cursor, Read, Seek};

use task_sequence::mdt::Share;

use crate::error::{Error, Result};
use crate::format::zip::Archive;
use crate::limits::{MAX_EXPORT_LEN, MAX_NESTED_ZIP_LEN, MAX_ZIP_UNPACKED_LEN};

pub use task_sequence::export::{Exported, Referred};

/// The sequences of an export.
#[derive(Debug, Default)]
pub struct Export {
    /// Sequences that were read.
    pub sequences: Vec<Exported>,
    /// Sequences and archives that can't be read.
    pub unreadable: Vec<Unreadable>,
}

/// A sequence or archive that can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Package ID of the sequence, or name of the archive.
    pub name: String,
    /// The reason.
    pub error: Error,
}

impl Export {
    /// Number of sequences, readable or not.
    pub fn len(&self) -> usize {
        self.sequences.len() + self.unreadable.len()
    }

    /// Returns `true` if there is no sequence at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the sequence of a document by itself.
    fn from_document(exported: Exported) -> Self {
        Self { sequences: vec![exported], unreadable: Vec::new() }
    }
}

/// Reads the sequences of a `.zip` that the console exported, in the order of their IDs, and of exports in the archive,
/// in the order of their names.
///
/// # Errors
///
/// The archive is damaged, holds no task sequence, or only one, which can't be read.
pub fn read_zip(source: impl Read + Seek) -> Result<Export> {
    let mut archive = Archive::open(source)?;
    let mut export = Export::default();
    read_members(&mut archive, "", &mut export);
    let is_zip = |name: &str| name.to_lowercase().ends_with(".zip");
    let members = archive.members().iter().filter(|member| is_zip(&member.name));
    let mut nested: Vec<_> = members.map(|member| member.name.clone()).collect();
    nested.sort();
    let mut len_left = MAX_ZIP_UNPACKED_LEN;
    for name in nested {
        if let Err(error) = read_nested(&mut archive, &name, &mut len_left, &mut export) {
            let error = Error::new(format!("the export `{name}` can't be read")).because(error);
            export.unreadable.push(Unreadable { name, error });
        }
    }
    match (export.sequences.is_empty(), export.unreadable.len()) {
        (true, 0) => Err(Error::new("there is no task sequence in the archive")
            .help("export one with `Export` in the console's list of task sequences")),
        (true, 1) => Err(export.unreadable.remove(0).error),
        _ => Ok(export),
    }
}

/// Reads an export that lies in an archive. All of them share one budget of unpacked bytes.
fn read_nested(
    archive: &mut Archive<impl Read + Seek>,
    name: &str,
    len_left: &mut u64,
    export: &mut Export,
) -> Result<()> {
    let bytes = archive.read(name, MAX_NESTED_ZIP_LEN)?;
    let mut nested = Archive::open(Cursor::new(bytes))?;
    let objects = nested.members().iter().filter(|member| task_sequence::export::is_part(&member.name));
    let len: u64 = objects.map(|member| member.len).fold(0, u64::saturating_add);
    *len_left = len_left
        .checked_sub(len)
        .ok_or_else(|| Error::new(format!("with it, more than {MAX_ZIP_UNPACKED_LEN} bytes would be unpacked")))?;
    read_members(&mut nested, &format!("{name}: "), export);
    Ok(())
}

fn read_members(archive: &mut Archive<impl Read + Seek>, origin: &str, export: &mut Export) {
    let names: Vec<_> = archive.members().iter().map(|member| member.name.clone()).collect();
    let read = |name: &str| archive.read(name, MAX_EXPORT_LEN).map_err(Into::into);
    for (id, result) in task_sequence::export::read_members(names.iter().map(String::as_str), read) {
        match result {
            Ok(exported) => export.sequences.push(exported),
            Err(error) => {
                let name = format!("{origin}{id}");
                let error = Error::new(format!("the task sequence `{name}` can't be read")).because(Error::from(error));
                export.unreadable.push(Unreadable { name, error });
            }
        }
    }
}

/// Reads a document that holds one sequence. `name` is the name of a sequence that has none of its own.
///
/// # Errors
///
/// It does not hold a task sequence.
pub fn read_document(bytes: &[u8], name: &str) -> Result<Export> {
    Ok(Export::from_document(task_sequence::export::document::read(bytes, name)?))
}

/// Reads a document like [`read_document`]. A sequence of the Microsoft Deployment Toolkit is converted with its
/// deployment share.
///
/// # Errors
///
/// It does not hold a task sequence.
pub fn read_document_with_share(bytes: &[u8], name: &str, share: &mut Share) -> Result<Export> {
    Ok(Export::from_document(task_sequence::export::document::read_with_share(bytes, name, share)?))
}

/// Returns the name of a sequence as that of a file, without an extension.
pub fn file_name(name: &str) -> String {
    let lower: String = name.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<_> = lower.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "sequence".into() } else { parts.join("-") }
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
            for exported in read_zip(fs::File::open(&path).unwrap()).unwrap().sequences {
                let written = xml::write(&exported.sequence).unwrap();
                let [written, given] = [&written, &exported.xml].map(|text| xml::normal_form(text).unwrap());
                assert_eq!(written, given, "{}", path.display());
            }
        }
    }
}
