//! Fact files: facts about a computer and a run.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::wmi::{self, WmiFacts};
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use crate::inputs::Inputs;
use crate::limits;
use crate::problem::{Place, Problem, Problems, Severity};
use crate::sequence::engine::{Computer, LaunchDevice, StartSource};
use authoring::Dialect;
use authoring::doc::Doc;
use authoring::schema::{self, CompiledSchema};
use authoring::schema_errors::SchemaChecker;
use authoring::toml::parse;

/// Facts about a computer, and results of steps.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// Version of the file format; always 1.
    #[schemars(range(min = 1, max = 1), example = 1)]
    pub facts_version: u32,
    /// Name of the run in tables. Default: the name of the file.
    #[serde(default)]
    #[schemars(example = &"UEFI laptop")]
    pub name: Option<String>,
    /// Source that the task sequence is started from. Not allowed when a manifest is simulated,
    /// which determines it.
    #[serde(default)]
    #[schemars(example = &"stand-alone")]
    pub media: Option<StartSource>,
    /// Device with the medium. Default: `dvd`, or `usb` if the manifest builds a stick.
    #[serde(default)]
    #[schemars(example = &"usb")]
    pub launch: Option<LaunchDevice>,
    /// Firmware of the computer.
    #[serde(default = "uefi")]
    #[schemars(extend("default" = "uefi"))]
    pub firmware: Firmware,
    /// System that runs at the start. Default: Windows PE, or the full operating system for `media
    /// = "client"` and capture media.
    #[serde(default)]
    #[schemars(example = &"windows-pe")]
    pub starts_in: Option<System>,
    /// The disk has a partition that the computer can restart from. Always true for prestaged
    /// media, and if a full operating system runs at the start.
    #[serde(default)]
    #[schemars(example = true)]
    pub formatted: bool,
    /// The computer is a member of a domain at the start.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub domain_member: bool,
    /// Variables at the start, which take precedence over those that the manifest puts on the
    /// medium. An empty value stands for a variable that is not set.
    ///
    /// Secrets of the manifest and some read-only variables (such as `_SMSTSLogPath`) are unknown
    /// unless they are set here. All other variables that are not listed are not set.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "OSDComputerName": "PC-1" }))]
    pub variables: BTreeMap<String, String>,
    /// Facts about the computer, for Set Dynamic Variables, Check Readiness and WMI queries. Facts
    /// that are not set are unknown.
    #[serde(default)]
    pub computer: Computer,
    /// Files that exist or do not exist. All others are unknown.
    #[serde(default)]
    pub file: Vec<Found>,
    /// Folders that exist or do not exist. All others are unknown.
    #[serde(default)]
    pub folder: Vec<Found>,
    /// Registry values that exist or do not exist. All others are unknown.
    #[serde(default)]
    pub registry: Vec<RegistryValue>,
    /// Products that are installed or not installed. All others are unknown.
    #[serde(default)]
    pub software: Vec<Product>,
    /// Results of WMI beyond those that follow from `[computer]`: a list of queries with their
    /// results and of classes with their instances, or a table of queries, each `true` or `false`.
    /// Results of all other queries are unknown.
    #[serde(default)]
    #[schemars(schema_with = "wmi::schema")]
    pub wmi: WmiFacts,
    /// The site's name for the running operating system, such as `All Windows 11 (64-bit)`.
    #[serde(default)]
    #[schemars(example = &"All Windows 11 (64-bit)")]
    pub os: Option<String>,
    /// Language of the running operating system, as a decimal number such as 1033.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535), example = 1033)]
    pub os_language: Option<i64>,
    /// Packages and applications on the medium. Default: all that the task sequence needs on
    /// stand-alone media, none on others. Not used when a manifest is simulated, which determines
    /// it.
    #[serde(default)]
    #[schemars(example = ["BER00010"])]
    pub content: Option<Vec<String>>,
    /// Results of steps that do not simply succeed.
    #[serde(default)]
    pub step: Vec<StepFact>,
    /// Expected results of the run.
    #[serde(default)]
    pub expect: Option<Expect>,
}

/// System that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// Windows PE.
    WindowsPe,
    /// Full operating system.
    FullOs,
}

/// File or folder.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Found {
    /// Path of the file or folder.
    #[schemars(example = &"C:\\Windows\\explorer.exe")]
    pub path: String,
    /// Version of the file.
    #[serde(default)]
    #[schemars(example = &"10.0.22621.1")]
    pub version: Option<String>,
    /// Time of the last change, in the format of conditions.
    #[serde(default)]
    #[schemars(example = &"2026-01-01 12:00:00")]
    pub modified: Option<String>,
    /// Set `false` for a file or folder that does not exist.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    pub exists: bool,
}

/// Registry value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RegistryValue {
    /// Key of the registry value, with its hive.
    #[schemars(example = &"HKLM\\SOFTWARE\\Contoso")]
    pub key: String,
    /// Name of the registry value; empty for the default value of the key.
    #[serde(default)]
    #[schemars(example = &"Version")]
    pub value: String,
    /// Data of the registry value.
    #[serde(default)]
    #[schemars(example = &"1.0")]
    pub data: String,
    /// Set `false` for a value that does not exist.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    pub exists: bool,
}

/// Product of Windows Installer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Product {
    /// Product code of the product.
    #[serde(default)]
    #[schemars(example = &"{4f8d3e12-0000-0000-0000-000000000000}")]
    pub product_code: String,
    /// Upgrade code of the product.
    #[serde(default)]
    #[schemars(example = &"{5a9e4f23-0000-0000-0000-000000000000}")]
    pub upgrade_code: String,
    /// Set `false` for a product that is not installed.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    pub installed: bool,
}

/// Result of a step.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StepFact {
    /// Name of the step, optionally with the groups around it: `Group/Step`.
    #[schemars(length(min = 1), example = &"Install VPN")]
    pub name: String,
    /// Exit codes of its runs, in order. The last one applies to all further runs.
    #[serde(default)]
    #[schemars(example = [1, 0])]
    pub exit_codes: Vec<i64>,
    /// Variables that the step sets.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "SMSTSRebootRequested": "HD" }))]
    pub sets: BTreeMap<String, String>,
}

/// Expected results of a run. Steps are named as in `[[step]]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expect {
    /// Expected end of the task sequence.
    #[serde(default)]
    #[schemars(example = &"success")]
    pub result: Option<Ended>,
    /// Steps that run and succeed, in this order.
    #[serde(default)]
    #[schemars(example = ["Partition Disk 0 - UEFI", "Apply Operating System"])]
    pub runs: Vec<String>,
    /// Steps that are certainly skipped or never reached.
    #[serde(default)]
    #[schemars(example = ["Partition Disk 0 - BIOS"])]
    pub skips: Vec<String>,
    /// Steps that fail.
    #[serde(default)]
    #[schemars(example = ["Install VPN"])]
    pub fails: Vec<String>,
    /// Expected variables at the end. An empty value stands for a variable that is not set.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "OSDComputerName": "PC-1" }))]
    pub variables: BTreeMap<String, String>,
    /// Expected number of restarts.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000), example = 2)]
    pub restarts: Option<usize>,
    /// System that runs at the end.
    #[serde(default)]
    #[schemars(example = &"full-os")]
    pub ends_in: Option<System>,
    /// Content that comes from a distribution point; an empty list for none.
    #[serde(default)]
    #[schemars(example = ["BER00021"])]
    pub downloads: Option<Vec<String>>,
}

/// End of a task sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// All steps were completed.
    Success,
    /// A failure ended the task sequence.
    Failure,
}

impl Facts {
    /// Returns the names of steps, each with its JSON pointer.
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

/// Fact files as a dialect for messages and editors.
#[derive(Clone, Copy, Debug)]
struct FactDialect;

impl Dialect for FactDialect {
    fn name(&self) -> &'static str {
        "the fact file"
    }

    fn schema(&self) -> &'static CompiledSchema {
        static SCHEMA: LazyLock<CompiledSchema> = LazyLock::new(|| CompiledSchema::new(fact_schema()));
        &SCHEMA
    }
}

fn fact_schema() -> serde_json::Value {
    let mut schema = schema::generate::<Facts>();
    schema["title"] = "tsmedia facts".into();
    schema
}

/// Returns the JSON Schema of fact files for editors: the text of `schemas/facts.schema.json`.
pub fn editor_schema() -> String {
    schema::to_text(fact_schema(), "urn:tsmedia:schema:facts:1")
}

/// Fact file that was read.
#[derive(Clone, Debug)]
pub struct FactFile {
    /// Facts in the file.
    pub facts: Facts,
    /// Place of its start.
    pub start: Place,
    /// Place of `media`.
    pub media: Option<Place>,
    /// Place of `content`.
    pub content: Option<Place>,
    /// Names of steps in the file, each with its place.
    pub names: Vec<(String, Place)>,
}

/// Reads a fact file. Mistakes are added to `problems`, and there are then no facts.
///
/// # Errors
///
/// Fails if the file can't be read at all.
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
    let found = SchemaChecker::new(FactDialect).check(Doc { json: &json, spans: &spans, sources: problems });
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
        // The schema is derived from the types, so this should not happen. If it does, show the reason.
        Err(error) => {
            problems.add(Problem::error(error.to_string()).at(tree.place.clone(), ""));
            Ok(None)
        }
    }
}
