//! What was spent in periods of the calendar: in the present one, in the next one
//! (calls whose clock runs ahead of ours), and in some others. A clock that is set to
//! a wrong day makes another period the present one, and set right again it must find
//! what it left. What a period is decides the calendar alone; what a cap is, this
//! must not know.

use jiff::tz::TimeZone;

use super::calendar::Span;
use super::skew::{SKEW, counted_at};
use super::spec::Period;
use super::spend::Sums;
use crate::domain::{NanoUsd, Stamp, Wall};

/// Periods besides the present one. Of more, the one goes that was longest without a
/// call: real time has passed it, whatever a clock said since.
const OTHERS: usize = 6;

/// The accounts of one cap.
#[derive(Clone, Debug)]
pub struct Accounts {
    now: Account,
    /// The last one was used last.
    others: Vec<Account>,
    /// What calls of this period spent in the next one.
    early: NanoUsd,
}

/// What was spent in one period.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// The period.
    pub span: Span,
    /// What calls add up to.
    pub sums: Sums,
    /// When the cap was reached.
    pub spent_at: Option<Wall>,
}

/// What time did to the present period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rolled {
    /// It is the same.
    Same,
    /// It is another, of which so much was spent a moment ago.
    Other(NanoUsd),
}

impl Account {
    fn of(span: Span) -> Account {
        Account { span, sums: Sums::default(), spent_at: None }
    }
}

impl Accounts {
    /// Nothing spent, in the period of a moment.
    #[must_use]
    pub fn new(present: Span) -> Accounts {
        Accounts { now: Account::of(present), others: Vec::new(), early: NanoUsd::ZERO }
    }

    /// That of the present period.
    #[must_use]
    pub fn present(&self) -> &Account {
        &self.now
    }

    /// The same, to be changed.
    pub fn present_mut(&mut self) -> &mut Account {
        &mut self.now
    }

    /// Add a part to the period of `at`. Answers its account.
    pub fn add(&mut self, at: Wall, part: &Sums, calendar: (Period, &TimeZone)) -> &mut Account {
        if !self.now.span.contains(at) {
            let mut account = self.take(at, calendar);
            account.sums.add(part);
            return self.put(account);
        }
        self.now.sums.add(part);
        &mut self.now
    }

    /// When the cap was reached in the period of `at`.
    #[must_use]
    pub fn spent_at(&self, at: Wall) -> Option<Wall> {
        let all = std::iter::once(&self.now).chain(self.others.iter().rev());
        all.into_iter().find(|account| account.span.contains(at))?.spent_at
    }

    /// A call of the present period spent so much in the next one.
    pub fn note_early(&mut self, at: Wall, usd: NanoUsd) {
        if at >= self.now.span.end {
            self.early += usd;
        }
    }

    /// Go to the period of `now`, if that is past the present one, or a clock that
    /// was wrong has been set back to before it.
    pub fn roll(&mut self, now: Stamp, calendar: (Period, &TimeZone)) -> Rolled {
        let Span { start, end } = self.now.span;
        // What lies ahead was noted by a clock that was wrong.
        self.now.spent_at = self.now.spent_at.map(|at| counted_at(at, now));
        if now.wall.plus(SKEW) < end {
            self.early = NanoUsd::ZERO;
        }
        // A clock that is a little off must not begin a day twice.
        if now.wall < end && now.wall >= start.minus(SKEW) {
            return Rolled::Same;
        }
        let mut next = self.take(now.wall, calendar);
        next.spent_at = next.spent_at.map(|at| counted_at(at, now));
        let left = std::mem::replace(&mut self.now, next);
        if left.sums != Sums::default() {
            self.put(left);
        }
        let early = std::mem::replace(&mut self.early, NanoUsd::ZERO);
        Rolled::Other(if self.now.span.start == end { early } else { NanoUsd::ZERO })
    }

    /// The account of another period than the present one, which is in no list then.
    fn take(&mut self, at: Wall, (period, zone): (Period, &TimeZone)) -> Account {
        match self.others.iter().rposition(|other| other.span.contains(at)) {
            Some(place) => self.others.remove(place),
            None => Account::of(Span::around(period, at, zone)),
        }
    }

    fn put(&mut self, account: Account) -> &mut Account {
        if self.others.len() == OTHERS {
            // The next period is as good as the present one.
            let next = |other: &Account| other.span.start == self.now.span.end;
            let oldest = self.others.iter().position(|other| !next(other));
            self.others.remove(oldest.unwrap_or(0));
        }
        self.others.push(account);
        self.others.last_mut().unwrap_or(&mut self.now)
    }
}
