//! Media whose sites are described by site files.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tsmedia::inputs::Inputs;
use tsmedia::manifest::{Options, load_with_inputs};
use tsmedia::problem::Problems;

use super::data::{DEFAULT_PASSWORD, extract, read};
use crate::fixtures::authority::{chain, key, pfx};
use crate::fixtures::sandbox::{Sandbox, wimlib};

const MANIFEST: &str = r#"manifest-version = 1

[media]
name = "boot"
kind = "bootable"
mode = "dynamic"
unknown-computers = true
source-date = 2026-01-01

[output]
path = "out/{{ media.name }}-{{ site.code }}.iso"

[boot]
image = { file = "images/boot.wim" }
files = "boot-files"
prompt = false

[[sites]]
data = "sites/ber.json"

[certificate]
pfx = { file = "certs/client.pfx", password = { env = "PFX_PASSWORD" } }
"#;

const PASSWORD: &str = "correct horse";

/// A site with everything that a site file can hold. The management points are of both kinds.
fn site(sandbox: &Sandbox) -> Json {
    let pem = |name: &str| fs::read_to_string(sandbox.path("certs").join(name)).unwrap();
    json!({
        "site-version": 1,
        "code": "BER",
        "kind": "primary",
        "management-points": ["http://mp0.ber.example.com", "https://mp1.ber.example.com", "https://mp2.ber.example.com"],
        "http-port": 80,
        "https-port": 443,
        "ssl-state": 31,
        "use-first-certificate": true,
        "root-key": "0602000000A40000",
        "signing-certificate": pem("issuing.pem"),
        "root-ca": pem("root.pem"),
        "issuing-cas": [pem("issuing.pem")],
        "unknown-computers": { "x64": "5e3f7b1c-2d4a-4f6e-9b8c-0a1b2c3d4e5f" },
        "boot-images": [{
            "id": "BER00005",
            "name": "Boot image (x64)",
            "version": "10.0.26100.1",
            "source-version": 2,
            "source": "\\\\cm1\\sources\\boot.wim",
            "architecture": "x64",
        }],
        "packages": [{
            "id": "BER00021",
            "kind": "package",
            "name": "VPN client",
            "version": "5.1",
            "source-version": 3,
            "source": "\\\\cm1\\sources\\vpn",
            "hash": "B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9",
        }],
        "applications": [{ "model-name": "ScopeId_5A1F2C3B/Application_4ba2d1f6", "name": "Editor", "revision": 4 }],
    })
}

fn project() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.put_boot();
    sandbox.put("media.toml", MANIFEST);
    let certs = sandbox.path("certs");
    fs::create_dir(&certs).unwrap();
    chain(&certs);
    pfx(&certs, "client", "client", PASSWORD, &[]);
    put(&sandbox, &site(&sandbox));
    sandbox
}

fn put(sandbox: &Sandbox, site: &Json) {
    sandbox.put("sites/ber.json", serde_json::to_string_pretty(site).unwrap());
}

fn see(sandbox: &Sandbox, line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let ran = sandbox.command(&words).env("PFX_PASSWORD", PASSWORD).output().unwrap();
    sandbox.see_ran(line, &ran)
}

/// Returns the variables of a medium without its certificate, which has another key in each run.
fn variables(sandbox: &Sandbox, path: &str) -> String {
    let mut shown = String::new();
    extract(sandbox, path, "data");
    for line in read(sandbox, DEFAULT_PASSWORD, &["data/Variables.dat".into()]).lines() {
        let is_certificate = ["_SMSTSMediaPFX", "_SMSTSRootCACerts", "_SMSTSSiteSigningCertificate"];
        match is_certificate.iter().find(|name| line.contains(*name)) {
            Some(name) => shown += &format!("{name}: {}\n", line.contains("CDATA[30")),
            None => shown += &format!("{line}\n"),
        }
    }
    shown
}

#[test]
fn a_site_file_supplies_what_the_manifest_leaves_out() {
    let sandbox = project();
    let mut seen = see(&sandbox, "check");
    seen += &see(&sandbox, "apply");
    seen += &variables(&sandbox, "out/boot-BER.iso");
    insta::assert_snapshot!(seen);

    // Values of the manifest win.
    let written = "data = \"sites/ber.json\"\ncode = \"BER\"\nhttps-port = 8443\nroot-key = \"07\"\n\
                   management-points = [\"https://mp9.ber.example.com\"]\n";
    sandbox.edit("data = \"sites/ber.json\"\n", written);
    sandbox.edit("unknown-computers = true\n", "");
    assert!(see(&sandbox, "apply").ends_with("= 0\n\n"));
    let variables = variables(&sandbox, "out/boot-BER.iso");
    for (name, value) in [
        ("SMSTSLocationMPs", "https://mp9.ber.example.com"),
        ("_SMSTSHTTPSPort", "8443"),
        ("_SMSTSPublicRootKey", "07"),
        ("_SMSTSIISSSLState", "31"),
    ] {
        assert!(variables.contains(&format!("<var name=\"{name}\"><![CDATA[{value}]]></var>")), "{variables}");
    }
    assert!(!variables.contains("UnknownMachineGUID"), "{variables}");
}

#[test]
fn render_shows_the_values_of_a_site_file_and_renders_to_itself() {
    let sandbox = project();
    let rendered = sandbox.done(&["render"]);
    let pem = fs::read_to_string(sandbox.path("certs/root.pem")).unwrap();
    let mut shown = rendered.clone();
    for (name, label) in [("root", "<root>"), ("issuing", "<issuing>")] {
        let pem = fs::read_to_string(sandbox.path("certs").join(format!("{name}.pem"))).unwrap();
        shown = shown.replace(&pem, label);
    }
    assert!(rendered.contains(&pem), "{rendered}");
    insta::assert_snapshot!(shown);
    sandbox.put("media.toml", &rendered);
    fs::remove_file(sandbox.path("sites/ber.json")).unwrap();
    let without_comments = |text: &str| {
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    };
    assert_eq!(without_comments(&sandbox.done(&["render"])), without_comments(&rendered));
}

#[test]
fn a_plan_names_the_site_file_whose_values_changed() {
    let sandbox = project();
    see(&sandbox, "apply");
    let mut seen = see(&sandbox, "plan");
    let mut changed = site(&sandbox);
    changed["https-port"] = json!(8443);
    put(&sandbox, &changed);
    seen += &see(&sandbox, "plan");
    // Packages are compared, and are not on media that carry none.
    changed["https-port"] = json!(443);
    changed["packages"][0]["source-version"] = json!(4);
    put(&sandbox, &changed);
    seen += &see(&sandbox, "plan");
    insta::assert_snapshot!(seen);
}

#[test]
fn management_points_are_those_that_take_the_certificate_of_the_medium() {
    let sandbox = project();
    let key = key("other");
    sandbox.edit(
        "pfx = { file = \"certs/client.pfx\", password = { env = \"PFX_PASSWORD\" } }",
        "self-signed = { key = { file = \"certs/media.key\" } }",
    );
    sandbox.put("certs/media.key", fs::read(key).unwrap());
    assert!(see(&sandbox, "apply").ends_with("= 0\n\n"));
    let dynamic = variables(&sandbox, "out/boot-BER.iso");
    assert!(
        dynamic.contains("<var name=\"SMSTSLocationMPs\"><![CDATA[http://mp0.ber.example.com]]></var>"),
        "{dynamic}"
    );

    let sandbox = project();
    sandbox.edit("mode = \"dynamic\"", "mode = \"site-based\"");
    assert!(see(&sandbox, "apply").ends_with("= 0\n\n"));
    let site_based = variables(&sandbox, "out/boot-BER.iso");
    assert!(site_based.contains("<var name=\"SMSTSMP\"><![CDATA[https://mp1.ber.example.com]]></var>"), "{site_based}");
}

#[test]
fn a_site_file_is_read_in_every_encoding_of_powershell() {
    let sandbox = project();
    let text = serde_json::to_string_pretty(&site(&sandbox)).unwrap().replace("VPN client", "VPN für Reisende");
    let expected = {
        put(&sandbox, &site(&sandbox));
        see(&sandbox, "render")
    };
    let utf16 = |text: &str| format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for bytes in [format!("\u{feff}{text}").into_bytes(), utf16(&text), utf16(&text.replace('\n', "\r\n"))] {
        sandbox.put("sites/ber.json", bytes);
        assert_eq!(see(&sandbox, "render"), expected);
    }
    let mut seen = String::new();
    sandbox.put("sites/ber.json", b"\x7fELF\0\0\xff\xfe\0");
    seen += &see(&sandbox, "check");
    sandbox.put("sites/ber.json", &utf16(&text)[..101]);
    seen += &see(&sandbox, "check");
    sandbox.put(
        "sites/ber.json",
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 5\n", "4d".repeat(32)),
    );
    seen += &see(&sandbox, "check");
    fs::remove_file(sandbox.path("sites/ber.json")).unwrap();
    fs::create_dir(sandbox.path("sites/ber.json")).unwrap();
    seen += &see(&sandbox, "check");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_site_file_that_is_too_long_is_not_read() {
    let sandbox = project();
    fs::File::create(sandbox.path("sites/ber.json")).unwrap().set_len(1 << 40).unwrap();
    insta::assert_snapshot!(see(&sandbox, "check"), @r#"
    $ tsmedia check
    !   × the site file `sites/ber.json` can't be read: it has 1099511627776 bytes (1.10 TB); the limit
    !   │ is 33554432 bytes (33.6 MB)
    !     ╭─[media.toml:19:8]
    !  18 │ [[sites]]
    !  19 │ data = "sites/ber.json"
    !     ·        ────────┬───────
    !     ·                ╰── named here
    !  20 │
    !     ╰────
    !   help: name the JSON file that `Export-TsmediaSite.ps1` wrote
    !
    ! 1 error
    = 1
    "#);
}

#[test]
fn a_wrong_certificate_in_a_site_file_is_underlined_there() {
    let sandbox = project();
    let mut wrong = site(&sandbox);
    wrong["root-ca"] = wrong["issuing-cas"][0].clone();
    wrong["signing-certificate"] = json!("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    put(&sandbox, &wrong);
    let seen = see(&sandbox, "check");
    // The certificates are others in each run.
    let shown = seen.lines().map(|line| match line.split_once("-----BEGIN CERTIFICATE-----\\n") {
        Some((start, _)) => format!("{start}<certificate>\n"),
        None if line.trim_start_matches([' ', '│']).starts_with('─') => String::new(),
        None => format!("{line}\n"),
    });
    insta::assert_snapshot!(shown.collect::<String>());
}

#[test]
fn content_is_compared_with_the_packages_of_the_site() {
    let sandbox = Sandbox::new();
    sandbox.edit("code = \"BER\"\n", "data = \"site.json\"\n");
    sandbox.edit("code = \"HAM\"\n", "code = \"HAM\"\nkind = \"primary\"\n");
    sandbox.put(
        "site.json",
        r#"{"site-version": 1, "code": "BER", "packages": [
  {"id": "BER00012", "kind": "package", "name": "Editor"},
  {"id": "BER00022", "kind": "driver-package", "name": "Laptops"}
]}"#,
    );
    insta::assert_snapshot!(sandbox.see("check --site BER"));
}

#[test]
fn a_base_keeps_what_a_site_file_has_no_better_value_for() {
    let sandbox = project();
    sandbox.edit("[certificate]\npfx = { file = \"certs/client.pfx\", password = { env = \"PFX_PASSWORD\" } }\n", "");
    sandbox.edit("mode = \"dynamic\"\n", "");
    sandbox.edit("files = \"boot-files\"\n", "files = \"boot-files\"\n\n[base]\nmedium = \"genuine\"\n");
    sandbox.edit("prompt = false\n", "");
    super::base::put_genuine(&sandbox, "genuine");
    assert!(see(&sandbox, "apply").ends_with("= 0\n\n"));
    let variables = variables(&sandbox, "out/boot-BER.iso");
    for (name, value) in [
        ("SMSTSMP", "http://mp1.ber.example.com"),
        ("_SMSTSBootMediaPackageID", "BER00005"),
        ("_SMSTSHTTPSPort", "443"),
        ("OSDTimeZone", "a ]]]]><![CDATA["),
    ] {
        assert!(variables.contains(&format!("<var name=\"{name}\"><![CDATA[{value}")), "{variables}");
    }
}

#[test]
fn the_certificate_of_a_medium_is_printed_without_the_medium() {
    let sandbox = project();
    sandbox.edit(
        "pfx = { file = \"certs/client.pfx\", password = { env = \"PFX_PASSWORD\" } }",
        "self-signed = { key = { file = \"certs/media.key\" } }",
    );
    sandbox.put("certs/media.key", fs::read(key("other")).unwrap());
    fs::remove_file(sandbox.path("images/boot.wim")).unwrap();
    let printed = sandbox.done(&["certificate"]);
    sandbox.put("media.cer", &printed);
    let asked = ["x509", "-in", "media.cer", "-noout"];
    let shown = sandbox.run_other("openssl", &[&asked[..], &["-subject", "-nameopt", "RFC2253", "-dates"]].concat());
    assert_eq!(
        shown,
        "subject=CN=dc636b10-39e3-8817-ae9c-ccf35248f7ed\nnotBefore=Jan  1 00:00:00 2026 GMT\n\
         notAfter=Dec 31 23:59:59 2026 GMT\n"
    );
    let data: Json = serde_json::from_str(&sandbox.done(&["certificate", "--json"])).unwrap();
    let data = &data["certificate"];
    let fingerprint = sandbox.run_other("openssl", &[&asked[..], &["-fingerprint"]].concat());
    let thumbprint = fingerprint.trim().rsplit('=').next().unwrap().replace(':', "");
    assert_eq!(data["thumbprint"], json!(thumbprint));
    assert_eq!((&data["pem"], &data["not-after"]), (&json!(printed), &json!("2026-12-31")));

    // It is the one on the medium.
    sandbox.put_boot();
    sandbox.done(&["apply"]);
    extract(&sandbox, "out/boot-BER.iso", "data");
    let variables = read(&sandbox, DEFAULT_PASSWORD, &["data/Variables.dat".into()]);
    let hex = variables.split("_SMSTSMediaPFX\"><![CDATA[").nth(1).unwrap().split(']').next().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    sandbox.put("media.pfx", (0..hex.len()).step_by(2).map(byte).collect::<Vec<_>>());
    let password = "pass:dc636b10-39e3-8817-ae9c-ccf35248f7ed"[..5 + 31].to_owned();
    let arguments = ["pkcs12", "-legacy", "-in", "media.pfx", "-nokeys", "-clcerts", "-passin", &password];
    let there = sandbox.run_other("openssl", &arguments);
    let pem = |text: &str| text[text.find("-----BEGIN").unwrap()..].trim().to_owned();
    assert_eq!(pem(&there), pem(&printed));
}

#[test]
fn a_certificate_that_there_is_none_or_several_of_is_not_printed() {
    let sandbox = Sandbox::new();
    let mut seen = sandbox.see("certificate");
    seen += &sandbox.see("certificate --site BER");
    let sandbox = project();
    // The password of the PFX file is missing.
    seen += &sandbox.see("certificate");
    sandbox.edit("kind = \"bootable\"", "kind = \"boot\"");
    seen += &sandbox.see("certificate");
    insta::assert_snapshot!(seen);
}

#[test]
fn a_boot_image_of_other_processors_than_its_package_is_reported() {
    let sandbox = project();
    let mut site = site(&sandbox);
    site["boot-images"][0]["architecture"] = json!("arm64");
    put(&sandbox, &site);
    wimlib(&["info", sandbox.path("images/boot.wim").as_str(), "1", "--image-property", "WINDOWS/ARCH=9"]);
    let seen = see(&sandbox, "check");
    let start = seen.find("!   \u{26a0} the boot image is for").unwrap_or_else(|| panic!("{seen}"));
    let end = start + seen[start..].find("help:").unwrap();
    insta::assert_snapshot!(seen[start..end + seen[end..].find("\n").unwrap()], @r#"
    !   ⚠ the boot image is for x64, but the package `BER00005` of the site is for arm64
    !     ╭─[sites/ber.json:25:13]
    !  24 │     {
    !  25 │       "id": "BER00005",
    !     ·             ─────┬────
    !     ·                  ╰── the package
    !  26 │       "name": "Boot image (x64)",
    !  27 │       "version": "10.0.26100.1",
    !  28 │       "source-version": 2,
    !  29 │       "source": "\\\\cm1\\sources\\boot.wim",
    !  30 │       "architecture": "arm64"
    !     ·                       ───┬───
    !     ·                          ╰── `Boot image (x64)`
    !  31 │     }
    !     ╰────
    !   help: set `package` in `[boot]` to the package of this boot image
    "#);
}

#[test]
fn a_site_file_is_an_input_also_where_it_is_not_there() {
    let sandbox = project();
    sandbox.edit("data = \"sites/ber.json\"", "code = \"HAM\"\ndata = \"sites/{{ vars.where }}-{{ site.code }}.json\"");
    sandbox.edit("[certificate]", "[vars]\nwhere = \"north\"\n\n[certificate]");
    for is_there in [false, true] {
        let (mut problems, mut inputs) = (Problems::default(), Inputs::default());
        let manifest = sandbox.path("media.toml");
        load_with_inputs(&manifest, &Options::default(), &mut problems, &mut inputs).unwrap();
        assert!(inputs.paths().any(|path| path == sandbox.path("sites/north-HAM.json")), "{inputs:?}");
        assert_eq!(problems.has_errors(), !is_there);
        let mut site = site(&sandbox);
        site["code"] = json!("HAM");
        sandbox.put("sites/north-HAM.json", site.to_string());
    }
    // The site is named in the file, and is not known before.
    sandbox.edit("code = \"HAM\"\n", "");
    insta::assert_snapshot!(sandbox.see("check"), @r#"
    $ tsmedia check
    !   × unknown name `site.code`
    !     ╭─[media.toml:19:35]
    !  18 │ [[sites]]
    !  19 │ data = "sites/{{ vars.where }}-{{ site.code }}.json"
    !     ·                                   ─────────
    !  20 │
    !     ╰────
    !   help: the path of a site file can only refer to `site.code` and `vars`
    !
    ! 1 error
    = 1
    "#);
}

#[test]
fn a_site_file_named_in_a_profile_is_beside_the_profile() {
    let sandbox = project();
    sandbox.edit("[[sites]]\ndata = \"sites/ber.json\"\n", "");
    sandbox.edit("kind = \"bootable\"\n", "kind = \"bootable\"\nprofile = \"shared/sites.toml\"\n");
    sandbox.put("shared/sites.toml", "[[sites]]\ndata = \"ber.json\"\nhttp-port = 8080\n");
    sandbox.put("shared/ber.json", site(&sandbox).to_string());
    let rendered = sandbox.done(&["render"]);
    assert!(rendered.contains("code = \"BER\"\n") && rendered.contains("http-port = 8080\n"), "{rendered}");
}

#[test]
fn the_largest_site_is_read_in_time() {
    let sandbox = project();
    let mut site = site(&sandbox);
    let package = |at: usize| json!({ "id": format!("BER{at:05X}"), "kind": "package", "name": "x" });
    site["packages"] = (0x100..0x100 + 20_000).map(package).collect();
    put(&sandbox, &site);
    let start = Instant::now();
    sandbox.done(&["render"]);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
