//! Facts that are read from the files of a medium.

use super::{prompt, stores};
use crate::limits::MAX_BOOTSTRAP_LEN;
use crate::media::data::{self, Bootstrap};
use crate::output::{Listing, ParsedMedium, ReadSeek};
use crate::report::MediumDetails;

/// Reads the description, boot stores, prompts and settings of a medium.
pub(in crate::cli) fn read_details(parsed: &ParsedMedium, image: &mut dyn ReadSeek) -> MediumDetails {
    let medium = Listing::from(parsed).medium(image);
    let description = medium.map(|medium| medium.description).unwrap_or_default();
    MediumDetails {
        prompts: prompt::find_prompts(parsed, &description, image),
        description,
        stores: stores::read_boot_stores(parsed, image),
        asks_for_password: bootstrap(parsed, image).and_then(|bootstrap| bootstrap.requires_password()),
    }
}

/// Reads the unencrypted settings that a medium has for the client.
fn bootstrap(parsed: &ParsedMedium, image: &mut dyn ReadSeek) -> Option<Bootstrap> {
    let files = Listing::from(parsed).files;
    let file = files.iter().find(|file| file.path.eq_ignore_ascii_case(data::BOOTSTRAP_FILE))?;
    Bootstrap::read(&file.read_bytes(image, MAX_BOOTSTRAP_LEN).ok()?)
}
