//! Checks the text of a template before the engine compiles it: how deep it nests, which statements it has, and which
//! constants the compiler would multiply.

use std::ops::Range;

use minijinja::machinery::{Span, Token, ast, parse, parse_expr, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;

use super::super::template_errors::Failure;
use super::budget::{OWN, repeated, weight};
use crate::limits::{MAX_TEMPLATE_LEN, MAX_TEMPLATE_OPERATORS, MAX_TEMPLATE_VALUE};

/// Statements that capture text, define functions or read files, none of which a string of a manifest needs.
const REFUSED: [&str; 11] =
    ["autoescape", "block", "call", "do", "endset", "extends", "filter", "from", "import", "include", "macro"];
/// Of [`REFUSED`], those that read another file.
const READING: [&str; 4] = ["extends", "from", "import", "include"];
/// Operators that are words. Each `elif` nests in the one before.
const OPERATOR_WORDS: [&str; 7] = ["and", "else", "if", "in", "is", "not", "or"];

/// Checks a template.
pub fn check(text: &str) -> Result<(), Failure> {
    if text.len() > MAX_TEMPLATE_LEN {
        return Err(Failure {
            message: format!("the template has {} bytes; at most {MAX_TEMPLATE_LEN} are read", text.len()),
            help: Some("split the text".into()),
            range: None,
        });
    }
    check_tokens(text, false)?;
    // What can't be parsed is reported when it is compiled.
    match parse(text, "<string>", SyntaxConfig::default()) {
        Ok(template) => statement(&template).map_err(too_large),
        Err(_) => Ok(()),
    }
}

/// Checks an expression without the braces around it.
pub fn check_expression(text: &str) -> Result<(), Failure> {
    check_tokens(text, true)?;
    match parse_expr(text) {
        Ok(parsed) => constant(&parsed).map(drop).map_err(too_large),
        Err(_) => Ok(()),
    }
}

fn check_tokens(text: &str, is_expression: bool) -> Result<(), Failure> {
    let (mut n_operators, mut n_elif) = (0, 0);
    let (mut is_block_start, mut is_for, mut is_after_dot) = (false, false, false);
    for token in tokenize(text, is_expression, SyntaxConfig::default()) {
        let Ok((token, span)) = token else { break };
        match &token {
            Token::Ident(word) if is_block_start && REFUSED.contains(word) => return Err(refused(word, span)),
            Token::Ident("recursive") if is_for && !is_after_dot => return Err(refused("recursive", span)),
            Token::Ident("elif") => n_elif += 1,
            Token::VariableStart | Token::BlockStart => n_operators = 0,
            Token::Ident(word) if !OPERATOR_WORDS.contains(word) => {}
            Token::TemplateData(_) | Token::VariableEnd | Token::BlockEnd | Token::Comma | Token::Colon => {}
            Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) => {}
            _ => n_operators += 1,
        }
        if n_operators.max(n_elif) > MAX_TEMPLATE_OPERATORS {
            return Err(Failure {
                message: format!(
                    "an expression of the template has more than {MAX_TEMPLATE_OPERATORS} operators, dots and brackets"
                ),
                help: Some("move parts of it into values of their own under `[vars]`".into()),
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

fn refused(word: &str, span: Span) -> Failure {
    let (message, help) = match word {
        word if READING.contains(&word) => (
            "a template cannot include a file".to_owned(),
            "manifests share what they have in common through `media.profile`",
        ),
        "endset" => ("a template cannot set a value to a block of text".into(), "write `{% set name = 'text' %}`"),
        word => (format!("templates have no `{word}`"), "put what several texts share into a value under `[vars]`"),
    };
    Failure { message, help: Some(help.into()), range: Some(range(span)) }
}

fn too_large(span: Span) -> Failure {
    Failure {
        message: format!("the template multiplies a text or list to more than {MAX_TEMPLATE_VALUE} bytes"),
        help: Some("use a smaller number".into()),
        range: Some(range(span)),
    }
}

fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// Checks the constants in a statement; the error is where one is too large.
fn statement(node: &ast::Stmt<'_>) -> Result<(), Span> {
    let all = |body: &[ast::Stmt<'_>]| body.iter().try_for_each(statement);
    match node {
        ast::Stmt::Template(node) => all(&node.children),
        ast::Stmt::EmitExpr(node) => constant(&node.expr).map(drop),
        ast::Stmt::ForLoop(node) => {
            constants([&node.iter].into_iter().chain(&node.filter_expr))?;
            all(&node.body)?;
            all(&node.else_body)
        }
        ast::Stmt::IfCond(node) => {
            constant(&node.expr)?;
            all(&node.true_body)?;
            all(&node.false_body)
        }
        ast::Stmt::WithBlock(node) => {
            constants(node.assignments.iter().map(|(_, value)| value))?;
            all(&node.body)
        }
        ast::Stmt::Set(node) => constant(&node.expr).map(drop),
        // Raw text, and what `check_tokens` refuses.
        _ => Ok(()),
    }
}

fn constants<'a>(nodes: impl IntoIterator<Item = &'a ast::Expr<'a>>) -> Result<(), Span> {
    nodes.into_iter().try_for_each(|node| constant(node).map(drop))
}

/// Weight in bytes of an expression that the compiler evaluates, `None` for one that is evaluated later; the error is
/// where one is too large. Nothing is multiplied before its size is known.
fn constant(node: &ast::Expr<'_>) -> Result<Option<usize>, Span> {
    match node {
        ast::Expr::Const(node) => Ok(weight(&node.value)),
        ast::Expr::UnaryOp(node) => constant(&node.expr),
        ast::Expr::BinOp(node) => {
            let (Some(left), Some(right)) = (constant(&node.left)?, constant(&node.right)?) else { return Ok(None) };
            let weight = match node.op {
                ast::BinOpKind::Mul => product(&node.left, left, &node.right, right),
                _ => left.saturating_add(right),
            };
            if weight > MAX_TEMPLATE_VALUE { Err(node.span()) } else { Ok(Some(weight)) }
        }
        ast::Expr::Compare(node) => {
            constant(&node.expr)?;
            constants(node.ops.iter().map(|op| &op.expr))?;
            Ok(node.expr.as_const().and_then(|value| weight(&value)))
        }
        ast::Expr::List(node) => items(&node.items),
        ast::Expr::Tuple(node) => items(&node.items),
        ast::Expr::Map(node) => Ok(items(&node.keys)?.zip(items(&node.values)?).map(|(keys, values)| keys + values)),
        ast::Expr::Slice(node) => {
            constants([&node.expr].into_iter().chain(&node.start).chain(&node.stop).chain(&node.step))?;
            Ok(None)
        }
        ast::Expr::IfExpr(node) => {
            constants([&node.test_expr, &node.true_expr].into_iter().chain(&node.false_expr))?;
            Ok(None)
        }
        ast::Expr::Filter(node) => constants(node.expr.iter().chain(arguments(&node.args))).map(|()| None),
        ast::Expr::Test(node) => constants([&node.expr].into_iter().chain(arguments(&node.args))).map(|()| None),
        ast::Expr::Call(node) => constants([&node.expr].into_iter().chain(arguments(&node.args))).map(|()| None),
        ast::Expr::GetAttr(node) => constant(&node.expr).map(|_| None),
        ast::Expr::GetItem(node) => constants([&node.expr, &node.subscript_expr]).map(|()| None),
        ast::Expr::Var(_) => Ok(None),
    }
}

fn items(nodes: &[ast::Expr<'_>]) -> Result<Option<usize>, Span> {
    let add = |sum: Option<usize>, node| Ok(sum.zip(constant(node)?).map(|(sum, len)| sum + len));
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

/// Weight of a product: that of a text or list as often as the number beside it says.
fn product(left: &ast::Expr<'_>, left_len: usize, right: &ast::Expr<'_>, right_len: usize) -> usize {
    let (Some(left), Some(right)) = (left.as_const(), right.as_const()) else { return 0 };
    let times = |len: usize, number: &minijinja::Value| repeated(len, number.as_usize().unwrap_or(0));
    match (left.kind(), right.kind()) {
        (ValueKind::Number, ValueKind::Number) => left_len + right_len,
        (ValueKind::Number, _) => times(right_len, &left),
        _ => times(left_len, &right),
    }
}
