//! Templates in string values: minijinja, rendered after the TOML was read.
//!
//! A template sees `media`, `site` and `vars` and nothing else: no file, no clock, no environment. A string that is
//! exactly one `{{ … }}` keeps the type of its value. Names that don't exist are errors, and the work that a
//! template may do is bounded: its text is checked before it is compiled, and the values that it makes are counted.

mod budget;
mod source;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use minijinja::machinery::{self, CodeGenerator, Instructions};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde_json::Value as Json;

use crate::limits::{
    MAX_TEMPLATE_CALLS, MAX_TEMPLATE_OUTPUT, MAX_TEMPLATE_STEPS, MAX_TEMPLATE_VALUE, MAX_TEMPLATES_OUTPUT,
};
use crate::problem::{Place, Problem, Problems};

use super::template_errors::{Failure, failure, max_steps, undefined};

use super::near_miss;
use super::spanned::{Entry, Node, Table, Value};
use super::suggestions::join;
use super::toml::place_within;
use super::values::Context;
use budget::{Budget, Spent};

/// Renders trees. All that one renders is taken from one budget.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    budget: Arc<Budget>,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// An engine that has rendered nothing.
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_debug(true);
        environment.set_fuel(Some(MAX_TEMPLATE_STEPS));
        environment.set_recursion_limit(MAX_TEMPLATE_CALLS);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        // These would let a loop build up text without end, or show the inside of the engine.
        environment.remove_global("namespace");
        environment.remove_global("debug");
        let budget = Arc::default();
        budget::install(&mut environment, &budget);
        Self { environment, budget }
    }

    /// The tree with all its strings rendered. What can't be rendered becomes [`Value::Failed`] and is complained
    /// of in `found`; `sources` holds the texts.
    pub fn render(&self, node: &Node, context: &Context, sources: &Problems, found: &mut Vec<Problem>) -> Node {
        let value = match &node.value {
            Value::String(text) => {
                found.extend(near_miss::find(text, &node.place, sources));
                match is_template(text) {
                    true => self.render_text(text, &node.place, context, sources, found),
                    false => node.value.clone(),
                }
            }
            Value::Array(nodes) => {
                Value::Array(nodes.iter().map(|node| self.render(node, context, sources, found)).collect())
            }
            Value::Table(table) => Value::Table(Table(
                table
                    .0
                    .iter()
                    .map(|entry| Entry { node: self.render(&entry.node, context, sources, found), ..entry.clone() })
                    .collect(),
            )),
            other => other.clone(),
        };
        Node { value, place: node.place.clone() }
    }

    /// Renders a table whose values may use each other as `space.name`, each after those that it uses, and makes
    /// them known in `context`.
    pub fn render_space(
        &self,
        space: &str,
        table: &Table,
        context: &mut Context,
        sources: &Problems,
        found: &mut Vec<Problem>,
    ) -> Table {
        context.space(space);
        let indexes: HashMap<&str, usize> =
            table.0.iter().enumerate().map(|(index, entry)| (entry.name.as_str(), index)).collect();
        let needed = |name: &String| {
            let rest = name.strip_prefix(space)?.strip_prefix('.')?;
            indexes.get(rest.split('.').next().unwrap_or(rest)).copied()
        };
        let needs: Vec<BTreeSet<usize>> =
            table.0.iter().map(|entry| self.names_in(&entry.node).iter().filter_map(needed).collect()).collect();
        let mut rendered: Vec<Option<Node>> = vec![None; table.0.len()];
        loop {
            let ready: Vec<_> = (0..table.0.len())
                .filter(|index| rendered[*index].is_none())
                .filter(|index| needs[*index].iter().all(|needed| rendered[*needed].is_some()))
                .collect();
            if ready.is_empty() {
                break;
            }
            for index in ready {
                let entry = &table.0[index];
                let node = self.render(&entry.node, context, sources, found);
                context.insert(space, &entry.name, &node);
                rendered[index] = Some(node);
            }
        }
        for (index, entry) in table.0.iter().enumerate() {
            if rendered[index].is_none() {
                if let Some(circle) = circle(index, &needs) {
                    found.push(needs_itself(space, table, &circle));
                }
                context.fail(space, &entry.name);
            }
        }
        Table(
            table
                .0
                .iter()
                .zip(rendered)
                .map(|(entry, node)| {
                    let failed = || Node { value: Value::Failed, place: entry.node.place.clone() };
                    Entry { node: node.unwrap_or_else(failed), ..entry.clone() }
                })
                .collect(),
        )
    }

    /// The dotted names that the templates in a tree use.
    pub fn names_in(&self, node: &Node) -> Vec<String> {
        match &node.value {
            Value::String(text) if is_template(text) => self.names(text),
            Value::Array(nodes) => nodes.iter().flat_map(|node| self.names_in(node)).collect(),
            Value::Table(table) => table.0.iter().flat_map(|entry| self.names_in(&entry.node)).collect(),
            _ => Vec::new(),
        }
    }

    /// The dotted names that a template uses. `vars['with-vpn']` is `vars.with-vpn`; of a subscript that is no text
    /// in quotes, all that it may be taken from counts.
    fn names(&self, text: &str) -> Vec<String> {
        let (text, keys) = with_named_subscripts(text);
        if source::check(&text).is_err() {
            return Vec::new();
        }
        let Ok(template) = self.environment.template_from_str(&text) else { return Vec::new() };
        let mut names: Vec<_> = template.undeclared_variables(true).into_iter().collect();
        for name in &mut names {
            for (stand_in, key) in &keys {
                *name = name.replace(stand_in.as_str(), key);
            }
        }
        names.sort();
        names
    }

    fn render_text(
        &self,
        text: &str,
        place: &Place,
        context: &Context,
        sources: &Problems,
        found: &mut Vec<Problem>,
    ) -> Value {
        let names = self.names(text);
        context.used.borrow_mut().extend(names.iter().cloned());
        if names.iter().any(|name| context.is_failed(name)) {
            return Value::Failed;
        }
        match self.evaluate(text, context).and_then(|json| value(json, place)) {
            Ok(value) => value,
            Err(failure) => {
                let at = failure.range.and_then(|range| place_within(text, range, place, sources));
                let mut problem = Problem::error(failure.message).at(at.unwrap_or_else(|| place.clone()), "");
                problem.help = failure.help;
                found.push(problem);
                Value::Failed
            }
        }
    }

    fn evaluate(&self, text: &str, context: &Context) -> Result<Json, Failure> {
        source::check(text)?;
        self.budget.begin().map_err(|spent| exhausted(spent, None))?;
        let names = || self.names(text);
        if let Some((inner, start)) = lone_expression(text) {
            let shift = |range: std::ops::Range<usize>| range.start + start..range.end + start;
            source::check_expression(inner)
                .map_err(|failure| Failure { range: failure.range.map(shift), ..failure })?;
            let parsed = self.environment.compile_expression(inner).and_then(|_| machinery::parse_expr(inner));
            match parsed {
                Ok(expression) => {
                    let mut code = CodeGenerator::new("<expression>", inner);
                    code.compile_expr(&expression);
                    let value = self.run(code.finish().0, context, &mut String::new());
                    let value = value
                        .map_err(|error| self.failure(&error, error.range().map(shift), text, &names(), context))?;
                    let Some(value) = value.filter(|value| !value.is_undefined()) else {
                        let range = Some(start..start + inner.len());
                        return Err(undefined(range, text, &names(), context));
                    };
                    self.budget.keep(budget::weight(&value)).map_err(|spent| exhausted(spent, None))?;
                    return serde_json::to_value(&value).map_err(|_| nothing());
                }
                // Several expressions in a row look like one until they are read.
                Err(error) if !inner.contains("}}") => {
                    return Err(failure(&error, error.range().map(shift), text, &[], context));
                }
                Err(_) => {}
            }
        }
        let mut output = String::new();
        let rendered = self.environment.template_from_str(text).and_then(|_| {
            let template = machinery::parse(text, "<string>", SyntaxConfig::default())?;
            let mut code = CodeGenerator::new("<string>", text);
            code.compile_stmt(&template);
            self.run(code.finish().0, context, &mut output)
        });
        match rendered {
            Ok(_) if output.len() > MAX_TEMPLATE_OUTPUT => Err(exhausted(Spent::Output, None)),
            Ok(_) => {
                self.budget.keep(Some(output.len())).map_err(|spent| exhausted(spent, None))?;
                Ok(Json::from(output))
            }
            Err(error) => Err(self.failure(&error, error.range(), text, &names(), context)),
        }
    }

    /// Runs compiled code, counting what it makes.
    fn run(
        &self,
        mut code: Instructions<'_>,
        context: &Context,
        output: &mut String,
    ) -> Result<Option<minijinja::Value>, minijinja::Error> {
        budget::replace(&mut code);
        let max_steps = max_steps(code.source());
        let mut environment = Cow::Borrowed(&self.environment);
        if Some(max_steps) != environment.fuel() {
            environment.to_mut().set_fuel(Some(max_steps));
        }
        let (root, blocks) = (Serde(&context.json).into(), BTreeMap::new());
        let mut output = machinery::make_string_output(output);
        let result = machinery::eval(&environment, &code, root, &blocks, &mut output, AutoEscape::None);
        let n_steps =
            result.as_ref().ok().and_then(|(_, state)| state.fuel_levels()).map_or(max_steps, |(used, _)| used);
        self.budget.take_steps(n_steps);
        result.map(|(value, _)| value)
    }

    /// What an error of the engine means: a budget that was used up, or else its own words.
    fn failure(
        &self,
        error: &minijinja::Error,
        range: Option<std::ops::Range<usize>>,
        text: &str,
        names: &[String],
        context: &Context,
    ) -> Failure {
        match self.budget.spent() {
            Some(spent) if error.kind() != ErrorKind::OutOfFuel => exhausted(spent, range),
            _ => failure(error, range, text, names, context),
        }
    }
}

/// A template with an attribute in place of each subscript that is text in quotes, and what the attributes stand for.
fn with_named_subscripts(text: &str) -> (String, Vec<(String, String)>) {
    let (mut named, mut keys, mut rest) = (String::new(), Vec::new(), text);
    while let Some(at) = rest.find('[') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let key = quote.and_then(|quote| after[1..].split_once(&format!("{quote}]")));
        named += before;
        rest = match key {
            Some((key, below)) if named.ends_with(is_word) && !key.contains(['\'', '"', '.', '\\']) => {
                keys.push((format!("subscript_{}_", keys.len()), key.to_owned()));
                named += &format!(".subscript_{}_", keys.len() - 1);
                below
            }
            _ => {
                named.push('[');
                after
            }
        };
    }
    (named + rest, keys)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a string has anything to render.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

/// What stands in a string that is one pair of braces, and where.
fn lone_expression(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let start = if inner.starts_with('-') { 3 } else { 2 };
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    Some((inner.strip_suffix('-').unwrap_or(inner), start))
}

/// JSON that a template gave, as a value written at a place.
fn value(json: Json, place: &Place) -> Result<Value, Failure> {
    let node = |json| Ok(Node { value: value(json, place)?, place: place.clone() });
    Ok(match json {
        Json::Null => return Err(nothing()),
        Json::Bool(truth) => Value::Boolean(truth),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Integer(number),
            (None, Some(number)) => Value::Float(number),
            (None, None) => return Err(nothing()),
        },
        Json::String(text) if text.len() > MAX_TEMPLATE_OUTPUT => return Err(exhausted(Spent::Output, None)),
        Json::String(text) => Value::String(text),
        Json::Array(items) => Value::Array(items.into_iter().map(node).collect::<Result<_, _>>()?),
        Json::Object(map) => Value::Table(Table(
            map.into_iter()
                .map(|(name, json)| Ok(Entry { name, key: place.clone(), node: node(json)? }))
                .collect::<Result<_, _>>()?,
        )),
    })
}

/// The failure of a template for which a budget does not suffice.
fn exhausted(spent: Spent, range: Option<std::ops::Range<usize>>) -> Failure {
    let (message, help) = match spent {
        Spent::Output => (
            format!("the template yields more than {MAX_TEMPLATE_OUTPUT} bytes of text"),
            "nothing in a manifest is that long; check its loops",
        ),
        Spent::Here => (
            format!("the template makes a value of more than {MAX_TEMPLATE_VALUE} bytes, or too many values"),
            "check the widths, counts and repetitions in it",
        ),
        Spent::All => (
            "the templates of this manifest do too much work".to_owned(),
            "build fewer sites at once with `--site CODE`, or move what is repeated into `[vars]`",
        ),
        Spent::Kept => (
            format!("the templates of this manifest yield more than {MAX_TEMPLATES_OUTPUT} bytes"),
            "build fewer sites at once with `--site CODE`",
        ),
    };
    Failure { message, help: Some(help.into()), range }
}

fn nothing() -> Failure {
    Failure {
        message: "the template gives no value".into(),
        help: Some("give a value for every case, such as `{{ 'a' if … else 'b' }}`".into()),
        range: None,
    }
}

/// The values through which one needs itself, itself first.
fn circle(index: usize, needs: &[BTreeSet<usize>]) -> Option<Vec<usize>> {
    let mut paths = vec![vec![index]];
    let mut seen = Vec::new();
    while let Some(path) = paths.pop() {
        for next in &needs[*path.last()?] {
            if *next == index {
                return Some(path);
            }
            if !seen.contains(next) {
                seen.push(*next);
                paths.push([path.as_slice(), &[*next]].concat());
            }
        }
    }
    None
}

fn needs_itself(space: &str, table: &Table, circle: &[usize]) -> Problem {
    let name = |index: usize| format!("`{space}.{}`", table.0[index].name);
    let through: Vec<_> = circle[1..].iter().map(|index| name(*index)).collect();
    let message = match through.is_empty() {
        true => format!("{} uses itself", name(circle[0])),
        false => format!("{} uses itself, through {}", name(circle[0]), join(&through, "and")),
    };
    Problem::error(message)
        .at(table.0[circle[0]].node.place.clone(), "")
        .help("put what they share into a value of its own under `[vars]`")
}

/// Escapes the templates in a text, which then renders to itself.
pub fn escape_templates(text: &str) -> String {
    const BEGINNINGS: [&str; 3] = ["{{", "{%", "{#"];
    if !BEGINNINGS.iter().any(|beginning| text.contains(beginning)) {
        return text.to_owned();
    }
    let mut rendered = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        rendered += &rest[..at];
        rest = &rest[at..];
        match BEGINNINGS.iter().find(|beginning| rest.starts_with(**beginning)) {
            Some(beginning) => {
                rendered += &format!("{{{{ '{beginning}' }}}}");
                rest = &rest[2..];
            }
            None => {
                rendered.push('{');
                rest = &rest[1..];
            }
        }
    }
    rendered += rest;
    // A template loses one line break at its end.
    if rendered.ends_with(['\n', '\r']) {
        rendered += "{{ '' }}";
    }
    rendered
}
