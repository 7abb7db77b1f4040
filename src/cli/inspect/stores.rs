//! The boot stores of a finished medium.

use crate::format::bcd::BcdStore;
use crate::format::regf::{Hive, MAGIC};
use crate::limits::MAX_BOOT_STORE_LEN;
use crate::output::{Listing, ParsedMedium, ReadSeek};
use crate::report::StoreFound;
use crate::resolve::boot::STORES;

/// The stores that boot managers look for, each with its path on the medium and what was read of it, or why nothing was.
/// Stand-ins that are none are left out.
pub(super) fn of(parsed: &ParsedMedium, image: &mut dyn ReadSeek) -> Vec<StoreFound> {
    let mut stores = Vec::new();
    let listing = Listing::from(parsed);
    for (firmware, path) in STORES {
        let Some(file) = listing.files.iter().find(|file| file.path.eq_ignore_ascii_case(path)) else { continue };
        let read = file.read_bytes(image, MAX_BOOT_STORE_LEN).and_then(|bytes| match bytes.starts_with(MAGIC) {
            true => Hive::read(&bytes).and_then(|hive| BcdStore::read(&hive)).map(Some),
            false => Ok(None),
        });
        if let Some(read) = read.transpose() {
            stores.push(StoreFound { firmware, path: file.path.clone(), read });
        }
    }
    stores
}
