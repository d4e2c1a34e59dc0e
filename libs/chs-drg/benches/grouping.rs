//! Records per CPU-second on one core: same records in memory, first pass discarded, CPU time of the thread.
//!
//! `cargo bench -p chs-drg`. Reads the published tables and `cases-open.csv.gz`. Linux only: the time comes from
//! `/proc/thread-self/schedstat`.

use std::fs::File;
use std::hint::black_box;
use std::time::Duration;

use chs_drg::{Columns, Days, Explained, Profile, Record, Scheme, Tables};
use flate2::read::GzDecoder;

/// Records per CPU-second of the fastest public reference (JavaScript) on the same records, see the README.
const FASTEST_REFERENCE: f64 = 5_610.0;
const PASSES: usize = 15;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let Some(dir) = samples::field("drg") else { return Ok(()) };
    let tables = Tables::open(&dir)?;
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(dir.join("cases-open.csv.gz"))?));
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
    let codes = |row: &csv::StringRecord, at: usize| -> Vec<String> {
        row.get(at).unwrap_or("").split('|').filter(|code| !code.is_empty()).map(str::to_owned).collect()
    };
    let owned: Vec<(Vec<String>, Vec<String>)> = rows.iter().map(|row| (codes(row, 10), codes(row, 11))).collect();
    let borrowed: Vec<(Vec<&str>, Vec<&str>)> = (owned.iter())
        .map(|(dx, px)| (dx.iter().map(String::as_str).collect(), px.iter().map(String::as_str).collect()))
        .collect();
    let records: Vec<Record<'_>> = (rows.iter().zip(&borrowed))
        .map(|(row, (dx, px))| {
            let text = |at: usize| row.get(at).unwrap_or("");
            let number = |at: usize| text(at).parse().ok();
            Record {
                sex: number(2),
                age: number(3),
                age_days: number(4),
                weight: number(5),
                dept: text(6),
                los: number(7),
                discharge: text(8),
                icu_hours: number(9),
                dx,
                px,
                days: Days::default(),
            }
        })
        .collect();
    println!("{} records, {PASSES} passes after a first that is discarded, median\n", records.len());
    println!("{:<16} {:<28} {:>14} {:>10}", "scheme", "work", "records/CPU-s", "ratio");
    for id in ["chs_drg_11", "chs_drg_20", "chs_drg_10", "changzhou_2022", "zhejiang_2022"] {
        let scheme = Scheme::build(&tables, id, Profile::Published)?;
        let line = |work: &str, took: Duration| {
            let rate = records.len() as f64 / took.as_secs_f64();
            println!("{id:<16} {work:<28} {rate:>14.0} {:>10.0}", rate / FASTEST_REFERENCE);
        };
        line(
            "one by one, from text",
            median(|| {
                for record in &records {
                    black_box(scheme.answer(black_box(record)));
                }
            })?,
        );
        let mut columns = Columns::unchecked(&scheme);
        for record in &records {
            columns.push(&scheme, record)?;
        }
        let mut out = Vec::new();
        line(
            "columns",
            median(|| {
                let _ = black_box(scheme.group_batch(black_box(&columns), &mut out));
            })?,
        );
        line("with the check", median(|| records.iter().for_each(|record| drop(black_box(scheme.grouped(record)))))?);
        let mut explained = Explained::default();
        line(
            "with the full trail",
            median(|| {
                for record in &records {
                    scheme.explain_into(black_box(record), &mut explained);
                    black_box(&explained);
                }
            })?,
        );
        let pack = scheme.pack()?;
        let load = median(|| {
            let _ = black_box(Scheme::read(black_box(&pack)));
        })?;
        println!("{id:<16} a pack of {} bytes loads in {:.1} ms of CPU\n", pack.len(), load.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn median(mut work: impl FnMut()) -> Result<Duration, Failure> {
    work();
    let mut times = Vec::new();
    for _ in 0..PASSES {
        let before = thread_cpu()?;
        work();
        times.push(thread_cpu()? - before);
    }
    times.sort();
    Ok(times[PASSES / 2])
}

/// CPU time that this thread has used.
fn thread_cpu() -> Result<Duration, Failure> {
    // The counter moves when the thread is scheduled; giving way brings it up to date.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().unwrap_or("").parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}
