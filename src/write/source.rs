//! Reading a source, and making sure that it is what it was when it was found.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::error::{Error, Result};
use crate::volume::{SourceFile, Stat};

/// An open source.
pub(super) struct Source<'a> {
    what: &'a SourceFile,
    pub(super) file: File,
}

impl<'a> Source<'a> {
    pub(super) fn open(what: &'a SourceFile) -> Result<Self> {
        let file = File::open(&what.path).map_err(|error| Error::io("opening", &what.path, error))?;
        let source = Self { what, file };
        source.check()?;
        Ok(source)
    }

    /// Fails when the file is not what it was: to be called before the first byte is read and after the last.
    pub(super) fn check(&self) -> Result<()> {
        let metadata = self.file.metadata().map_err(|error| self.failed(error))?;
        if Stat::of(&metadata) == self.what.stat { Ok(()) } else { Err(self.changed()) }
    }

    pub(super) fn read(&self, bytes: &mut [u8], start: u64) -> Result<()> {
        self.file.read_exact_at(bytes, start).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => self.failed(error),
        })
    }

    pub(super) fn failed(&self, error: io::Error) -> Error {
        Error::io("reading", &self.what.path, error)
    }

    pub(super) fn changed(&self) -> Error {
        Error::new(format!("`{}` changed while the medium was being built", self.what.path))
            .help("run it again when nobody is writing to it any more")
    }
}
