//! Data of a medium for the client that starts from it: `SMS\data`.
//!
//! All media have `TsmBootstrap.ini` (in clear) and `Variables.dat`; those that carry their task
//! sequence also have `Policy.xml`. The latter two are [containers](crate::format::media_variables_file). A
//! [`MediaData`] has the values, and [`MediaData::files`] serializes them deterministically.
//!
//! Microsoft documents none of this. It is based on public readers and logs, and has not been
//! tested with a client, so it is experimental. Documented variables are only written if the author
//! asks for them.

mod base;
mod bootstrap;
mod variables;

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::content::Content;
use crate::digest::Digest;
use crate::format::media_variables_file::{self, DEFAULT_PASSWORD, VariablesCipher};
use crate::manifest::Kind;
use crate::secret::Secret;

pub use base::{BaseData, BaseDataError, EncryptedFile};
pub use bootstrap::Bootstrap;
pub use variables::read_variables;

/// Folder of the data on a medium.
pub const FOLDER: &str = "SMS/data";
/// File with the data in clear.
pub const BOOTSTRAP_FILE: &str = "SMS/data/TsmBootstrap.ini";
/// File with the variables.
pub const VARIABLES_FILE: &str = "SMS/data/Variables.dat";
/// File with the policy of media that carry their task sequence.
pub const POLICY_FILE: &str = "SMS/data/Policy.xml";

/// Variable with the GUID of the medium.
pub const GUID: &str = "_SMSMediaGuid";

/// Returns `true` if a file of a medium may depend on secrets: one of the encrypted files in
/// `SMS\data`.
pub fn may_hold_secrets(path: &str) -> bool {
    let is_in_folder = path.get(..FOLDER.len()).is_some_and(|start| start.eq_ignore_ascii_case(FOLDER));
    is_in_folder && path.as_bytes().get(FOLDER.len()) == Some(&b'/') && !path.eq_ignore_ascii_case(BOOTSTRAP_FILE)
}

/// Version in the XML of the variables, which public readers ignore.
const VAR_LIST_VERSION: &str = "4.00.5345.0000";

/// Data of a medium for the client.
#[derive(Clone, Debug)]
pub struct MediaData {
    /// Kind of medium.
    pub kind: Kind,
    /// Prompt only for the password.
    pub is_unattended: bool,
    /// Password; media without one are encrypted with a well-known key.
    pub password: Option<Arc<Secret>>,
    /// Encryption algorithm of variables and policy.
    pub algorithm: VariablesCipher,
    /// Policy with the task sequence.
    pub policy: Option<MediaPolicy>,
    /// Other encrypted files of the base, by path.
    others: Vec<(String, Arc<Secret>)>,
    bootstrap: Bootstrap,
    guid: String,
    variables: Vec<MediaVariable>,
}

/// Policy of a task sequence.
#[derive(Clone, Debug)]
pub struct MediaPolicy {
    /// XML of the policy.
    pub text: Arc<Secret>,
    /// The policy contains secrets of the author. Policies of a site are not analyzed.
    pub has_secrets: bool,
}

/// A task sequence variable on a medium.
#[derive(Clone, Debug)]
pub struct MediaVariable {
    /// Name; case is ignored.
    pub name: String,
    /// Value.
    pub value: MediaValue,
}

/// Value of a variable.
#[derive(Clone, Debug)]
pub enum MediaValue {
    /// Public value.
    Text(String),
    /// Secret value.
    Secret(Arc<Secret>),
}

/// A file in `SMS\data`.
#[derive(Clone, Debug)]
pub struct DataFile {
    /// Path on the medium.
    pub path: String,
    /// Content.
    pub content: Content,
    /// The bytes depend on a secret, so no plain digest of them may be stored.
    pub is_secret: bool,
}

/// A character that XML 1.0 does not allow, or that its parsers replace (2.2, 2.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCharacter(pub char);

impl fmt::Display for BadCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "XML does not allow the character `{}`", self.0)
    }
}

impl std::error::Error for BadCharacter {}

impl MediaValue {
    /// Returns the value as text. Secrets that are not text are refused earlier.
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Secret(secret) => secret.text().unwrap_or_default(),
        }
    }
}

/// Returns the first character of a text that XML can't represent unchanged.
pub fn find_bad_character(text: &str) -> Option<BadCharacter> {
    let is_bad = |c: &char| {
        // Parsers replace carriage returns by line feeds.
        (c.is_control() && !matches!(c, '\t' | '\n' | '\u{7F}'..)) || matches!(c, '\u{FFFE}' | '\u{FFFF}')
    };
    text.chars().find(is_bad).map(BadCharacter)
}

impl MediaData {
    /// Creates the data that every medium of a kind has: GUID and type. The GUID is derived from
    /// kind, name and site.
    pub fn new(kind: Kind, name: &str, site: Option<&str>) -> Self {
        let guid = derive_guid(kind, name, site);
        let mut data = Self {
            kind,
            is_unattended: false,
            password: None,
            algorithm: VariablesCipher::Aes128,
            policy: None,
            others: Vec::new(),
            bootstrap: Bootstrap::new(media_type(kind)),
            guid: guid.clone(),
            variables: Vec::new(),
        };
        data.set(GUID, MediaValue::Text(guid));
        data.set("_SMSTSMediaType", MediaValue::Text(media_type(kind).into()));
        if kind.carries_sequence() {
            data.set("_SMSTSStandAloneMedia", MediaValue::Text("true".into()));
        }
        // The launch mode of prestaged media is documented, and steps that partition disks depend
        // on it. For others it is unknown: a disc image may end up on a CD, a DVD or a stick, and
        // the difference between `UFD` and `UFD+FORMAT` is not documented.
        if kind == Kind::Prestaged {
            data.set("_SMSTSLaunchMode", MediaValue::Text("HD".into()));
        }
        data
    }

    /// Replaces the data by those of a base. The medium then has the GUID of the base, which its
    /// site knows.
    pub fn inherit(&mut self, base: &BaseData) {
        self.bootstrap = base.bootstrap.clone();
        self.is_unattended = base.bootstrap.is_unattended().unwrap_or(false);
        self.algorithm = base.algorithm;
        for (name, value) in &base.variables {
            self.set(name, MediaValue::Secret(Arc::clone(value)));
        }
        self.guid = base.guid().unwrap_or(&self.guid).to_owned();
        for (path, text) in &base.policies {
            match path.eq_ignore_ascii_case(POLICY_FILE) {
                true => self.policy = Some(MediaPolicy { text: Arc::clone(text), has_secrets: true }),
                false => self.others.push((path.clone(), Arc::clone(text))),
            }
        }
    }

    /// Returns the GUID of the medium, without braces. It depends only on kind, name and site, so
    /// it does not change with content. Its first 31 characters are the password of
    /// `_SMSTSMediaPFX`.
    pub fn guid(&self) -> &str {
        &self.guid
    }

    /// Sets a variable, replacing one with the same name. Variables keep the order in which they
    /// are first set.
    pub fn set(&mut self, name: &str, value: MediaValue) {
        match self.variables.iter_mut().find(|variable| variable.name.eq_ignore_ascii_case(name)) {
            Some(variable) => variable.value = value,
            None => self.variables.push(MediaVariable { name: name.to_owned(), value }),
        }
    }

    /// Removes a variable, and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<MediaValue> {
        let at = self.variables.iter().position(|variable| variable.name.eq_ignore_ascii_case(name))?;
        Some(self.variables.remove(at).value)
    }

    /// Returns the value of a variable, ignoring the case of its name.
    pub fn get(&self, name: &str) -> Option<&MediaValue> {
        let variable = self.variables.iter().find(|variable| variable.name.eq_ignore_ascii_case(name))?;
        Some(&variable.value)
    }

    /// Returns the texts of the policies, and of other encrypted files of the base.
    pub fn policies(&self) -> impl Iterator<Item = &Secret> {
        let policy = self.policy.iter().map(|policy| &*policy.text);
        policy.chain(self.others.iter().map(|(_, text)| &**text))
    }

    /// Returns the variables, in order.
    pub fn variables(&self) -> &[MediaVariable] {
        &self.variables
    }

    /// Serializes the data to files.
    ///
    /// # Errors
    ///
    /// A variable contains a character that XML does not allow.
    pub fn files(&self) -> Result<Vec<DataFile>, BadCharacter> {
        let has_password = self.password.is_some();
        let password = self.password.as_ref().and_then(|password| password.text());
        let has_secrets = self.variables.iter().any(|variable| matches!(variable.value, MediaValue::Secret(_)));
        let file = |path: &str, bytes: Vec<u8>, is_secret| DataFile {
            path: path.to_owned(),
            content: Content::bytes(bytes),
            is_secret,
        };
        let variables =
            media_variables_file::encode(&self.to_xml()?, password.unwrap_or(DEFAULT_PASSWORD), self.algorithm);
        let mut files = vec![
            file(BOOTSTRAP_FILE, self.bootstrap_bytes(), false),
            file(VARIABLES_FILE, variables, has_password || has_secrets),
        ];
        if let Some(policy) = &self.policy {
            // Without a password the policy key is the GUID, which anyone can read in the
            // variables.
            let text = policy.text.text().unwrap_or_default();
            let bytes = media_variables_file::encode(text, password.unwrap_or(&self.guid), self.algorithm);
            files.push(file(POLICY_FILE, bytes, has_password || policy.has_secrets));
        }
        for (path, text) in &self.others {
            let text = text.text().unwrap_or_default();
            files.push(file(
                path,
                media_variables_file::encode(text, password.unwrap_or(&self.guid), self.algorithm),
                true,
            ));
        }
        Ok(files)
    }

    fn bootstrap_bytes(&self) -> Vec<u8> {
        let mut bootstrap = self.bootstrap.clone();
        bootstrap.require_password(self.password.is_some());
        bootstrap.set_unattended(self.is_unattended);
        bootstrap.to_bytes()
    }

    /// Serializes the variables to XML.
    fn to_xml(&self) -> Result<Zeroizing<String>, BadCharacter> {
        let head = format!("<?xml version=\"1.0\"?>\r\n<MediaVarList Version=\"{VAR_LIST_VERSION}\">\r\n");
        let tail = "</MediaVarList>\r\n";
        // Reserve the maximum length: a growing string would leave copies of secrets behind.
        let room = |variable: &MediaVariable| 64 + 6 * variable.name.len() + 5 * variable.value.text().len();
        let len = head.len() + tail.len() + self.variables.iter().map(room).sum::<usize>();
        let mut xml = Zeroizing::new(String::with_capacity(len));
        xml.push_str(&head);
        for MediaVariable { name, value } in &self.variables {
            let bad = find_bad_character(name).or_else(|| find_bad_character(value.text()));
            bad.map_or(Ok(()), Err)?;
            xml.push_str("<var name=\"");
            for c in name.chars() {
                match c {
                    '&' => xml.push_str("&amp;"),
                    '<' => xml.push_str("&lt;"),
                    '"' => xml.push_str("&quot;"),
                    c => xml.push(c),
                }
            }
            xml.push_str("\"><![CDATA[");
            // `]]>` can't occur in a CDATA section, so it is split between two.
            for (at, part) in value.text().split("]]>").enumerate() {
                xml.push_str(if at == 0 { "" } else { "]]]]><![CDATA[>" });
                xml.push_str(part);
            }
            xml.push_str("]]></var>\r\n");
        }
        xml.push_str(tail);
        debug_assert!(xml.len() <= len);
        Ok(xml)
    }
}

/// Returns the name that Configuration Manager has for a kind of medium. That of capture media is
/// unknown; of the known ones, only that of stand-alone media makes the client read the task
/// sequence from the medium.
fn media_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Bootable => "BootMedia",
        Kind::Prestaged => "OEMMedia",
        Kind::StandAlone | Kind::Capture => "FullMedia",
    }
}

/// Derives the GUID of a medium from its kind, name and site.
fn derive_guid(kind: Kind, name: &str, site: Option<&str>) -> String {
    let named = [kind.as_str(), name, site.unwrap_or_default()];
    let lens = named.map(|part| part.len().to_string()).join(",");
    Digest::hash(format!("tsmedia media GUID {lens} {}", named.concat()).as_bytes()).guid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &MediaData, path: &str, password: &str) -> String {
        let files = data.files().unwrap();
        let file = files.iter().find(|file| file.path == path).unwrap();
        let Content::Bytes(bytes) = &file.content else { panic!("not in memory") };
        media_variables_file::decode(bytes, password).unwrap().to_string()
    }

    #[test]
    fn variables_are_written_as_readers_expect_them() {
        let mut data = MediaData::new(Kind::StandAlone, "win11", Some("BER"));
        data.set("OSDOrg", MediaValue::Text("a ]]> <b> & ]]]]>>".into()));
        data.set("OSDKEY", MediaValue::Secret(Arc::new(Secret::from("hunter2".to_owned()))));
        data.set("osdkey", MediaValue::Secret(Arc::new(Secret::from("hunter3".to_owned()))));
        assert_eq!(
            read(&data, VARIABLES_FILE, DEFAULT_PASSWORD),
            format!(
                "<?xml version=\"1.0\"?>\r\n<MediaVarList Version=\"4.00.5345.0000\">\r\n\
            <var name=\"_SMSMediaGuid\"><![CDATA[{}]]></var>\r\n\
            <var name=\"_SMSTSMediaType\"><![CDATA[FullMedia]]></var>\r\n\
            <var name=\"_SMSTSStandAloneMedia\"><![CDATA[true]]></var>\r\n\
            <var name=\"OSDOrg\"><![CDATA[a ]]]]><![CDATA[> <b> & ]]]]]]><![CDATA[>>]]></var>\r\n\
            <var name=\"OSDKEY\"><![CDATA[hunter3]]></var>\r\n</MediaVarList>\r\n",
                data.guid()
            )
        );
    }

    #[test]
    fn only_prestaged_media_say_from_what_they_are_started() {
        for (kind, expected) in [(Kind::Prestaged, Some("HD")), (Kind::Bootable, None), (Kind::StandAlone, None)] {
            let data = MediaData::new(kind, "win11", None);
            let said = data.variables().iter().find(|variable| variable.name == "_SMSTSLaunchMode");
            assert_eq!(said.map(|variable| variable.value.text()), expected, "{kind:?}");
        }
    }

    #[test]
    fn variables_are_read_as_they_were_written() {
        let mut data = MediaData::new(Kind::Bootable, "boot", None);
        let values = ["", "a]]>b", "]]>", "<var name=\"x\">", "&amp; ]] > ä\n𝄞"];
        for (at, value) in values.iter().enumerate() {
            data.set(&format!("A{at}"), MediaValue::Text((*value).into()));
        }
        let read = read_variables(&data.to_xml().unwrap());
        let read: Vec<_> = read.iter().skip(2).map(|(_, value)| value.as_str()).collect();
        assert_eq!(read, values);
        assert!(read_variables("<var name=\"a").is_empty() && read_variables("").is_empty());
    }

    #[test]
    fn what_depends_on_a_secret_is_told() {
        let secrets = |data: &MediaData| -> Vec<_> {
            data.files().unwrap().into_iter().map(|file| (file.path, file.is_secret)).collect()
        };
        let files = |secrets: [bool; 3]| -> Vec<_> {
            let paths = [BOOTSTRAP_FILE, VARIABLES_FILE, POLICY_FILE];
            paths.map(str::to_owned).into_iter().zip(secrets).collect()
        };
        let mut data = MediaData::new(Kind::StandAlone, "win11", None);
        let text = Arc::new(Secret::from("<Policy/>".to_owned()));
        data.policy = Some(MediaPolicy { text, has_secrets: false });
        assert_eq!(secrets(&data), files([false, false, false]));
        assert_eq!(read(&data, POLICY_FILE, data.guid()), "<Policy/>");
        data.set("A", MediaValue::Secret(Arc::new(Secret::from("b".to_owned()))));
        assert_eq!(secrets(&data), files([false, true, false]));
        data.policy.as_mut().unwrap().has_secrets = true;
        assert_eq!(secrets(&data), files([false, true, true]));
        data.password = Some(Arc::new(Secret::from("p".to_owned())));
        assert_eq!(secrets(&data), files([false, true, true]));
        assert_eq!(read(&data, POLICY_FILE, "p"), "<Policy/>");
    }

    #[test]
    fn what_stands_in_clear_says_how_the_medium_starts() {
        let mut data = MediaData::new(Kind::Bootable, "boot", None);
        let ini = |data: &MediaData| String::from_utf8(data.bootstrap_bytes()).unwrap();
        assert_eq!(ini(&data), "[MediaInfo]\r\nMediaType=BootMedia\r\nPasswordRequired=false\r\nUnattended=false\r\n");
        data.is_unattended = true;
        data.password = Some(Arc::new(Secret::from("p".to_owned())));
        assert!(ini(&data).ends_with("PasswordRequired=true\r\nUnattended=true\r\n"));
    }

    #[test]
    fn characters_that_xml_does_not_hold_are_refused() {
        for (text, bad) in [
            ("a\tb\nc", None),
            ("\u{85}\u{7F}𝄞\u{FFFD}", None),
            ("a\rb", Some('\r')),
            ("\0", Some('\0')),
            ("\u{1F}", Some('\u{1F}')),
            ("\u{FFFF}", Some('\u{FFFF}')),
        ] {
            let mut data = MediaData::new(Kind::Bootable, "boot", None);
            data.set("A", MediaValue::Text(text.into()));
            assert_eq!(data.files().err(), bad.map(BadCharacter), "{text:?}");
        }
    }

    #[test]
    fn media_are_told_apart_by_kind_name_and_site() {
        let guids = [
            derive_guid(Kind::Bootable, "ab", Some("c")),
            derive_guid(Kind::Bootable, "a", Some("bc")),
            derive_guid(Kind::Bootable, "abc", None),
            derive_guid(Kind::Prestaged, "abc", None),
            derive_guid(Kind::StandAlone, "abc", None),
            derive_guid(Kind::Capture, "abc", None),
        ];
        for (at, guid) in guids.iter().enumerate() {
            assert!(!guids[..at].contains(guid), "{guid}");
            assert_eq!((guid.len(), &guid[14..15]), (36, "8"));
        }
    }
}
