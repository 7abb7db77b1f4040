use std::fs;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::date::Date;

/// Names and data of every kind, and more keys than fit into one list.
fn example() -> KeyTree {
    let mut many = KeyTree::new("Many");
    many.keys = (0..1_203).map(|n| KeyTree::new(format!("key {n:05}"))).collect();
    KeyTree::new("Root")
        .with_value("", ValueData::from_text("the default"))
        .with_key(
            KeyTree::new("Datos")
                .with_value("año", ValueData::from_text("größer als ein Wort 日本"))
                .with_value("日本", ValueData::from_texts(["one", "zwei"]))
                .with_value("number", ValueData::from_u32(0xDEAD_BEEF))
                .with_value("short", ValueData::from_bytes([1, 2, 3]))
                .with_value("none", ValueData { kind: ValueType(0), bytes: Cow::Borrowed(&[]) })
                .with_value("odd", ValueData { kind: ValueType(0xFFFF_1234), bytes: vec![7; 5].into() })
                .with_value("large", ValueData::from_bytes((0..70_000_u32).map(|n| n as u8).collect::<Vec<_>>())),
        )
        .with_key(many)
        .with_key(KeyTree::new("ключ").with_key(KeyTree::new("inner").with_value("x", ValueData::from_u32(1))))
}

fn date() -> Date {
    Date::from_unix(1_767_225_600).unwrap()
}

fn patched(mut bytes: Vec<u8>, minor: u8) -> Vec<u8> {
    bytes[24] = minor;
    let sum = checksum(bytes.first_chunk().unwrap());
    bytes[508..512].copy_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn a_tree_is_read_back_and_found_by_path() {
    let bytes = example().to_hive(date()).unwrap();
    assert_eq!(bytes, example().to_hive(date()).unwrap());
    let hive = Hive::read(&bytes).unwrap();
    assert!(!hive.is_dirty());
    assert_eq!(hive.root().unwrap().tree().unwrap(), example());
    let key = hive.key(r"DATOS").unwrap().unwrap();
    assert_eq!(key.value("AÑO").unwrap().unwrap().text().unwrap(), "größer als ein Wort 日本");
    assert_eq!(key.value("日本").unwrap().unwrap().texts().unwrap(), ["one", "zwei"]);
    assert_eq!(key.value("Number").unwrap().unwrap().number(), Some(0xDEAD_BEEF));
    assert_eq!(key.value("nothing").unwrap(), None);
    assert_eq!(key.changed() / 10_000_000 - 11_644_473_600, 1_767_225_600);
    assert_eq!(hive.key(r"Ключ\Inner").unwrap().unwrap().value("x").unwrap().unwrap().number(), Some(1));
    assert_eq!(hive.key(r"many\KEY 01202").unwrap().unwrap().name(), "key 01202");
    assert!(hive.key(r"many\key 01203").unwrap().is_none());
}

#[test]
fn texts_that_are_not_utf_16_stay_different() {
    let text = |kind, unit: u16| ValueData { kind, bytes: [0x61, unit, 0, 0].map(u16::to_le_bytes).concat().into() };
    assert_eq!(text(ValueType::TEXT, 0xd800).text().unwrap(), "a\\u{d800}");
    assert_eq!(text(ValueType::TEXT, 0xdfff).text().unwrap(), "a\\u{dfff}");
    assert_eq!(text(ValueType::TEXTS, 0xd800).texts().unwrap(), ["a\\u{d800}"]);
}

#[test]
fn names_that_the_registry_can_not_hold_are_refused() {
    let mut deep = KeyTree::new("deep");
    for _ in 0..512 {
        deep = KeyTree::new("deep").with_key(deep);
    }
    let twice = ValueData::from_u32(0);
    for (tree, message) in [
        (KeyTree::new(""), "`` is not a valid name of a registry key"),
        (KeyTree::new(r"a\b"), r"`a\b` is not a valid name of a registry key"),
        (KeyTree::new("x".repeat(256)), "is not a valid name of a registry key"),
        (KeyTree::new("a").with_key(KeyTree::new("ä")).with_key(KeyTree::new("Ä")), "contains the name `Ä` twice"),
        (KeyTree::new("a").with_value("v", twice.clone()).with_value("V", twice), "contains the name `V` twice"),
        (deep, "more than 512 levels"),
    ] {
        let error = tree.to_hive(date()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

/// Offset of a record in the file.
fn offset_of(hive: &[u8], record: &[u8]) -> usize {
    record.as_ptr() as usize - hive.as_ptr() as usize
}

#[test]
fn lists_of_every_kind_are_read() {
    let tree = KeyTree::new("r").with_key(KeyTree::new("a")).with_key(KeyTree::new("b")).with_key(KeyTree::new("c"));
    let bytes = tree.to_hive(date()).unwrap();
    let list = bytes.windows(4).position(|part| part == b"lf\x03\0").unwrap();
    let mut hashed = bytes.clone();
    hashed[list..list + 2].copy_from_slice(b"lh");
    assert_eq!(Hive::read(&hashed).unwrap().root().unwrap().tree().unwrap(), tree);
    let mut plain = bytes.clone();
    plain[list..list + 2].copy_from_slice(b"li");
    for n in 0..3 {
        let offset: [u8; 4] = bytes[list + 4 + n * 8..][..4].try_into().unwrap();
        plain[list + 4 + n * 4..][..4].copy_from_slice(&offset);
    }
    assert_eq!(Hive::read(&plain).unwrap().root().unwrap().tree().unwrap(), tree);
}

#[test]
fn data_in_segments_are_read() {
    let whole: Vec<u8> = (0..40_000_u32).map(|n| (n / 7) as u8).collect();
    let mut tree = KeyTree::new("r")
        .with_value("list", ValueData::from_bytes([0; 12]))
        .with_value("big", ValueData::from_bytes([0; 8]));
    for (n, part) in whole.chunks(16_344).enumerate() {
        tree = tree.with_value(format!("{n}"), ValueData::from_bytes(part));
    }
    let mut bytes = patched(tree.to_hive(date()).unwrap(), 5);
    let before = bytes.clone();
    let root = Hive::read(&before).unwrap().root().unwrap();
    let place = |name: &str| offset_of(&before, &root.value(name).unwrap().unwrap().bytes);
    let cell = |name: &str| ((place(name) - 4 - BLOCK_LEN) as u32).to_le_bytes();
    for n in 0..3 {
        bytes[place("list") + n * 4..][..4].copy_from_slice(&cell(&format!("{n}")));
    }
    bytes[place("big")..][..4].copy_from_slice(b"db\x03\0");
    bytes[place("big") + 4..][..4].copy_from_slice(&cell("list"));
    let record = before.windows(23).position(|part| part.starts_with(b"vk") && part.ends_with(b"big")).unwrap();
    bytes[record + 4..][..4].copy_from_slice(&40_000_u32.to_le_bytes());
    let root = Hive::read(&bytes).unwrap().root().unwrap();
    assert_eq!(root.value("big").unwrap().unwrap().bytes, whole);
    // One byte more than in the segments.
    bytes[record + 4..][..4].copy_from_slice(&(3 * 16_344_u32 + 1).to_le_bytes());
    assert!(Hive::read(&bytes).unwrap().root().unwrap().value("big").is_err());
}

#[test]
fn what_is_no_hive_is_told() {
    let good = KeyTree::new("r").to_hive(date()).unwrap();
    let mut dirty = good.clone();
    dirty[4] = 2;
    assert!(Hive::read(&patched(dirty, 3)).unwrap().is_dirty());
    let mut sum = good.clone();
    sum[508] ^= 1;
    for (bytes, message) in [
        (&b"MZ"[..], "this is not a registry hive: it does not begin with `regf`"),
        (&good[..4_000], "the registry hive is damaged: it ends within its base block"),
        (&good[..8_000], "the registry hive is damaged: it has 8000 bytes; 8192 were expected"),
        (&sum, "the checksum of its base block is"),
        (&patched(good.clone(), 1), "registry hives of version 1.1 are not supported"),
    ] {
        let error = Hive::read(bytes).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_key_in_itself_is_refused() {
    let mut bytes = KeyTree::new("r").with_key(KeyTree::new("a")).to_hive(date()).unwrap();
    let list = bytes.windows(4).position(|part| part == b"lf\x01\0").unwrap();
    bytes[list + 4..list + 8].copy_from_slice(&0x20_u32.to_le_bytes());
    let hive = Hive::read(&bytes).unwrap();
    assert!(hive.root().unwrap().tree().unwrap_err().to_string().contains("is in two places"));
}

/// Output of a tool for a hive, which must find no fault. `None` if the tool is not installed.
fn run(tool: &str, arguments: &[&str]) -> Option<String> {
    let Ok(ran) = Command::new(tool).args(arguments).output() else {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "`{tool}` is not installed");
        return None;
    };
    let output = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{tool} {arguments:?}: {output}");
    Some(output)
}

#[test]
fn other_readers_find_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hive");
    let hive = path.to_str().unwrap();
    fs::write(&path, example().to_hive(date()).unwrap()).unwrap();
    if let Some(xml) = run("hivexml", &[hive]) {
        assert_eq!(xml.matches("<node ").count(), 1_208);
        for part in
            ["name=\"ключ\"", "value=\"größer als ein Wort 日本\"", "<string>zwei</string>", "2026-01-01T00:00:00Z"]
        {
            assert!(xml.contains(part), "{part}: {}", &xml[..2_000]);
        }
    }
    if let Some(facts) = run("regfinfo", &[hive]) {
        assert!(facts.contains("1.3") && !facts.to_lowercase().contains("corrupt"), "{facts}");
    }
    if let Some(keys) = run("regfexport", &["-K", r"\Datos", hive]) {
        assert!(keys.contains("año") && keys.contains("REG_MULTI_SZ"), "{keys}");
    }
    // `reged` only reads ASCII names. Debian installs it in a folder that is only in the `PATH` of
    // root.
    let plain = KeyTree::new("Root")
        .with_value("number", ValueData::from_u32(0xDEAD_BEEF))
        .with_key(example().keys.swap_remove(1));
    fs::write(&path, plain.to_hive(date()).unwrap()).unwrap();
    let reged = if fs::exists("/usr/sbin/reged").unwrap() { "/usr/sbin/reged" } else { "reged" };
    let exported = folder.path().join("out.reg");
    if run(reged, &["-x", hive, "HKEY", r"\", exported.to_str().unwrap()]).is_some() {
        let text = fs::read_to_string(exported).unwrap();
        assert!(text.contains("\"number\"=dword:deadbeef") && text.contains(r"[HKEY\Many\key 01202]"), "{text}");
    }
}

fn data() -> impl Strategy<Value = ValueData<'static>> {
    let bytes = prop_oneof![4 => prop::collection::vec(any::<u8>(), 0..40), 1 => prop::collection::vec(any::<u8>(), 4_000..5_000)];
    (any::<u32>(), bytes).prop_map(|(kind, bytes)| ValueData { kind: ValueType(kind), bytes: bytes.into() })
}

/// Trees with sorted keys, since readers return them sorted.
fn trees() -> impl Strategy<Value = KeyTree> {
    let name = || "[a-zä0-9ж{}.日]{1,6}";
    let values = || prop::collection::btree_map("[a-zäж日]{0,6}", data(), 0..4);
    let leaf = (name(), values()).prop_map(|(name, values)| KeyTree {
        name,
        values: values.into_iter().collect(),
        keys: Vec::new(),
    });
    leaf.prop_recursive(4, 40, 6, move |inner| {
        (name(), values(), prop::collection::vec(inner, 0..6)).prop_map(|(name, values, mut keys)| {
            keys.sort_by_key(|key| key.name.encode_utf16().map(uppercase).collect::<Vec<_>>());
            keys.dedup_by(|a, b| a.name == b.name);
            KeyTree { name, values: values.into_iter().collect(), keys }
        })
    })
}

#[test]
fn a_number_is_changed_where_it_is_replaced_and_added() {
    let bytes = example().to_hive(date()).unwrap();
    let edited = |name| with_number(&bytes, "Datos", name, 512).unwrap().unwrap();
    let number = |bytes: &[u8], name: &str| {
        let hive = Hive::read(bytes).unwrap();
        hive.key("Datos").unwrap().unwrap().value(name).unwrap().unwrap().number()
    };

    let changed = edited("NUMBER");
    assert_eq!(number(&changed, "number"), Some(512));
    let n_different = changed.iter().zip(&bytes).filter(|(new, old)| new != old).count();
    assert_eq!((changed.len(), n_different), (bytes.len(), 4));

    let replaced = edited("short");
    assert_eq!(number(&replaced, "short"), Some(512));
    assert_eq!(number(&replaced, "number"), Some(0xDEAD_BEEF));
    assert_eq!(replaced.len(), bytes.len() + BLOCK_LEN);

    let added = edited("WinPECacheThreshold");
    let mut expected = example();
    expected.keys[0].values.push(("WinPECacheThreshold".into(), ValueData::from_u32(512)));
    assert_eq!(Hive::read(&added).unwrap().root().unwrap().tree().unwrap(), expected);
    // A key without values has no list to extend.
    let first = with_number(&bytes, r"Many\key 00007", "n", 7).unwrap().unwrap();
    let key = Hive::read(&first).unwrap().key(r"many\key 00007").unwrap().unwrap();
    assert_eq!(key.value("N").unwrap().unwrap().number(), Some(7));

    assert_eq!(with_number(&bytes, r"Datos\none", "n", 1).unwrap(), None);
    let mut dirty = bytes.clone();
    dirty[4] += 1;
    let error = with_number(&patched(dirty, 3), "Datos", "n", 1).unwrap_err();
    assert_eq!(error.to_string(), "the registry hive was not closed cleanly: its last changes are in its log");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_reads_back_as_it_was(tree in trees()) {
        let bytes = tree.to_hive(date()).unwrap();
        prop_assert_eq!(Hive::read(&bytes).unwrap().root().unwrap().tree().unwrap(), tree);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        tree in trees(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        minor in 3_u8..7,
    ) {
        let mut bytes = tree.to_hive(date()).unwrap();
        for (place, byte) in places {
            let at = place.index(bytes.len() - BLOCK_LEN) + BLOCK_LEN;
            bytes[at] = byte;
        }
        let bytes = patched(bytes, minor);
        // The hive may be valid by chance; reading it has to end.
        let _ = Hive::read(&bytes).and_then(|hive| hive.root()?.tree());
        let _ = with_number(&bytes, "", "x", 1);
    }
}
