//! What is wrong with what single steps say about systems, networks and disks.

use super::super::{Action, Value, Values, text};
use super::{At, Rules, at_key, at_step, has_variable, with};
use authoring::problem::Problem;
use authoring::rule::Rule;

/// A site stores no longer sequence, in bytes (R76).
const MAX_STORED_LEN: usize = 2 << 20;
/// The editor takes no longer name of a step (R75).
const MAX_NAME_CHARS: usize = 50;
/// The longest folder of a capture, in characters (R89).
const MAX_FOLDER_CHARS: usize = 255;

pub fn check(rules: &mut Rules<'_>) {
    length(rules);
    for at in rules.enabled() {
        name(&at, rules);
        let Some(action) = at.action() else { continue };
        match action.kind.name {
            "apply-windows-settings" => windows_settings(&at, action, rules),
            "upgrade-operating-system" => product_key(&at, action, rules),
            "apply-network-settings" | "join-domain-workgroup" => network(&at, action, rules),
            "connect-network-folder" => network_folder(&at, action, rules),
            "capture-operating-system-image" => capture(&at, action, rules),
            "apply-operating-system" | "apply-data-image" => {
                destination(&at, action, rules);
                index(&at, action, rules);
            }
            "install-software-updates" => updates(&at, action, rules),
            "partition-disk" => partitions(&at, action, rules),
            "enable-bitlocker" => pin(&at, action, rules),
            _ => {}
        }
    }
}

/// The XML that a site stores is longer than what is said in it, so this much is sure.
fn length(rules: &mut Rules<'_>) {
    fn of(value: &Value) -> usize {
        match value {
            Value::Text(text) => text.len(),
            Value::Texts(texts) => texts.iter().map(String::len).sum(),
            Value::Map(map) => map.iter().map(|(name, value)| name.len() + value.len()).sum(),
            Value::Tables(tables) => tables.iter().flat_map(|table| table.values()).map(of).sum(),
            _ => 0,
        }
    }
    let own = |at: &At<'_>| {
        let values = at.action().map_or(0, |action| action.values.values().map(of).sum::<usize>());
        at.step.name.len() + at.step.description.len() + values
    };
    let len: usize = rules.steps.iter().map(own).sum();
    if len > MAX_STORED_LEN {
        let message = format!("the sequence has more than {} MB, and a site stores 2 MB", len >> 20);
        let problem = with(Problem::new(Rule::LargeTaskSequence, message), rules.sequence.written.part("name"), "");
        rules.add(problem.help("put scripts into packages, and run them from there"));
    }
}

fn name(at: &At<'_>, rules: &mut Rules<'_>) {
    let n_chars = at.name().chars().count();
    if n_chars > MAX_NAME_CHARS {
        let message = format!("the name has {n_chars} characters, and the editor takes {MAX_NAME_CHARS}");
        let help = "shorten it, and say the rest in `description`";
        rules.add(at_step(Problem::new(Rule::LongStepName, message), at.step, "").help(help));
    }
}

/// A sequence by itself does not show how many images a WIM file holds. Media are checked with their images (R26).
fn index(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    let Some(image) = action.text("image").filter(|_| rules.is_by_itself()) else { return };
    if !action.values.contains_key("index") {
        let message = format!("the step `{}` does not say which image of `{image}` it applies", at.name());
        let problem = at_key(Problem::note(message), at.step, "image", "has no `index`");
        rules.add(problem.help("write `index = 1`, or the number of another image in the WIM file"));
    }
}

fn updates(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    if !action.values.contains_key("updates") && rules.is_by_itself() {
        let message = format!("the step `{}` installs required updates only, which is the default", at.name());
        let problem = at_step(Problem::note(message), at.step, "has no `updates`");
        rules.add(problem.help("write `updates = \"mandatory\"`, or `updates = \"all\"`"));
    }
}

fn product_key(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    let Some(key) = action.text("product-key").filter(|key| !key.is_empty() && !has_variable(key)) else { return };
    let groups: Vec<_> = key.split('-').collect();
    let is_group = |group: &&str| group.len() == 5 && group.bytes().all(|c| c.is_ascii_alphanumeric());
    // Encoded volume keys are one run of letters and digits.
    let is_encoded = groups.len() == 1 && key.len() > 25 && key.bytes().all(|c| c.is_ascii_graphic());
    if (groups.len() == 5 && groups.iter().all(is_group)) || is_encoded {
        return;
    }
    let problem =
        Problem::new(Rule::InvalidProductKey, "the product key is not five groups of five letters and digits");
    let help = "write it like `XXXXX-XXXXX-XXXXX-XXXXX-XXXXX`, or as a variable: `%OSDProductKey%`";
    rules.add(at_key(problem, at.step, "product-key", "").help(help));
}

fn windows_settings(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    product_key(at, action, rules);
    let is_random = action.is_set("random-administrator-password");
    match (is_random, action.values.contains_key("administrator-password")) {
        (true, true) => {
            let message = "the local administrator has a password, and gets a random one and is disabled";
            let problem = at_key(
                Problem::new(Rule::ContradictoryAdministrator, message),
                at.step,
                "administrator-password",
                "a password",
            );
            let random = action.values.contains_key("random-administrator-password");
            let place = at.step.written.part("random-administrator-password").filter(|_| random);
            let help = "write `random-administrator-password = false`, or leave out the password";
            rules.add(with(problem, place, "a random one").help(help));
        }
        (false, false) => {
            let problem = Problem::new(
                Rule::ContradictoryAdministrator,
                "the local administrator is enabled and has no password",
            );
            let help = "add `administrator-password = { env = \"NAME\" }`, or leave out the key";
            rules.add(at_key(problem, at.step, "random-administrator-password", "").help(help));
        }
        _ => {}
    }
    if action.values.contains_key("server-connections") && action.text("server-licensing") != Some("per-server") {
        let problem =
            Problem::new(Rule::InvalidServerLicense, "`server-connections` is for servers licensed per server");
        let help = "leave it out, or write `server-licensing = \"per-server\"`";
        rules.add(at_key(problem, at.step, "server-connections", "").help(help));
    }
    if !action.values.contains_key("server-connections") && action.text("server-licensing") == Some("per-server") {
        let problem = Problem::note("`per-server` without `server-connections` means 5 connections");
        let help = "write `server-connections = 5`, or as many as the license has";
        rules.add(at_key(problem, at.step, "server-licensing", "").help(help));
    }
}

fn network(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    match (action.text("workgroup"), action.text("domain")) {
        (Some(_), Some(_)) => {
            let problem = Problem::new(Rule::AmbiguousDomainJoin, "a computer joins a domain or a workgroup, not both");
            let problem = at_key(problem, at.step, "domain", "a domain");
            rules.add(at_key(problem, at.step, "workgroup", "and a workgroup").help("leave one of them out"));
        }
        (None, None) => {
            let problem = Problem::new(
                Rule::AmbiguousDomainJoin,
                format!("the step `{}` joins no domain and no workgroup", at.name()),
            );
            let help = "write `workgroup = \"WORKGROUP\"`, or `domain`, `user` and `password`";
            rules.add(at_step(problem, at.step, "").help(help));
        }
        (None, Some(_)) => {
            let lacking = ["user", "password"].into_iter().filter(|key| !action.values.contains_key(key));
            let lacking: Vec<_> = lacking.map(|key| format!("`{key}`")).collect();
            if !lacking.is_empty() {
                let message =
                    format!("joining a domain takes an account, and there is no {}", lacking.join(" and no "));
                let help = "add `user = 'DOMAIN\\user'` and `password = { env = \"NAME\" }`";
                rules.add(
                    at_key(Problem::new(Rule::DomainJoinWithoutAccount, message), at.step, "domain", "").help(help),
                );
            }
        }
        (Some(_), None) => {}
    }
    if let Some(user) = action.text("user").filter(|user| !has_variable(user))
        && !user.contains('\\')
    {
        let message = format!("the account `{user}` does not say its domain");
        let help = format!("write `user = 'DOMAIN\\{user}'`");
        rules.add(at_key(Problem::new(Rule::DomainJoinWithoutAccount, message), at.step, "user", "").help(help));
    }
    let Some(unit) = action.text("domain-ou").filter(|unit| !has_variable(unit)) else { return };
    if action.text("domain").is_none() {
        let problem = Problem::new(
            Rule::InvalidOrganizationalUnit,
            "an organisational unit belongs to a domain, and there is none",
        );
        rules.add(at_key(problem, at.step, "domain-ou", "").help("add `domain`, or leave it out"));
        return;
    }
    let bare = unit.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start_matches([':', '/']);
    let name = if unit.to_lowercase().starts_with("ldap") { bare } else { unit };
    let parts: Vec<_> = name.split(',').map(|part| part.trim().to_lowercase()).collect();
    let is_name = parts.iter().all(|part| ["ou=", "dc=", "cn="].iter().any(|kind| part.starts_with(kind)))
        && parts.iter().any(|part| part.starts_with("dc="));
    if !unit.starts_with("LDAP://") || !is_name {
        let right = if is_name { format!("LDAP://{name}") } else { "LDAP://OU=PCs,DC=example,DC=com".into() };
        let message = format!("`{unit}` is no path of an organisational unit");
        let help = format!("write `domain-ou = \"{right}\"`");
        rules.add(at_key(Problem::new(Rule::InvalidOrganizationalUnit, message), at.step, "domain-ou", "").help(help));
    }
}

/// Whether a text is `\\server\share`, with or without folders behind it.
fn is_share(path: &str) -> bool {
    let Some(rest) = path.strip_prefix(r"\\") else { return false };
    let parts: Vec<_> = rest.split('\\').collect();
    parts.len() >= 2 && parts[..2].iter().all(|part| !part.is_empty())
}

fn network_folder(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    if let Some(path) = action.text("path").filter(|path| !has_variable(path) && !is_share(path)) {
        let message = format!("`{path}` is no shared folder");
        let help = r"write it in single quotes: `path = '\\server\share'`";
        rules.add(at_key(Problem::new(Rule::InvalidNetworkFolder, message), at.step, "path", "").help(help));
    }
    if let Some(drive) = action.text("drive").filter(|drive| !drive.contains('%')) {
        let letter = drive.trim_end_matches(':').to_uppercase();
        if letter.len() != 1 || !("D"..="Z").contains(&letter.as_str()) || letter == "X" {
            let message = format!("`{drive}` can't be the drive of a shared folder");
            let help = "a letter from D to Z but for X, the drive of Windows PE, such as `drive = \"S:\"`";
            rules.add(at_key(Problem::new(Rule::InvalidNetworkFolder, message), at.step, "drive", "").help(help));
        }
    }
}

fn capture(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    if let Some(path) = action.text("destination").filter(|path| !has_variable(path)) {
        let is_wim = path.to_lowercase().ends_with(".wim");
        let folder = path.rsplit_once('\\').map_or("", |(folder, _)| folder);
        let message = match is_share(path) {
            true if is_wim && folder.chars().count() <= MAX_FOLDER_CHARS => None,
            true if is_wim => Some(format!("the folder of a capture has {MAX_FOLDER_CHARS} characters at most")),
            _ => Some(format!("`{path}` is no WIM file on a share")),
        };
        let problem = match message {
            Some(message) => Problem::new(Rule::InvalidCaptureTarget, message)
                .help(r"write it in single quotes: `destination = '\\server\share\reference.wim'`"),
            None => Problem::new(Rule::OverwrittenCapture, format!("`{path}` is overwritten if it exists"))
                .help("move the file away before each capture, or put a variable in its name"),
        };
        rules.add(at_key(problem, at.step, "destination", ""));
    }
    // Versions such as 1.0 are what everybody writes, so a few signs between letters and digits are let through.
    let is_odd = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_');
    let version = action.text("version").filter(|version| !has_variable(version));
    if let Some(odd) = version.and_then(|version| version.chars().find(is_odd)) {
        let problem =
            Problem::new(Rule::InvalidImageDescription, format!("the version of an image can't hold `{}`", odd));
        rules.add(at_key(problem, at.step, "version", "").help("write it with letters and digits"));
    }
    if !action.values.contains_key("password") {
        let problem = Problem::new(Rule::InvalidCaptureTarget, "the account that writes the capture has no password");
        rules.add(at_key(problem, at.step, "user", "").help("add `password = { env = \"NAME\" }`"));
    }
}

fn destination(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    let said: Vec<_> =
        ["disk", "drive", "drive-variable"].into_iter().filter(|key| action.values.contains_key(key)).collect();
    if let [first, second, ..] = said[..] {
        let problem = Problem::new(
            Rule::InvalidDestination,
            format!("the image goes to one place, and there is `{first}` and `{second}`"),
        );
        let problem = at_key(problem, at.step, second, "one place");
        rules.add(at_key(problem, at.step, first, "another").help("leave one of them out"));
    }
    for (has, lacks) in [("disk", "partition"), ("partition", "disk")] {
        if action.values.contains_key(has) && !action.values.contains_key(lacks) {
            let problem = Problem::new(Rule::InvalidDestination, format!("there is a `{has}` and no `{lacks}`"));
            rules.add(at_key(problem, at.step, has, "").help(format!("add `{lacks} = 1`, or leave out `{has}`")));
        }
    }
    let Some(drive) = action.text("drive") else { return };
    let bytes = drive.as_bytes();
    let is_drive = matches!(bytes, [b'C'..=b'Z' | b'c'..=b'z', b':']) && !bytes[0].eq_ignore_ascii_case(&b'X');
    if !is_drive {
        let message = format!("`{drive}` can't be the drive of an image");
        let help = "a letter from C to Z but for X, the drive of Windows PE, with a colon: `drive = \"C:\"`";
        rules.add(at_key(Problem::new(Rule::InvalidDestination, message), at.step, "drive", "").help(help));
    }
}

fn partitions(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    let is_gpt = action.text("style") == Some("gpt");
    let mut has_extended = false;
    for (index, partition) in action.tables("partitions").iter().enumerate() {
        let key = |name: &str| format!("partitions/{index}/{name}");
        let kind = text(partition, "type").unwrap_or("primary");
        let other = match kind {
            "extended" | "logical" if is_gpt => Some("a GUID partition table has none"),
            "efi" | "msr" if !is_gpt => Some("a master boot record has none"),
            "logical" if !has_extended => Some("it lies in an extended one, and there is none before it"),
            _ => None,
        };
        has_extended |= kind == "extended";
        if let Some(why) = other {
            let problem =
                Problem::new(Rule::InvalidPartition, format!("a partition of type `{kind}` can't be here: {why}"));
            let problem = at_key(problem, at.step, &key("type"), "");
            let help = match kind {
                "logical" if !is_gpt => "put one with `type = \"extended\"` before it",
                "extended" | "logical" => "write `type = \"primary\"`, or `style = \"mbr\"`",
                _ => "leave it out, or write `style = \"gpt\"`",
            };
            rules.add(at_key(problem, at.step, "style", "the partition table").help(help));
        }
        if let Some(percent) = percent(partition).filter(|percent| *percent > 100) {
            let problem = Problem::new(Rule::InvalidPartition, format!("{percent} percent is more than there is"));
            let help = "percent are of what is left of the disk: 1 to 100";
            rules.add(at_key(problem, at.step, &key("size"), "").help(help));
        }
        if let Some(format) = text(partition, "file-system").filter(|_| matches!(kind, "msr" | "extended")) {
            let problem =
                Problem::new(Rule::InvalidPartition, format!("a partition of type `{kind}` is not formatted"));
            let help = format!("leave out `file-system = \"{format}\"`");
            rules.add(at_key(problem, at.step, &key("file-system"), "").help(help));
        }
    }
}

fn percent(partition: &Values) -> Option<i64> {
    match (text(partition, "size-unit"), partition.get("size")) {
        (Some("percent"), Some(Value::Integer(size))) => Some(*size),
        _ => None,
    }
}

fn pin(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    let mode = action.text("mode").unwrap_or("tpm");
    match (mode == "tpm-and-pin", action.values.contains_key("pin")) {
        (true, false) => {
            let problem =
                Problem::new(Rule::InvalidBitlockerSettings, "`tpm-and-pin` asks for a PIN, and there is none");
            let help = "add `pin = { env = \"NAME\" }`: 4 to 20 digits";
            rules.add(at_key(problem, at.step, "mode", "").help(help));
        }
        (false, true) => {
            let problem =
                Problem::new(Rule::InvalidBitlockerSettings, format!("there is a PIN, and `{mode}` asks for none"));
            let help = "write `mode = \"tpm-and-pin\"`, or leave out the PIN";
            rules.add(at_key(problem, at.step, "pin", "").help(help));
        }
        _ => {}
    }
}
