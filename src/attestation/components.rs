//! Images, packages, drivers and boot programs of a finished medium.
//!
//! Content comes from the folders of `SMS/PKG`, images from the XML of WIM files, drivers from INF files with their
//! catalogs, and boot programs from their resources and signatures. Not listed: drivers within WIM files.

use crate::error::Result;
use crate::format::authenticode::{Signature, SignatureState};
use crate::format::inf::Inf;
use crate::format::pe::FileVersion;
use crate::format::wim::WimImageFacts;
use crate::import::MediumOutline;
use crate::limits::{MAX_CATALOG_LEN, MAX_INF_LEN};
use crate::media::PACKAGES;
use crate::output::{ListedFile, Listing, ReadSeek};
use crate::resolve::ForeignMedium;
use crate::verify::programs::Program;

/// Part of a medium with a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Kind.
    pub kind: ComponentKind,
    /// Name, such as `BER00021` or `Windows 11 Pro`.
    pub name: String,
    /// Version, if it has one.
    pub version: Option<String>,
    /// Vendor, if it names one.
    pub supplier: Option<String>,
    /// Path of its file or folder on the medium. Of a program in the EFI boot image, a phrase that says so.
    pub path: String,
    /// Further facts, by key.
    pub facts: Vec<(&'static str, String)>,
}

/// Kind of a [`Component`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComponentKind {
    /// Image of Windows in a WIM file.
    Image,
    /// Content with an ID of the site.
    Content,
    /// Driver.
    Driver,
    /// EFI boot program.
    BootProgram,
}

/// Reads the components of a medium. `programs` are its boot programs.
///
/// # Errors
///
/// If a file of the medium can't be read.
pub(super) fn read(
    medium: &ForeignMedium,
    listing: &Listing,
    image: &mut dyn ReadSeek,
    programs: &[Program],
) -> Result<Vec<Component>> {
    let mut files: Vec<_> = listing.files.iter().collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut components = Vec::new();
    for file in &files {
        // A file of that name that is not a WIM file is a file like any other.
        let images = if has_extension(&file.path, "wim") { medium.images(&file.path).ok() } else { None };
        components.extend(images.into_iter().flatten().map(|facts| from_image(&file.path, facts)));
    }
    // The password would only add names from policies.
    let outline = MediumOutline { sequences: None, ..MediumOutline::read(medium, None)? };
    components.extend(outline.content.into_iter().map(|content| Component {
        kind: ComponentKind::Content,
        name: content.id.clone(),
        version: None,
        supplier: None,
        path: format!("{PACKAGES}/{}", content.id),
        facts: vec![("kind", content.table.replace('-', " "))],
    }));
    for file in &files {
        if has_extension(&file.path, "inf") && file.len <= MAX_INF_LEN {
            components.extend(read_driver(file, &files, image)?);
        }
    }
    components.extend(programs.iter().filter_map(from_program));
    Ok(components)
}

fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(extension))
}

fn from_image(path: &str, image: WimImageFacts) -> Component {
    let index = image.index;
    let mut facts = vec![("index", index.to_string())];
    facts.extend(image.edition.map(|edition| ("edition", edition)));
    facts.extend(image.architecture.map(|architecture| ("architecture", architecture.to_string())));
    facts.extend(image.language.map(|language| ("language", language)));
    Component {
        kind: ComponentKind::Image,
        name: image.name.unwrap_or_else(|| format!("image {index}")),
        version: image.version.map(|version| version.to_string()),
        supplier: None,
        path: path.to_owned(),
        facts,
    }
}

/// Reads the driver of an INF file. `None` if the file describes none.
fn read_driver(file: &ListedFile, files: &[&ListedFile], image: &mut dyn ReadSeek) -> Result<Option<Component>> {
    let bytes = file.read_bytes(image, MAX_INF_LEN)?;
    let Ok(inf) = Inf::parse(&bytes) else { return Ok(None) };
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let mut facts = vec![("class", inf.class_name.clone())];
    let architectures: Vec<_> = inf.architectures.iter().map(ToString::to_string).collect();
    facts.push(("architecture", architectures.join(", ")));
    let mut catalogs: Vec<_> = inf.catalogs.iter().map(|(_, catalog)| catalog.as_str()).collect();
    catalogs.sort_unstable();
    catalogs.dedup();
    for catalog in &catalogs {
        let path = if folder.is_empty() { (*catalog).to_owned() } else { format!("{folder}/{catalog}") };
        let found = files.iter().find(|file| file.path.eq_ignore_ascii_case(&path));
        facts.push((
            "signature",
            match found {
                None => format!("the catalog {catalog} is missing"),
                Some(found) if found.len > MAX_CATALOG_LEN => format!("the catalog {catalog} is too long"),
                Some(found) => match Signature::read_catalog(&found.read_bytes(image, MAX_CATALOG_LEN)?, &bytes) {
                    Err(why) => format!("the catalog {catalog} can't be read: {why}"),
                    Ok(signature) => signature_fact(&signature, "does not list the INF file"),
                },
            },
        ));
    }
    if catalogs.is_empty() {
        facts.push(("signature", "none".into()));
    }
    facts.retain(|(_, value)| !value.is_empty());
    Ok(Some(Component {
        kind: ComponentKind::Driver,
        name: name.to_owned(),
        version: inf.version,
        supplier: Some(inf.provider).filter(|provider| !provider.is_empty()),
        path: file.path.clone(),
        facts,
    }))
}

/// Describes a signature by its signer and the authority that issued the certificate. `altered` says what an altered
/// signature does, as a fragment.
fn signature_fact(signature: &Signature, altered: &str) -> String {
    let by = format!("{}, issued by {}", signature.signer(), signature.issuer());
    match &signature.state {
        SignatureState::Good => by,
        SignatureState::Altered => format!("{by}: it {altered}"),
        SignatureState::Forged(why) => format!("{by}: invalid, {why}"),
        SignatureState::Unchecked(why) => format!("{by}: not checked, {why}"),
    }
}

/// Returns the component of a boot program. `None` for files that are not programs, which are listed as files.
fn from_program(program: &Program) -> Option<Component> {
    let read = program.read.as_ref().ok()?;
    let mut facts = vec![("architecture", read.processors())];
    facts.extend(read.secure_version.map(|version| ("svn", version.to_string())));
    facts.push(("authenticode-sha256", read.sha256.to_string()));
    facts.extend(read.signatures().into_iter().map(|signature| {
        let text = match signature {
            Ok(signature) => signature_fact(&signature, "is of another program"),
            Err(why) => format!("can't be read: {why}"),
        };
        ("signature", text)
    }));
    if !read.is_signed() {
        facts.push(("signature", "none".into()));
    }
    let name = program.path.rsplit_once('/').map_or(program.path.as_str(), |(_, name)| name);
    Some(Component {
        kind: ComponentKind::BootProgram,
        name: name.to_owned(),
        version: read.version.map(|version| FileVersion(version).to_string()),
        supplier: None,
        path: program.name(),
        facts,
    })
}
