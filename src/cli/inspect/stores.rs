//! Reads the boot stores (BCD) of a finished medium.

use crate::format::bcd::BcdStore;
use crate::format::regf::{Hive, MAGIC};
use crate::limits::MAX_BOOT_STORE_LEN;
use crate::output::{Listing, ParsedMedium, ReadSeek};
use crate::report::MediumBootStore;
use crate::resolve::boot::STORES;

/// Reads the stores that boot managers look for. Files at their paths that are not registry hives are left out.
pub(super) fn read_boot_stores(parsed: &ParsedMedium, image: &mut dyn ReadSeek) -> Vec<MediumBootStore> {
    let mut stores = Vec::new();
    let listing = Listing::from(parsed);
    for (firmware, path) in STORES {
        let Some(file) = listing.files.iter().find(|file| file.path.eq_ignore_ascii_case(path)) else { continue };
        let read = file.read_bytes(image, MAX_BOOT_STORE_LEN).and_then(|bytes| match bytes.starts_with(MAGIC) {
            true => Hive::read(&bytes).and_then(|hive| BcdStore::read(&hive)).map(Some),
            false => Ok(None),
        });
        if let Some(read) = read.transpose() {
            stores.push(MediumBootStore { firmware, path: file.path.clone(), read });
        }
    }
    stores
}
