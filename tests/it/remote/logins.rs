//! Credentials from the files and helpers of docker and podman.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use base64ct::{Base64, Encoding as _};

use super::{MEDIUM, project};
use crate::fixtures::registry::{PASSWORD, Registry, USER};
use crate::fixtures::sandbox::Sandbox;

/// Publishes the medium with variables of the environment.
fn push(sandbox: &Sandbox, registry: &Registry, variables: &[(&str, &str)]) -> Output {
    let reference = format!("oci://{}/media/win11:BER", registry.host());
    let mut command = sandbox.command(&["push", MEDIUM, &reference]);
    for name in ["HOME", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"] {
        command.env_remove(name);
    }
    let ran = command.envs(variables.iter().copied()).output().unwrap();
    let said = [&ran.stdout[..], &ran.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(
        !said.contains(PASSWORD) && !said.contains(&Base64::encode_string(format!("{USER}:{PASSWORD}").as_bytes())),
        "{said}"
    );
    ran
}

#[test]
fn credentials_come_from_the_files_of_docker_and_podman() {
    let sandbox = project();
    let Some(registry) = Registry::start_with_password(&sandbox.path("registry")) else { return };
    let file = |password: &str| {
        let auth = Base64::encode_string(format!("{USER}:{password}").as_bytes());
        format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.host())
    };
    let without = push(&sandbox, &registry, &[]);
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(said.contains("401 Unauthorized") && said.contains("docker login"), "{said}");
    sandbox.put("wrong/config.json", file("battery staple"));
    assert!(!push(&sandbox, &registry, &[("DOCKER_CONFIG", sandbox.path("wrong").as_str())]).status.success());
    sandbox.put("docker/config.json", file(PASSWORD));
    let docker = push(&sandbox, &registry, &[("DOCKER_CONFIG", sandbox.path("docker").as_str())]);
    assert!(docker.status.success(), "{docker:?}");
    sandbox.put("run/containers/auth.json", file(PASSWORD));
    let podman = push(&sandbox, &registry, &[("XDG_RUNTIME_DIR", sandbox.path("run").as_str())]);
    assert!(podman.status.success(), "{podman:?}");
}

#[test]
fn credential_helpers_are_asked() {
    let sandbox = project();
    let Some(registry) = Registry::start_with_password(&sandbox.path("registry")) else { return };
    // The helper knows one registry, by the name that it is given on its standard input.
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = get ] && read -r host || [ \"$host\" = {} ] || exit 1\n\
         printf '{{\"ServerURL\":\"%s\",\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}' \"$host\"\n",
        registry.host()
    );
    sandbox.put("bin/docker-credential-vault", script);
    fs::set_permissions(sandbox.path("bin/docker-credential-vault"), fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.put("docker/config.json", r#"{"credsStore":"vault"}"#);
    let docker = sandbox.path("docker");
    let missing = push(&sandbox, &registry, &[("DOCKER_CONFIG", docker.as_str())]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("running `docker-credential-vault`"), "{missing:?}");
    let path = format!("{}:{}", sandbox.path("bin"), std::env::var("PATH").unwrap());
    let helped = push(&sandbox, &registry, &[("DOCKER_CONFIG", docker.as_str()), ("PATH", &path)]);
    assert!(helped.status.success(), "{helped:?}");
}
