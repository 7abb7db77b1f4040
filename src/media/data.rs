//! What a medium tells the client that starts from it: `SMS\data`.
//!
//! All media have `TsmBootstrap.ini` (in clear) and `Variables.dat`, those that carry their sequence `Policy.xml` too;
//! both are [containers](crate::format::media_variables_file). A [`MediaData`] is all of it as values, and
//! [`MediaData::files`] is the bytes: pure, so the same values are the same bytes.
//!
//! Microsoft documents none of this. What is known comes from public readers and logs, and no client has read what is
//! written here: it is experimental. Of the documented variables only those are here that the author asks for.

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

pub use base::{BaseData, Encrypted, NoBase};
pub use bootstrap::Bootstrap;
pub use variables::read_variables;

/// The folder of it on a medium.
pub const FOLDER: &str = "SMS/data";
/// What is told in clear.
pub const BOOTSTRAP_FILE: &str = "SMS/data/TsmBootstrap.ini";
/// The variables.
pub const VARIABLES_FILE: &str = "SMS/data/Variables.dat";
/// The policy of media that carry their sequence.
pub const POLICY_FILE: &str = "SMS/data/Policy.xml";

/// The variable with the GUID of a medium.
pub const GUID: &str = "_SMSMediaGuid";

/// Returns whether a file of a medium may depend on secrets: the encrypted ones of `SMS\data`.
pub fn may_hold_secrets(path: &str) -> bool {
    let is_in_folder = path.get(..FOLDER.len()).is_some_and(|start| start.eq_ignore_ascii_case(FOLDER));
    is_in_folder && path.as_bytes().get(FOLDER.len()) == Some(&b'/') && !path.eq_ignore_ascii_case(BOOTSTRAP_FILE)
}

/// The version that stands in the XML of the variables. Public readers do not look at it.
const VAR_LIST_VERSION: &str = "4.00.5345.0000";

/// What a medium tells the client.
#[derive(Clone, Debug)]
pub struct MediaData {
    /// What the medium is for.
    pub kind: Kind,
    /// Whether nobody is asked for anything but the password.
    pub is_unattended: bool,
    /// The password; everybody knows the one of media that are given none.
    pub password: Option<Arc<Secret>>,
    /// How variables and policy are encrypted.
    pub algorithm: VariablesCipher,
    /// What holds the sequence.
    pub policy: Option<Policy>,
    /// Encrypted files of the base beside its variables and `Policy.xml`: paths and texts.
    others: Vec<(String, Arc<Secret>)>,
    bootstrap: Bootstrap,
    guid: String,
    variables: Vec<Variable>,
}

/// What a site tells its clients of a sequence.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The XML.
    pub text: Arc<Secret>,
    /// Whether secrets of the author are in it. What is in the policy of a site is not known here.
    pub has_secrets: bool,
}

/// A variable of a task sequence.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name. Case does not tell names apart.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// The value of a variable.
#[derive(Clone, Debug)]
pub enum Value {
    /// One that anybody may read.
    Text(String),
    /// One that nobody may.
    Secret(Arc<Secret>),
}

/// A file of the folder `SMS\data`.
#[derive(Clone, Debug)]
pub struct DataFile {
    /// Where it goes on the medium.
    pub path: String,
    /// What is in it.
    pub content: Content,
    /// Whether its bytes depend on a secret, so that no digest of it may be kept in the open.
    pub is_secret: bool,
}

/// A character that XML 1.0 does not hold, or that its readers replace (2.2, 2.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCharacter(pub char);

impl fmt::Display for BadCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "XML holds no `{}`", self.0)
    }
}

impl std::error::Error for BadCharacter {}

impl Value {
    /// What it is. A secret that is no text is refused before it comes here.
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Secret(secret) => secret.text().unwrap_or_default(),
        }
    }
}

/// The first character of a text that XML does not hold as it is.
pub fn bad_character(text: &str) -> Option<BadCharacter> {
    let is_bad = |c: &char| {
        // Readers make a line feed of a carriage return.
        (c.is_control() && !matches!(c, '\t' | '\n' | '\u{7F}'..)) || matches!(c, '\u{FFFE}' | '\u{FFFF}')
    };
    text.chars().find(is_bad).map(BadCharacter)
}

impl MediaData {
    /// What a medium of this kind, of this name and for this site, tells at least: who it is and what it is.
    pub fn new(kind: Kind, name: &str, site: Option<&str>) -> Self {
        let guid = guid(kind, name, site);
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
        data.set(GUID, Value::Text(guid));
        data.set("_SMSTSMediaType", Value::Text(media_type(kind).into()));
        if kind.carries_sequence() {
            data.set("_SMSTSStandAloneMedia", Value::Text("true".into()));
        }
        // What prestaged media are started from is documented, and steps that partition disks go by it. Of the others it
        // is not known here: a disc image may be burnt to a CD or DVD or put on a stick, and which sticks are `UFD` and
        // which `UFD+FORMAT` is written down nowhere.
        if kind == Kind::Prestaged {
            data.set("_SMSTSLaunchMode", Value::Text("HD".into()));
        }
        data
    }

    /// Puts what a base tells in place of what a medium of its kind tells at least: the medium then goes by the GUID
    /// of the base, which its site knows.
    pub fn start_from(&mut self, base: &BaseData) {
        self.bootstrap = base.bootstrap.clone();
        self.is_unattended = base.bootstrap.is_unattended().unwrap_or(false);
        self.algorithm = base.algorithm;
        for (name, value) in &base.variables {
            self.set(name, Value::Secret(Arc::clone(value)));
        }
        self.guid = base.guid().unwrap_or(&self.guid).to_owned();
        for (path, text) in &base.policies {
            match path.eq_ignore_ascii_case(POLICY_FILE) {
                true => self.policy = Some(Policy { text: Arc::clone(text), has_secrets: true }),
                false => self.others.push((path.clone(), Arc::clone(text))),
            }
        }
    }

    /// What the medium is known by: a GUID without braces. It follows from kind, name and site, so it stays the same
    /// while content changes. Its first 31 characters are the password of `_SMSTSMediaPFX`.
    pub fn guid(&self) -> &str {
        &self.guid
    }

    /// Sets a variable, in place of one that has its name already. The order in which variables are first set is
    /// their order on the medium.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.variables.iter_mut().find(|variable| variable.name.eq_ignore_ascii_case(name)) {
            Some(variable) => variable.value = value,
            None => self.variables.push(Variable { name: name.to_owned(), value }),
        }
    }

    /// Takes a variable away, and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.variables.iter().position(|variable| variable.name.eq_ignore_ascii_case(name))?;
        Some(self.variables.remove(at).value)
    }

    /// Returns the value of a variable. Case does not tell names apart.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let variable = self.variables.iter().find(|variable| variable.name.eq_ignore_ascii_case(name))?;
        Some(&variable.value)
    }

    /// The texts of its policies, and of what else of the base is encrypted.
    pub fn policies(&self) -> impl Iterator<Item = &Secret> {
        let policy = self.policy.iter().map(|policy| &*policy.text);
        policy.chain(self.others.iter().map(|(_, text)| &**text))
    }

    /// The variables, in their order.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The files that tell it.
    ///
    /// # Errors
    ///
    /// A character in a variable that XML does not hold.
    pub fn files(&self) -> Result<Vec<DataFile>, BadCharacter> {
        let has_password = self.password.is_some();
        let password = self.password.as_ref().and_then(|password| password.text());
        let has_secrets = self.variables.iter().any(|variable| matches!(variable.value, Value::Secret(_)));
        let file = |path: &str, bytes: Vec<u8>, is_secret| DataFile {
            path: path.to_owned(),
            content: Content::bytes(bytes),
            is_secret,
        };
        let variables =
            media_variables_file::encode(&self.to_xml()?, password.unwrap_or(DEFAULT_PASSWORD), self.algorithm);
        let mut files = vec![
            file(BOOTSTRAP_FILE, self.bootstrap(), false),
            file(VARIABLES_FILE, variables, has_password || has_secrets),
        ];
        if let Some(policy) = &self.policy {
            // Whoever can read the variables of a medium without a password can read its policy.
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

    fn bootstrap(&self) -> Vec<u8> {
        let mut bootstrap = self.bootstrap.clone();
        bootstrap.require_password(self.password.is_some());
        bootstrap.set_unattended(self.is_unattended);
        bootstrap.to_bytes()
    }

    /// The XML of the variables.
    fn to_xml(&self) -> Result<Zeroizing<String>, BadCharacter> {
        let head = format!("<?xml version=\"1.0\"?>\r\n<MediaVarList Version=\"{VAR_LIST_VERSION}\">\r\n");
        let tail = "</MediaVarList>\r\n";
        // As much room as any of it takes: a string that grows leaves copies behind.
        let room = |variable: &Variable| 64 + 6 * variable.name.len() + 5 * variable.value.text().len();
        let len = head.len() + tail.len() + self.variables.iter().map(room).sum::<usize>();
        let mut xml = Zeroizing::new(String::with_capacity(len));
        xml.push_str(&head);
        for Variable { name, value } in &self.variables {
            let bad = bad_character(name).or_else(|| bad_character(value.text()));
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
            // The end of a section can't stand in one: it is parted between two.
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

/// What Configuration Manager calls a kind of medium. What it calls capture media is not known; of the names that are,
/// only that of stand-alone media has the client read the sequence from the medium.
fn media_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Bootable => "BootMedia",
        Kind::Prestaged => "OEMMedia",
        Kind::StandAlone | Kind::Capture => "FullMedia",
    }
}

/// What a medium is known by: follows from what it names.
fn guid(kind: Kind, name: &str, site: Option<&str>) -> String {
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
        data.set("OSDOrg", Value::Text("a ]]> <b> & ]]]]>>".into()));
        data.set("OSDKEY", Value::Secret(Arc::new(Secret::from("hunter2".to_owned()))));
        data.set("osdkey", Value::Secret(Arc::new(Secret::from("hunter3".to_owned()))));
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
            data.set(&format!("A{at}"), Value::Text((*value).into()));
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
        data.policy = Some(Policy { text, has_secrets: false });
        assert_eq!(secrets(&data), files([false, false, false]));
        assert_eq!(read(&data, POLICY_FILE, data.guid()), "<Policy/>");
        data.set("A", Value::Secret(Arc::new(Secret::from("b".to_owned()))));
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
        let ini = |data: &MediaData| String::from_utf8(data.bootstrap()).unwrap();
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
            data.set("A", Value::Text(text.into()));
            assert_eq!(data.files().err(), bad.map(BadCharacter), "{text:?}");
        }
    }

    #[test]
    fn media_are_told_apart_by_kind_name_and_site() {
        let guids = [
            guid(Kind::Bootable, "ab", Some("c")),
            guid(Kind::Bootable, "a", Some("bc")),
            guid(Kind::Bootable, "abc", None),
            guid(Kind::Prestaged, "abc", None),
            guid(Kind::StandAlone, "abc", None),
            guid(Kind::Capture, "abc", None),
        ];
        for (at, guid) in guids.iter().enumerate() {
            assert!(!guids[..at].contains(guid), "{guid}");
            assert_eq!((guid.len(), &guid[14..15]), (36, "8"));
        }
    }
}
