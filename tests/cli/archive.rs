//! ZIP archives as the console writes them, made for tests.

/// An archive of files that are stored as they are (PKWARE's APPNOTE 4.3.6).
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = u32::MAX;
        for byte in *content {
            crc ^= u32::from(*byte);
            (0..8).for_each(|_| crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 });
        }
        let len = u32::try_from(content.len()).unwrap();
        let mut both = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        [!crc, len, len].iter().for_each(|number| both.extend(number.to_le_bytes()));
        both.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        both.extend([0, 0]);
        let offset = u32::try_from(archive.len()).unwrap();
        archive.extend([&b"PK\x03\x04"[..], &both, name.as_bytes(), content].concat());
        directory.extend([&b"PK\x01\x02\x14\0"[..], &both, &[0; 10], &offset.to_le_bytes(), name.as_bytes()].concat());
    }
    let offset = u32::try_from(archive.len()).unwrap();
    let n_files = u16::try_from(files.len()).unwrap().to_le_bytes();
    let len = u32::try_from(directory.len()).unwrap().to_le_bytes();
    archive.extend(directory);
    archive.extend([&b"PK\x05\x06\0\0\0\0"[..], &n_files, &n_files, &len, &offset.to_le_bytes(), &[0; 2]].concat());
    archive
}
