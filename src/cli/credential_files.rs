//! Places of registry credentials, from the variables that docker and podman use.

use std::env;

use camino::Utf8PathBuf;

/// Returns the files of credentials in order of precedence. They need not exist.
pub(super) fn find() -> Vec<Utf8PathBuf> {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty()).map(Utf8PathBuf::from);
    let home = set("HOME");
    let docker = set("DOCKER_CONFIG").or_else(|| home.as_ref().map(|home| home.join(".docker")));
    let files = [
        set("REGISTRY_AUTH_FILE"),
        docker.map(|folder| folder.join("config.json")),
        set("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
        home.map(|home| home.join(".config/containers/auth.json")),
    ];
    files.into_iter().flatten().collect()
}
