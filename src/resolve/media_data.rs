//! Collects the variables, password and policies of the medium, checks them, and writes the files
//! below `SMS\data`.

use std::sync::Arc;

use super::base::Base;
use super::password_strength;
use super::policies;
use super::request::MediumRequest;
use super::secret_refs::{fetch_step_secret, fetch_written_secret};
use super::site::add_site;
use super::supplied::SuppliedByBase;
use crate::format::media_variables_file::VariablesCipher;
use crate::manifest::{Encryption, Kind, MAX_VALUE, Manifest, Mode, VariableValue};
use crate::media::data::{self, DataFile, MediaData, MediaPolicy, MediaValue};
use crate::output::SecretContent;
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
    /// Fingerprints of the secrets in them; `None` without secrets.
    pub secret_content: Option<SecretContent>,
    /// Names of the values that come from the base.
    pub supplied: Option<SuppliedByBase>,
}

/// Checks the variables, password and policies of the medium, and writes them as files.
pub(super) fn build(request: &MediumRequest<'_>, base: Option<&Base>, problems: &mut Problems) -> DataFiles {
    let rendered = request.rendered;
    let media = &rendered.manifest.media;
    let is_without_data = match base {
        // Either the failure was reported, or the base only has data in clear, which is copied with
        // its files.
        Some(base) => base.data.is_none(),
        // The data of capture media is not documented.
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
    // Secrets that the files depend on, each with a description.
    let mut secrets: Vec<(String, Arc<Secret>)> = base.iter().flat_map(|base| base.secrets()).collect();
    let base_data = base.and_then(|base| base.data.as_ref());
    if let Some(base_data) = base_data {
        data.inherit(base_data);
    }
    // Options of the base stay in effect unless the manifest sets them explicitly.
    if base_data.is_none() || rendered.is_written("/media/unattended") {
        data.is_unattended = media.unattended;
    }
    if base_data.is_none() || rendered.is_written("/security/encryption") {
        data.algorithm = match rendered.manifest.security.encryption {
            Encryption::Aes128 => VariablesCipher::Aes128,
            Encryption::Aes256 => VariablesCipher::Aes256,
        };
    }
    if let Some(password) = check_password(request, problems) {
        secrets.push(("the password".into(), Arc::clone(&password)));
        data.password = Some(password);
    }
    replace_points(&rendered.manifest, &mut data);
    for (name, value) in rendered.manifest.media_variables() {
        data.set(name, MediaValue::Text(value));
    }
    let certificate = add_site(request, &mut data, problems);
    secrets.extend(certificate.map(|(_, file)| ("the certificate and its key".into(), file)));
    let manifest = &rendered.manifest;
    for (table, variables) in [("reserved-variables", &manifest.reserved_variables), ("variables", &manifest.variables)]
    {
        for (name, value) in variables {
            let Some(value) = variable_value(request, &format!("/{table}/{name}"), name, value, problems) else {
                continue;
            };
            if let MediaValue::Secret(secret) = &value {
                secrets.push((format!("the variable `{name}`"), Arc::clone(secret)));
            }
            data.set(name, value);
        }
    }
    let policy = match &rendered.manifest.policy {
        Some(table) => policies::read_policies(request, table, problems).map(|text| {
            let text = Arc::new(text);
            secrets.push(("the policies of the site".into(), Arc::clone(&text)));
            MediaPolicy { text, has_secrets: true }
        }),
        None => sequence_policy(request, data.policy.as_ref(), &mut secrets, problems),
    };
    data.policy = policy.or(data.policy.take());
    policies::check(request, base, &data, problems);
    report_readable_data(request, base, problems);
    let supplied = base.zip(base_data).map(|(base, base_data)| SuppliedByBase::new(base, base_data, &data));
    match data.files() {
        Ok(files) => {
            let secret_content = fingerprint_secrets(request, &files, &secrets, problems);
            DataFiles { files, secret_content, supplied }
        }
        Err(bad) => {
            // Can't happen for single variables, which were checked before.
            problems.add(Problem::error(bad.to_string()).at(request.place("/variables"), ""));
            DataFiles::default()
        }
    }
}

/// Removes the management points of the base if the manifest names some, or moves them to the
/// variable of its mode.
fn replace_points(manifest: &Manifest, data: &mut MediaData) {
    const POINTS: [(Mode, &str); 2] = [(Mode::Dynamic, "SMSTSLocationMPs"), (Mode::SiteBased, "SMSTSMP")];
    let Some(mode) = manifest.media.mode else { return };
    let removed: Vec<_> = POINTS.iter().filter_map(|(_, name)| data.remove(name)).collect();
    // The base may have its points under the variable of the other mode; move them unless the
    // manifest has its own.
    let wanted = POINTS.iter().find(|(of, _)| *of == mode);
    if let (Some((_, name)), Some(value), true) =
        (wanted, removed.into_iter().next(), manifest.contact_variables().is_empty())
    {
        data.set(name, value);
    }
}

/// Fingerprints the secrets in files. `None` if no file contains any.
fn fingerprint_secrets(
    request: &MediumRequest<'_>,
    files: &[DataFile],
    secrets: &[(String, Arc<Secret>)],
    problems: &mut Problems,
) -> Option<SecretContent> {
    if !files.iter().any(|file| file.is_secret) {
        return None;
    }
    let fingerprint_key = match request.sources.fingerprint_key() {
        Ok(fingerprint_key) => fingerprint_key?,
        Err(error) => {
            request.failed(&error, "/media", problems);
            return None;
        }
    };
    let mut secret_content = SecretContent::new(fingerprint_key);
    secrets.iter().for_each(|(name, value)| secret_content.add_value(name, value));
    files.iter().filter(|file| file.is_secret).for_each(|file| secret_content.add_file(&file.path));
    Some(secret_content)
}

/// Returns the password if there is one and it is usable, and warns of a weak one.
fn check_password(request: &MediumRequest<'_>, problems: &mut Problems) -> Option<Arc<Secret>> {
    let security = &request.rendered.manifest.security;
    let password = fetch_written_secret(request, PASSWORD, security.password.as_ref()?, problems)?;
    let text = password.text().unwrap_or_default();
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        // The password has to be typed at startup.
        let what = if c == '\n' { "more than one line" } else { "a control character, which can't be typed" };
        let problem = Problem::error(format!("the password contains {what}")).at(request.place(PASSWORD), "");
        problems.add(problem.help("remove everything but the password itself"));
        return None;
    }
    let bits = password_strength::estimate_bits(text);
    if bits < password_strength::MIN_BITS && !security.accept_weak_password {
        let message = format!(
            "the password has only about {bits} bits of entropy; below {} it can be brute-forced from a copy of the \
             medium",
            password_strength::MIN_BITS
        );
        let problem = Problem::new(Rule::WeakPassword, message).at(request.place(PASSWORD), "");
        problems.add(
            problem.help(
                "use a longer, randomly generated password, or write `accept-weak-password = true` in `[security]`",
            ),
        );
    }
    Some(password)
}

/// Returns the value of a variable if it is available and valid in XML.
fn variable_value(
    request: &MediumRequest<'_>,
    pointer: &str,
    name: &str,
    value: &VariableValue,
    problems: &mut Problems,
) -> Option<MediaValue> {
    let value = match value {
        VariableValue::Text(text) => MediaValue::Text(text.clone()),
        VariableValue::Secret(reference) => {
            MediaValue::Secret(fetch_written_secret(request, pointer, reference, problems)?)
        }
    };
    let text = match &value {
        MediaValue::Text(text) => text.as_str(),
        MediaValue::Secret(secret) => secret.text().unwrap_or_default(),
    };
    let n_chars = text.encode_utf16().count();
    let fault = match data::find_bad_character(text) {
        Some(bad) => Some((None, format!("the variable `{name}` can't be written: {bad}"))),
        // Values written in the manifest are checked with it.
        None if n_chars > MAX_VALUE && matches!(value, MediaValue::Secret(_)) => {
            let message = format!(
                "the secret value of the variable `{name}` has {n_chars} characters; at most {MAX_VALUE} are allowed"
            );
            Some((Some(Rule::LongVariableValue), message))
        }
        None => None,
    };
    let Some((rule, message)) = fault else { return Some(value) };
    let problem = Problem::error(message).with_rule(rule).at(request.place(pointer), "");
    problems.add(problem.help("give it a text without control characters"));
    None
}

/// Returns the policy with the task sequence for media that carry one: that of the base with its
/// steps replaced, or a new one. Adds the secrets in it to `secrets`.
fn sequence_policy(
    request: &MediumRequest<'_>,
    of_base: Option<&MediaPolicy>,
    secrets: &mut Vec<(String, Arc<Secret>)>,
    problems: &mut Problems,
) -> Option<MediaPolicy> {
    let rendered = request.rendered;
    let sequence = rendered.sequence().filter(|_| rendered.manifest.media.kind.carries_sequence())?;
    let found: Vec<_> = sequence
        .secrets()
        .into_iter()
        .map(|(step, key, reference)| {
            let value = fetch_step_secret(request, step, key, reference, problems)?;
            Some((format!("`{key}` of the step `{}`", step.name), value))
        })
        .collect();
    // Missing or skipped secrets were reported. Stop only here, so that all of them are.
    let found = found.into_iter().collect::<Option<Vec<_>>>()?;
    let values = || found.iter().map(|(_, value)| &**value);
    let replaced = match of_base.and_then(|policy| policy.text.text()) {
        Some(text) => sequence::policy::replace_sequence(text, sequence, values()),
        None => Ok(None),
    };
    let policy = replaced.and_then(|replaced| match replaced {
        Some(policy) => Ok(policy),
        None => {
            report_missing_policies(request, sequence, problems);
            sequence::policy::write(sequence, rendered.site.as_deref(), values())
        }
    });
    let policy = policy.map_err(|error| {
        let message = format!("the task sequence can't be converted to a policy: {error}");
        problems.add(Problem::error(message).at(request.place(SEQUENCE), ""));
    });
    // The policy of a base may hold accounts of the site.
    let has_secrets = !found.is_empty() || of_base.is_some();
    secrets.extend(found);
    Some(MediaPolicy { text: Arc::new(policy.ok()?), has_secrets })
}

/// Warns of steps that need policies which only the site can create.
fn report_missing_policies(request: &MediumRequest<'_>, sequence: &Sequence, problems: &mut Problems) {
    let steps = sequence::policy::needs_site(sequence);
    let Some(first) = steps.first() else { return };
    let names = match steps.len() {
        1 => format!("the step `{}` needs a policy", first.name),
        n => format!("the step `{}` and {} more need policies", first.name, n - 1),
    };
    let problem = Problem::warning(format!("{names} that only the site can create"));
    let place = first.places.part("name").unwrap_or_else(|| request.place(SEQUENCE));
    let problem = problem.at(place, "").at(request.place(SEQUENCE), "converted without it");
    problems.add(problem.help(
        "save the output of the site's `GetTsPoliciesSaMedia` and name it in `[policy]`, or install with steps of type \
         `run-command-line` with a `package`",
    ));
}

/// Returns the JSON pointer of the first active content entry.
fn first_content_pointer(manifest: &Manifest) -> Option<String> {
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

/// Reports data that is readable without a password, and marks undocumented features as
/// experimental.
fn report_readable_data(request: &MediumRequest<'_>, base: Option<&Base>, problems: &mut Problems) {
    let manifest = &request.rendered.manifest;
    let has_policy = base.is_some_and(Base::may_have_policies);
    if manifest.media.kind == Kind::StandAlone
        && manifest.task_sequence.is_none()
        && manifest.policy.is_none()
        && !has_policy
    {
        let message = "the medium has no task sequence, so it starts but deploys nothing";
        let problem = Problem::new(Rule::MissingTaskSequence, message).at(request.place("/media/kind"), "the kind");
        problems
            .add(problem.help("add `[task-sequence]` with `file`, or `[policy]` with policies exported from the site"));
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
        open.push((&base.pointer, "the data of the base"));
    }
    if !open.is_empty() && manifest.security.password.is_none() {
        let mut names: Vec<_> = open.iter().map(|(_, what)| *what).collect();
        // A site certificate may replace the common one.
        names.dedup();
        let message = format!("without a password, anyone with the medium can read {}", names.join(", "));
        let problem = match manifest.media.kind {
            Kind::Capture => Problem::new(Rule::ReadableCaptureSecrets, message).help(
                "restrict the account to writing to that share, or add `[security]` with \
                 `password = { env = \"MEDIA_PASSWORD\" }`",
            ),
            _ => {
                let help = "add `[security]` with `password = { env = \"MEDIA_PASSWORD\" }`";
                Problem::new(Rule::MissingPassword, message).help(match first_content_pointer(manifest) {
                    Some(_) => format!("{help}; content below `SMS\\PKG` stays readable regardless"),
                    None => help.to_owned(),
                })
            }
        };
        let problem = open.iter().fold(problem, |problem, (at, _)| problem.at(request.place(at), ""));
        problems.add(problem);
    }
    if let (true, Some(pointer)) = (manifest.security.password.is_some(), first_content_pointer(manifest)) {
        let message =
            "the password does not protect content: anyone with the medium can read everything below `SMS\\PKG`";
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
        let message = "variables and policies on media are experimental: Microsoft does not document them, and they \
                       were tested with public readers only, not with a client";
        let problem = Problem::note(message).at(request.place(at), "");
        problems.add(problem.help("test the medium on a machine you can afford to wipe"));
    }
}
