//! Certificates of every kind, good and bad, made by openssl in a folder: each with a key out of a few that are made
//! once, and with the days that it is told.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

/// What a certificate is to be.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The file, without its ending; the certificate is `NAME.pem`.
    pub name: &'a str,
    /// One of [`KEYS`].
    pub key: &'a str,
    /// The certificate and key that sign it; it signs itself if there is none.
    pub issuer: Option<(&'a str, &'a str)>,
    /// The first and the last day, as `20200101`.
    pub days: (&'a str, &'a str),
    /// Extensions, as openssl's configuration has them.
    pub extensions: &'a str,
    /// The digest of the signature.
    pub digest: &'a str,
}

/// The keys that there are, with what openssl is asked for.
pub const KEYS: [(&str, &[&str]); 6] = [
    ("root", &["rsa:2048"]),
    ("other", &["rsa:2048"]),
    ("issuing", &["rsa:2048"]),
    ("client", &["rsa:2048"]),
    ("weak", &["rsa:1024"]),
    ("curve", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
];

pub const CA: &str = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n";
pub const CLIENT: &str = "basicConstraints=CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n";
pub const DAYS: (&str, &str) = ("20200101", "20600101");

pub fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().expect("openssl");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The folder of the keys, made once for all tests of a process.
fn keys() -> &'static Utf8Path {
    static MADE: OnceLock<(tempfile::TempDir, Utf8PathBuf)> = OnceLock::new();
    &MADE
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let root = Utf8PathBuf::try_from(folder.path().to_owned()).unwrap();
            for (name, kind) in KEYS {
                let out = root.join(format!("{name}.key"));
                let start =
                    ["req", "-new", "-nodes", "-subj", "/CN=unused", "-out", "/dev/null", "-keyout", out.as_str()];
                openssl(&[start.as_slice(), &["-newkey"], kind].concat());
            }
            (folder, root)
        })
        .1
}

/// The path of a key.
pub fn key(name: &str) -> Utf8PathBuf {
    keys().join(format!("{name}.key"))
}

/// Makes a certificate in a folder.
pub fn make(folder: &Utf8Path, wanted: Wanted<'_>) -> Utf8PathBuf {
    let Wanted { name, key: own, issuer, days, extensions, digest } = wanted;
    let at = |ending: &str| folder.join(format!("{name}.{ending}"));
    let config = "[ca]\ndefault_ca=d\n[d]\ndatabase=@/index\nnew_certs_dir=@\npolicy=p\nunique_subject=no\n\
                  rand_serial=yes\n[p]\ncommonName=supplied\norganizationName=optional\n";
    fs::write(folder.join("index"), "").unwrap();
    fs::write(at("cnf"), config.replace('@', folder.as_str())).unwrap();
    fs::write(at("ext"), extensions).unwrap();
    let (csr, out, own) = (at("csr"), at("pem"), key(own));
    let subject = format!("/CN=Test {name}/O=Contoso");
    openssl(&["req", "-new", "-key", own.as_str(), "-subj", &subject, "-out", csr.as_str()]);
    let (config, extensions) = (at("cnf"), at("ext"));
    let mut arguments = vec!["ca", "-batch", "-notext", "-preserveDN", "-md", digest, "-config", config.as_str()];
    let (start, end) = (format!("{}000000Z", days.0), format!("{}000000Z", days.1));
    arguments.extend(["-startdate", &start, "-enddate", &end, "-extfile", extensions.as_str()]);
    arguments.extend(["-in", csr.as_str(), "-out", out.as_str()]);
    let (signer, signer_key) = match issuer {
        Some((certificate, signer)) => (folder.join(format!("{certificate}.pem")), key(signer)),
        None => (out.clone(), own),
    };
    match issuer {
        Some(_) => arguments.extend(["-cert", signer.as_str(), "-keyfile", signer_key.as_str()]),
        None => arguments.extend(["-selfsign", "-keyfile", signer_key.as_str()]),
    }
    openssl(&arguments);
    for ending in ["cnf", "ext", "csr"] {
        fs::remove_file(at(ending)).unwrap();
    }
    out
}

/// A root, an issuing authority below it, and a client's certificate of that one: `root`, `issuing`, `client`.
pub fn chain(folder: &Utf8Path) {
    let root = Wanted { name: "root", key: "root", issuer: None, days: DAYS, extensions: CA, digest: "sha256" };
    make(folder, root);
    make(folder, Wanted { name: "issuing", key: "issuing", issuer: Some(("root", "root")), ..root });
    let issuer = Some(("issuing", "issuing"));
    make(folder, Wanted { name: "client", key: "client", issuer, extensions: CLIENT, ..root });
}

/// Puts a certificate and its key into `NAME.pfx` under a password, with what else openssl is told.
pub fn pfx(folder: &Utf8Path, name: &str, own: &str, password: &str, more: &[&str]) -> Utf8PathBuf {
    let (out, certificate) = (folder.join(format!("{name}.pfx")), folder.join(format!("{name}.pem")));
    let (own, password) = (key(own), format!("pass:{password}"));
    let start = ["pkcs12", "-export", "-in", certificate.as_str(), "-inkey", own.as_str(), "-passout", &password];
    openssl(&[&start, ["-out", out.as_str()].as_slice(), more].concat());
    out
}
