//! A deployment share: what its `Control` folder lists, and the package IDs that stand for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::xml::document::Element;

/// The site code of the package IDs that stand for contents of a share.
const SITE_CODE: &str = "MDT";

/// A deployment share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Contents, in the order in which they got their IDs.
    contents: Vec<Content>,
    /// Indices of contents by what they stand for.
    by_key: BTreeMap<String, usize>,
    applications: BTreeMap<String, Application>,
    /// Paths of drivers' INF files, by GUID.
    drivers: BTreeMap<String, String>,
}

/// Content that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Package ID, made up.
    pub id: String,
    /// Name on the share.
    pub name: String,
    /// Table of the manifest.
    pub kind: ContentKind,
    /// Path of the file or folder from the root of the share, with `/`. `None` if the share does not name it.
    pub path: Option<String>,
    /// Number of the image in its WIM file.
    pub index: Option<u16>,
    /// `false` if it is disabled on the share.
    pub is_enabled: bool,
    /// Folders that have to be copied together, for drivers.
    pub parts: Vec<String>,
    /// `true` if the share lists it; `false` if only a step refers to it.
    pub is_listed: bool,
}

/// The table of a manifest that content belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// An operating system image.
    OperatingSystem,
    /// A boot image.
    BootImage,
    /// A package, such as the source of an application.
    Package,
    /// A driver package.
    DriverPackage,
}

/// An application of the share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// The command line that installs it; empty for a bundle of others.
    pub command_line: String,
    /// The folder that it runs in.
    pub working_directory: String,
    /// The folder of its files from the root of the share, with `/`.
    pub source: Option<String>,
    /// `false` if it is disabled.
    pub is_enabled: bool,
    /// `true` if the computer restarts after it.
    pub restarts: bool,
    /// GUIDs of applications that are installed before it.
    pub dependencies: Vec<String>,
}

impl Share {
    /// Adds what one of the files of the `Control` folder lists: applications, operating systems, driver groups or
    /// drivers, recognized by the root element. Drivers come before driver groups.
    ///
    /// # Errors
    ///
    /// The document is none of these.
    pub fn add(&mut self, root: &Element) -> Result<()> {
        match root.name.as_str() {
            "applications" => {
                listed(root, "application").for_each(|(guid, element)| self.add_application(guid, element))
            }
            "oss" => listed(root, "os").for_each(|(guid, element)| self.add_operating_system(&guid, element)),
            "groups" => listed(root, "group").for_each(|(guid, element)| self.add_driver_group(&guid, element)),
            "drivers" => {
                let path = |(guid, element)| Some((guid, share_path(&text(element, "Source"))?));
                self.drivers.extend(listed(root, "driver").filter_map(path));
            }
            name => return Err(Error::unsupported(format!("`<{name}>` is not a list of a deployment share"))),
        }
        Ok(())
    }

    fn add_application(&mut self, guid: String, element: &Element) {
        let source = share_path(&text(element, "Source"));
        let application = Application {
            name: text(element, "Name"),
            command_line: text(element, "CommandLine"),
            working_directory: text(element, "WorkingDirectory"),
            source: source.clone(),
            is_enabled: is_enabled(element),
            restarts: text(element, "Reboot").eq_ignore_ascii_case("true"),
            dependencies: element
                .children()
                .filter(|child| child.name == "Dependency")
                .map(|child| normal_guid(&child.own_text()))
                .collect(),
        };
        // Applications without files of their own run from elsewhere, or bundle others.
        if let Some(path) = source {
            let content = Content {
                path: Some(path),
                is_enabled: application.is_enabled,
                ..Content::listed(&application.name, ContentKind::Package)
            };
            self.insert(&guid, content);
        }
        self.applications.insert(guid, application);
    }

    fn add_operating_system(&mut self, guid: &str, element: &Element) {
        let content = Content {
            path: share_path(&text(element, "ImageFile")),
            index: text(element, "ImageIndex").parse().ok().filter(|index| *index > 0),
            is_enabled: is_enabled(element),
            ..Content::listed(&text(element, "Name"), ContentKind::OperatingSystem)
        };
        self.insert(guid, content);
    }

    fn add_driver_group(&mut self, guid: &str, element: &Element) {
        let name = text(element, "Name");
        let members = element.children().filter(|child| child.name == "Member");
        let folder_of = |path: &String| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let members: Vec<String> = members.map(|member| normal_guid(&member.own_text())).collect();
        let folders: BTreeSet<String> =
            members.iter().filter_map(|guid| self.drivers.get(guid)).filter_map(folder_of).collect();
        // Groups without drivers are folders of others. The Workbench itself uses `hidden`.
        if members.is_empty() || name.eq_ignore_ascii_case("hidden") {
            return;
        }
        let content = Content {
            is_enabled: is_enabled(element),
            parts: folders.into_iter().collect(),
            ..Content::listed(&name, ContentKind::DriverPackage)
        };
        self.insert(guid, content);
    }

    /// The application of a GUID.
    pub fn application(&self, guid: &str) -> Option<&Application> {
        self.applications.get(&normal_guid(guid))
    }

    /// Returns `true` if the share lists any applications.
    pub fn lists_applications(&self) -> bool {
        !self.applications.is_empty()
    }

    /// The content that a GUID or another key stands for.
    pub fn content(&self, key: &str) -> Option<&Content> {
        self.by_key.get(&normal_guid(key)).and_then(|index| self.contents.get(*index))
    }

    /// All contents, in the order of their IDs.
    pub fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// The driver group of a name, by its last component if need be.
    pub fn driver_group(&self, name: &str) -> Option<&Content> {
        let groups = || self.contents.iter().filter(|content| content.kind == ContentKind::DriverPackage);
        let last = |content: &Content| content.name.rsplit('\\').next().unwrap_or_default().to_lowercase();
        let name = name.trim().to_lowercase();
        let is_named = |content: &&Content| content.name.to_lowercase() == name;
        groups().find(is_named).or_else(|| groups().find(|content| last(content) == name))
    }

    /// The package ID of content that a step refers to. Content that the share does not list gets one, too.
    pub fn package_id(&mut self, key: &str, name: &str, kind: ContentKind) -> String {
        match self.content(key) {
            Some(content) => content.id.clone(),
            None => self.insert(key, Content { is_listed: false, ..Content::listed(name, kind) }),
        }
    }

    /// The package ID of the installation files that an upgrade runs from: the folder around the image.
    pub fn upgrade_package(&mut self, guid: &str, name: &str) -> String {
        const IMAGE: &str = "/sources/install.wim";
        let system = self.content(guid);
        let name = system.map_or(name, |system| system.name.as_str());
        let path = system.and_then(|system| system.path.as_deref());
        let folder = path.filter(|path| path.to_lowercase().ends_with(IMAGE));
        let folder = folder.map(|path| path.chars().take(path.chars().count() - IMAGE.len()).collect::<String>());
        let name = format!("{name}: all installation files");
        let is_listed = folder.is_some();
        let content = Content { path: folder, is_listed, ..Content::listed(&name, ContentKind::Package) };
        self.insert(&format!("upgrade {}", normal_guid(guid)), content)
    }

    fn insert(&mut self, key: &str, content: Content) -> String {
        let key = normal_guid(key);
        if let Some(content) = self.content(&key) {
            return content.id.clone();
        }
        let id = format!("{SITE_CODE}{:05X}", self.contents.len() + 1);
        self.by_key.insert(key, self.contents.len());
        self.contents.push(Content { id: id.clone(), ..content });
        id
    }
}

impl Content {
    fn listed(name: &str, kind: ContentKind) -> Self {
        let (id, name) = (String::new(), name.to_owned());
        Self { id, name, kind, path: None, index: None, is_enabled: true, parts: Vec::new(), is_listed: true }
    }
}

/// GUIDs are written in either case, with and without braces.
fn normal_guid(guid: &str) -> String {
    guid.trim().trim_start_matches('{').trim_end_matches('}').to_lowercase()
}

/// The entries of a list with their GUIDs.
fn listed<'a>(root: &'a Element, name: &'a str) -> impl Iterator<Item = (String, &'a Element)> {
    let entries = root.children().filter(move |child| child.name == name);
    entries.filter_map(|child| Some((normal_guid(child.attribute("guid")?), child)))
}

fn text(element: &Element, name: &str) -> String {
    element.child(name).map(Element::own_text).unwrap_or_default().trim().to_owned()
}

fn is_enabled(element: &Element) -> bool {
    !element.attribute("enable").is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

/// A path below the root of the share (`.\Applications\Editor`), with `/`. `None` for other paths, and for those that
/// lead out of the share.
pub fn share_path(path: &str) -> Option<String> {
    let path = path.trim().replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path).trim_end_matches('/');
    let is_wrong = |part: &str| matches!(part, "" | "." | "..") || part.contains([':', '\0']);
    (!path.split('/').any(is_wrong)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::document::parse;

    #[test]
    fn lists_of_a_share_are_read() {
        let mut share = Share::default();
        for list in [
            "<applications><application guid=\"{AA}\" enable=\"True\"><Name>Éditeur</Name><Source>.\\Applications\\Éditeur</Source>\
             <CommandLine>setup.exe /q</CommandLine><WorkingDirectory>.\\Applications\\Éditeur</WorkingDirectory><Reboot>True</Reboot>\
             <Dependency>{bb}</Dependency></application>\
             <application guid=\"{bb}\" enable=\"False\"><Name>Bundle</Name><Dependency>{AA}</Dependency></application>\
             <application guid=\"{cc}\"><Name>Elsewhere</Name><Source>..\\..\\etc</Source></application><other/></applications>",
            "<oss><os guid=\"{DD}\" enable=\"True\"><Name>Windows 11</Name><ImageFile>.\\Operating Systems\\W11\\sources\\install.wim\
             </ImageFile><ImageIndex>3</ImageIndex></os></oss>",
            "<drivers><driver guid=\"{E1}\"><Source>.\\Out-of-Box Drivers\\Net\\e1\\e1.inf</Source></driver></drivers>",
            "<groups><group guid=\"{f0}\"><Name>default</Name></group><group guid=\"{f1}\"><Name>W11\\Laptop</Name>\
             <Member>{e1}</Member><Member>{gone}</Member></group></groups>",
        ] {
            share.add(&parse(list).unwrap()).unwrap();
        }
        let shown: Vec<_> = share
            .contents()
            .iter()
            .map(|one| (one.id.as_str(), one.name.as_str(), one.path.as_deref(), one.index, one.parts.join(",")))
            .collect();
        assert_eq!(
            shown,
            [
                ("MDT00001", "Éditeur", Some("Applications/Éditeur"), None, String::new()),
                ("MDT00002", "Windows 11", Some("Operating Systems/W11/sources/install.wim"), Some(3), String::new()),
                ("MDT00003", "W11\\Laptop", None, None, "Out-of-Box Drivers/Net/e1".into()),
            ]
        );
        let editor = share.application("aa").unwrap();
        assert!(editor.restarts && editor.is_enabled && editor.dependencies == ["bb"]);
        assert!(!share.application("{BB}").unwrap().is_enabled);
        assert_eq!(share.application("CC").unwrap().source, None);
        assert_eq!(share.driver_group("laptop").unwrap().id, "MDT00003");
        assert_eq!(share.package_id("{dd}", "", ContentKind::OperatingSystem), "MDT00002");
        assert_eq!(share.package_id("{0}", "Another", ContentKind::OperatingSystem), "MDT00004");
        assert_eq!(share.package_id("{0}", "Another", ContentKind::OperatingSystem), "MDT00004");
        assert!(share.add(&parse("<sequence/>").unwrap()).is_err());
    }
}
