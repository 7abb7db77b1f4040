//! Formats jobs as the matrices of GitHub Actions, GitLab and Azure Pipelines.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_json::{Map, Value as Json, json};

use crate::plan::jobs::Job;
use crate::shell::quote;

/// Maximum length of the name of an Azure matrix entry.
const MAX_AZURE_NAME: usize = 100;

/// Returns a matrix for GitHub Actions: `strategy.matrix`, with `include` only. `options` follow the arguments of each run.
pub fn github(jobs: &[Job], options: &[String]) -> Json {
    let entries = named(jobs)
        .into_iter()
        .map(|(name, job)| json!({ "name": name, "arguments": arguments(job, options), "bytes": job.n_bytes }));
    json!({ "include": entries.collect::<Vec<_>>() })
}

/// Returns a child pipeline for GitLab, whose jobs extend `.tsmedia-apply`. It is never empty, which GitLab refuses.
pub fn gitlab(jobs: &[Job], options: &[String]) -> Json {
    if jobs.is_empty() {
        return json!({ "nothing to do": { "script": ["true"] } });
    }
    let jobs = named(jobs).into_iter().map(|(name, job)| {
        // GitLab expands variables in values.
        let arguments = arguments(job, options).replace('$', "$$");
        let job = json!({ "extends": ".tsmedia-apply", "variables": { "TSMEDIA_ARGUMENTS": arguments } });
        (format!("apply {name}"), job)
    });
    Json::Object(jobs.collect())
}

/// Returns a matrix for Azure Pipelines: `strategy.matrix`, with the variables `name` and `arguments`.
pub fn azure(jobs: &[Job], options: &[String]) -> Json {
    let mut entries = Map::new();
    for (name, job) in named(jobs) {
        // Azure allows letters, digits and underscores, after a letter.
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let plain: String = format!("job_{plain}").chars().take(MAX_AZURE_NAME - 5).collect();
        let mut key = plain.clone();
        let mut number = 2;
        while entries.contains_key(&key) {
            key = format!("{plain}_{number}");
            number += 1;
        }
        entries.insert(key, json!({ "name": name, "arguments": arguments(job, options) }));
    }
    Json::Object(entries)
}

/// Names jobs: by manifest and site, or by site, if that is all a job has, and otherwise by number.
fn named(jobs: &[Job]) -> Vec<(String, &Job)> {
    let own_name = |job: &Job| {
        let first = job.work.first()?;
        let is_of_site = job.work.iter().all(|work| work.site == first.site);
        match (&job.work[..], &first.site) {
            ([_], Some(site)) => Some(format!("{} {site}", first.manifest)),
            ([_], None) => Some(first.manifest.to_string()),
            (_, Some(site)) if is_of_site => Some(site.clone()),
            _ => None,
        }
    };
    let names: Vec<_> = jobs.iter().map(own_name).collect();
    let numbered = |at: usize| format!("{} of {}", at + 1, jobs.len());
    let is_unique = |name: &String| names.iter().flatten().filter(|other| *other == name).count() == 1;
    let name = |at: usize| names[at].clone().filter(is_unique).unwrap_or_else(|| numbered(at));
    jobs.iter().enumerate().map(|(at, job)| (name(at), job)).collect()
}

/// Returns the arguments of `tsmedia apply` that make the outputs of a job, quoted for a POSIX shell, a line for each run.
fn arguments(job: &Job, options: &[String]) -> String {
    let mut sites: BTreeMap<&Utf8Path, Vec<&str>> = BTreeMap::new();
    for work in &job.work {
        sites.entry(&work.manifest).or_default().extend(work.site.as_deref());
    }
    // Manifests with the same sites share a run.
    let mut runs: Vec<(Vec<&str>, Vec<&Utf8Path>)> = Vec::new();
    for (manifest, sites) in sites {
        match runs.iter_mut().find(|(known, _)| *known == sites) {
            Some((_, manifests)) => manifests.push(manifest),
            None => runs.push((sites, vec![manifest])),
        }
    }
    let line = |(sites, manifests): (Vec<&str>, Vec<&Utf8Path>)| {
        let manifests = manifests.into_iter().map(|manifest| quote(manifest.as_str()).into_owned());
        let sites = sites.into_iter().flat_map(|site| ["--site".to_owned(), quote(site).into_owned()]);
        let options = options.iter().map(|option| quote(option).into_owned());
        manifests.chain(sites).chain(options).collect::<Vec<_>>().join(" ")
    };
    runs.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::jobs::Work;

    fn job(work: &[(&str, Option<&str>)]) -> Job {
        let work = work.iter().map(|(manifest, site)| Work {
            manifest: (*manifest).into(),
            site: site.map(str::to_owned),
            n_bytes: 7,
        });
        let work: Vec<_> = work.collect();
        Job { n_bytes: 7 * work.len() as u64, work }
    }

    #[test]
    fn each_system_gets_its_own_form() {
        let (ber, ham) = (Some("BER"), Some("HAM"));
        let jobs = [
            job(&[("a/media.toml", ber), ("a/media.toml", ham), ("b c.toml", ber), ("b c.toml", ham), ("d.toml", ham)]),
            job(&[("e.toml", ber)]),
            job(&[("f.toml", None)]),
        ];
        let options = ["--var".to_owned(), "key=$1".to_owned()];
        let all = [github(&jobs, &options), gitlab(&jobs, &options), azure(&jobs, &options)];
        insta::assert_snapshot!(all.map(|value| format!("{value:#}")).join("\n"));
        assert_eq!(github(&[], &[]).to_string(), r#"{"include":[]}"#);
        assert_eq!(gitlab(&[], &[]).to_string(), r#"{"nothing to do":{"script":["true"]}}"#);
        assert_eq!(azure(&[], &[]).to_string(), "{}");
    }

    #[test]
    fn names_are_unique() {
        let jobs = [
            job(&[("a", Some("X")), ("b", Some("X"))]),
            job(&[("c", Some("X")), ("d", Some("X"))]),
            job(&[("X", None)]),
        ];
        let names: Vec<_> = named(&jobs).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["1 of 3", "2 of 3", "3 of 3"]);
        let jobs = [job(&[("a-b", None)]), job(&[("a_b", None)])];
        let keys: Vec<_> = azure(&jobs, &[]).as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["job_a_b", "job_a_b_2"]);
    }
}
