//! How a medium starts.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::content_path;
use super::always;
use crate::firmware::Firmware;

/// How the medium starts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BootTable {
    /// The boot image, placed as `sources\boot.wim`.
    pub image: WimImage,
    /// The package ID of the boot image at the site. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a package ID is a site code and five hexadecimal digits, in capitals"),
        example = &"BER00005"
    )]
    pub package: Option<String>,
    /// The firmware that the medium starts from; `uefi` and `bios` unless said, only `uefi` on arm64 and for a stick.
    #[serde(default)]
    #[schemars(length(min = 1), example = ["uefi"])]
    pub firmware: Option<Vec<Firmware>>,
    /// Where boot manager, boot store and boot sector come from: `boot-image` takes them out of the boot image;
    /// anything else is a folder, such as the `Media` folder of the Windows ADK, an extracted Windows ISO, or the root of
    /// one that is not (`Win11.iso!`).
    #[serde(default = "default_boot_files", deserialize_with = "content_path::one")]
    #[schemars(with = "content_path::Written", extend("default" = BOOT_IMAGE), example = &"boot-image")]
    pub files: String,
    /// Where the boot stores (BCD) come from. Unless said, those of the boot files are taken, and where they bring none,
    /// one is written.
    #[serde(default)]
    #[schemars(example = &"built")]
    pub store: Option<BootStore>,
    /// The Microsoft certificate authority that signed the boot programs to be used.
    #[serde(default)]
    #[schemars(extend("default" = "2011"))]
    pub secure_boot_ca: SecureBootCa,
    /// What the firmware of the computers has revoked: boot programs that it refuses are errors.
    #[serde(default)]
    pub revocations: Option<RevocationsTable>,
    /// Wait for a key before starting from the disc. Unless set, discs of unattended media do not wait, and others do.
    #[serde(default)]
    #[schemars(example = &false)]
    pub prompt: Option<bool>,
    /// Files and folders that are put into the boot image.
    #[serde(default)]
    pub file: Vec<BootFile>,
    /// Background image of Windows PE, as JPEG: put into the boot image as `Windows\System32\winpe.jpg`.
    #[serde(default, deserialize_with = "content_path::optional")]
    #[schemars(with = "Option<content_path::Written>", example = &"winpe/background.jpg")]
    pub background: Option<String>,
    /// Folders with drivers for network and storage. They are put into the boot image, and loaded when Windows PE has
    /// started: before its network is, but not from its driver store.
    #[serde(default)]
    #[schemars(example = ["drivers/net"])]
    pub drivers: Vec<String>,
}

/// A file, or a folder with everything in it, that is put into the boot image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BootFile {
    /// The file or folder.
    #[serde(deserialize_with = "content_path::one")]
    #[schemars(with = "content_path::Written", example = &"winpe/startnet.cmd")]
    pub source: String,
    /// Where it goes in the boot image, from its root. It replaces a file of that name. For a folder, `.` is the root
    /// itself.
    #[schemars(length(min = 1), example = &"Windows/System32/startnet.cmd")]
    pub path: String,
    /// Whether it is in the boot image: a condition such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// The path of the boot image on a medium, where boot stores look for it.
pub const BOOT_IMAGE_PATH: &str = "sources/boot.wim";

/// The value of `boot.files` that stands for the boot image itself.
pub const BOOT_IMAGE: &str = "boot-image";

fn default_boot_files() -> String {
    BOOT_IMAGE.into()
}

/// An image within a WIM file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WimImage {
    /// The WIM file.
    #[serde(deserialize_with = "content_path::one")]
    #[schemars(with = "content_path::Written", example = &"images/boot.wim")]
    pub file: String,
    /// Which image in it, counted from 1. Needed when it holds several.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535), example = 1)]
    pub index: Option<u32>,
}

/// Where boot stores come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BootStore {
    /// The boot files bring them, and they are not altered.
    Files,
    /// tsmedia writes them: they start the boot image as a RAM disk, and nothing else. Tried with boot managers of
    /// Windows 10 and 11 on x64.
    Built,
}

/// The Microsoft certificate authority that signed boot programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum SecureBootCa {
    /// Windows Production PCA 2011: starts on firmware that was never updated.
    #[default]
    #[serde(rename = "2011")]
    Ca2011,
    /// Windows UEFI CA 2023: needed where firmware has revoked the older one.
    #[serde(rename = "2023")]
    Ca2023,
}

/// What firmware has revoked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RevocationsTable {
    /// A revocation list of Secure Boot: `DBXUpdate.bin` of Microsoft's `secureboot_objects`, or the variable `dbx` of a
    /// computer. Digests of programs, certificates and Secure Version Numbers in it count.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"firmware/DBXUpdate.bin")]
    pub dbx: Option<String>,
    /// The lowest Secure Version Number of the Windows boot manager that goes on, where no list says a higher one.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^[0-9]{1,5}(\.[0-9]{1,5})?$"),
        extend("patternErrorMessage" = "a Secure Version Number is one number or two, as in `9.0`"),
        example = &"9.0"
    )]
    pub svn: Option<String>,
}
