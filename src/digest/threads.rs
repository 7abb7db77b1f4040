//! Hashes large contents on threads of their own, one for each kind of digest.
//!
//! SHA-256 can't be split among threads, so it limits the speed of a single content. Everything else (reading, writing,
//! BLAKE3 and SHA-1) is kept out of its way: the caller fills blocks, and each thread takes them in order. A block is
//! filled again once all threads are done with it, so memory is constant. No digest depends on scheduling.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use super::{DigestKinds, Digests, PartialHasher};
use crate::error::{Error, Result};

/// Length of a block in bytes; small enough to stay in a core's cache while it is filled, hashed and written.
const BLOCK_LEN: usize = 256 << 10;
/// Number of blocks.
const N_BLOCKS: usize = 8;

/// Threads that hash one content after another.
pub struct HashThreads {
    threads: Vec<HashThread>,
    /// Number of threads that the current content needs.
    n_busy: usize,
    blocks: Vec<Arc<Vec<u8>>>,
    /// Index of the block to fill next.
    next: usize,
}

/// Thread that computes one kind of digest, seen from the caller.
struct HashThread {
    requests: SyncSender<HashRequest>,
    replies: Receiver<HashReply>,
    /// Number of blocks that it was given and has not finished.
    n_pending: usize,
}

enum HashRequest {
    /// Start of a content. A content before it that did not end is dropped.
    Start(PartialHasher),
    /// Block, and the number of bytes in it.
    Block(Arc<Vec<u8>>, usize),
    End,
}

enum HashReply {
    /// The oldest pending block is hashed.
    Hashed,
    /// Hasher of a content after its last byte.
    Ended(PartialHasher),
}

impl HashThreads {
    /// Starts the threads. They end when this is dropped.
    pub fn start<'scope>(scope: &'scope Scope<'scope, '_>) -> Self {
        let threads = PartialHasher::all(DigestKinds::Sha1Too).into_iter().map(|_| {
            // Sending never blocks: there is room for all blocks, and for the start and the end of a content.
            let (requests, taken) = sync_channel(N_BLOCKS + 2);
            let (answers, replies) = sync_channel(N_BLOCKS + 1);
            scope.spawn(move || answer_requests(&taken, &answers));
            HashThread { requests, replies, n_pending: 0 }
        });
        let blocks = (0..N_BLOCKS).map(|_| Arc::new(vec![0; BLOCK_LEN])).collect();
        Self { threads: threads.collect(), n_busy: 0, blocks, next: 0 }
    }

    /// Hashes a content of `len` bytes. `read` fills a block with the bytes from an offset on; `done` gets each block
    /// once the threads have it.
    ///
    /// # Errors
    ///
    /// The first error of `read` or `done`. The content is then dropped, and another one can be hashed.
    pub fn hash(
        &mut self,
        len: u64,
        kinds: DigestKinds,
        read: &mut dyn FnMut(&mut [u8], u64) -> Result<()>,
        done: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<Digests> {
        self.begin(kinds)?;
        let mut at = 0;
        while at < len {
            let block_len = (len - at).min(BLOCK_LEN as u64) as usize;
            read(&mut self.block()?[..block_len], at)?;
            done(self.hand_over(block_len)?, at)?;
            at += block_len as u64;
        }
        self.end()
    }

    fn begin(&mut self, kinds: DigestKinds) -> Result<()> {
        let hashers = PartialHasher::all(kinds);
        self.n_busy = hashers.len();
        // A content that did not end may have left pending blocks.
        self.threads.iter_mut().try_for_each(|thread| thread.wait(0))?;
        self.threads.iter().zip(hashers).try_for_each(|(thread, hasher)| thread.send(HashRequest::Start(hasher)))
    }

    /// Returns the next block, waiting until no thread needs what it holds.
    fn block(&mut self) -> Result<&mut [u8]> {
        for thread in &mut self.threads {
            thread.wait(N_BLOCKS - 1)?;
        }
        let block = Arc::get_mut(&mut self.blocks[self.next]).ok_or_else(stopped)?;
        Ok(block)
    }

    /// Gives the threads the first `len` bytes of the block that was filled.
    fn hand_over(&mut self, len: usize) -> Result<&[u8]> {
        let block = &self.blocks[self.next];
        self.next = (self.next + 1) % N_BLOCKS;
        for thread in &mut self.threads[..self.n_busy] {
            thread.send(HashRequest::Block(Arc::clone(block), len))?;
            thread.n_pending += 1;
        }
        Ok(&block[..len])
    }

    fn end(&mut self) -> Result<Digests> {
        let busy = &mut self.threads[..self.n_busy];
        busy.iter().try_for_each(|thread| thread.send(HashRequest::End))?;
        let mut digests = Digests::NOT_YET;
        for thread in busy {
            thread.wait(0)?;
            match thread.replies.recv() {
                Ok(HashReply::Ended(hasher)) => hasher.finish(&mut digests),
                _ => return Err(stopped()),
            }
        }
        Ok(digests)
    }
}

impl HashThread {
    fn send(&self, request: HashRequest) -> Result<()> {
        self.requests.send(request).map_err(|_| stopped())
    }

    /// Waits until at most `n_pending` blocks are pending.
    fn wait(&mut self, n_pending: usize) -> Result<()> {
        while self.n_pending > n_pending {
            match self.replies.recv() {
                Ok(HashReply::Hashed) => self.n_pending -= 1,
                _ => return Err(stopped()),
            }
        }
        Ok(())
    }
}

fn answer_requests(requests: &Receiver<HashRequest>, replies: &SyncSender<HashReply>) {
    let mut current = None;
    for request in requests {
        let reply = match request {
            HashRequest::Start(hasher) => {
                current = Some(hasher);
                continue;
            }
            HashRequest::Block(block, len) => {
                if let Some(hasher) = &mut current {
                    hasher.update(&block[..len]);
                }
                // The caller fills the block again as soon as it has the reply.
                drop(block);
                HashReply::Hashed
            }
            HashRequest::End => match current.take() {
                Some(hasher) => HashReply::Ended(hasher),
                None => break,
            },
        };
        if replies.send(reply).is_err() {
            break;
        }
    }
}

fn stopped() -> Error {
    Error::new("a hashing thread stopped unexpectedly")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|at| ((at / 7) ^ (at >> 9)) as u8).collect()
    }

    fn hash(threads: &mut HashThreads, bytes: &[u8], kinds: DigestKinds) -> Digests {
        let mut seen = Vec::new();
        let mut read = |block: &mut [u8], at: u64| {
            block.copy_from_slice(&bytes[at as usize..][..block.len()]);
            Ok(())
        };
        let digests = threads.hash(bytes.len() as u64, kinds, &mut read, &mut |block, at| {
            assert_eq!(at, seen.len() as u64);
            seen.extend_from_slice(block);
            Ok(())
        });
        assert!(seen == bytes);
        digests.unwrap()
    }

    #[test]
    fn threads_compute_what_one_hasher_does_one_content_after_another() {
        std::thread::scope(|scope| {
            let mut threads = HashThreads::start(scope);
            for len in [0, 1, BLOCK_LEN - 1, BLOCK_LEN, BLOCK_LEN + 1, 20 * BLOCK_LEN + 77] {
                for kinds in [DigestKinds::Lists, DigestKinds::Sha1Too] {
                    let bytes = bytes(len);
                    assert_eq!(
                        hash(&mut threads, &bytes, kinds),
                        Digests::hash_kinds(&bytes, kinds),
                        "{len} {kinds:?}"
                    );
                }
            }
        });
    }

    #[test]
    fn a_content_that_ends_early_leaves_nothing_for_the_next_one() {
        std::thread::scope(|scope| {
            let mut threads = HashThreads::start(scope);
            for n_blocks in [0, 3, N_BLOCKS as u64, 30] {
                let mut read = |_: &mut [u8], at: u64| match at < n_blocks * BLOCK_LEN as u64 {
                    true => Ok(()),
                    false => Err(Error::new("bad sector")),
                };
                let error = threads.hash(u64::MAX, DigestKinds::Sha1Too, &mut read, &mut |_, _| Ok(())).unwrap_err();
                assert_eq!(error.to_string(), "bad sector");
                let bytes = bytes(9 * BLOCK_LEN);
                assert_eq!(hash(&mut threads, &bytes, DigestKinds::Lists), Digests::hash(&bytes));
            }
        });
    }
}
