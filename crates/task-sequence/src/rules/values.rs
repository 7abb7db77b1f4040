//! Checks of values of single steps: systems, networks and disks.

use super::super::{Action, Value, Values, text};
use super::{PlacedStep, Rules, at_key, at_place, at_step, has_variable};
use authoring::problem::Problem;
use authoring::rule::Rule;

/// Maximum size of a task sequence that a site stores, in bytes (R76).
const MAX_STORED_LEN: usize = 2 << 20;
/// Maximum length of a step's name that the editor accepts, in characters (R75, R164).
const MAX_NAME_CHARS: usize = 50;
/// Maximum length of the folder of a capture, in characters (R89).
const MAX_FOLDER_CHARS: usize = 255;

pub fn check(rules: &mut Rules<'_>) {
    check_size(rules);
    for at in rules.enabled() {
        check_name(&at, rules);
        let Some(action) = at.action() else { continue };
        match action.kind.name {
            "apply-windows-settings" => check_windows_settings(&at, action, rules),
            "upgrade-operating-system" => check_product_key(&at, action, rules),
            "apply-network-settings" | "join-domain-workgroup" => check_network(&at, action, rules),
            "connect-network-folder" => check_network_folder(&at, action, rules),
            "capture-operating-system-image" => check_capture(&at, action, rules),
            "apply-operating-system" | "apply-data-image" => {
                check_destination(&at, action, rules);
                check_index(&at, action, rules);
            }
            "install-software-updates" => check_update_selection(&at, action, rules),
            "partition-disk" => check_partitions(&at, action, rules),
            "enable-bitlocker" => check_pin(&at, action, rules),
            _ => {}
        }
    }
}

/// Checks the size of the sequence.
///
/// The XML that a site stores is larger than the sum of its texts, so a sum over the limit is
/// certainly too large.
fn check_size(rules: &mut Rules<'_>) {
    fn of(value: &Value) -> usize {
        match value {
            Value::Text(text) => text.len(),
            Value::Texts(texts) => texts.iter().map(String::len).sum(),
            Value::Map(map) => map.iter().map(|(name, value)| name.len() + value.len()).sum(),
            Value::Tables(tables) => tables.iter().flat_map(|table| table.values()).map(of).sum(),
            _ => 0,
        }
    }
    let own = |at: &PlacedStep<'_>| {
        let values = at.action().map_or(0, |action| action.values.values().map(of).sum::<usize>());
        at.step.name.len() + at.step.description.len() + values
    };
    let len: usize = rules.steps.iter().map(own).sum();
    if len > MAX_STORED_LEN {
        let message = format!("the task sequence is larger than {} MB; a site stores at most 2 MB", len >> 20);
        let problem = at_place(Problem::new(Rule::LargeTaskSequence, message), rules.sequence.places.part("name"), "");
        rules.add(problem.help("move scripts into packages"));
    }
}

fn check_name(at: &PlacedStep<'_>, rules: &mut Rules<'_>) {
    let n_chars = at.name().chars().count();
    if n_chars > MAX_NAME_CHARS {
        let message = format!("the step name has {n_chars} characters; the editor accepts at most {MAX_NAME_CHARS}");
        let help = "shorten it, and move details to `description`";
        rules.add(at_step(Problem::new(Rule::LongStepName, message), at.step, "").help(help));
    }
}

/// Reports an image without an index, for a sequence without a manifest.
///
/// With a medium, the image itself is checked (R26).
fn check_index(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let Some(image) = action.text("image").filter(|_| rules.has_no_manifest()) else { return };
    if !action.values.contains_key("index") {
        let message = format!("the step `{}` does not set the index of the image in `{image}`", at.name());
        let problem = at_key(Problem::note(message), at.step, "image", "has no `index`");
        rules.add(problem.help("add `index = 1`, or the index of another image in the WIM file"));
    }
}

fn check_update_selection(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    if !action.values.contains_key("updates") && rules.has_no_manifest() {
        let message = format!("the step `{}` installs only required updates, the default", at.name());
        let problem = at_step(Problem::note(message), at.step, "has no `updates`");
        rules.add(problem.help("add `updates = \"mandatory\"`, or `updates = \"all\"`"));
    }
}

fn check_product_key(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let Some(key) = action.text("product-key").filter(|key| !key.is_empty() && !has_variable(key)) else { return };
    let groups: Vec<_> = key.split('-').collect();
    let is_group = |group: &&str| group.len() == 5 && group.bytes().all(|c| c.is_ascii_alphanumeric());
    // Encoded volume keys are one long run of printable characters.
    let is_encoded = groups.len() == 1 && key.len() > 25 && key.bytes().all(|c| c.is_ascii_graphic());
    if (groups.len() == 5 && groups.iter().all(is_group)) || is_encoded {
        return;
    }
    let problem =
        Problem::new(Rule::InvalidProductKey, "invalid product key: expected five groups of five letters and digits");
    let help = "write a key like `XXXXX-XXXXX-XXXXX-XXXXX-XXXXX`, or a variable like `%OSDProductKey%`";
    rules.add(at_key(problem, at.step, "product-key", "").help(help));
}

fn check_windows_settings(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    check_product_key(at, action, rules);
    let is_random = action.is_set("random-administrator-password");
    match (is_random, action.values.contains_key("administrator-password")) {
        (true, true) => {
            let message = "the local administrator has a password, but is set to be disabled with a random one";
            let problem = at_key(
                Problem::new(Rule::ContradictoryAdministrator, message),
                at.step,
                "administrator-password",
                "password",
            );
            let random = action.values.contains_key("random-administrator-password");
            let place = at.step.places.part("random-administrator-password").filter(|_| random);
            let help = "write `random-administrator-password = false`, or remove the password";
            rules.add(at_place(problem, place, "random password").help(help));
        }
        (false, false) => {
            let problem = Problem::new(
                Rule::ContradictoryAdministrator,
                "the local administrator is enabled and has no password",
            );
            let help = "add `administrator-password = { env = \"NAME\" }`, or remove this key";
            rules.add(at_key(problem, at.step, "random-administrator-password", "").help(help));
        }
        _ => {}
    }
    if action.values.contains_key("server-connections") && action.text("server-licensing") != Some("per-server") {
        let problem = Problem::new(
            Rule::InvalidServerLicense,
            "`server-connections` requires `server-licensing = \"per-server\"`",
        );
        let help = "remove it, or write `server-licensing = \"per-server\"`";
        rules.add(at_key(problem, at.step, "server-connections", "").help(help));
    }
    if !action.values.contains_key("server-connections") && action.text("server-licensing") == Some("per-server") {
        let problem = Problem::note("`per-server` without `server-connections` allows 5 connections");
        let help = "add `server-connections = 5`, or the number in the license";
        rules.add(at_key(problem, at.step, "server-licensing", "").help(help));
    }
}

fn check_network(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    match (action.text("workgroup"), action.text("domain")) {
        (Some(_), Some(_)) => {
            let problem = Problem::new(Rule::AmbiguousDomainJoin, "the step has both a domain and a workgroup");
            let problem = at_key(problem, at.step, "domain", "domain");
            rules.add(at_key(problem, at.step, "workgroup", "workgroup").help("remove one of them"));
        }
        (None, None) => {
            let problem = Problem::new(
                Rule::AmbiguousDomainJoin,
                format!("the step `{}` has neither a domain nor a workgroup", at.name()),
            );
            let help = "add `workgroup = \"WORKGROUP\"`, or `domain`, `user` and `password`";
            rules.add(at_step(problem, at.step, "").help(help));
        }
        (None, Some(_)) => {
            let lacking = ["user", "password"].into_iter().filter(|key| !action.values.contains_key(key));
            let lacking: Vec<_> = lacking.map(|key| format!("`{key}`")).collect();
            if !lacking.is_empty() {
                let message =
                    format!("joining a domain requires an account, but there is no {}", lacking.join(" and no "));
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
        let message = format!("the account `{user}` has no domain");
        let help = format!("write `user = 'DOMAIN\\{user}'`");
        rules.add(at_key(Problem::new(Rule::DomainJoinWithoutAccount, message), at.step, "user", "").help(help));
    }
    let Some(unit) = action.text("domain-ou").filter(|unit| !has_variable(unit)) else { return };
    if action.text("domain").is_none() {
        let problem =
            Problem::new(Rule::InvalidOrganizationalUnit, "the step has an organizational unit, but no domain");
        rules.add(at_key(problem, at.step, "domain-ou", "").help("add `domain`, or remove `domain-ou`"));
        return;
    }
    // Remove any misspelled scheme, such as `LDAP:` or `LDAP//`, to suggest the right path.
    let bare = unit.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start_matches([':', '/']);
    let name = if unit.to_lowercase().starts_with("ldap") { bare } else { unit };
    let parts: Vec<_> = name.split(',').map(|part| part.trim().to_lowercase()).collect();
    let is_name = parts.iter().all(|part| ["ou=", "dc=", "cn="].iter().any(|kind| part.starts_with(kind)))
        && parts.iter().any(|part| part.starts_with("dc="));
    if !unit.starts_with("LDAP://") || !is_name {
        let right = if is_name { format!("LDAP://{name}") } else { "LDAP://OU=PCs,DC=example,DC=com".into() };
        let message = format!("`{unit}` is not the path of an organizational unit");
        let help = format!("write `domain-ou = \"{right}\"`");
        rules.add(at_key(Problem::new(Rule::InvalidOrganizationalUnit, message), at.step, "domain-ou", "").help(help));
    }
}

/// Returns `true` for `\\server\share`, with or without folders after it.
fn is_share(path: &str) -> bool {
    let Some(rest) = path.strip_prefix(r"\\") else { return false };
    let parts: Vec<_> = rest.split('\\').collect();
    parts.len() >= 2 && parts[..2].iter().all(|part| !part.is_empty())
}

fn check_network_folder(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    if let Some(path) = action.text("path").filter(|path| !has_variable(path) && !is_share(path)) {
        let message = format!("`{path}` is not a shared folder");
        let help = r"write it in single quotes: `path = '\\server\share'`";
        rules.add(at_key(Problem::new(Rule::InvalidNetworkFolder, message), at.step, "path", "").help(help));
    }
    if let Some(drive) = action.text("drive").filter(|drive| !drive.contains('%')) {
        let letter = drive.trim_end_matches(':').to_uppercase();
        if letter.len() != 1 || !("D"..="Z").contains(&letter.as_str()) || letter == "X" {
            let message = format!("`{drive}` is not a valid drive for a shared folder");
            let help = "use a letter from D to Z except X, which is the drive of Windows PE: `drive = \"S:\"`";
            rules.add(at_key(Problem::new(Rule::InvalidNetworkFolder, message), at.step, "drive", "").help(help));
        }
    }
}

fn check_capture(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    if let Some(path) = action.text("destination").filter(|path| !has_variable(path)) {
        let is_wim = path.to_lowercase().ends_with(".wim");
        let folder = path.rsplit_once('\\').map_or("", |(folder, _)| folder);
        let message = match is_share(path) {
            true if is_wim && folder.chars().count() <= MAX_FOLDER_CHARS => None,
            true if is_wim => Some(format!(
                "the folder of the capture has {} characters; at most {MAX_FOLDER_CHARS} are allowed",
                folder.chars().count()
            )),
            _ => Some(format!("`{path}` is not a WIM file on a share")),
        };
        let problem = match message {
            Some(message) => Problem::new(Rule::InvalidCaptureTarget, message)
                .help(r"write it in single quotes: `destination = '\\server\share\reference.wim'`"),
            None => Problem::new(Rule::OverwrittenCapture, format!("an existing file `{path}` is overwritten"))
                .help("move the file away before each capture, or use a variable in its name"),
        };
        rules.add(at_key(problem, at.step, "destination", ""));
    }
    // Only letters and digits are documented, but versions such as 1.0 are common.
    let is_odd = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_');
    let version = action.text("version").filter(|version| !has_variable(version));
    if let Some(odd) = version.and_then(|version| version.chars().find(is_odd)) {
        let problem =
            Problem::new(Rule::InvalidImageDescription, format!("the version of an image can't contain `{}`", odd));
        rules.add(at_key(problem, at.step, "version", "").help("use letters and digits"));
    }
    if !action.values.contains_key("password") {
        let problem = Problem::new(Rule::InvalidCaptureTarget, "the account that writes the capture has no password");
        rules.add(at_key(problem, at.step, "user", "").help("add `password = { env = \"NAME\" }`"));
    }
}

fn check_destination(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let given: Vec<_> =
        ["disk", "drive", "drive-variable"].into_iter().filter(|key| action.values.contains_key(key)).collect();
    if let [first, second, ..] = given[..] {
        let problem =
            Problem::new(Rule::InvalidDestination, format!("the step has two destinations: `{first}` and `{second}`"));
        let problem = at_key(problem, at.step, second, "one destination");
        rules.add(at_key(problem, at.step, first, "another destination").help("remove one of them"));
    }
    for (has, lacks) in [("disk", "partition"), ("partition", "disk")] {
        if action.values.contains_key(has) && !action.values.contains_key(lacks) {
            let problem = Problem::new(Rule::InvalidDestination, format!("`{has}` requires `{lacks}`"));
            rules.add(at_key(problem, at.step, has, "").help(format!("add `{lacks} = 1`, or remove `{has}`")));
        }
    }
    let Some(drive) = action.text("drive") else { return };
    let bytes = drive.as_bytes();
    let is_drive = matches!(bytes, [b'C'..=b'Z' | b'c'..=b'z', b':']) && !bytes[0].eq_ignore_ascii_case(&b'X');
    if !is_drive {
        let message = format!("`{drive}` is not a valid drive for an image");
        let help =
            "use a letter from C to Z except X, which is the drive of Windows PE, with a colon: `drive = \"C:\"`";
        rules.add(at_key(Problem::new(Rule::InvalidDestination, message), at.step, "drive", "").help(help));
    }
}

fn check_partitions(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let is_gpt = action.text("style") == Some("gpt");
    let mut has_extended = false;
    for (index, partition) in action.tables("partitions").iter().enumerate() {
        let key = |name: &str| format!("partitions/{index}/{name}");
        let kind = text(partition, "type").unwrap_or("primary");
        let other = match kind {
            "extended" | "logical" if is_gpt => Some("GPT disks have none"),
            "efi" | "msr" if !is_gpt => Some("MBR disks have none"),
            "logical" if !has_extended => Some("there is no extended partition before it"),
            _ => None,
        };
        has_extended |= kind == "extended";
        if let Some(why) = other {
            let problem = Problem::new(Rule::InvalidPartition, format!("invalid partition of type `{kind}`: {why}"));
            let problem = at_key(problem, at.step, &key("type"), "");
            let help = match kind {
                "logical" if !is_gpt => "add a partition with `type = \"extended\"` before it",
                "extended" | "logical" => "write `type = \"primary\"`, or `style = \"mbr\"`",
                _ => "remove it, or write `style = \"gpt\"`",
            };
            rules.add(at_key(problem, at.step, "style", "partition table").help(help));
        }
        if let Some(percent) = percent(partition).filter(|percent| *percent > 100) {
            let problem =
                Problem::new(Rule::InvalidPartition, format!("{percent} percent is more than the remaining space"));
            let help = "write 1 to 100, the percentage of the remaining space";
            rules.add(at_key(problem, at.step, &key("size"), "").help(help));
        }
        if let Some(format) = text(partition, "file-system").filter(|_| matches!(kind, "msr" | "extended")) {
            let problem =
                Problem::new(Rule::InvalidPartition, format!("a partition of type `{kind}` can't be formatted"));
            let help = format!("remove `file-system = \"{format}\"`");
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

fn check_pin(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let mode = action.text("mode").unwrap_or("tpm");
    match (mode == "tpm-and-pin", action.values.contains_key("pin")) {
        (true, false) => {
            let problem = Problem::new(
                Rule::InvalidBitlockerSettings,
                "`mode = \"tpm-and-pin\"` requires a PIN, but there is none",
            );
            let help = "add `pin = { env = \"NAME\" }`, a PIN of 4 to 20 digits";
            rules.add(at_key(problem, at.step, "mode", "").help(help));
        }
        (false, true) => {
            let problem = Problem::new(
                Rule::InvalidBitlockerSettings,
                format!("the step has a PIN, but `mode = \"{mode}\"` does not use one"),
            );
            let help = "write `mode = \"tpm-and-pin\"`, or remove the PIN";
            rules.add(at_key(problem, at.step, "pin", "").help(help));
        }
        _ => {}
    }
}
