//! `attest`, `sign` and `verify --key`.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::medium::place_of;
use crate::fixtures::sandbox::Sandbox;

const MEDIUM: &str = "out/win11-BER.iso";

const INF: &str = "[Version]\r\nSignature = \"$Windows NT$\"\r\nClass = Net\r\nProvider = \"Example Ltd\"\r\n\
    DriverVer = 07/01/2025,12.19.2.45\r\nCatalogFile = e1.cat\r\n[Manufacturer]\r\n%M% = Models, NTamd64\r\n";

/// A medium with a driver, for one site.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox.edit("[[file]]", "[[driver-package]]\nid = \"BER00030\"\nsource = \"drivers\"\n\n[[file]]");
    sandbox.put("drivers/e1.inf", INF);
    sandbox
}

/// Makes a key: `NAME.key` and `NAME.pub`.
fn make_key(sandbox: &Sandbox, name: &str, kind: &[&str]) {
    let (private, public) = (format!("{name}.key"), format!("{name}.pub"));
    sandbox.run_other("openssl", &[&["genpkey", "-quiet", "-out", &private], kind].concat());
    sandbox.run_other("openssl", &["pkey", "-in", &private, "-pubout", "-out", &public]);
}

const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

fn json(sandbox: &Sandbox, path: &str) -> Json {
    serde_json::from_slice(&sandbox.get(path)).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn documents_say_what_is_on_a_medium_and_what_it_was_built_from() {
    let sandbox = sandbox();
    let mut seen = sandbox.see("apply --attest --builder https://ci.example.com/media");
    let names = ["spdx", "cdx", "provenance"].map(|kind| format!("{MEDIUM}.{kind}.json"));
    let first = names.clone().map(|name| sandbox.get(&name));
    // A later run writes the same bytes.
    seen += &sandbox.see(&format!("attest {MEDIUM} --manifest media.toml --builder https://ci.example.com/media"));
    assert!(names.clone().map(|name| sandbox.get(&name)) == first);
    seen += &sandbox.see(&format!("attest {MEDIUM} --json"));
    seen += &sandbox.see(&format!("attest {MEDIUM} --manifest media.toml --builder ci"));
    insta::assert_snapshot!(seen);

    let digest = sha256(&sandbox.get(MEDIUM));
    let provenance = json(&sandbox, &names[2]);
    assert_eq!(provenance["subject"][0]["digest"]["sha256"], digest);
    let inputs = provenance.pointer("/predicate/buildDefinition/resolvedDependencies").unwrap().as_array().unwrap();
    let inputs: Vec<_> = inputs.iter().map(|input| input["name"].as_str().unwrap()).collect();
    for input in ["media.toml", "images/boot.wim", "packages/vpn/vpn.conf", "drivers/e1.inf", "boot-files/bootmgr"] {
        assert!(inputs.contains(&input), "{input} is not in {inputs:?}");
    }
    assert!(!inputs.contains(&"readme.txt"), "it is only on the medium of another site: {inputs:?}");
    assert_eq!(inputs.iter().filter(|input| input.starts_with(".tsmedia") || input.starts_with('/')).count(), 0);

    let components = json(&sandbox, &names[1])["components"].as_array().unwrap().clone();
    let driver = components.iter().find(|component| component["type"] == "device-driver").unwrap();
    assert_eq!((&driver["name"], &driver["version"]), (&"e1.inf".into(), &"12.19.2.45".into()));
    assert_eq!(driver["supplier"]["name"], "Example Ltd");
    let config = components.iter().find(|component| component["name"] == "SMS/PKG/BER00021/vpn.conf").unwrap();
    assert_eq!(config["hashes"][0]["content"], sha256(b"server = vpn.example.com\n"));
    let spdx = json(&sandbox, &names[0]);
    assert_eq!(spdx["creationInfo"]["created"], "2026-01-01T00:00:00Z");
    assert_eq!(spdx["packages"][0]["checksums"][0]["checksumValue"], digest);
}

#[test]
fn official_tools_accept_documents_and_signatures_of_each_kind_of_key() {
    let sandbox = sandbox();
    sandbox.done(&["apply", "--attest"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/check_attestations.py");
    let rsa: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"];
    for (name, kind) in [("p256", P256), ("ed25519", &["-algorithm", "ED25519"]), ("rsa", rsa)] {
        make_key(&sandbox, name, kind);
        sandbox.done(&["sign", MEDIUM, "--key-from", &format!("file:{name}.key")]);
        sandbox.done(&["verify", MEDIUM, "--key", &format!("{name}.pub")]);
        // securesystemslib reads RSA keys as PSS only, which bundles of Sigstore don't have.
        if name == "rsa" {
            continue;
        }
        let said = sandbox.run_other("python3", &[script, MEDIUM, &format!("{name}.pub")]);
        let expected = format!(
            "SPDX: 5 packages, 17 files\nhttps://spdx.dev/Document/v2.3: {file}\nhttps://cyclonedx.org/bom: {file}\n\
             https://slsa.dev/provenance/v1: {file}\n",
            file = "win11-BER.iso"
        );
        assert_eq!(said, expected);
    }
}

#[test]
fn openssl_verifies_what_was_signed() {
    let sandbox = sandbox();
    sandbox.done(&["apply", "--attest"]);
    make_key(&sandbox, "rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    sandbox.done(&["sign", MEDIUM, "--key-from", "file:rsa.key"]);
    let envelope = json(&sandbox, &format!("{MEDIUM}.provenance.sigstore.json"))["dsseEnvelope"].clone();
    sandbox.put("payload.b64", envelope["payload"].as_str().unwrap());
    sandbox.put("signature.b64", envelope["signatures"][0]["sig"].as_str().unwrap());
    for name in ["payload", "signature"] {
        sandbox.run_other("openssl", &["base64", "-d", "-A", "-in", &format!("{name}.b64"), "-out", name]);
    }
    let payload = sandbox.get("payload");
    assert!(payload == sandbox.get(&format!("{MEDIUM}.provenance.json")));
    // Pre-authentication encoding, from the specification of DSSE.
    let head = format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len());
    sandbox.put("signed", [head.as_bytes(), &payload].concat());
    let verify = ["dgst", "-sha256", "-verify", "rsa.pub", "-signature", "signature", "signed"];
    assert_eq!(sandbox.run_other("openssl", &verify), "Verified OK\n");
}

#[test]
fn verify_reports_who_built_what_and_every_invalid_statement() {
    let sandbox = sandbox();
    make_key(&sandbox, "own", P256);
    make_key(&sandbox, "other", P256);
    sandbox.done(&["apply", "--attest"]);
    let verify = format!("verify {MEDIUM} --key own.pub");
    let mut seen = sandbox.see(&verify);
    sandbox.done(&["sign", MEDIUM, "--key-from", "file:own.key"]);
    seen += &sandbox.see(&verify);
    seen += &sandbox.see(&format!("{verify} --json"));

    let bundle = format!("{MEDIUM}.provenance.sigstore.json");
    let signed = sandbox.get(&bundle);
    // Another statement with the signature of this one.
    let mut forged = json(&sandbox, &bundle);
    forged["dsseEnvelope"]["payload"] =
        json(&sandbox, &format!("{MEDIUM}.spdx.sigstore.json"))["dsseEnvelope"]["payload"].clone();
    sandbox.put(&bundle, forged.to_string());
    seen += &sandbox.see(&verify);
    // A whole bundle in place of another.
    sandbox.put(&bundle, sandbox.get(&format!("{MEDIUM}.cdx.sigstore.json")));
    seen += &sandbox.see(&verify);
    for text in ["", "{}", "{\"mediaType\":\"\u{1b}[31mred\",\"verificationMaterial\":{}}"] {
        sandbox.put(&bundle, text);
        seen += &sandbox.see(&verify);
    }
    sandbox.put(&bundle, &signed);

    // Statements of another medium.
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    sandbox.done(&["apply"]);
    seen += &sandbox.see(&verify);
    seen += &sandbox.see(&format!("sign {MEDIUM} --key-from file:own.key"));
    insta::assert_snapshot!(seen);

    let other = sandbox.run(&["verify", MEDIUM, "--key", "other.pub"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&other.stdout).contains("it was not signed with this key"));
}

#[test]
fn a_medium_that_is_damaged_or_not_the_one_of_the_manifest_has_no_documents() {
    let sandbox = sandbox();
    sandbox.done(&["apply"]);
    let whole = sandbox.get(MEDIUM);
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    let mut seen = sandbox.see(&format!("attest {MEDIUM} --manifest media.toml"));
    let mut damaged = whole.clone();
    damaged[place_of(&sandbox, MEDIUM, "SMS/PKG/BER00021/vpn.conf") as usize] ^= 1;
    sandbox.put(MEDIUM, damaged);
    seen += &sandbox.see(&format!("attest {MEDIUM}"));
    seen += &sandbox.see("attest media.toml");
    seen += &sandbox.see(&format!("sign {MEDIUM} --key-from file:readme.txt"));
    seen += &sandbox.see(&format!("sign {MEDIUM}"));
    assert_eq!(sandbox.list("out"), ["win11-BER.iso"]);
    // A link leads no write elsewhere.
    sandbox.put(MEDIUM, whole);
    symlink(sandbox.path("readme.txt"), sandbox.path(&format!("{MEDIUM}.spdx.json"))).unwrap();
    seen += &sandbox.see(&format!("attest {MEDIUM}"));
    assert_eq!(sandbox.get("readme.txt"), b"Moin\n");
    insta::assert_snapshot!(seen);
}

#[test]
fn no_document_helps_to_guess_a_secret() {
    let sandbox = sandbox();
    sandbox.put("password.txt", "correct horse battery staple\n");
    sandbox.edit("[[package]]", "[security]\npassword = { file = \"password.txt\" }\n\n[[package]]");
    sandbox.done(&["apply", "--attest", "--var", "joinPassword=hunter2"]);
    let documents = ["spdx", "cdx", "provenance"].map(|kind| sandbox.get(&format!("{MEDIUM}.{kind}.json")));
    let text = String::from_utf8(documents.concat()).unwrap();
    let tree = sandbox.path("tree");
    fs::create_dir(&tree).unwrap();
    sandbox.run_other("7z", &["x", "-y", "-otree", MEDIUM]);
    for path in ["SMS/data/Variables.dat", "tsmedia/SHA256SUMS", "tsmedia/medium.toml"] {
        let bytes = sandbox.get(&format!("tree/{path}"));
        assert!(text.contains(path), "{path} is listed as left out");
        assert!(!text.contains(&sha256(&bytes)), "{path}");
    }
    for secret in ["correct horse battery staple\n", "correct horse battery staple"] {
        assert!(!text.contains(&sha256(secret.as_bytes())) && !text.contains("battery"));
    }
    assert!(!text.contains("hunter2"));
    assert!(!text.contains("password.txt"), "not even a digest of a file with a secret");
    make_key(&sandbox, "own", P256);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/check_attestations.py");
    sandbox.done(&["sign", MEDIUM, "--key-from", "file:own.key"]);
    sandbox.run_other("python3", &[script, MEDIUM, "own.pub"]);
}

#[test]
fn a_command_signs_and_its_signature_is_verified_first() {
    let sandbox = sandbox();
    make_key(&sandbox, "own", P256);
    sandbox.done(&["apply", "--attest"]);
    let sign = |command: &str| sandbox.run(&["sign", MEDIUM, "--public-key", "own.pub", "--command", command]);
    let fails = |command: &str| {
        let ran = sign(command);
        assert_eq!(ran.status.code(), Some(1), "{command}");
        assert_eq!(sandbox.list("out").len(), 4, "{command} wrote a bundle");
        String::from_utf8(ran.stderr).unwrap()
    };
    let mut seen = String::new();
    for command in ["true", "cat", "exit 3", "yes", "echo AAAA"] {
        seen += &fails(command);
    }
    insta::assert_snapshot!(seen);
    for command in ["openssl dgst -sha256 -sign own.key", "openssl dgst -sha256 -sign own.key | base64"] {
        assert!(sign(command).status.success(), "{command}");
        sandbox.done(&["verify", MEDIUM, "--key", "own.pub"]);
    }
}

/// A key that never leaves its token. SoftHSM stands for a token of hardware; both are used through PKCS #11.
#[test]
fn a_token_signs_through_pkcs11() {
    const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
    let is_there = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if !is_there("softhsm2-util") || !is_there("pkcs11-tool") {
        assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "softhsm2 and opensc are not installed");
        eprintln!("skipped: softhsm2 and opensc are not installed");
        return;
    }
    let sandbox = sandbox();
    sandbox.done(&["apply", "--attest"]);
    fs::create_dir(sandbox.path("tokens")).unwrap();
    sandbox.put("softhsm.conf", format!("directories.tokendir = {}\n", sandbox.path("tokens")));
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&sandbox.root).env("SOFTHSM2_CONF", sandbox.path("softhsm.conf"));
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{program} {arguments:?}: {ran:?}");
    };
    run("softhsm2-util", &["--init-token", "--free", "--label", "media", "--so-pin", "1234", "--pin", "5678"]);
    let token = ["--module", MODULE, "--token-label", "media"];
    let generate = ["--login", "--pin", "5678", "--keypairgen", "--key-type", "EC:prime256v1", "--label", "signer"];
    run("pkcs11-tool", &[&token[..], &generate].concat());
    let read = ["--read-object", "--type", "pubkey", "--label", "signer", "--output-file", "token.der"];
    run("pkcs11-tool", &[&token[..], &read].concat());
    run("openssl", &["pkey", "-pubin", "-inform", "DER", "-in", "token.der", "-out", "token.pub"]);
    let command = format!(
        "openssl dgst -sha256 -binary | pkcs11-tool --module {MODULE} --token-label media --login --pin env:PIN \
         --sign --mechanism ECDSA --label signer --output-file /dev/stdout"
    );
    let mut sign = sandbox.command(&["sign", MEDIUM, "--public-key", "token.pub", "--command", &command]);
    let ran = sign.env("SOFTHSM2_CONF", sandbox.path("softhsm.conf")).env("PIN", "5678").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    sandbox.done(&["verify", MEDIUM, "--key", "token.pub"]);
}
