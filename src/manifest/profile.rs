//! Profiles: partial manifests that a manifest inherits from.
//!
//! `media.profile` names built-in profiles or files, one or a list; profiles may inherit from
//! others. Manifest and profiles are layers, the farthest first, and a profile that is inherited
//! several times is one layer, at its first place. Tables are merged key by key, and lists of
//! tables entry by entry ([`merge`]). Other values are overridden by nearer layers. Paths are
//! relative to the file that contains them.

mod identity;
mod merge;
mod removals;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::limits;
use crate::problem::{Place, Problem, Problems, SourceId};

use authoring::spanned::{Node, Value};
use authoring::suggestions::{nearest, one_of, similar_path};
use authoring::toml::parse;

/// Built-in profiles as pairs of name and text.
pub const BUILT_IN: [(&str, &str); 6] = [
    ("cd", include_str!("../../profiles/cd.toml")),
    ("dvd", include_str!("../../profiles/dvd.toml")),
    ("dvd-dl", include_str!("../../profiles/dvd-dl.toml")),
    ("bd", include_str!("../../profiles/bd.toml")),
    ("uefi", include_str!("../../profiles/uefi.toml")),
    ("secure-boot-2023", include_str!("../../profiles/secure-boot-2023.toml")),
];

/// Value of `media.profile`. The first comment of a built-in profile is its description in editors.
pub struct ProfileNames;

impl JsonSchema for ProfileNames {
    fn schema_name() -> Cow<'static, str> {
        "Profile".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = BUILT_IN
            .iter()
            .map(|(name, text)| {
                let words = text.lines().next().unwrap_or_default().trim_start_matches("# ");
                serde_json::json!({ "const": name, "type": "string", "description": words })
            })
            .collect();
        let path = json_schema!({ "type": "string", "minLength": 1, "description": "Path of a profile, relative to \
                                                                                    the file that names it." });
        json_schema!({
            "anyOf": [
                { "oneOf": names },
                path,
                {
                    "type": "array",
                    "items": { "anyOf": [{ "oneOf": names }, path] },
                    "description": "List of profiles; later ones override earlier ones.",
                },
            ],
        })
    }
}

/// Folder that paths in each source are relative to.
pub type SourceFolders = BTreeMap<SourceId, Utf8PathBuf>;

/// Profiles of a manifest.
#[derive(Default)]
struct Layers {
    /// Trees, the farthest first.
    profiles: Vec<Node>,
    /// Names of built-in profiles, and paths of others.
    names: BTreeSet<String>,
    /// Files that are being read, from the manifest down.
    above: Vec<String>,
}

/// Reads manifests, profiles and files of values, and records their folders.
pub struct ManifestReader<'a> {
    pub problems: &'a mut Problems,
    pub inputs: &'a mut Inputs,
    pub folders: SourceFolders,
    /// Remaining limit on the length of all texts, in bytes.
    len_left: u64,
    n_profiles: usize,
}

impl<'a> ManifestReader<'a> {
    /// Creates a reader.
    pub fn new(problems: &'a mut Problems, inputs: &'a mut Inputs) -> Self {
        Self { problems, inputs, folders: SourceFolders::new(), len_left: limits::MAX_TOML_LEN, n_profiles: 0 }
    }

    /// Reads a manifest and merges it with its profiles. The second value is `false` after a syntax
    /// error, when missing keys should not be reported.
    pub fn read_manifest(&mut self, path: &Utf8Path) -> Result<(Node, bool)> {
        self.inputs.note(path);
        let text = self.read_named(path, "name a manifest, or make one with `tsmedia init`")?;
        let (tree, is_sound) = self.parse(path.as_str(), &text, parent_folder(path));
        let name = path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
        let mut layers = Layers { above: vec![name.to_string()], ..Layers::default() };
        let is_sound = self.add_profiles(&tree, parent_folder(path), &mut layers)? && is_sound;
        let tree = merge::merge_layers(layers.profiles, tree, is_sound, &self.folders, self.problems);
        Ok((tree, is_sound))
    }

    /// Reads a file of template values. The second value is `false` after a syntax error.
    pub fn read_values(&mut self, path: &Utf8Path) -> Result<(Node, bool)> {
        let text = self.read_named(path, "name a file of values such as `language = \"de-DE\"`")?;
        Ok(self.parse(path.as_str(), &text, parent_folder(path)))
    }

    /// Parses a text with a name. The second value is `false` after a syntax error.
    pub fn parse(&mut self, name: &str, text: &str, folder: &Utf8Path) -> (Node, bool) {
        let source = self.problems.add_source(name, text);
        self.folders.insert(source, folder.to_owned());
        let n_errors = self.problems.count(crate::problem::Severity::Error);
        let tree = parse(source, text, self.problems);
        (tree, self.problems.count(crate::problem::Severity::Error) == n_errors)
    }

    /// Adds the profiles of a tree to the layers. Returns `false` if a profile is missing or has a
    /// syntax error.
    fn add_profiles(&mut self, tree: &Node, folder: &Utf8Path, layers: &mut Layers) -> Result<bool> {
        let mut all_sound = true;
        for (name, place) in profile_names(tree) {
            self.n_profiles += 1;
            if self.n_profiles > limits::MAX_PROFILES {
                if self.n_profiles == limits::MAX_PROFILES + 1 {
                    let message = format!("the manifest inherits from more than {} profiles", limits::MAX_PROFILES);
                    let problem = Problem::error(message).at(place, "over the limit");
                    self.problems.add(problem.help("name each profile once; repeated names count again"));
                }
                all_sound = false;
                break;
            }
            all_sound &= self.add_profile(&name, &place, folder, layers)?;
        }
        Ok(all_sound)
    }

    /// Adds a profile with its own profiles to the layers, unless it is among them.
    fn add_profile(&mut self, name: &str, place: &Place, folder: &Utf8Path, layers: &mut Layers) -> Result<bool> {
        if authoring::template::is_template(name) {
            let message = "a profile name can't contain a template: profiles are read before templates are rendered";
            let help = "write the name of the profile; put differences between sites into their `vars`";
            self.problems.add(Problem::error(message).at(place.clone(), "").help(help));
            return Ok(false);
        }
        if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
            let name = format!("built-in profile `{name}`");
            if !layers.names.insert(name.clone()) {
                return Ok(true);
            }
            // Built-in profiles have no parents and no paths.
            let (tree, is_sound) = self.parse(&name, text, folder);
            layers.profiles.push(tree);
            return Ok(is_sound);
        }
        let path = folder.join(name);
        self.inputs.note(&path);
        // Compare canonical paths: a profile may name itself through a link.
        let canonical = path.canonicalize_utf8().unwrap_or_else(|_| path.clone()).to_string();
        if layers.above.contains(&canonical) {
            let message = format!("the profile `{name}` inherits from itself");
            let help = "remove it from `profile`";
            self.problems.add(Problem::error(message).at(place.clone(), "").help(help));
            return Ok(false);
        }
        if layers.names.contains(&canonical) {
            return Ok(true);
        }
        let text = match self.read_text(&path) {
            Ok(text) => text,
            Err(error) => {
                self.problems.add(unreadable(name, &path, &error).at(place.clone(), ""));
                return Ok(false);
            }
        };
        layers.names.insert(canonical.clone());
        let (tree, is_sound) = self.parse(path.as_str(), &text, parent_folder(&path));
        layers.above.push(canonical);
        let are_sound = self.add_profiles(&tree, parent_folder(&path), layers);
        layers.above.pop();
        layers.profiles.push(tree);
        Ok(are_sound? && is_sound)
    }

    /// Reads a file named on the command line. `missing` is the help for a file that does not
    /// exist.
    fn read_named(&mut self, path: &Utf8Path, missing: &str) -> Result<String> {
        self.read_text(path).map_err(|cause| match cause.kind() {
            io::ErrorKind::InvalidData => Error::new(format!("`{path}` is not valid UTF-8"))
                .help("save it as UTF-8; on Windows, editors call it `UTF-8 without BOM`"),
            io::ErrorKind::NotFound => {
                let help = similar_path(path, path.as_str()).map(|meant| format!("did you mean `{meant}`?"));
                Error::io("reading", path, cause).help(help.unwrap_or_else(|| missing.to_owned()))
            }
            io::ErrorKind::IsADirectory => Error::io("reading", path, cause)
                .help(format!("name the file in it, such as `{}`", path.join("media.toml"))),
            _ => Error::io("reading", path, cause),
        })
    }

    fn read_text(&mut self, path: &Utf8Path) -> io::Result<String> {
        let text = limits::read_text(path, self.len_left)?;
        self.len_left -= text.len() as u64;
        Ok(text)
    }
}

/// Returns the profiles that a manifest names, with their places. Values other than strings are
/// left to the schema.
fn profile_names(tree: &Node) -> Vec<(String, Place)> {
    let text = |node: &Node| node.as_str().map(|name| (name.to_owned(), node.place.clone()));
    let profile = tree.as_table().and_then(|root| root.get("media")?.as_table()?.get("profile"));
    match profile.map(|node| (&node.value, node)) {
        Some((Value::Array(nodes), _)) => nodes.iter().filter_map(text).collect(),
        Some((_, node)) => text(node).into_iter().collect(),
        None => Vec::new(),
    }
}

fn unreadable(name: &str, path: &Utf8Path, error: &io::Error) -> Problem {
    let names = BUILT_IN.iter().map(|(name, _)| *name);
    let looks_like_a_path = name.contains(['/', '.']);
    if path.is_dir() {
        return Problem::error(format!("the profile `{name}` is a folder"))
            .help("name a file in it, such as `profile.toml`");
    }
    if path.exists() {
        return Problem::error(format!("the profile `{name}` can't be read: {error}"))
            .help("name a text file in UTF-8");
    }
    if looks_like_a_path {
        let help = match similar_path(path, name) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the path is relative to the file that names it, so it means `{path}`"),
        };
        return Problem::error(format!("the profile file `{name}` does not exist")).help(help);
    }
    let list =
        format!("the built-in profiles are {}; paths end in `.toml`", one_of(names.clone()).replace(" or ", " and "));
    let help = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    };
    Problem::error(format!("there is no profile `{name}`")).help(help)
}

/// Returns the folder of a file.
pub fn parent_folder(path: &Utf8Path) -> &Utf8Path {
    path.parent().unwrap_or(Utf8Path::new(""))
}
