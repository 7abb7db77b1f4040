//! Reads the policies that the manifest names, and checks all policies of the medium against its
//! task sequence and content.

use std::collections::BTreeSet;

use super::base::Base;
use super::request::MediumRequest;
use crate::limits::MAX_POLICY_LEN;
use crate::manifest::{Kind, PolicyTable, task_sequence};
use crate::media::data::MediaData;
use crate::media::windows_text;
use crate::problem::{Place, Problem, Problems};
use crate::rule::Rule;
use crate::secret::Secret;
use crate::sequence::policy::{self, PROGRAM, Policy, PolicyInstance, ReturnedPolicies, TASK_SEQUENCE};
use crate::sequence::rules::{
    CarriedContent, MediumContext, Policies, check_content, check_policies, without_revision,
};

const FILE: &str = "/policy/file";

/// Variable of stand-alone media that describes applications. Its format is not documented.
const APPLICATIONS: &str = "_SMSTSMediaAppDocs";

/// Reads the policies that the manifest names; `None` if any file is unusable.
pub(super) fn read_policies(
    request: &MediumRequest<'_>,
    table: &PolicyTable,
    problems: &mut Problems,
) -> Option<Secret> {
    let mut policies = ReturnedPolicies::default();
    let mut is_complete = true;
    for (index, written) in table.file.iter().enumerate() {
        let pointer = file_pointer(request, index);
        match read_file(request, written, &pointer, problems) {
            Some(read) => policies.append(read),
            None => is_complete = false,
        }
    }
    is_complete.then(|| policies.to_text())
}

fn read_file(
    request: &MediumRequest<'_>,
    written: &str,
    pointer: &str,
    problems: &mut Problems,
) -> Option<ReturnedPolicies> {
    let path = request.input(pointer, written);
    let bytes = request.read_secret(&path, MAX_POLICY_LEN, pointer, problems)?;
    let Some(text) = windows_text(bytes.bytes()) else {
        let problem = Problem::error(format!("`{path}` is not a text file")).at(request.place(pointer), "");
        problems.add(problem.help("save the policies as returned by the site, in UTF-8 or UTF-16"));
        return None;
    };
    policy::read_returned(&text)
        .map_err(|error| {
            let message = format!("`{path}` can't be used: {error}");
            let help = error.advice().unwrap_or(
                "save the output of `GetTsPoliciesSaMedia`: XML, or JSON with `PolicyXmls` and \
                 `PolicyAssignmentXmls`",
            );
            problems.add(Problem::error(message).at(request.place(pointer), "").help(help));
        })
        .ok()
}

/// Returns the JSON pointer of a file in `[policy]`, which may be one text or a list.
fn file_pointer(request: &MediumRequest<'_>, index: usize) -> String {
    match request.rendered.value().pointer(FILE) {
        Some(list) if list.is_array() => format!("{FILE}/{index}"),
        _ => FILE.to_owned(),
    }
}

/// Checks content and policies of the medium against each other.
pub(super) fn check(request: &MediumRequest<'_>, base: Option<&Base>, data: &MediaData, problems: &mut Problems) {
    let texts: Vec<_> = data.policies().filter_map(|text| text.text()).collect();
    let policies: Vec<_> = texts.iter().flat_map(|text| policy::read(text).unwrap_or_default()).collect();
    let carried = carried_content(request, base);
    let rendered = request.rendered;
    let kind = rendered.manifest.media.kind;
    let mut found = Vec::new();
    if let Some(sequence) = rendered.sequence() {
        if base.is_some() {
            let medium = MediumContext { kind: Some(kind), carried: Some(carried.clone()), ..MediumContext::default() };
            found.extend(check_content(sequence, &medium));
        }
        let is_of_site = rendered.manifest.policy.is_some() || base.is_some_and(Base::may_have_policies);
        if is_of_site && !policies.is_empty() {
            let mentions = |id: &str| {
                data.get(APPLICATIONS).is_some() || texts.iter().any(|text| text.contains(without_revision(id)))
            };
            found.extend(check_policies(sequence, kind, &Policies { all: &policies, mentions: &mentions }));
        }
    } else if kind == Kind::StandAlone {
        check_references(request, base, &policies, &carried, &mut found);
    }
    check_hashes(request, base, &policies, &carried, &mut found);
    check_versions(request, base, &policies, &mut found);
    found.into_iter().for_each(|problem| rendered.add_lowered(problem, problems));
}

/// Lists the content that the medium will have.
fn carried_content(request: &MediumRequest<'_>, base: Option<&Base>) -> Vec<CarriedContent> {
    let mut carried = task_sequence::listed_content(request.rendered.value(), |pointer| request.place(pointer));
    for base in base.into_iter() {
        carried.extend(base.content().into_iter().map(|id| CarriedContent {
            table: None,
            id,
            model_name: None,
            index: None,
            place: request.place(&base.pointer),
        }));
    }
    carried
}

/// Reports packages that the task sequence in a policy refers to but the medium lacks.
fn check_references(
    request: &MediumRequest<'_>,
    base: Option<&Base>,
    policies: &[Policy],
    carried: &[CarriedContent],
    found: &mut Vec<Problem>,
) {
    let instances = || policies.iter().flat_map(|policy| &policy.instances);
    let sequences = instances().filter(|one| one.class == TASK_SEQUENCE);
    let boot_images: Vec<_> = sequences.clone().filter_map(|one| one.property("TS_BootImageID")).collect();
    let references = sequences.filter_map(|one| one.sequence.as_ref()).flat_map(|sequence| &sequence.references);
    let mut reported: Vec<&str> = Vec::new();
    // A child task sequence (`*`) has its steps in the policy already, and the boot image is on the
    // medium anyway.
    for reference in references {
        let Some(id) = reference.package.as_deref() else { continue };
        let is_child = reference.program.as_deref() == Some("*");
        let is_there = carried.iter().any(|one| one.id.eq_ignore_ascii_case(id)) || boot_images.contains(&id);
        if is_child || is_there || reported.contains(&id) {
            continue;
        }
        reported.push(id);
        let message = match &reference.step {
            Some(step) => format!("the package `{id}` of the step `{step}` is not on the medium"),
            None => format!("the package `{id}` is not on the medium"),
        };
        let problem = Problem::new(Rule::MissingContent, message)
            .at(policy_place(request, base), "required by the task sequence");
        found.push(problem.help(format!(
            "add it as `[[package]]`, `[[driver-package]]` or `[[operating-system]]` with `id = \"{id}\"`"
        )));
    }
}

/// Reports content of the manifest that replaces content whose hash is recorded in a policy of the
/// base.
fn check_hashes(
    request: &MediumRequest<'_>,
    base: Option<&Base>,
    policies: &[Policy],
    carried: &[CarriedContent],
    found: &mut Vec<Problem>,
) {
    let Some(base) = base.filter(|_| request.rendered.manifest.policy.is_none()) else { return };
    let has_hash = |one: &&PolicyInstance| one.class == PROGRAM && one.property("PKG_SourceHash").is_some();
    let hashed: Vec<_> = policies
        .iter()
        .flat_map(|policy| &policy.instances)
        .filter(has_hash)
        .filter_map(|one| one.property("PKG_PackageID"))
        .collect();
    // Content of the base has no table.
    for own in carried.iter().filter(|one| one.table.is_some()) {
        if hashed.iter().any(|id| id.eq_ignore_ascii_case(&own.id)) {
            let message = format!("a policy of the base records the hash of other content for `{}`", own.id);
            let problem = Problem::new(Rule::StaleContentHash, message).at(own.place.clone(), "replaces that content");
            let problem = problem.at(request.place(&base.pointer), "the base");
            found.push(problem.help(
                "recreate the base after updating the package at the site, or remove this entry to use the content of \
                 the base",
            ));
        }
    }
}

/// Compares the content versions in policies with those in the site file.
fn check_versions(request: &MediumRequest<'_>, base: Option<&Base>, policies: &[Policy], found: &mut Vec<Problem>) {
    let Some((file, _)) = request.rendered.site_file() else { return };
    let mut compared: BTreeSet<&str> = BTreeSet::new();
    for instance in policies.iter().flat_map(|policy| &policy.instances).filter(|one| one.class == PROGRAM) {
        let (Some(id), Some(version)) = (instance.property("PKG_PackageID"), instance.property("PKG_SourceVersion"))
        else {
            continue;
        };
        let at = file.data.packages.iter().position(|package| package.id == id);
        let Some((at, of_site)) = at.and_then(|at| Some((at, file.data.packages[at].source_version?))) else {
            continue;
        };
        if version.parse() == Ok(of_site) || !compared.insert(id) {
            continue;
        }
        let message =
            format!("the policy of `{id}` is for content version {version}, but the site has version {of_site}");
        let problem = Problem::new(Rule::StaleContentHash, message).at(policy_place(request, base), "the policy");
        let problem = problem.at(file.place(&format!("/packages/{at}/source-version")), "the version at the site");
        found.push(problem.help("export the policies and the site file again, and copy the matching content"));
    }
}

/// Returns the place to report problems of policies at: the files in `[policy]`, the base, or the
/// kind of the medium.
fn policy_place(request: &MediumRequest<'_>, base: Option<&Base>) -> Place {
    match (&request.rendered.manifest.policy, base) {
        (Some(_), _) => request.place(FILE),
        (None, Some(base)) => request.place(&base.pointer),
        (None, None) => request.place("/media/kind"),
    }
}
