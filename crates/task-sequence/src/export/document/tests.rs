use std::error::Error as _;

use super::*;

const STEP: &str = "<step type=\"SMS_TaskSequence_SetVariableAction\" name=\"Grüße\" description=\"\" runIn=\"WinPEandFullOS\" \
                    successCodeList=\"0\" retryCount=\"0\" runFromNet=\"false\"><action>tsenv.exe \"A=1\"</action></step>";

fn sequence(version: &str) -> String {
    format!("<sequence version=\"{version}\">{STEP}</sequence>")
}

fn escaped(xml: &str) -> String {
    xml.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn object(xml: &str) -> String {
    let property = |name: &str, value: &str| {
        format!(
            "<PROPERTY NAME=\"{name}\"><QUALIFIER NAME=\"CIMTYPE\"><VALUE>string</VALUE></QUALIFIER><VALUE>{value}</VALUE></PROPERTY>"
        )
    };
    let pairs =
        [("PackageID", "BER00100"), ("Name", "Deploy"), ("Description", "All of it"), ("BootImageID", "BER00005")];
    let properties: String = pairs.iter().map(|(name, value)| property(name, value)).collect();
    format!("<INSTANCE CLASSNAME=\"SMS_TaskSequencePackage\">{properties}{}</INSTANCE>", property("Sequence", xml))
}

fn package(data: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<SmsTaskSequencePackage xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><BootImageID>BER00005\
         </BootImageID><Description>All of it</Description><Name>Deploy</Name><SequenceData>{data}</SequenceData>\
         </SmsTaskSequencePackage>"
    )
}

#[test]
fn a_sequence_is_the_same_in_every_form() {
    let xml = sequence("3.10");
    let bare = read(xml.as_bytes(), "file").unwrap();
    assert_eq!((bare.sequence.name.as_str(), bare.sequence.n_steps(), bare.id.as_deref()), ("file", 1, None));
    assert_eq!(bare.sequence.steps[0].name, "Grüße");
    for text in [
        format!("\u{feff}{xml}"),
        format!("<?xml version=\"1.0\" encoding=\"utf-16\"?>\r\n{xml}\r\n"),
        escaped(&xml),
        format!("\n  {}\n", escaped(&format!("<?xml version=\"1.0\"?>{xml}"))),
    ] {
        assert_eq!(read(text.as_bytes(), "file").unwrap().sequence, bare.sequence, "{text}");
    }
    let whole = [
        object(&format!("<![CDATA[{xml}]]>")),
        object(&escaped(&xml)),
        package(&xml),
        package(&escaped(&xml)),
        package(&format!("<![CDATA[{xml}]]>")),
    ];
    for text in whole {
        let found = read(text.as_bytes(), "file").unwrap().sequence;
        assert_eq!(found.steps, bare.sequence.steps, "{text}");
        assert_eq!((found.name.as_str(), found.description.as_str()), ("Deploy", "All of it"));
        assert_eq!(found.boot_image.as_deref(), Some("BER00005"));
    }
    assert_eq!(read(object(&escaped(&xml)).as_bytes(), "file").unwrap().id.as_deref(), Some("BER00100"));
}

#[test]
fn the_old_version_is_exported_again() {
    let found = read(sequence("3.00").as_bytes(), "file").unwrap().sequence;
    let written = xml::write(&found).unwrap();
    assert!(written.starts_with("<sequence version=\"3.00\">"), "{written}");
    let toml = crate::write(&found, &Default::default());
    assert!(toml.contains("xml-version = \"3.00\"\n"), "{toml}");
}

#[test]
fn windows_1252_is_assumed_for_other_bytes() {
    let bytes: Vec<u8> = sequence("3.10").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let found = read(&bytes, "file").unwrap();
    assert_eq!(found.sequence.steps[0].name, "Grüße");
    assert_eq!(found.assumed_encoding.as_deref(), Some("the file is not UTF-8 and declares no encoding"));
}

#[test]
fn other_documents_are_refused_with_the_reason() {
    for (text, words) in [
        ("<Deployment/>".to_owned(), "the root element is `<Deployment>`, not a task sequence"),
        ("<INSTANCE/>".to_owned(), "the object has no property `Sequence`"),
        (object(&escaped("<Policy/>")), "the document contains `<Policy>`, not a task sequence"),
        ("<SmsTaskSequencePackage/>".to_owned(), "`<SmsTaskSequencePackage>` has no `<SequenceData>`"),
        ("&lt;sequence &broken".to_owned(), "can't unescape the escaped XML (`&lt;sequence…`)"),
        ("&lt;Deployment/&gt;".to_owned(), "the root element is `<Deployment>`, not a task sequence"),
        // Escaped twice.
        (escaped(&escaped(&sequence("3.10"))), "outside of its root element"),
        ("<!DOCTYPE a><sequence version=\"3.10\"/>".to_owned(), "document type"),
    ] {
        let error = read(text.as_bytes(), "file").unwrap_err();
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        assert!(format!("{error}{cause}").contains(words), "{text}: {error}{cause}");
    }
}
