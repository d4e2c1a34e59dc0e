//! How much room the disk has left, so that acts are refused before the database meets a full disk: what was
//! acknowledged stays whole, reading goes on, and saving goes on by itself once there is room.
//!
//! Acts are refused below the watermark. The journal of those who only look may go on down to an eighth of it. Left out:
//! the disk of a PostgreSQL server, which is that server's own care.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The watermark is never higher than this.
const WATERMARK_BYTES_MAX: u64 = 1 << 30;
/// The part of the disk that is the watermark otherwise: a twentieth.
const WATERMARK_PART: u64 = 20;
/// The part of the watermark down to which what is only looked at is still journaled.
const RESERVE_PART: u64 = 8;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Enough.
    Enough,
    /// Nothing may be changed; looking may be journaled.
    Short,
    /// Nothing at all may be written.
    None,
}

/// What `available` bytes of a disk of `total` bytes mean.
pub(crate) const fn room(available: u64, total: u64) -> Room {
    let part = total / WATERMARK_PART;
    let watermark = if part < WATERMARK_BYTES_MAX { part } else { WATERMARK_BYTES_MAX };
    if available >= watermark {
        Room::Enough
    } else if available >= watermark / RESERVE_PART {
        Room::Short
    } else {
        Room::None
    }
}

/// Looks at the disk of a folder.
#[derive(Debug)]
pub(crate) struct Gauge {
    folder: PathBuf,
    is_short: Arc<AtomicBool>,
}

impl Gauge {
    pub(crate) fn new(folder: &Path, is_short: Arc<AtomicBool>) -> Self {
        Self { folder: folder.to_owned(), is_short }
    }

    /// What there is now, once `bytes` more are written. A disk that cannot be asked counts as having room: writing will
    /// tell.
    pub(crate) fn look(&self, bytes: u64) -> Room {
        if crate::weak::is("no_watermark") {
            return Room::Enough;
        }
        let now = match rustix::fs::statvfs(&self.folder) {
            Ok(disk) => room((disk.f_bavail * disk.f_frsize).saturating_sub(bytes), disk.f_blocks * disk.f_frsize),
            Err(_) => Room::Enough,
        };
        let (was, is) = (self.is_short.load(Ordering::Relaxed), now != Room::Enough);
        if was != is {
            self.is_short.store(is, Ordering::Relaxed);
            if is {
                tracing::error!(folder = %self.folder.display(), "the disk is nearly full: nothing is saved until there is room");
            } else {
                tracing::warn!(folder = %self.folder.display(), "the disk has room again: saving goes on");
            }
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use super::{Room, room};

    #[test]
    fn a_small_disk_is_short_below_a_twentieth_and_a_large_one_below_a_gibibyte() {
        let mebi = 1_u64 << 20;
        assert_eq!(room(5 * mebi, 100 * mebi), Room::Enough);
        assert_eq!(room(5 * mebi - 1, 100 * mebi), Room::Short);
        assert_eq!(room(5 * mebi / 8, 100 * mebi), Room::Short);
        assert_eq!(room(5 * mebi / 8 - 1, 100 * mebi), Room::None);
        let tera = 1_u64 << 40;
        assert_eq!(room(1 << 30, tera), Room::Enough);
        assert_eq!(room((1 << 30) - 1, tera), Room::Short);
        assert_eq!(room(0, 0), Room::Enough);
    }
}
