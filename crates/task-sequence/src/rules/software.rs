//! Checks of programs, scripts, packages and variables of single steps.

use super::super::{Action, Value};
use super::{PlacedStep, Rules, at_key, at_step, has_variable};
use crate::reach::System;
use authoring::problem::Problem;
use authoring::rule::Rule;

/// Switches of `powershell.exe`, which are not parameters of a script (R109).
const SWITCHES: [&str; 7] =
    ["-executionpolicy", "-noprofile", "-noninteractive", "-file", "-command", "-encodedcommand", "-windowstyle"];

pub fn check(rules: &mut Rules<'_>) {
    for at in rules.enabled() {
        let Some(action) = at.action() else { continue };
        check_sources(&at, action, rules);
        check_restart_commands(&at, action, rules);
        check_account(&at, action, rules);
        match action.kind.name {
            "run-powershell-script" => check_script(&at, action, rules),
            "setup-windows" => check_client_properties(&at, action, rules),
            "set-variable" => check_variable(&at, action, rules),
            "set-dynamic-variables" => check_dynamic_variables(&at, action, rules),
            _ => {}
        }
    }
    check_dynamic_lists(rules);
    check_restart_variables(rules);
}

/// Checks that a step has exactly one source to work with, as the editor requires (R77).
fn check_sources(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let (ways, help): (&[&str], _) = match action.kind.name {
        "apply-operating-system" => (&["image", "upgrade-package"], "add `image = \"BER00010\"`"),
        "upgrade-operating-system" => (&["package", "source", "feature-update"], "add `package = \"BER00011\"`"),
        "install-application" => (&["applications", "base-variable"], "add `applications = [{ id = \"…\" }]`"),
        "install-package" => (&["package", "base-variable"], "add `package = \"BER00021\"` and `program = \"…\"`"),
        "run-powershell-script" => (&["package", "script"], "add `package` and `script-name`, or `script`"),
        _ => return,
    };
    let is_set = |key: &str| match action.values.get(key) {
        Some(Value::Boolean(truth)) => *truth,
        Some(Value::Tables(tables)) => !tables.is_empty(),
        given => given.is_some(),
    };
    let given: Vec<_> = ways.iter().copied().filter(|key| is_set(key)).collect();
    let both = match given[..] {
        [] => {
            let list = authoring::suggestions::one_of(ways.iter().copied());
            let problem =
                Problem::new(Rule::IncompleteStep, format!("the step `{}` has none of the keys {list}", at.name()));
            let problem = at_step(problem, at.step, "");
            return rules.add(problem.help(format!("{help}, or disable the step with `disabled = true`")));
        }
        // `script-name` may remain beside `script`; only the two sources exclude each other.
        [first, second, ..] => Some((first, second)),
        [_] => None,
    };
    if let Some((first, second)) = both {
        let problem =
            Problem::new(Rule::IncompleteStep, format!("the step `{}` has both `{first}` and `{second}`", at.name()));
        let problem = at_key(problem, at.step, second, "one source");
        return rules.add(at_key(problem, at.step, first, "another source").help("remove one of them"));
    }
    let lacking = match action.kind.name {
        "install-package" => ("package", "program"),
        "run-powershell-script" => ("package", "script-name"),
        _ => return,
    };
    if given.contains(&lacking.0) && !action.values.contains_key(lacking.1) {
        let problem = Problem::new(Rule::IncompleteStep, format!("the step names a package, but no `{}`", lacking.1));
        let help = format!("add `{} = \"…\"`, as named in the package", lacking.1);
        rules.add(at_key(problem, at.step, lacking.0, "").help(help));
    }
}

/// Checks for commands that restart the computer without the engine (R113).
fn check_restart_commands(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    for key in ["command-line", "script"] {
        let Some(text) = action.text(key) else { continue };
        let text = text.to_lowercase();
        let code: String =
            text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
        let words: Vec<_> = code.split(|c: char| c.is_whitespace() || matches!(c, '"' | ';' | '&' | '|')).collect();
        // Programs may be given with a path and an extension.
        let is = |program: &str, word: &str| {
            let name = word.rsplit(['\\', '/']).next().unwrap_or(word);
            name == program || name.strip_suffix(".exe") == Some(program)
        };
        let restart = words.iter().enumerate().find_map(|(index, word)| {
            let rest = &words[index + 1..];
            let says = |wanted: &[&str]| rest.iter().any(|word| wanted.contains(word));
            match word {
                word if is("shutdown", word) && says(&["/r", "-r", "/s", "-s", "/g", "-g"]) => Some("shutdown"),
                word if is("wpeutil", word) && says(&["reboot", "shutdown"]) => Some("wpeutil"),
                word if key == "script" && ["restart-computer", "stop-computer"].contains(word) => Some("the script"),
                _ => None,
            }
        });
        if let Some(program) = restart {
            let program = if program == "the script" { program.to_owned() } else { format!("`{program}`") };
            let message = format!("{program} restarts the computer, and the task sequence loses its state");
            let help = "exit with code 3010, or use a step of type `restart-computer`";
            rules.add(at_key(Problem::new(Rule::UncoordinatedRestart, message), at.step, key, "").help(help));
        }
    }
}

/// Checks that no command runs under an account in Windows PE, which has none (R107).
fn check_account(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let is_program = action.is("run-command-line") || action.is("run-powershell-script");
    if is_program && action.values.contains_key("user") && at.reached.runs_only_in(System::WindowsPe) {
        let message = format!("the step `{}` runs as another account, but Windows PE has no user accounts", at.name());
        let help = "remove `user`, or move the step after `setup-windows`";
        rules.add(at_key(Problem::new(Rule::AccountInWindowsPe, message), at.step, "user", "").help(help));
    }
}

fn check_script(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let parameters = action.text("parameters").unwrap_or_default().to_lowercase();
    if let Some(switch) = parameters.split_whitespace().find(|word| SWITCHES.contains(word)) {
        let message = format!("`{switch}` is a switch of `powershell.exe`, not a parameter of the script");
        let help = "remove it; set the execution policy with `execution-policy`";
        rules.add(at_key(Problem::new(Rule::InvalidScriptSettings, message), at.step, "parameters", "").help(help));
    }
    let is_signed = action.text("script").is_none_or(|script| script.contains("# SIG # Begin signature block"));
    let policy = action.text("execution-policy").unwrap_or("all-signed");
    if policy == "all-signed" && !is_signed {
        let problem = Problem::new(
            Rule::InvalidScriptSettings,
            "the script is not signed, but its execution policy is `all-signed`",
        );
        let key = if action.values.contains_key("execution-policy") { "execution-policy" } else { "script" };
        let help = "write `execution-policy = \"bypass\"`, or sign the script";
        rules.add(at_key(problem, at.step, key, "").help(help));
    }
}

fn check_client_properties(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let Some(text) = action.text("installation-properties") else { return };
    let key = "installation-properties";
    if text.to_uppercase().split_whitespace().any(|word| word.starts_with("SMSSITECODE=")) {
        let problem = Problem::new(
            Rule::InvalidClientProperties,
            "the client installation properties contain `SMSSITECODE`, which the medium assigns",
        );
        rules.add(at_key(problem, at.step, key, "").help("remove it"));
    }
    if text.matches('"').count() % 2 == 1 {
        let problem =
            Problem::new(Rule::InvalidClientProperties, "unclosed quote in the client installation properties");
        rules.add(at_key(problem, at.step, key, "").help("quote values like `FSP=\"one two\"`"));
    }
}

fn check_variable(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let Some(name) = action.text("variable") else { return };
    if name.starts_with('_') {
        let message =
            format!("`{name}` is read-only: variables that begin with `_` belong to the task sequence engine");
        let help = "choose another name; read-only variables can only be tested in conditions";
        rules.add(at_key(Problem::new(Rule::ReadOnlyVariable, message), at.step, "variable", "").help(help));
    }
    let value = action.text("value").unwrap_or_default();
    let is_right = has_variable(value) || ["HD", "WinPE", ""].iter().any(|one| one.eq_ignore_ascii_case(value));
    if name.eq_ignore_ascii_case("SMSTSRebootRequested") && !is_right {
        let problem = Problem::new(
            Rule::InvalidRestartRequest,
            format!("invalid value `{value}` of `SMSTSRebootRequested`: expected `HD` or `WinPE`"),
        );
        rules.add(
            at_key(problem, at.step, "value", "")
                .help("write `value = \"HD\"` for the installed system, or `value = \"WinPE\"`"),
        );
    }
}

fn check_dynamic_variables(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    for (index, rule) in action.tables("rules").iter().enumerate() {
        let Some(Value::Map(variables)) = rule.get("set") else { continue };
        for (name, _) in variables.iter().filter(|(name, _)| name.starts_with('_')) {
            let message =
                format!("`{name}` is read-only: variables that begin with `_` belong to the task sequence engine");
            let problem =
                at_key(Problem::new(Rule::ReadOnlyVariable, message), at.step, &format!("rules/{index}/set"), "");
            rules.add(problem.help("choose another name; read-only variables can only be tested in conditions"));
        }
    }
}

/// Checks the numbers and values of variables in a dynamic list, such as `Packages001` (R115).
fn check_dynamic_lists(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    for list in &steps {
        let Some(action) = list.action() else { continue };
        let (n_digits, example) = match action.kind.name {
            "install-package" => (3, "001"),
            "install-application" => (2, "01"),
            _ => continue,
        };
        let Some(base) = action.text("base-variable") else { continue };
        let sets = steps.iter().filter_map(|at| Some((at, at.action().filter(|action| action.is("set-variable"))?)));
        for (at, set) in sets {
            let name = set.text("variable").unwrap_or_default();
            let Some(number) = name.get(base.len()..).filter(|_| name[..base.len()].eq_ignore_ascii_case(base)) else {
                continue;
            };
            if number.is_empty() || !number.bytes().all(|c| c.is_ascii_digit()) {
                continue;
            }
            if number.len() != n_digits {
                let message =
                    format!("`{name}` is not part of the list `{base}`, whose numbers have {n_digits} digits");
                let problem = at_key(Problem::new(Rule::InvalidDynamicList, message), at.step, "variable", "set here");
                let problem = at_key(problem, list.step, "base-variable", "list");
                rules.problems.push(problem.help(format!("start with `{base}{example}`")));
            }
            let value = set.text("value").unwrap_or_default();
            let is_package = value.split_once(':').is_some_and(|(id, program)| {
                let is_id = id.len() == 8 && !id.bytes().any(|c| c.is_ascii_lowercase() || !c.is_ascii_alphanumeric());
                is_id && !program.is_empty()
            });
            if n_digits == 3 && !value.is_empty() && !has_variable(value) && !is_package {
                let message = format!("`{value}` is not a package ID and a program");
                let problem = at_key(Problem::new(Rule::InvalidDynamicList, message), at.step, "value", "");
                let problem = at_key(problem, list.step, "base-variable", "list");
                rules
                    .problems
                    .push(problem.help("write it like `BER00021:Install`, with the package ID in capital letters"));
            }
        }
    }
}

/// Checks variables that request a restart, and those that have to be reset.
fn check_restart_variables(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let sets = |wanted: &str| {
        let is = |at: &&PlacedStep<'_>| {
            let action = at.action().filter(|action| action.is("set-variable"));
            action.and_then(|action| action.text("variable")).is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        };
        steps.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    let value =
        |at: &PlacedStep<'_>| at.action().and_then(|action| action.text("value")).unwrap_or_default().to_owned();
    // Programs can set `SMSTSRebootRequested` as well.
    let has_programs =
        steps.iter().any(|at| at.is("run-command-line") || at.is("run-powershell-script") || at.is("install-package"));
    if sets("SMSTSRebootRequested").is_empty() && !has_programs {
        for at in sets("SMSTSRetryRequested").iter().filter(|at| !value(at).is_empty()) {
            let problem = Problem::new(Rule::InvalidRestartRequest, "the retry has no effect: no restart is requested");
            let help = "also set `SMSTSRebootRequested` to `HD` or `WinPE`";
            rules.add(at_key(problem, at.step, "variable", "").help(help));
        }
    }
    let waits = sets("SMSTSWaitForSecondReboot");
    let is_zero = |at: &&PlacedStep<'_>| ["", "0"].contains(&value(at).as_str());
    for at in waits.iter().filter(|at| !is_zero(at)) {
        let Some(updates) = steps.iter().find(|other| other.index > at.index && other.is("install-software-updates"))
        else {
            continue;
        };
        if waits.iter().filter(is_zero).any(|other| other.index > updates.index) {
            continue;
        }
        let problem =
            Problem::new(Rule::LingeringRebootWait, "`SMSTSWaitForSecondReboot` is not reset after the updates");
        let problem = at_step(at_key(problem, at.step, "value", "set here"), updates.step, "installs the updates");
        rules.add(problem.help("set it to `0` in a step after the updates"));
    }
}
