//! Random sequences for property tests: every type of step of the catalog with any of its keys.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::catalog::{self, Environment, Key, ValueType};
use super::condition::{Condition, Operator, Test};
use super::xml::Reference;
use super::{Action, Body, Foreign, Sequence, Step, Value, Values, Variable};
use authoring::SecretRef;

/// Format that a sequence has to survive a round trip in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML, which can hold everything.
    Toml,
    /// XML, which has no secrets, and can't tell a default that was written from one that was not.
    Xml,
}

/// Generates texts with all kinds of characters that need escaping.
fn text(at_most: usize) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[ -~]{1,12}",
        1 => select(vec!["{{ x }}", "{% if", "{#", "{{{", "'''", "\"\"\"", "\\", "%%", "%X%", "\r\n", "\n", "\t", "ß€😀", "]]>", "<a&b>"])
            .prop_map(str::to_owned),
    ];
    vec(part, 1..4).prop_map(move |parts| parts.concat().chars().take(at_most.min(200)).collect())
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_][A-Za-z0-9_]{0,9}"
}

fn package() -> impl Strategy<Value = String> {
    "[A-Z]{3}[0-9A-F]{5}"
}

fn value(key: &'static Key, purpose: Format) -> BoxedStrategy<Value> {
    match &key.value_type {
        // Consoles write scripts with CRLF, so the line breaks of the source are lost.
        ValueType::Text(at_most) if purpose == Format::Xml && key.property == "SourceScript" => {
            text(*at_most).prop_map(|script| Value::Text(script.replace("\r\n", "\n"))).boxed()
        }
        ValueType::Text(at_most) => text(*at_most).prop_map(Value::Text).boxed(),
        ValueType::Application => "ScopeId_[A-F0-9]{4}/Application_[a-f0-9]{4}".prop_map(Value::Text).boxed(),
        ValueType::Integer(least, most) => (*least..=*most).prop_map(Value::Integer).boxed(),
        ValueType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        ValueType::Choice(choices) => {
            select(choices.iter().collect::<Vec<_>>()).prop_map(|choice| Value::Text(choice.name.into())).boxed()
        }
        ValueType::Package => package().prop_map(Value::Text).boxed(),
        ValueType::Variable => name().prop_map(Value::Text).boxed(),
        ValueType::Texts => vec("[a-z][a-z .:-]{0,9}", 1..4).prop_map(Value::Texts).boxed(),
        ValueType::Packages => vec(package(), 1..4).prop_map(Value::Texts).boxed(),
        ValueType::Integers => vec(0..5000_i64, 1..4).prop_map(Value::Integers).boxed(),
        ValueType::Secret => {
            text(20).prop_map(|name| Value::Secret(SecretRef { env: Some(name), file: None, command: None })).boxed()
        }
        ValueType::Map => {
            btree_map(name(), text(30), 1..4).prop_map(|map| Value::Map(map.into_iter().rev().collect())).boxed()
        }
        ValueType::Tables(keys) => {
            let tables = vec(values(keys, purpose), 0..3);
            tables
                .prop_map(move |tables| {
                    Value::Tables(tables.into_iter().map(|one| completed(one, key, purpose)).collect())
                })
                .boxed()
        }
    }
}

fn values(keys: &'static [Key], purpose: Format) -> BoxedStrategy<Values> {
    let mut all = Just(Values::new()).boxed();
    for key in keys {
        if purpose == Format::Xml && matches!(key.value_type, ValueType::Secret) {
            continue;
        }
        let chosen = match key.is_required {
            true => value(key, purpose).prop_map(Some).boxed(),
            false => option::weighted(0.4, value(key, purpose)).boxed(),
        };
        all = (all, chosen)
            .prop_map(move |(mut values, chosen)| {
                let chosen = chosen.filter(|chosen| purpose == Format::Toml || !is_default(key, &values, chosen));
                values.extend(chosen.map(|chosen| (key.name, chosen)));
                values
            })
            .boxed();
    }
    all
}

/// Completes a table so that it survives the round trip.
fn completed(mut values: Values, list: &Key, purpose: Format) -> Values {
    // Only a variable that is set can be hidden.
    if let (Some(Value::Map(set)), Some(Value::Texts(hidden))) = (values.get("set").cloned(), values.get_mut("hide")) {
        *hidden = set.iter().map(|(name, _)| name.clone()).take(hidden.len()).collect();
    }
    // A partition that takes the remaining space has an explicit size in XML.
    if purpose == Format::Xml && list.name == "partitions" && !values.contains_key("size") {
        values.insert("size", Value::Integer(100));
        values.insert("size-unit", Value::Text("percent".into()));
    }
    values
}

fn is_default(key: &Key, values: &Values, chosen: &Value) -> bool {
    if key.is_optional {
        let is_written = key.name == "continue-on-install-error" && values.contains_key("base-variable");
        return is_written && *chosen == Value::Boolean(false);
    }
    if key.name == "boot-disk" && crate::text(values, "style") == Some("mbr") {
        return *chosen == Value::Boolean(false);
    }
    match chosen {
        Value::Text(text) => key.default == Some(text),
        Value::Integer(number) => key.default.is_some_and(|default| default == number.to_string()),
        Value::Boolean(truth) => key.default.is_some_and(|default| default == truth.to_string()),
        _ => false,
    }
}

fn reference() -> impl Strategy<Value = Reference> {
    let text =
        prop_oneof![package(), "[A-Z]{3}[0-9A-F]{5}:[A-Za-z *]{1,9}", "ScopeId_[0-9A-F]{4}/Application_[a-f0-9]{4}"];
    text.prop_map(|text| text.parse().unwrap())
}

fn variable() -> impl Strategy<Value = Variable> {
    (name(), "Own[A-Z]{3,9}", any::<bool>(), text(50)).prop_map(|(name, property, is_hidden, value)| Variable {
        name,
        property,
        is_hidden,
        value,
    })
}

fn action(purpose: Format) -> impl Strategy<Value = Body> {
    let kinds: Vec<_> = catalog::kinds().collect();
    let own = select(kinds).prop_flat_map(move |kind| (Just(kind), values(kind.keys, purpose)));
    let codes = option::of(vec(1..70_000_i64, 1..3));
    let kept = option::weighted(0.2, text(50));
    (own, option::of(1..=999_i64), codes, option::of(1..=5_i64), kept, vec(variable(), 0..2)).prop_map(
        move |((kind, values), timeout, success_codes, retries, command, mut variables)| {
            variables.dedup_by_key(|variable| variable.property.clone());
            let omitted = Vec::new();
            let retries = retries.filter(|retries| purpose == Format::Toml || *retries != kind.retries());
            Body::Action(Box::new(Action {
                kind,
                values,
                timeout,
                success_codes,
                retries,
                command,
                variables,
                omitted,
            }))
        },
    )
}

fn foreign() -> impl Strategy<Value = Body> {
    let environment = select(vec![Environment::WindowsPe, Environment::FullOs, Environment::Any]);
    (name(), text(50), environment, option::of(vec(variable(), 0..3))).prop_map(
        |(class, command, environment, variables)| {
            let class = format!("SMS_TaskSequence_{class}Step");
            Body::Foreign(Box::new(Foreign { class, xml: None, command, environment, variables }))
        },
    )
}

fn test(purpose: Format) -> impl Strategy<Value = Test> {
    let operator = || select(Operator::ALL.map(|row| row.0).to_vec());
    let comparing =
        || select(Operator::ALL.map(|row| row.0).into_iter().filter(|one| !one.tests_existence()).collect::<Vec<_>>());
    let kinds = select(vec!["REG_SZ", "REG_EXPAND_SZ", "REG_DWORD"]);
    let compared = move || option::of((comparing(), text(20)));
    let compared_value =
        |operator: Operator, value: String| if operator.tests_existence() { String::new() } else { value };
    let systems = match purpose {
        Format::Toml => vec(text(20), 1..3).prop_map(Test::OsVersion).boxed(),
        Format::Xml => (1..0xffff_i64).prop_map(Test::OsLanguage).boxed(),
    };
    prop_oneof![
        (text(30), operator(), text(20)).prop_map(move |(name, operator, value)| Test::Variable {
            name,
            operator,
            value: compared_value(operator, value)
        }),
        (text(30), text(20), kinds, operator(), text(20)).prop_map(move |(key, value, kind, operator, data)| {
            Test::Registry { key, value, kind: kind.into(), operator, data: compared_value(operator, data) }
        }),
        (text(30), compared(), compared()).prop_map(|(path, version, modified)| Test::File { path, version, modified }),
        (text(30), compared()).prop_map(|(path, modified)| Test::Folder { path, modified }),
        (text(9), text(60)).prop_map(|(namespace, query)| Test::Wmi { namespace, query }),
        (text(30), text(30), text(9), text(9), any::<bool>()).prop_map(
            |(product_code, upgrade_code, name, version, is_any_version)| Test::Software {
                product_code,
                upgrade_code,
                name,
                version,
                is_any_version
            }
        ),
        systems,
        (1..0xffff_i64).prop_map(Test::OsLanguage),
        (name(), btree_map(name(), text(20), 0..3)).prop_map(|(class, map)| Test::Foreign {
            class: format!("SMS_TaskSequence_{class}Expression"),
            properties: map.into_iter().filter(|(name, _)| name != "xml").collect()
        }),
    ]
}

fn condition(purpose: Format) -> impl Strategy<Value = Condition> {
    test(purpose).prop_map(Condition::Test).prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Condition::All),
            vec(inner.clone(), 0..3).prop_map(Condition::Any),
            vec(inner, 0..3).prop_map(Condition::None),
        ]
    })
}

fn step(body: impl Strategy<Value = Body>, purpose: Format) -> impl Strategy<Value = Step> {
    let flags = (any::<bool>(), any::<bool>());
    let attributes = btree_map("own[A-Z][a-z]{2,5}", text(20), 0..2);
    (text(50), option::of(text(60)), flags, option::weighted(0.3, condition(purpose)), body, attributes).prop_map(
        |(name, description, (is_disabled, continues_on_error), condition, body, attributes)| Step {
            name,
            description: description.unwrap_or_default(),
            is_disabled,
            continues_on_error,
            condition,
            body,
            attributes,
            places: Default::default(),
        },
    )
}

/// Generates sequences that can be written and read again without loss.
pub fn sequence(purpose: Format) -> impl Strategy<Value = Sequence> {
    let leaf = step(prop_oneof![8 => action(purpose), 1 => foreign()], purpose).boxed();
    let steps =
        leaf.prop_recursive(3, 12, 4, move |inner| step(vec(inner, 0..4).prop_map(Body::Group), purpose).boxed());
    (text(50), vec(steps, 0..5), vec(reference(), 0..2)).prop_map(|(name, steps, mut references)| {
        references.dedup();
        Sequence { name, steps, references, ..Sequence::default() }
    })
}
