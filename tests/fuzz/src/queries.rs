//! Queries in WQL: parsed and asked of computers of which all, some or no properties are known.

use tsmedia::sequence::truth::Truth;
use tsmedia::sequence::wql::{Property, WmiInstance, parse};

/// Instance whose properties follow from their names.
struct Computer {
    /// Leaves out the properties whose names have an even number of letters.
    is_partly_known: bool,
}

impl WmiInstance for Computer {
    fn get(&self, property: &str) -> Property {
        let name = property.to_lowercase();
        if self.is_partly_known && name.len().is_multiple_of(2) {
            return Property::Unknown("not known".into());
        }
        value(&name, usize::from(name.bytes().fold(0_u8, u8::wrapping_add)))
    }
}

fn value(name: &str, number: usize) -> Property {
    match number % 7 {
        0 => Property::Null,
        1 => Property::Text(name.to_owned()),
        2 => Property::Text(number.to_string()),
        3 => Property::Number(i64::try_from(number).unwrap_or_default()),
        4 => Property::Boolean(number.is_multiple_of(2)),
        5 => Property::List(Vec::new()),
        _ => Property::List((0..number % 3).map(|at| Property::Text(at.to_string())).collect()),
    }
}

/// Parses a query and asks it. What is known from some properties stays so when the others become known.
pub fn read(bytes: &[u8]) -> bool {
    let Ok(query) = parse(std::str::from_utf8(bytes).unwrap_or_default()) else { return false };
    assert!(!query.class.is_empty());
    assert_eq!(query.has_result::<Computer>(&[]), Truth::False);
    let known = query.has_result(&[Computer { is_partly_known: false }]);
    match query.has_result(&[Computer { is_partly_known: true }]) {
        Truth::Unknown(why) => assert!(!why.is_empty()),
        decided => assert_eq!(known, decided),
    }
    true
}

/// Queries of the usual forms, and one for each operator.
pub fn seeds() -> Vec<Vec<u8>> {
    let queries = [
        "SELECT * FROM Win32_Battery",
        "select Name, Model from Win32_ComputerSystem where Model like '%[^a-c]_x%'",
        "SELECT * FROM Win32_SystemEnclosure WHERE ChassisTypes = '10' OR ChassisTypes = 9",
        "SELECT * FROM Win32_OperatingSystem WHERE BuildNumber >= 19041 AND NOT ProductType <> 1",
        "SELECT * FROM Win32_BIOS WHERE ReleaseDate IS NOT NULL AND (Version != \"a \\\"b\\\"\" OR 'x' = Name)",
        "SELECT * FROM Win32_TPM WHERE IsEnabled_InitialValue = TRUE AND Memory < 1.7e10 AND Domain IS NULL",
    ];
    queries.map(|query| query.as_bytes().to_vec()).into()
}
