//! Checks the prestart command.

use super::super::base;
use super::super::model::{CONTENT, PRESTART_PACKAGE};
use super::active_entries;
use crate::problem::Problem;
use crate::rule::Rule;
use authoring::doc::Doc;

/// Longest prestart command that boot images are known to accept, in characters.
const MAX_COMMAND: usize = 4_096;

const FILES: &str = "/prestart/files";
const PACKAGE: &str = "/prestart/package";
const WHERE: &str = "/prestart/where";

pub(super) fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    check_command(doc, problems);
    check_package(doc, problems);
}

fn check_command(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let Some(command) = doc.str("/prestart/command") else { return };
    let problem = |problem: Problem| problem.at(doc.place("/prestart/command"), "");
    if let Some(c) = command.chars().find(|c| c.is_control()) {
        let message = format!("the prestart command contains a control character (`{}`)", c);
        problems.push(problem(Problem::error(message)).help("write it on one line, in single quotes"));
    }
    let mut words = command.split_whitespace().map(str::to_lowercase);
    let program = words.next().unwrap_or_default();
    if !matches!(program.as_str(), "cmd" | "cmd.exe") || words.next().as_deref() != Some("/c") {
        let message = "the prestart command does not start with `cmd /c`, so it may never end";
        let help = match command.len() {
            0..60 => format!("write `cmd /c {command}`"),
            _ => "write `cmd /c` in front of it".into(),
        };
        problems.push(problem(Problem::new(Rule::PrestartWithoutCmd, message)).help(help));
    }
    let n_chars = command.encode_utf16().count();
    if n_chars > MAX_COMMAND {
        let message = format!("the prestart command has {n_chars} characters; boot images accept {MAX_COMMAND}");
        let help = "move it to a script in `files`, and start that script";
        problems.push(problem(Problem::new(Rule::LongPrestartCommand, message)).help(help));
    }
}

/// Checks the package on the medium that the command runs in.
fn check_package(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    if doc.str(WHERE) == Some("boot-image") {
        if doc.spans.has(PACKAGE) {
            let problem = Problem::error("`prestart.package` has no effect because the files are in the boot image");
            let problem = problem.at(doc.place(PACKAGE), "").at(doc.place(WHERE), "in the boot image");
            problems.push(problem.help("remove `package`, or write `where = \"medium\"`"));
        }
        return;
    }
    let content = CONTENT.iter().flat_map(|(table, one, _)| {
        active_entries(doc, table).into_iter().map(move |(pointer, entry)| (format!("{pointer}/id"), *one, entry))
    });
    let id = doc.str(PACKAGE).unwrap_or(PRESTART_PACKAGE);
    let same = content.into_iter().find(|(_, _, entry)| {
        entry.get("id").and_then(|other| other.as_str()).is_some_and(|other| other.eq_ignore_ascii_case(id))
    });
    match (doc.spans.has(FILES), same) {
        (true, Some((pointer, one, _))) => {
            let place = if doc.spans.has(PACKAGE) { PACKAGE } else { FILES };
            let problem = Problem::error(format!("the ID `{id}` is used twice"));
            let problem =
                problem.at(doc.place(place), "the prestart files").at(doc.place(&pointer), format!("this {one}"));
            problems.push(
                problem.help("choose another `package` for the prestart files, or remove `files` to run in this one"),
            );
        }
        (false, None) if doc.spans.has(PACKAGE) && !base::is_present(doc) => {
            let problem =
                Problem::error(format!("the prestart command runs in the package `{id}`, which is not on the medium"));
            problems.push(
                problem
                    .at(doc.place(PACKAGE), "")
                    .help("name its files in `[prestart]`, such as `files = \"prestart\"`"),
            );
        }
        _ => {}
    }
}
