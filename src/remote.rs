//! Publishes finished media in registries and folders, and fetches them again.
//!
//! A medium travels as chunks, each a blob of an OCI artifact (OCI Image Format 1.1, Distribution 1.1): see
//! [`ChunkedMedium`]. [`push`] uploads the chunks that a repository lacks; [`pull`] fetches those that the medium on disk
//! lacks. `oci://` names a registry, `file://` an OCI image layout in a folder. Everything that comes from a repository
//! is untrusted: bounded by `limits`, and compared with its digest before it is used.

mod access;
mod artifact;
mod attachments;
mod chunker;
mod chunks;
#[cfg(feature = "network")]
mod credentials;
mod folder;
#[cfg(feature = "network")]
mod http;
mod index;
mod pull;
mod push;
mod reference;
#[cfg(feature = "network")]
mod registry;
mod repository;
mod sync;

pub use access::RemoteAccess;
pub use artifact::{Annotations, BlobDescriptor};
pub use attachments::{Attachment, is_file_name};
pub use chunks::{ChunkedMedium, MediumChunk};
pub use pull::{PullAction, PullOptions, Pulled, pull};
pub use push::{PushOptions, Pushed, push};
pub use reference::{RemotePlace, RemoteReference, RemoteVersion};
pub use repository::{Repository, StoredManifest};
pub use sync::{SyncOptions, SyncOutcome, SyncedMedium, sync};
