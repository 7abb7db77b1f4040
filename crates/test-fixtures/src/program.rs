//! PE files: the smallest that signing tools accept.

/// Program to build.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Machine type: 0x8664 for x64, 0xAA64 for ARM64, 0x014C for x86.
    pub machine: u16,
    /// Subsystem: 10 for EFI applications.
    pub subsystem: u16,
    /// Byte that fills the code, to distinguish programs.
    pub filler: u8,
    /// Version in the version resource.
    pub version: Option<[u16; 4]>,
    /// Secure Version Number of a boot manager.
    pub svn: Option<(u16, u16)>,
}

impl Program {
    /// EFI application for x64.
    pub const X64: Self = Self { machine: 0x8664, subsystem: 10, filler: 0xCC, version: None, svn: None };

    /// Returns the bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let is_32 = self.machine == 0x014C;
        let resources = self.resources(0x2000);
        let text = [self.filler; 0x200];
        let mut file = vec![0; 0x40];
        file[..2].copy_from_slice(b"MZ");
        file[0x3C] = 0x40;
        file.extend(b"PE\0\0");
        let directories_at: u16 = if is_32 { 96 } else { 112 };
        // COFF header: machine, sections, no time and no symbols, length of the optional header, executable image.
        file.extend(self.machine.to_le_bytes());
        file.extend([2, 0]);
        file.extend([0; 12]);
        file.extend((directories_at + 16 * 8).to_le_bytes());
        file.extend(if is_32 { [0x02, 0x01] } else { [0x22, 0x00] });
        let optional = file.len();
        file.extend(vec![0; usize::from(directories_at) + 16 * 8]);
        let mut put = |at: usize, bytes: &[u8]| file[optional + at..optional + at + bytes.len()].copy_from_slice(bytes);
        put(0, if is_32 { &[0x0B, 0x01] } else { &[0x0B, 0x02] });
        put(4, &0x200_u32.to_le_bytes());
        put(8, &(resources.len() as u32).to_le_bytes());
        put(16, &0x1000_u32.to_le_bytes());
        put(20, &0x1000_u32.to_le_bytes());
        put(32, &0x1000_u32.to_le_bytes());
        put(36, &0x200_u32.to_le_bytes());
        put(56, &0x3000_u32.to_le_bytes());
        put(60, &0x200_u32.to_le_bytes());
        put(68, &self.subsystem.to_le_bytes());
        let directories = usize::from(directories_at);
        put(directories - 4, &16_u32.to_le_bytes());
        put(directories + 16, &0x2000_u32.to_le_bytes());
        put(directories + 20, &(resources.len() as u32).to_le_bytes());
        let mut section = |name: &[u8; 8], len: u32, address: u32, raw_len: u32, raw: u32, flags: u32| {
            file.extend(name);
            for word in [len, address, raw_len, raw, 0, 0, 0, flags] {
                file.extend(word.to_le_bytes());
            }
        };
        let resources_len = resources.len().next_multiple_of(0x200);
        section(b".text\0\0\0", 0x200, 0x1000, 0x200, 0x200, 0x6000_0020);
        section(b".rsrc\0\0\0", resources.len() as u32, 0x2000, resources_len as u32, 0x400, 0x4000_0040);
        file.resize(0x200, 0);
        file.extend(text);
        file.extend(&resources);
        file.resize(0x400 + resources_len, 0);
        file
    }

    /// Builds the resource section at an address: types, names, languages, texts, then data.
    fn resources(&self, address: u32) -> Vec<u8> {
        let mut all: Vec<(u16, Option<&str>, Vec<u8>)> = Vec::new();
        if let Some((major, minor)) = self.svn {
            let number = u32::from(major) << 16 | u32::from(minor);
            all.push((10, Some("BOOTMGRSECURITYVERSIONNUMBER"), number.to_le_bytes().to_vec()));
        }
        if let Some(version) = self.version {
            all.push((16, None, version_resource(version)));
        }
        let n = all.len();
        let names_at = 16 + 8 * n;
        let languages_at = names_at + 24 * n;
        let data_at = languages_at + 24 * n;
        let mut tail_at = data_at + 16 * n;
        let (mut types, mut names, mut languages) = (directory(0, n), Vec::new(), Vec::new());
        let (mut data, mut tail) = (Vec::new(), Vec::new());
        const HIGH: u32 = 1 << 31;
        let entry = |to: &mut Vec<u8>, name: u32, leads: u32| {
            to.extend(name.to_le_bytes());
            to.extend(leads.to_le_bytes());
        };
        for (at, (kind, name, bytes)) in all.into_iter().enumerate() {
            entry(&mut types, u32::from(kind), HIGH | (names_at + 24 * at) as u32);
            let called = match name {
                Some(name) => {
                    let at = tail_at;
                    tail.extend((name.len() as u16).to_le_bytes());
                    tail.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
                    tail.resize(tail.len().next_multiple_of(4), 0);
                    tail_at = data_at + 16 * n + tail.len();
                    HIGH | at as u32
                }
                None => 1,
            };
            names.extend(directory(usize::from(name.is_some()), usize::from(name.is_none())));
            entry(&mut names, called, HIGH | (languages_at + 24 * at) as u32);
            languages.extend(directory(0, 1));
            entry(&mut languages, 1033, (data_at + 16 * at) as u32);
            for word in [address + tail_at as u32, bytes.len() as u32, 0, 0] {
                data.extend(word.to_le_bytes());
            }
            tail.extend(bytes);
            tail.resize(tail.len().next_multiple_of(4), 0);
            tail_at = data_at + 16 * n + tail.len();
        }
        [types, names, languages, data, tail].concat()
    }
}

fn directory(n_named: usize, n_numbered: usize) -> Vec<u8> {
    let mut bytes = vec![0; 12];
    bytes.extend((n_named as u16).to_le_bytes());
    bytes.extend((n_numbered as u16).to_le_bytes());
    bytes
}

fn version_resource([major, minor, build, revision]: [u16; 4]) -> Vec<u8> {
    let mut bytes = vec![0; 6];
    bytes.extend("VS_VERSION_INFO\0".encode_utf16().flat_map(u16::to_le_bytes));
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(0xFEEF_04BD_u32.to_le_bytes());
    bytes.extend(0x0001_0000_u32.to_le_bytes());
    for number in [minor, major, revision, build, minor, major, revision, build] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([0; 28]);
    let len = bytes.len() as u16;
    bytes[..2].copy_from_slice(&len.to_le_bytes());
    bytes[2..4].copy_from_slice(&52_u16.to_le_bytes());
    bytes
}
