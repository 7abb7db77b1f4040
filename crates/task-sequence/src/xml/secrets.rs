//! XML of a sequence with the values of its secrets, as media carry it.

use zeroize::Zeroizing;

use super::{document, write};
use crate::error::{Error, Result};
use crate::{Body, Sequence, Step, Value, Variable};

/// Writes a sequence with values for its secrets, in the order of [`Sequence::secrets`].
///
/// Leaves no copies of the values in memory.
///
/// # Errors
///
/// Fails like [`write`], or if a secret contains a character that is not allowed in XML.
pub fn write_with_secrets<'a>(sequence: &Sequence, values: impl Iterator<Item = &'a str>) -> Result<Zeroizing<String>> {
    let plain = write(sequence)?;
    // Write the sequence with a placeholder for each secret first: its number between two marks, which must not occur anywhere else. Only the final buffer then contains secrets, and it is erased.
    let mark = ('\u{E000}'..='\u{F8FF}').find(|mark| !plain.contains(*mark));
    let mark =
        mark.ok_or_else(|| Error::unsupported("the task sequence contains all private-use characters of Unicode"))?;
    let mut marked = sequence.clone();
    insert_placeholders(&mut marked.steps, mark, &mut 0);
    let marked = write(&marked)?;
    let values: Vec<_> = values.collect();
    // Reserve enough for any escaping, since a growing string leaves copies behind.
    let room = marked.len() + 6 * values.iter().map(|value| value.len()).sum::<usize>();
    let mut xml = Zeroizing::new(String::with_capacity(room));
    for (at, part) in marked.split(mark).enumerate() {
        if at % 2 == 0 {
            xml.push_str(part);
            continue;
        }
        let value = part.parse().ok().and_then(|number: usize| values.get(number).copied());
        document::push_escaped(&mut xml, value.unwrap_or_default(), false)?;
    }
    debug_assert!(xml.len() <= room);
    Ok(xml)
}

/// Gives every step variables for its secrets, with placeholders as values.
fn insert_placeholders(steps: &mut [Step], mark: char, n_secrets: &mut usize) {
    for step in steps {
        let action = match &mut step.body {
            Body::Group(steps) => {
                insert_placeholders(steps, mark, n_secrets);
                continue;
            }
            Body::Action(action) => action,
            Body::Foreign(_) => continue,
        };
        for key in action.kind.keys {
            if !matches!(action.values.get(key.name), Some(Value::Secret(_))) {
                continue;
            }
            let (name, property) = (key.variable().to_owned(), key.property.to_owned());
            let value = format!("{mark}{n_secrets}{mark}");
            action.variables.push(Variable { name, property, is_hidden: key.is_hidden, value });
            *n_secrets += 1;
        }
    }
}
