//! Certificate authorities and signatures, made with openssl, osslsigncode and sbsign.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Keys and certificates in a folder that is removed at the end.
pub struct Signers {
    folder: tempfile::TempDir,
}

/// An authority of tests and a signer that it vouches for, by the stem of their files.
#[derive(Clone, Copy, Debug)]
pub struct Signer(pub &'static str, pub &'static str);

/// Named as Microsoft's of 2011 is.
pub const NAMED_2011: Signer = Signer("named-2011", "Microsoft Windows Production PCA 2011");
/// Named as Microsoft's of 2023 is.
pub const NAMED_2023: Signer = Signer("named-2023", "Windows UEFI CA 2023");
/// Named unlike any of Microsoft's.
pub const OWN: Signer = Signer("own", "Example Boot CA");

impl Signers {
    /// All of them: one key for the authorities and one for the signers, since keys take long to make. None where a tool
    /// is missing and may be.
    pub fn new() -> Option<Self> {
        let tools = [("openssl", "version"), ("osslsigncode", "--version"), ("sbsign", "--version")];
        let is_there = |(tool, asked): &(&str, &str)| Command::new(tool).arg(asked).output().is_ok();
        if let Some((missing, _)) = tools.iter().find(|tool| !is_there(tool)) {
            assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "{missing} is not installed");
            return None;
        }
        let signers = Self { folder: tempfile::tempdir().unwrap() };
        for key in ["ca", "signer"] {
            signers.openssl(&["genrsa", "-out", &format!("{key}.key"), "2048"]);
        }
        for Signer(stem, name) in [NAMED_2011, NAMED_2023, OWN] {
            let subject = format!("/C=US/O=Microsoft Corporation/CN={name}");
            let out = format!("{stem}.ca.pem");
            signers
                .openssl(&["req", "-x509", "-new", "-key", "ca.key", "-subj", &subject, "-days", "3650", "-out", &out]);
            signers.leaf(stem, "signer.key", "Test Signer", "codeSigning");
        }
        Some(signers)
    }

    /// A certificate for a key, signed by an authority: `STEM.pem`.
    pub fn leaf(&self, stem: &str, key: &str, name: &str, usage: &str) {
        fs::write(self.path("usage"), format!("extendedKeyUsage=critical,{usage}\n")).unwrap();
        let (authority, out) = (format!("{stem}.ca.pem"), format!("{stem}.pem"));
        self.openssl(&["req", "-new", "-key", key, "-subj", &format!("/CN={name}"), "-out", "request"]);
        let signed = ["-CA", &authority, "-CAkey", "ca.key", "-set_serial", "0x00f7", "-days", "3650"];
        let files = ["x509", "-req", "-in", "request", "-extfile", "usage", "-out", &out];
        self.openssl(&[&files[..], &signed].concat());
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs openssl in the folder.
    pub fn openssl(&self, arguments: &[&str]) {
        self.run("openssl", arguments);
    }

    /// Runs a tool in the folder, which must do its work.
    pub fn run(&self, tool: &str, arguments: &[&str]) -> String {
        let done = Command::new(tool).args(arguments).current_dir(self.folder.path()).output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(done.status.success(), "{tool} {arguments:?}: {said}");
        said
    }

    /// A program signed with osslsigncode.
    pub fn osslsigncode(&self, program: &[u8], signer: Signer, more: &[&str]) -> Vec<u8> {
        let (leaf, authority) = (format!("{}.pem", signer.0), format!("{}.ca.pem", signer.0));
        let files = ["sign", "-certs", &leaf, "-ac", &authority, "-key", "signer.key", "-in", "in", "-out", "out"];
        let hash: &[&str] = if more.contains(&"-h") { &[] } else { &["-h", "sha256"] };
        self.made("osslsigncode", &[&files[..], hash, more].concat(), program)
    }

    /// A program signed with sbsign, beside the signatures that it has.
    pub fn sbsign(&self, program: &[u8], signer: Signer) -> Vec<u8> {
        let (leaf, authority) = (format!("{}.pem", signer.0), format!("{}.ca.pem", signer.0));
        let files = ["--key", "signer.key", "--cert", &leaf, "--addcert", &authority, "--output", "out", "in"];
        self.made("sbsign", &files, program)
    }

    /// What a tool makes of the file `in`: the file `out`.
    fn made(&self, tool: &str, arguments: &[&str], program: &[u8]) -> Vec<u8> {
        let (from, to) = (self.path("in"), self.path("out"));
        let _ = fs::remove_file(&to);
        fs::write(&from, program).unwrap();
        self.run(tool, arguments);
        fs::read(to).unwrap()
    }

    /// Returns whether sbverify takes a program as signed by an authority.
    pub fn sbverify(&self, program: &[u8], authority: &Path) -> bool {
        fs::write(self.path("in"), program).unwrap();
        let mut verify = Command::new("sbverify");
        verify.arg("--cert").arg(authority).arg("in").current_dir(self.folder.path());
        verify.output().unwrap().status.success()
    }
}
