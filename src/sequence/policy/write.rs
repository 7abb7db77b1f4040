//! Writes the policy of a sequence, as far as its format is known.
//!
//! Public readers of stand-alone media read `PKG_Name`, `ADV_AdvertisementID` and `TS_Sequence` (as
//! plain text) of an instance of `CCM_TaskSequence`. The document around them follows policies that
//! clients print. The other properties are those of the class on clients, with value types of
//! `CIMTYPE_ENUMERATION`; their values are inferred. No client has read this policy yet: it is
//! experimental. Policies of packages and applications are not written, since only the site can
//! create them ([`needs_site`]).

use crate::digest::Digest;
use crate::error::Result;
use crate::secret::Secret;
use zeroize::Zeroizing;

use super::{TASK_SEQUENCE, read};
use crate::sequence::xml;
use crate::sequence::{Sequence, Step};

/// Value types `CIM_STRING`, `CIM_BOOLEAN`, `CIM_UINT32` and `CIM_FLAG_ARRAY` of
/// `CIMTYPE_ENUMERATION`.
const STRING: u32 = 8;
const BOOLEAN: u32 = 11;
const UINT32: u32 = 19;
const ARRAY: u32 = 0x2000;
/// Type of a sequence that deploys an operating system (`SMS_TaskSequencePackage.Type`).
const OS_DEPLOYMENT: &str = "2";
/// Version of a sequence that no site stores: the first one of a package.
const SOURCE_VERSION: &str = "1";
/// Placeholder for the code of a site if there is none.
const NO_SITE: &str = "TSM";
/// Text after the sequence, which is the last property.
const END: &str = "]]></value></property>\r\n</instance>\r\n</PolicyAction>\r\n</PolicyRule>\r\n</Policy>\r\n";

/// Writes the policy of a sequence, for a site if there is one.
///
/// `values` are those of its secrets, in the order of [`Sequence::secrets`]. The IDs in the policy
/// are derived from the names of site and sequence, so that they are reproducible.
///
/// # Errors
///
/// Fails if a text contains a character that is not allowed in XML, or if a condition tests for an
/// operating system whose query only the site knows.
pub fn write<'a>(sequence: &Sequence, site: Option<&str>, values: impl Iterator<Item = &'a Secret>) -> Result<Secret> {
    let steps = steps(sequence, values)?;
    let site = site.unwrap_or(NO_SITE);
    let guid =
        |what: &str| Digest::hash(format!("tsmedia {what} of the policy {site} {}", sequence.name).as_bytes()).guid();
    // IDs of packages and deployments are the code of the site and five hexadecimal digits.
    let id = |what: &str| format!("{site}{}", guid(what)[..5].to_uppercase());
    let mut start = format!(
        "<?xml version=\"1.0\"?>\r\n<Policy PolicyType=\"Machine\" SchemaVersion=\"1.00\" PolicyID=\"{{{}}}\" \
         PolicyVersion=\"1.00\" PolicySource=\"SMS:{site}\">\r\n<PolicyRule PolicyRuleID=\"{{{}}}\">\r\n\
         <PolicyAction PolicyActionType=\"WMI-XML\">\r\n<instance class=\"CCM_TaskSequence\">\r\n",
        guid("policy"),
        guid("rule"),
    );
    let text = |value: String| (STRING, vec![value]);
    let mut properties = vec![
        ("ADV_AdvertisementID", text(id("deployment"))),
        ("PKG_PackageID", text(id("package"))),
        ("PKG_Name", text(sequence.name.clone())),
        ("PKG_SourceVersion", text(SOURCE_VERSION.to_owned())),
        ("PRG_ProgramID", text("*".to_owned())),
        ("PRG_DependentPolicy", (BOOLEAN, vec!["false".to_owned()])),
        ("TS_Type", (UINT32, vec![OS_DEPLOYMENT.to_owned()])),
    ];
    properties.extend(sequence.boot_image.clone().map(|image| ("TS_BootImageID", text(image))));
    let references: Vec<_> = xml::references(sequence).iter().map(|one| Ok(one.to_xml()?)).collect::<Result<_>>()?;
    if !references.is_empty() {
        properties.push(("TS_References", (STRING | ARRAY, references)));
    }
    for (name, (kind, values)) in &properties {
        start += &format!("<property name=\"{name}\" type=\"{kind}\">");
        for value in values {
            start += "<value>";
            xml::push_escaped(&mut start, value, false)?;
            start += "</value>";
        }
        start += "</property>\r\n";
    }
    start += "<property name=\"TS_Sequence\" type=\"8\"><value><![CDATA[";
    // Reserve enough, since a growing string leaves copies of secrets behind.
    let mut policy = String::with_capacity(start.len() + steps.len() + END.len());
    [start.as_str(), &steps, END].into_iter().for_each(|part| policy.push_str(part));
    Ok(Secret::from(policy))
}

/// Replaces the sequence in the policies of a site.
///
/// `values` are those of its secrets. IDs, references and the policies of programs stay as the site
/// created them. Returns `None` unless there is exactly one sequence.
///
/// # Errors
///
/// Fails like [`write`].
pub fn replace_sequence<'a>(
    policies: &str,
    sequence: &Sequence,
    values: impl Iterator<Item = &'a Secret>,
) -> Result<Option<Secret>> {
    let instances = read(policies).unwrap_or_default().into_iter().flat_map(|policy| policy.instances);
    let deployed: Vec<_> = instances.filter(|one| one.class == TASK_SEQUENCE && one.sequence.is_some()).collect();
    let [deployed] = &deployed[..] else { return Ok(None) };
    let steps = steps(sequence, values)?;
    let mut name = String::new();
    xml::push_escaped(&mut name, &sequence.name, false)?;
    let image = sequence.boot_image.as_deref().unwrap_or_default();
    let mut parts = vec![("PKG_Name", ["", &name, ""]), ("TS_Sequence", ["<![CDATA[", &steps, "]]>"])];
    if !image.is_empty() {
        parts.push(("TS_BootImageID", ["", image, ""]));
    }
    let mut parts: Vec<_> = parts.iter().filter_map(|(name, text)| Some((deployed.range(name)?, text))).collect();
    parts.sort_by_key(|(range, _)| range.start);
    // Reserve enough, since a growing string leaves copies of secrets behind.
    let mut text = String::with_capacity(policies.len() + steps.len() + name.len() + image.len() + 100);
    let mut end = 0;
    for (range, part) in parts {
        text.push_str(&policies[end..range.start]);
        part.iter().for_each(|part| text.push_str(part));
        end = range.end;
    }
    text.push_str(&policies[end..]);
    Ok(Some(Secret::from(text)))
}

/// Writes the XML of the steps. `>` is always escaped, so that it can't end a CDATA section.
fn steps<'a>(sequence: &Sequence, values: impl Iterator<Item = &'a Secret>) -> Result<Zeroizing<String>> {
    Ok(xml::write_with_secrets(sequence, values.map(|value| value.text().unwrap_or_default()))?)
}

/// Returns the steps that need a policy of the site: those that install programs or applications.
pub fn needs_site(sequence: &Sequence) -> Vec<&Step> {
    let kinds = ["install-package", "install-application"];
    let is_one = |step: &&Step| step.action().is_some_and(|action| kinds.iter().any(|kind| action.is(kind)));
    sequence.enabled().into_iter().filter(is_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::xml::document;
    use crate::sequence::{Action, Body, Value, catalog};
    use authoring::SecretRef;

    fn step(kind: &str, values: Vec<(&'static str, Value)>) -> Step {
        let kind = catalog::find(kind).unwrap();
        Step {
            name: kind.title.into(),
            description: String::new(),
            is_disabled: false,
            continues_on_error: false,
            condition: None,
            body: Body::Action(Box::new(Action {
                kind,
                values: values.into_iter().collect(),
                timeout: None,
                success_codes: None,
                retries: None,
                command: None,
                variables: Vec::new(),
                omitted: Vec::new(),
            })),
            attributes: Default::default(),
            places: Default::default(),
        }
    }

    fn secret(name: &str) -> Value {
        Value::Secret(SecretRef { env: Some(name.into()), file: None, command: None })
    }

    fn sequence() -> Sequence {
        let text = |text: &str| Value::Text(text.into());
        let first = vec![("command-line", text("cmd /c a")), ("user", text("CONTOSO\\a")), ("password", secret("A"))];
        let second = vec![("variable", text("Key]]>")), ("secret-value", secret("B"))];
        Sequence {
            name: "Deploy & capture".into(),
            boot_image: Some("BER00001".into()),
            steps: vec![step("run-command-line", first), step("set-variable", second)],
            ..Sequence::default()
        }
    }

    fn policy(values: [&str; 2]) -> String {
        let values = values.map(|value| Secret::from(value.to_owned()));
        write(&sequence(), Some("BER"), values.iter()).unwrap().text().unwrap().to_owned()
    }

    #[test]
    fn a_policy_holds_the_sequence_with_its_secrets() {
        let root = document::parse(&policy(["p<]]>&\"w", "\u{E000}1\u{E000}"])).unwrap();
        let instance = ["PolicyRule", "PolicyAction", "instance"]
            .into_iter()
            .fold(&root, |element, name| element.child(name).unwrap());
        assert_eq!(instance.attribute("class"), Some("CCM_TaskSequence"));
        let property = |name: &str| {
            let found = instance.children().find(|property| property.attribute("name") == Some(name)).unwrap();
            found.child("value").unwrap().own_text()
        };
        assert_eq!(property("PKG_Name"), "Deploy & capture");
        assert_eq!(property("TS_BootImageID"), "BER00001");
        assert!(property("ADV_AdvertisementID").starts_with("BER"));
        let inner = document::parse(&property("TS_Sequence")).unwrap();
        let mut values = Vec::new();
        for step in inner.children().filter(|child| child.name == "step") {
            let variables = step.child("defaultVarList").unwrap();
            let names = ["UserPassword", "HiddenVariableValue"];
            let hidden =
                variables.children().filter(|one| names.iter().any(|name| one.attribute("property") == Some(name)));
            values.extend(hidden.map(document::Element::own_text));
        }
        assert_eq!(values, ["p<]]>&\"w", "\u{E000}1\u{E000}"]);
    }

    #[test]
    fn what_an_export_says_is_the_same_but_for_the_secrets() {
        let exported = xml::write(&sequence()).unwrap();
        assert!(policy(["", ""]).contains(&exported));
        assert_eq!(
            sequence().secrets().iter().map(|secret| secret.1).collect::<Vec<_>>(),
            ["password", "secret-value"]
        );
    }

    #[test]
    fn a_secret_that_xml_can_not_hold_is_refused() {
        let values = ["a\0".to_owned(), "b".to_owned()].map(Secret::from);
        assert!(write(&sequence(), None, values.iter()).is_err());
    }

    #[test]
    fn steps_that_need_a_policy_of_the_site_are_told() {
        let mut sequence = sequence();
        assert!(needs_site(&sequence).is_empty());
        sequence.steps.push(step("install-application", Vec::new()));
        assert_eq!(needs_site(&sequence).len(), 1);
        sequence.steps[2].is_disabled = true;
        assert!(needs_site(&sequence).is_empty());
    }
}
