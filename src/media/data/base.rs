//! Data of a base for its client: the files in `SMS\data`, decrypted.

use std::fmt;
use std::sync::Arc;

use super::{Bootstrap, GUID, read_variables};
use crate::format::media_variables_file::{self, DEFAULT_PASSWORD, VariablesCipher, VariablesError, VariablesHeader};
use crate::limits::MAX_BASE_VARIABLES;
use crate::secret::Secret;

/// Data of a Configuration Manager medium for its client. Only the bootstrap file is stored in
/// clear, so everything else is treated as secret.
#[derive(Debug)]
pub struct BaseData {
    /// `TsmBootstrap.ini`.
    pub bootstrap: Bootstrap,
    /// Encryption algorithm of the variables.
    pub algorithm: VariablesCipher,
    /// Variables, in order.
    pub variables: Vec<(String, Arc<Secret>)>,
    /// Texts of the other encrypted files, by path on the medium.
    pub policies: Vec<(String, Arc<Secret>)>,
}

/// An encrypted file of a base.
#[derive(Debug)]
pub struct EncryptedFile {
    /// Path on the medium.
    pub path: String,
    /// Encrypted bytes.
    pub bytes: Secret,
}

/// Error in the data of a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseDataError {
    /// A file can't be decrypted.
    Unreadable(VariablesError),
    /// The variables do not have the expected XML structure.
    NoVariables,
    /// There are more variables than [`MAX_BASE_VARIABLES`].
    TooManyVariables,
}

impl fmt::Display for BaseDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => why.fmt(f),
            Self::NoVariables => f.write_str("its text is not a list of variables"),
            Self::TooManyVariables => write!(f, "it has more than {MAX_BASE_VARIABLES} variables"),
        }
    }
}

impl BaseData {
    /// Decrypts the files of a medium. Policies of media without a password are encrypted with the
    /// GUID.
    ///
    /// # Errors
    ///
    /// The path of the unreadable file, and the reason.
    pub fn read(
        bootstrap: Bootstrap,
        variables: &EncryptedFile,
        policies: &[EncryptedFile],
        password: Option<&str>,
    ) -> Result<Self, (String, BaseDataError)> {
        let failed = |file: &EncryptedFile, why| (file.path.clone(), why);
        let unreadable = |file: &EncryptedFile, why| failed(file, BaseDataError::Unreadable(why));
        let bytes = variables.bytes.bytes();
        let header = VariablesHeader::read(bytes).map_err(|why| unreadable(variables, why))?;
        let text = media_variables_file::decode(bytes, password.unwrap_or(DEFAULT_PASSWORD));
        let text = text.map_err(|why| unreadable(variables, why))?;
        let read = read_variables(&text);
        if read.is_empty() || !text.contains("<MediaVarList") {
            return Err(failed(variables, BaseDataError::NoVariables));
        }
        if read.len() > MAX_BASE_VARIABLES {
            return Err(failed(variables, BaseDataError::TooManyVariables));
        }
        let secret = |text: &str| Arc::new(Secret::from(text.to_owned()));
        let read = read.iter().map(|(name, value)| (name.clone(), secret(value)));
        let mut data = Self { bootstrap, algorithm: header.algorithm, variables: read.collect(), policies: Vec::new() };
        let guid = data.guid().unwrap_or_default().to_owned();
        for file in policies {
            let keys = [password.unwrap_or(&guid), DEFAULT_PASSWORD];
            let decoded = keys.map(|key| media_variables_file::decode(file.bytes.bytes(), key));
            let ([Ok(text), _] | [Err(_), Ok(text)]) = &decoded else {
                return Err(unreadable(file, VariablesError::Password));
            };
            data.policies.push((file.path.clone(), secret(text)));
        }
        Ok(data)
    }

    /// Returns the text of a variable, ignoring the case of its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.variables.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        value.text()
    }

    /// Returns the GUID of the medium.
    pub fn guid(&self) -> Option<&str> {
        self.get(GUID).filter(|guid| !guid.is_empty())
    }
}
