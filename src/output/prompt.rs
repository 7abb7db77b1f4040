//! The prompt of a disc ("Press any key to boot from CD or DVD"), as the disc states it in `medium.toml`.
//!
//! Under BIOS the boot sector waits if there is a `boot\bootfix.bin`; under UEFI the program in the EFI boot image does,
//! unless it is that of `efisys_noprompt.bin`.

use serde::{Deserialize, Serialize};

use super::{Output, lists};
use crate::firmware::Firmware;

/// Firmware under which a disc waits for a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Waits when a BIOS starts it.
    pub bios: bool,
    /// Waits when UEFI starts it.
    pub uefi: bool,
}

impl Prompt {
    /// Returns the value of `prompt` in `medium.toml`.
    pub fn as_str(self) -> &'static str {
        match (self.bios, self.uefi) {
            (false, false) => "none",
            (true, false) => "bios",
            (false, true) => "uefi",
            (true, true) => "bios, uefi",
        }
    }

    /// Reads `prompt` in a description; `None` if it is missing or has an unknown value.
    pub fn from_description<K: AsRef<str>>(description: &[(K, String)]) -> Option<Self> {
        let (_, said) = description.iter().find(|(key, _)| key.as_ref() == lists::PROMPT)?;
        let all = [false, true].into_iter().flat_map(|bios| [false, true].map(|uefi| Self { bios, uefi }));
        all.into_iter().find(|prompt| prompt.as_str() == said)
    }

    /// Returns whether this firmware waits for a key.
    pub fn under(self, firmware: Firmware) -> bool {
        match firmware {
            Firmware::Bios => self.bios,
            Firmware::Uefi => self.uefi,
        }
    }
}

impl Output {
    /// Returns the firmware under which it waits for a key; `None` if it is not started as a disc.
    pub fn prompt(&self) -> Option<Prompt> {
        Prompt::from_description(&self.description).filter(|_| !self.boot.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_medium_says_is_read_back() {
        for (bios, uefi) in [(false, false), (true, false), (false, true), (true, true)] {
            let prompt = Prompt { bios, uefi };
            let description = [("kind", "capture".to_owned()), (lists::PROMPT, prompt.as_str().to_owned())];
            assert_eq!(Prompt::from_description(&description), Some(prompt));
            assert_eq!((prompt.under(Firmware::Bios), prompt.under(Firmware::Uefi)), (bios, uefi));
        }
        assert_eq!(Prompt::from_description(&[(lists::PROMPT, "sometimes".to_owned())]), None);
        assert_eq!(Prompt::from_description::<&str>(&[]), None);
    }
}
