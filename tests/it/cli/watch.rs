//! `watch`: what makes it build anew, and that nothing else does.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::fixtures::sandbox::Sandbox;

/// Far longer than anything takes, for machines that are busy with other things.
const LONG: Duration = Duration::from_secs(60);

/// A `tsmedia watch` at work.
pub struct Watching {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Watching {
    pub fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        Self::begin(sandbox.command(&[&["watch"], arguments].concat()))
    }

    fn begin(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits until a line with these words is said; what was said up to it.
    pub fn until(&mut self, words: &str) -> String {
        let start = Instant::now();
        let first = self.seen.len();
        loop {
            match self.lines.recv_timeout(LONG.saturating_sub(start.elapsed())) {
                Ok(line) => {
                    let is_it = line.contains(words);
                    self.seen.push(line);
                    if is_it {
                        return self.seen[first..].join("\n");
                    }
                }
                Err(_) => panic!("`{words}` was never said:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Ctrl-C; what was said since, and the exit code.
    pub fn stop(mut self) -> (String, Option<i32>) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let first = self.seen.len();
        let code = self.child.wait().unwrap().code();
        self.seen.extend(self.lines.iter());
        (self.seen[first..].join("\n"), code)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // Already gone where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A project with one medium.
fn small() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit("\n[[sites]]\ncode = \"HAM\"\n", "");
    sandbox
}

/// Waits until the medium holds a text: where a machine is slow, one change may be seen as two.
fn assert_holds(sandbox: &Sandbox, text: &str) {
    let start = Instant::now();
    let is_there = || {
        let medium = fs::read(sandbox.path("out/win11-BER.iso")).unwrap_or_default();
        medium.windows(text.len()).any(|window| window == text.as_bytes())
    };
    while !is_there() {
        assert!(start.elapsed() < LONG, "`{text}` never came on the medium");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn every_change_of_content_is_built_and_nothing_else_is() {
    let sandbox = small();
    let mut watching = Watching::start(&sandbox, &[]);
    let said = watching.until("press Ctrl-C to stop");
    assert!(said.starts_with("create    out/win11-BER.iso: not built yet\ncreated   out/win11-BER.iso ("), "{said}");

    sandbox.put("packages/vpn/vpn.conf", "edited in place");
    let said = watching.until("wrote");
    assert!(said.contains("out/win11-BER.iso: package `BER00021`: "), "{said}");
    assert_holds(&sandbox, "edited in place");

    // As editors save.
    sandbox.put("packages/vpn/.vpn.conf.swp", "saved by renaming");
    fs::rename(sandbox.path("packages/vpn/.vpn.conf.swp"), sandbox.path("packages/vpn/vpn.conf")).unwrap();
    watching.until("wrote");
    assert_holds(&sandbox, "saved by renaming");

    sandbox.put("packages/vpn/new/nested/folder/readme.txt", "in a new folder");
    watching.until("wrote");
    assert_holds(&sandbox, "in a new folder");
    sandbox.put("packages/vpn/new/nested/folder/readme.txt", "in a folder that was new");
    watching.until("wrote");
    assert_holds(&sandbox, "in a folder that was new");

    fs::remove_file(sandbox.path("out/win11-BER.iso")).unwrap();
    let said = watching.until("wrote");
    assert!(said.contains("create "), "{said}");

    // The content's own folder.
    fs::remove_dir_all(sandbox.path("packages")).unwrap();
    watching.until("does not exist");
    sandbox.put("packages/vpn/setup.cmd", "came again");
    watching.until("wrote");
    assert_holds(&sandbox, "came again");
    sandbox.put("packages/vpn/setup.cmd", "and is watched again");
    watching.until("wrote");
    assert_holds(&sandbox, "and is watched again");

    sandbox.put("images/boot.wim", sandbox.get("images/boot.wim"));
    sandbox.put("boot-files/bootmgr", "another boot manager");
    watching.until("wrote");
    assert_holds(&sandbox, "another boot manager");

    // Files that are not inputs, and files that it writes itself.
    sandbox.put("notes.txt", "nothing to do with it");
    let (said, code) = watching.stop();
    assert_eq!((said.as_str(), code), ("stopped", Some(130)));
    assert!(sandbox.done(&["plan"]).starts_with("nothing to do"));
}

#[test]
fn what_is_wrong_is_said_once_and_mended_manifests_are_built() {
    let sandbox = small();
    let manifest = String::from_utf8(sandbox.get("media.toml")).unwrap();
    fs::remove_file(sandbox.path("media.toml")).unwrap();
    let mut watching = Watching::start(&sandbox, &["sub/../media.toml", "--vars", "values/mine.toml"]);
    fs::create_dir(sandbox.path("sub")).unwrap();
    watching.until("reading `sub/../media.toml`");
    sandbox.put("media.toml", manifest.replace("kind = \"stand-alone\"", "kind = \"stand-alne\""));
    watching.until("reading `values/mine.toml`");
    sandbox.put("values/mine.toml", "name = \"value of a file\"");
    watching.until("kind = \"stand-alne\"");
    sandbox.put("media.toml", manifest.replace("kind =", "profile = \"profiles/own.toml\"\nkind ="));
    watching.until("the profile file `profiles/own.toml` does not exist");
    sandbox.put("profiles/own.toml", "[boot]\nprompt = tru");
    watching.until("own.toml:2");
    sandbox.put("profiles/own.toml", "[media]\nlabel = \"{{ vars.name }}\"");
    watching.until("press Ctrl-C to stop");
    sandbox.edit("label = \"WIN11 {{ site.code }}\"\n", "");
    watching.until("wrote");
    assert_holds(&sandbox, "label=value of a file");
    sandbox.put("values/mine.toml", "name = \"another value\"");
    let said = watching.until("wrote");
    assert!(said.contains("another value"), "{said}");
    // Touched, and the same: there is nothing to say.
    sandbox.put("values/mine.toml", "name = \"another value\"");
    sandbox.edit("manifest-version = 1", "manifest-version = 9");
    let said = watching.until("manifest-version = 9");
    assert!(!said.contains("wrote"), "{said}");
    sandbox.edit("manifest-version = 9", "manifest-version = 1");
    let said = watching.until("press Ctrl-C to stop");
    assert!(said.contains("nothing to do: the output is up to date"), "{said}");
    assert_eq!(watching.stop().1, Some(130));
}

#[test]
fn links_to_content_are_watched_at_both_ends() {
    let sandbox = small();
    sandbox.put("store/1/setup.cmd", "the first version");
    sandbox.put("store/2/setup.cmd", "the second version");
    fs::remove_dir_all(sandbox.path("packages/vpn")).unwrap();
    symlink("../store/1", sandbox.path("packages/vpn")).unwrap();
    let mut watching = Watching::start(&sandbox, &[]);
    watching.until("press Ctrl-C to stop");
    sandbox.put("store/1/setup.cmd", "the first version, edited");
    watching.until("wrote");
    assert_holds(&sandbox, "the first version, edited");
    symlink("../store/2", sandbox.path("packages/next")).unwrap();
    fs::rename(sandbox.path("packages/next"), sandbox.path("packages/vpn")).unwrap();
    watching.until("wrote");
    assert_holds(&sandbox, "the second version");
    assert_eq!(watching.stop().1, Some(130));
}

#[test]
fn where_the_system_says_nothing_it_looks_by_itself() {
    let sandbox = small();
    let mut watching = Watching::start(&sandbox, &["--poll", "0.1"]);
    watching.until("press Ctrl-C to stop");
    sandbox.put("packages/vpn/new/readme.txt", "seen by looking");
    watching.until("wrote");
    assert_holds(&sandbox, "seen by looking");
    fs::remove_file(sandbox.path("out/win11-BER.iso")).unwrap();
    watching.until("wrote");
    let (said, code) = watching.stop();
    assert_eq!((said.as_str(), code), ("stopped", Some(130)));
}

#[test]
fn where_the_system_watches_nothing_more_it_says_so_and_looks_by_itself() {
    let sandbox = small();
    // In a user namespace of its own, so that the limit affects no other process.
    let script = "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$0\" watch";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script, env!("CARGO_BIN_EXE_tsmedia")]);
    command.current_dir(&sandbox.root);
    let mut allows = Command::new("unshare");
    allows.args(["--user", "--map-root-user", "sh", "-c", "echo 9 >/proc/sys/user/max_inotify_instances"]);
    let mut watching = match allows.output() {
        Ok(ran) if ran.status.success() => {
            let mut watching = Watching::begin(command);
            let said = watching.until("checking every 2 seconds instead");
            assert!(said.contains("no more watchers (`fs.inotify.max_user_instances` is "), "{said}");
            watching
        }
        // Where no user may set limits, looking stands in by itself.
        _ => Watching::start(&sandbox, &["--poll", "2"]),
    };
    watching.until("press Ctrl-C to stop");
    sandbox.put("packages/vpn/vpn.conf", "seen without the system");
    watching.until("wrote");
    assert_holds(&sandbox, "seen without the system");
    assert_eq!(watching.stop().1, Some(130));
}

#[test]
fn changes_during_a_build_are_built_after_it() {
    let sandbox = small();
    let large = fs::File::create(sandbox.path("packages/vpn/large.bin")).unwrap();
    large.set_len(1 << 30).unwrap();
    let mut watching = Watching::start(&sandbox, &[]);
    watching.until("create ");
    sandbox.put("packages/vpn/vpn.conf", "while it was building");
    fs::remove_file(sandbox.path("packages/vpn/large.bin")).unwrap();
    // The first build ends either way: whole, or because what it reads has changed.
    let start = Instant::now();
    while !sandbox.path("out/win11-BER.iso").exists()
        || sandbox.path("out/win11-BER.iso").metadata().unwrap().len() > 1 << 30
    {
        assert!(start.elapsed() < LONG, "it was never built:\n{}", watching.seen.join("\n"));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_holds(&sandbox, "while it was building");
    assert_eq!(watching.stop().1, Some(130));
}

#[test]
fn ctrl_c_ends_a_build_of_watch_as_it_ends_apply() {
    let sandbox = small();
    let large = fs::File::create(sandbox.path("packages/vpn/large.bin")).unwrap();
    large.set_len(4 << 30).unwrap();
    let mut watching = Watching::start(&sandbox, &[]);
    watching.until("create ");
    let (said, code) = watching.stop();
    assert_eq!((said.as_str(), code), ("stopped", Some(130)));
    assert!(!sandbox.path("out").exists() || sandbox.list("out").is_empty());
}

#[test]
fn another_run_is_waited_for() {
    let sandbox = small();
    fs::create_dir(sandbox.path(".tsmedia")).unwrap();
    let lock = fs::File::create(sandbox.path(".tsmedia/lock")).unwrap();
    lock.lock().unwrap();
    fs::write(sandbox.path(".tsmedia/lock"), "PID 7, building `out/win11-BER.iso`").unwrap();
    let mut watching = Watching::start(&sandbox, &[]);
    assert_eq!(
        watching.until("waiting"),
        "waiting: another tsmedia process (PID 7, building `out/win11-BER.iso`) is using `./.tsmedia`"
    );
    drop(lock);
    watching.until("created");
    assert_eq!(watching.stop().1, Some(130));
}

#[test]
fn rounds_are_data_too() {
    let sandbox = small();
    sandbox.edit("packages/vpn", "packages/vpm");
    let mut command = sandbox.command(&["watch", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut rounds = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> serde_json::Value { serde_json::from_str(&rounds.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["problems"][0]["severity"], "error");
    sandbox.edit("packages/vpm", "packages/vpn");
    assert_eq!(next()["outputs"][0]["action"], "create");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_secret_is_fetched_once_for_each_change_and_never_while_nothing_changes() {
    for poll in [&[][..], &["--poll", "0.1"]] {
        let sandbox = small();
        sandbox.edit("\n[[package]]", "\n[variables]\nKey = { command = [\"sh\", \"key.sh\"] }\n\n[[package]]");
        sandbox.put("key.sh", "echo run >>runs.log; cat key.txt\n");
        sandbox.put("key.txt", "the key");
        let n_runs = || sandbox.get("runs.log").iter().filter(|byte| **byte == b'\n').count();
        let mut watching = Watching::start(&sandbox, poll);
        watching.until("press Ctrl-C to stop");
        // What it wrote itself is told to it by then.
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(n_runs(), 1, "{poll:?}");
        if !poll.is_empty() {
            continue;
        }
        sandbox.put("packages/vpn/vpn.conf", "edited");
        watching.until("wrote");
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(n_runs(), 2);
        // The manifest names another command.
        sandbox.edit("\"key.sh\"", "\"key.sh\", \"again\"");
        sandbox.put("key.txt", "another key");
        watching.until("wrote");
        assert_eq!(n_runs(), 3);
        fs::remove_file(sandbox.path("out/win11-BER.iso")).unwrap();
        watching.until("wrote");
        assert_eq!(n_runs(), 4);
        assert_eq!(watching.stop().1, Some(130));
    }
}
