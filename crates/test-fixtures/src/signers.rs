//! Certificate authorities and signatures, created with openssl, osslsigncode and sbsign.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Keys and certificates in a temporary folder.
pub struct Signers {
    folder: tempfile::TempDir,
}

/// Test authority: stem of its files and common name.
#[derive(Clone, Copy, Debug)]
pub struct Signer(pub &'static str, pub &'static str);

/// Authority with the name of Microsoft's of 2011.
pub const NAMED_2011: Signer = Signer("named-2011", "Microsoft Windows Production PCA 2011");
/// Authority with the name of Microsoft's of 2023.
pub const NAMED_2023: Signer = Signer("named-2023", "Windows UEFI CA 2023");
/// Authority with a name of its own.
pub const OWN: Signer = Signer("own", "Example Boot CA");

impl Signers {
    /// Creates all signers: one key for the authorities and one for the signers, since keys take
    /// long to generate.
    ///
    /// Returns `None` if a tool is missing and not required.
    pub fn new() -> Option<Self> {
        let tools = [("openssl", "version"), ("osslsigncode", "--version"), ("sbsign", "--version")];
        let is_there = |(tool, argument): &(&str, &str)| Command::new(tool).arg(argument).output().is_ok();
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

    /// Creates a certificate for a key, signed by an authority: `STEM.pem`.
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

    /// Runs a tool in the folder, and panics if it fails. Returns its output.
    pub fn run(&self, tool: &str, arguments: &[&str]) -> String {
        let done = Command::new(tool).args(arguments).current_dir(self.folder.path()).output().unwrap();
        let output = [done.stdout, done.stderr].concat();
        let output = String::from_utf8_lossy(&output).into_owned();
        assert!(done.status.success(), "{tool} {arguments:?}: {output}");
        output
    }

    /// Signs a program with osslsigncode.
    pub fn osslsigncode(&self, program: &[u8], signer: Signer, more: &[&str]) -> Vec<u8> {
        let (leaf, authority) = (format!("{}.pem", signer.0), format!("{}.ca.pem", signer.0));
        let files = ["sign", "-certs", &leaf, "-ac", &authority, "-key", "signer.key", "-in", "in", "-out", "out"];
        let hash: &[&str] = if more.contains(&"-h") { &[] } else { &["-h", "sha256"] };
        self.run_on("osslsigncode", &[&files[..], hash, more].concat(), program)
    }

    /// Signs a program with sbsign, in addition to its existing signatures.
    pub fn sbsign(&self, program: &[u8], signer: Signer) -> Vec<u8> {
        let (leaf, authority) = (format!("{}.pem", signer.0), format!("{}.ca.pem", signer.0));
        let files = ["--key", "signer.key", "--cert", &leaf, "--addcert", &authority, "--output", "out", "in"];
        self.run_on("sbsign", &files, program)
    }

    /// Runs a tool on `program` as the file `in`, and returns the file `out`.
    fn run_on(&self, tool: &str, arguments: &[&str], program: &[u8]) -> Vec<u8> {
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
