//! Controls that can be taken away, so that the tests of faults show that they would notice: `YITI_WEAKEN` names one.
//! Builds without debug assertions have none of this.
//!
//! `ack_early` answers before the commit, `ignore_flush` takes a failed flush for a good one, `no_watermark` never sees a
//! full disk, `no_lock` lets a second process into the data folder.

#[cfg(debug_assertions)]
pub(crate) fn is(control: &str) -> bool {
    static WEAKENED: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| std::env::var("YITI_WEAKEN").unwrap_or_default());
    *WEAKENED == control
}

#[cfg(not(debug_assertions))]
pub(crate) const fn is(_control: &str) -> bool {
    false
}
