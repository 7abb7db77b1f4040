//! Lists the content and the task sequences of a finished medium by ID.

use super::{RecoveredSequence, manifest, recover, sequences};
use crate::error::Result;
use crate::format::wim::WimImageFacts;
use crate::media::PACKAGES;
use crate::resolve::ForeignMedium;
use crate::sequence::Sequence;
use crate::sequence::policy::{self, PROGRAM, PolicyInstance, TASK_SEQUENCE};
use crate::volume::Node;

/// Content and task sequences of a medium.
#[derive(Default)]
pub struct MediumOutline {
    /// Content in `SMS/PKG`, by ID.
    pub content: Vec<ContentOutline>,
    /// Task sequences; `None` if they can't be read without the password of the medium.
    pub sequences: Option<Vec<SequenceOutline>>,
}

/// Content of one ID.
pub struct ContentOutline {
    /// ID at the site.
    pub id: String,
    /// Table of a manifest that lists such content. It follows from the steps that refer to it; without any, a single WIM
    /// file counts as an operating system.
    pub table: &'static str,
    /// Name at the site, if a policy has it.
    pub name: Option<String>,
    /// Number of files.
    pub n_files: usize,
    /// Total length of the files in bytes.
    pub len: u64,
    /// Images of an operating system.
    pub images: Vec<WimImageFacts>,
}

/// Task sequence in a policy.
pub struct SequenceOutline {
    /// ID at the site.
    pub id: Option<String>,
    /// Name.
    pub name: String,
    /// Number of steps; `None` if the text of the task sequence can't be read.
    pub n_steps: Option<usize>,
    /// The task sequence, without the values of its secrets; `None` as for `n_steps`, or if a step can't be read.
    pub sequence: Option<Sequence>,
}

impl MediumOutline {
    /// Reads the outline of a medium. The password is only needed for task sequences and names.
    ///
    /// # Errors
    ///
    /// The password is wrong.
    pub fn read(medium: &ForeignMedium, password: Option<&str>) -> Result<Self> {
        let asks = medium.bootstrap.as_ref().and_then(|bootstrap| bootstrap.requires_password()).unwrap_or(false);
        if asks && password.is_none() {
            return Ok(Self { content: content(medium, &[], &[]), sequences: None });
        }
        let data = medium.data(password.filter(|_| asks))?;
        let texts = data.iter().flat_map(|data| &data.policies).filter_map(|(_, text)| text.text());
        let policies: Vec<_> = texts.map(|text| (text, policy::read(text).unwrap_or_default())).collect();
        let recovered = data.as_ref().map(|data| recover(data, &mut Vec::new())).unwrap_or_default();
        let (mut instances, mut sequences) = (Vec::new(), Vec::new());
        for (text, policies) in &policies {
            let found = policies.iter().flat_map(|policy| &policy.instances);
            let of_sequences = found.clone().filter(|instance| instance.class == TASK_SEQUENCE);
            sequences.extend(of_sequences.map(|instance| SequenceOutline::new(text, instance)));
            instances.extend(found);
        }
        Ok(Self { content: content(medium, &recovered, &instances), sequences: Some(sequences) })
    }
}

impl SequenceOutline {
    /// Reads a policy instance in a text of policies.
    fn new(text: &str, instance: &PolicyInstance) -> Self {
        Self {
            id: instance.property("PKG_PackageID").map(str::to_owned),
            name: instance.property("PKG_Name").unwrap_or("Task sequence").to_owned(),
            n_steps: instance.sequence.as_ref().map(|sequence| sequence.n_steps),
            sequence: sequences::read(text, instance).ok(),
        }
    }
}

fn content(
    medium: &ForeignMedium,
    sequences: &[RecoveredSequence],
    instances: &[&PolicyInstance],
) -> Vec<ContentOutline> {
    let Some(Node::Folder(packages)) = medium.root.get(PACKAGES) else { return Vec::new() };
    let mut outlines = Vec::new();
    for (id, node) in packages.iter() {
        let id = id.as_str();
        let files = match node {
            Node::Folder(folder) => folder.files().into_iter().map(|(path, file)| (path, file.len())).collect(),
            Node::File(content) => vec![(String::new(), content.len())],
        };
        let images = match &files[..] {
            [(path, _)] if path.to_ascii_lowercase().ends_with(".wim") => {
                medium.images(&format!("{PACKAGES}/{id}/{path}")).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let table = match manifest::find_table(sequences, id) {
            None if !images.is_empty() => "operating-system",
            table => manifest::table_or_default(table, id),
        };
        let program = instances.iter().find(|one| one.class == PROGRAM && one.property("PKG_PackageID") == Some(id));
        outlines.push(ContentOutline {
            id: id.to_owned(),
            table,
            name: program.and_then(|program| program.property("PKG_Name")).map(str::to_owned),
            n_files: files.len(),
            len: files.iter().map(|(_, len)| len).sum(),
            images: if table == "operating-system" { images } else { Vec::new() },
        });
    }
    outlines
}
