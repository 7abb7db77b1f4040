//! What a medium tells the client that starts from it: `SMS\data`.
//!
//! All media have `TsmBootstrap.ini` (in clear) and `Variables.dat`, those that carry their sequence `Policy.xml` too;
//! both are [containers](crate::format::container). A [`MediaData`] is all of it as values, and
//! [`MediaData::files`] is the bytes: pure, so the same values are the same bytes.
//!
//! Microsoft documents none of this. What is known comes from public readers and logs, and no client has read what is
//! written here: it is experimental. Of the documented variables only those are here that the author asks for.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::content::Content;
use crate::digest::Digest;
use crate::format::container::{self, Algorithm, DEFAULT_PASSWORD};
use crate::manifest::Kind;
use crate::secret::Secret;

/// The folder of it on a medium.
pub const FOLDER: &str = "SMS/data";
/// What is told in clear.
pub const BOOTSTRAP_FILE: &str = "SMS/data/TsmBootstrap.ini";
/// The variables.
pub const VARIABLES_FILE: &str = "SMS/data/Variables.dat";
/// The policy of media that carry their sequence.
pub const POLICY_FILE: &str = "SMS/data/Policy.xml";

/// The files that may depend on secrets.
pub const FILES: [&str; 2] = [VARIABLES_FILE, POLICY_FILE];

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
    pub algorithm: Algorithm,
    /// What holds the sequence.
    pub policy: Option<Policy>,
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
    pub path: &'static str,
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
            algorithm: Algorithm::Aes128,
            policy: None,
            guid: guid.clone(),
            variables: Vec::new(),
        };
        data.set("_SMSMediaGuid", Value::Text(guid));
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
        let file = |path, bytes: Vec<u8>, is_secret| DataFile { path, content: Content::bytes(bytes), is_secret };
        let variables = container::encode(&self.to_xml()?, password.unwrap_or(DEFAULT_PASSWORD), self.algorithm);
        let mut files = vec![
            file(BOOTSTRAP_FILE, self.to_ini().into_bytes(), false),
            file(VARIABLES_FILE, variables, has_password || has_secrets),
        ];
        if let Some(policy) = &self.policy {
            // Whoever can read the variables of a medium without a password can read its policy.
            let text = policy.text.text().unwrap_or_default();
            let bytes = container::encode(text, password.unwrap_or(&self.guid), self.algorithm);
            files.push(file(POLICY_FILE, bytes, has_password || policy.has_secrets));
        }
        Ok(files)
    }

    /// `TsmBootstrap.ini`: ASCII, lines end as Windows ends them.
    fn to_ini(&self) -> String {
        let (kind, password, unattended) = (media_type(self.kind), self.password.is_some(), self.is_unattended);
        format!("[MediaInfo]\r\nMediaType={kind}\r\nPasswordRequired={password}\r\nUnattended={unattended}\r\n")
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

/// Whether a medium asks for a password, by what it tells in clear; none if that is not told.
pub fn asks_for_password(bootstrap: &str) -> Option<bool> {
    let values = bootstrap.lines().filter_map(|line| line.trim().split_once('='));
    let mut values = values.filter(|(key, _)| key.trim().eq_ignore_ascii_case("PasswordRequired"));
    match values.next()?.1.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The variables in the XML of media, names and values; nothing of a text that is something else. What comes out of
/// [`MediaData`] goes in again; of the XML of others what their public readers read is read.
pub fn read_variables(xml: &str) -> Vec<(String, Zeroizing<String>)> {
    let mut variables = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once("<var name=\"") {
        let Some((name, after)) = after.split_once('"') else { break };
        let Some((_, after)) = after.split_once('>') else { break };
        let mut value = Zeroizing::new(String::with_capacity(after.len()));
        let mut after = after;
        // Sections, and whatever text is between them.
        while let Some(start) = after.find('<') {
            value.push_str(&unescaped(&after[..start]));
            after = &after[start..];
            let section = after.strip_prefix("<![CDATA[").and_then(|section| section.split_once("]]>"));
            let Some((text, behind)) = section else { break };
            value.push_str(text);
            after = behind;
        }
        variables.push((unescaped(name), value));
        rest = after;
    }
    variables
}

/// A text with the entities of XML as what they stand for.
fn unescaped(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c))
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
    Digest::of(format!("tsmedia media GUID {lens} {}", named.concat()).as_bytes()).guid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &MediaData, path: &str, password: &str) -> String {
        let files = data.files().unwrap();
        let file = files.iter().find(|file| file.path == path).unwrap();
        let Content::Bytes(bytes) = &file.content else { panic!("not in memory") };
        container::decode(bytes, password).unwrap().to_string()
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
            data.files().unwrap().iter().map(|file| (file.path, file.is_secret)).collect()
        };
        let mut data = MediaData::new(Kind::StandAlone, "win11", None);
        let text = Arc::new(Secret::from("<Policy/>".to_owned()));
        data.policy = Some(Policy { text, has_secrets: false });
        assert_eq!(secrets(&data), [(BOOTSTRAP_FILE, false), (VARIABLES_FILE, false), (POLICY_FILE, false)]);
        assert_eq!(read(&data, POLICY_FILE, data.guid()), "<Policy/>");
        data.set("A", Value::Secret(Arc::new(Secret::from("b".to_owned()))));
        assert_eq!(secrets(&data), [(BOOTSTRAP_FILE, false), (VARIABLES_FILE, true), (POLICY_FILE, false)]);
        data.policy.as_mut().unwrap().has_secrets = true;
        assert_eq!(secrets(&data), [(BOOTSTRAP_FILE, false), (VARIABLES_FILE, true), (POLICY_FILE, true)]);
        data.password = Some(Arc::new(Secret::from("p".to_owned())));
        assert_eq!(secrets(&data), [(BOOTSTRAP_FILE, false), (VARIABLES_FILE, true), (POLICY_FILE, true)]);
        assert_eq!(read(&data, POLICY_FILE, "p"), "<Policy/>");
    }

    #[test]
    fn what_stands_in_clear_says_how_the_medium_starts() {
        let mut data = MediaData::new(Kind::Bootable, "boot", None);
        let ini = |data: &MediaData| data.to_ini();
        assert_eq!(ini(&data), "[MediaInfo]\r\nMediaType=BootMedia\r\nPasswordRequired=false\r\nUnattended=false\r\n");
        data.is_unattended = true;
        data.password = Some(Arc::new(Secret::from("p".to_owned())));
        assert!(ini(&data).ends_with("PasswordRequired=true\r\nUnattended=true\r\n"));
        assert_eq!(asks_for_password(&ini(&data)), Some(true));
        data.password = None;
        assert_eq!(asks_for_password(&ini(&data)), Some(false));
        assert_eq!(asks_for_password("[MediaInfo]\n passwordrequired = TRUE \n"), Some(true));
        assert_eq!(asks_for_password("PasswordRequired=7"), None);
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
