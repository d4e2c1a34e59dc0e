//! Protocol data units: read within bounds from a stream, written whole.
//!
//! Left out: negotiation, see `associate`. Source: dicom-ps3.8, 9.3.

use bytes::{Buf, Bytes, BytesMut};
use std::{io, time::Duration};
use tokio::{io::AsyncReadExt, net::tcp::OwnedReadHalf, time::timeout};

pub(super) const ASSOCIATE_RQ: u8 = 1;
pub(super) const ASSOCIATE_AC: u8 = 2;
pub(super) const ASSOCIATE_RJ: u8 = 3;
pub(super) const P_DATA: u8 = 4;
pub(super) const RELEASE_RQ: u8 = 5;
pub(super) const RELEASE_RP: u8 = 6;
pub(super) const ABORT: u8 = 7;

/// Why no unit could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum PduError {
    #[error("the peer closed the connection")]
    Closed,
    #[error("the peer closed the connection inside a unit")]
    Cut,
    #[error("the peer was silent for too long")]
    TimedOut,
    #[error("unit type {kind} is unknown")]
    UnknownType { kind: u8 },
    #[error("a unit of {length} bytes is larger than {max}")]
    TooLong { length: u32, max: u32 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// One unit: its type and what follows the length.
#[derive(Debug)]
pub(super) struct Pdu {
    pub(super) kind: u8,
    pub(super) body: Bytes,
}

/// Reads units; dropping a read half-way loses nothing.
pub(super) struct PduReader {
    stream: OwnedReadHalf,
    buffer: BytesMut,
    length_max: u32,
}

impl PduReader {
    pub(super) fn new(stream: OwnedReadHalf, length_max: u32) -> Self {
        PduReader { stream, buffer: BytesMut::with_capacity(64 * 1024), length_max }
    }

    /// The next unit, all of it within the time given.
    pub(super) async fn next(&mut self, within: Duration) -> Result<Pdu, PduError> {
        timeout(within, self.read()).await.unwrap_or(Err(PduError::TimedOut))
    }

    /// The next unit, whenever it comes.
    pub(super) async fn read(&mut self) -> Result<Pdu, PduError> {
        loop {
            if let Some(pdu) = self.take()? {
                return Ok(pdu);
            }
            // INVARIANT: memory grows with bytes received, never with a declared length.
            if self.buffer.capacity() - self.buffer.len() < 16 * 1024 {
                self.buffer.reserve(64 * 1024);
            }
            self.acknowledge_at_once();
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(if self.buffer.is_empty() { PduError::Closed } else { PduError::Cut });
            }
        }
    }

    /// Senders with Nagle's algorithm, which most are, hold back the end of a unit until the rest is acknowledged; the
    /// kernel delays that by 40 ms unless told otherwise, and forgets it was told.
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        if let Err(error) = self.stream.as_ref().set_quickack(true) {
            tracing::trace!(%error, "could not set TCP_QUICKACK");
        }
    }

    fn take(&mut self) -> Result<Option<Pdu>, PduError> {
        let Some(&kind) = self.buffer.first() else { return Ok(None) };
        if !(ASSOCIATE_RQ..=ABORT).contains(&kind) {
            return Err(PduError::UnknownType { kind });
        }
        let Some(&[_, _, a, b, c, d]) = self.buffer.first_chunk::<6>() else { return Ok(None) };
        let length = u32::from_be_bytes([a, b, c, d]);
        if length > self.length_max {
            return Err(PduError::TooLong { length, max: self.length_max });
        }
        if self.buffer.len() < 6 + length as usize {
            return Ok(None);
        }
        self.buffer.advance(6);
        Ok(Some(Pdu { kind, body: self.buffer.split_to(length as usize).freeze() }))
    }
}

/// One presentation data value.
pub(super) struct Pdv<'p> {
    pub(super) context: u8,
    pub(super) is_command: bool,
    pub(super) is_last: bool,
    pub(super) data: &'p [u8],
}

/// Cuts a P-DATA unit into its values; `None` when lengths do not add up.
pub(super) fn pdvs(mut body: &[u8]) -> Option<Vec<Pdv<'_>>> {
    let mut values = Vec::with_capacity(2);
    while !body.is_empty() {
        let (length, rest) = body.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if length < 2 || length > rest.len() {
            return None;
        }
        let (value, rest) = rest.split_at(length);
        let &[context, flags] = value.first_chunk::<2>()?;
        values.push(Pdv { context, is_command: flags & 1 == 1, is_last: flags & 2 == 2, data: &value[2..] });
        body = rest;
    }
    Some(values)
}

/// Appends a whole unit.
pub(super) fn put(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.extend_from_slice(&[kind, 0]);
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(body);
}

/// Appends a command or data set, cut into units no longer than the peer reads, however short that is; of each unit six
/// bytes say what it holds, and pieces are of even length. Source: dicom-ps3.8, D.1 and annex E.
pub(super) fn put_message(out: &mut Vec<u8>, context: u8, is_command: bool, data: &[u8], length_max: u32) {
    let room = ((length_max.clamp(8, 1 << 20) - 6) & !1) as usize;
    let mut chunks = data.chunks(room).peekable();
    if chunks.peek().is_none() {
        return;
    }
    while let Some(chunk) = chunks.next() {
        let flags = u8::from(is_command) | if chunks.peek().is_none() { 2 } else { 0 };
        out.extend_from_slice(&[P_DATA, 0]);
        out.extend_from_slice(&(chunk.len() as u32 + 6).to_be_bytes());
        out.extend_from_slice(&(chunk.len() as u32 + 2).to_be_bytes());
        out.extend_from_slice(&[context, flags]);
        out.extend_from_slice(chunk);
    }
}

/// An abort: source 0 is the user, 2 the provider.
pub(super) fn abort(source: u8, reason: u8) -> Vec<u8> {
    vec![ABORT, 0, 0, 0, 0, 4, 0, 0, source, reason]
}
