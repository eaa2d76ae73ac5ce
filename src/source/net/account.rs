//! What was asked and what it cost, kept over restarts: a program that starts
//! again and again must neither storm a provider nor spend a budget twice.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::{NanoUsd, Wall};

const DAY: Duration = Duration::from_secs(86_400);

/// Where accounts are kept.
#[derive(Clone, Debug)]
pub struct Accounts {
    dir: PathBuf,
}

/// What a source may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Least time between two questions.
    pub apart: Duration,
    /// Questions a UTC day.
    pub per_day: Option<u64>,
    /// Dollars a UTC day.
    pub usd_per_day: Option<NanoUsd>,
}

/// The account of one source.
#[derive(Debug)]
pub struct Account {
    path: PathBuf,
    budget: Budget,
    book: Book,
}

/// As it stands in the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Book {
    source: String,
    /// Nanoseconds since the epoch.
    asked_at: i64,
    /// Days since the epoch that the rest is about.
    day: i64,
    asked: u64,
    spent_nano_usd: i64,
    /// What the last one cost whose cost was known.
    last_nano_usd: i64,
    /// Answers that cost something, nobody knows what.
    unpriced: u64,
}

/// What a question cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// So much.
    Known(NanoUsd),
    /// The answer was lost: likely as much as the one before.
    Lost,
    /// Something; it was answered, but the answer has no price.
    Unknown,
}

/// Why a source is not asked now, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// In words.
    pub why: String,
    /// How long.
    pub rest: Duration,
}

impl Accounts {
    /// In this directory, which is made when something is written.
    #[must_use]
    pub fn new(state_dir: &Path) -> Accounts {
        Accounts { dir: state_dir.join("asked") }
    }

    /// The account of the source with this name.
    #[must_use]
    pub fn account(&self, source: &str, budget: Budget) -> Account {
        // A name may hold what a file's name may not.
        let hash = Sha256::digest(source.as_bytes());
        let name = hash.iter().take(8).fold(0u64, |name, byte| (name << 8) | u64::from(*byte));
        let path = self.dir.join(format!("{name:016x}.json"));
        let book = Book { source: source.to_owned(), ..Book::default() };
        Account { path, budget, book }
    }
}

impl Account {
    /// Whether the source may be asked now. If so that is written down before
    /// it is: an account that can't be kept is no account.
    pub fn open(&mut self, now: Wall) -> Result<Option<Hold>, io::Error> {
        self.load()?;
        let today = day_of(now);
        if self.book.day != today {
            let Book { source, asked_at, last_nano_usd, .. } = std::mem::take(&mut self.book);
            self.book = Book { source, asked_at, last_nano_usd, day: today, ..Book::default() };
        }
        // A clock that was set back must not hold us for longer than meant.
        let ahead = self.book.asked_at > now.0;
        self.book.asked_at = self.book.asked_at.min(now.0);
        if let Some(hold) = self.hold(now) {
            if ahead {
                self.save()?;
            }
            return Ok(Some(hold));
        }
        self.book.asked_at = now.0;
        self.book.asked = self.book.asked.saturating_add(1);
        self.save()?;
        Ok(None)
    }

    /// Note what the last question cost.
    pub fn charge(&mut self, price: Price) -> Result<(), io::Error> {
        let book = &mut self.book;
        let nano = match price {
            Price::Known(usd) => i64::try_from(usd.0).unwrap_or(i64::MAX),
            Price::Lost => book.last_nano_usd,
            Price::Unknown => {
                book.unpriced = book.unpriced.saturating_add(1);
                0
            }
        };
        if price != Price::Unknown {
            book.last_nano_usd = nano;
        }
        book.spent_nano_usd = book.spent_nano_usd.saturating_add(nano);
        self.save()
    }

    fn hold(&self, now: Wall) -> Option<Hold> {
        let Budget { apart, per_day, usd_per_day } = self.budget;
        let asked_at = Wall(self.book.asked_at);
        let rest = asked_at.plus(apart).since(now);
        if asked_at.0 > 0 && !rest.is_zero() {
            let ago = now.since(asked_at).as_secs();
            return Some(Hold { why: format!("asked only {ago} s ago"), rest });
        }
        let tomorrow = Wall((self.book.day + 1).saturating_mul(nanos(DAY))).since(now);
        let over = |why: String| Some(Hold { why, rest: tomorrow });
        if let Some(most) = per_day.filter(|most| self.book.asked >= *most) {
            return over(format!("its budget of {most} requests a day is spent"));
        }
        let usd = usd_per_day?;
        if i128::from(self.book.spent_nano_usd) >= usd.0 {
            return over(format!("its budget of {usd} USD a day is spent"));
        }
        if self.book.unpriced > 0 {
            return over("nobody knows what the last request cost: give its model a price".into());
        }
        None
    }

    fn load(&mut self) -> io::Result<()> {
        match fs::read(&self.path) {
            Ok(bytes) => {
                self.book = serde_json::from_slice(&bytes)?;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn save(&self) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let beside = self.path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec(&self.book)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

fn day_of(now: Wall) -> i64 {
    now.0.div_euclid(nanos(DAY))
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall::from_secs(20_000 * 86_400 + 43_200);

    fn account(dir: &Path, budget: Budget) -> Account {
        Accounts::new(dir).account("a/b \u{1b}", budget)
    }

    fn at(seconds: u64) -> Wall {
        NOON.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_restart_remembers_when_it_was_asked() {
        let dir = tempfile::tempdir().unwrap();
        let budget = Budget { apart: Duration::from_secs(60), per_day: None, usd_per_day: None };
        assert_eq!(account(dir.path(), budget).open(NOON).unwrap(), None);
        let hold = account(dir.path(), budget).open(at(20)).unwrap().unwrap();
        assert_eq!((hold.why.as_str(), hold.rest.as_secs()), ("asked only 20 s ago", 40));
        assert_eq!(account(dir.path(), budget).open(at(60)).unwrap(), None);
        // The clock is set back by an hour.
        let earlier = NOON.minus(DAY / 24);
        let set_back = account(dir.path(), budget).open(earlier).unwrap();
        assert_eq!(set_back.unwrap().rest.as_secs(), 60);
        assert_eq!(account(dir.path(), budget).open(earlier.plus(budget.apart)).unwrap(), None);
    }

    #[test]
    fn both_budgets_end_with_the_day_and_begin_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let apart = Duration::ZERO;
        let calls = Budget { apart, per_day: Some(2), usd_per_day: None };
        for _ in 0..2 {
            assert_eq!(account(dir.path(), calls).open(NOON).unwrap(), None);
        }
        let hold = account(dir.path(), calls).open(at(1)).unwrap().unwrap();
        assert_eq!(hold.why, "its budget of 2 requests a day is spent");
        assert_eq!(hold.rest.as_secs(), 43_199);
        assert_eq!(account(dir.path(), calls).open(at(43_200)).unwrap(), None);

        let dir = tempfile::tempdir().unwrap();
        let usd = Budget { apart, per_day: None, usd_per_day: Some(NanoUsd(1000)) };
        let mut first = account(dir.path(), usd);
        first.open(NOON).unwrap();
        first.charge(Price::Known(NanoUsd(999))).unwrap();
        let mut second = account(dir.path(), usd);
        assert_eq!(second.open(at(1)).unwrap(), None);
        second.charge(Price::Known(NanoUsd(1))).unwrap();
        let hold = account(dir.path(), usd).open(at(2)).unwrap().unwrap();
        assert_eq!(hold.why, "its budget of 0.000001 USD a day is spent");
    }

    #[test]
    fn what_cost_nobody_knows_what_is_not_asked_again_where_dollars_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let usd = NanoUsd::from_usd(1);
        let budget = Budget { apart: Duration::ZERO, per_day: None, usd_per_day: Some(usd) };
        let mut first = account(dir.path(), budget);
        first.open(NOON).unwrap();
        first.charge(Price::Unknown).unwrap();
        let hold = account(dir.path(), budget).open(at(1)).unwrap().unwrap();
        assert!(hold.why.contains("give its model a price"), "{}", hold.why);
    }

    #[test]
    fn an_account_that_cannot_be_kept_forbids_to_ask() {
        let dir = tempfile::tempdir().unwrap();
        let budget = Budget { apart: Duration::ZERO, per_day: Some(9), usd_per_day: None };
        fs::write(dir.path().join("asked"), "in the way").unwrap();
        assert!(account(dir.path(), budget).open(NOON).is_err());
        fs::remove_file(dir.path().join("asked")).unwrap();
        account(dir.path(), budget).open(NOON).unwrap();
        let file = account(dir.path(), budget).path;
        fs::write(file, "torn").unwrap();
        assert!(account(dir.path(), budget).open(NOON).is_err());
    }
}
