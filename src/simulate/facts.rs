//! Facts about a computer and a run, as fact files have them.

use std::collections::BTreeMap;

use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::wmi::{self, WmiFacts};
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use crate::inputs::Inputs;
use crate::limits;
use crate::problem::{Place, Problem, Problems, Severity};
use crate::sequence::engine::{Computer, Launch, Started};
use authoring::Dialect;
use authoring::doc::Doc;
use authoring::schema;
use authoring::schema_errors::SchemaChecker;
use authoring::toml::parse;

/// What is known of a computer, and how its steps end.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// The version of the form of the file. Always 1.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub facts_version: u32,
    /// What the run is called in tables; the name of the file unless said.
    #[serde(default)]
    #[schemars(example = &"UEFI laptop")]
    pub name: Option<String>,
    /// What the sequence is started from. A manifest that is simulated says it itself.
    #[serde(default)]
    #[schemars(example = &"stand-alone")]
    pub media: Option<Started>,
    /// What carries the medium; `dvd` unless said, and `usb` where a manifest makes a stick.
    #[serde(default)]
    #[schemars(example = &"usb")]
    pub launch: Option<Launch>,
    /// The firmware; `uefi` unless said.
    #[serde(default = "uefi")]
    #[schemars(extend("default" = "uefi"))]
    pub firmware: Firmware,
    /// Which system runs at the start; Windows PE unless said, the full operating system for `media = "client"` and on
    /// capture media.
    #[serde(default)]
    #[schemars(example = &"windows-pe")]
    pub starts_in: Option<System>,
    /// Whether the disk has a partition that the computer can restart from; not unless said, and always on prestaged
    /// media and where a full operating system runs at the start.
    #[serde(default)]
    #[schemars(example = true)]
    pub formatted: bool,
    /// Whether the computer is a member of a domain at the start.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub domain_member: bool,
    /// Variables at the start, which take precedence over those that a manifest puts on its medium; an empty value for one
    /// that is not set. Secrets of the manifest and read-only variables (`_SMSTSLogPath`) that nothing else tells are not
    /// known unless they are given here; any other variable that is not given is not set.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "OSDComputerName": "PC-1" }))]
    pub variables: BTreeMap<String, String>,
    /// The computer itself: for Set Dynamic Variables, Check Readiness and WMI queries. What is left out is not known.
    #[serde(default)]
    pub computer: Computer,
    /// Files that are there, or are not. Of others it is not known.
    #[serde(default)]
    pub file: Vec<Found>,
    /// Folders that are there, or are not. Of others it is not known.
    #[serde(default)]
    pub folder: Vec<Found>,
    /// Values of the registry that are there, or are not. Of others it is not known.
    #[serde(default)]
    pub registry: Vec<RegistryValue>,
    /// Products that are installed, or are not. Of others it is not known.
    #[serde(default)]
    pub software: Vec<Product>,
    /// Answers of Windows Management Instrumentation beyond those that follow from `[computer]`: a list of queries with
    /// their results and of classes with their instances, or a table of queries, each `true` or `false`. Other queries
    /// are not known.
    #[serde(default)]
    #[schemars(schema_with = "wmi::schema")]
    pub wmi: WmiFacts,
    /// What the site calls the running system, such as `All Windows 11 (64-bit)`.
    #[serde(default)]
    #[schemars(example = &"All Windows 11 (64-bit)")]
    pub os: Option<String>,
    /// The language of the running system, such as 1033.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535), example = 1033)]
    pub os_language: Option<i64>,
    /// The packages and applications on the medium; all that the sequence needs unless said. A manifest that is
    /// simulated says it itself.
    #[serde(default)]
    #[schemars(example = ["BER00010"])]
    pub content: Option<Vec<String>>,
    /// How steps end that do not succeed at once.
    #[serde(default)]
    pub step: Vec<StepFact>,
    /// What has to come of it.
    #[serde(default)]
    pub expect: Option<Expect>,
}

/// A system that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// Windows PE.
    WindowsPe,
    /// The installed operating system.
    FullOs,
}

/// A file or folder.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Found {
    /// Its path.
    #[schemars(example = &"C:\\Windows\\explorer.exe")]
    pub path: String,
    /// The version of a file.
    #[serde(default)]
    #[schemars(example = &"10.0.22621.1")]
    pub version: Option<String>,
    /// When it was last changed, as conditions have it.
    #[serde(default)]
    #[schemars(example = &"2026-01-01 12:00:00")]
    pub modified: Option<String>,
    /// `false` if it is not there.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    pub exists: bool,
}

/// A value of the registry.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RegistryValue {
    /// The key, from its hive.
    #[schemars(example = &"HKLM\\SOFTWARE\\Contoso")]
    pub key: String,
    /// The name of the value; empty for the default value.
    #[serde(default)]
    #[schemars(example = &"Version")]
    pub value: String,
    /// What it holds.
    #[serde(default)]
    #[schemars(example = &"1.0")]
    pub data: String,
    /// `false` if it is not there.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    pub exists: bool,
}

/// A product of Windows Installer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Product {
    /// Its product code.
    #[serde(default)]
    #[schemars(example = &"{4f8d3e12-0000-0000-0000-000000000000}")]
    pub product_code: String,
    /// Its upgrade code.
    #[serde(default)]
    #[schemars(example = &"{5a9e4f23-0000-0000-0000-000000000000}")]
    pub upgrade_code: String,
    /// `false` if it is not installed.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    pub installed: bool,
}

/// How a step ends.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StepFact {
    /// The name of the step; that of a group around it and a slash may stand before it.
    #[schemars(length(min = 1), example = &"Install VPN")]
    pub name: String,
    /// The exit codes of its runs, one after the other; the last one counts for all further runs.
    #[serde(default)]
    #[schemars(example = [1, 0])]
    pub exit_codes: Vec<i64>,
    /// Variables that it sets.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "SMSTSRebootRequested": "HD" }))]
    pub sets: BTreeMap<String, String>,
}

/// What has to come of a run. Steps are named as in `[[step]]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expect {
    /// How the sequence ends.
    #[serde(default)]
    #[schemars(example = &"success")]
    pub result: Option<Ended>,
    /// Steps that run and succeed, in this order.
    #[serde(default)]
    #[schemars(example = ["Partition Disk 0 - UEFI", "Apply Operating System"])]
    pub runs: Vec<String>,
    /// Steps that are known to be passed over, or never reached.
    #[serde(default)]
    #[schemars(example = ["Partition Disk 0 - BIOS"])]
    pub skips: Vec<String>,
    /// Steps that fail.
    #[serde(default)]
    #[schemars(example = ["Install VPN"])]
    pub fails: Vec<String>,
    /// Variables at the end; an empty value for one that is not set.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "OSDComputerName": "PC-1" }))]
    pub variables: BTreeMap<String, String>,
    /// How often the computer restarts.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000), example = 2)]
    pub restarts: Option<usize>,
    /// Which system runs at the end.
    #[serde(default)]
    #[schemars(example = &"full-os")]
    pub ends_in: Option<System>,
    /// The content that comes from a distribution point; an empty list for none.
    #[serde(default)]
    #[schemars(example = ["BER00021"])]
    pub downloads: Option<Vec<String>>,
}

/// How a sequence ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It came to its end.
    Success,
    /// A failure ended it.
    Failure,
}

impl Facts {
    /// Names of steps, each with the JSON pointer to it.
    fn names(&self) -> Vec<(String, String)> {
        let steps = self.step.iter().enumerate();
        let mut names: Vec<_> = steps.map(|(at, step)| (step.name.clone(), format!("/step/{at}/name"))).collect();
        if let Some(expect) = &self.expect {
            for (key, list) in [("runs", &expect.runs), ("skips", &expect.skips), ("fails", &expect.fails)] {
                let list = list.iter().enumerate();
                names.extend(list.map(|(at, name)| (name.clone(), format!("/expect/{key}/{at}"))));
            }
        }
        names
    }
}

fn uefi() -> Firmware {
    Firmware::Uefi
}

fn yes() -> bool {
    true
}

/// Fact files, as messages and editors know them.
#[derive(Clone, Copy, Debug)]
struct FactDialect;

impl Dialect for FactDialect {
    fn name(&self) -> &'static str {
        "the fact file"
    }

    fn schema(&self) -> serde_json::Value {
        let mut schema = schema::generate::<Facts>();
        schema["title"] = "tsmedia facts".into();
        schema
    }
}

/// JSON Schema of fact files as editors use it: the text of `schemas/facts.schema.json`.
pub fn editor_schema() -> String {
    schema::to_text(FactDialect.schema(), "urn:tsmedia:schema:facts:1")
}

/// A fact file that was read.
#[derive(Clone, Debug)]
pub struct FactFile {
    /// What it says.
    pub facts: Facts,
    /// Its beginning.
    pub start: Place,
    /// Where it says what the sequence is started from.
    pub media: Option<Place>,
    /// Where it says what is on the medium.
    pub content: Option<Place>,
    /// Names of steps in it, each with its place.
    pub names: Vec<(String, Place)>,
}

/// Reads a fact file. What is wrong in it goes to `problems`, and there are then no facts.
///
/// # Errors
///
/// The file could not be read at all.
pub fn read(path: &Utf8Path, problems: &mut Problems, inputs: &mut Inputs) -> Result<Option<FactFile>> {
    inputs.note(path);
    let text = limits::read_text(path, limits::MAX_TOML_LEN).map_err(|error| Error::io("reading", path, error))?;
    let n_errors = problems.n_errors_added();
    let source = problems.add_source(path.as_str(), text.as_str());
    let tree = parse(source, &text, problems);
    if problems.n_errors_added() > n_errors {
        return Ok(None);
    }
    let (json, spans) = tree.flatten();
    let checker = SchemaChecker::new(FactDialect)?;
    let found = checker.check(Doc { json: &json, spans: &spans, sources: problems });
    let is_sound = found.iter().all(|problem| problem.severity != Severity::Error);
    found.into_iter().for_each(|problem| problems.add(problem));
    if !is_sound {
        return Ok(None);
    }
    match serde_json::from_value::<Facts>(json) {
        Ok(mut facts) => {
            facts.name.get_or_insert_with(|| path.file_stem().unwrap_or_default().to_owned());
            let place = |pointer: &str| Some(spans.nearest(pointer)?.value.clone()).filter(|_| spans.has(pointer));
            let start = Place { source, span: 0..0 };
            let n_errors = problems.n_errors_added();
            facts.wmi.check(|pointer| place(pointer).unwrap_or(start.clone()), problems);
            if problems.n_errors_added() > n_errors {
                return Ok(None);
            }
            let names = facts.names().into_iter().filter_map(|(name, pointer)| Some((name, place(&pointer)?)));
            let names = names.collect();
            Ok(Some(FactFile {
                facts,
                start: start.clone(),
                media: place("/media"),
                content: place("/content"),
                names,
            }))
        }
        // The schema lets nothing pass that the types refuse; should it ever, the reason is not lost.
        Err(error) => {
            problems.add(Problem::error(error.to_string()).at(tree.place.clone(), ""));
            Ok(None)
        }
    }
}
