//! Certificates that openssl made, of every kind that there is something to say of, and what is said.

use std::fs;
use std::process::Command;

use camino::Utf8PathBuf;

use super::data::{self, DEFAULT_PASSWORD};
use crate::fixtures::authority::{self, CA, CLIENT, DAYS, Wanted, chain, key, make, pfx};
use crate::fixtures::sandbox::Sandbox;

const MANIFEST: &str = r#"manifest-version = 1

[media]
name = "boot"
kind = "bootable"
mode = "dynamic"
source-date = 2026-01-01

[output]
path = "out/{{ media.name }}-{{ site.code }}.iso"

[boot]
image = { file = "images/boot.wim" }
files = "boot-files"
prompt = false

[[sites]]
code = "BER"
management-points = ["https://mp1.ber.example.com"]
root-ca = "certs/root.pem"
issuing-cas = ["certs/issuing.pem"]

[certificate]
pfx = { file = "certs/client.pfx", password = { env = "PFX_PASSWORD" } }
"#;

const PASSWORD: &str = "correct horse";

/// A project whose certificates are right.
fn project() -> (Sandbox, Utf8PathBuf) {
    let sandbox = Sandbox::empty();
    sandbox.put_boot();
    sandbox.put("media.toml", MANIFEST);
    let certs = sandbox.path("certs");
    fs::create_dir(&certs).unwrap();
    chain(&certs);
    pfx(&certs, "client", "client", PASSWORD, &[]);
    (sandbox, certs)
}

/// Output of a command with the password set. Numbers of days differ from day to day and are replaced.
fn see(sandbox: &Sandbox, line: &str) -> String {
    see_with(sandbox, line, &[("PFX_PASSWORD", PASSWORD)])
}

fn see_with(sandbox: &Sandbox, line: &str, environment: &[(&str, &str)]) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let ran = sandbox.command(&words).envs(environment.iter().copied()).output().unwrap();
    let mut seen = String::new();
    for word in sandbox.see_ran(line, &ran).split_inclusive(' ') {
        let number = word.trim_end().parse::<u32>().ok();
        let is_days = number.is_some_and(|number| number > 999 && ![1_024, 2_048].contains(&number));
        // The keys are others in each run, and so are fingerprints.
        let fingerprint = word.split_once('…').map(|(hex, _)| hex).filter(|hex| hex.len() == 16);
        match fingerprint {
            Some(hex) => seen += &word.replace(hex, "<fingerprint>"),
            None if is_days => seen += "<number> ",
            None => seen += word,
        }
    }
    seen
}

#[test]
fn what_is_wrong_with_the_certificate_of_a_client_is_told() {
    let (sandbox, certs) = project();
    let issuer = Some(("issuing", "issuing"));
    let good = Wanted { name: "client", key: "client", issuer, days: DAYS, extensions: CLIENT, digest: "sha256" };
    let mut seen = see(&sandbox, "check");
    let mut kinds = vec![
        Wanted { days: ("20200101", "20210101"), ..good },
        Wanted { days: ("20900101", "20910101"), ..good },
        Wanted { extensions: "extendedKeyUsage=serverAuth,codeSigning\n", ..good },
        Wanted { extensions: "keyUsage=keyEncipherment\n", ..good },
        Wanted { key: "weak", digest: "sha1", ..good },
    ];
    kinds.push(Wanted { extensions: CA, ..good });
    kinds.push(Wanted { issuer: Some(("root", "other")), ..good });
    kinds.push(Wanted { issuer: None, days: ("20200101", "20600101"), ..good });
    for wanted in kinds {
        if wanted.issuer == Some(("root", "other")) {
            // An authority of the same name with another key.
            let elsewhere = sandbox.path("elsewhere");
            fs::create_dir_all(&elsewhere).unwrap();
            make(&elsewhere, Wanted { name: "root", key: "other", issuer: None, extensions: CA, ..good });
            make(&elsewhere, wanted);
            fs::copy(elsewhere.join("client.pem"), certs.join("client.pem")).unwrap();
        } else {
            make(&certs, wanted);
        }
        pfx(&certs, "client", wanted.key, PASSWORD, &[]);
        seen += &see(&sandbox, "check");
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn what_is_wrong_with_a_pfx_file_is_told() {
    let (sandbox, certs) = project();
    let mut seen = see_with(&sandbox, "check", &[("PFX_PASSWORD", "wrong horse")]);
    seen += &see_with(&sandbox, "check", &[]);
    seen += &see_with(&sandbox, "plan", &[]);
    let whole = sandbox.get("certs/client.pfx");
    sandbox.put("certs/client.pfx", &whole[..whole.len() / 2]);
    seen += &see(&sandbox, "check");
    pfx(&certs, "client", "client", PASSWORD, &["-nokeys"]);
    seen += &see(&sandbox, "check");
    sandbox.put("certs/client.pfx", fs::read(certs.join("client.pem")).unwrap());
    seen += &see(&sandbox, "check");
    fs::remove_file(certs.join("client.pfx")).unwrap();
    seen += &see(&sandbox, "check");
    assert!(!seen.contains(PASSWORD) && !seen.contains("wrong horse"), "{seen}");
    insta::assert_snapshot!(seen);
}

#[test]
fn what_is_wrong_with_the_certificate_of_an_authority_is_told() {
    let (sandbox, certs) = project();
    let good = Wanted { name: "old", key: "root", issuer: None, days: DAYS, extensions: CA, digest: "sha256" };
    let [root, issuing, client] = ["root", "issuing", "client"].map(|name| sandbox.get(&format!("certs/{name}.pem")));
    let old = fs::read(make(&certs, Wanted { days: ("20200101", "20210101"), ..good })).unwrap();
    let curve = fs::read(make(&certs, Wanted { name: "curve", key: "curve", ..good })).unwrap();
    let mut seen = String::new();
    let roots = [
        [root.clone(), issuing.clone()].concat(),
        client,
        issuing,
        old,
        curve,
        fs::read(key("root")).unwrap(),
        root[..root.len() / 2].to_vec(),
        sandbox.get("certs/client.pfx"),
        b"no certificate".to_vec(),
        Vec::new(),
    ];
    for bytes in roots {
        sandbox.put("certs/root.pem", bytes);
        seen += &see(&sandbox, "check");
    }
    sandbox.put("certs/root.pem", &root);
    make(&certs, Wanted { name: "strange", key: "other", ..good });
    sandbox.put("certs/issuing.pem", sandbox.get("certs/strange.pem"));
    seen += &see(&sandbox, "check");
    insta::assert_snapshot!(seen);
}

#[test]
fn dynamic_media_ask_for_one_root_at_all_primary_sites_also_of_sites_that_are_left_out() {
    let (sandbox, certs) = project();
    let good = Wanted { name: "other", key: "other", issuer: None, days: DAYS, extensions: CA, digest: "sha256" };
    make(&certs, good);
    let site = "\n[[sites]]\ncode = \"HAM\"\nmanagement-points = [\"https://mp1.ham.example.com\"]\n";
    let with = |more: &str| {
        sandbox.put("media.toml", MANIFEST.replace("\n[certificate]", &format!("{site}{more}\n[certificate]")))
    };
    with("root-ca = \"certs/other.pem\"\n");
    let mut seen = see(&sandbox, "check");
    seen += &see(&sandbox, "check --site BER");
    // The same certificate in another form is the same.
    let der = certs.join("root.der");
    let pem = certs.join("root.pem");
    authority::openssl(&["x509", "-in", pem.as_str(), "-outform", "DER", "-out", der.as_str()]);
    with("root-ca = \"certs/root.der\"\n");
    seen += &see(&sandbox, "check");
    with("");
    seen += &see(&sandbox, "check --site BER");
    with("root-ca = \"certs/other.pem\"\n");
    sandbox.edit("mode = \"dynamic\"", "mode = \"site-based\"");
    seen += &see(&sandbox, "check");
    insta::assert_snapshot!(seen);
}

#[test]
fn what_expires_within_a_time_fails_where_that_is_asked_for() {
    let (sandbox, _) = project();
    let mut seen = see(&sandbox, "check --expires-within 30d");
    seen += &see(&sandbox, "check --expires-within 20000d");
    seen += &see(&sandbox, "check --expires-within soon");
    // A week before the end, by a clock that is told.
    let ran = sandbox
        .command(&["plan", "--json"])
        .env("PFX_PASSWORD", PASSWORD)
        .env("SOURCE_DATE_EPOCH", "2839536000")
        .output();
    let ran = ran.unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.success() && said.contains("expires on 2060-01-01") && said.contains("in 7 days"), "{said}");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_certificate_that_signs_itself_needs_a_key_to_be_the_same_everywhere() {
    let (sandbox, _) = project();
    sandbox.edit("https://", "http://");
    sandbox.edit("pfx = { file = \"certs/client.pfx\", password = { env = \"PFX_PASSWORD\" } }", "self-signed = {}");
    let epoch = ("SOURCE_DATE_EPOCH", "1767225600");
    let mut seen = see_with(&sandbox, "check", &[epoch]);
    seen += &see_with(&sandbox, "apply", &[epoch]);
    let kept = sandbox.get(".tsmedia/certificate.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(sandbox.path(".tsmedia/certificate.key")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    seen += &see_with(&sandbox, "plan", &[epoch]);
    assert_eq!(sandbox.get(".tsmedia/certificate.key"), kept);
    sandbox.edit("self-signed = {}", "self-signed = { expires = 2027-06-01, key = { env = \"MEDIA_KEY\" } }");
    for name in ["weak", "curve", "client"] {
        let own = fs::read_to_string(key(name)).unwrap();
        seen += &see_with(&sandbox, "check", &[epoch, ("MEDIA_KEY", own.as_str())]);
    }
    seen += &see_with(&sandbox, "check", &[epoch, ("MEDIA_KEY", "no key")]);
    insta::assert_snapshot!(seen);
}

/// Checks a disc with a client certificate with independent readers.
struct Found {
    /// The certificate, as openssl writes it.
    certificate: Vec<u8>,
    /// The public key of the private one beside it.
    public_key: Vec<u8>,
    /// The subjects of the other certificates.
    others: String,
}

/// Takes the variables off a disc, the PFX file out of these, and opens that: 7z, a Python port of the public readers, and
/// openssl.
fn found(sandbox: &Sandbox, medium: &str, password: &str) -> Found {
    data::extract(sandbox, medium, "taken");
    let variables = data::read(sandbox, password, &["taken/Variables.dat".into()]);
    let value = |name: &str| {
        let start = format!("<var name=\"{name}\"><![CDATA[");
        let line = variables.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {name} in {variables}")).trim_end_matches("]]></var>").to_owned()
    };
    let digits = value("_SMSTSMediaPFX");
    let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    sandbox.put("taken/media.pfx", bytes.collect::<Vec<_>>());
    let (pfx, guid) = (sandbox.path("taken/media.pfx"), value("_SMSMediaGuid"));
    let open = |password: &str, wanted: &[&str]| {
        let password = format!("pass:{password}");
        let arguments = ["pkcs12", "-in", pfx.as_str(), "-passin", &password];
        Command::new("openssl").args(arguments).args(wanted).output().unwrap()
    };
    let opened = |wanted: &[&str]| {
        let ran = open(&guid[..31], wanted);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    };
    for wrong in [guid.as_str(), &guid[..30], ""] {
        assert!(!open(wrong, &["-noout"]).status.success(), "{wrong}");
    }
    sandbox.put("taken/certificate.pem", opened(&["-clcerts", "-nokeys"]));
    sandbox.put("taken/key.pem", opened(&["-nocerts", "-nodes"]));
    let [certificate, key] = ["taken/certificate.pem", "taken/key.pem"].map(|path| sandbox.path(path));
    Found {
        certificate: authority::openssl(&["x509", "-in", certificate.as_str(), "-outform", "DER"]),
        public_key: authority::openssl(&["pkey", "-in", key.as_str(), "-pubout"]),
        others: String::from_utf8(opened(&["-cacerts", "-nokeys"])).unwrap(),
    }
}

#[test]
fn others_find_the_given_certificate_and_its_key_on_the_finished_disc() {
    let (sandbox, certs) = project();
    let ran = sandbox.command(&["apply"]).env("PFX_PASSWORD", PASSWORD).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let found = found(&sandbox, "out/boot-BER.iso", DEFAULT_PASSWORD);
    let pem = certs.join("client.pem");
    assert_eq!(found.certificate, authority::openssl(&["x509", "-in", pem.as_str(), "-outform", "DER"]));
    assert_eq!(found.public_key, authority::openssl(&["pkey", "-in", key("client").as_str(), "-pubout"]));
    // The way up, which the server is shown.
    assert!(found.others.contains("subject=CN = Test issuing") || found.others.contains("subject=CN=Test issuing"));
}

#[test]
fn others_find_a_certificate_that_signs_itself_with_the_given_key_on_the_finished_disc() {
    let (sandbox, _) = project();
    sandbox.edit("https://", "http://");
    let own = "self-signed = { start = 2026-02-03, expires = 2027-06-01, key = { env = \"MEDIA_KEY\" } }";
    sandbox.edit("pfx = { file = \"certs/client.pfx\", password = { env = \"PFX_PASSWORD\" } }", own);
    sandbox.edit(
        "[certificate]",
        "[security]\nencryption = \"aes-256\"\npassword = { env = \"MEDIA_PASSWORD\" }\n\n[certificate]",
    );
    let password = "mQ7vX2pL9sWk";
    let environment = [("MEDIA_KEY", fs::read_to_string(key("client")).unwrap()), ("MEDIA_PASSWORD", password.into())];
    let apply = || {
        let ran = sandbox.command(&["apply"]).envs(environment.clone()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        found(&sandbox, "out/boot-BER.iso", password)
    };
    let first = apply();
    assert_eq!(first.public_key, authority::openssl(&["pkey", "-in", key("client").as_str(), "-pubout"]));
    assert_eq!(first.others, "");
    sandbox.put("taken/certificate.der", &first.certificate);
    let path = sandbox.path("taken/certificate.der");
    let public = authority::openssl(&["x509", "-inform", "DER", "-in", path.as_str(), "-noout", "-pubkey"]);
    assert_eq!(public, first.public_key);
    let pem = sandbox.path("taken/certificate.pem");
    let days = authority::openssl(&["x509", "-in", pem.as_str(), "-noout", "-dates"]);
    let days = String::from_utf8(days).unwrap();
    assert_eq!(days, "notBefore=Feb  3 00:00:00 2026 GMT\nnotAfter=May 31 23:59:59 2027 GMT\n");
    authority::openssl(&["verify", "-no_check_time", "-check_ss_sig", "-CAfile", pem.as_str(), pem.as_str()]);
    // Another build of the same is the same certificate.
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    fs::remove_dir_all(sandbox.path(".tsmedia")).unwrap();
    assert_eq!(apply().certificate, first.certificate);
}

#[test]
fn a_root_is_found_although_its_name_is_written_in_another_way() {
    let (sandbox, certs) = project();
    let usual = see(&sandbox, "check");
    let (config, out, root_key) = (certs.join("root.cnf"), certs.join("root.der"), key("root"));
    fs::write(&config, format!("[req]\ndistinguished_name=dn\nstring_mask=MASK:0x0800\n[dn]\n[ext]\n{CA}")).unwrap();
    let arguments = ["req", "-x509", "-new", "-key", root_key.as_str(), "-subj", "/CN=TEST  Root/O=contoso"];
    let files =
        ["-config", config.as_str(), "-extensions", "ext", "-days", "9000", "-outform", "DER", "-out", out.as_str()];
    authority::openssl(&[arguments.as_slice(), &files].concat());
    let padded = [fs::read(&out).unwrap(), vec![0; 512]].concat();
    fs::write(certs.join("root.pem"), padded).unwrap();
    assert_eq!(see(&sandbox, "check"), usual);
}

#[test]
fn what_a_site_knows_is_among_the_variables() {
    let (sandbox, _) = project();
    let of_site = r#"
http-port = 8080
https-port = 8443
ssl-state = 31
use-first-certificate = true
root-key = "0602000000A40000"
signing-certificate = "certs/issuing.pem"
issuing-cas"#;
    sandbox.edit("\nissuing-cas", of_site);
    sandbox.edit("source-date", "branding-title = \"Contoso\"\nsource-date");
    sandbox.edit("prompt = false", "prompt = false\npackage = \"BER00005\"");
    sandbox.edit("[certificate]", "[reserved-variables]\n_SMSTSPreferredMPEnabled = 1\n\n[certificate]");
    let applied = sandbox.command(&["apply"]).env("PFX_PASSWORD", PASSWORD).output().unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    data::extract(&sandbox, "out/boot-BER.iso", "data");
    let variables = data::read(&sandbox, DEFAULT_PASSWORD, &["data/Variables.dat".into()]);
    let value = |name: &str| {
        let (_, after) =
            variables.split_once(&format!("<var name=\"{name}\"><![CDATA[")).unwrap_or_else(|| panic!("{name}"));
        after.split_once("]]>").unwrap().0.to_owned()
    };
    for (name, wanted) in [
        ("_SMSTSHTTPPort", "8080"),
        ("_SMSTSHTTPSPort", "8443"),
        ("_SMSTSIISSSLState", "31"),
        ("_SMSTSUseFirstCert", "1"),
        ("_SMSTSPublicRootKey", "0602000000A40000"),
        ("_SMSTSBootMediaPackageID", "BER00005"),
        ("_SMSTSBrandingTitle", "Contoso"),
        ("_SMSTSPreferredMPEnabled", "1"),
    ] {
        assert_eq!(value(name), wanted, "{name}");
    }
    let der = Command::new("openssl")
        .args(["x509", "-in", "certs/issuing.pem", "-outform", "DER"])
        .current_dir(&sandbox.root)
        .output()
        .unwrap()
        .stdout;
    let hex: String = der.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(value("_SMSTSSiteSigningCertificate"), hex);
}

#[test]
fn stand_alone_media_carry_a_given_certificate() {
    let (sandbox, _certs) = project();
    sandbox.edit("kind = \"bootable\"\nmode = \"dynamic\"", "kind = \"stand-alone\"");
    sandbox.edit("management-points = [\"https://mp1.ber.example.com\"]\n", "");
    sandbox.put("packages/vpn/setup.cmd", "rem\r\n");
    sandbox.put(
        "media.toml",
        String::from_utf8(sandbox.get("media.toml")).unwrap()
            + "\n[[package]]\nid = \"BER00021\"\nsource = \"packages/vpn\"\n",
    );
    insta::assert_snapshot!(see(&sandbox, "check"));
    let ran = sandbox.command(&["apply"]).env("PFX_PASSWORD", PASSWORD).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let found = found(&sandbox, "out/boot-BER.iso", DEFAULT_PASSWORD);
    assert!(found.others.contains("Test issuing"), "{}", found.others);
    let own = authority::openssl(&["x509", "-in", sandbox.path("certs/client.pem").as_str(), "-outform", "DER"]);
    assert!(found.certificate == own, "another certificate is on the medium");
}

#[test]
fn roots_are_compared_before_a_certificate_is_named() {
    let (sandbox, certs) = project();
    let other = Wanted { name: "other", key: "other", issuer: None, days: DAYS, extensions: CA, digest: "sha256" };
    make(&certs, other);
    sandbox.edit("\n[certificate]\npfx = { file = \"certs/client.pfx\", password = { env = \"PFX_PASSWORD\" } }\n", "");
    sandbox.put(
        "media.toml",
        String::from_utf8(sandbox.get("media.toml")).unwrap()
            + "\n[[sites]]\ncode = \"HAM\"\nkind = \"primary\"\n\
               management-points = [\"https://mp1.ham.example.com\"]\nroot-ca = \"certs/other.pem\"\n",
    );
    let seen = see(&sandbox, "check");
    assert!(seen.contains("error[mismatched-certificate]"), "{seen}");
    assert!(seen.contains("error[different-root-cas]"), "{seen}");
}
