//! Operators, filters and functions of templates that count the sizes of the values they create.
//!
//! The engine counts instructions, but one instruction can create a text of any length. Each
//! instruction or filter that creates a value larger than its parts is replaced by one that
//! computes the size first, and takes it from a [`TemplateBudget`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use minijinja::machinery::{Instruction, Instructions};
use minijinja::value::{Kwargs, Rest, Tuple, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, context, filters, functions};

use crate::limits::{
    MAX_TEMPLATE_OUTPUT, MAX_TEMPLATE_VALUE, MAX_TEMPLATE_WORK, MAX_TEMPLATES_OUTPUT, MAX_TEMPLATES_WORK,
};

/// Bytes of values that may still be created: by the current template, and by all templates of a
/// manifest.
#[derive(Debug)]
pub struct TemplateBudget {
    here: AtomicU64,
    all: AtomicU64,
    output: AtomicU64,
    kept: AtomicU64,
}

impl Default for TemplateBudget {
    fn default() -> Self {
        let [here, all, output, kept] = [0, MAX_TEMPLATES_WORK, 0, MAX_TEMPLATES_OUTPUT].map(AtomicU64::new);
        Self { here, all, output, kept }
    }
}

/// An exhausted budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpentBudget {
    /// Output of the template.
    Output,
    /// Intermediate values of the template.
    Here,
    /// Intermediate values of all templates of the manifest.
    All,
    /// Results of all templates of the manifest.
    Kept,
}

/// Value of a budget that was exceeded.
const NOTHING_LEFT: u64 = u64::MAX;

impl TemplateBudget {
    /// Starts a template; fails if earlier ones have exhausted the budget of the manifest.
    pub fn begin(&self) -> Result<(), SpentBudget> {
        self.here.store(MAX_TEMPLATE_WORK, Ordering::Relaxed);
        self.output.store(MAX_TEMPLATE_OUTPUT as u64, Ordering::Relaxed);
        match self.take(BASE) {
            true if is_spent(&self.kept) => Err(SpentBudget::Kept),
            true => Ok(()),
            false => Err(SpentBudget::All),
        }
    }

    /// Returns `true` if the templates of the manifest have exhausted their budget.
    pub fn is_exhausted(&self) -> bool {
        is_spent(&self.all) || is_spent(&self.kept)
    }

    /// Returns the budget that made the template fail, if any.
    pub fn spent(&self) -> Option<SpentBudget> {
        let budgets =
            [(&self.output, SpentBudget::Output), (&self.all, SpentBudget::All), (&self.here, SpentBudget::Here)];
        budgets.into_iter().find(|(left, _)| is_spent(left)).map(|(_, spent)| spent)
    }

    /// Charges the instructions counted by the engine.
    pub fn charge_steps(&self, n_steps: u64) {
        self.take(n_steps);
    }

    /// Charges the size of a template's result.
    pub fn charge_output(&self, weight: Option<usize>) -> Result<(), SpentBudget> {
        let weight = weight.ok_or(SpentBudget::Here)?;
        if subtract(&self.kept, weight as u64) { Ok(()) } else { Err(SpentBudget::Kept) }
    }

    fn take(&self, n_bytes: u64) -> bool {
        subtract(&self.here, n_bytes) & subtract(&self.all, n_bytes)
    }

    fn charge(&self, n_bytes: Option<usize>) -> Result<(), Error> {
        let n_bytes = n_bytes.filter(|n_bytes| *n_bytes <= MAX_TEMPLATE_VALUE);
        match n_bytes.is_some_and(|n_bytes| self.take(n_bytes as u64 + BASE)) {
            true => Ok(()),
            false => {
                if n_bytes.is_none() {
                    self.here.store(NOTHING_LEFT, Ordering::Relaxed);
                }
                Err(Error::new(ErrorKind::InvalidOperation, "it makes too large a value"))
            }
        }
    }
}

/// Cost of creating any value, in bytes.
const BASE: u64 = 64;

fn is_spent(left: &AtomicU64) -> bool {
    left.load(Ordering::Relaxed) == NOTHING_LEFT
}

fn subtract(left: &AtomicU64, n: u64) -> bool {
    let now = left.load(Ordering::Relaxed);
    let rest = if now == NOTHING_LEFT { None } else { now.checked_sub(n) };
    left.store(rest.unwrap_or(NOTHING_LEFT), Ordering::Relaxed);
    rest.is_some()
}

/// Size of a value without its text or parts, in bytes.
pub const OWN: usize = 16;

/// Returns the size of a text or list that is repeated `n` times.
pub fn repeated_weight(weight: usize, n: usize) -> usize {
    weight.saturating_sub(OWN).saturating_mul(n).saturating_add(OWN)
}

/// Returns the size of a value with all its parts; `None` if it exceeds [`MAX_TEMPLATE_VALUE`] or
/// is nested too deeply.
pub fn weight(value: &Value) -> Option<usize> {
    const MAX_DEPTH: usize = 50;
    fn add(value: &Value, depth: usize, sum: &mut usize) -> Option<()> {
        let text_len = value.as_str().map(str::len).or_else(|| value.as_bytes().map(<[u8]>::len));
        *sum = sum.checked_add(OWN + text_len.unwrap_or(0)).filter(|sum| *sum <= MAX_TEMPLATE_VALUE)?;
        let has_parts = matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable);
        if !has_parts {
            return Some(());
        }
        if depth == MAX_DEPTH {
            return None;
        }
        for part in value.try_iter().ok()? {
            add(&part, depth + 1, sum)?;
            if value.kind() == ValueKind::Map {
                add(&value.get_item(&part).unwrap_or_default(), depth + 1, sum)?;
            }
        }
        Some(())
    }
    let mut sum = 0;
    add(value, 0, &mut sum).map(|()| sum)
}

fn weights(values: &[Value]) -> Option<usize> {
    values.iter().try_fold(0, |sum: usize, value| sum.checked_add(weight(value)?))
}

/// Names of the replacements. Names in templates can't contain `=`.
mod name {
    pub const ADD: &str = "=add";
    pub const MUL: &str = "=mul";
    pub const CONCAT: &str = "=concat";
    pub const LIST: &str = "=list";
    pub const TUPLE: &str = "=tuple";
    pub const MAP: &str = "=map";
}

/// Replaces instructions in compiled code.
pub fn replace_instructions(instructions: &mut Instructions<'_>) {
    // The last argument is the slot of a cached filter; `MAX` disables the cache.
    let filter = |name| Instruction::ApplyFilter(name, Some(2), u8::MAX);
    // The engine has no hooks for operators and literals, but it calls filters and functions by
    // name.
    let mut at = 0;
    while let Some(instruction) = instructions.get_mut(at) {
        let replacement = match instruction {
            Instruction::Add => filter(name::ADD),
            Instruction::Mul => filter(name::MUL),
            Instruction::StringConcat => filter(name::CONCAT),
            Instruction::BuildList(n) => Instruction::CallFunction(name::LIST, n.map(|n| n as u16)),
            Instruction::BuildTuple(n) => Instruction::CallFunction(name::TUPLE, n.map(|n| n as u16)),
            Instruction::BuildMap(n) => Instruction::CallFunction(name::MAP, Some(2 * *n as u16)),
            _ => instruction.clone(),
        };
        *instruction = replacement;
        at += 1;
    }
}

/// Registers the replacements with an engine, and counts its output.
pub fn install(environment: &mut Environment<'static>, budget: &Arc<TemplateBudget>) {
    for (name, operator) in [(name::ADD, "+"), (name::MUL, "*"), (name::CONCAT, "~")] {
        let budget = Arc::clone(budget);
        environment.add_filter(name, move |state: &mut State, left: Value, right: Value| {
            budget.charge(if operator == "*" { product(&left, &right) } else { sum(&left, &right) })?;
            operate(state, operator, left, right)
        });
    }
    let build = |make: fn(Vec<Value>) -> Value| {
        let budget = Arc::clone(budget);
        move |parts: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            let value = make(parts.into_values());
            budget.charge(weight(&value)).map(|()| value)
        }
    };
    environment.add_function(name::LIST, build(Value::from));
    environment.add_function(name::TUPLE, build(|values| Value::from(Tuple::from(values))));
    environment.add_function(name::MAP, build(|values| Value::from_pairs(values.chunks_exact(2).map(pair))));
    let own = Arc::clone(budget);
    environment.add_function("range", move |lower: isize, upper: Option<isize>, step: Option<isize>| {
        let range = functions::range(lower, upper, step)?;
        own.charge(weight(&range)).map(|()| range)
    });
    let own = Arc::clone(budget);
    environment.add_function("dict", move |value: Option<Value>, added: Kwargs| {
        let dict = functions::dict(value, added)?;
        own.charge(weight(&dict)).map(|()| dict)
    });
    let own = Arc::clone(budget);
    environment.set_formatter(move |out, state, value| {
        own.charge(weight(value))?;
        let len = value.as_str().map_or_else(|| value.to_string().len(), str::len);
        match subtract(&own.output, len as u64) {
            true => minijinja::escape_formatter(out, state, value),
            false => Err(Error::new(ErrorKind::WriteFailure, "the text is too long")),
        }
    });
    install_filters(environment, budget);
}

fn pair(parts: &[Value]) -> (Value, Value) {
    (parts[0].clone(), parts[1].clone())
}

fn sum(left: &Value, right: &Value) -> Option<usize> {
    weight(left)?.checked_add(weight(right)?)
}

fn product(left: &Value, right: &Value) -> Option<usize> {
    let times = |value: &Value, number: &Value| Some(repeated_weight(weight(value)?, number.as_usize().unwrap_or(0)));
    match (left.kind(), right.kind()) {
        (ValueKind::Number, ValueKind::Number) => Some(0),
        (ValueKind::Number, _) => times(right, left),
        _ => times(left, right),
    }
}

/// Applies an operator of the engine through an expression, since its code is not public.
fn operate(state: &State, operator: &str, left: Value, right: Value) -> Result<Value, Error> {
    let expression = state.env().compile_expression(match operator {
        "+" => "left + right",
        "*" => "left * right",
        _ => "left ~ right",
    })?;
    // Drop the place, so that the engine adds that of the operator in the author's text.
    let placeless = |error: Error| Error::new(error.kind(), error.detail().unwrap_or_default().to_owned());
    expression.eval(context! { left, right }).map_err(placeless)
}

/// Makes every filter count its input and output.
fn install_filters(environment: &mut Environment<'static>, budget: &Arc<TemplateBudget>) {
    macro_rules! counted {
        ($($name:ident),* $(,)?) => {
            $({
                const ORIGINAL: &str = concat!("=", stringify!($name));
                environment.add_filter(ORIGINAL, filters::$name);
                count_filter(environment, budget, stringify!($name), ORIGINAL);
            })*
        };
    }
    counted!(
        abs, attr, batch, bool, capitalize, chain, default, dictsort, escape, first, float, format, groupby, indent,
        int, items, join, last, length, lines, list, lower, map, max, min, pprint, reject, rejectattr, replace,
        reverse, round, safe, select, selectattr, slice, sort, split, string, sum, title, trim, unique, upper, zip,
    );
    for (alias, name) in [("count", "=length"), ("d", "=default"), ("e", "=escape")] {
        count_filter(environment, budget, alias, name);
    }
}

fn count_filter(
    environment: &mut Environment<'static>,
    budget: &Arc<TemplateBudget>,
    name: &'static str,
    original: &'static str,
) {
    let budget = Arc::clone(budget);
    environment.add_filter(name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        let arguments = arguments.into_values();
        budget.charge(weights(&arguments).and_then(|len| len.checked_add(growth(name, &arguments)?)))?;
        let value = state.apply_filter(original, &arguments)?;
        budget.charge(weight(&value))?;
        Ok(value)
    });
}

/// Returns the maximum number of bytes that a filter adds to its input; `None` if they can't be
/// computed.
fn growth(name: &str, arguments: &[Value]) -> Option<usize> {
    let text = |at: usize| arguments.get(at).and_then(Value::as_str);
    let numbers = || arguments.iter().skip(1).flat_map(numbers_in).max().unwrap_or(0);
    match name {
        "batch" | "slice" => numbers().checked_mul(16),
        "indent" => {
            let n_lines = text(0).map_or(0, |text| text.matches('\n').count() + 1);
            numbers().checked_mul(n_lines)
        }
        "format" => {
            let mut text = text(0).unwrap_or("");
            let mut sum = text.matches('*').count().checked_mul(numbers())?;
            while let Some(at) = text.find(|c: char| c.is_ascii_digit()) {
                let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
                sum = sum.checked_add(text[at..at + digits].parse::<usize>().ok()?)?;
                text = &text[at + digits..];
            }
            Some(sum)
        }
        "replace" => {
            let (Some(text), Some(from), Some(to)) = (text(0), text(1), text(2)) else { return Some(0) };
            let n = if from.is_empty() { text.len() + 1 } else { text.matches(from).count() };
            n.checked_mul(to.len())
        }
        "join" => {
            let n_items = arguments.first().and_then(Value::len).unwrap_or(0);
            let between = arguments.iter().skip(1).filter_map(weight).sum::<usize>();
            n_items.checked_mul(between)
        }
        // A number may be written with as many digits as its exponent.
        "round" => Some(400),
        _ => Some(0),
    }
}

/// Returns the numbers in an argument, positional or named.
fn numbers_in(argument: &Value) -> Vec<usize> {
    if !argument.is_kwargs() {
        return argument.as_usize().into_iter().collect();
    }
    let names = argument.try_iter().into_iter().flatten();
    names.filter_map(|name| argument.get_item(&name).ok()?.as_usize()).collect()
}
