use proptest::prelude::*;

use super::*;

/// Computer system with known and unknown properties.
struct ComputerSystem;

impl WmiInstance for ComputerSystem {
    fn get(&self, property: &str) -> Property {
        let text = |text: &str| Property::Text(text.into());
        match property.to_lowercase().as_str() {
            "manufacturer" => text("Contoso Ltd."),
            "model" => text("Laptop 14 [G3]_x"),
            "path" => text(r#"C:\a "b" 'c'"#),
            "buildnumber" => text("19045"),
            "memory" => Property::Number(17_179_869_184),
            "dhcpenabled" => Property::Boolean(true),
            "chassistypes" => Property::List(vec![Property::Number(10)]),
            "ipaddress" => Property::List(vec![text("10.0.0.2"), text("fe80::1")]),
            "domain" => Property::Null,
            other => Property::Unknown(format!("`{other}` is not known")),
        }
    }
}

fn answer(filter: &str) -> String {
    match parse(&format!("SELECT * FROM Win32_ComputerSystem WHERE {filter}")) {
        Ok(query) => match query.has_result(&[ComputerSystem]) {
            Truth::True => "yes".into(),
            Truth::False => "no".into(),
            Truth::Unknown(why) => format!("unknown: {why}"),
        },
        Err(why) => format!("can't be parsed: {why}"),
    }
}

#[test]
fn comparisons_follow_the_types_of_properties() {
    let cases = [
        (r#"Manufacturer = "contoso ltd.""#, "yes"),
        ("MANUFACTURER='Contoso Ltd.'", "yes"),
        ("'Contoso Ltd.' = Manufacturer", "yes"),
        ("Manufacturer <> 'Fabrikam'", "yes"),
        ("Manufacturer != 'Contoso Ltd.'", "no"),
        ("Memory >= 16000000000", "yes"),
        ("Memory > '17179869184'", "no"),
        ("17179869184 <= Memory", "yes"),
        ("Memory = 1.7179869184e10", "yes"),
        ("Memory = 'much'", "unknown: a number can't be compared with a text (`Memory`)"),
        ("BuildNumber >= 19041", "yes"),
        ("BuildNumber >= '9600'", "unknown: WQL does not document the order of these values (`BuildNumber`)"),
        ("DHCPEnabled = TRUE", "yes"),
        ("DHCPEnabled = 0", "no"),
        ("DHCPEnabled <> 'true'", "no"),
        ("ChassisTypes = '10'", "yes"),
        ("ChassisTypes = 9", "no"),
        ("IPAddress = '10.0.0.2'", "unknown: WQL does not compare lists (`IPAddress`)"),
        ("IPAddress IS NOT NULL", "yes"),
        ("Domain IS NULL", "yes"),
        ("Domain = NULL", "yes"),
        ("Domain = 'x'", "no"),
        ("Domain <> 'x'", "unknown: WQL does not document comparisons with a missing value (`Domain`)"),
        ("Model is not null", "yes"),
        ("Serial IS NULL", "unknown: `serial` is not known"),
        (r#"Path = "C:\\a \"b\" \'c\'""#, "yes"),
    ];
    cases.iter().for_each(|(filter, expected)| assert_eq!(answer(filter), *expected, "{filter}"));
}

#[test]
fn like_knows_all_wildcards() {
    let cases = [
        ("Manufacturer LIKE '%contoso%'", "yes"),
        ("Manufacturer LIKE 'Contoso'", "no"),
        ("Model LIKE 'Laptop __ %'", "yes"),
        ("Model LIKE 'Laptop [0-9][0-9] %'", "yes"),
        ("Model LIKE 'Laptop [0=9]4 %'", "yes"),
        ("Model LIKE 'Laptop [^0-9]%'", "no"),
        ("Model LIKE '[j-m]aptop%'", "yes"),
        ("Model LIKE '[xyzl]aptop%'", "yes"),
        ("Model LIKE '% [[]G3]%'", "yes"),
        ("Model LIKE '%[_]x'", "yes"),
        ("Model LIKE '%[]][_]x'", "yes"),
        ("Model LIKE '%[^]]x'", "yes"),
        ("Model LIKE '%[%]%'", "no"),
        ("Model LIKE ''", "no"),
        ("Model LIKE '[a-'", "can't be parsed: a set of `LIKE` has no closing `]`"),
        ("Memory LIKE '1%'", "unknown: `LIKE` only compares texts (`Memory`)"),
        ("Domain LIKE '%'", "no"),
    ];
    cases.iter().for_each(|(filter, expected)| assert_eq!(answer(filter), *expected, "{filter}"));
}

#[test]
fn unknown_properties_matter_only_if_they_decide() {
    let cases = [
        ("Serial = '1' AND Model LIKE 'Tower%'", "no"),
        ("Serial = '1' AND Model LIKE 'Laptop%'", "unknown: `serial` is not known"),
        ("Serial = '1' OR Model LIKE 'Laptop%'", "yes"),
        ("NOT (Serial = '1' OR NOT Model LIKE 'Laptop%')", "unknown: `serial` is not known"),
        ("Model LIKE 'x%' OR Model LIKE 'L%' AND Manufacturer = 'x'", "no"),
        ("(Model LIKE 'x%' OR Model LIKE 'L%') AND NOT Manufacturer = 'x'", "yes"),
    ];
    cases.iter().for_each(|(filter, expected)| assert_eq!(answer(filter), *expected, "{filter}"));
    let all = parse("select Name, Model from Win32_ComputerSystem").unwrap();
    assert_eq!(all.has_result(&[ComputerSystem]), Truth::True);
    assert_eq!(all.has_result::<ComputerSystem>(&[]), Truth::False);
}

#[test]
fn what_is_not_a_query_is_refused_with_the_reason() {
    let reason = |text: &str| parse(text).unwrap_err();
    let cases = [
        ("", "the query does not start with `SELECT`"),
        ("ASSOCIATORS OF {Win32_Disk='a'}", "unexpected character `{`"),
        ("SELECT FROM Win32_BIOS", "a property is missing before `FROM`"),
        ("SELECT * Win32_BIOS", "`FROM` is missing before `Win32_BIOS`"),
        ("SELECT * FROM", "a class is missing before the end"),
        ("SELECT * FROM Win32_BIOS WHERE", "a property is missing before the end"),
        ("SELECT * FROM Win32_BIOS Version = 1", "unexpected `Version` after the end of the query"),
        ("SELECT * FROM Win32_BIOS WHERE Version", "an operator is missing before the end"),
        ("SELECT * FROM Win32_BIOS WHERE Version =", "a value is missing before the end"),
        ("SELECT * FROM Win32_BIOS WHERE Version LIKE 5", "`LIKE` needs a text on its right side"),
        ("SELECT * FROM Win32_BIOS WHERE 'a' LIKE Version", "`LIKE` needs a property on its left side"),
        ("SELECT * FROM Win32_BIOS WHERE Version NOT LIKE 'a'", "an operator is missing before `NOT`"),
        ("SELECT * FROM Win32_BIOS WHERE Version IS 'a'", "`NULL` is missing before the text `a`"),
        ("SELECT * FROM Win32_BIOS WHERE (Version = 1", "`)` is missing before the end"),
        ("SELECT * FROM Win32_BIOS WHERE Version = 'a", "unclosed text: ' is missing"),
        ("SELECT * FROM Win32_BIOS WHERE Version = 1x", "`1x` is not a number"),
        ("SELECT * FROM Win32_BIOS WHERE Version = “1”", "unexpected character `“`"),
    ];
    cases.iter().for_each(|(text, expected)| assert_eq!(reason(text), *expected, "{text}"));
    let nested = |n: usize| format!("SELECT * FROM A WHERE {}a = 1{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(reason(&nested(MAX_DEPTH + 1)), "the query is nested deeper than 64 levels");
    assert_eq!(reason(&nested(8_000)), "the query is nested deeper than 64 levels");
    assert_eq!(
        reason(&format!("SELECT * FROM A WHERE {}a = 1", "NOT ".repeat(4_000))),
        "the query is nested deeper than 64 levels"
    );
    assert_eq!(reason(&"x".repeat(MAX_LEN + 1)), "the query has 16385 bytes; at most 16384 are allowed");
}

fn filters() -> impl Strategy<Value = String> {
    let property = prop_oneof!["Manufacturer", "Model", "Memory", "DHCPEnabled", "Serial", "Domain", "IPAddress"];
    let constant = prop_oneof!["'[a-z0-9 %_]{0,8}'", "[0-9]{1,12}", Just("TRUE".to_owned()), Just("NULL".to_owned())];
    let test = (property, prop_oneof!["=", "<>", "<", "<=", ">", ">="], constant)
        .prop_map(|(property, operator, constant)| format!("{property} {operator} {constant}"));
    test.prop_recursive(6, 40, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| format!("NOT ({part})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) AND ({right})")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("({left}) OR ({right})")),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_a_query_or_not_and_takes_no_long_time(text in "\\PC{0,200}", tail in ".{0,80}") {
        let _ = parse(&text);
        let _ = parse(&format!("SELECT * FROM A WHERE {tail}"));
        let _ = parse(&format!("SELECT * FROM A WHERE Model LIKE '{tail}'")).map(|query| query.has_result(&[ComputerSystem]));
    }

    #[test]
    fn the_laws_of_de_morgan_hold(left in filters(), right in filters()) {
        let is = |filter: &str| match answer(filter) {
            known if known == "yes" || known == "no" => known,
            other => { assert!(other.starts_with("unknown: "), "{other}"); "unknown".into() }
        };
        prop_assert_eq!(
            is(&format!("NOT (({left}) AND ({right}))")),
            is(&format!("NOT ({left}) OR NOT ({right})"))
        );
        prop_assert_eq!(is(&format!("NOT NOT ({left})")), is(&left));
    }

    #[test]
    fn like_with_the_text_itself_holds(text in "[a-zA-Z0-9 .()-]{1,20}", at in 0usize..20) {
        struct One(String);
        impl WmiInstance for One {
            fn get(&self, _: &str) -> Property {
                Property::Text(self.0.clone())
            }
        }
        let at = at.min(text.len());
        let holds = |pattern: String| {
            let query = parse(&format!("SELECT * FROM A WHERE b LIKE '{pattern}'")).unwrap();
            query.has_result(&[One(text.clone())])
        };
        prop_assert_eq!(holds(text.to_uppercase()), Truth::True);
        prop_assert_eq!(holds(format!("%{}%", &text[at..])), Truth::True);
        prop_assert_eq!(holds("_".repeat(text.len())), Truth::True);
        prop_assert_eq!(holds("_".repeat(text.len() + 1)), Truth::False);
    }
}
