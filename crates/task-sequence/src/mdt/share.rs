//! Deployment share: the lists in its `Control` folder, and package IDs for its contents.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::xml::document::Element;

/// Site code of the package IDs for contents of a share.
const SITE_CODE: &str = "MDT";

/// Deployment share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Contents in the order of their IDs.
    contents: Vec<ShareContent>,
    /// Indexes of contents by GUID or another key.
    by_key: BTreeMap<String, usize>,
    applications: BTreeMap<String, Application>,
    /// Paths of INF files of drivers, by GUID.
    drivers: BTreeMap<String, String>,
}

/// Content of a share, to be listed in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareContent {
    /// Generated package ID.
    pub id: String,
    /// Name on the share.
    pub name: String,
    /// Table of the manifest.
    pub kind: ContentKind,
    /// Path of the file or folder from the root of the share, with `/`; `None` if the share does
    /// not list one.
    pub path: Option<String>,
    /// Index of the image in its WIM file.
    pub index: Option<u16>,
    /// `false` if it is disabled on the share.
    pub is_enabled: bool,
    /// Folders to copy together, for drivers.
    pub parts: Vec<String>,
    /// `true` if the share lists it; `false` if only a step refers to it.
    pub is_listed: bool,
}

/// Table of a manifest that content belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// Operating system image.
    OperatingSystem,
    /// Boot image.
    BootImage,
    /// Package, such as the source of an application.
    Package,
    /// Driver package.
    DriverPackage,
}

/// Application of the share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Name of the application.
    pub name: String,
    /// Command line that installs it; empty for a bundle of others.
    pub command_line: String,
    /// Folder that the command runs in.
    pub working_directory: String,
    /// Folder of its files from the root of the share, with `/`.
    pub source: Option<String>,
    /// `false` if it is disabled.
    pub is_enabled: bool,
    /// `true` if the computer restarts after it.
    pub restarts: bool,
    /// GUIDs of applications that are installed before it.
    pub dependencies: Vec<String>,
}

impl Share {
    /// Adds the entries of a file of the `Control` folder: applications, operating systems, driver
    /// groups or drivers, recognized by the root element.
    ///
    /// Drivers have to be added before driver groups.
    ///
    /// # Errors
    ///
    /// Fails if the document is none of these.
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
                .map(|child| normalize_guid(&child.own_text()))
                .collect(),
        };
        // Applications without files run from elsewhere, or bundle other applications.
        if let Some(path) = source {
            let content = ShareContent {
                path: Some(path),
                is_enabled: application.is_enabled,
                ..ShareContent::listed(&application.name, ContentKind::Package)
            };
            self.insert(&guid, content);
        }
        self.applications.insert(guid, application);
    }

    fn add_operating_system(&mut self, guid: &str, element: &Element) {
        let content = ShareContent {
            path: share_path(&text(element, "ImageFile")),
            index: text(element, "ImageIndex").parse().ok().filter(|index| *index > 0),
            is_enabled: is_enabled(element),
            ..ShareContent::listed(&text(element, "Name"), ContentKind::OperatingSystem)
        };
        self.insert(guid, content);
    }

    fn add_driver_group(&mut self, guid: &str, element: &Element) {
        let name = text(element, "Name");
        let members = element.children().filter(|child| child.name == "Member");
        let folder_of = |path: &String| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let members: Vec<String> = members.map(|member| normalize_guid(&member.own_text())).collect();
        // Several drivers share a folder, which is copied once.
        let folders: BTreeSet<String> =
            members.iter().filter_map(|guid| self.drivers.get(guid)).filter_map(folder_of).collect();
        // Groups without drivers only contain other groups. The Workbench itself uses `hidden`.
        if members.is_empty() || name.eq_ignore_ascii_case("hidden") {
            return;
        }
        let content = ShareContent {
            is_enabled: is_enabled(element),
            parts: folders.into_iter().collect(),
            ..ShareContent::listed(&name, ContentKind::DriverPackage)
        };
        self.insert(guid, content);
    }

    /// Returns the application with a GUID.
    pub fn application(&self, guid: &str) -> Option<&Application> {
        self.applications.get(&normalize_guid(guid))
    }

    /// Returns `true` if the share lists any applications.
    pub fn lists_applications(&self) -> bool {
        !self.applications.is_empty()
    }

    /// Returns the content for a GUID or another key.
    pub fn content(&self, key: &str) -> Option<&ShareContent> {
        self.by_key.get(&normalize_guid(key)).and_then(|index| self.contents.get(*index))
    }

    /// Returns all contents in the order of their IDs.
    pub fn contents(&self) -> &[ShareContent] {
        &self.contents
    }

    /// Finds a driver group by its name, or else by the last component of its name.
    pub fn driver_group(&self, name: &str) -> Option<&ShareContent> {
        let groups = || self.contents.iter().filter(|content| content.kind == ContentKind::DriverPackage);
        let last = |content: &ShareContent| content.name.rsplit('\\').next().unwrap_or_default().to_lowercase();
        let name = name.trim().to_lowercase();
        let is_named = |content: &&ShareContent| content.name.to_lowercase() == name;
        groups().find(is_named).or_else(|| groups().find(|content| last(content) == name))
    }

    /// Returns the package ID of content that a step refers to, and creates one if necessary.
    pub fn package_id(&mut self, key: &str, name: &str, kind: ContentKind) -> String {
        match self.content(key) {
            Some(content) => content.id.clone(),
            None => self.insert(key, ShareContent { is_listed: false, ..ShareContent::listed(name, kind) }),
        }
    }

    /// Returns the package ID of the installation files for an upgrade: the folder around the
    /// image.
    pub fn upgrade_package(&mut self, guid: &str, name: &str) -> String {
        const IMAGE: &str = "/sources/install.wim";
        let system = self.content(guid);
        let name = system.map_or(name, |system| system.name.as_str());
        let path = system.and_then(|system| system.path.as_deref());
        let folder = path.filter(|path| path.to_lowercase().ends_with(IMAGE));
        let folder = folder.map(|path| path.chars().take(path.chars().count() - IMAGE.len()).collect::<String>());
        let name = format!("{name}: all installation files");
        let is_listed = folder.is_some();
        let content = ShareContent { path: folder, is_listed, ..ShareContent::listed(&name, ContentKind::Package) };
        self.insert(&format!("upgrade {}", normalize_guid(guid)), content)
    }

    fn insert(&mut self, key: &str, content: ShareContent) -> String {
        let key = normalize_guid(key);
        if let Some(content) = self.content(&key) {
            return content.id.clone();
        }
        // IDs follow the order of the lists, so that importing a share again gives the same ones.
        let id = format!("{SITE_CODE}{:05X}", self.contents.len() + 1);
        self.by_key.insert(key, self.contents.len());
        self.contents.push(ShareContent { id: id.clone(), ..content });
        id
    }
}

impl ShareContent {
    fn listed(name: &str, kind: ContentKind) -> Self {
        let (id, name) = (String::new(), name.to_owned());
        Self { id, name, kind, path: None, index: None, is_enabled: true, parts: Vec::new(), is_listed: true }
    }
}

/// Normalizes a GUID, which may be written in either case, with or without braces.
fn normalize_guid(guid: &str) -> String {
    guid.trim().trim_start_matches('{').trim_end_matches('}').to_lowercase()
}

/// Iterates over the entries of a list with their GUIDs.
fn listed<'a>(root: &'a Element, name: &'a str) -> impl Iterator<Item = (String, &'a Element)> {
    let entries = root.children().filter(move |child| child.name == name);
    entries.filter_map(|child| Some((normalize_guid(child.attribute("guid")?), child)))
}

fn text(element: &Element, name: &str) -> String {
    element.child(name).map(Element::own_text).unwrap_or_default().trim().to_owned()
}

fn is_enabled(element: &Element) -> bool {
    !element.attribute("enable").is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

/// Converts a path below the root of the share (`.\Applications\Editor`) to one with `/`.
///
/// Returns `None` for other paths, and for those that lead out of the share.
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
