//! Conversion of the toolkit's steps for command lines, scripts, applications, roles and features.

use crate::{Body, Step};

use super::context::{Context, ConvertedStep, keep_disabled};
use super::draft::{Draft, step};
use super::share::{ContentKind, share_path};
use super::toolkit_step::ToolkitStep;

/// Key of the package with the scripts of a share.
const SCRIPTS: &str = "scripts";
/// Maximum number of applications that one step installs. Bundles of a share have a few dozen.
const MAX_BUNDLE: usize = 500;

pub fn command_line(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    if source.command.is_empty() {
        return Some(ConvertedStep::dropped("the step has no command line"));
    }
    let lower = source.command.to_ascii_lowercase();
    let runs_script = ["%scriptroot%\\", "%scriptroot%/"].iter().any(|root| lower.contains(root));
    let draft = run(source, &without_script_root(&source.command), &source.folder)?;
    if !runs_script && !lower.contains("%deployroot%") && !source.folder.to_lowercase().contains("%deployroot%") {
        return Some(ConvertedStep::converted([draft.step(&source.name, &source.description)]));
    }
    if !runs_script {
        let todo = "put the files into a package, and remove %DEPLOYROOT% from the command line";
        return Some(ConvertedStep::converted([draft.step(&source.name, &source.description)]).unfinished(todo));
    }
    let id = context.share.package_id(SCRIPTS, "Scripts of the deployment share", ContentKind::Package);
    let step = draft.set("package", &id).step(&source.name, &source.description);
    let outcome = ConvertedStep::converted([step]).why("runs from a package with scripts");
    // These scripts use functions of the toolkit.
    if source.script.as_deref().is_some_and(|script| script.to_ascii_lowercase().ends_with(".wsf")) {
        return Some(
            outcome.unfinished("rewrite the script without the toolkit: .wsf scripts usually include ZTIUtility.vbs"),
        );
    }
    Some(outcome.todo(format!("add the script to `{id}`")))
}

pub fn application(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    let Some(guid) = source.variable("ApplicationGUID").map(str::to_owned) else {
        context.read.insert("Applications".to_owned());
        let draft = Draft::new("install-application")?.set("base-variable", "Applications");
        let todo = "list applications, or set `Applications01` and so on to their names; not for stand-alone media";
        return Some(
            ConvertedStep::converted([draft.step(&source.name, &source.description)])
                .why("installs the applications of the wizard or CustomSettings.ini")
                .unfinished(todo),
        );
    };
    let Some(application) = context.share.application(&guid).cloned() else {
        let todo = match context.share.lists_applications() {
            true => "identify the application, which Applications.xml does not list, or remove the step",
            false => "import the share's `Control` folder, which lists its applications",
        };
        return Some(keep_disabled(source).why("only the GUID of the application is known").todo(todo));
    };
    let mut steps = Vec::new();
    let mut seen = vec![];
    let codes = source.variable("ApplicationSuccessCodes").unwrap_or("0 3010").to_owned();
    let lacking = install(context, &guid, &codes, &mut seen, &mut steps);
    match &mut steps[..] {
        [] => {
            return Some(
                keep_disabled(source)
                    .why(format!("`{}` installs nothing", application.name))
                    .todo("check Applications.xml"),
            );
        }
        [one] => {
            one.name = step(&source.name, "", Body::Group(Vec::new())).name;
            one.description.clone_from(&source.description);
        }
        _ => steps = vec![step(&source.name, &source.description, Body::Group(steps))],
    }
    let mut outcome = ConvertedStep::converted(steps).why(format!("installs `{}` from a package", application.name));
    if seen.len() > MAX_BUNDLE {
        let todo = format!("install the remaining applications: the bundle has more than {MAX_BUNDLE}");
        outcome = outcome.todo(todo);
    } else if !lacking.is_empty() {
        outcome = outcome.todo(format!("find the missing dependencies: {}", lacking.join(", ")));
    }
    Some(outcome)
}

/// Adds the steps that install an application and, before it, its dependencies. Returns the GUIDs
/// of unknown applications.
fn install(
    context: &mut Context<'_>,
    guid: &str,
    codes: &str,
    seen: &mut Vec<String>,
    steps: &mut Vec<Step>,
) -> Vec<String> {
    let guid = guid.trim_matches(['{', '}']).to_lowercase();
    // Bundles may list an application twice, or themselves.
    if seen.contains(&guid) || seen.len() > MAX_BUNDLE {
        return Vec::new();
    }
    seen.push(guid.clone());
    let Some(application) = context.share.application(&guid).cloned() else { return vec![format!("{{{guid}}}")] };
    let mut lacking = Vec::new();
    for dependency in &application.dependencies {
        lacking.extend(install(context, dependency, codes, seen, steps));
    }
    if application.command_line.is_empty() {
        return lacking;
    }
    let mut folder = application.working_directory.clone();
    let mut package = String::new();
    if let Some(source) = &application.source {
        // The package has the GUID as its key, so that applications which several bundles list share it.
        package = context.share.package_id(&guid, &application.name, ContentKind::Package);
        // A package runs in its own folder, so the working directory is relative to it.
        if let Some(path) = share_path(&folder) {
            let below =
                path.to_lowercase().strip_prefix(&source.to_lowercase()).map(|rest| rest.trim_start_matches('/').len());
            folder = below.map_or(String::new(), |len| path[path.len() - len..].replace('/', "\\"));
        }
    }
    let draft = Draft::new("run-command-line").map(|draft| {
        let draft = draft.set("command-line", &application.command_line).set("package", &package);
        draft.set("working-directory", &folder).success_codes(codes)
    });
    let Some(draft) = draft.filter(|draft| draft.has("command-line")) else { return lacking };
    let mut install = draft.step(&application.name, "");
    install.is_disabled = !application.is_enabled;
    steps.push(install);
    if application.restarts && application.is_enabled {
        let restart = Draft::new("restart-computer").map(|draft| draft.set("target", "hard-disk"));
        steps.extend(restart.map(|draft| draft.step(&format!("Restart after {}", application.name), "")));
    }
    lacking
}

pub fn power_shell(context: &mut Context<'_>, source: &ToolkitStep) -> Option<ConvertedStep> {
    let script = source.variable("ScriptName")?;
    let file = script.rsplit(['\\', '/']).next().unwrap_or(script);
    let id = context.share.package_id(SCRIPTS, "Scripts of the deployment share", ContentKind::Package);
    let draft = Draft::new("run-powershell-script")?
        .set("package", &id)
        .set("script-name", file)
        .set("parameters", source.variable("Parameters").unwrap_or_default())
        .set("execution-policy", "bypass");
    let outcome = ConvertedStep::converted([draft.step(&source.name, &source.description)]);
    Some(outcome.todo(format!("add `{file}` to `{id}`; it can't use functions of the toolkit's module")))
}

/// Starts a step that runs a command line.
fn run(source: &ToolkitStep, command: &str, folder: &str) -> Option<Draft> {
    let draft = Draft::new("run-command-line")?
        .set("command-line", command)
        .set("working-directory", folder)
        .success_codes(&source.success_codes);
    let user = source
        .variable("SMSTSRunCommandLineUserName")
        .filter(|_| source.variable("RunAsUser").is_some_and(|value| value.eq_ignore_ascii_case("true")));
    let draft = match user {
        Some(user) => draft.set("user", user).secret("password", "RUN_AS_PASSWORD"),
        None => draft,
    };
    draft.has("command-line").then_some(draft)
}

/// Makes the paths of scripts in a command line relative to their folder.
fn without_script_root(command: &str) -> String {
    const ROOT: &str = "%scriptroot%";
    let lower = command.to_ascii_lowercase();
    let (mut text, mut at) = (String::new(), 0);
    while let Some(start) = lower[at..].find(ROOT).map(|start| at + start) {
        text += &command[at..start];
        text.push('.');
        at = start + ROOT.len();
    }
    text + &command[at..]
}

/// Converts a step to a PowerShell script that installs or removes roles and features.
pub fn roles(source: &ToolkitStep, installs: bool) -> Option<ConvertedStep> {
    let lists = ["OSRoles", "OSRoleServices", "OSFeatures"].iter().filter_map(|name| source.variable(name));
    let mut names: Vec<&str> = lists.flat_map(|list| list.split([',', ';'])).map(str::trim).collect();
    // The names become part of a script, so only harmless characters are accepted.
    names.retain(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_. ".contains(c)));
    names.dedup();
    if names.is_empty() {
        return None;
    }
    let list: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    let (server, client) = match installs {
        true => (
            "Install-WindowsFeature -Name $names",
            "Enable-WindowsOptionalFeature -Online -NoRestart -All -FeatureName $names",
        ),
        false => (
            "Uninstall-WindowsFeature -Name $names",
            "Disable-WindowsOptionalFeature -Online -NoRestart -FeatureName $names",
        ),
    };
    let script = format!(
        "$ErrorActionPreference = 'Stop'\n$names = @(\n    {}\n)\nif (Get-Command Install-WindowsFeature -ErrorAction \
         SilentlyContinue) {{\n    {server}\n}} else {{\n    {client}\n}}\n",
        list.join(",\n    ")
    );
    let draft = Draft::new("run-powershell-script")?.set("execution-policy", "bypass").script(&script);
    Some(
        ConvertedStep::converted([draft.step(&source.name, &source.description)])
            .why("PowerShell manages roles and features"),
    )
}
