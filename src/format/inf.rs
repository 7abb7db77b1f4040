//! INF files: what a driver is for and which processors it is for.
//!
//! Follows "INF Version Section", "INF Manufacturer Section" and "INF Strings Section" of Microsoft's driver
//! documentation, in UTF-16 (either order, with a mark), UTF-8 with a mark, and ANSI, of which nothing but ASCII is
//! looked at. Not supported: which devices a driver serves, what it copies, and sections from other files
//! (`LayoutFile`, `Include`).

use std::collections::BTreeSet;

use crate::format::wim::Architecture;
use crate::format::windows::DriverClass;

/// What an INF file says of its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inf {
    /// What it is for.
    pub class: DriverClass,
    /// The name of that class as it is written, such as `Net`; empty if there is none.
    pub class_name: String,
    /// The processors that it has models for. Models without any are for x86, as Windows has them.
    pub architectures: BTreeSet<Architecture>,
    /// The catalogs that sign it, each with the processors it is for if it says so.
    pub catalogs: Vec<(Option<Architecture>, String)>,
}

impl Inf {
    /// Reads an INF file, or says why it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let text = text(bytes);
        let sections = sections(&text);
        let version = section(&sections, "version");
        let value =
            |key: &str| version.clone().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
        if value("signature").is_none() {
            return Err("it has no `Signature` in a section `[Version]`");
        }
        let string = |written: &str| {
            let token = written.strip_prefix('%').and_then(|token| token.strip_suffix('%'));
            let found = token.and_then(|token| {
                section(&sections, "strings").find(|(name, _)| name.eq_ignore_ascii_case(token)).map(|(_, value)| value)
            });
            unquoted(found.unwrap_or(written)).to_owned()
        };
        let class_name = value("class").map(string).unwrap_or_default();
        let class = match value("classguid") {
            Some(guid) => DriverClass::from_guid(&string(guid)),
            None => match class_name.to_ascii_lowercase().as_str() {
                "net" => DriverClass::Network,
                "scsiadapter" | "hdc" => DriverClass::Storage,
                _ => DriverClass::Other,
            },
        };
        let mut architectures = BTreeSet::new();
        for (_, models) in section(&sections, "manufacturer") {
            // `%Maker% = Models, NTamd64.10.0...16299, NTarm64`.
            let mut decorations = models.split(',').map(str::trim).skip(1).filter(|text| !text.is_empty()).peekable();
            if decorations.peek().is_none() {
                architectures.insert(Architecture::X86);
            }
            architectures.extend(decorations.filter_map(decorated));
        }
        let catalogs = version.clone().filter_map(|(name, file)| {
            let rest = name.get(.."catalogfile".len()).filter(|start| start.eq_ignore_ascii_case("catalogfile"));
            let rest = &name[rest?.len()..];
            let of = rest.strip_prefix('.').and_then(decorated);
            (rest.is_empty() || rest.starts_with('.')).then(|| (of, string(file)))
        });
        let catalogs = catalogs.collect();
        Ok(Self { class, class_name, architectures, catalogs })
    }

    /// The catalog that signs it for these processors.
    pub fn catalog(&self, architecture: Architecture) -> Option<&str> {
        let of = |wanted| self.catalogs.iter().find(move |(of, _)| *of == wanted).map(|(_, file)| file.as_str());
        of(Some(architecture)).or_else(|| of(None))
    }
}

/// The processors of a decoration such as `NTamd64.10.0`; `NT` alone is for x86. Itanium and others are none of ours.
fn decorated(decoration: &str) -> Option<Architecture> {
    let first = decoration.split('.').next().unwrap_or_default().trim().to_ascii_lowercase();
    match first.as_str() {
        "nt" | "ntx86" => Some(Architecture::X86),
        "ntamd64" => Some(Architecture::X64),
        "ntarm64" => Some(Architecture::Arm64),
        "ntarm" => Some(Architecture::Arm),
        _ => None,
    }
}

/// The text of an INF or INI file. Bytes of a code page are taken for Latin-1, which keeps ASCII what it is.
pub fn text(bytes: &[u8]) -> String {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<_> = bytes.as_chunks().0.iter().map(|two| unit(*two)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => units(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The lines of each section as name and value. A line without `=` is a value that has no name.
type Sections<'a> = Vec<(&'a str, Vec<(&'a str, &'a str)>)>;

fn sections(text: &str) -> Sections<'_> {
    let mut sections: Sections = Vec::new();
    for line in text.lines() {
        let line = without_comment(line).trim();
        if let Some(name) = line.strip_prefix('[') {
            let name = name.split(']').next().unwrap_or_default().trim();
            sections.push((name, Vec::new()));
        } else if let Some((_, lines)) = sections.last_mut().filter(|_| !line.is_empty()) {
            let (name, value) = line.split_once('=').unwrap_or(("", line));
            lines.push((unquoted(name.trim()), value.trim()));
        }
    }
    sections
}

/// The lines of all sections of a name: Windows takes them for one.
fn section<'a>(sections: &'a Sections<'a>, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
    let named = sections.iter().filter(move |(of, _)| of.eq_ignore_ascii_case(name));
    named.flat_map(|(_, lines)| lines.iter().copied())
}

/// A line up to a semicolon that is not between quotes.
fn without_comment(line: &str) -> &str {
    let mut is_quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: &str = "; a driver\r\n[Version]\r\nSignature = \"$WINDOWS NT$\" ; always so\r\nClass=Net\r\n\
        ClassGuid = %NetGuid%\r\nCatalogFile.NTamd64 = e1.cat\r\nCatalogFile = \"other;.cat\"\r\n\
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
