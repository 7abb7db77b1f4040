//! Media in registries and folders: bytes sent, failures survived, repositories refused.

mod faults;
mod hostile;
mod logins;

use camino::Utf8PathBuf;
use serde_json::Value as Json;

use crate::fixtures::registry::{Fault, Proxy, Registry};
use crate::fixtures::sandbox::Sandbox;

/// Bytes that don't repeat.
fn noise(seed: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A project whose medium for BER has large packages, built.
fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.put("packages/vpn/client.msi", noise("client", 12 << 20));
    sandbox.put("packages/vpn/driver.cab", noise("driver", 5 << 20));
    for n in 0..40 {
        sandbox.put(&format!("packages/vpn/lang/{n}.mui"), noise(&n.to_string(), 3_000 + 700 * n));
    }
    build(&sandbox);
    sandbox
}

fn build(sandbox: &Sandbox) {
    sandbox.done(&["apply", "--site", "BER"]);
}

const MEDIUM: &str = "out/win11-BER.iso";

/// Runs a command with `--json` and returns its medium.
fn medium(sandbox: &Sandbox, arguments: &[&str]) -> Json {
    let printed = sandbox.done(&[arguments, &["--json"]].concat());
    let mut document: Json = serde_json::from_str(&printed).unwrap();
    document["medium"].take()
}

fn assert_same(sandbox: &Sandbox, path: &str) {
    assert!(sandbox.get(path) == sandbox.get(MEDIUM), "`{path}` is not `{MEDIUM}`");
}

#[test]
fn a_change_of_a_script_moves_few_bytes() {
    let sandbox = project();
    let Some(registry) = Registry::start(&sandbox.path("registry")) else { return };
    let proxy = Proxy::start(registry.port(), |_| Fault::None);
    let reference = format!("oci://{}/media/win11:BER", proxy.host());
    let folder = format!("file://{}:BER", sandbox.path("repository"));
    for (number, reference) in [reference.as_str(), &folder].into_iter().enumerate() {
        let copy = format!("copy-{number}.iso");
        sandbox.put("packages/vpn/vpn.conf", "server = vpn.example.com\n");
        build(&sandbox);
        let pushed = medium(&sandbox, &["push", MEDIUM, reference]);
        assert_eq!(pushed["sent"]["chunks"], pushed["chunks"]);
        assert_eq!(medium(&sandbox, &["push", MEDIUM, reference])["sent"]["chunks"], 0);
        let pulled = medium(&sandbox, &["pull", reference, &copy]);
        assert_eq!((&pulled["action"], &pulled["digest"]), (&"create".into(), &pushed["digest"]));
        assert_same(&sandbox, &copy);
        assert_eq!(medium(&sandbox, &["pull", reference, &copy])["action"], "keep");

        sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
        build(&sandbox);
        let sent = medium(&sandbox, &["push", MEDIUM, reference]);
        assert!(sent["sent"]["len"].as_u64().unwrap() < 2 << 20, "{sent:#}");
        let before = proxy.n_bytes();
        let pulled = medium(&sandbox, &["pull", reference, &copy]);
        assert_same(&sandbox, &copy);
        assert_eq!(pulled["action"], "patch");
        assert_eq!(pulled["fetched"]["len"], sent["sent"]["len"]);
        assert!(proxy.n_bytes() - before < 2 << 20, "{} bytes", proxy.n_bytes() - before);
    }
    sandbox.done(&["verify", "copy-0.iso"]);
    assert_eq!(sandbox.list("."), sandbox.list(".").into_iter().filter(|it| !it.contains("-pull")).collect::<Vec<_>>());
}

#[test]
fn the_same_medium_has_the_same_digest_everywhere() {
    let sandbox = project();
    let Some(registry) = Registry::start(&sandbox.path("registry")) else { return };
    let registry = format!("oci://{}/media/win11:BER", registry.host());
    let folder = format!("file://{}", sandbox.path("repository"));
    let digests = [registry, format!("{folder}:BER"), format!("{folder}:other")]
        .map(|reference| sandbox.done(&["push", MEDIUM, &reference]));
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    // A digest names the medium even after its tag has moved.
    let by_digest = format!("{folder}@{}", digests[0].trim());
    sandbox.done(&["pull", &by_digest, "copy.iso"]);
    assert_same(&sandbox, "copy.iso");
}

#[test]
fn other_tools_read_what_was_published() {
    let sandbox = project();
    let Some(registry) = Registry::start(&sandbox.path("registry")) else { return };
    let name = format!("{}/media/win11:BER", registry.host());
    let digest = sandbox.done(&["push", MEDIUM, &format!("oci://{name}")]);
    // skopeo compares every blob with its digest.
    let (from, to) = (format!("docker://{name}"), format!("oci:{}:BER", sandbox.path("layout")));
    sandbox.run_other("skopeo", &["copy", "--quiet", "--src-tls-verify=false", &from, &to]);
    assert_eq!(sandbox.run_other("umoci", &["ls", "--layout", "layout"]).trim(), "BER");
    let layout = format!("file://{}:BER", sandbox.path("layout"));
    let pulled = medium(&sandbox, &["pull", &layout, "copy.iso"]);
    assert_eq!(pulled["digest"], digest.trim());
    assert_same(&sandbox, "copy.iso");
    // The other way round: our layout, sent to the registry by skopeo.
    sandbox.done(&["push", MEDIUM, &format!("file://{}:BER", sandbox.path("ours"))]);
    let (from, other) = (format!("oci:{}:BER", sandbox.path("ours")), format!("{}/other/win11:BER", registry.host()));
    let to = format!("docker://{other}");
    sandbox.run_other("skopeo", &["copy", "--quiet", "--dest-tls-verify=false", &from, &to]);
    assert_eq!(medium(&sandbox, &["pull", &format!("oci://{other}"), "other.iso"])["digest"], digest.trim());
    assert_same(&sandbox, "other.iso");
}

#[test]
fn statements_travel_with_the_medium() {
    let sandbox = project();
    let Some(registry) = Registry::start(&sandbox.path("registry")) else { return };
    sandbox.put("win11.spdx.json", r#"{"spdxVersion":"SPDX-2.3"}"#);
    sandbox.put("win11.intoto.jsonl", "{}\n");
    let folder = format!("file://{}:BER", sandbox.path("repository"));
    let name = format!("{}/media/win11", registry.host());
    for reference in [folder, format!("oci://{name}:BER")] {
        let attach = ["application/spdx+json=win11.spdx.json", "application/vnd.in-toto+json=win11.intoto.jsonl"];
        let pushed = medium(&sandbox, &["push", MEDIUM, &reference, "--attach", attach[0], "--attach", attach[1]]);
        assert_eq!(pushed["attachments"], 2);
        // A second time changes nothing.
        sandbox.done(&["push", MEDIUM, &reference, "--attach", attach[0]]);
        let pulled = medium(&sandbox, &["pull", &reference, "copy.iso", "--attachments", "statements"]);
        assert_eq!(pulled["attachments"][1]["type"], "application/spdx+json");
        assert_eq!(sandbox.list("statements"), ["win11.intoto.jsonl", "win11.spdx.json"]);
        assert_eq!(sandbox.get("statements/win11.spdx.json"), sandbox.get("win11.spdx.json"));
        std::fs::remove_dir_all(sandbox.path("statements")).unwrap();
        std::fs::remove_file(sandbox.path("copy.iso")).unwrap();
    }
    // The registry has no list of referrers, so there is a tag for them.
    let tags = sandbox.run_other("skopeo", &["list-tags", "--tls-verify=false", &format!("docker://{name}")]);
    assert!(tags.contains("\"sha256-"), "{tags}");
}

#[test]
fn a_folder_follows_the_tags() {
    let sandbox = project();
    let Some(registry) = Registry::start(&sandbox.path("registry")) else { return };
    let proxy = Proxy::start(registry.port(), |_| Fault::None);
    let name = format!("oci://{}/media/win11", proxy.host());
    sandbox.done(&["apply"]);
    sandbox.put("a.json", "{}");
    sandbox.done(&["push", MEDIUM, &format!("{name}:BER"), "--attach", "application/json=a.json"]);
    sandbox.done(&["push", "out/win11-HAM.iso", &format!("{name}:HAM")]);
    let sync = |more: &[&str]| -> Vec<(String, String)> {
        let printed = sandbox.done(&[&["sync", &name, "site", "--json"], more].concat());
        let document: Json = serde_json::from_str(&printed).unwrap();
        let media = document["media"].as_array().unwrap().iter();
        media.map(|it| (it["tag"].as_str().unwrap().into(), it["outcome"].as_str().unwrap().into())).collect()
    };
    let outcomes = |ber: &str, ham: &str| vec![("BER".to_owned(), ber.to_owned()), ("HAM".to_owned(), ham.to_owned())];
    assert_eq!(sync(&[]), outcomes("pull", "pull"));
    assert_same(&sandbox, "site/win11-BER.iso");
    let before = proxy.n_bytes();
    assert_eq!(sync(&[]), outcomes("keep", "keep"));
    assert!(proxy.n_bytes() - before < 4_000, "{} bytes for nothing", proxy.n_bytes() - before);

    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    build(&sandbox);
    sandbox.done(&["push", MEDIUM, &format!("{name}:BER")]);
    assert_eq!(sync(&[]), outcomes("pull", "keep"));
    assert_same(&sandbox, "site/win11-BER.iso");

    // A file that was changed by hand is repaired.
    let mut damaged = sandbox.get("site/win11-HAM.iso");
    let last = damaged.len() - 3_000_000;
    damaged[last] ^= 1;
    sandbox.put("site/win11-HAM.iso", damaged);
    assert_eq!(sync(&["--tag", "HAM"]), [("HAM".to_owned(), "pull".to_owned())]);
    assert!(sandbox.get("site/win11-HAM.iso") == sandbox.get("out/win11-HAM.iso"));

    let tag = sandbox.path("registry/data/docker/registry/v2/repositories/media/win11/_manifests/tags/HAM");
    std::fs::remove_dir_all(tag).unwrap();
    assert_eq!(sync(&[]), outcomes("keep", "unlisted"));
    assert_eq!(sync(&["--delete"]), outcomes("keep", "delete"));
    assert_eq!(sandbox.list("site"), [".tsmedia", ".tsmedia-sync.json", "win11-BER.iso"]);
}

/// Repository in a folder with the medium, and an older copy of the medium.
fn published() -> (Sandbox, String, Utf8PathBuf) {
    let sandbox = project();
    std::fs::copy(sandbox.path(MEDIUM), sandbox.path("old.iso")).unwrap();
    sandbox.put("packages/vpn/client.msi", noise("other client", 12 << 20));
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\n");
    build(&sandbox);
    let folder = sandbox.path("repository");
    let reference = format!("file://{folder}:BER");
    sandbox.done(&["push", MEDIUM, &reference]);
    (sandbox, reference, folder)
}
