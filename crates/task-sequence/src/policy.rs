//! Policies of a site: XML documents that describe deployments to a client.
//!
//! A policy has rules, actions, and instances of WMI classes with their properties. A deployment is
//! an instance of `CCM_TaskSequence` with the sequence as text in `TS_Sequence`; a program is one
//! of `CCM_SoftwareDistribution`. The format is undocumented and follows policies that public tools
//! print. Media and files may hold several policies in one root element.
//!
//! Policies contain passwords. [`read`] copies only IDs, names and versions out of the text.

mod sequence;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use std::ops::Range;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::limits::{MAX_POLICY_INSTANCES, MAX_XML_ATTRIBUTES, MAX_XML_DEPTH};
use crate::xml::document::resolve_entity;

pub use sequence::{CarriedSequence, PolicyReference};

/// Class of a deployed task sequence.
pub const TASK_SEQUENCE: &str = "CCM_TaskSequence";
/// Class of a deployed program of a package.
pub const PROGRAM: &str = "CCM_SoftwareDistribution";

/// Properties to read, none of which is secret.
const PROPERTIES: [&str; 9] = [
    "ADV_AdvertisementID",
    "PKG_Name",
    "PKG_PackageID",
    "PKG_SourceHash",
    "PKG_SourceVersion",
    "PKG_version",
    "PRG_ProgramID",
    "PRG_ProgramName",
    "TS_BootImageID",
];
/// Property with the text of a task sequence.
const SEQUENCE: &str = "TS_Sequence";
/// Maximum length of a property that is read, in bytes. Names at a site have at most 50 characters.
const MAX_PROPERTY_LEN: usize = 1024;

/// Policy, or a group of instances outside of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// ID: a GUID or the name of a deployment.
    pub id: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Instances in the policy.
    pub instances: Vec<PolicyInstance>,
}

/// Instance of a WMI class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyInstance {
    /// Name of the class.
    pub class: String,
    /// Names and values of the properties that [`read`] takes.
    properties: Vec<(String, String)>,
    /// Task sequence in the instance, if its text is readable.
    pub sequence: Option<CarriedSequence>,
    /// Names of properties, each with the byte range of its value in the text, excluding tags.
    ranges: Vec<(String, Range<usize>)>,
}

impl PolicyInstance {
    /// Returns the value of a property that [`read`] takes; `None` if it is empty.
    pub fn property(&self, name: &str) -> Option<&str> {
        let (_, value) = self.properties.iter().find(|(own, _)| own == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns the byte range between `<value>` and `</value>` of a property.
    pub fn range(&self, name: &str) -> Option<Range<usize>> {
        let (_, range) = self.ranges.iter().find(|(own, _)| own == name)?;
        Some(range.clone())
    }
}

/// Reads the policies in a text with one root element.
///
/// # Errors
///
/// Fails if the text is not well-formed XML, exceeds a limit, has a document type, or contains
/// neither policies nor instances.
pub fn read(text: &str) -> Result<Vec<Policy>> {
    let mut reader = PolicyReader::default();
    walk(text, |path, event, range| reader.event(path, event, range))?;
    if reader.policies.is_empty() && reader.n_assignments == 0 {
        return Err(Error::unsupported("the text contains no policies"));
    }
    if reader.n_instances > MAX_POLICY_INSTANCES {
        return Err(Error::TooLarge(format!("the text has more than {MAX_POLICY_INSTANCES} instances of classes")));
    }
    Ok(reader.policies)
}

/// Part of an XML document.
enum Part<'a> {
    Start(&'a BytesStart<'a>),
    Text(&'a str),
    End,
}

/// Visits the parts of a document with one root, each with the names of the elements around it and
/// its byte range.
///
/// Copies no text, since it may contain passwords.
fn walk(text: &str, mut visit: impl FnMut(&[String], Part<'_>, Range<usize>) -> Result<()>) -> Result<()> {
    // The reader skips a byte order mark, and counts positions from after it.
    let without_mark = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mark_len = text.len() - without_mark.len();
    let mut reader = Reader::from_str(without_mark);
    let mut open: Vec<String> = Vec::new();
    let mut n_roots = 0;
    loop {
        let start = mark_len + reader.buffer_position() as usize;
        let event = reader.read_event().map_err(Error::malformed)?;
        let range = start..mark_len + reader.buffer_position() as usize;
        if let Event::Start(_) | Event::Empty(_) = event {
            n_roots += usize::from(open.is_empty());
            if n_roots > 1 {
                return Err(Error::unsupported("the XML has more than one root element"));
            }
        }
        match &event {
            Event::Start(element) => {
                open.push(element.name().as_ref().to_owned());
                if open.len() > MAX_XML_DEPTH {
                    return Err(Error::TooLarge(format!("the XML is nested deeper than {MAX_XML_DEPTH} elements")));
                }
                visit(&open, Part::Start(element), range)?;
            }
            Event::Empty(element) => {
                open.push(element.name().as_ref().to_owned());
                visit(&open, Part::Start(element), range.clone())?;
                visit(&open, Part::End, range)?;
                open.pop();
            }
            Event::End(_) => {
                visit(&open, Part::End, range)?;
                open.pop();
            }
            Event::Text(part) if open.is_empty() => {
                if !part.trim().is_empty() {
                    return Err(Error::unsupported("the XML has text outside of its root element"));
                }
            }
            Event::Text(part) => visit(&open, Part::Text(part), range)?,
            Event::CData(_) if open.is_empty() => {
                return Err(Error::unsupported("the XML has text outside of its root element"));
            }
            Event::CData(part) => visit(&open, Part::Text(part), range)?,
            Event::GeneralRef(name) => match resolve_entity(name).filter(|_| !open.is_empty()) {
                Some(text) => visit(&open, Part::Text(&text), range)?,
                None => return Err(Error::unsupported("the XML uses an undeclared entity")),
            },
            Event::DocType(_) => {
                return Err(Error::unsupported("the XML has a document type, which policies don't have"));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (open.last(), n_roots) {
        (Some(name), _) => Err(Error::unsupported(format!("the XML ends inside of `{name}`"))),
        (None, 0) => Err(Error::unsupported("the XML has no root element")),
        (None, _) => Ok(()),
    }
}

/// Returns an attribute of an element.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>> {
    // The parser compares each attribute with those before it, so their number has to be limited.
    for attribute in element.attributes().take(MAX_XML_ATTRIBUTES) {
        let attribute = attribute.map_err(Error::malformed)?;
        if attribute.key.as_ref() == name {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(Error::malformed)?;
            return Ok((value.len() <= MAX_PROPERTY_LEN).then(|| value.into_owned()));
        }
    }
    Ok(None)
}

#[derive(Default)]
struct PolicyReader {
    policies: Vec<Policy>,
    /// Tells whether the reader is inside a `Policy`. Instances outside of all policies belong to
    /// one without an ID.
    is_in_policy: bool,
    n_instances: usize,
    n_assignments: usize,
    /// Property whose value is being read.
    property: Option<String>,
    value: Zeroizing<String>,
    /// Position of the first byte of the value.
    value_start: usize,
}

impl PolicyReader {
    fn event(&mut self, path: &[String], part: Part<'_>, range: Range<usize>) -> Result<()> {
        let name = path.last().map_or("", String::as_str);
        match part {
            // An assignment only refers to policies.
            Part::Start(_) if name == "PolicyAssignment" => self.n_assignments += 1,
            Part::Start(element) if name == "Policy" && !path.iter().any(|name| name == "PolicyAssignment") => {
                let (id, version) = (attribute(element, "PolicyID")?, attribute(element, "PolicyVersion")?);
                self.policies.push(Policy { id, version, instances: Vec::new() });
                self.is_in_policy = true;
            }
            Part::End if name == "Policy" => self.is_in_policy = false,
            Part::Start(element) if name == "instance" => {
                let class = attribute(element, "class")?.unwrap_or_default();
                // Instances outside of policies share one policy without an ID.
                if !self.is_in_policy && self.policies.last().is_none_or(|policy| policy.id.is_some()) {
                    self.policies.push(Policy::default());
                }
                self.n_instances += 1;
                if let Some(policy) = self.policies.last_mut().filter(|_| self.n_instances <= MAX_POLICY_INSTANCES) {
                    policy.instances.push(PolicyInstance { class, ..PolicyInstance::default() });
                }
            }
            Part::Start(element) if name == "property" => {
                let is_read = |name: &String| name == SEQUENCE || PROPERTIES.contains(&name.as_str());
                self.property = attribute(element, "name")?.filter(is_read);
                self.value.clear();
            }
            Part::Start(_) if name == "value" => {
                self.value_start = range.end;
            }
            Part::Text(text) if name == "value" && self.property.is_some() => {
                // A sequence is limited by the length of the file, which is limited itself.
                let max_len = if self.property.as_deref() == Some(SEQUENCE) { usize::MAX } else { MAX_PROPERTY_LEN };
                if self.value.len() + text.len() <= max_len {
                    push(&mut self.value, text);
                }
            }
            Part::End if name == "value" => self.finish_value(range.start),
            Part::End if name == "property" => self.property = None,
            _ => {}
        }
        Ok(())
    }

    /// Adds the value that was read to the current instance.
    fn finish_value(&mut self, end: usize) {
        let Some(property) = self.property.take() else { return };
        let instance = self.policies.last_mut().and_then(|policy| policy.instances.last_mut());
        let Some(instance) = instance else { return };
        instance.ranges.push((property.clone(), self.value_start..end.max(self.value_start)));
        match property == SEQUENCE {
            true => instance.sequence = CarriedSequence::read(self.value.trim()).ok(),
            false => instance.properties.push((property, self.value.trim().to_owned())),
        }
        self.value = Zeroizing::default();
    }
}

/// Appends text without leaving copies of the value in memory.
fn push(value: &mut Zeroizing<String>, text: &str) {
    // `String` would reallocate without erasing the old buffer.
    if value.capacity() - value.len() < text.len() {
        let mut larger = Zeroizing::new(String::with_capacity((value.len() + text.len()) * 2));
        larger.push_str(value);
        *value = larger;
    }
    value.push_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy in the form that public tools print.
    fn policy(id: &str, instances: &str) -> String {
        format!(
            "<Policy PolicyType=\"Machine\" SchemaVersion=\"1.00\" PolicyID=\"{id}\" PolicyVersion=\"2.00\" \
             PolicySource=\"SMS:BER\">\n<PolicyRule PolicyRuleID=\"{{1}}\">\n<Condition>\n<Expression \
             ExpressionLanguage=\"WQL\"><![CDATA[@root\\ccm\nSELECT * FROM SMS_Client]]></Expression></Condition>\n\
             <PolicyAction PolicyActionType=\"WMI-XML\">\n{instances}</PolicyAction></PolicyRule></Policy>\n"
        )
    }

    fn instance(class: &str, properties: &[(&str, &str)]) -> String {
        let properties = properties.iter().map(|(name, value)| {
            format!(
                "\t<property name=\"{name}\" type=\"8\">\n\t\t<value>\n\t\t\t{value}\n\t\t</value>\n\t</property>\n"
            )
        });
        format!("<instance class=\"{class}\">\n{}</instance>\n", properties.collect::<String>())
    }

    #[test]
    fn ids_names_and_versions_of_policies_are_read() {
        let sequence = "<![CDATA[<sequence version=\"3.10\"><referenceList><reference package=\"BER00012\" \
                        program=\"Install\"/></referenceList></sequence>]]>";
        let deployed = instance(
            TASK_SEQUENCE,
            &[("PKG_Name", "<![CDATA[Deploy &]]> &amp; capture"), ("Reserved", "secret"), ("TS_Sequence", sequence)],
        );
        let program = instance(PROGRAM, &[("PKG_PackageID", "BER00012"), ("PKG_SourceVersion", "4")]);
        let body = policy("{a}", &(deployed + &program)) + &policy("BER2-b", &instance("CCM_Other", &[]));
        let text = format!("\u{feff}<?xml version=\"1.0\" ?>\n<All>{body}</All>\n");
        let policies = read(&text).unwrap();
        let seen: Vec<_> = policies.iter().map(|policy| (policy.id.as_deref(), policy.instances.len())).collect();
        assert_eq!(seen, [(Some("{a}"), 2), (Some("BER2-b"), 1)]);
        let [deployed, program] = &policies[0].instances[..] else { panic!("{policies:?}") };
        assert_eq!(deployed.property("PKG_Name"), Some("Deploy & & capture"));
        assert_eq!(deployed.property("Reserved"), None);
        assert!(!format!("{policies:?}").contains("secret"));
        assert_eq!(deployed.sequence.as_ref().unwrap().references[0].package.as_deref(), Some("BER00012"));
        assert_eq!(text[deployed.range(SEQUENCE).unwrap()].trim(), sequence);
        assert_eq!(program.property("PKG_SourceVersion"), Some("4"));
    }

    #[test]
    fn instances_outside_of_policies_and_assignments_alone_are_read() {
        let text = format!("<a>{}</a>", instance(TASK_SEQUENCE, &[("PKG_Name", "x")]));
        assert_eq!(
            read(&text).unwrap(),
            [Policy { instances: read(&text).unwrap()[0].instances.clone(), ..Policy::default() }]
        );
        assert_eq!(read("<PolicyAssignment><Policy PolicyID='a'/></PolicyAssignment>").unwrap(), []);
    }

    #[test]
    fn texts_that_hold_no_policies_are_refused() {
        for (text, words) in [
            ("<html><body>Sign in</body></html>", "no policies"),
            ("<Policy/><Policy/>", "more than one root"),
            ("<Policy>", "ends inside of `Policy`"),
            ("<!DOCTYPE a><Policy/>", "document type"),
            ("<Policy>&x;</Policy>", "entity"),
            ("text", "outside"),
            ("", "no root element"),
            ("<Policy></Other>", "not well-formed"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        let many = "<instance class='a'/>".repeat(MAX_POLICY_INSTANCES + 1);
        assert!(read(&format!("<Policy>{many}</Policy>")).unwrap_err().to_string().contains("more than"));
    }
}
