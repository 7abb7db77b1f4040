//! Conversion of the toolkit's steps for facts, restarts, variables, images, settings, drivers and
//! user state.

use crate::Step;

use super::context::{Context, ConvertedStep, keep_disabled};
use super::draft::{Draft, table, table_keys};
use super::share::ContentKind;
use super::table::Counterpart;
use super::toolkit_step::ToolkitStep;
use super::{ConversionStatus, disks, software};

/// Keys of content that several steps share.
const USMT: &str = "user state migration tool";
const CLIENT: &str = "configuration manager client";

/// Converts a step that uses a known script or class. Returns `None` if the step lacks the
/// necessary values.
pub fn convert_step(
    context: &mut Context<'_>,
    counterpart: Counterpart,
    source: &ToolkitStep,
) -> Option<ConvertedStep> {
    match counterpart {
        Counterpart::Gather => gather(context, source),
        Counterpart::Readiness => readiness(context, source),
        Counterpart::PartitionDisk => disks::partition(source),
        Counterpart::OperatingSystem => operating_system(context, source),
        Counterpart::Settings => settings(context, source),
        Counterpart::Drivers => drivers(context, source),
        Counterpart::Network => network(context, source),
        Counterpart::SoftwareUpdates => convert_without_settings("install-software-updates", source),
        Counterpart::Application => software::application(context, source),
        Counterpart::UserState => user_state(context, source),
        Counterpart::BitLocker => bitlocker(context, source),
        Counterpart::DisableBitLocker => convert_without_settings("disable-bitlocker", source),
        Counterpart::InstallRoles => software::roles(source, true),
        Counterpart::UninstallRoles => software::roles(source, false),
        Counterpart::PowerShell => software::power_shell(context, source),
        Counterpart::Sysprep => sysprep(context, source),
        Counterpart::CaptureImage => capture_image(context, source),
        Counterpart::SetVariable => set_variable(context, source),
    }
}

/// Converts a gather step to Set Dynamic Variables with the toolkit's variable DeploymentType.
///
/// The step also sets variables about the computer.
fn gather(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    if std::mem::replace(&mut context.state.has_gathered, true) {
        let outcome = ConvertedStep::dropped("variables survive restarts: the first step of this kind is enough");
        return Some(outcome);
    }
    let keys = table_keys("set-dynamic-variables", "rules");
    let rule = |in_windows_pe: &str, kind: &str| {
        let mut rule = table(keys, &[("variable", "_SMSTSInWinPE"), ("operator", "equals"), ("value", in_windows_pe)]);
        if let Some(key) = keys.iter().find(|key| key.name == "set") {
            let pair = ("DeploymentType".to_owned(), kind.to_owned());
            rule.insert(key.name, crate::Value::Map(vec![pair]));
        }
        rule
    };
    let rules = vec![rule("true", "NEWCOMPUTER"), rule("false", "REFRESH")];
    let draft = Draft::new("set-dynamic-variables")?.tables("rules", rules);
    context.set.insert("DeploymentType".to_owned());
    Some(ConvertedStep::converted([draft.step(&source.name, &source.description)]))
}

pub fn bitlocker(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    disks::bitlocker(source, context.state.in_windows_pe == Some(true))
}

fn readiness(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    let mut draft = Draft::new("check-readiness")?;
    let checks = [("memory", "ImageMemory"), ("processor-speed", "ImageProcessorSpeed"), ("disk-space", "ImageSize")];
    for (key, variable) in checks {
        draft = draft.set(key, source.variable(variable).filter(|value| *value != "0").unwrap_or_default());
    }
    // In Windows PE, the type of the running system is not that of the installed one.
    if context.state.in_windows_pe != Some(true) {
        draft = draft.set("os-type", source.variable("VerifyOS").unwrap_or_default());
    }
    if !draft.has_any() {
        return Some(ConvertedStep::dropped("the step checks nothing"));
    }
    Some(ConvertedStep::converted([draft.step(&source.name, &source.description)]))
}

pub fn restart(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    let state = &mut context.state;
    let is_pe_staged = std::mem::take(&mut state.is_pe_staged);
    if is_pe_staged && state.is_prepared {
        return Some(ConvertedStep::dropped("Prepare Windows for Capture restarts into Windows PE"));
    }
    if state.has_applied && !state.is_set_up && state.in_windows_pe != Some(false) {
        state.is_set_up = true;
        let client = context.share.package_id(CLIENT, "Configuration Manager client", ContentKind::Package);
        let setup = Draft::new("setup-windows")?.set("client-package", &client);
        let outcome = ConvertedStep::converted([setup.step(&source.name, &source.description)]);
        let why = "only this step leads from Windows PE to the new system";
        return Some(outcome.why(why).todo(format!("add the package of the client as `{client}`")));
    }
    // The toolkit's command line always names Windows PE, but restarts whatever the disk starts. So the target follows from the position in the sequence.
    let in_windows_pe = state.in_windows_pe.unwrap_or(state.applies_later && !state.has_applied);
    let target = if is_pe_staged || in_windows_pe && !state.is_set_up { "windows-pe" } else { "hard-disk" };
    let draft = Draft::new("restart-computer")?
        .set("target", target)
        .set("message", source.variable("Message").or_else(|| source.variable("SMSRebootMessage")).unwrap_or_default())
        .set(
            "message-timeout",
            source.variable("MessageTimeout").or_else(|| source.variable("SMSRebootTimeout")).unwrap_or_default(),
        );
    Some(ConvertedStep::converted([draft.step(&source.name, &source.description)]))
}

pub fn set_variable(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    let name = source.variable("VariableName")?;
    if name.eq_ignore_ascii_case("PHASE") {
        return Some(ConvertedStep::dropped("conditions on PHASE were converted to conditions on Windows PE"));
    }
    let value = source.variable("VariableValue").unwrap_or_default();
    let draft = Draft::new("set-variable")?.set("variable", name).set("value", value);
    if !draft.has("variable") {
        return None;
    }
    context.set.insert(name.to_owned());
    Some(ConvertedStep::converted([draft.step(&source.name, &source.description)]))
}

fn operating_system(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    if source.has_argument("PE") {
        context.state.is_pe_staged = true;
        return Some(ConvertedStep::dropped("Restart Computer stages Windows PE itself"));
    }
    let guid = source.variable("OSGUID").unwrap_or("operating system").to_owned();
    let name = source.name.clone();
    if source.class == "BDD_UpgradeOS" {
        (context.state.has_applied, context.state.is_set_up, context.state.has_settings) = (true, true, true);
        let id = context.share.upgrade_package(&guid, &name);
        let draft = Draft::new("upgrade-operating-system")?.set("package", &id);
        let todo = format!("make sure that `{id}` has all installation files, not only install.wim");
        return Some(ConvertedStep::converted([draft.step(&name, &source.description)]).todo(todo));
    }
    if !source.applies_image() {
        return Some(ConvertedStep::dropped("the engine cleans up after itself"));
    }
    let id = context.share.package_id(&guid, &name, ContentKind::OperatingSystem);
    let content = context.share.content(&guid);
    let (is_listed, index) = content.map_or((false, None), |content| (content.is_listed, content.index));
    let mut draft =
        Draft::new("apply-operating-system")?.set("image", &id).set("index", &index.unwrap_or(1).to_string());
    draft = match source.variable("DestinationOSInstallType").unwrap_or_default().to_lowercase().as_str() {
        "bydiskpartition" => draft
            .set("disk", source.variable("DestinationDisk").unwrap_or("0"))
            .set("partition", source.variable("DestinationPartition").unwrap_or("1")),
        "bylogicaldriveletter" => {
            let letter = source.variable("DestinationLogicalDrive").unwrap_or("C").trim_end_matches([':', '\\']);
            draft.set("drive", &format!("{letter}:"))
        }
        _ => draft.set("drive-variable", source.variable("DestinationOSVariable").unwrap_or_default()),
    };
    context.state.has_applied = true;
    let mut steps = vec![draft.step(&name, &source.description)];
    // Drivers that came before the image are applied directly after it.
    let deferred = std::mem::take(&mut context.state.deferred);
    if !context.state.has_settings {
        steps.extend(settings_steps(context));
    }
    steps.extend(deferred);
    // An unlisted image is a placeholder until its WIM file is set.
    let todo = match is_listed {
        true => String::new(),
        false => format!("set the WIM file and `index` of `{id}`, which stands for the image {guid}"),
    };
    Some(ConvertedStep::converted(steps).why("with the settings that the toolkit writes to the answer file").todo(todo))
}

fn settings(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    if context.state.has_settings || !context.state.has_applied {
        let why = "Apply Windows Settings comes after the step that applies the image";
        return Some(ConvertedStep::dropped(why));
    }
    let mut outcome = ConvertedStep::converted(settings_steps(context));
    outcome.steps.iter_mut().for_each(|step| step.description.clone_from(&source.description));
    Some(outcome)
}

/// Creates the steps Apply Windows Settings and Apply Network Settings.
fn settings_steps(context: &mut Context<'_>) -> Vec<Step> {
    context.state.has_settings = true;
    context.read.extend(["FullName".to_owned(), "OrgName".to_owned()]);
    let windows = Draft::new("apply-windows-settings")
        .map(|draft| draft.set("user-name", "%FullName%").set("organization", "%OrgName%"))
        .map(|draft| draft.step("Apply Windows Settings", ""));
    let own = context.state.network.clone().unwrap_or_default();
    let network = Draft::new("apply-network-settings").map(|draft| match own.variable("OSDDomainName") {
        Some(domain) => draft
            .set("domain", domain)
            .set("domain-ou", own.variable("OSDDomainOUName").unwrap_or_default())
            .set("user", own.variable("OSDJoinAccount").unwrap_or_default())
            .secret("password", "DOMAIN_JOIN_PASSWORD"),
        None => draft.set("workgroup", own.variable("OSDWorkgroupName").unwrap_or("WORKGROUP")),
    });
    let network = network.map(|draft| {
        let adapters = adapters(&own);
        let draft = if adapters.is_empty() { draft } else { draft.tables("adapters", adapters) };
        draft.step("Apply Network Settings", "")
    });
    windows.into_iter().chain(network).collect()
}

pub fn network(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    if source.class.ends_with("ApplyNetworkSettingsAction") || context.state.has_applied {
        let outcome = ConvertedStep::dropped("Apply Network Settings comes after the step that applies the image");
        return Some(outcome);
    }
    convert_without_settings("capture-network-settings", source)
}

fn drivers(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    if context.state.has_drivers && source.variable("DriverSelectionProfile").is_none() {
        return Some(ConvertedStep::dropped("an earlier step injects the drivers"));
    }
    if context.state.is_set_up || context.state.in_windows_pe == Some(false) {
        return Some(ConvertedStep::dropped("the step lists drivers for Sysprep of Windows XP"));
    }
    let profile = source.variable("DriverSelectionProfile").unwrap_or_default().to_owned();
    let injects_all = source.variable("DriverInjectionMode").is_some_and(|mode| mode.eq_ignore_ascii_case("ALL"));
    context.state.has_drivers = true;
    // With an empty profile, the variable DriverGroup001 names the drivers.
    let is_by_variable = profile.eq_ignore_ascii_case("Nothing");
    let group = context.share.driver_group(&profile).map(|group| group.id.clone());
    let (draft, todo) = match (group, injects_all) {
        _ if is_by_variable => {
            let id = context.share.package_id("drivers", "Drivers of a model", ContentKind::DriverPackage);
            let todo = "replace DriverGroup001, which selects the drivers, by one Apply Driver Package per model, with a condition on \
                        `_SMSTSModel`";
            (Draft::new("apply-driver-package")?.set("package", &id).set("recurse", "true"), todo.to_owned())
        }
        (None, false) => {
            let todo = "on stand-alone media, use Apply Driver Package per model";
            (Draft::new("auto-apply-drivers")?, todo.to_owned())
        }
        (group, _) => {
            let key = format!("drivers {profile}");
            let id = group.unwrap_or_else(|| {
                let name = format!("Drivers of the selection profile {profile}");
                context.share.package_id(&key, name.trim(), ContentKind::DriverPackage)
            });
            let draft = Draft::new("apply-driver-package")?.set("package", &id).set("recurse", "true");
            (draft, format!("copy the drivers of `{profile}` to a folder for `{id}`"))
        }
    };
    let mut outcome = ConvertedStep::converted([draft.step(&source.name, &source.description)]).todo(todo.clone());
    if is_by_variable {
        outcome = outcome.unfinished(todo);
    }
    if context.state.applies_later && !context.state.has_applied {
        outcome.fate = ConversionStatus::Moved;
        return Some(outcome.why("moved after the step that applies the image"));
    }
    Some(outcome)
}

fn user_state(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    let kind = match () {
        () if source.has_argument("capture") => "capture-user-state",
        () if source.has_argument("restore") => "restore-user-state",
        () => return Some(ConvertedStep::dropped("the step only estimates the size of the user state")),
    };
    let id = context.share.package_id(USMT, "User State Migration Tool", ContentKind::Package);
    let draft = Draft::new(kind)?.set("package", &id);
    Some(
        ConvertedStep::converted([draft.step(&source.name, &source.description)])
            .unfinished(format!("add the User State Migration Tool as `{id}`, and set where the state is stored")),
    )
}

fn sysprep(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    context.state.is_prepared = true;
    let client = Draft::new("prepare-client-for-capture")?.step("Prepare ConfigMgr Client for Capture", "");
    let windows = Draft::new("prepare-windows-for-capture")?.step(&source.name, &source.description);
    Some(ConvertedStep::converted([client, windows]))
}

fn capture_image(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    if !context.state.is_prepared {
        let todo = "back up the computer by other means";
        return Some(keep_disabled(source).why("the step images the old system before a refresh").todo(todo));
    }
    context.read.extend(["BackupShare", "BackupDir", "BackupFile", "UserDomain", "UserID"].map(str::to_owned));
    let draft = Draft::new("capture-operating-system-image")?
        .set("destination", r"%BackupShare%\%BackupDir%\%BackupFile%")
        .set("user", r"%UserDomain%\%UserID%")
        .secret("password", "CAPTURE_PASSWORD");
    let todo = "set `destination` and `user`, and the password in `CAPTURE_PASSWORD`";
    Some(ConvertedStep::converted([draft.step(&source.name, &source.description)]).todo(todo))
}

/// Converts a step without settings.
fn convert_without_settings(kind: &str, source: &ToolkitStep) -> Option<ConvertedStep> {
    Some(ConvertedStep::converted([Draft::new(kind)?.step(&source.name, &source.description)]))
}

/// Returns the network adapters of a step, with the keys that the catalog has.
fn adapters(source: &ToolkitStep) -> Vec<crate::Values> {
    let keys = table_keys("apply-network-settings", "adapters");
    let count: usize = source.variable("OSDAdapterCount").and_then(|count| count.parse().ok()).unwrap_or(0);
    let adapter = |number: usize| {
        let pairs: Vec<(&str, &str)> = keys
            .iter()
            .filter_map(|key| Some((key.name, source.variable(&format!("OSDAdapter{number}{}", key.variable()))?)))
            .collect();
        table(keys, &pairs)
    };
    (0..count.min(100)).map(adapter).filter(|adapter| !adapter.is_empty()).collect()
}
