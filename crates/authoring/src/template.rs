//! Renders templates in strings with minijinja, after TOML was parsed.
//!
//! A template sees only `media`, `site` and `vars`: no files, no clock, no environment. A string
//! that consists of one `{{ … }}` keeps the type of its value. Unknown names are errors. The work
//! of a template is bounded: its source is checked before it is compiled, and the sizes of the
//! values that it creates are counted.

mod budget;
mod source;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use minijinja::machinery::{self, CodeGenerator, Instructions};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde_json::Value as Json;

use crate::limits::{
    MAX_TEMPLATE_CALLS, MAX_TEMPLATE_OUTPUT, MAX_TEMPLATE_STEPS, MAX_TEMPLATE_VALUE, MAX_TEMPLATES_OUTPUT,
};
use crate::problem::{Place, Problem, Problems};

use super::template_errors::{TemplateFailure, engine_failure, max_steps, undefined_name};

use super::near_miss;
use super::spanned::{Node, Table, TableEntry, Value};
use super::suggestions::join;
use super::toml::place_within;
use super::values::Context;
use budget::{SpentBudget, TemplateBudget};

/// Renders trees, with one budget for everything it renders.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    budget: Arc<TemplateBudget>,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// Creates an engine with a full budget.
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_debug(true);
        environment.set_fuel(Some(MAX_TEMPLATE_STEPS));
        environment.set_recursion_limit(MAX_TEMPLATE_CALLS);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        // `namespace` would let loops build up text without end; `debug` would show internals of
        // the engine.
        environment.remove_global("namespace");
        environment.remove_global("debug");
        let budget = Arc::default();
        budget::install(&mut environment, &budget);
        Self { environment, budget }
    }

    /// Renders all strings of a tree. A string that fails becomes [`Value::Failed`], and its
    /// problem is added to `found`. `sources` has the texts.
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
                    .map(|entry| TableEntry {
                        node: self.render(&entry.node, context, sources, found),
                        ..entry.clone()
                    })
                    .collect(),
            )),
            other => other.clone(),
        };
        Node { value, place: node.place.clone() }
    }

    /// Renders a table whose values may refer to each other as `space.name`, in the order of their
    /// dependencies, and adds them to `context`.
    pub fn render_space(
        &self,
        space: &str,
        table: &Table,
        context: &mut Context,
        sources: &Problems,
        found: &mut Vec<Problem>,
    ) -> Table {
        context.add_namespace(space);
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
            // Each round renders what needs only rendered values; the rest at the end is circular.
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
                if let Some(cycle) = find_cycle(index, &needs) {
                    found.push(cycle_problem(space, table, &cycle));
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
                    TableEntry { node: node.unwrap_or_else(failed), ..entry.clone() }
                })
                .collect(),
        )
    }

    /// Returns the dotted names that the templates in a tree use.
    pub fn names_in(&self, node: &Node) -> Vec<String> {
        match &node.value {
            Value::String(text) if is_template(text) => self.names(text),
            Value::Array(nodes) => nodes.iter().flat_map(|node| self.names_in(node)).collect(),
            Value::Table(table) => table.0.iter().flat_map(|entry| self.names_in(&entry.node)).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the dotted names that a template uses. `vars['with-vpn']` is `vars.with-vpn`; for a
    /// subscript that is not a string literal, the whole value that it is applied to counts.
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
        // A template that uses a failed value would only report the same mistake again.
        let names = self.names(text);
        context.used.borrow_mut().extend(names.iter().cloned());
        if names.iter().any(|name| context.is_failed(name)) {
            return Value::Failed;
        }
        match self.evaluate(text, context).and_then(|json| json_to_value(json, place)) {
            Ok(value) => value,
            // Once the budget of all templates is exhausted, the others fail as well.
            Err(failure)
                if self.budget.is_exhausted() && found.iter().any(|problem| problem.message == failure.message) =>
            {
                Value::Failed
            }
            Err(failure) => {
                let at = failure.range.and_then(|range| place_within(text, range, place, sources));
                let mut problem = Problem::error(failure.message).at(at.unwrap_or_else(|| place.clone()), "");
                problem.help = failure.help;
                found.push(problem);
                Value::Failed
            }
        }
    }

    fn evaluate(&self, text: &str, context: &Context) -> Result<Json, TemplateFailure> {
        source::check(text)?;
        self.budget.begin().map_err(|spent| budget_failure(spent, None))?;
        let names = || self.names(text);
        // Evaluate a lone expression as such, so that it keeps its type.
        if let Some((inner, start)) = lone_expression(text) {
            let shift = |range: std::ops::Range<usize>| range.start + start..range.end + start;
            source::check_expression(inner)
                .map_err(|failure| TemplateFailure { range: failure.range.map(shift), ..failure })?;
            let parsed = self.environment.compile_expression(inner).and_then(|_| machinery::parse_expr(inner));
            match parsed {
                Ok(expression) => {
                    // Compile with the machinery rather than `eval`, so that instructions can be
                    // replaced.
                    let mut code = CodeGenerator::new("<expression>", inner);
                    code.compile_expr(&expression);
                    let value = self.execute(code.finish().0, context, &mut String::new());
                    let value = value.map_err(|error| {
                        self.describe_failure(&error, error.range().map(shift), text, &names(), context)
                    })?;
                    let Some(value) = value.filter(|value| !value.is_undefined()) else {
                        let range = Some(start..start + inner.len());
                        return Err(undefined_name(range, text, &names(), context));
                    };
                    self.budget.charge_output(budget::weight(&value)).map_err(|spent| budget_failure(spent, None))?;
                    return serde_json::to_value(&value).map_err(|_| no_value_failure());
                }
                // Several expressions in a row also start and end with braces, so fall through to a
                // whole template.
                Err(error) if !inner.contains("}}") => {
                    return Err(engine_failure(&error, error.range().map(shift), text, &[], context));
                }
                Err(_) => {}
            }
        }
        let mut output = String::new();
        let rendered = self.environment.template_from_str(text).and_then(|_| {
            let template = machinery::parse(text, "<string>", SyntaxConfig::default())?;
            let mut code = CodeGenerator::new("<string>", text);
            code.compile_stmt(&template);
            self.execute(code.finish().0, context, &mut output)
        });
        match rendered {
            Ok(_) if output.len() > MAX_TEMPLATE_OUTPUT => Err(budget_failure(SpentBudget::Output, None)),
            Ok(_) => {
                self.budget.charge_output(Some(output.len())).map_err(|spent| budget_failure(spent, None))?;
                Ok(Json::from(output))
            }
            Err(error) => Err(self.describe_failure(&error, error.range(), text, &names(), context)),
        }
    }

    /// Runs compiled code, counting the values it creates.
    fn execute(
        &self,
        mut code: Instructions<'_>,
        context: &Context,
        output: &mut String,
    ) -> Result<Option<minijinja::Value>, minijinja::Error> {
        budget::replace_instructions(&mut code);
        // The engine limits the steps of one evaluation; the budget limits those of all.
        let max_steps = max_steps(code.source());
        let mut environment = Cow::Borrowed(&self.environment);
        if Some(max_steps) != environment.fuel() {
            environment.to_mut().set_fuel(Some(max_steps));
        }
        let (root, blocks) = (context.to_value(), BTreeMap::new());
        let mut output = machinery::make_string_output(output);
        let result = machinery::eval(&environment, &code, root, &blocks, &mut output, AutoEscape::None);
        // After an error the engine does not return its count, so charge the maximum.
        let n_steps =
            result.as_ref().ok().and_then(|(_, state)| state.fuel_levels()).map_or(max_steps, |(used, _)| used);
        self.budget.charge_steps(n_steps);
        result.map(|(value, _)| value)
    }

    /// Converts an error of the engine: an exhausted budget if that caused it, or the engine's own
    /// message.
    fn describe_failure(
        &self,
        error: &minijinja::Error,
        range: Option<std::ops::Range<usize>>,
        text: &str,
        names: &[String],
        context: &Context,
    ) -> TemplateFailure {
        match self.budget.spent() {
            Some(spent) if error.kind() != ErrorKind::OutOfFuel => budget_failure(spent, range),
            _ => engine_failure(error, range, text, names, context),
        }
    }
}

/// Replaces each subscript that is a string literal by an attribute, and returns the original keys.
fn with_named_subscripts(text: &str) -> (String, Vec<(String, String)>) {
    // The engine lists only attributes as names in use, so subscripts are rewritten for it.
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

/// Returns `true` if a string contains a template.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

/// Returns the expression of a string that is a single pair of braces, with its offset.
fn lone_expression(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let start = if inner.starts_with('-') { 3 } else { 2 };
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    Some((inner.strip_suffix('-').unwrap_or(inner), start))
}

/// Converts the JSON result of a template to a value with a place.
fn json_to_value(json: Json, place: &Place) -> Result<Value, TemplateFailure> {
    let node = |json| Ok(Node { value: json_to_value(json, place)?, place: place.clone() });
    Ok(match json {
        Json::Null => return Err(no_value_failure()),
        Json::Bool(truth) => Value::Boolean(truth),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Integer(number),
            (None, Some(number)) => Value::Float(number),
            (None, None) => return Err(no_value_failure()),
        },
        Json::String(text) if text.len() > MAX_TEMPLATE_OUTPUT => {
            return Err(budget_failure(SpentBudget::Output, None));
        }
        Json::String(text) => Value::String(text),
        Json::Array(items) => Value::Array(items.into_iter().map(node).collect::<Result<_, _>>()?),
        Json::Object(map) => Value::Table(Table(
            map.into_iter()
                .map(|(name, json)| Ok(TableEntry { name, key: place.clone(), node: node(json)? }))
                .collect::<Result<_, _>>()?,
        )),
    })
}

/// Returns the failure of a template that exhausted a budget.
fn budget_failure(spent: SpentBudget, range: Option<std::ops::Range<usize>>) -> TemplateFailure {
    let (message, help) = match spent {
        SpentBudget::Output => (
            format!("the template produces more than {MAX_TEMPLATE_OUTPUT} bytes of text"),
            "check its loops; no value in a manifest is that long",
        ),
        SpentBudget::Here => (
            format!("the template creates a value of more than {MAX_TEMPLATE_VALUE} bytes, or too many values"),
            "check its widths, counts and repetitions",
        ),
        SpentBudget::All => (
            "the templates of this manifest create too many values".to_owned(),
            "build fewer sites at once with `--site CODE`, or move repeated expressions to `[vars]`",
        ),
        SpentBudget::Kept => (
            format!("the templates of this manifest produce more than {MAX_TEMPLATES_OUTPUT} bytes"),
            "build fewer sites at once with `--site CODE`",
        ),
    };
    TemplateFailure { message, help: Some(help.into()), range }
}

fn no_value_failure() -> TemplateFailure {
    TemplateFailure {
        message: "the template has no value".into(),
        help: Some("provide a value for every case, such as `{{ 'a' if … else 'b' }}`".into()),
        range: None,
    }
}

/// Returns a cycle of references through a value, starting with it.
fn find_cycle(index: usize, needs: &[BTreeSet<usize>]) -> Option<Vec<usize>> {
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

fn cycle_problem(space: &str, table: &Table, cycle: &[usize]) -> Problem {
    let name = |index: usize| format!("`{space}.{}`", table.0[index].name);
    let through: Vec<_> = cycle[1..].iter().map(|index| name(*index)).collect();
    let message = match through.is_empty() {
        true => format!("{} uses itself", name(cycle[0])),
        false => format!("{} uses itself through {}", name(cycle[0]), join(&through, "and")),
    };
    Problem::error(message)
        .at(table.0[cycle[0]].node.place.clone(), "")
        .help("move the shared part to a separate value under `[vars]`")
}

/// Escapes a text, so that it renders to itself as a template.
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
    // minijinja drops one line break at the end.
    if rendered.ends_with(['\n', '\r']) {
        rendered += "{{ '' }}";
    }
    rendered
}
