//! Collects the library entries that a task sequence needs, including dependencies.

use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use crate::limits::{MAX_SEQUENCE_DEPTH, MAX_SEQUENCE_STEPS};
use crate::problem::{Place, Problem, SourceId};
use crate::rule::Rule;
use crate::sequence::reach::reach;
use crate::sequence::rules::{CarriedContent, Requirement, matches_content, requirements};
use crate::sequence::{self, Body, MediaKind, Sequence, Step};
use authoring::suggestions::{nearest, one_of};

use super::super::task_sequence::unreadable;
use super::SiteContext;
use super::file::{LibraryEntry, LibraryFile};

/// Follows references of steps through a library.
pub(super) struct Closure<'a, 'w, 't> {
    entries: &'a [LibraryEntry],
    /// Names of the library files, for messages.
    files: String,
    /// Content listed in the manifest.
    own: &'a [CarriedContent],
    /// The base of the medium may have content as well.
    may_be_in_base: bool,
    site: &'w mut SiteContext<'t>,
    found: &'w mut Vec<Problem>,
    /// Positions of entries to take, each with the steps and applications that need it.
    taken: Vec<(usize, Vec<String>)>,
    reported: Vec<String>,
    /// Child task sequences by the position of their entry; `None` if unreadable.
    children: BTreeMap<usize, Option<Sequence>>,
    /// Names of child task sequences by source.
    child_names: BTreeMap<SourceId, String>,
    /// Entries of the child task sequences around the current step, outermost first.
    running: Vec<usize>,
    n_steps: usize,
}

impl<'a, 'w, 't> Closure<'a, 'w, 't> {
    pub(super) fn new(
        entries: &'a [LibraryEntry],
        files: &[Rc<LibraryFile>],
        (own, may_be_in_base): (&'a [CarriedContent], bool),
        site: &'w mut SiteContext<'t>,
        found: &'w mut Vec<Problem>,
    ) -> Self {
        Self {
            entries,
            files: one_of(files.iter().map(|file| file.path.as_str())),
            own,
            may_be_in_base,
            site,
            found,
            taken: Vec::new(),
            reported: Vec::new(),
            children: BTreeMap::new(),
            child_names: BTreeMap::new(),
            running: Vec::new(),
            n_steps: 0,
        }
    }

    /// Returns the entries to take in the order in which steps need them, each with its users, and
    /// the IDs reported as missing.
    pub(super) fn into_taken(self) -> (Vec<(&'a LibraryEntry, Vec<String>)>, Vec<String>) {
        let taken = self.taken.into_iter().map(|(at, needed_by)| (&self.entries[at], needed_by));
        (taken.collect(), self.reported)
    }

    /// Inlines child task sequences, then takes the content of all steps that may run from a medium
    /// of this kind.
    pub(super) fn add_sequence(&mut self, sequence: &mut Sequence, kind: MediaKind) {
        // Expand first: whether a step may run from media depends on the groups around it,
        // including those of the parent.
        self.n_steps = sequence.walk().len();
        sequence.steps = self.expand_children(mem::take(&mut sequence.steps), 0);
        for ((_, step), reached) in sequence.walk().into_iter().zip(reach(sequence, Some(kind))) {
            let (Some(action), true) = (step.action(), reached.may_run()) else { continue };
            // Steps of a child are named together with the child, since names may repeat.
            let by = match step.places.whole().and_then(|place| self.child_names.get(&place.source)) {
                Some(child) => format!("step `{}` of `{child}`", step.name),
                None => format!("step `{}`", step.name),
            };
            for need in requirements(action) {
                let Some(place) = step.places.part(&need.key) else { continue };
                self.take(&need, place, by.clone());
            }
        }
    }

    /// Takes the boot image that a sequence names.
    pub(super) fn add_boot_image(&mut self, sequence: &Sequence) {
        let Some(id) = &sequence.boot_image else { return };
        let Some(place) = sequence.places.part("boot-image") else { return };
        let need =
            Requirement { key: "boot-image".into(), id: id.clone(), table: Some("boot-image"), what: "boot image" };
        self.take(&need, place, format!("task sequence `{}`", sequence.name));
    }

    /// Replaces enabled steps that run child task sequences by the steps of the child.
    fn expand_children(&mut self, steps: Vec<Step>, depth: usize) -> Vec<Step> {
        let expand = |mut step: Step| {
            match &mut step.body {
                _ if step.is_disabled => {}
                Body::Group(steps) => *steps = self.expand_children(mem::take(steps), depth + 1),
                Body::Action(action) if action.is("run-task-sequence") => {
                    let id = action.text("task-sequence").unwrap_or_default();
                    let is_it = |entry: &LibraryEntry| entry.table == "task-sequence" && entry.is_named(id);
                    let place = step.places.part("task-sequence");
                    if let (Some(at), Some(place)) = (self.entries.iter().position(is_it), place) {
                        match self.child_steps(at, &place, depth) {
                            Some(steps) => step.body = Body::Group(steps),
                            None => self.reported.push(id.to_owned()),
                        }
                    }
                }
                Body::Action(_) | Body::Foreign(_) => {}
            }
            step
        };
        steps.into_iter().map(expand).collect()
    }

    /// Returns the steps of a child task sequence that a step at `place` runs.
    fn child_steps(&mut self, at: usize, place: &Place, depth: usize) -> Option<Vec<Step>> {
        let entry = &self.entries[at];
        // Only entries around the step are a cycle; a child may run several times in a row.
        if self.running.contains(&at) {
            let message = format!("the task sequence `{}` runs itself", entry.id);
            let problem = Problem::new(Rule::InvalidChildSequence, message).at(place.clone(), "runs it again");
            self.found.push(problem.at(entry.id_place.clone(), "this sequence").help("remove the step"));
            return None;
        }
        let child = match self.children.get(&at) {
            Some(known) => known.clone(),
            // A child that runs several times is read, and its problems are reported, only once.
            None => {
                let read = self.read_child(entry);
                self.children.insert(at, read.clone());
                read
            }
        }?;
        // Limit the expanded steps: children that run children several times grow exponentially.
        self.n_steps += child.walk().len();
        let is_deep = depth > MAX_SEQUENCE_DEPTH;
        if self.n_steps > MAX_SEQUENCE_STEPS || is_deep {
            let message = match is_deep {
                true => {
                    format!("groups and child task sequences are nested more than {MAX_SEQUENCE_DEPTH} levels deep")
                }
                false => {
                    format!(
                        "the task sequence has more than {MAX_SEQUENCE_STEPS} steps, including child task sequences"
                    )
                }
            };
            let problem = Problem::new(Rule::LargeTaskSequence, message).at(place.clone(), "over the limit");
            self.found.push(problem.help("check which child task sequences run, and how often"));
            return None;
        }
        self.running.push(at);
        let steps = self.expand_children(child.steps, depth + 1);
        self.running.pop();
        Some(steps)
    }

    /// Reads the file of a child task sequence.
    fn read_child(&mut self, entry: &LibraryEntry) -> Option<Sequence> {
        let SiteContext { templates, context, problems, inputs } = &mut *self.site;
        let written = entry.node.as_table()?.get("file")?;
        let file = templates.render(written, context, problems, self.found);
        let file = file.as_str()?;
        let path = entry.folder.join(file);
        let before = problems.mark();
        let read = sequence::read(&path, context, problems, inputs);
        self.found.extend(problems.take_since(before));
        let sequence = match read {
            Ok(sequence) => sequence?,
            Err(error) => {
                self.found.push(unreadable(&path, file, &error, written.place.clone()));
                return None;
            }
        };
        if let Some(place) = sequence.places.whole().or_else(|| sequence.places.part("name")) {
            self.child_names.insert(place.source, sequence.name.clone());
        }
        if let Some(place) = sequence.boot_image.as_ref().and(sequence.places.part("boot-image")) {
            let message = format!("the child task sequence `{}` names a boot image", entry.id);
            let problem = Problem::new(Rule::InvalidChildSequence, message).at(place, "");
            self.found.push(problem.help("remove `boot-image`: a child runs in the boot image of its parent"));
        }
        Some(sequence)
    }

    /// Takes the entry for a need unless the manifest lists it, and reports missing entries at
    /// `place`.
    fn take(&mut self, need: &Requirement, place: Place, by: String) {
        let is_table = |table: &str| match need.table {
            Some(wanted) => table == wanted,
            None => !["boot-image", "task-sequence"].contains(&table),
        };
        let is_own = |one: &CarriedContent| {
            one.table.is_some_and(is_table) && matches_content(&one.id, one.model_name.as_deref(), &need.id)
        };
        // Content that the manifest lists itself takes precedence.
        if self.own.iter().any(is_own) {
            return;
        }
        let named = |entry: &LibraryEntry| entry.is_named(&need.id);
        let Some(at) = self.entries.iter().position(|entry| is_table(entry.table) && named(entry)) else {
            let other = self.entries.iter().find(|entry| named(entry));
            // An ID listed in the wrong table is a mistake even if the base might have the content.
            if !self.may_be_in_base || other.is_some() {
                self.report_missing(need, other, place);
            }
            return;
        };
        // Taken entries are not followed again, so circular dependencies end here.
        if let Some((_, needed_by)) = self.taken.iter_mut().find(|(taken, _)| *taken == at) {
            if !needed_by.contains(&by) {
                needed_by.push(by);
            }
            return;
        }
        self.taken.push((at, vec![by]));
        let entry = &self.entries[at];
        for (id, place) in &entry.dependencies {
            let need = Requirement {
                key: "dependencies".into(),
                id: id.clone(),
                table: Some("application"),
                what: "application",
            };
            self.take(&need, place.clone(), format!("application `{}`", entry.id));
        }
    }

    /// Reports an entry that is missing from the library, or in another table.
    fn report_missing(&mut self, need: &Requirement, other: Option<&LibraryEntry>, place: Place) {
        let Requirement { id, table, what, .. } = need;
        if self.reported.contains(id) {
            return;
        }
        self.reported.push(id.clone());
        let table = table.unwrap_or("package");
        if let Some(other) = other {
            let message = format!("the {what} `{id}` is listed under `[[{}]]` in the library", other.table);
            let problem = Problem::new(Rule::MissingContent, message).at(place, "required here");
            let help = format!("move it to `[[{table}]]`, or name another ID");
            self.found.push(problem.at(other.id_place.clone(), "in the library").help(help));
            return;
        }
        let message = format!("the {what} `{id}` is not in {}", self.files);
        let same_table = self.entries.iter().filter(|entry| entry.table == table);
        let names = same_table.flat_map(|entry| [Some(entry.id.as_str()), entry.model_name.as_deref()]);
        let (path, more) = match table {
            "operating-system" | "boot-image" | "task-sequence" => ("file", ""),
            "application" if id.contains('/') => ("source", "`model-name` and "),
            _ => ("source", ""),
        };
        let key = if more.is_empty() {
            format!("`id = \"{id}\"` and ")
        } else {
            format!("`id`, `model-name = \"{id}\"` and ")
        };
        let add = format!("add `[[{table}]]` with {key}`{path} = \"…\"` to the library");
        let help = match nearest(id, names.flatten()) {
            Some(near) => format!("did you mean `{near}`? Otherwise {add}"),
            None => add,
        };
        self.found.push(Problem::new(Rule::MissingContent, message).at(place, "required here").help(help));
    }
}
