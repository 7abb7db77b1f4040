//! The sample repository through its life: what its pipelines run, and what people see in 80 and 120 columns.

pub mod life;

use std::fs;

use life::{COLLEAGUE, FORK, Life, RUNNER};

/// The first build: media are made, and their records and the lock of the images committed.
fn first_build(life: &mut Life) {
    life.note("The first build: images are locked, media are made, and their records committed.");
    life.clone(RUNNER);
    life.run(RUNNER, "check --format github *");
    life.run(RUNNER, "lock --min-size 20kB *");
    life.run(RUNNER, "apply --yes *");
    life.commit(RUNNER.name, "Build media");
    life.git(RUNNER.name, &["push", "--quiet"]);
    life.run(RUNNER, "plan *");
}

fn pull_request_of_a_fork(life: &mut Life) {
    life.note("A pull request from a fork, without secrets and without media.");
    life.clone(FORK);
    life.git(FORK.name, &["switch", "--quiet", "--create", "vpn"]);
    life.edit(FORK, "packages/vpn/vpn.conf", "vpn.ber", "vpn2.ber");
    life.commit(FORK.name, "Use the new VPN server");
    life.run(FORK, "check --format github *");
    life.run(FORK, "plan --base origin/main --without-secrets *");
    life.run(FORK, "plan --base origin/main --without-secrets --format markdown *");
    life.git(FORK.name, &["push", "--quiet", "origin", "vpn:main"]);

    life.note("The merge: only the media with the package are patched.");
    life.git(RUNNER.name, &["pull", "--quiet"]);
    life.run(RUNNER, "apply --yes *");
    life.commit(RUNNER.name, "Build media");
    life.git(RUNNER.name, &["push", "--quiet"]);
}

fn drift(life: &mut Life) {
    life.note("Drift: someone else wrote to a medium.");
    let medium = life.path(RUNNER.name, "media/workstation/out/workstation-BER.iso");
    let mut bytes = fs::read(&medium).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0xff;
    fs::write(&medium, bytes).unwrap();
    life.run(RUNNER, "plan --detailed-exitcode *");
    life.run(RUNNER, "apply --yes *");
    assert!(life.is_clean(RUNNER), "records changed although media are as before");
}

fn second_contributor(life: &mut Life) {
    life.note("A colleague builds everything anew: records stay as they are.");
    life.clone(COLLEAGUE);
    life.run(COLLEAGUE, "apply --yes *");
    assert!(life.is_clean(COLLEAGUE), "records changed on another machine");
    for path in ["boot/out/boot-BER.iso", "kiosk/out/kiosk-NYC.wim", "workstation/out/workstation-NYC.iso"] {
        let [one, other] =
            [RUNNER, COLLEAGUE].map(|place| fs::read(life.path(place.name, "media").join(path)).unwrap());
        assert!(one == other, "{path} differs between machines");
    }
}

fn changed_profile(life: &mut Life) {
    life.note("A site gets another name.");
    life.edit(COLLEAGUE, "profiles/company.toml", "\"NYC\"", "\"BOS\"");
    life.run(COLLEAGUE, "plan --base origin/main *");
    life.run(COLLEAGUE, "apply --yes *");
    life.commit(COLLEAGUE.name, "Move New York to Boston");

    life.note("A file of all media moves: the kiosk medium removes an entry that no profile has any more.");
    life.edit(COLLEAGUE, "profiles/company.toml", "path = \"support.txt\"", "path = \"help/support.txt\"");
    life.run(COLLEAGUE, "check --quiet *");
    life.edit(COLLEAGUE, "media/kiosk/media.toml", "\"support.txt\"", "\"help/support.txt\"");
    life.run(COLLEAGUE, "plan --base HEAD *");
    life.run(COLLEAGUE, "apply --yes *");
    life.commit(COLLEAGUE.name, "Move the phone numbers");
}

fn new_image(life: &mut Life) {
    life.note("A new image: nothing is built from it before the lock is updated, which a review shows.");
    let image = life.path(COLLEAGUE.name, "images/install.wim");
    let description = format!("DESCRIPTION={}", "With the updates of March. ".repeat(50));
    let edit = ["info", image.as_str(), "2", "--image-property", &description];
    assert!(life.command("wimlib-imagex", COLLEAGUE.name).args(edit).output().unwrap().status.success());
    life.run(COLLEAGUE, "check --quiet *");
    life.run(COLLEAGUE, "lock --update images/install.wim");
    life.run(COLLEAGUE, "plan --base HEAD *");
    life.run(COLLEAGUE, "apply --yes *");
    life.commit(COLLEAGUE.name, "Take the image of March");
}

fn removed_medium(life: &mut Life) {
    life.note("A medium is no longer needed.");
    life.run(COLLEAGUE, "destroy --yes media/kiosk/media.toml");
    life.git(COLLEAGUE.name, &["rm", "--quiet", "-r", "--force", "media/kiosk"]);
    life.commit(COLLEAGUE.name, "Remove the kiosk medium");
    life.run(COLLEAGUE, "plan --base HEAD^ *");
}

fn merge_conflict(life: &mut Life) {
    life.note("Meanwhile the runner has built another change: the records conflict.");
    life.edit(RUNNER, "packages/editor/setup.cmd", "installs nothing", "still installs nothing");
    life.run(RUNNER, "apply --yes *");
    life.commit(RUNNER.name, "Change the editor");
    life.git(RUNNER.name, &["push", "--quiet"]);
    life.git(COLLEAGUE.name, &["fetch", "--quiet"]);
    let merged = life.command("git", COLLEAGUE.name).args(["merge", "--quiet", "origin/main"]).output().unwrap();
    assert!(!merged.status.success(), "the merge has no conflict");
    life.run(COLLEAGUE, "check *");
    life.run(COLLEAGUE, "plan *");
    life.run(COLLEAGUE, "apply --yes *");
    life.run(COLLEAGUE, "plan *");
    let record = fs::read_to_string(life.path(COLLEAGUE.name, "media/workstation/media.record.json")).unwrap();
    assert!(!record.contains("<<<<<<<"), "{record}");
}

fn lead_its_life(columns: &'static str) -> String {
    let mut life = Life::new(columns);
    for chapter in [
        first_build,
        pull_request_of_a_fork,
        drift,
        second_contributor,
        changed_profile,
        new_image,
        removed_medium,
        merge_conflict,
    ] {
        chapter(&mut life);
    }
    life.seen
}

#[test]
fn the_sample_repository_leads_its_life() {
    insta::assert_snapshot!("repository_in_80_columns", lead_its_life("80"));
    insta::assert_snapshot!("repository_in_120_columns", lead_its_life("120"));
}
