//! Distributes the work of a plan over parallel jobs.
//!
//! The unit of work is what one `tsmedia apply` can select: a manifest, or one site of it. Units are assigned in the order
//! of their bytes, the largest first, each to the job with the fewest bytes so far (longest processing time first).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::{Action, Plan, PlannedChange};

/// Work that one run of `apply` can select.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Work {
    /// Path of the manifest, as given.
    pub manifest: Utf8PathBuf,
    /// Site. `None` for the whole manifest.
    pub site: Option<String>,
    /// Number of bytes to write and to capture.
    pub n_bytes: u64,
}

/// Work of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Work, sorted by manifest and site.
    pub work: Vec<Work>,
    /// Number of bytes to write and to capture.
    pub n_bytes: u64,
}

/// Work that stays together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobUnit {
    /// Media of one manifest and site.
    Medium,
    /// Media of one site, of all manifests.
    Site,
}

/// Returns the work of a plan; nothing for outputs that are up to date.
pub fn work(plan: &Plan) -> Vec<Work> {
    let changes = || plan.changes.iter().filter(|change| change.action != Action::Keep);
    // A site that the manifest does not have any more can't be selected.
    let is_whole = |change: &PlannedChange| {
        changes().any(|other| other.manifest == change.manifest && other.action == Action::Delete)
    };
    let mut work: BTreeMap<(Utf8PathBuf, Option<String>), u64> = BTreeMap::new();
    for change in changes() {
        let site = change.site.clone().filter(|_| !is_whole(change));
        let n_bytes = work.entry((change.manifest.clone(), site)).or_default();
        *n_bytes = n_bytes.saturating_add(change.n_write).saturating_add(change.n_capture.unwrap_or(0));
    }
    work.into_iter().map(|((manifest, site), n_bytes)| Work { manifest, site, n_bytes }).collect()
}

/// Distributes work over at most `max_jobs` jobs. The same work gives the same jobs.
pub fn distribute(work: Vec<Work>, unit: JobUnit, max_jobs: usize) -> Vec<Job> {
    let mut units: BTreeMap<(Option<String>, Utf8PathBuf), Job> = BTreeMap::new();
    for one in work {
        let key = match (unit, &one.site) {
            (JobUnit::Site, Some(site)) => (Some(site.clone()), Utf8PathBuf::new()),
            _ => (one.site.clone(), one.manifest.clone()),
        };
        let job = units.entry(key).or_default();
        job.n_bytes = job.n_bytes.saturating_add(one.n_bytes);
        job.work.push(one);
    }
    let mut units: Vec<_> = units.into_values().collect();
    // Stable, so units of one length stay in the order of their sites and manifests.
    units.sort_by_key(|unit| Reverse(unit.n_bytes));
    let mut jobs: Vec<Job> = vec![Job::default(); max_jobs.min(units.len())];
    for unit in units {
        let Some(job) = jobs.iter_mut().min_by_key(|job| (job.n_bytes, job.work.len())) else { break };
        job.n_bytes = job.n_bytes.saturating_add(unit.n_bytes);
        job.work.extend(unit.work);
    }
    jobs.iter_mut().for_each(|job| job.work.sort());
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(manifest: &str, site: &str, n_bytes: u64) -> Work {
        Work { manifest: manifest.into(), site: Some(site.to_owned()).filter(|site| !site.is_empty()), n_bytes }
    }

    fn lens(jobs: &[Job]) -> Vec<u64> {
        jobs.iter().map(|job| job.n_bytes).collect()
    }

    #[test]
    fn jobs_are_balanced_by_bytes_and_lose_nothing() {
        let work: Vec<_> = (1..=9).map(|n| one(&format!("{n}.toml"), "BER", n)).collect();
        let jobs = distribute(work.clone(), JobUnit::Medium, 3);
        assert_eq!(lens(&jobs), [16, 15, 14]);
        let mut all: Vec<_> = jobs.iter().flat_map(|job| job.work.clone()).collect();
        all.sort();
        assert_eq!(all, work);
        assert_eq!(distribute(work.iter().rev().cloned().collect(), JobUnit::Medium, 3), jobs);
        assert_eq!(distribute(work, JobUnit::Medium, 100).len(), 9);
    }

    #[test]
    fn media_of_a_site_stay_together() {
        let work =
            vec![one("a", "BER", 5), one("a", "HAM", 1), one("b", "BER", 5), one("b", "HAM", 1), one("c", "", 3)];
        let jobs = distribute(work, JobUnit::Site, 2);
        assert_eq!(lens(&jobs), [10, 5]);
        assert!(jobs[0].work.iter().all(|work| work.site.as_deref() == Some("BER")));
    }

    #[test]
    fn units_without_bytes_are_spread_too() {
        let work = vec![one("a", "", 0), one("b", "", 0), one("c", "", 0), one("d", "", 0)];
        assert_eq!(distribute(work, JobUnit::Medium, 2).iter().map(|job| job.work.len()).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(distribute(Vec::new(), JobUnit::Medium, 4), []);
    }
}
