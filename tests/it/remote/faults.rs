//! Transfers that fail: the old medium stays, and the next run goes on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use test_fixtures::is_thorough;
use tsmedia::progress::Progress;
use tsmedia::remote::{PullAction, PullOptions, RemoteReference, pull};
use tsmedia::store::Store;
use tsmedia::write::{DiskOps, WriteOptions};

use super::{MEDIUM, assert_same, medium, project, published};
use crate::fixtures::registry::{Fault, Proxy, Registry};

#[test]
fn cut_connections_are_continued() {
    let sandbox = project();
    let Some(registry) = Registry::start(&sandbox.path("registry")) else { return };
    // Cuts of many lengths, and errors in between.
    let proxy = Proxy::start(registry.port(), |n| match n % 5 {
        0 => Fault::Cut(100 + 7_919 * n),
        1 => Fault::Unavailable,
        2 => Fault::Cut(200_000 + 104_729 * n),
        _ => Fault::None,
    });
    let reference = format!("oci://{}/media/win11:BER", proxy.host());
    sandbox.done(&["push", MEDIUM, &reference]);
    sandbox.done(&["pull", &reference, "copy.iso"]);
    assert_same(&sandbox, "copy.iso");
    assert!(proxy.n_connections() > 8, "only {} connections", proxy.n_connections());
}

#[test]
fn the_next_run_goes_on_where_one_stopped() {
    let sandbox = project();
    let Some(registry) = Registry::start(&sandbox.path("registry")) else { return };
    let proxy = Proxy::start(registry.port(), |_| Fault::None);
    let reference = format!("oci://{}/media/win11:BER", proxy.host());
    let pushed = medium(&sandbox, &["push", MEDIUM, &reference]);
    // The line is lost in the middle, for good.
    let start = proxy.n_connections();
    proxy.set(move |n| if n < start + 4 { Fault::Cut(2_500_000) } else { Fault::Cut(1) });
    let failed = sandbox.see(&format!("pull {reference} copy.iso"));
    assert!(failed.contains("it goes on where it stopped") && failed.ends_with("= 1\n\n"), "{failed}");
    assert!(!sandbox.path("copy.iso").exists());
    proxy.set(|_| Fault::None);
    let pulled = medium(&sandbox, &["pull", &reference, "copy.iso"]);
    assert_same(&sandbox, "copy.iso");
    let (fetched, all) = (pulled["fetched"]["chunks"].as_u64().unwrap(), pushed["chunks"].as_u64().unwrap());
    assert!(fetched < all, "{fetched} of {all}");
    assert_eq!(sandbox.list(".").iter().filter(|name| name.contains("copy")).count(), 1);
}

#[test]
fn a_server_that_stays_unavailable_is_an_error() {
    let sandbox = project();
    let Some(registry) = Registry::start(&sandbox.path("registry")) else { return };
    let proxy = Proxy::start(registry.port(), |_| Fault::Unavailable);
    let failed = sandbox.see(&format!("pull oci://{}/media/win11:BER copy.iso", proxy.host()));
    assert!(failed.contains("503 Service Unavailable"), "{failed}");
}

#[test]
fn every_failure_of_the_disk_leaves_the_old_medium_or_the_new_one() {
    let (sandbox, reference, _) = published();
    let reference = RemoteReference::parse(&reference).unwrap();
    let (old, new) = (sandbox.get("old.iso"), sandbox.get(MEDIUM));
    let target = sandbox.path("site.iso");
    let store = Store::open(&sandbox.path("cache"));
    let pull_with = |no_patch: bool, n_allowed: usize| {
        sandbox.put("site.iso", &old);
        let n_calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&n_calls);
        let disk = DiskOps::watched(move |_| match counter.fetch_add(1, Ordering::Relaxed) < n_allowed {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        });
        let write = WriteOptions { disk, ..WriteOptions::default() };
        let options = PullOptions { write, no_patch, ..PullOptions::default() };
        let pulled = pull(&reference, &target, false, &store, &options, &Progress::default());
        (pulled, n_calls.load(Ordering::Relaxed))
    };
    for no_patch in [false, true] {
        let (pulled, n_calls) = pull_with(no_patch, usize::MAX);
        assert_eq!(pulled.unwrap().action == PullAction::Rebuild, no_patch);
        assert!(sandbox.get("site.iso") == new && n_calls > 15, "{n_calls}");
        // In between are writes of chunks, one like the other.
        let (n_last, step) = if is_thorough() { (40, 8) } else { (12, 64) };
        for n in (0..n_calls).filter(|n| *n < 4 || *n + n_last > n_calls || n % step == 0) {
            let (pulled, _) = pull_with(no_patch, n);
            if pulled.is_ok() {
                // Cleaning up failed, such as removing the journal.
                assert!(sandbox.get("site.iso") == new, "after {n} calls");
            } else if let Ok(now) = std::fs::read(&target) {
                assert!(now == old || now == new, "after {n} calls, the medium is neither old nor new");
            }
            let options = PullOptions { no_patch, ..PullOptions::default() };
            let pulled = pull(&reference, &target, false, &store, &options, &Progress::default()).unwrap();
            assert!(sandbox.get("site.iso") == new, "after {n} calls: {:?}", pulled.action);
        }
    }
}
