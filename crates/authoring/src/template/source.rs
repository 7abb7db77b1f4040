//! Checks the source of a template before it is compiled: nesting, statements, and constants that
//! the compiler would multiply.

use std::ops::Range;

use minijinja::machinery::{Span, Token, ast, parse, parse_expr, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;

use super::super::template_errors::TemplateFailure;
use super::budget::{OWN, repeated_weight, weight};
use crate::limits::{MAX_TEMPLATE_LEN, MAX_TEMPLATE_OPERATORS, MAX_TEMPLATE_VALUE};

/// Statements that capture text, define functions or read files, which no string of a manifest
/// needs.
const REFUSED: [&str; 11] =
    ["autoescape", "block", "call", "do", "endset", "extends", "filter", "from", "import", "include", "macro"];
/// Those of [`REFUSED`] that read another file.
const READING: [&str; 4] = ["extends", "from", "import", "include"];
/// Operators that are words. Each `elif` is nested in the one before.
const OPERATOR_WORDS: [&str; 7] = ["and", "else", "if", "in", "is", "not", "or"];

/// Checks a template.
pub fn check(text: &str) -> Result<(), TemplateFailure> {
    if text.len() > MAX_TEMPLATE_LEN {
        return Err(TemplateFailure {
            message: format!("the template has {} bytes; at most {MAX_TEMPLATE_LEN} are allowed", text.len()),
            help: Some("split the text into several values".into()),
            range: None,
        });
    }
    check_tokens(text, false)?;
    // Syntax errors are reported when the template is compiled.
    match parse(text, "<string>", SyntaxConfig::default()) {
        Ok(template) => check_statement(&template).map_err(too_large),
        Err(_) => Ok(()),
    }
}

/// Checks an expression, without the surrounding braces.
pub fn check_expression(text: &str) -> Result<(), TemplateFailure> {
    check_tokens(text, true)?;
    match parse_expr(text) {
        Ok(parsed) => constant_weight(&parsed).map(drop).map_err(too_large),
        Err(_) => Ok(()),
    }
}

fn check_tokens(text: &str, is_expression: bool) -> Result<(), TemplateFailure> {
    let (mut n_operators, mut n_elif) = (0, 0);
    let (mut is_block_start, mut is_for, mut is_after_dot) = (false, false, false);
    for token in tokenize(text, is_expression, SyntaxConfig::default()) {
        let Ok((token, span)) = token else { break };
        match &token {
            Token::Ident(word) if is_block_start && REFUSED.contains(word) => return Err(refused_word(word, span)),
            // `loop.recursive` and the like are attributes, not the keyword.
            Token::Ident("recursive") if is_for && !is_after_dot => return Err(refused_word("recursive", span)),
            Token::Ident("elif") => n_elif += 1,
            // Count per expression: the parser recurses only within one.
            Token::VariableStart | Token::BlockStart => n_operators = 0,
            Token::Ident(word) if !OPERATOR_WORDS.contains(word) => {}
            Token::TemplateData(_) | Token::VariableEnd | Token::BlockEnd | Token::Comma | Token::Colon => {}
            Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) => {}
            _ => n_operators += 1,
        }
        if n_operators.max(n_elif) > MAX_TEMPLATE_OPERATORS {
            return Err(TemplateFailure {
                message: format!(
                    "an expression of the template has more than {MAX_TEMPLATE_OPERATORS} operators, dots and brackets"
                ),
                help: Some("move parts of it to separate values under `[vars]`".into()),
                range: Some(range(span)),
            });
        }
        is_for = match &token {
            Token::Ident(word) if is_block_start => *word == "for",
            Token::BlockEnd => false,
            _ => is_for,
        };
        is_after_dot = matches!(token, Token::Dot);
        is_block_start = matches!(token, Token::BlockStart);
    }
    Ok(())
}

fn refused_word(word: &str, span: Span) -> TemplateFailure {
    let (message, help) = match word {
        word if READING.contains(&word) => {
            ("a template can't include a file".to_owned(), "share common parts between manifests with `media.profile`")
        }
        "endset" => ("a template can't set a value to a block of text".into(), "write `{% set name = 'text' %}`"),
        word => (format!("templates can't use `{word}`"), "move common text to a value under `[vars]`"),
    };
    TemplateFailure { message, help: Some(help.into()), range: Some(range(span)) }
}

fn too_large(span: Span) -> TemplateFailure {
    TemplateFailure {
        message: format!("the template multiplies a text or list to more than {MAX_TEMPLATE_VALUE} bytes"),
        help: Some("use a smaller number".into()),
        range: Some(range(span)),
    }
}

fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// Checks the constants in a statement. The error is the place of one that is too large.
fn check_statement(node: &ast::Stmt<'_>) -> Result<(), Span> {
    let all = |body: &[ast::Stmt<'_>]| body.iter().try_for_each(check_statement);
    match node {
        ast::Stmt::Template(node) => all(&node.children),
        ast::Stmt::EmitExpr(node) => constant_weight(&node.expr).map(drop),
        ast::Stmt::ForLoop(node) => {
            check_constants([&node.iter].into_iter().chain(&node.filter_expr))?;
            all(&node.body)?;
            all(&node.else_body)
        }
        ast::Stmt::IfCond(node) => {
            constant_weight(&node.expr)?;
            all(&node.true_body)?;
            all(&node.false_body)
        }
        ast::Stmt::WithBlock(node) => {
            check_constants(node.assignments.iter().map(|(_, value)| value))?;
            all(&node.body)
        }
        ast::Stmt::Set(node) => constant_weight(&node.expr).map(drop),
        // Raw text, or statements that `check_tokens` refuses.
        _ => Ok(()),
    }
}

fn check_constants<'a>(nodes: impl IntoIterator<Item = &'a ast::Expr<'a>>) -> Result<(), Span> {
    nodes.into_iter().try_for_each(|node| constant_weight(node).map(drop))
}

/// Returns the size in bytes of an expression that the compiler evaluates; `None` for one evaluated
/// later. The error is the place of one that is too large. Sizes are computed before anything is
/// multiplied.
fn constant_weight(node: &ast::Expr<'_>) -> Result<Option<usize>, Span> {
    match node {
        ast::Expr::Const(node) => Ok(weight(&node.value)),
        ast::Expr::UnaryOp(node) => constant_weight(&node.expr),
        ast::Expr::BinOp(node) => {
            let (Some(left), Some(right)) = (constant_weight(&node.left)?, constant_weight(&node.right)?) else {
                return Ok(None);
            };
            // Only a product grows faster than the template that it is written in: `"x" * 1_000_000_000`.
            let weight = match node.op {
                ast::BinOpKind::Mul => product(&node.left, left, &node.right, right),
                _ => left.saturating_add(right),
            };
            if weight > MAX_TEMPLATE_VALUE { Err(node.span()) } else { Ok(Some(weight)) }
        }
        ast::Expr::Compare(node) => {
            constant_weight(&node.expr)?;
            check_constants(node.ops.iter().map(|op| &op.expr))?;
            Ok(node.expr.as_const().and_then(|value| weight(&value)))
        }
        ast::Expr::List(node) => items_weight(&node.items),
        ast::Expr::Tuple(node) => items_weight(&node.items),
        ast::Expr::Map(node) => {
            Ok(items_weight(&node.keys)?.zip(items_weight(&node.values)?).map(|(keys, values)| keys + values))
        }
        ast::Expr::Slice(node) => {
            check_constants([&node.expr].into_iter().chain(&node.start).chain(&node.stop).chain(&node.step))?;
            Ok(None)
        }
        ast::Expr::IfExpr(node) => {
            check_constants([&node.test_expr, &node.true_expr].into_iter().chain(&node.false_expr))?;
            Ok(None)
        }
        ast::Expr::Filter(node) => check_constants(node.expr.iter().chain(arguments(&node.args))).map(|()| None),
        ast::Expr::Test(node) => check_constants([&node.expr].into_iter().chain(arguments(&node.args))).map(|()| None),
        ast::Expr::Call(node) => check_constants([&node.expr].into_iter().chain(arguments(&node.args))).map(|()| None),
        ast::Expr::GetAttr(node) => constant_weight(&node.expr).map(|_| None),
        ast::Expr::GetItem(node) => check_constants([&node.expr, &node.subscript_expr]).map(|()| None),
        ast::Expr::Var(_) => Ok(None),
    }
}

fn items_weight(nodes: &[ast::Expr<'_>]) -> Result<Option<usize>, Span> {
    let add = |sum: Option<usize>, node| Ok(sum.zip(constant_weight(node)?).map(|(sum, len)| sum + len));
    nodes.iter().try_fold(Some(OWN), add)
}

fn arguments<'a>(nodes: &'a [ast::CallArg<'a>]) -> impl Iterator<Item = &'a ast::Expr<'a>> {
    nodes.iter().map(|node| match node {
        ast::CallArg::Pos(node)
        | ast::CallArg::Kwarg(_, node)
        | ast::CallArg::PosSplat(node)
        | ast::CallArg::KwargSplat(node) => node,
    })
}

/// Returns the size of a product: a text or list, repeated by the number beside it.
fn product(left: &ast::Expr<'_>, left_len: usize, right: &ast::Expr<'_>, right_len: usize) -> usize {
    let (Some(left), Some(right)) = (left.as_const(), right.as_const()) else { return 0 };
    let times = |len: usize, number: &minijinja::Value| repeated_weight(len, number.as_usize().unwrap_or(0));
    match (left.kind(), right.kind()) {
        (ValueKind::Number, ValueKind::Number) => left_len + right_len,
        (ValueKind::Number, _) => times(right_len, &left),
        _ => times(left_len, &right),
    }
}
