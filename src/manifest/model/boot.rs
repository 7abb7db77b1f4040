//! Start of a medium: boot image, boot files and firmware.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::super::content_path;
use super::always;
use crate::firmware::Firmware;

/// Boot image, boot files and firmware of the medium.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BootTable {
    /// Boot image, placed as `sources\boot.wim`.
    pub image: WimImage,
    /// Package ID of the boot image at the site. Bootable and prestaged media only.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^[A-Z0-9]{3}[0-9A-F]{5}$"),
        extend("patternErrorMessage" = "a package ID is a site code and five hexadecimal digits, in capitals"),
        example = &"BER00005"
    )]
    pub package: Option<String>,
    /// Firmware to start from. Defaults to `uefi` and `bios`, or to `uefi` alone on arm64 and for USB sticks.
    #[serde(default)]
    #[schemars(length(min = 1), example = ["uefi"])]
    pub firmware: Option<Vec<Firmware>>,
    /// Source of the boot manager, boot stores and boot sector: `boot-image` for the boot image itself, or a folder
    /// such as the `Media` folder of the Windows ADK, an extracted Windows ISO, or the root of an ISO file
    /// (`Win11.iso!`).
    #[serde(default = "default_boot_files", deserialize_with = "content_path::deserialize")]
    #[schemars(with = "content_path::ContentPath", extend("default" = BOOT_IMAGE), example = &"boot-image")]
    pub files: String,
    /// Source of the boot stores (BCD). By default, those of the boot files are used, and new ones are written if there
    /// are none.
    #[serde(default)]
    #[schemars(example = &"built")]
    pub store: Option<BootStore>,
    /// Certificate authority of Microsoft that signed the boot programs to use.
    #[serde(default)]
    #[schemars(extend("default" = "2011"))]
    pub secure_boot_ca: SecureBootCa,
    /// Revocations known to the firmware of the computers. A boot program that the firmware would refuse is an error.
    #[serde(default)]
    pub revocations: Option<RevocationsTable>,
    /// Wait for a key press before starting from the disc. Defaults to `false` for unattended media, and to `true` for
    /// others.
    #[serde(default)]
    #[schemars(example = &false)]
    pub prompt: Option<bool>,
    /// Files and folders to add to the boot image.
    #[serde(default)]
    pub file: Vec<BootFile>,
    /// Background image of Windows PE, as a JPEG file. It is added to the boot image as `Windows\System32\winpe.jpg`.
    #[serde(default, deserialize_with = "content_path::deserialize_optional")]
    #[schemars(with = "Option<content_path::ContentPath>", example = &"winpe/background.jpg")]
    pub background: Option<String>,
    /// Scratch space of Windows PE in MiB: the part of the memory that holds what is written to `X:`. By default, the
    /// boot image decides: 512 MiB on computers with more than 1 GiB of memory since Windows PE 5, and 32 MiB on others.
    #[serde(default)]
    #[schemars(example = 512)]
    pub scratch_space: Option<ScratchSpace>,
    /// Folders with network and storage drivers to add to the boot image. They are loaded after Windows PE starts and
    /// before its network does, but are not in its driver store. Those of profiles are added too.
    #[serde(default)]
    #[schemars(example = ["drivers/net"])]
    pub drivers: Vec<String>,
}

/// Scratch space of Windows PE in MiB: 32, 64, 128, 256 or 512, the sizes that `dism /Set-ScratchSpace` offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct ScratchSpace(u32);

impl ScratchSpace {
    const SIZES: [u32; 5] = [32, 64, 128, 256, 512];

    /// Returns the size in MiB.
    pub fn mebibytes(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for ScratchSpace {
    type Error = String;

    fn try_from(size: u32) -> Result<Self, String> {
        match Self::SIZES.contains(&size) {
            true => Ok(Self(size)),
            false => Err(format!("Windows PE has no scratch space of {size} MiB")),
        }
    }
}

impl JsonSchema for ScratchSpace {
    fn schema_name() -> Cow<'static, str> {
        "ScratchSpace".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let sizes = Self::SIZES
            .map(|size| json_schema!({ "type": "integer", "const": size, "description": format!("{size} MiB") }));
        json_schema!({ "oneOf": sizes })
    }
}

/// File or folder (with all its contents) to add to the boot image.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BootFile {
    /// File or folder to add.
    #[serde(deserialize_with = "content_path::deserialize")]
    #[schemars(with = "content_path::ContentPath", example = &"winpe/startnet.cmd")]
    pub source: String,
    /// Path in the boot image, from its root. A file that already has this path is replaced. For a folder, `.` is the
    /// root itself.
    #[schemars(length(min = 1), example = &"Windows/System32/startnet.cmd")]
    pub path: String,
    /// Patterns of files to leave out of the folder, as in `.gitignore`. They follow those of `media.exclude`.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), example = ["*.pdb", "/docs/"])]
    pub exclude: Vec<String>,
    /// Condition for the entry to be in the boot image, such as `{{ site.code == 'BER' }}`.
    #[serde(default = "always")]
    #[schemars(extend("default" = true), example = &"{{ site.code == 'BER' }}")]
    pub when: bool,
}

/// Path of the boot image on a medium, as used by boot stores.
pub const BOOT_IMAGE_PATH: &str = "sources/boot.wim";

/// Value of `boot.files` for the boot image itself.
pub const BOOT_IMAGE: &str = "boot-image";

fn default_boot_files() -> String {
    BOOT_IMAGE.into()
}

/// Image in a WIM file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WimImage {
    /// WIM file that contains the image.
    #[serde(deserialize_with = "content_path::deserialize")]
    #[schemars(with = "content_path::ContentPath", example = &"images/boot.wim")]
    pub file: String,
    /// Number of the image in the WIM file, starting at 1. Required if the file has several images.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535), example = 1)]
    pub index: Option<u32>,
}

/// Source of the boot stores (BCD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BootStore {
    /// Use the boot stores of the boot files, unchanged.
    Files,
    /// Write new boot stores, which only start the boot image as a RAM disk. Tested with boot managers of Windows 10
    /// and 11 on x64.
    Built,
}

/// Certificate authority of Microsoft that signed the boot programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum SecureBootCa {
    /// Windows Production PCA 2011. Starts on firmware that was never updated.
    #[default]
    #[serde(rename = "2011")]
    Ca2011,
    /// Windows UEFI CA 2023. Required on firmware that has revoked the authority of 2011.
    #[serde(rename = "2023")]
    Ca2023,
}

/// Revocations known to the firmware of the computers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RevocationsTable {
    /// Revocation list of Secure Boot: `DBXUpdate.bin` from Microsoft's `secureboot_objects`, or the variable `dbx` of
    /// a computer. Its digests of programs, certificates and Secure Version Numbers are checked.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"firmware/DBXUpdate.bin")]
    pub dbx: Option<String>,
    /// Lowest Secure Version Number of the Windows boot manager that the firmware accepts. A higher number in `dbx`
    /// takes precedence.
    #[serde(default)]
    #[schemars(
        regex(pattern = r"^[0-9]{1,5}(\.[0-9]{1,5})?$"),
        extend("patternErrorMessage" = "a Secure Version Number is one number or two, as in `9.0`"),
        example = &"9.0"
    )]
    pub svn: Option<String>,
}
