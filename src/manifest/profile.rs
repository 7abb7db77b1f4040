//! Profiles: manifests with holes that are laid under a manifest.
//!
//! `media.profile` names built-in ones and files, one or a list; a profile may name further ones. Tables merge key
//! by key and everything else is replaced by the nearer file, later ones of a list being nearer. A path in a
//! profile is relative to that profile.

use std::borrow::Cow;
use std::collections::BTreeMap;
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

/// The profiles that come with tsmedia.
pub const BUILT_IN: [(&str, &str); 6] = [
    ("cd", include_str!("../../profiles/cd.toml")),
    ("dvd", include_str!("../../profiles/dvd.toml")),
    ("dvd-dl", include_str!("../../profiles/dvd-dl.toml")),
    ("bd", include_str!("../../profiles/bd.toml")),
    ("uefi", include_str!("../../profiles/uefi.toml")),
    ("secure-boot-2023", include_str!("../../profiles/secure-boot-2023.toml")),
];

/// How `media.profile` is written. A profile's first comment is what editors show of it.
pub struct Written;

impl JsonSchema for Written {
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
        let path = json_schema!({ "type": "string", "minLength": 1, "description": "Path of a profile, relative to the file that names it." });
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

/// The folder that paths in each text are relative to.
pub type Folders = BTreeMap<SourceId, Utf8PathBuf>;

/// Reads files, and remembers the folders they are in.
pub struct Reader<'a> {
    pub problems: &'a mut Problems,
    pub inputs: &'a mut Inputs,
    pub folders: Folders,
    /// Bytes of text that may still be read.
    len_left: u64,
    n_profiles: usize,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing.
    pub fn new(problems: &'a mut Problems, inputs: &'a mut Inputs) -> Self {
        Self { problems, inputs, folders: Folders::new(), len_left: limits::MAX_TOML_LEN, n_profiles: 0 }
    }

    /// A manifest laid over its profiles. The second value is false if a text was no TOML: there is no use in
    /// looking for what is missing then.
    pub fn manifest(&mut self, path: &Utf8Path) -> Result<(Node, bool)> {
        self.inputs.note(path);
        let text = self.read(path, "name a manifest, or make one with `tsmedia init`")?;
        let (tree, is_sound) = self.parse(path.as_str(), &text, folder(path));
        let name = path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
        self.over_profiles(tree, is_sound, folder(path), &mut vec![name.to_string()])
    }

    /// A text that is no manifest, such as a file of template values.
    pub fn file(&mut self, path: &Utf8Path) -> Result<(Node, bool)> {
        let text = self.read(path, "name a file of values such as `language = \"de-DE\"`")?;
        Ok(self.parse(path.as_str(), &text, folder(path)))
    }

    /// A text with a name.
    pub fn parse(&mut self, name: &str, text: &str, folder: &Utf8Path) -> (Node, bool) {
        let source = self.problems.add_source(name, text);
        self.folders.insert(source, folder.to_owned());
        let n_errors = self.problems.count(crate::problem::Severity::Error);
        let tree = parse(source, text, self.problems);
        (tree, self.problems.count(crate::problem::Severity::Error) == n_errors)
    }

    fn over_profiles(
        &mut self,
        tree: Node,
        is_sound: bool,
        folder: &Utf8Path,
        above: &mut Vec<String>,
    ) -> Result<(Node, bool)> {
        let mut under: Option<Node> = None;
        let mut all_sound = is_sound;
        for (name, place) in named(&tree) {
            self.n_profiles += 1;
            if self.n_profiles > limits::MAX_PROFILES {
                if self.n_profiles == limits::MAX_PROFILES + 1 {
                    let message = format!("more than {} profiles are laid under the manifest", limits::MAX_PROFILES);
                    let problem = Problem::error(message).at(place, "one too many");
                    self.problems.add(problem.help("name each profile once; one named twice is read twice"));
                }
                return Ok((tree, false));
            }
            let Some((profile, is_sound)) = self.profile(&name, &place, folder, above)? else {
                all_sound = false;
                continue;
            };
            all_sound &= is_sound;
            under = Some(match under {
                Some(far) => profile.over(far),
                None => profile,
            });
        }
        Ok(match under {
            Some(under) => (tree.over(without_profile(under)), all_sound),
            None => (tree, all_sound),
        })
    }

    fn profile(
        &mut self,
        name: &str,
        place: &Place,
        folder: &Utf8Path,
        above: &mut Vec<String>,
    ) -> Result<Option<(Node, bool)>> {
        if authoring::template::is_template(name) {
            let message = "profiles are read before templates are rendered, so they cannot be chosen by one";
            let help = "name the profile itself; what differs between sites can go into their `vars`";
            self.problems.add(Problem::error(message).at(place.clone(), "").help(help));
            return Ok(None);
        }
        if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
            // A built-in profile names no other one and holds no path.
            return Ok(Some(self.parse(&format!("built-in profile `{name}`"), text, folder)));
        }
        let path = folder.join(name);
        self.inputs.note(&path);
        let text = match self.text(&path) {
            Ok(text) => text,
            Err(error) => {
                self.problems.add(unreadable(name, &path, &error).at(place.clone(), ""));
                return Ok(None);
            }
        };
        let canonical = path.canonicalize_utf8().unwrap_or_else(|_| path.clone()).to_string();
        if above.contains(&canonical) {
            let message = format!("the profile `{name}` is laid under itself");
            let help = "leave it out: profiles go from the special to the general";
            self.problems.add(Problem::error(message).at(place.clone(), "").help(help));
            return Ok(None);
        }
        let (tree, is_sound) = self.parse(path.as_str(), &text, super::profile::folder(&path));
        above.push(canonical);
        let result = self.over_profiles(tree, is_sound, super::profile::folder(&path), above);
        above.pop();
        result.map(Some)
    }

    /// Reads a file that the command line names. `missing` is the help for a file that does not exist.
    fn read(&mut self, path: &Utf8Path, missing: &str) -> Result<String> {
        self.text(path).map_err(|cause| match cause.kind() {
            io::ErrorKind::InvalidData => Error::new(format!("`{path}` is not text in UTF-8"))
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

    fn text(&mut self, path: &Utf8Path) -> io::Result<String> {
        let text = limits::read_text(path, self.len_left)?;
        self.len_left -= text.len() as u64;
        Ok(text)
    }
}

/// The profiles that a manifest names, with the places where it does. What is no text is left to the schema.
fn named(tree: &Node) -> Vec<(String, Place)> {
    let text = |node: &Node| node.as_str().map(|name| (name.to_owned(), node.place.clone()));
    let profile = tree.as_table().and_then(|root| root.get("media")?.as_table()?.get("profile"));
    match profile.map(|node| (&node.value, node)) {
        Some((Value::Array(nodes), _)) => nodes.iter().filter_map(text).collect(),
        Some((_, node)) => text(node).into_iter().collect(),
        None => Vec::new(),
    }
}

/// A profile's own `media.profile` has had its effect and is no part of the manifest above it.
fn without_profile(mut tree: Node) -> Node {
    if let Value::Table(root) = &mut tree.value
        && let Some(media) = root.0.iter_mut().find(|entry| entry.name == "media")
        && let Value::Table(media) = &mut media.node.value
    {
        media.remove("profile");
    }
    tree
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
            .help("name a file of text in UTF-8");
    }
    if looks_like_a_path {
        let help = match similar_path(path, name) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the path is relative to the file that names it, so it would be `{path}`"),
        };
        return Problem::error(format!("there is no profile file `{name}`")).help(help);
    }
    let list = format!("built in are {}; a path ends in `.toml`", one_of(names.clone()).replace(" or ", " and "));
    let help = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    };
    Problem::error(format!("there is no profile `{name}`")).help(help)
}

/// The folder that a file is in.
pub fn folder(path: &Utf8Path) -> &Utf8Path {
    path.parent().unwrap_or(Utf8Path::new(""))
}
