//! Calls into readers of foreign formats, so that a file made to break them is refused like any other damaged file.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::fault::{Fault, Name, Problem};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic inside becomes `Problem::Damaged` and is not printed. What `work` was changing must not be used
/// afterwards.
pub(crate) fn guarded<T>(name: &Name, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                before(info);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result
        .unwrap_or_else(|_| Err(name.fault(Problem::Damaged { reason: "its parts contradict each other".to_owned() })))
}
