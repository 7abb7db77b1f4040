//! INF files: class, architectures and catalogs of a driver.
//!
//! Follows "INF Version Section", "INF Manufacturer Section" and "INF Strings Section" of
//! Microsoft's driver documentation. Not supported: the devices that a driver serves, the files
//! that it copies, and sections in other files (`LayoutFile`, `Include`).

mod sections;

use std::collections::BTreeSet;

use crate::format::wim::Architecture;
use crate::format::windows::DriverClass;
use crate::limits::MAX_INF_CATALOGS;

pub use sections::decode_text;

use sections::Sections;

/// Description of a driver in its INF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inf {
    /// Class of devices.
    pub class: DriverClass,
    /// Name of the class, such as `Net`; empty if there is none.
    pub class_name: String,
    /// Name of the vendor (`Provider`); empty if there is none.
    pub provider: String,
    /// Version of the driver (`DriverVer`), such as `12.19.2.45`.
    pub version: Option<String>,
    /// Architectures with models. Models without one are for x86, as in Windows.
    pub architectures: BTreeSet<Architecture>,
    /// Signed catalogs with their architecture. Those for all (`None`) are in the order in which
    /// Windows prefers them.
    pub catalogs: Vec<(Option<Architecture>, String)>,
}

impl Inf {
    /// Parses an INF file.
    ///
    /// # Errors
    ///
    /// If it has no `Signature`, or too many catalogs.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let sections = Sections::parse(&decode_text(bytes));
        let first = |line: &sections::InfLine| sections.expand(line.fields.first().map_or("", String::as_str));
        let value = |key: &str| {
            let mut version = sections.lines("version");
            version.find(|line| sections.expand(&line.key).eq_ignore_ascii_case(key)).map(first)
        };
        if value("signature").is_none() {
            return Err("it has no `Signature` in its section `[Version]`");
        }
        let class_name = value("class").unwrap_or_default();
        let provider = value("provider").unwrap_or_default();
        // `DriverVer = 07/01/2025,12.19.2.45`: the date comes first.
        let mut lines = sections.lines("version");
        let driver_ver = lines.find(|line| sections.expand(&line.key).eq_ignore_ascii_case("driverver"));
        let version = driver_ver.and_then(|line| line.fields.get(1)).map(|field| sections.expand(field));
        let version = version.map(|version| version.trim().to_owned()).filter(|version| !version.is_empty());
        let class = match value("classguid") {
            Some(guid) => DriverClass::from_guid(&guid),
            None => match class_name.to_ascii_lowercase().as_str() {
                "net" => DriverClass::Network,
                "scsiadapter" | "hdc" => DriverClass::Storage,
                _ => DriverClass::Other,
            },
        };
        let mut architectures = BTreeSet::new();
        for line in sections.lines("manufacturer") {
            // `%Maker% = Models, NTamd64.10.0...16299, NTarm64`.
            let decorations = line.fields.iter().skip(1).map(|field| sections.expand(field));
            let mut decorations = decorations.filter(|decoration| !decoration.is_empty()).peekable();
            if decorations.peek().is_none() {
                architectures.insert(Architecture::X86);
            }
            architectures.extend(decorations.filter_map(|decoration| parse_decoration(&decoration)));
        }
        let mut catalogs = Vec::new();
        for line in sections.lines("version") {
            if catalogs.len() == MAX_INF_CATALOGS {
                return Err("it names more catalogs than there are architectures");
            }
            let key = sections.expand(&line.key).to_ascii_lowercase();
            let Some(decoration) = key.strip_prefix("catalogfile") else { continue };
            // `CatalogFile.NT` takes precedence over a plain `CatalogFile`.
            let (rank, of) =
                match decoration.strip_prefix('.').map(|decoration| (decoration, parse_decoration(decoration))) {
                    Some(("nt", _)) => (1, None),
                    Some((_, Some(architecture))) => (0, Some(architecture)),
                    None if decoration.is_empty() => (2, None),
                    _ => continue,
                };
            catalogs.push((rank, of, first(line)));
        }
        catalogs.sort_by_key(|(rank, ..)| *rank);
        let catalogs = catalogs.into_iter().map(|(_, of, file)| (of, file)).collect();
        Ok(Self { class, class_name, provider, version, architectures, catalogs })
    }

    /// Catalog that signs the driver for an architecture.
    pub fn catalog(&self, architecture: Architecture) -> Option<&str> {
        let of = |wanted| self.catalogs.iter().find(move |(of, _)| *of == wanted).map(|(_, file)| file.as_str());
        of(Some(architecture)).or_else(|| of(None))
    }
}

/// Architecture of a decoration such as `NTamd64.10.0`, where plain `NT` means x86; `None` for
/// Itanium and unknown ones.
fn parse_decoration(decoration: &str) -> Option<Architecture> {
    let first = decoration.split('.').next().unwrap_or_default().trim().to_ascii_lowercase();
    match first.as_str() {
        "nt" | "ntx86" => Some(Architecture::X86),
        "ntamd64" => Some(Architecture::X64),
        "ntarm64" => Some(Architecture::Arm64),
        "ntarm" => Some(Architecture::Arm),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: &str = "; a driver\r\n[Version]\r\nSignature = \"$WINDOWS NT$\" ; always so\r\nClass=Net\r\n\
        ClassGuid = %NetGuid%\r\nProvider = %Intel%\r\nDriverVer = 07/01/2025, 12.19.2.45\r\nCatalogFile.NTamd64 = e1.cat\r\nCatalogFile = \"other;.cat\"\r\n\
        [manufacturer]\r\n%Intel% = Intel, NTamd64.10.0...16299, NTarm64\r\n\
        [Strings]\r\nIntel = \"Intel; with = and ;\"\r\nnetguid = \"{4D36E972-E325-11CE-BFC1-08002BE10318}\"\r\n";

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn class_processors_and_catalogs_are_read_in_every_encoding() {
        let expected = Inf {
            class: DriverClass::Network,
            class_name: "Net".into(),
            provider: "Intel; with = and ;".into(),
            version: Some("12.19.2.45".into()),
            architectures: [Architecture::X64, Architecture::Arm64].into(),
            catalogs: vec![(Some(Architecture::X64), "e1.cat".into()), (None, "other;.cat".into())],
        };
        let ansi = NETWORK.replace("a driver", "\u{e4}").chars().map(|c| c as u8).collect();
        let marked = format!("\u{feff}{NETWORK}").into_bytes();
        for bytes in [ansi, marked, utf16(NETWORK, u16::to_le_bytes), utf16(NETWORK, u16::to_be_bytes)] {
            assert_eq!(Inf::parse(&bytes), Ok(expected.clone()));
        }
        assert_eq!(expected.catalog(Architecture::X64), Some("e1.cat"));
        assert_eq!(expected.catalog(Architecture::Arm64), Some("other;.cat"));
    }

    #[test]
    fn catalogs_are_found_by_tokens_within_their_names_and_by_the_most_special_decoration() {
        let inf = Inf::parse(
            b"[version]\nSIGNATURE=\"$Windows NT$\"\nCLASS=%c%\ncatalogfile=%n%-9x.cat\nCatalogFile.NT=%n%-nt.cat\n\
              catalogfile.ntAMD64 = \"%n%-64.cat\"\nCatalogFile.NTia64=itanium.cat\n[Manufacturer]\n\
              %mfg% = Models, \\\n  NTamd64, NTx86\n[strings]\nC = Net\nN=nic\n",
        )
        .unwrap();
        assert_eq!((inf.class, inf.class_name.as_str()), (DriverClass::Network, "Net"));
        assert_eq!(inf.architectures, [Architecture::X86, Architecture::X64].into());
        assert_eq!(inf.catalog(Architecture::X64), Some("nic-64.cat"));
        assert_eq!(inf.catalog(Architecture::Arm64), Some("nic-nt.cat"));
        assert_eq!(inf.catalogs.len(), 3);
    }

    #[test]
    fn models_without_processors_are_for_x86() {
        let of = |manufacturer: &str| {
            let text = format!("[version]\nsignature=x\nclass=SCSIAdapter\n[Manufacturer]\n{manufacturer}\n");
            Vec::from_iter(Inf::parse(text.as_bytes()).unwrap().architectures)
        };
        assert_eq!(of("%A%=A"), [Architecture::X86]);
        assert_eq!(of("%A%=A,NT,NTia64"), [Architecture::X86]);
        assert_eq!(of("%A%=A,NTamd64\n%B%=B"), [Architecture::X86, Architecture::X64]);
        assert_eq!(of("%A%=A, ntARM.6.2 , NTARM64.10.0"), [Architecture::Arm, Architecture::Arm64]);
        assert_eq!(of(""), []);
    }

    #[test]
    fn what_is_no_inf_file_is_refused() {
        for bytes in
            [&b""[..], b"[Version]\nClass=Net\n", b"Signature=x\n", b"[Strings]\nSignature=x\n", &[0xFF, 0xFE, 0x5B]]
        {
            assert!(Inf::parse(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(Inf::parse(b"[Version]\nSignature=x\nClass=hdc\n").unwrap().class, DriverClass::Storage);
        let class = Inf::parse(b"[Version]\nSignature=\"$CHICAGO$\"\nCatalogFilesOfMine=x\n").unwrap();
        assert_eq!((class.class, class.class_name.as_str(), class.catalogs.len()), (DriverClass::Other, "", 0));
    }
}
