//! One thread reads, others work, the caller's thread takes the results in the order of the table. Only a few batches
//! are under way at a time, so memory stays small however long the table is.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::sync::{Mutex, PoisonError};

use sheet::{Batch, Progress, Sheet};

use super::failure::Failure;

/// Set when the command is to end early.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// Sends every batch of the table through `work` on `workers` threads and hands the results to `take` in order.
///
/// # Errors
/// A fault of the table after the batches before it were taken, or what `take` refused.
pub(crate) fn run<T: Send>(
    table: &mut Sheet,
    workers: usize,
    work: impl Fn(&Batch) -> T + Sync,
    mut take: impl FnMut(T, Progress) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let workers = workers.max(1);
    let (permit_out, permit_in) = sync_channel::<()>(workers * 2 + 2);
    for _ in 0..workers * 2 + 2 {
        let _ = permit_out.try_send(());
    }
    let (batch_out, batch_in) = channel::<(u64, Batch)>();
    let batch_in = Mutex::new(batch_in);
    let (result_out, result_in) = channel::<(u64, Result<(T, Progress), Failure>)>();
    std::thread::scope(|scope| {
        // INVARIANT: the permits and the results end with this closure, so that every thread ends when it ends early.
        let permit_out = permit_out;
        let from_reader = result_out.clone();
        scope.spawn(move || {
            let mut read = || -> Result<(), (u64, Failure)> {
                let mut batches = table.batches().map_err(|fault| (0, fault.into()))?;
                let mut number = 0;
                while permit_in.recv().is_ok() {
                    match batches.next() {
                        Ok(Some(batch)) => {
                            if batch_out.send((number, batch)).is_err() {
                                break;
                            }
                            number += 1;
                        }
                        Ok(None) => break,
                        Err(fault) => return Err((number, fault.into())),
                    }
                }
                Ok(())
            };
            if let Err((number, failure)) = read() {
                let _ = from_reader.send((number, Err(failure)));
            }
        });
        for _ in 0..workers {
            let (batch_in, result_out, work) = (&batch_in, result_out.clone(), &work);
            scope.spawn(move || {
                while let Some((number, batch)) = receive(batch_in) {
                    let result = catch_unwind(AssertUnwindSafe(|| work(&batch)));
                    let result = match result {
                        Ok(result) => Ok((result, batch.progress)),
                        Err(_) => Err(Failure::new("internal", [])),
                    };
                    if result_out.send((number, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(result_out);
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (number, result) in result_in {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&next) {
                if STOP.load(Ordering::Relaxed) {
                    return Err(Failure::new("stopped", []));
                }
                let (result, progress) = result?;
                take(result, progress)?;
                next += 1;
                let _ = permit_out.try_send(());
            }
        }
        Ok(())
    })
}

fn receive<T>(from: &Mutex<Receiver<T>>) -> Option<T> {
    from.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// As many workers as the machine has processors.
#[must_use]
pub(crate) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
