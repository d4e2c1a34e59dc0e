//! Where bytes come from: a file, or memory.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;

/// A file or bytes in memory; each `reader` starts anew.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    File(PathBuf),
    Memory(Bytes),
}

impl Input {
    pub(crate) fn reader(&self) -> io::Result<Reader> {
        Ok(match self {
            Input::File(path) => Reader::File(BufReader::with_capacity(64 << 10, File::open(path)?)),
            Input::Memory(bytes) => Reader::Memory(Cursor::new(bytes.clone())),
        })
    }

    pub(crate) fn size(&self) -> io::Result<u64> {
        match self {
            Input::File(path) => Ok(std::fs::metadata(path)?.len()),
            Input::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }
}

/// A running read of an `Input`.
#[derive(Debug)]
pub(crate) enum Reader {
    File(BufReader<File>),
    Memory(Cursor<Bytes>),
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Reader::File(file) => file.read(into),
            Reader::Memory(bytes) => bytes.read(into),
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Reader::File(file) => file.seek(to),
            Reader::Memory(bytes) => bytes.seek(to),
        }
    }
}

impl io::BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Reader::File(file) => file.fill_buf(),
            Reader::Memory(bytes) => bytes.fill_buf(),
        }
    }

    fn consume(&mut self, bytes: usize) {
        match self {
            Reader::File(file) => file.consume(bytes),
            Reader::Memory(memory) => memory.consume(bytes),
        }
    }
}
