//! Time: who tells it, and how it is written for people in China.
//!
//! Instants are stored as microseconds since 1970-01-01T00:00:00Z. Wall time is China Standard Time (UTC+8, no summer
//! time since 1991), which is the only zone a hospital group of this product works in.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp, civil, tz::Offset, tz::TimeZone};

/// Tells the time. Rules take the instant as an argument; only the edge of an act asks a clock.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        truncate(Timestamp::now())
    }
}

/// A clock for tests: it stands still until it is moved.
#[derive(Debug)]
pub struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    /// A clock that stands at `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(Mutex::new(truncate(at)))
    }

    /// Moves the clock by `by`, which may be negative.
    pub fn advance(&self, by: SignedDuration) {
        let mut at = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *at = at.checked_add(by).unwrap_or(*at);
    }

    /// Sets the clock to `to`.
    pub fn set(&self, to: Timestamp) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = truncate(to);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Cuts an instant to whole microseconds, the resolution in which instants are stored.
#[must_use]
pub fn truncate(at: Timestamp) -> Timestamp {
    from_micros(at.as_microsecond())
}

/// The instant that lies `micros` microseconds after 1970; clamped to what a timestamp can hold.
#[must_use]
pub fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The zone of the group: UTC+8.
#[must_use]
pub fn zone() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

/// The wall time in the group's zone.
#[must_use]
pub fn civil(at: Timestamp) -> civil::DateTime {
    Offset::constant(8).to_datetime(at)
}

/// The day in the group's zone.
#[must_use]
pub fn day(at: Timestamp) -> civil::Date {
    civil(at).date()
}

/// The instant at which wall time `at` stands in the group's zone.
#[must_use]
pub fn instant(at: civil::DateTime) -> Timestamp {
    Offset::constant(8).to_timestamp(at).unwrap_or(Timestamp::MAX)
}

/// Midnight at which `day` begins.
#[must_use]
pub fn day_start(day: civil::Date) -> Timestamp {
    instant(day.at(0, 0, 0, 0))
}

/// Whole minutes from `from` to `to`, cut towards zero; negative when `to` comes first.
#[must_use]
pub fn minutes_between(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs() / 60
}

/// `2026-11-22 14:05`.
#[must_use]
pub fn minute_text(at: Timestamp) -> String {
    civil(at).strftime("%Y-%m-%d %H:%M").to_string()
}

/// `2026-11-22 14:05:09`.
#[must_use]
pub fn second_text(at: Timestamp) -> String {
    civil(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Whole years lived on `on` by someone born on `born`; zero when `on` comes first.
#[must_use]
pub fn age_years(born: civil::Date, on: civil::Date) -> i32 {
    let had_birthday = (on.month(), on.day()) >= (born.month(), born.day());
    (i32::from(on.year()) - i32::from(born.year()) - i32::from(!had_birthday)).max(0)
}

/// A deadline: the last instant in time, and from when it is close. Both come from the rule of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The last instant in time.
    pub at: Timestamp,
    /// From when it is close; `None` when nobody is warned.
    pub warn_at: Option<Timestamp>,
}

impl Due {
    /// `over` after the deadline, `warn` when it is close, else `ok`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        if now > self.at {
            "over"
        } else if self.warn_at.is_some_and(|warn_at| now >= warn_at) {
            "warn"
        } else {
            "ok"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_day_begins_at_sixteen_hundred_utc_of_the_day_before() {
        assert_eq!(day_start(date(2026, 1, 1)).to_string(), "2025-12-31T16:00:00Z");
        assert_eq!(day(day_start(date(2026, 1, 1))), date(2026, 1, 1));
    }

    #[test]
    fn age_grows_on_the_birthday() {
        let born = date(1960, 2, 29);
        assert_eq!(age_years(born, date(2026, 2, 28)), 65);
        assert_eq!(age_years(born, date(2026, 3, 1)), 66);
    }
}
