//! The policy that carries a sequence on a medium, as far as its form is known.
//!
//! A client is told everything by policies: XML with rules, their actions, and instances of classes of Windows Management
//! Instrumentation with their properties, by the numbers of their CIM types. A sequence is an instance of
//! `CCM_TaskSequence`. Public readers of stand-alone media take `PKG_Name`, `ADV_AdvertisementID` and `TS_Sequence` from
//! it, the last as plain text; the form around them is that of policies that clients print. No document has it, and no
//! client has read what is written here: it is experimental. Not written: the policies of packages and applications,
//! which only the site can make ([`needs_site`]).

use crate::digest::Digest;
use crate::error::Result;
use crate::secret::Secret;

use super::xml;
use super::{Sequence, Step};

/// What stands for the code of a site where there is none.
const NO_SITE: &str = "TSM";
/// What comes behind the sequence, which is the last property.
const END: &str = "]]></value></property>\r\n</instance>\r\n</PolicyAction>\r\n</PolicyRule>\r\n</Policy>\r\n";

/// Writes the policy of a sequence, made for a site if there is one, with these values for its secrets, in the order of
/// [`Sequence::secrets`]. The IDs in it follow from the names of site and sequence.
///
/// # Errors
///
/// XML can't hold a character of it, or a condition asks for an operating system whose query only the site knows.
pub fn write<'a>(sequence: &Sequence, site: Option<&str>, values: impl Iterator<Item = &'a Secret>) -> Result<Secret> {
    let steps = xml::write_with_secrets(sequence, values.map(|value| value.text().unwrap_or_default()))?;
    let site = site.unwrap_or(NO_SITE);
    let guid =
        |what: &str| Digest::of(format!("tsmedia {what} of the policy {site} {}", sequence.name).as_bytes()).guid();
    // IDs of packages and deployments are the code of the site and five hexadecimal digits.
    let id = |what: &str| format!("{site}{}", guid(what)[..5].to_uppercase());
    let mut start = format!(
        "<?xml version=\"1.0\"?>\r\n<Policy PolicyType=\"Machine\" SchemaVersion=\"1.00\" PolicyID=\"{{{}}}\" \
         PolicyVersion=\"1.00\" PolicySource=\"SMS:{site}\">\r\n<PolicyRule PolicyRuleID=\"{{{}}}\">\r\n\
         <PolicyAction PolicyActionType=\"WMI-XML\">\r\n<instance class=\"CCM_TaskSequence\">\r\n",
        guid("policy"),
        guid("rule"),
    );
    let mut properties = vec![
        ("ADV_AdvertisementID", id("deployment")),
        ("PKG_PackageID", id("package")),
        ("PKG_Name", sequence.name.clone()),
        ("PRG_ProgramID", "*".to_owned()),
    ];
    properties.extend(sequence.boot_image.clone().map(|image| ("TS_BootImageID", image)));
    // 8 is the CIM type of text.
    for (name, value) in &properties {
        start += &format!("<property name=\"{name}\" type=\"8\"><value>");
        xml::push_escaped(&mut start, value, false)?;
        start += "</value></property>\r\n";
    }
    // `>` is always escaped in the text of a sequence, so that no section ends in it.
    start += "<property name=\"TS_Sequence\" type=\"8\"><value><![CDATA[";
    // A string that grows leaves copies behind.
    let mut policy = String::with_capacity(start.len() + steps.len() + END.len());
    [start.as_str(), &steps, END].into_iter().for_each(|part| policy.push_str(part));
    Ok(Secret::from(policy))
}

/// The steps that do what only a policy of the site describes: programs of packages, and applications.
pub fn needs_site(sequence: &Sequence) -> Vec<&Step> {
    let kinds = ["install-package", "install-application"];
    let is_one = |step: &&Step| step.action().is_some_and(|action| kinds.iter().any(|kind| action.is(kind)));
    sequence.enabled().into_iter().filter(is_one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Body, Value, catalog};
    use super::*;
    use crate::sequence::xml::document;
    use authoring::SecretRef;

    fn step(kind: &str, values: Vec<(&'static str, Value)>) -> Step {
        let kind = catalog::named(kind).unwrap();
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
            written: Default::default(),
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
