//! What was asked and what it cost, kept over restarts: a program that starts
//! again and again must neither storm a provider nor spend a budget twice.

use std::fs::{self, DirBuilder, File, OpenOptions};
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
    /// As in the book.
    request: String,
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
    /// What is asked for, as a mark; another request has another price.
    #[serde(default)]
    request: String,
    /// What the last one cost that was answered and had a price.
    #[serde(default)]
    priced_nano_usd: Option<i64>,
    /// Answers that cost something, nobody knows what.
    unpriced: u64,
    /// Answers that were lost while no price was known.
    #[serde(default)]
    lost: u64,
    /// It was asked, and its cost is not charged yet.
    #[serde(default)]
    in_flight: bool,
}

/// What a question cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// So much, and the next one likely as much.
    Known(NanoUsd),
    /// So much, mostly nothing, since it was refused or never sent. That says
    /// nothing of the next one.
    Refused(NanoUsd),
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
        let path = self.dir.join(format!("{}.json", mark(source)));
        let book = Book { source: source.to_owned(), ..Book::default() };
        Account { path, budget, request: String::new(), book }
    }
}

impl Account {
    /// The same of a source that always sends this request.
    #[must_use]
    pub fn of_request(self, request: &str) -> Account {
        Account { request: mark(request), ..self }
    }

    /// Whether the source may be asked now. If so that is written down before
    /// it is: an account that can't be kept is no account.
    pub fn open(&mut self, now: Wall) -> Result<Option<Hold>, io::Error> {
        self.load()?;
        let today = day_of(now);
        if self.book.day != today {
            let Book { source, asked_at, request, priced_nano_usd, .. } =
                std::mem::take(&mut self.book);
            let kept = Book { source, asked_at, request, priced_nano_usd, ..Book::default() };
            self.book = Book { day: today, ..kept };
        }
        if self.book.request != self.request {
            self.book.request.clone_from(&self.request);
            self.book.priced_nano_usd = None;
        }
        // A clock that was set back must not hold us for longer than meant.
        let ahead = self.book.asked_at > now.0;
        self.book.asked_at = self.book.asked_at.min(now.0);
        if let Some(hold) = self.too_soon(now) {
            if ahead {
                self.save()?;
            }
            return Ok(Some(hold));
        }
        if std::mem::take(&mut self.book.in_flight) {
            // Whoever asked ended before there was an answer.
            self.book.note(Price::Lost);
        }
        if let Some(hold) = self.over_budget(now) {
            self.save()?;
            return Ok(Some(hold));
        }
        self.book.asked_at = now.0;
        self.book.asked = self.book.asked.saturating_add(1);
        self.book.in_flight = self.budget.usd_per_day.is_some();
        self.save()?;
        Ok(None)
    }

    /// Note what the last question cost.
    pub fn charge(&mut self, price: Price) -> Result<(), io::Error> {
        self.book.in_flight = false;
        self.book.note(price);
        self.save()
    }

    fn too_soon(&self, now: Wall) -> Option<Hold> {
        let asked_at = Wall(self.book.asked_at);
        let rest = asked_at.plus(self.budget.apart).since(now);
        if asked_at.0 <= 0 || rest.is_zero() {
            return None;
        }
        let ago = now.since(asked_at).as_secs();
        Some(Hold { why: format!("asked only {ago} s ago"), rest })
    }

    fn over_budget(&self, now: Wall) -> Option<Hold> {
        let Budget { per_day, usd_per_day, .. } = self.budget;
        let tomorrow = Wall((self.book.day + 1).saturating_mul(nanos(DAY))).since(now);
        let over = |why: String| Some(Hold { why, rest: tomorrow });
        if let Some(most) = per_day.filter(|most| self.book.asked >= *most) {
            return over(format!("its budget of {most} requests a day is spent"));
        }
        let usd = usd_per_day?;
        let room = NanoUsd(usd.0 - i128::from(self.book.spent_nano_usd));
        let next = self.book.priced_nano_usd.map(|nano| NanoUsd(nano.into()));
        if room <= NanoUsd::ZERO && next != Some(NanoUsd::ZERO) {
            return over(format!("its budget of {usd} USD a day is spent"));
        }
        if let Some(next) = next.filter(|next| *next > room) {
            return over(format!(
                "its budget of {usd} USD a day has {room} left, and a request costs {next}"
            ));
        }
        if self.book.unpriced > 0 {
            return over("nobody knows what the last request cost: give its model a price".into());
        }
        if self.book.lost > 0 {
            return over("an answer was lost before any said what a request costs".into());
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
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let beside = self.path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec(&self.book)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        // Without this the name may be the old book's after a power cut.
        File::open(dir)?.sync_all()
    }
}

impl Book {
    fn note(&mut self, price: Price) {
        let of = |usd: NanoUsd| i64::try_from(usd.0).unwrap_or(i64::MAX);
        let nano = match (price, self.priced_nano_usd) {
            (Price::Known(usd), _) => {
                self.priced_nano_usd = Some(of(usd));
                of(usd)
            }
            (Price::Refused(usd), _) => of(usd),
            (Price::Lost, Some(nano)) => nano,
            (Price::Lost, None) => {
                self.lost = self.lost.saturating_add(1);
                0
            }
            (Price::Unknown, _) => {
                self.unpriced = self.unpriced.saturating_add(1);
                0
            }
        };
        self.spent_nano_usd = self.spent_nano_usd.saturating_add(nano);
    }
}

/// Sixteen digits that stand for a text.
fn mark(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let mark = hash.iter().take(8).fold(0u64, |mark, byte| (mark << 8) | u64::from(*byte));
    format!("{mark:016x}")
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
    }

    /// What it says at `at(1)`, `at(2)`, … where each question costs this.
    fn said(usd: i128, prices: &[Price]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let usd_per_day = Some(NanoUsd(usd));
        let budget = Budget { apart: Duration::ZERO, per_day: None, usd_per_day };
        let mut said = Vec::new();
        for (second, price) in (1..).zip(prices) {
            let mut account = account(dir.path(), budget);
            let hold = account.open(at(second)).unwrap();
            if hold.is_none() {
                account.charge(*price).unwrap();
            }
            said.push(hold.map(|hold| hold.why).unwrap_or_default());
        }
        said
    }

    #[test]
    fn dollars_end_before_the_request_that_would_be_one_too_many() {
        let costs = Price::Known(NanoUsd(600));
        let no_room =
            "its budget of 0.000001 USD a day has 0.0000004 left, and a request costs 0.0000006";
        assert_eq!(said(1000, &[costs; 2]), ["", no_room]);
        let spent = "its budget of 0.0000012 USD a day is spent";
        assert_eq!(said(1200, &[costs; 3]), ["", "", spent]);
        // What is refused says nothing of the price of what is not.
        let refused = Price::Refused(NanoUsd::ZERO);
        assert_eq!(said(1000, &[costs, refused, refused])[1..], [no_room, no_room]);
        assert_eq!(said(1000, &[refused, refused, costs, costs]), ["", "", "", no_room]);
        let free = Price::Known(NanoUsd::ZERO);
        assert_eq!(said(1000, &[free; 50]), [""; 50]);
    }

    #[test]
    fn a_lost_answer_costs_as_much_as_the_last_one_that_had_a_price() {
        let costs = Price::Known(NanoUsd(300));
        let refused = Price::Refused(NanoUsd::ZERO);
        let all = said(1000, &[costs, refused, Price::Lost, Price::Lost, Price::Lost]);
        assert_eq!(all[..4], [""; 4]);
        assert!(all[4].contains("has 0.0000001 left"), "{all:?}");
        for before in [&[][..], &[refused][..]] {
            let all = said(1000, &[before, &[Price::Lost; 2]].concat());
            let why = "an answer was lost before any said what a request costs";
            assert_eq!(all[before.len()..], ["", why]);
        }
    }

    #[test]
    fn who_ends_before_the_answer_is_charged_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let apart = Duration::from_secs(60);
        let budget = Budget { apart, per_day: None, usd_per_day: Some(NanoUsd(1000)) };
        let mut first = account(dir.path(), budget);
        first.open(NOON).unwrap();
        // Another one that looks meanwhile knows nothing of how it ends.
        assert!(account(dir.path(), budget).open(at(1)).unwrap().is_some());
        first.charge(Price::Known(NanoUsd(400))).unwrap();
        assert_eq!(account(dir.path(), budget).open(at(60)).unwrap(), None);
        let hold = account(dir.path(), budget).open(at(120)).unwrap().unwrap();
        assert!(hold.why.contains("has 0.0000002 left"), "{}", hold.why);
        // The next day its price is still known, and what was spent is not.
        let tomorrow = NOON.plus(DAY);
        assert_eq!(account(dir.path(), budget).open(tomorrow).unwrap(), None);
        let hold = account(dir.path(), Budget { usd_per_day: Some(NanoUsd(399)), ..budget })
            .open(tomorrow.plus(DAY))
            .unwrap();
        assert!(hold.unwrap().why.contains("a request costs 0.0000004"));
    }

    #[test]
    fn another_request_has_another_price() {
        let dir = tempfile::tempdir().unwrap();
        let usd_per_day = Some(NanoUsd(1000));
        let budget = Budget { apart: Duration::ZERO, per_day: None, usd_per_day };
        let of = |request: &str| account(dir.path(), budget).of_request(request);
        let mut dear = of("dear");
        dear.open(NOON).unwrap();
        dear.charge(Price::Known(NanoUsd(5000))).unwrap();
        let tomorrow = NOON.plus(DAY);
        assert!(of("dear").open(tomorrow).unwrap().is_some());
        assert_eq!(of("cheap").open(tomorrow).unwrap(), None);
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
