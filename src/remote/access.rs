//! Ways to reach repositories, as the command line sets them.

use camino::Utf8PathBuf;

/// Options for reaching repositories.
#[derive(Clone, Debug, Default)]
pub struct RemoteAccess {
    /// `true` to use HTTP instead of HTTPS with any host. Hosts on the loopback interface always use HTTP.
    pub plain_http: bool,
    /// Files with credentials as docker and podman store them, in order of precedence.
    pub credential_files: Vec<Utf8PathBuf>,
}
