//! Policies as a site returns them: XML, or JSON with arrays of it.

use tsmedia::sequence::policy::{read as read_policies, read_returned};

/// Reads the policies of a file. The text that goes to a medium holds the same ones.
pub fn read(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Ok(returned) = read_returned(&text) else { return false };
    let text = returned.to_text();
    let text = text.text().expect("policies are text");
    let policies = read_policies(text).expect("each document was read");
    for instance in policies.iter().flat_map(|policy| &policy.instances) {
        for name in ["PKG_Name", "TS_Sequence"] {
            assert!(instance.range(name).is_none_or(|range| text.get(range).is_some()), "{name}");
        }
    }
    true
}

/// Valid files to start from.
pub fn seeds() -> Vec<Vec<u8>> {
    let sequence = "<![CDATA[<sequence version=\"3.10\"><referenceList><reference package=\"BER00021\" \
                    program=\"Install\"/></referenceList><step name=\"VPN\"><defaultVarList><variable>BER00021\
                    </variable></defaultVarList></step></sequence>]]>";
    let policy = format!(
        "<?xml version=\"1.0\" ?>\n<Policy PolicyID=\"{{1}}\" PolicyVersion=\"2.00\"><PolicyRule><PolicyAction>\
         <instance class=\"CCM_TaskSequence\"><property name=\"PKG_Name\" type=\"8\"><value>a &amp; b</value>\
         </property><property name=\"TS_Sequence\" type=\"8\"><value>{sequence}</value></property></instance>\
         </PolicyAction></PolicyRule></Policy>"
    );
    let quoted = policy.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let arrays = format!("{{\"PolicyXmls\": [\"{quoted}\"], \"PolicyAssignmentXmls\": [\"<PolicyAssignment/>\"]}}");
    vec![policy.into_bytes(), arrays.into_bytes(), format!("[\"{quoted}\"]").into_bytes()]
}
