//! Repositories that are damaged or hostile: nothing of them reaches the medium.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::thread;

use camino::Utf8PathBuf;

use super::{MEDIUM, assert_same, published};
use crate::fixtures::sandbox::Sandbox;

/// Blobs of a repository in a folder, largest first.
fn blobs(folder: &Utf8PathBuf) -> Vec<Utf8PathBuf> {
    let entries = folder.join("blobs/sha256").read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    let mut blobs: Vec<_> = entries.collect();
    blobs.sort_by_key(|path| std::cmp::Reverse(path.metadata().unwrap().len()));
    blobs
}

/// Runs a pull that has to fail and leave the old medium as it is. Returns its output.
fn refused(sandbox: &Sandbox, reference: &str) -> String {
    let old = sandbox.get("old.iso");
    let said = sandbox.see(&format!("pull {reference} old.iso"));
    assert!(said.ends_with("= 1\n\n"), "{said}");
    assert!(sandbox.get("old.iso") == old, "{said}");
    said
}

#[test]
fn damaged_chunks_are_refused() {
    let (sandbox, reference, folder) = published();
    let client = blobs(&folder);
    let originals: Vec<_> = client.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for (path, original) in client.iter().zip(&originals) {
        let mut damaged = original.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        std::fs::write(path, damaged).unwrap();
    }
    let said = refused(&sandbox, &reference);
    assert!(said.contains("has the digest `sha256:<digest>`; `sha256:<digest>` was expected"), "{said}");
    for (path, original) in client.iter().zip(&originals) {
        std::fs::write(path, &original[..original.len() - 1]).unwrap();
    }
    refused(&sandbox, &reference);
    // With only the chunks wrong, the manifest is read, and some chunk has fewer bytes than it says.
    for (path, original) in client.iter().zip(&originals).filter(|(_, original)| original[0] == b'{') {
        std::fs::write(path, original).unwrap();
    }
    let said = refused(&sandbox, &reference);
    assert!(said.contains("bytes;") && said.contains("were expected"), "{said}");
    for (path, original) in client.iter().zip(&originals) {
        std::fs::write(path, original).unwrap();
    }
    sandbox.done(&["pull", &reference, "old.iso"]);
    assert_same(&sandbox, "old.iso");
}

#[test]
fn manifests_that_claim_too_much_are_refused() {
    let (sandbox, reference, folder) = published();
    let index = String::from_utf8(std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let digest = index.split("sha256:").nth(1).unwrap()[..64].to_owned();
    let manifest = String::from_utf8(std::fs::read(folder.join(format!("blobs/sha256/{digest}"))).unwrap()).unwrap();
    let first = manifest.find("chunk.v1").unwrap();
    let put = |text: &str| {
        let path = sandbox.path("blob");
        std::fs::write(&path, text).unwrap();
        let sum = sandbox.run_other("sha256sum", &["blob"])[..64].to_owned();
        std::fs::rename(path, folder.join(format!("blobs/sha256/{sum}"))).unwrap();
        let index = index
            .replace(&digest, &sum)
            .replace(&format!("\"size\":{}", manifest.len()), &format!("\"size\":{}", text.len()));
        std::fs::write(folder.join("index.json"), index).unwrap();
    };
    let size = manifest[first..].find("\"size\":").unwrap() + first + 7;
    let end = manifest[size..].find('}').unwrap() + size;
    for (text, why) in [
        (format!("{}99999999999{}", &manifest[..size], &manifest[end..]), "1 to 67108864 are accepted"),
        (format!("{}0{}", &manifest[..size], &manifest[end..]), "a chunk has 0 bytes"),
        (format!("{}7{}", &manifest[..size], &manifest[end..]), "but its extents"),
        (manifest.replacen("medium.chunk.v1", "other.v1", 1), "is not a chunk"),
        (manifest.replacen("tsmedia.medium.v1", "example.v1", 1), "not a medium"),
        ("{}".into(), "it is not valid"),
        (format!("{{\"schemaVersion\":2,\"x\":\"{}\"}}", "x".repeat(5 << 20)), "the most expected"),
    ] {
        put(&text);
        let said = refused(&sandbox, &reference);
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[test]
fn a_server_that_sends_without_end_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let _ = client.read(&mut [0; 4_096]);
                let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: \x1b[31mred\r\n\r\n");
                while client.write_all(&[b' '; 64 << 10]).is_ok() {}
            });
        }
    });
    let (sandbox, _, _) = published();
    let said = refused(&sandbox, &format!("oci://{host}/media/win11:BER"));
    assert!(said.contains("more than 4194304 bytes") || said.contains("sending a request"), "{said}");
    assert!(!said.contains('\x1b'), "{said:?}");
}

#[test]
fn messages_of_a_server_never_control_the_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let body = r#"{"errors":[{"message":"\u001b[2Jgone\u202e"}]}"#;
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 4_096]);
            let _ = write!(client, "HTTP/1.1 400 Bad\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    let (sandbox, _, _) = published();
    let said = refused(&sandbox, &format!("oci://{host}/media/win11:BER"));
    assert!(said.contains("gone") && !said.contains(['\x1b', '\u{202e}']), "{said:?}");
}

#[test]
fn no_link_leads_a_write_elsewhere() {
    let (sandbox, reference, folder) = published();
    std::fs::create_dir(sandbox.path("elsewhere")).unwrap();
    // A target that is a link.
    symlink(sandbox.path("elsewhere/a.iso"), sandbox.path("link.iso")).unwrap();
    let said = sandbox.see(&format!("pull {reference} link.iso"));
    assert!(said.contains("is a symbolic link"), "{said}");
    // A download of an earlier run that is a link.
    symlink(sandbox.path("elsewhere/b.iso"), sandbox.path(".copy.iso.tsmedia-pull")).unwrap();
    let said = sandbox.see(&format!("pull {reference} copy.iso"));
    assert!(said.contains("it is a symbolic link"), "{said}");
    // A repository whose folder of blobs is a link.
    std::fs::rename(folder.join("blobs"), sandbox.path("elsewhere/blobs")).unwrap();
    symlink(sandbox.path("elsewhere/blobs"), folder.join("blobs")).unwrap();
    std::fs::remove_file(folder.join("index.json")).unwrap();
    for blob in blobs(&folder) {
        std::fs::remove_file(blob).unwrap();
    }
    let said = sandbox.see(&format!("push {MEDIUM} {reference}"));
    assert!(said.contains("is a symbolic link"), "{said}");
    assert!(sandbox.list("elsewhere") == ["blobs"] && sandbox.list("elsewhere/blobs/sha256").is_empty());
}

#[test]
fn files_that_are_not_media_are_kept() {
    let (sandbox, reference, _) = published();
    sandbox.put("notes.txt", "mine");
    let said = sandbox.see(&format!("pull {reference} notes.txt"));
    assert!(said.contains("already exists and is not a medium"), "{said}");
    assert_eq!(sandbox.get("notes.txt"), b"mine");
    sandbox.done(&["pull", &reference, "notes.txt", "--force"]);
    assert_same(&sandbox, "notes.txt");
    let said = sandbox.see(&format!("push media.toml {reference}"));
    assert!(said.contains("`media.toml` is not a medium"), "{said}");
}
