//! Archives of task sequences that the Configuration Manager console exported.

use std::io::{Cursor, Read, Seek};

use task_sequence::mdt::Share;

use crate::error::{Error, Result};
use crate::format::zip::Archive;
use crate::limits::{MAX_EXPORT_LEN, MAX_NESTED_ZIP_LEN, MAX_ZIP_UNPACKED_LEN};

pub use task_sequence::export::{ExportedSequence, ReferencedPackage};

/// Task sequences of an export.
#[derive(Debug, Default)]
pub struct Export {
    /// Sequences that were read.
    pub sequences: Vec<ExportedSequence>,
    /// Sequences and archives that can't be read.
    pub unreadable: Vec<Unreadable>,
}

/// Sequence or archive that can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Package ID of the sequence, or name of the archive.
    pub name: String,
    /// Reason.
    pub error: Error,
}

impl Export {
    /// Returns the number of sequences, including those that can't be read.
    pub fn len(&self) -> usize {
        self.sequences.len() + self.unreadable.len()
    }

    /// Returns `true` if there are no sequences.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Creates an export with the sequence of a single document.
    fn from_document(exported: ExportedSequence) -> Self {
        Self { sequences: vec![exported], unreadable: Vec::new() }
    }
}

/// Reads the sequences of a `.zip` that the console exported, sorted by ID, then those of exports
/// in the archive, sorted by name.
///
/// # Errors
///
/// Fails if the archive is damaged, contains no task sequence, or contains only one that can't be
/// read.
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
            let error = Error::new(format!("can't read the export `{name}`")).because(error);
            export.unreadable.push(Unreadable { name, error });
        }
    }
    match (export.sequences.is_empty(), export.unreadable.len()) {
        (true, 0) => Err(Error::new("the archive contains no task sequence")
            .help("export a task sequence with Export in the console")),
        (true, 1) => Err(export.unreadable.remove(0).error),
        _ => Ok(export),
    }
}

/// Reads an export inside of an archive. All of them share one limit of unpacked bytes.
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
        .ok_or_else(|| Error::new(format!("the archive has more than {MAX_ZIP_UNPACKED_LEN} unpacked bytes")))?;
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
                let error = Error::new(format!("can't read the task sequence `{name}`")).because(Error::from(error));
                export.unreadable.push(Unreadable { name, error });
            }
        }
    }
}

/// Reads a document with one sequence. `name` is the name for a sequence that has none of its own.
///
/// # Errors
///
/// Fails if the document does not contain a task sequence.
pub fn read_document(bytes: &[u8], name: &str) -> Result<Export> {
    Ok(Export::from_document(task_sequence::export::document::read(bytes, name)?))
}

/// Reads a document like [`read_document`], and converts a sequence of the Microsoft Deployment
/// Toolkit with its deployment share.
///
/// # Errors
///
/// Fails if the document does not contain a task sequence.
pub fn read_document_with_share(bytes: &[u8], name: &str, share: &mut Share) -> Result<Export> {
    Ok(Export::from_document(task_sequence::export::document::read_with_share(bytes, name, share)?))
}

/// Derives a file name without extension from the name of a sequence.
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

    /// Reads and writes all exports in the folder `TSMEDIA_SEQUENCE_EXPORTS`, since real exports
    /// can't be published.
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
