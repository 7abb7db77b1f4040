//! Checks the data that a medium provides to the client: variables, password, options of its kind,
//! and dates.

use serde_json::Value as Json;

use super::super::base;
use super::super::source_date;
use crate::problem::Problem;
use crate::rule::{Rule, Severity};
use authoring::doc::{Doc, dotted};
use authoring::suggestions::shorten;

/// Maximum length of a variable name in characters (R65).
const MAX_NAME: usize = 256;
/// Maximum length of a variable value in characters (R67).
pub const MAX_VALUE: usize = 4_000;
/// Maximum length of a reserved variable value in characters; certificate chains have some
/// thousands.
const MAX_RESERVED_VALUE: usize = 65_536;
/// Minimum validity in seconds; a computer whose clock was never set could consider the medium
/// expired.
const SHORT_SECONDS: u64 = 7 * 86_400;

/// Options refused on stand-alone media, which don't use the network: pointer, rule and reason.
const OF_NETWORK: [(&str, Rule, &str); 3] = [
    ("/media/unknown-computers", Rule::OptionOfOtherKind, "they do not contact a site"),
    ("/media/device-affinity", Rule::DeviceAffinityOnStandAlone, "they do not contact a site"),
    ("/media/preferred-advertisement", Rule::OptionOfOtherKind, "they start the task sequence on the medium"),
];
const OF_STAND_ALONE: [(&str, &str); 3] = [
    ("/media/valid-from", "their validity is that of the certificate"),
    ("/media/expires", "their validity is that of the certificate"),
    ("/policy", "they get policies from the site"),
];

const OF_OTHERS_THAN_CAPTURE: [(&str, Rule, &str); 12] = [
    ("/media/unattended", Rule::OptionOfOtherKind, "the capture is started by a user"),
    ("/media/language", Rule::OptionOfOtherKind, "they have no variables"),
    ("/media/branding-title", Rule::OptionOfOtherKind, "they have no variables"),
    ("/reserved-variables", Rule::VariablesOnCaptureMedia, "they have no variables"),
    ("/media/unknown-computers", Rule::OptionOfOtherKind, "they do not contact a site"),
    ("/media/device-affinity", Rule::OptionOfOtherKind, "they do not contact a site"),
    ("/media/preferred-advertisement", Rule::OptionOfOtherKind, "they start the task sequence on the medium"),
    ("/media/valid-from", Rule::OptionOfOtherKind, "they have no validity"),
    ("/media/expires", Rule::OptionOfOtherKind, "they have no validity"),
    ("/policy", Rule::OptionOfOtherKind, "it is generated from the task sequence"),
    ("/variables", Rule::VariablesOnCaptureMedia, "set them in the task sequence, with steps of type `set-variable`"),
    ("/prestart", Rule::VariablesOnCaptureMedia, "run the command in a step of the task sequence"),
];

/// Variables set by keys of the manifest.
const BY_KEY: [(&str, &str); 3] = [
    ("SMSTSLanguageFolder", "/media/language"),
    ("SMSTSPreferredAdvertID", "/media/preferred-advertisement"),
    ("SMSTSAssignUsersMode", "/media/device-affinity"),
];

/// Reserved variables set by keys of the manifest, or always written by tsmedia (empty key).
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
    check_options_of_kind(doc, problems);
    check_unattended(doc, problems);
    check_dates(doc, problems);
    check_variables(doc, problems);
    check_reserved_variables(doc, problems);
}

/// Returns the JSON pointers of keys that are errors for a kind of media, with rules that can't be
/// lowered.
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

/// Reports options that only other kinds of media have.
fn check_options_of_kind(doc: Doc<'_>, problems: &mut Vec<Problem>) {
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
            let help = "remove it, or set `kind` to `bootable` or `prestaged`";
            OF_NETWORK.iter().for_each(|(pointer, rule, why)| refused(pointer, *rule, why, help));
        }
        "capture" => {
            let help = "remove it";
            OF_OTHERS_THAN_CAPTURE.iter().for_each(|(pointer, rule, why)| refused(pointer, *rule, why, help));
            if !doc.spans.has("/task-sequence") && !base::is_present(doc) {
                let why = "without a task sequence, there is nothing to encrypt";
                refused("/security/password", Rule::OptionOfOtherKind, why, help);
            }
        }
        "bootable" | "prestaged" => {
            let help = "remove it, or write `kind = \"stand-alone\"`";
            OF_STAND_ALONE.iter().for_each(|(pointer, why)| refused(pointer, Rule::OptionOfOtherKind, why, help));
        }
        _ => {}
    }
}

fn check_unattended(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let is_unattended = doc.get("/media/unattended") == Some(&Json::Bool(true));
    let has_password = doc.spans.has("/security/password");
    let place = doc.place("/media/unattended");
    if is_unattended && has_password {
        let problem = Problem::new(Rule::UnattendedPasswordPrompt, "the unattended medium prompts for its password");
        let problem = problem.at(place.clone(), "").at(doc.place("/security/password"), "the password");
        problems.push(
            problem.help("a user has to type it; without a password, anyone with the medium can read its variables"),
        );
    }
    if is_unattended && doc.get("/boot/prompt") == Some(&Json::Bool(true)) {
        let message = "the medium is unattended, but its disc waits for a key press";
        let problem = Problem::warning(message).at(doc.place("/boot/prompt"), "").at(place.clone(), "unattended");
        problems.push(problem.help("remove `prompt`; discs of unattended media do not wait by default"));
    }
    let names_deployment = sets_variable(doc, "SMSTSPreferredAdvertID") || base::is_present(doc);
    if is_unattended && doc.str("/media/kind") == Some("bootable") && !names_deployment {
        let message = "the unattended medium prompts for a task sequence because it names no deployment";
        let problem = Problem::new(Rule::MissingPreferredAdvertisement, message).at(place.clone(), "");
        problems.push(problem.help("write `preferred-advertisement = \"BER20005\"` with the ID of the deployment"));
    }
    if doc.spans.has("/media/unknown-computers") && !is_stand_alone(doc) {
        let (why, help) = match (has_password, is_unattended) {
            (false, _) => ("it has no password", "set a password in `[security]`"),
            (true, true) => {
                ("it asks for no confirmation", "remove `unattended`, so that a user selects the task sequence")
            }
            (true, false) => return,
        };
        let message = format!("the medium deploys to unknown computers, but {why}");
        let problem = Problem::new(Rule::OpenToUnknownComputers, message).at(doc.place("/media/unknown-computers"), "");
        problems.push(problem.help(help));
    }
}

/// Returns `true` if a variable is set, by its key or by name.
fn sets_variable(doc: Doc<'_>, name: &str) -> bool {
    let has_key = BY_KEY.iter().any(|(variable, pointer)| *variable == name && doc.spans.has(pointer));
    let variables = doc.get("/variables").and_then(Json::as_object);
    has_key || variables.is_some_and(|variables| variables.keys().any(|key| key.eq_ignore_ascii_case(name)))
}

fn check_dates(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let date = |pointer: &str, problems: &mut Vec<Problem>| {
        let text = doc.str(pointer)?;
        let is_date_in_form =
            text.len() >= 10 && text.is_ascii() && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
        let date = source_date::parse(text);
        if date.is_none() && is_date_in_form {
            let problem = Problem::error(format!("`{text}` is not a valid date")).at(doc.place(pointer), "");
            problems.push(problem.help("write a date from 1980-01-01 to 2099-12-31"));
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
                let problem =
                    places(Problem::new(Rule::ExpiresBeforeValid, "the medium expires before it becomes valid"));
                problems.push(problem.help("set a later `expires`"));
            }
            Some(seconds) if seconds < SHORT_SECONDS => {
                let message = "the medium is valid for less than a week, but clocks of new computers may be wrong";
                let problem = places(Problem::new(Rule::ShortValidity, message));
                problems.push(problem.help("extend the validity, or make sure the clocks are set"));
            }
            Some(_) => {}
        }
    }
    let written = ["/media/expires", "/media/valid-from"].into_iter().find(|pointer| doc.spans.has(pointer));
    if let Some(pointer) = written {
        let message = "the dates are written to the medium, but clients do not enforce them: how Configuration Manager \
                       stores them is not documented";
        let problem = Problem::new(Rule::UnenforcedDates, message).at(doc.place(pointer), "");
        problems.push(problem.help("check the date in a prestart command to enforce it"));
    }
}

fn check_variables(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let Some(variables) = doc.get("/variables").and_then(Json::as_object) else { return };
    let pointer_of = |name: &str| format!("/variables/{}", name.replace('~', "~0").replace('/', "~1"));
    let names: Vec<_> = variables.keys().collect();
    for (at, (name, value)) in variables.iter().enumerate() {
        let pointer = pointer_of(name);
        let place = doc.place(&pointer);
        if let Some((rule, message, help)) = name_error(name) {
            problems.push(Problem::new(rule, message).at(doc.key(&pointer), "").help(help));
            continue;
        }
        if let Some(first) = names[..at].iter().find(|first| first.eq_ignore_ascii_case(name)) {
            let message = format!("the variables `{first}` and `{name}` differ only in case, which is ignored");
            let problem = Problem::new(Rule::InvalidVariableName, message).at(doc.key(&pointer), "again");
            problems.push(problem.at(doc.key(&pointer_of(first)), "first").help("remove one of them"));
        }
        if let Some((_, key)) = BY_KEY.iter().find(|(by_key, _)| by_key.eq_ignore_ascii_case(name))
            && doc.spans.has(key)
        {
            let message = format!("the variable `{name}` is also set by `{}`", dotted(key));
            let problem = Problem::error(message).at(place.clone(), "").at(doc.place(key), "set here");
            problems.push(problem.help("remove one of them"));
        }
        let Some(text) = value.as_str() else { continue };
        check_known_value(doc, name, text, &pointer, problems);
        let n_chars = text.encode_utf16().count();
        if n_chars > MAX_VALUE {
            let message =
                format!("the value of the variable `{name}` has {n_chars} characters; at most {MAX_VALUE} are allowed");
            let problem = Problem::new(Rule::LongVariableValue, message).at(place.clone(), "");
            problems.push(problem.help(shorten(n_chars - MAX_VALUE)));
        }
        if text.is_empty() {
            let is_unattended = doc.get("/media/unattended") == Some(&Json::Bool(true));
            let message = format!("the variable `{name}` is empty, so the client prompts for it");
            problems.push(match is_unattended {
                true => {
                    Problem::new(Rule::EmptyVariableOnUnattended, format!("{message}, but the medium is unattended"))
                        .at(place, "")
                        .at(doc.place("/media/unattended"), "unattended")
                        .help("set a value, or remove it")
                }
                false => {
                    Problem::new(Rule::EmptyVariable, message).at(place, "").help("set a value to avoid the prompt")
                }
            });
        }
    }
    if is_stand_alone(doc) && !variables.is_empty() {
        let message = "stand-alone media ignore the variables of collections and computers; only those set here apply";
        let problem = Problem::new(Rule::IgnoredCollectionVariables, message).at(doc.place("/variables"), "");
        problems.push(problem.help("set every variable that the task sequence uses here"));
    }
}

/// Checks names and lengths in `[reserved-variables]`.
fn check_reserved_variables(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let variables = doc.get("/reserved-variables").and_then(Json::as_object);
    for (name, value) in variables.into_iter().flatten() {
        let pointer = format!("/reserved-variables/{}", name.replace('~', "~0").replace('/', "~1"));
        let key = doc.key(&pointer);
        let by_key = RESERVED_BY_KEY.iter().find(|(by_key, _)| by_key.eq_ignore_ascii_case(name));
        let fault = match (name.strip_prefix('_'), by_key) {
            (None, _) => Some((
                Rule::InvalidVariableName,
                format!("the variable `{name}` is not reserved: it does not start with `_`"),
                "move it to `[variables]`".to_owned(),
            )),
            (Some(_), Some((_, ""))) => {
                let message = format!("the variable `{name}` is written by tsmedia");
                Some((Rule::ReadOnlyVariable, message, "remove it".into()))
            }
            (Some(_), Some((_, by_key))) => {
                let by_key = dotted(by_key);
                let message = format!("the variable `{name}` is set by `{by_key}`");
                Some((Rule::ReadOnlyVariable, message, format!("write `{by_key}` instead")))
            }
            (Some(rest), None) => name_error(rest).map(|(rule, ..)| {
                let help =
                    format!("use up to {MAX_NAME} letters, digits, `_` and `-`, with a letter after the first `_`");
                (rule, format!("`{name}` is not a valid variable name"), help)
            }),
        };
        if let Some((rule, message, help)) = fault {
            problems.push(Problem::new(rule, message).at(key, "").help(help));
            continue;
        }
        let n_chars = value.as_str().map_or(0, |text| text.encode_utf16().count());
        if n_chars > MAX_RESERVED_VALUE {
            let message = format!(
                "the value of the variable `{name}` has {n_chars} characters; at most {MAX_RESERVED_VALUE} are allowed"
            );
            let problem = Problem::new(Rule::LongVariableValue, message).at(doc.place(&pointer), "");
            problems.push(problem.help(shorten(n_chars - MAX_RESERVED_VALUE)));
        }
    }
}

/// Returns rule, message and help for an invalid variable name.
fn name_error(name: &str) -> Option<(Rule, String, String)> {
    if let Some(rest) = name.strip_prefix('_') {
        let message = format!("the variable `{name}` can't be set: names that start with `_` are read-only");
        return Some((Rule::ReadOnlyVariable, message, format!("choose another name, such as `{rest}`")));
    }
    let fault = match name.chars().next() {
        None => "has no name".to_owned(),
        Some(first) if !first.is_ascii_alphabetic() => format!("starts with `{}`", first),
        _ => match name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-')) {
            Some(' ') => "has a space in its name".into(),
            Some(c) => format!("has `{}` in its name", c),
            None if name.len() > MAX_NAME => format!("has a name of {} characters", name.len()),
            None => return None,
        },
    };
    let help = format!("use up to {MAX_NAME} letters, digits, `_` and `-`, starting with a letter");
    Some((Rule::InvalidVariableName, format!("the variable `{name}` {fault}"), help))
}

/// Checks the values of variables with a known format.
fn check_known_value(doc: Doc<'_>, name: &str, text: &str, pointer: &str, problems: &mut Vec<Problem>) {
    let mut wrong = |rule, message: String, help: &str| {
        problems.push(Problem::new(rule, message).at(doc.place(pointer), "").help(help));
    };
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("SMSTSLanguageFolder") && !text.bytes().all(|digit| digit.is_ascii_digit()) {
        let help = "write the decimal number, such as `language = 1031` in `[media]` for German";
        wrong(Rule::InvalidLanguage, format!("`{text}` is not a decimal locale ID"), help);
    }
    if (is("SMSTSAssignUsersMode") || is("SMSTSUDAUsers")) && is_stand_alone(doc) {
        let message = format!("the variable `{name}` has no effect: stand-alone media do not assign users");
        wrong(Rule::DeviceAffinityOnStandAlone, message, "remove it, or write `kind = \"bootable\"`");
    } else if is("SMSTSAssignUsersMode") && !["Auto", "Pending", "Disabled"].iter().any(|mode| is_word(mode, text)) {
        wrong(
            Rule::InvalidDeviceAffinity,
            format!("`{text}` is not a valid mode for assigning users"),
            "write `Auto`, `Pending` or `Disabled`",
        );
    } else if is("SMSTSUDAUsers") {
        let is_user = |user: &str| matches!(user.trim().split_once('\\'), Some((domain, user)) if !domain.is_empty() && !user.is_empty());
        if let Some(user) = text.split(',').find(|user| !user.trim().is_empty() && !is_user(user)) {
            let help = "write `domain\\user` in single quotes, separating users with commas";
            wrong(Rule::InvalidDeviceAffinity, format!("`{}` is not a domain user", user.trim()), help);
        }
    }
}

fn is_word(word: &str, text: &str) -> bool {
    word.eq_ignore_ascii_case(text)
}
