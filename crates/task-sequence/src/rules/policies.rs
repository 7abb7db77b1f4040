//! Checks that the policies of a site describe the programs and applications to install.

use super::{Rules, at_key, has_variable};
use crate::policy::{PROGRAM, Policy};
use crate::{Value, text};
use authoring::problem::Problem;
use authoring::rule::Rule;

/// Policies of a site, for a medium.
pub struct Policies<'a> {
    /// Parsed policies.
    pub all: &'a [Policy],
    /// Returns `true` if the text of a policy contains the ID of an application.
    pub mentions: &'a dyn Fn(&str) -> bool,
}

pub fn check(rules: &mut Rules<'_>, policies: &Policies<'_>) {
    let programs: Vec<_> =
        policies.all.iter().flat_map(|policy| &policy.instances).filter(|one| one.class == PROGRAM).collect();
    for at in rules.running("install-package") {
        let Some(action) = at.action() else { continue };
        let (Some(package), Some(program)) = (action.text("package"), action.text("program")) else { continue };
        let of_package = || programs.iter().filter(|one| one.property("PKG_PackageID") == Some(package));
        let names = ["PRG_ProgramID", "PRG_ProgramName"];
        let is_described = of_package().any(|one| {
            names.iter().any(|name| one.property(name).is_some_and(|own| own.eq_ignore_ascii_case(program)))
        });
        if is_described || has_variable(program) {
            continue;
        }
        let message = format!("no policy describes the program `{program}` of package `{package}`");
        let problem = at_key(Problem::new(Rule::MissingPolicy, message), at.step, "program", "installed here");
        let known: Vec<_> = of_package().filter_map(|one| one.property("PRG_ProgramID")).collect();
        rules.add(
            problem.help(match known[..] {
                [] => {
                    "re-export the policies of the task sequence: `GetTsPoliciesSaMedia` returns one for each program"
                        .into()
                }
                _ => format!("use one of the programs that the policies describe: `{}`", known.join("`, `")),
            }),
        );
    }
    for at in rules.running("install-application") {
        let applications = at.action().and_then(|action| action.values.get("applications"));
        let Some(Value::Tables(applications)) = applications else { continue };
        for (index, application) in applications.iter().enumerate() {
            let Some(id) = text(application, "id").filter(|id| !(policies.mentions)(id)) else { continue };
            let name = text(application, "name").unwrap_or(id);
            let message = format!("no policy describes the application `{name}`");
            let key = format!("applications/{index}/id");
            let problem = at_key(Problem::new(Rule::MissingPolicy, message), at.step, &key, "installed here");
            rules.add(problem.help("re-export the policies after adding the application to the task sequence"));
        }
    }
}
