//! What the medium tells the client: variables, password and policy, found, checked and put into `SMS\data`.

use std::sync::Arc;

use super::base::Base;
use super::password_strength;
use super::policies;
use super::request::Request;
use super::secret_refs::{secret_of_step, secret_text};
use super::site::add_site;
use super::supplied::Supplied;
use crate::format::container::Algorithm;
use crate::manifest::{Encryption, Kind, MAX_VALUE, Manifest, Mode, VariableValue};
use crate::media::data::{self, DataFile, MediaData, Policy, Value};
use crate::output::Veiled;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::secret::Secret;
use crate::sequence::{self, Sequence};

const PASSWORD: &str = "/security/password";
pub(super) const SEQUENCE: &str = "/task-sequence/file";

/// The files below `SMS\data`.
#[derive(Default)]
pub(super) struct DataFiles {
    pub files: Vec<DataFile>,
    /// Fingerprints of the secrets in them, if there are any.
    pub veiled: Option<Veiled>,
    /// Names of what comes from the base.
    pub supplied: Option<Supplied>,
}

/// Checks what the medium tells the client, and writes it as files.
pub(super) fn build(request: &Request<'_>, base: Option<&Base>, problems: &mut Problems) -> DataFiles {
    let rendered = request.rendered;
    let media = &rendered.manifest.media;
    let is_without_data = match base {
        // It was reported, or is of no consequence: what the base tells in clear is taken with its files.
        Some(base) => base.data.is_none(),
        // What capture media of Configuration Manager say of themselves is not public.
        None => media.kind == Kind::Capture,
    };
    if is_without_data && rendered.manifest.task_sequence.is_none() {
        if let Some(base) = base.filter(|base| !base.has_variables && rendered.manifest.security.password.is_some()) {
            let message = "the password protects nothing: the base has no variables, and there is no task sequence";
            let problem = Problem::new(Rule::OptionOfOtherKind, message).at(request.place(PASSWORD), "");
            problems.add(problem.at(request.place(&base.pointer), "the base").help("leave the password out"));
        }
        return DataFiles::default();
    }
    let mut data = MediaData::new(media.kind, &media.name, rendered.site.as_deref());
    // What it depends on: in words, with the value.
    let mut secrets: Vec<(String, Arc<Secret>)> = base.iter().flat_map(|base| base.secrets()).collect();
    let base_data = base.and_then(|base| base.data.as_ref());
    if let Some(base_data) = base_data {
        data.start_from(base_data);
    }
    if base_data.is_none() || rendered.is_written("/media/unattended") {
        data.is_unattended = media.unattended;
    }
    if base_data.is_none() || rendered.is_written("/security/encryption") {
        data.algorithm = match rendered.manifest.security.encryption {
            Encryption::Aes128 => Algorithm::Aes128,
            Encryption::Aes256 => Algorithm::Aes256,
        };
    }
    if let Some(password) = password(request, problems) {
        secrets.push(("the password".into(), Arc::clone(&password)));
        data.password = Some(password);
    }
    replace_points(&rendered.manifest, &mut data);
    for (name, value) in rendered.manifest.told() {
        data.set(name, Value::Text(value));
    }
    let certificate = add_site(request, &mut data, problems);
    secrets.extend(certificate.map(|(_, file)| ("the certificate and its key".into(), file)));
    let manifest = &rendered.manifest;
    for (table, variables) in [("reserved-variables", &manifest.reserved_variables), ("variables", &manifest.variables)]
    {
        for (name, value) in variables {
            let Some(value) = variable(request, &format!("/{table}/{name}"), name, value, problems) else { continue };
            if let Value::Secret(secret) = &value {
                secrets.push((format!("the variable `{name}`"), Arc::clone(secret)));
            }
            data.set(name, value);
        }
    }
    let policy = match &rendered.manifest.policy {
        Some(table) => policies::read(request, table, problems).map(|text| {
            let text = Arc::new(text);
            secrets.push(("the policies of the site".into(), Arc::clone(&text)));
            Policy { text, has_secrets: true }
        }),
        None => policy_of_sequence(request, data.policy.as_ref(), &mut secrets, problems),
    };
    data.policy = policy.or(data.policy.take());
    policies::check(request, base, &data, problems);
    say_what_is_open(request, base, problems);
    let supplied = base.zip(base_data).map(|(base, base_data)| Supplied::new(base, base_data, &data));
    match data.files() {
        Ok(files) => {
            let veiled = fingerprint(request, &files, &secrets, problems);
            DataFiles { files, veiled, supplied }
        }
        Err(bad) => {
            // Variables are looked at one by one before.
            problems.add(Problem::error(bad.to_string()).at(request.place("/variables"), ""));
            DataFiles::default()
        }
    }
}

/// Takes management points of the base out of the way: of those that the manifest names, or into the variable of the
/// mode that it names.
fn replace_points(manifest: &Manifest, data: &mut MediaData) {
    const POINTS: [(Mode, &str); 2] = [(Mode::Dynamic, "SMSTSLocationMPs"), (Mode::SiteBased, "SMSTSMP")];
    let Some(mode) = manifest.media.mode else { return };
    let removed: Vec<_> = POINTS.iter().filter_map(|(_, name)| data.remove(name)).collect();
    let wanted = POINTS.iter().find(|(of, _)| *of == mode);
    if let (Some((_, name)), Some(value), true) = (wanted, removed.into_iter().next(), manifest.contact().is_empty()) {
        data.set(name, value);
    }
}

/// Makes fingerprints of the secrets in files. `None` if none holds a secret.
fn fingerprint(
    request: &Request<'_>,
    files: &[DataFile],
    secrets: &[(String, Arc<Secret>)],
    problems: &mut Problems,
) -> Option<Veiled> {
    if !files.iter().any(|file| file.is_secret) {
        return None;
    }
    let veil = match request.sources.veil() {
        Ok(veil) => veil?,
        Err(error) => {
            request.failed(&error, "/media", problems);
            return None;
        }
    };
    let mut veiled = Veiled::new(veil);
    secrets.iter().for_each(|(name, value)| veiled.add_value(name, value));
    files.iter().filter(|file| file.is_secret).for_each(|file| veiled.add_file(&file.path));
    Some(veiled)
}

/// The password, if there is one and it can be used.
fn password(request: &Request<'_>, problems: &mut Problems) -> Option<Arc<Secret>> {
    let security = &request.rendered.manifest.security;
    let password = secret_text(request, PASSWORD, security.password.as_ref()?, problems)?;
    let text = password.text().unwrap_or_default();
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        // It has to be typed.
        let what = if c == '\n' { "several lines" } else { "a character that nobody can type" };
        let problem = Problem::error(format!("the password has {what}")).at(request.place(PASSWORD), "");
        problems.add(problem.help("take out all but the password itself"));
        return None;
    }
    let bits = password_strength::bits(text);
    if bits < password_strength::MIN_BITS && !security.accept_weak_password {
        let message = format!(
            "the password is worth about {bits} bits, and less than {} can be guessed by who has a copy of the medium",
            password_strength::MIN_BITS
        );
        let problem = Problem::new(Rule::WeakPassword, message).at(request.place(PASSWORD), "");
        problems.add(problem.help(
            "take a longer one that was drawn, not chosen; or write `accept-weak-password = true` in `[security]`",
        ));
    }
    Some(password)
}

/// The value of a variable, if it is there and XML holds it.
fn variable(
    request: &Request<'_>,
    pointer: &str,
    name: &str,
    value: &VariableValue,
    problems: &mut Problems,
) -> Option<Value> {
    let value = match value {
        VariableValue::Text(text) => Value::Text(text.clone()),
        VariableValue::Secret(reference) => Value::Secret(secret_text(request, pointer, reference, problems)?),
    };
    let text = match &value {
        Value::Text(text) => text.as_str(),
        Value::Secret(secret) => secret.text().unwrap_or_default(),
    };
    let n_chars = text.encode_utf16().count();
    let fault = match data::bad_character(text) {
        Some(bad) => Some((None, format!("the variable `{name}` can't be on the medium: {bad}"))),
        // What stands in the manifest is judged there.
        None if n_chars > MAX_VALUE && matches!(value, Value::Secret(_)) => {
            let message = format!("the secret of the variable `{name}` is longer than {MAX_VALUE} characters");
            Some((Some(Rule::LongVariableValue), message))
        }
        None => None,
    };
    let Some((rule, message)) = fault else { return Some(value) };
    let problem = Problem::error(message).with_rule(rule).at(request.place(pointer), "");
    problems.add(problem.help("give it a text of one or more lines, without control characters"));
    None
}

/// Returns the policy with the task sequence, where the medium carries one: that of the base with other steps, or one
/// of its own. Adds the secrets in it to `secrets`.
fn policy_of_sequence(
    request: &Request<'_>,
    of_base: Option<&Policy>,
    secrets: &mut Vec<(String, Arc<Secret>)>,
    problems: &mut Problems,
) -> Option<Policy> {
    let rendered = request.rendered;
    let sequence = rendered.sequence().filter(|_| rendered.manifest.media.kind.carries_sequence())?;
    let found: Vec<_> = sequence
        .secrets()
        .into_iter()
        .map(|(step, key, reference)| {
            let value = secret_of_step(request, step, key, reference, problems)?;
            Some((format!("`{key}` of the step `{}`", step.name), value))
        })
        .collect();
    // What was not looked at, or is not there, was told.
    let found = found.into_iter().collect::<Option<Vec<_>>>()?;
    let values = || found.iter().map(|(_, value)| &**value);
    let replaced = match of_base.and_then(|policy| policy.text.text()) {
        Some(text) => sequence::policy::replace_sequence(text, sequence, values()),
        None => Ok(None),
    };
    let policy = replaced.and_then(|replaced| match replaced {
        Some(policy) => Ok(policy),
        None => {
            say_what_policies_lack(request, sequence, problems);
            sequence::policy::write(sequence, rendered.site.as_deref(), values())
        }
    });
    let policy = policy.map_err(|error| {
        let message = format!("the task sequence can't be written for the medium: {error}");
        problems.add(Problem::error(message).at(request.place(SEQUENCE), ""));
    });
    // The policy of a base may hold accounts of the site.
    let has_secrets = !found.is_empty() || of_base.is_some();
    secrets.extend(found);
    Some(Policy { text: Arc::new(policy.ok()?), has_secrets })
}

/// Says which steps need policies that only the site can make.
fn say_what_policies_lack(request: &Request<'_>, sequence: &Sequence, problems: &mut Problems) {
    let steps = sequence::policy::needs_site(sequence);
    let Some(first) = steps.first() else { return };
    let names = match steps.len() {
        1 => format!("the step `{}` installs", first.name),
        n => format!("the step `{}` and {} more install", first.name, n - 1),
    };
    let problem = Problem::warning(format!("{names} what only the policy of the site describes"));
    let place = first.written.part("name").unwrap_or_else(|| request.place(SEQUENCE));
    let problem = problem.at(place, "").at(request.place(SEQUENCE), "made into a policy without that");
    problems.add(problem.help(
        "name the policy that the site's `GetTsPoliciesSaMedia` returns in `[policy]`, or install by steps of type \
         `run-command-line` with a `package`",
    ));
}

/// Returns the JSON pointer of the first content entry on a medium.
fn content(manifest: &Manifest) -> Option<String> {
    let systems = manifest.operating_system.iter().map(|one| one.when).collect();
    let packages = manifest.package.iter().map(|one| one.when).collect();
    let drivers = manifest.driver_package.iter().map(|one| one.when).collect();
    let applications = manifest.application.iter().map(|one| one.when).collect();
    let tables: [(&str, Vec<bool>); 4] = [
        ("operating-system", systems),
        ("package", packages),
        ("driver-package", drivers),
        ("application", applications),
    ];
    tables.into_iter().find_map(|(table, when)| Some(format!("/{table}/{}", when.iter().position(|when| *when)?)))
}

/// Says what anybody can read, and what nobody has tried.
fn say_what_is_open(request: &Request<'_>, base: Option<&Base>, problems: &mut Problems) {
    let manifest = &request.rendered.manifest;
    let has_policy = base.is_some_and(Base::may_have_policies);
    if manifest.media.kind == Kind::StandAlone
        && manifest.task_sequence.is_none()
        && manifest.policy.is_none()
        && !has_policy
    {
        let message = "the medium carries no task sequence, so it starts and deploys nothing";
        let problem = Problem::new(Rule::MissingTaskSequence, message).at(request.place("/media/kind"), "the kind");
        problems.add(problem.help("add `[task-sequence]` with `file`, or `[policy]` with what the site gives"));
    }
    let sequence = request.rendered.sequence().filter(|_| manifest.media.kind.carries_sequence());
    let is_made = sequence.is_some() && manifest.policy.is_none();
    let open = [
        ("/variables", "the variables"),
        ("/reserved-variables", "the reserved variables"),
        ("/policy", "the policy"),
        ("/certificate", "the certificate and its key"),
        ("/sites/0/certificate", "the certificate and its key"),
    ];
    let is_there = |at: &str| request.rendered.value().pointer(at).is_some();
    let mut open: Vec<_> = open.into_iter().filter(|(at, _)| is_there(at)).collect();
    if is_made && sequence.is_some_and(|sequence| !sequence.secrets().is_empty()) {
        open.push((SEQUENCE, "the secrets of its task sequence"));
    }
    if let Some(base) = base.filter(|base| base.data.is_some()) {
        open.push((&base.pointer, "what the base tells the client"));
    }
    if !open.is_empty() && manifest.security.password.is_none() {
        let mut names: Vec<_> = open.iter().map(|(_, what)| *what).collect();
        // A site may have its own certificate in place of the one for all.
        names.dedup();
        let message = format!("the medium has no password, and whoever has it can read {}", names.join(", "));
        let problem = match manifest.media.kind {
            Kind::Capture => Problem::new(Rule::ReadableCaptureSecrets, message).help(
                "give the account no right but to write to that share, or add `[security]` with \
                 `password = { env = \"MEDIA_PASSWORD\" }`",
            ),
            _ => {
                let help = "add `[security]` with `password = { env = \"MEDIA_PASSWORD\" }`";
                Problem::new(Rule::MissingPassword, message).help(match content(manifest) {
                    Some(_) => format!("{help}; the content below `SMS\\PKG` stays readable all the same"),
                    None => help.to_owned(),
                })
            }
        };
        let problem = open.iter().fold(problem, |problem, (at, _)| problem.at(request.place(at), ""));
        problems.add(problem);
    }
    if let (true, Some(pointer)) = (manifest.security.password.is_some(), content(manifest)) {
        let message = "the password does not protect content: whoever has the medium can read all below `SMS\\PKG`";
        let problem = Problem::new(Rule::UnencryptedContent, message).at(request.place(PASSWORD), "");
        let problem = problem.at(request.place(&pointer), "content");
        let help = "keep passwords and keys out of packages and images";
        request.rendered.add_lowered(problem.help(help), problems);
    }
    let is_asked = [
        "/variables",
        "/reserved-variables",
        "/policy",
        "/security",
        "/prestart",
        "/media/mode",
        "/media/unattended",
        "/media/unknown-computers",
    ];
    let asked = is_asked.into_iter().find(|at| is_there(at)).or(is_made.then_some(SEQUENCE));
    if let Some(at) = asked {
        let message = "what media tell the client is experimental: Microsoft documents nothing of it, and it was \
                       tried with public readers and no client";
        let problem = Problem::note(message).at(request.place(at), "");
        problems.add(problem.help("try the medium on a computer that may be lost"));
    }
}
