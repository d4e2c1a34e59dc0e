//! Bytes addressed by their SHA-256 digest, in append-only segment files.
//!
//! A segment is a file `000001.seg` of records: `YTB1`, the digest (32 bytes), the length (8 bytes, little-endian), the
//! bytes. What arrives together is written together and shares one flush. On opening, whatever lies behind the last
//! indexed byte was never acknowledged and is cut off.

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::Error;

const MAGIC: &[u8; 4] = b"YTB1";
const HEADER_BYTES: u64 = 44;
/// A segment is closed when it has grown beyond this.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// A blob that is longer is passed on in pieces of this length.
pub(crate) const PIECE_BYTES: u64 = 256 * 1024;

/// The SHA-256 digest of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

/// Bytes to be kept, with their digest.
#[derive(Debug, Clone)]
pub struct NewBlob {
    pub(crate) digest: Digest,
    pub(crate) bytes: Bytes,
}

impl NewBlob {
    /// Takes the digest of `bytes`; do it on the caller's task, not on the writer's.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }

    /// The digest under which the bytes will be found.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

/// Where the bytes of a digest lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) start: u64,
    pub(crate) length: u64,
}

/// The end that is written to; owned by the writer.
#[derive(Debug)]
pub(crate) struct Appender {
    folder: PathBuf,
    segment: u32,
    end: u64,
    file: Arc<File>,
}

impl Appender {
    /// Opens the last segment and cuts off what lies behind `indexed` (segment and end of the last indexed blob).
    pub(crate) fn open(folder: &Path, indexed: Option<(u32, u64)>) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
        let (segment, end) = indexed.unwrap_or((1, 0));
        let file = open_segment(folder, segment, true)?;
        let length = file.metadata().map_err(|e| Error::file(folder, e))?.len();
        if length < end {
            return Err(Error::Corrupt {
                what: "segment",
                why: format!("`{}` ends at {length}, {end} bytes are indexed", segment_path(folder, segment).display()),
            });
        }
        file.set_len(end).map_err(|e| Error::file(folder, e))?;
        for later in segment + 1.. {
            if std::fs::remove_file(segment_path(folder, later)).is_err() {
                break;
            }
        }
        Ok(Self { folder: folder.to_owned(), segment, end, file: Arc::new(file) })
    }

    /// Appends one blob; it is on disk only after the file given back has been flushed.
    pub(crate) fn append(&mut self, blob: &NewBlob) -> Result<(Place, Arc<File>), Error> {
        if self.end >= SEGMENT_BYTES_MAX {
            self.file.sync_data().map_err(|e| Error::file(&self.folder, e))?;
            self.segment += 1;
            self.end = 0;
            self.file = Arc::new(open_segment(&self.folder, self.segment, true)?);
        }
        let length = blob.bytes.len() as u64;
        let mut header = Vec::with_capacity(HEADER_BYTES as usize);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&blob.digest.0);
        header.extend_from_slice(&length.to_le_bytes());
        let place = Place { segment: self.segment, start: self.end + HEADER_BYTES, length };
        let failed = |e| Error::file(&segment_path(&self.folder, self.segment), e);
        self.file.write_all_at(&header, self.end).map_err(failed)?;
        self.file.write_all_at(&blob.bytes, place.start).map_err(failed)?;
        self.end = place.start + length;
        Ok((place, self.file.clone()))
    }
}

/// Reads bytes by place; shared by all readers.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    open: RwLock<HashMap<u32, Arc<File>>>,
}

impl Segments {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: RwLock::default() }
    }

    fn file(&self, segment: u32) -> Result<Arc<File>, Error> {
        if let Some(file) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(&segment) {
            return Ok(file.clone());
        }
        let file = Arc::new(open_segment(&self.folder, segment, false)?);
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(segment, file.clone());
        Ok(file)
    }

    /// All bytes of a blob, checked against `digest`; blocks.
    pub(crate) fn read_checked(&self, place: Place, digest: Digest) -> Result<Bytes, Error> {
        let bytes = self.read(place, 0, place.length)?;
        if Digest::of(&bytes) == digest { Ok(bytes) } else { Err(differs(digest)) }
    }

    /// Checks a blob against `digest` without holding it; blocks.
    pub(crate) fn check(&self, place: Place, digest: Digest) -> Result<(), Error> {
        let mut hasher = Sha256::new();
        for (start, length) in pieces(place.length) {
            hasher.update(self.read(place, start, length)?);
        }
        if Digest(hasher.finalize().into()) == digest { Ok(()) } else { Err(differs(digest)) }
    }

    /// `length` bytes of a blob from `start` on; blocks.
    pub(crate) fn read(&self, place: Place, start: u64, length: u64) -> Result<Bytes, Error> {
        let end = start.checked_add(length).filter(|end| *end <= place.length);
        let (Some(_), Ok(size)) = (end, usize::try_from(length)) else {
            return Err(Error::Corrupt { what: "byte range", why: format!("{start}+{length} of {}", place.length) });
        };
        let mut bytes = vec![0; size];
        self.file(place.segment)?
            .read_exact_at(&mut bytes, place.start + start)
            .map_err(|e| Error::file(&segment_path(&self.folder, place.segment), e))?;
        Ok(bytes.into())
    }
}

fn differs(digest: Digest) -> Error {
    Error::Corrupt { what: "blob", why: format!("the bytes on disk are not those of {digest}") }
}

/// Start and length of the pieces of a blob.
pub(crate) fn pieces(length: u64) -> impl Iterator<Item = (u64, u64)> + Send + use<> {
    (0..length.div_ceil(PIECE_BYTES)).map(move |n| (n * PIECE_BYTES, (length - n * PIECE_BYTES).min(PIECE_BYTES)))
}

fn segment_path(folder: &Path, segment: u32) -> PathBuf {
    folder.join(format!("{segment:06}.seg"))
}

fn open_segment(folder: &Path, segment: u32, write: bool) -> Result<File, Error> {
    let path = segment_path(folder, segment);
    let is_new = write && !path.exists();
    let file = OpenOptions::new()
        .read(true)
        .write(write)
        .create(write)
        .truncate(false)
        .open(&path)
        .map_err(|e| Error::file(&path, e))?;
    if is_new {
        sync_folder(folder)?;
    }
    Ok(file)
}

/// Makes a new name in `folder` durable.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::file(folder, e))
}

/// Appends one line to a small file and flushes it.
pub(crate) fn append_line(path: &Path, line: &str) -> Result<(), Error> {
    let mut file = OpenOptions::new().append(true).create(true).open(path).map_err(|e| Error::file(path, e))?;
    file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data()).map_err(|e| Error::file(path, e))
}
