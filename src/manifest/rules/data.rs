//! What a manifest alone shows to be wrong with what its medium tells the client: variables, password, options of a
//! kind, dates.

use serde_json::Value as Json;

use super::super::base;
use super::super::source_date;
use crate::problem::Problem;
use crate::rule::{Rule, Severity};
use authoring::doc::{Doc, dotted};
use authoring::suggestions::shorten;

/// The longest name of a variable in characters (R65).
const MAX_NAME: usize = 256;
/// The longest value of a variable in characters (R67).
pub const MAX_VALUE: usize = 4_000;
/// The longest value of a reserved variable in characters: certificates with their chains have some thousands.
const MAX_RESERVED_VALUE: usize = 65_536;
/// A medium that is valid for less may be expired by a clock that was never set.
const SHORT_SECONDS: u64 = 7 * 86_400;

/// Keys of media that do not reach for the network, or do, and the rule that says so.
const OF_NETWORK: [(&str, Rule, &str); 3] = [
    ("/media/unknown-computers", Rule::OptionOfOtherKind, "no site is asked who a computer is"),
    ("/media/device-affinity", Rule::DeviceAffinityOnStandAlone, "no site is told who uses a computer"),
    ("/media/preferred-advertisement", Rule::OptionOfOtherKind, "they carry the one task sequence that they start"),
];
const OF_STAND_ALONE: [(&str, &str); 3] = [
    ("/media/valid-from", "their certificate has dates"),
    ("/media/expires", "their certificate has dates"),
    ("/policy", "their policy comes from the site"),
];

const OF_OTHERS_THAN_CAPTURE: [(&str, Rule, &str); 12] = [
    ("/media/unattended", Rule::OptionOfOtherKind, "somebody starts the capture"),
    ("/media/language", Rule::OptionOfOtherKind, "they have no variables"),
    ("/media/branding-title", Rule::OptionOfOtherKind, "they have no variables"),
    ("/reserved-variables", Rule::VariablesOnCaptureMedia, "they have no variables"),
    ("/media/unknown-computers", Rule::OptionOfOtherKind, "no site is asked who a computer is"),
    ("/media/device-affinity", Rule::OptionOfOtherKind, "no site is told who uses a computer"),
    ("/media/preferred-advertisement", Rule::OptionOfOtherKind, "they carry the one task sequence that they start"),
    ("/media/valid-from", Rule::OptionOfOtherKind, "they have no dates"),
    ("/media/expires", Rule::OptionOfOtherKind, "they have no dates"),
    ("/policy", Rule::OptionOfOtherKind, "it is made of their task sequence"),
    ("/variables", Rule::VariablesOnCaptureMedia, "write them into the sequence, as steps of type `set-variable`"),
    ("/prestart", Rule::VariablesOnCaptureMedia, "the sequence can run the command in a step"),
];

/// Variables that keys of the manifest stand for.
const BY_KEY: [(&str, &str); 3] = [
    ("SMSTSLanguageFolder", "/media/language"),
    ("SMSTSPreferredAdvertID", "/media/preferred-advertisement"),
    ("SMSTSAssignUsersMode", "/media/device-affinity"),
];

/// Reserved variables that keys of the manifest stand for, or that tsmedia writes itself (without a key).
const RESERVED_BY_KEY: [(&str, &str); 18] = [
    ("_SMSMediaGuid", ""),
    ("_SMSTSMediaType", ""),
    ("_SMSTSStandAloneMedia", ""),
    ("_SMSTSLaunchMode", ""),
    ("_SMSTSMediaPFX", "/certificate"),
    ("_SMSTSRootCACerts", "/sites/0/root-ca"),
    ("_SMSTSSiteCode", "/sites/0/code"),
    ("_SMSTSHTTPPort", "/sites/0/http-port"),
    ("_SMSTSHTTPSPort", "/sites/0/https-port"),
    ("_SMSTSIISSSLState", "/sites/0/ssl-state"),
    ("_SMSTSUseFirstCert", "/sites/0/use-first-certificate"),
    ("_SMSTSPublicRootKey", "/sites/0/root-key"),
    ("_SMSTSSiteSigningCertificate", "/sites/0/signing-certificate"),
    ("_SMSTSBootMediaPackageID", "/boot/package"),
    ("_SMSTSBrandingTitle", "/media/branding-title"),
    ("_SMSTSx64UnknownMachineGUID", "/media/unknown-computers/x64"),
    ("_SMSTSx86UnknownMachineGUID", "/media/unknown-computers/x86"),
    ("_SMSTSarm64UnknownMachineGUID", "/media/unknown-computers/arm64"),
];

pub(super) fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    of_kind(doc, problems);
    unattended(doc, problems);
    dates(doc, problems);
    variables(doc, problems);
    reserved_variables(doc, problems);
}

/// JSON pointers of keys that media of a kind never have: those that are errors, and that no manifest can lower.
pub fn refused_keys(kind: &str) -> Vec<&'static str> {
    let with_rules: &[(&str, Rule, &str)] = match kind {
        "stand-alone" => &OF_NETWORK,
        "capture" => &OF_OTHERS_THAN_CAPTURE,
        "bootable" | "prestaged" => return OF_STAND_ALONE.iter().map(|(pointer, _)| *pointer).collect(),
        _ => &[],
    };
    let is_refused = |rule: Rule| rule.severity() == Severity::Error && !rule.is_lowerable();
    with_rules.iter().filter(|(_, rule, _)| is_refused(*rule)).map(|(pointer, ..)| *pointer).collect()
}

fn is_stand_alone(doc: Doc<'_>) -> bool {
    doc.str("/media/kind") == Some("stand-alone")
}

/// Options that another kind of medium has.
fn of_kind(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let Some(kind) = doc.str("/media/kind") else { return };
    let mut refused = |pointer: &str, rule, why: &str, help: &str| {
        if doc.spans.has(pointer) {
            let problem = Problem::new(rule, format!("{kind} media have no `{}`: {why}", dotted(pointer)));
            let problem = problem.at(doc.place(pointer), "").at(doc.place("/media/kind"), "the kind");
            problems.push(problem.help(help));
        }
    };
    match kind {
        "stand-alone" => {
            let help = "leave it out, or make the medium `bootable` or `prestaged`";
            OF_NETWORK.iter().for_each(|(pointer, rule, why)| refused(pointer, *rule, why, help));
        }
        "capture" => {
            let help = "leave it out";
            OF_OTHERS_THAN_CAPTURE.iter().for_each(|(pointer, rule, why)| refused(pointer, *rule, why, help));
            if !doc.spans.has("/task-sequence") && !base::is_named(doc) {
                let why = "without a task sequence there is nothing to encrypt";
                refused("/security/password", Rule::OptionOfOtherKind, why, help);
            }
        }
        "bootable" | "prestaged" => {
            let help = "leave it out, or make the medium `stand-alone`";
            OF_STAND_ALONE.iter().for_each(|(pointer, why)| refused(pointer, Rule::OptionOfOtherKind, why, help));
        }
        _ => {}
    }
}

fn unattended(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let is_unattended = doc.get("/media/unattended") == Some(&Json::Bool(true));
    let has_password = doc.spans.has("/security/password");
    let place = doc.place("/media/unattended");
    if is_unattended && has_password {
        let problem =
            Problem::new(Rule::UnattendedPasswordPrompt, "the password is asked for although the medium is unattended");
        let problem = problem.at(place.clone(), "").at(doc.place("/security/password"), "the password");
        problems.push(problem.help("somebody has to be there; without a password anybody can read the variables"));
    }
    if is_unattended && doc.get("/boot/prompt") == Some(&Json::Bool(true)) {
        let message = "the medium is unattended, and its disc waits for a key before it starts";
        let problem = Problem::warning(message).at(doc.place("/boot/prompt"), "").at(place.clone(), "unattended");
        problems.push(problem.help("leave `prompt` out: discs of unattended media do not wait"));
    }
    let names_deployment = sets(doc, "SMSTSPreferredAdvertID") || base::is_named(doc);
    if is_unattended && doc.str("/media/kind") == Some("bootable") && !names_deployment {
        let message = "an unattended medium asks for a task sequence all the same if it names no deployment";
        let problem = Problem::new(Rule::MissingPreferredAdvertisement, message).at(place.clone(), "");
        problems.push(problem.help("write `preferred-advertisement = \"BER20005\"` with the ID of the deployment"));
    }
    if doc.spans.has("/media/unknown-computers") && !is_stand_alone(doc) {
        let (why, help) = match (has_password, is_unattended) {
            (false, _) => ("no password", "give the medium a password in `[security]`, and keep it safe"),
            (true, true) => {
                ("nobody who confirms anything", "leave out `unattended`, so that somebody chooses what runs")
            }
            (true, false) => return,
        };
        let message = format!("the medium deploys to computers that nobody knows, and there is {why}");
        let problem = Problem::new(Rule::OpenToUnknownComputers, message).at(doc.place("/media/unknown-computers"), "");
        problems.push(problem.help(help));
    }
}

/// Whether a variable is set, by a key of its own or by name.
fn sets(doc: Doc<'_>, name: &str) -> bool {
    let has_key = BY_KEY.iter().any(|(variable, pointer)| *variable == name && doc.spans.has(pointer));
    let variables = doc.get("/variables").and_then(Json::as_object);
    has_key || variables.is_some_and(|variables| variables.keys().any(|key| key.eq_ignore_ascii_case(name)))
}

fn dates(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let date = |pointer: &str, problems: &mut Vec<Problem>| {
        let text = doc.str(pointer)?;
        let is_date_in_form =
            text.len() >= 10 && text.is_ascii() && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
        let date = source_date::parse(text);
        if date.is_none() && is_date_in_form {
            let problem = Problem::error(format!("`{text}` is no day of the calendar")).at(doc.place(pointer), "");
            problems.push(problem.help("write a day from 1980-01-01 to 2099-12-31"));
        }
        date
    };
    let (from, until) = (date("/media/valid-from", problems), date("/media/expires", problems));
    if !is_stand_alone(doc) {
        return;
    }
    if let (Some(from), Some(until)) = (from, until) {
        let places =
            |problem: Problem| problem.at(doc.place("/media/expires"), "").at(doc.place("/media/valid-from"), "");
        match until.unix().checked_sub(from.unix()) {
            None | Some(0) => {
                let problem = places(Problem::new(Rule::ExpiresBeforeValid, "the medium expires before it is valid"));
                problems.push(problem.help("give it a later day in `expires`"));
            }
            Some(seconds) if seconds < SHORT_SECONDS => {
                let message =
                    "the medium is valid for less than a week, by the clocks of computers that were never set up";
                let problem = places(Problem::new(Rule::ShortValidity, message));
                problems.push(problem.help("make it longer, or set the clocks first"));
            }
            Some(_) => {}
        }
    }
    let written = ["/media/expires", "/media/valid-from"].into_iter().find(|pointer| doc.spans.has(pointer));
    if let Some(pointer) = written {
        let message = "the dates are kept on the medium, but no client looks at them: how Configuration Manager's own \
                       media carry theirs is not public";
        let problem = Problem::new(Rule::UnenforcedDates, message).at(doc.place(pointer), "");
        problems.push(problem.help("have a prestart command compare the clock, if the medium must not start"));
    }
}

fn variables(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let Some(variables) = doc.get("/variables").and_then(Json::as_object) else { return };
    let pointer_of = |name: &str| format!("/variables/{}", name.replace('~', "~0").replace('/', "~1"));
    let names: Vec<_> = variables.keys().collect();
    for (at, (name, value)) in variables.iter().enumerate() {
        let pointer = pointer_of(name);
        let place = doc.place(&pointer);
        if let Some((rule, message, help)) = bad_name(name) {
            problems.push(Problem::new(rule, message).at(doc.key(&pointer), "").help(help));
            continue;
        }
        if let Some(first) = names[..at].iter().find(|first| first.eq_ignore_ascii_case(name)) {
            let message = format!("the variables `{first}` and `{name}` are one, since case does not tell them apart");
            let problem = Problem::new(Rule::InvalidVariableName, message).at(doc.key(&pointer), "again");
            problems.push(problem.at(doc.key(&pointer_of(first)), "first").help("leave one of them out"));
        }
        if let Some((_, key)) = BY_KEY.iter().find(|(by_key, _)| by_key.eq_ignore_ascii_case(name))
            && doc.spans.has(key)
        {
            let message = format!("the variable `{name}` is what `{}` sets", dotted(key));
            let problem = Problem::error(message).at(place.clone(), "").at(doc.place(key), "set here");
            problems.push(problem.help("leave one of them out"));
        }
        let Some(text) = value.as_str() else { continue };
        known_value(doc, name, text, &pointer, problems);
        let n_chars = text.encode_utf16().count();
        if n_chars > MAX_VALUE {
            let message = format!("the variable `{name}` has {n_chars} characters, and may have {MAX_VALUE}");
            let problem = Problem::new(Rule::LongVariableValue, message).at(place.clone(), "");
            problems.push(problem.help(shorten(n_chars - MAX_VALUE)));
        }
        if text.is_empty() {
            let is_unattended = doc.get("/media/unattended") == Some(&Json::Bool(true));
            let message = format!("the variable `{name}` is empty, so it is asked for");
            problems.push(match is_unattended {
                true => {
                    Problem::new(Rule::EmptyVariableOnUnattended, format!("{message}, and the medium is unattended"))
                        .at(place, "")
                        .at(doc.place("/media/unattended"), "unattended")
                        .help("give it a value, or leave it out")
                }
                false => Problem::new(Rule::EmptyVariable, message)
                    .at(place, "")
                    .help("give it a value if nobody is to be asked"),
            });
        }
    }
    if is_stand_alone(doc) && !variables.is_empty() {
        let message = "the variables of collections and computers do not apply on stand-alone media: these are all";
        let problem = Problem::new(Rule::IgnoredCollectionVariables, message).at(doc.place("/variables"), "");
        problems.push(problem.help("set here what a task sequence reads of them"));
    }
}

/// The names of `[reserved-variables]`, and their lengths.
fn reserved_variables(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let variables = doc.get("/reserved-variables").and_then(Json::as_object);
    for (name, value) in variables.into_iter().flatten() {
        let pointer = format!("/reserved-variables/{}", name.replace('~', "~0").replace('/', "~1"));
        let key = doc.key(&pointer);
        let by_key = RESERVED_BY_KEY.iter().find(|(by_key, _)| by_key.eq_ignore_ascii_case(name));
        let fault = match (name.strip_prefix('_'), by_key) {
            (None, _) => Some((
                Rule::InvalidVariableName,
                format!("the variable `{name}` is not reserved: it does not begin with `_`"),
                "set it in `[variables]`".to_owned(),
            )),
            (Some(_), Some((_, ""))) => {
                let message = format!("the variable `{name}` is written by tsmedia");
                Some((Rule::ReadOnlyVariable, message, "leave it out".into()))
            }
            (Some(_), Some((_, by_key))) => {
                let by_key = dotted(by_key);
                let message = format!("the variable `{name}` is what `{by_key}` sets");
                Some((Rule::ReadOnlyVariable, message, format!("write `{by_key}` instead")))
            }
            (Some(rest), None) => bad_name(rest).map(|(rule, ..)| {
                let help = format!("names are up to {MAX_NAME} letters, digits, `_` and `-`, the second a letter");
                (rule, format!("`{name}` is no name of a variable"), help)
            }),
        };
        if let Some((rule, message, help)) = fault {
            problems.push(Problem::new(rule, message).at(key, "").help(help));
            continue;
        }
        let n_chars = value.as_str().map_or(0, |text| text.encode_utf16().count());
        if n_chars > MAX_RESERVED_VALUE {
            let message = format!("the variable `{name}` has {n_chars} characters, and may have {MAX_RESERVED_VALUE}");
            let problem = Problem::new(Rule::LongVariableValue, message).at(doc.place(&pointer), "");
            problems.push(problem.help(shorten(n_chars - MAX_RESERVED_VALUE)));
        }
    }
}

/// Why a variable can't be called so, by which rule, and what would be right.
fn bad_name(name: &str) -> Option<(Rule, String, String)> {
    if let Some(rest) = name.strip_prefix('_') {
        let message = format!("the variable `{name}` can't be set: those that begin with `_` are read-only");
        return Some((Rule::ReadOnlyVariable, message, format!("choose another name, such as `{rest}`")));
    }
    let fault = match name.chars().next() {
        None => "has no name".to_owned(),
        Some(first) if !first.is_ascii_alphabetic() => format!("begins with `{}`", first),
        _ => match name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-')) {
            Some(' ') => "has a space in its name".into(),
            Some(c) => format!("has `{}` in its name", c),
            None if name.len() > MAX_NAME => format!("has a name of {} characters", name.len()),
            None => return None,
        },
    };
    let help = format!("names are up to {MAX_NAME} letters, digits, `_` and `-`, the first a letter");
    Some((Rule::InvalidVariableName, format!("the variable `{name}` {fault}"), help))
}

/// Variables whose values are known.
fn known_value(doc: Doc<'_>, name: &str, text: &str, pointer: &str, problems: &mut Vec<Problem>) {
    let mut wrong = |rule, message: String, help: &str| {
        problems.push(Problem::new(rule, message).at(doc.place(pointer), "").help(help));
    };
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("SMSTSLanguageFolder") && !text.bytes().all(|digit| digit.is_ascii_digit()) {
        let help = "write the decimal number, such as `language = 1031` in `[media]` for German";
        wrong(Rule::InvalidLanguage, format!("`{text}` is no decimal number of a locale"), help);
    }
    if (is("SMSTSAssignUsersMode") || is("SMSTSUDAUsers")) && is_stand_alone(doc) {
        let message = format!("stand-alone media do not assign users: the variable `{name}` has no effect");
        wrong(Rule::DeviceAffinityOnStandAlone, message, "leave it out, or make the medium `bootable`");
    } else if is("SMSTSAssignUsersMode") && !["Auto", "Pending", "Disabled"].iter().any(|mode| is_word(mode, text)) {
        wrong(
            Rule::InvalidDeviceAffinity,
            format!("`{text}` is no way to assign users"),
            "it can be `Auto`, `Pending` or `Disabled`",
        );
    } else if is("SMSTSUDAUsers") {
        let is_user = |user: &str| matches!(user.trim().split_once('\\'), Some((domain, user)) if !domain.is_empty() && !user.is_empty());
        if let Some(user) = text.split(',').find(|user| !user.trim().is_empty() && !is_user(user)) {
            let help = "write `domain\\user`, several with commas between, in single quotes";
            wrong(Rule::InvalidDeviceAffinity, format!("`{}` is no user of a domain", user.trim()), help);
        }
    }
}

fn is_word(word: &str, text: &str) -> bool {
    word.eq_ignore_ascii_case(text)
}
