//! What the medium tells the client: variables, password and policy, found, checked and put into `SMS\data`.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Draft, secrets, site, strength};
use crate::format::container::Algorithm;
use crate::limits::{self, MAX_POLICY_LEN};
use crate::manifest::{Encryption, Kind, MAX_VALUE, PolicyTable, VariableValue};
use crate::media;
use crate::media::data::{self, MediaData, Policy, Value};
use crate::output::Veiled;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::sequence::catalog::Environment;
use crate::sequence::{self, Sequence, Step};

/// The prestart command and where its files are, as boot images have them.
pub(super) const PRESTART_FILE: &str = "TSConfig.INI";
/// The folder of the files of a prestart command in a boot image, from its root, and the name that the command's file
/// has for it.
const PRESTART_FOLDER: &str = "sms/PKG/SMS10000";
const PRESTART_PACKAGE: &str = "SMS10000";

const PASSWORD: &str = "/security/password";
const POLICY: &str = "/policy/file";
const SEQUENCE: &str = "/task-sequence/file";

impl Draft<'_> {
    /// Adds what the medium tells the client; what of it depends on secrets comes back.
    pub(super) fn add_data(&mut self) -> Option<Veiled> {
        let rendered = self.rendered;
        let media = &rendered.manifest.media;
        let mut data = MediaData::new(media.kind, &media.name, rendered.site.as_deref());
        // What it depends on: in words, with the value.
        let mut secrets: Vec<(String, Arc<Secret>)> = Vec::new();
        data.is_unattended = media.unattended;
        data.algorithm = match rendered.manifest.security.encryption {
            Encryption::Aes128 => Algorithm::Aes128,
            Encryption::Aes256 => Algorithm::Aes256,
        };
        if let Some(password) = self.password() {
            secrets.push(("the password".into(), Arc::clone(&password)));
            data.password = Some(password);
        }
        for (name, value) in rendered.manifest.told() {
            data.set(name, Value::Text(value));
        }
        secrets.extend(site::add_site(self.request, &mut data, self.problems));
        for (name, value) in &rendered.manifest.variables {
            let Some(value) = self.variable(name, value) else { continue };
            if let Value::Secret(secret) = &value {
                secrets.push((format!("the variable `{name}`"), Arc::clone(secret)));
            }
            data.set(name, value);
        }
        data.policy = match &rendered.manifest.policy {
            Some(table) => self.policy_of_site(table).map(|text| Policy { text, has_secrets: false }),
            None => self.policy_of_sequence(&mut secrets),
        };
        self.say_what_is_open();
        let files = match data.files() {
            Ok(files) => files,
            Err(bad) => {
                // Variables are looked at one by one before.
                self.problems.add(Problem::error(bad.to_string()).at(self.place("/variables"), ""));
                return None;
            }
        };
        for file in &files {
            if self.root.insert(file.path, file.content.clone()).is_err() {
                let message = format!("`{}` is already on the medium, and tsmedia writes it", file.path);
                let problem = Problem::error(message).at(self.place(&self.pointer_into("SMS")), "puts it there");
                self.problems.add(problem.help("leave out your own file, or the folder `SMS/data`"));
            }
        }
        let has_secrets = files.iter().any(|file| file.is_secret);
        if !has_secrets {
            return None;
        }
        let veil = match self.request.sources.veil() {
            Ok(veil) => veil?,
            Err(error) => {
                self.failed(&error, "/media");
                return None;
            }
        };
        let mut veiled = Veiled::new(veil);
        secrets.iter().for_each(|(name, value)| veiled.add_value(name, value));
        files.iter().filter(|file| file.is_secret).for_each(|file| veiled.add_file(file.path));
        Some(veiled)
    }

    /// The password, if there is one and it can be used.
    fn password(&mut self) -> Option<Arc<Secret>> {
        let security = &self.rendered.manifest.security;
        let password = secrets::secret_text(self.request, PASSWORD, security.password.as_ref()?, self.problems)?;
        let text = password.text().unwrap_or_default();
        if let Some(c) = text.chars().find(|c| c.is_control()) {
            // It has to be typed.
            let what = if c == '\n' { "several lines" } else { "a character that nobody can type" };
            let problem = Problem::error(format!("the password has {what}")).at(self.place(PASSWORD), "");
            self.problems.add(problem.help("take out all but the password itself"));
            return None;
        }
        let bits = strength::bits(text);
        if bits < strength::MIN_BITS && !security.accept_weak_password {
            let message = format!(
                "the password is worth about {bits} bits, and less than {} can be guessed by who has a copy of the medium",
                strength::MIN_BITS
            );
            let problem = Problem::error(message).rule("R52").at(self.place(PASSWORD), "");
            self.problems.add(problem.help(
                "take a longer one that was drawn, not chosen; or write `accept-weak-password = true` in `[security]`",
            ));
        }
        Some(password)
    }

    /// The value of a variable, if it is there and XML holds it.
    fn variable(&mut self, name: &str, value: &VariableValue) -> Option<Value> {
        let pointer = format!("/variables/{name}");
        let value = match value {
            VariableValue::Text(text) => Value::Text(text.clone()),
            VariableValue::Secret(reference) => {
                Value::Secret(secrets::secret_text(self.request, &pointer, reference, self.problems)?)
            }
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
                Some((Some("R67"), message))
            }
            None => None,
        };
        let Some((rule, message)) = fault else { return Some(value) };
        let problem = Problem { rule, ..Problem::error(message) }.at(self.place(&pointer), "");
        self.problems.add(problem.help("give it a text of one or more lines, without control characters"));
        None
    }

    /// The policy that is made of the task sequence, where the medium carries one; what secrets are in it goes to
    /// `secrets`.
    fn policy_of_sequence(&mut self, secrets: &mut Vec<(String, Arc<Secret>)>) -> Option<Policy> {
        let rendered = self.rendered;
        let sequence = rendered.sequence().filter(|_| rendered.manifest.media.kind.carries_sequence())?;
        let found: Vec<_> = sequence
            .secrets()
            .into_iter()
            .map(|(step, key, reference)| {
                let value = secrets::secret_of_step(self.request, step, key, reference, self.problems)?;
                Some((format!("`{key}` of the step `{}`", step.name), value))
            })
            .collect();
        self.say_what_policies_lack(sequence);
        self.say_what_starts_in_windows(sequence);
        // What was not looked at, or is not there, was told.
        let found = found.into_iter().collect::<Option<Vec<_>>>()?;
        let values = found.iter().map(|(_, value)| &**value);
        let policy = match sequence::policy::write(sequence, rendered.site.as_deref(), values) {
            Ok(policy) => policy,
            Err(error) => {
                let message = format!("the task sequence can't be written for the medium: {error}");
                self.problems.add(Problem::error(message).at(self.place(SEQUENCE), ""));
                return None;
            }
        };
        let has_secrets = !found.is_empty();
        secrets.extend(found);
        Some(Policy { text: Arc::new(policy), has_secrets })
    }

    /// Says which steps need policies that only the site can make.
    fn say_what_policies_lack(&mut self, sequence: &Sequence) {
        let steps = sequence::policy::needs_site(sequence);
        let Some(first) = steps.first() else { return };
        let names = match steps.len() {
            1 => format!("the step `{}` installs", first.name),
            n => format!("the step `{}` and {} more install", first.name, n - 1),
        };
        let problem = Problem::warning(format!("{names} what only the policy of the site describes"));
        let place = first.written.part("name").unwrap_or_else(|| self.place(SEQUENCE));
        let problem = problem.at(place, "").at(self.place(SEQUENCE), "made into a policy without that");
        self.problems.add(problem.help(
            "name the policy that the site's `GetTsPoliciesSaMedia` returns in `[policy]`, or install by steps of type \
             `run-command-line` with a `package`",
        ));
    }

    /// Says of capture media whether anything starts steps of theirs that run in Windows: the program is Microsoft's.
    fn say_what_starts_in_windows(&mut self, sequence: &Sequence) {
        if self.rendered.manifest.media.kind != Kind::Capture || self.root.get(media::AUTORUN_PROGRAM).is_some() {
            return;
        }
        let runs_in_windows =
            |step: &&Step| step.action().is_some_and(|action| action.kind.environment == Environment::FullOs);
        let Some(step) = sequence.enabled().into_iter().find(runs_in_windows) else { return };
        let message =
            format!("the step `{}` runs in Windows, where nothing on the medium starts the sequence", step.name);
        let place = step.written.part("name").unwrap_or_else(|| self.place(SEQUENCE));
        let problem = Problem::warning(message).at(place, "");
        self.problems.add(problem.help(format!(
            "put the folder of `{}` on it, from a medium that Configuration Manager made: `[[file]]` with `source` and \
             `path = \"SMS/bin\"`",
            media::AUTORUN_PROGRAM.replace('/', "\\")
        )));
    }

    /// The policy of the site that the author gives, as text.
    fn policy_of_site(&mut self, table: &PolicyTable) -> Option<Arc<Secret>> {
        let path = self.input(POLICY, &table.file);
        if self.is_pointer(&path, POLICY) {
            return None;
        }
        let read =
            limits::open_within(&path, MAX_POLICY_LEN as u64).and_then(|file| Secret::read_to(file, MAX_POLICY_LEN));
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) => {
                self.unreadable(&path, &error, POLICY);
                return None;
            }
        };
        // As files on Windows begin that say how they are written.
        let text = match bytes.bytes() {
            [0xEF, 0xBB, 0xBF, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
            [0xFF, 0xFE, rest @ ..] => {
                let units: Zeroizing<Vec<_>> = Zeroizing::new(
                    rest.chunks(2).map(|unit| u16::from_le_bytes([unit[0], *unit.get(1).unwrap_or(&0)])).collect(),
                );
                String::from_utf16(&units).ok()
            }
            rest => std::str::from_utf8(rest).ok().map(str::to_owned),
        };
        match text.filter(|text| text.trim_start().starts_with('<') && !text.contains('\0')) {
            Some(text) => Some(Arc::new(Secret::from(text))),
            None => {
                let problem = Problem::error(format!("`{path}` is no XML")).at(self.place(POLICY), "");
                self.problems.add(problem.help("give the policy as the site returns it, in UTF-8 or UTF-16"));
                None
            }
        }
    }

    /// Says what anybody can read, and what nobody has tried.
    fn say_what_is_open(&mut self) {
        let manifest = &self.rendered.manifest;
        if manifest.media.kind == Kind::StandAlone && manifest.task_sequence.is_none() && manifest.policy.is_none() {
            let message = "the medium carries no task sequence, so it starts and deploys nothing";
            let problem = Problem::note(message).rule("R28").at(self.place("/media/kind"), "the kind");
            self.problems
                .add(problem.help("add `[task-sequence]` with `file`, or `[policy]` with what the site gives"));
        }
        let sequence = self.rendered.sequence().filter(|_| manifest.media.kind.carries_sequence());
        let is_made = sequence.is_some() && manifest.policy.is_none();
        let open = [
            ("/variables", "the variables"),
            ("/policy", "the policy"),
            ("/certificate", "the certificate and its key"),
            ("/sites/0/certificate", "the certificate and its key"),
        ];
        let is_there = |at: &str| self.rendered.value().pointer(at).is_some();
        let mut open: Vec<_> = open.into_iter().filter(|(at, _)| is_there(at)).collect();
        if is_made && sequence.is_some_and(|sequence| !sequence.secrets().is_empty()) {
            open.push((SEQUENCE, "the secrets of its task sequence"));
        }
        if !open.is_empty() && manifest.security.password.is_none() {
            let mut names: Vec<_> = open.iter().map(|(_, what)| *what).collect();
            // A site may have its own certificate in place of the one for all.
            names.dedup();
            let message = format!("the medium has no password, and whoever has it can read {}", names.join(", "));
            let problem = match manifest.media.kind {
                // They have none.
                Kind::Capture => Problem::note(message).help("give the account no right but to write to that share"),
                _ => Problem::warning(message).help("add `[security]` with `password = { env = \"MEDIA_PASSWORD\" }`"),
            };
            let problem = open.iter().fold(problem, |problem, (at, _)| problem.at(self.place(at), ""));
            self.problems.add(problem.rule("R51"));
        }
        let is_asked = [
            "/variables",
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
            let problem = Problem::note(message).at(self.place(at), "");
            self.problems.add(problem.help("try the medium on a computer that may be lost"));
        }
    }

    /// Adds the prestart command and its files to what goes into the boot image.
    pub(super) fn add_prestart(&mut self) {
        let Some(prestart) = &self.rendered.manifest.prestart else { return };
        let mut text = format!("[CustomHook]\r\nCommandLine={}\r\n", prestart.command);
        if let Some(files) = &prestart.files {
            self.add_source(files, PRESTART_FOLDER, "/prestart/files");
            text += &format!("Source={PRESTART_PACKAGE}\r\n");
        }
        if !prestart.command.is_ascii() {
            let problem = Problem::error("the prestart command has letters that not every Windows PE reads alike");
            let problem = problem.at(self.place("/prestart/command"), "");
            self.problems.add(problem.help("put it into a script in `files`, and start that"));
        }
        let content = crate::content::Content::bytes(text.into_bytes());
        self.insert(PRESTART_FILE, content, "/prestart");
    }
}
