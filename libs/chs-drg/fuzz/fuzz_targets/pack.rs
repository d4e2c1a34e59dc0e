//! Any bytes given to the pack loader are read or refused. The first byte chooses whether the rest is a whole pack or
//! the content of one, which gets a right head so that the checks behind the hash are reached.
#![no_main]

use std::io::Write;

use chs_drg::{Record, Scheme};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let read = if kind % 2 == 0 {
        Scheme::read(rest)
    } else {
        let mut pack = b"CHSDRG\x01\x00".to_vec();
        pack.extend(Sha256::digest(rest));
        pack.extend((rest.len() as u32).to_le_bytes());
        let mut deflate = flate2::write::DeflateEncoder::new(pack, flate2::Compression::fast());
        if deflate.write_all(rest).is_err() {
            return;
        }
        let Ok(pack) = deflate.finish() else { return };
        Scheme::read(&pack)
    };
    if let Ok(scheme) = read {
        let record = Record { sex: Some(1), age: Some(1), dx: &["A00.000"], px: &["00.0100"], ..Record::default() };
        let explained = scheme.explain(&record);
        assert_eq!(scheme.replay(&record, &explained), Ok(explained.answer));
    }
});
