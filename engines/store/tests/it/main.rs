//! The store on both databases.

mod acts;
mod blobs;
mod journal;
