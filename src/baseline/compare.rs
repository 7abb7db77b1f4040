//! Plans the media of the work tree as if those of the commit had been built.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::Arc;

use camino::Utf8Path;

use super::digests::KnownDigests;
use super::locked::changed_content;
use super::view::MissingFile;
use super::{BaseManifest, Baseline, Caveat, Comparison};
use crate::content::{Source, SourceFile, SourceKey, Stat};
use crate::digest::Digests;
use crate::error::Result;
use crate::media::data::POLICY_FILE;
use crate::output::{Output, Sealed};
use crate::paths::normalized;
use crate::plan::{self, Action, Claim, ExistingFile, MediumChange, PlannedChange, Reason, SequenceChange, site};
use crate::progress::Progress;
use crate::project::Project;
use crate::record::Record;
use crate::sequence::difference::differences;
use crate::store::Store;
use crate::target::{Recipe, Target};
use crate::write::{self, WriteOptions};

/// Options of a comparison.
#[derive(Clone, Debug, Default)]
pub struct CompareOptions {
    /// Sites to compare; all if empty.
    pub sites: Vec<String>,
    /// `true` to rebuild what changed and never patch it.
    pub no_patch: bool,
    /// `true` if secrets were not read.
    pub without_secrets: bool,
}

impl Baseline {
    /// Compares the media of the work tree with those of the commit.
    pub fn compare(
        &self,
        projects: &[Project],
        base: &[BaseManifest],
        options: &CompareOptions,
        progress: &Progress,
    ) -> Result<Comparison> {
        let (known, media, caveats) = (KnownDigests::default(), Vec::new(), Vec::new());
        let mut run = ComparisonRun { baseline: self, options, progress, known, media, caveats };
        run.caveats.extend(self.changes.submodules.iter().map(|path| Caveat::Submodule(path.clone())));
        for missing in &self.view.missing {
            run.assume_changed(missing, projects)?;
        }
        for (file, sha256) in changed_content(self, projects)? {
            run.known.replace(Source::File(file).key(), &sha256);
        }
        for base in base.iter().filter(|base| projects.iter().all(|project| project.manifest() != base.manifest)) {
            for (target, output) in run.media_of(base) {
                run.add_removed(&base.manifest, target, output);
            }
            run.add_removed_captures(base);
        }
        for project in projects {
            progress.check_cancelled()?;
            progress.set_subject(project.manifest().as_str());
            run.add_project(project, base.iter().find(|base| base.manifest == project.manifest()))?;
        }
        let n_secret = projects.iter().flat_map(Project::media).filter(|(_, it)| it.secret_content.is_some()).count();
        if options.without_secrets && n_secret > 0 {
            run.caveats.push(Caveat::SecretsAssumed(n_secret));
        }
        let ComparisonRun { mut media, caveats, .. } = run;
        media.sort_by(|one, other| (&one.change.manifest, &one.path).cmp(&(&other.change.manifest, &other.path)));
        Ok(Comparison { reference: self.reference.clone(), commit: self.commit.clone(), media, caveats })
    }

    /// Replaces paths in the view by those in the work tree, from its root.
    fn with_paths_of_tree(&self, mut medium: MediumChange) -> MediumChange {
        for source in medium.sources.values_mut() {
            let path = self.view.mirror.original_of(source);
            *source = path.strip_prefix(&self.view.mirror.original).map_or_else(|_| path.clone(), normalized);
        }
        medium
    }
}

/// Comparison under way.
pub(super) struct ComparisonRun<'a> {
    pub(super) baseline: &'a Baseline,
    pub(super) options: &'a CompareOptions,
    progress: &'a Progress,
    known: KnownDigests,
    pub(super) media: Vec<MediumChange>,
    caveats: Vec<Caveat>,
}

impl ComparisonRun<'_> {
    fn add_project(&mut self, project: &Project, base: Option<&BaseManifest>) -> Result<()> {
        let manifest = project.manifest();
        if let Some(file) = project.awaited().first() {
            self.caveats.push(Caveat::Awaits { manifest: manifest.to_owned(), file: file.clone() });
            return Ok(());
        }
        if !project.unresolved().is_empty() {
            self.caveats.push(Caveat::NeedsSecrets(project.unresolved().to_vec()));
        }
        if let Some(BaseManifest { project: Err(why), .. }) = base {
            let (why, n_media) = (why.clone(), project.targets().len());
            self.caveats.push(Caveat::UnreadBase { manifest: manifest.to_owned(), why, n_media });
            return Ok(());
        }
        let old = base.map_or_else(Vec::new, |base| self.media_of(base));
        let new: Vec<_> = project.media().collect();
        let pairs = pair(&old, &new);
        let mut store = project.open_store();
        for (index, (target, output)) in new.iter().enumerate() {
            self.progress.check_cancelled()?;
            let medium = match pairs.get(&index).map(|at| old[*at]) {
                None => {
                    let change = plan_one(target, None, &self.known, self.options.no_patch)?;
                    MediumChange::new(manifest, [None, Some(output)], change)
                }
                Some((old_target, old_output)) => {
                    let change = self.compare_pair(target, old_target, [old_output, output], &mut store)?;
                    let medium = MediumChange::new(manifest, [Some(old_output), Some(output)], change);
                    if old_target.name == target.name { medium } else { medium.renamed_from(&old_target.name) }
                }
            };
            self.media.push(self.baseline.with_paths_of_tree(medium));
        }
        // Best effort: a comparison does not need the cache.
        let _ = store.save(&WriteOptions::default().disk);
        for (index, (target, output)) in old.iter().enumerate() {
            // A medium that needs a secret may be there all the same.
            let is_unresolved = project.unresolved().contains(&target.name);
            if !is_unresolved && !pairs.values().any(|paired| *paired == index) {
                self.add_removed(manifest, target, output);
            }
        }
        self.add_captures(project, base)
    }

    fn add_removed(&mut self, manifest: &Utf8Path, target: &Target, output: &Output) {
        // The length is only shown.
        let len = output.draft(&|key| Some(self.known.get_of_base(key))).map_or(0, |draft| draft.len());
        let change = PlannedChange::new(&target.name, Action::Delete, len, vec![Reason::Unclaimed]);
        let medium = MediumChange::new(manifest, [Some(output), None], change);
        self.media.push(self.baseline.with_paths_of_tree(medium));
    }

    /// Media of the commit for the chosen sites.
    fn media_of<'b>(&self, base: &'b BaseManifest) -> Vec<(&'b Target, &'b Output)> {
        let sites = &self.options.sites;
        let is_chosen = |output: &Output| {
            sites.is_empty() || site(output).is_some_and(|site| sites.iter().any(|chosen| chosen == site))
        };
        let media = base.project.iter().flat_map(Project::media);
        media.filter(|(_, output)| is_chosen(output)).collect()
    }

    /// Plans a medium whose earlier state is known. Sources are only read if the two differ without them.
    fn compare_pair(
        &mut self,
        target: &Target,
        old_target: &Target,
        [old, new]: [&Output; 2],
        store: &mut Store,
    ) -> Result<PlannedChange> {
        if !is_equal(old, new, &self.known)? {
            self.known.read_ambiguous(old, new, store, self.progress)?;
            if !is_equal(old, new, &self.known)? {
                let mut change = plan_one(target, Some((old_target, old)), &self.known, self.options.no_patch)?;
                name_changed_steps(&mut change, [old_target, target]);
                return Ok(change);
            }
        }
        Ok(PlannedChange::new(&target.name, Action::Keep, 0, Vec::new()))
    }

    /// Counts a large file that this clone does not have as changed, unless the file in the work tree has its digest.
    fn assume_changed(&mut self, missing: &MissingFile, projects: &[Project]) -> Result<()> {
        let path = self.baseline.view.mirror.original.join(&missing.path);
        // A file that can't be read was reported when the work tree was read.
        let Ok(metadata) = fs::metadata(&path) else { return Ok(()) };
        let source = Arc::new(Source::File(SourceFile { path, stat: Stat::from_metadata(&metadata) }));
        if let Some(project) = projects.first().filter(|_| metadata.len() == missing.len) {
            let mut store = project.open_store();
            let digests = self.known.read(&source, &mut store, self.progress)?;
            let _ = store.save(&WriteOptions::default().disk);
            if digests.sha256.to_string() == missing.sha256 {
                return Ok(());
            }
        }
        self.known.replace(source.key(), &missing.sha256);
        self.caveats.push(Caveat::MissingLargeFile(missing.path.clone(), missing.len));
        Ok(())
    }
}

/// Names the changed steps of a task sequence in place of the policy that follows from them.
fn name_changed_steps(change: &mut PlannedChange, [old, new]: [&Target; 2]) {
    let (Some(old), Some(new)) = (&old.facts.sequence, &new.facts.sequence) else { return };
    let steps = differences(old, new);
    if steps.is_empty() {
        return;
    }
    change.reasons.retain_mut(|reason| match reason {
        Reason::Entry(entry) if entry.title.is_none() => {
            entry.files.retain(|file| file.path != POLICY_FILE);
            !entry.files.is_empty()
        }
        _ => true,
    });
    change.reasons.insert(0, Reason::Sequence(SequenceChange { name: new.name.clone(), steps }));
}

/// Pairs media of the work tree with those of the commit, by index: those of one name, and then those that are the only
/// ones left for their site and number.
fn pair(old: &[(&Target, &Output)], new: &[(&Target, &Output)]) -> HashMap<usize, usize> {
    let mut pairs = HashMap::new();
    let by_name: BTreeMap<_, _> = old.iter().enumerate().map(|(index, (target, _))| (&target.name, index)).collect();
    for (index, (target, _)) in new.iter().enumerate() {
        pairs.extend(by_name.get(&target.name).map(|old| (index, *old)));
    }
    let key = |output: &Output| (site(output).map(str::to_owned), output.disc.as_ref().map(|disc| disc.number));
    let left = |media: &[(&Target, &Output)], is_paired: &dyn Fn(usize) -> bool| {
        let mut left: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, (_, output)) in media.iter().enumerate().filter(|(index, _)| !is_paired(*index)) {
            left.entry(key(output)).or_default().push(index);
        }
        left
    };
    let left_old = left(old, &|index| pairs.values().any(|paired| *paired == index));
    let left_new = left(new, &|index| pairs.contains_key(&index));
    for (key, indices) in left_new {
        if let ([new], Some([old])) = (&indices[..], left_old.get(&key).map(Vec::as_slice)) {
            pairs.insert(*new, *old);
        }
    }
    pairs
}

/// Returns `true` if two media have equal bytes.
fn is_equal(old: &Output, new: &Output, known: &KnownDigests) -> Result<bool> {
    let id = |output: &Output, digests: &dyn Fn(&SourceKey) -> Option<Digests>| -> Result<_> {
        Ok(output.id(&output.boot_images(digests)?, digests))
    };
    let ids = [id(old, &|key| Some(known.get_of_base(key)))?, id(new, &|key| Some(known.get(key)))?];
    Ok(old.form == new.form && ids[0] == ids[1] && old.secrets() == new.secrets())
}

/// Plans a medium, given the state that it had in the commit.
fn plan_one(
    target: &Target,
    old: Option<(&Target, &Output)>,
    known: &KnownDigests,
    no_patch: bool,
) -> Result<PlannedChange> {
    let mut record = Record::default();
    let mut existing = ExistingFile::Missing;
    let mut sealed_before: Option<Sealed> = None;
    if let Some((old_target, output)) = old {
        let digests = |key: &SourceKey| Some(known.get_of_base(key));
        let sealed = output.draft(&digests)?.seal_known(&digests)?;
        // Under its new name, so that the plan finds it.
        let recipe = Recipe::Medium(Box::new(output.clone()));
        let renamed = Target { values: old_target.values.clone(), recipe, ..target.clone() };
        record.put_medium(&renamed, output, &sealed)?;
        let secrets = output.recorded_secrets().map(|secrets| secrets.digest);
        existing = ExistingFile::Medium { id: sealed.id, secrets, len: sealed.layout.len() };
        sealed_before = Some(sealed);
    }
    let patching = |_: &Target, sealed: Sealed, _: &_| match &sealed_before {
        Some(before) => write::cost_of_layouts(before, &sealed),
        None => Ok(write::PatchEstimate::NotWorthwhile),
    };
    plan_target(target, known, &record, existing, if no_patch { None } else { Some(&patching) })
}

/// Plans a target, given its record and the file at its path.
pub(super) fn plan_target(
    target: &Target,
    known: &KnownDigests,
    record: &Record,
    existing: ExistingFile,
    patching: Option<&plan::PatchCost<'_>>,
) -> Result<PlannedChange> {
    let inputs = plan::Inputs {
        targets: std::slice::from_ref(target),
        others: &[],
        digests: &|key| Some(known.get(key)),
        record,
        existing: &|_| existing,
        claim: &|_| Claim::Made,
        is_cut_off: &|_| false,
        patching,
    };
    let planned = plan::plan(&inputs)?.changes.into_iter().next();
    Ok(planned.unwrap_or_else(|| PlannedChange::new(&target.name, Action::Keep, 0, Vec::new())))
}
