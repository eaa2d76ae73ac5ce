//! Token buckets as providers run them: full at first, refilling evenly, and
//! telling the time until they are full again (HEADERS 3.1, the refill law).
//!
//! Levels are whole numbers (tokens times nanoseconds of window), so that the
//! numbers in the headers fit the law exactly, however often a bucket is read.

use std::time::Duration;

use tokio::time::Instant;

/// One bucket.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    limit: u64,
    window: Duration,
    /// Tokens times nanoseconds of window; full is `limit * window`.
    level: u128,
    at: Instant,
}

/// What a bucket says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Size.
    pub(super) limit: u64,
    /// Whole units left.
    pub(super) remaining: u64,
    /// Time until full: `(limit - remaining) / limit * window`, in whole milliseconds.
    pub(super) reset: Duration,
}

/// Why a bucket gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Enough will be there after this time.
    Wait(Duration),
    /// More than it can ever hold.
    TooLarge,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn full(limit: u64, window: Duration, now: Instant) -> Bucket {
        Bucket { limit, window, level: u128::from(limit) * window.as_nanos(), at: now }
    }

    /// Whether `amount` could be taken.
    pub(super) fn check(&mut self, amount: u64, now: Instant) -> Result<(), Refused> {
        self.refill(now);
        if amount > self.limit {
            return Err(Refused::TooLarge);
        }
        let missing = self.cost(amount).saturating_sub(self.level);
        if missing == 0 {
            return Ok(());
        }
        let nanos = missing.div_ceil(u128::from(self.limit.max(1)));
        let millis = u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Err(Refused::Wait(Duration::from_millis(millis)))
    }

    /// Takes `amount`, or nothing.
    pub(super) fn take(&mut self, amount: u64, now: Instant) -> Result<(), Refused> {
        self.check(amount, now)?;
        self.level -= self.cost(amount);
        Ok(())
    }

    /// What it holds now.
    pub(super) fn reading(&mut self, now: Instant) -> Reading {
        self.refill(now);
        let remaining = u64::try_from(self.level / self.window.as_nanos().max(1)).unwrap_or(0);
        let used = u128::from(self.limit.saturating_sub(remaining));
        let millis = used * self.window.as_millis() / u128::from(self.limit.max(1));
        let reset = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        Reading { limit: self.limit, remaining, reset }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_nanos();
        let gained = elapsed.saturating_mul(u128::from(self.limit));
        self.level = self.level.saturating_add(gained).min(self.cost(self.limit));
        self.at = self.at.max(now);
    }

    fn cost(&self, amount: u64) -> u128 {
        u128::from(amount) * self.window.as_nanos()
    }
}

/// A span the way Go prints durations, to the millisecond: `2ms`, `8.64s`, `1m13.588s`, `6m0s`.
pub(super) fn go_duration(span: Duration) -> String {
    let millis = span.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, rest) = (millis / 1000 % 60, millis % 1000);
    let fraction = format!(".{rest:03}");
    let seconds = format!("{seconds}{}s", fraction.trim_end_matches('0').trim_end_matches('.'));
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Refused, go_duration};
    use std::time::Duration;
    use tokio::time::Instant;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn durations_read_like_go() {
        for (millis, text) in [
            (0, "0s"),
            (2, "2ms"),
            (999, "999ms"),
            (1000, "1s"),
            (8640, "8.64s"),
            (17_333, "17.333s"),
            (73_588, "1m13.588s"),
            (360_000, "6m0s"),
            (864_000, "14m24s"),
            (4_105_745, "1h8m25.745s"),
            (3_600_000, "1h0m0s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_bucket_refills_evenly_and_says_so() {
        let start = Instant::now();
        let mut bucket = Bucket::full(600, MINUTE, start);
        bucket.take(450, start).unwrap();
        let reading = bucket.reading(start);
        assert_eq!((reading.remaining, reading.reset), (150, Duration::from_secs(45)));

        let later = start + Duration::from_secs(10);
        let reading = bucket.reading(later);
        assert_eq!((reading.remaining, reading.reset), (250, Duration::from_secs(35)));

        let full = bucket.reading(start + Duration::from_secs(600));
        assert_eq!((full.remaining, full.reset), (600, Duration::ZERO));
    }

    #[test]
    fn a_refusal_takes_nothing_and_the_wait_it_names_is_enough() {
        let start = Instant::now();
        let mut bucket = Bucket::full(7, MINUTE, start);
        bucket.take(6, start).unwrap();
        let Err(Refused::Wait(wait)) = bucket.take(3, start) else { panic!("must wait") };
        assert_eq!(bucket.reading(start).remaining, 1);
        let early = start + wait - Duration::from_millis(1);
        assert!(bucket.check(3, early).is_err());
        bucket.take(3, start + wait).unwrap();
        assert_eq!(bucket.check(8, start + wait), Err(Refused::TooLarge));
    }

    #[test]
    fn a_bucket_of_nothing_refuses_and_divides_by_nothing() {
        let now = Instant::now();
        let mut bucket = Bucket::full(0, MINUTE, now);
        assert_eq!(bucket.take(1, now), Err(Refused::TooLarge));
        assert_eq!(bucket.reading(now).reset, Duration::ZERO);
    }
}
