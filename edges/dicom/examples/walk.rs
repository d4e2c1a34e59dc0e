//! Prints how long the walk, the header and the metadata of one file take: `cargo run --release --example walk FILE`.

use std::{error::Error, time::Instant};
use yiti_dicom::{
    dataset::{File, Header, Limits},
    json,
};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a DICOM file")?;
    let bytes = std::fs::read(path)?;
    let rounds = 10_000_u32;
    let start = Instant::now();
    let mut elements = 0;
    for _ in 0..rounds {
        elements = File::read(&bytes, &Limits::default())?.data.len();
    }
    println!("walk: {:?} for {elements} elements", start.elapsed() / rounds);
    let file = File::read(&bytes, &Limits::default())?;
    let start = Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(Header::of_file(&file));
    }
    println!("header: {:?}", start.elapsed() / rounds);
    let start = Instant::now();
    let mut out = String::new();
    for _ in 0..rounds {
        out.clear();
        json::write_instance(&mut out, &file.data, "/bulk", None);
    }
    println!("metadata: {:?} for {} bytes", start.elapsed() / rounds, out.len());
    Ok(())
}
