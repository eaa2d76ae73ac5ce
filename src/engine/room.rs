//! Tables are bounded, for clients choose the names that fill them. Here those make
//! room whose time is over, and what found none is told: by kind, and how often.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Engine;
use super::alerts::Series;
use crate::domain::{Mono, NameKind, Stamp};

/// Pause between two searches for rows that can go.
const SEARCH: Duration = Duration::from_secs(1);
/// After so long without another one that found no room it is over.
const OVER: Duration = Duration::from_secs(900);
/// What it is called.
const OVERFLOW: &str = "identities_overflow";

/// When room was made, and what was told.
#[derive(Debug, Default)]
pub struct Room {
    searched: Option<Mono>,
    told: BTreeMap<&'static str, Told>,
}

/// What was told of one kind.
#[derive(Debug, Default)]
struct Told {
    times: u64,
    /// When it happened last, while that is told.
    last: Option<Mono>,
}

impl Engine {
    /// Make room where it is scarce, at most once a second.
    pub(super) fn make_room(&mut self, now: Stamp) {
        let searched = self.room.searched;
        if searched.is_some_and(|at| at <= now.mono && now.mono.since(at) < SEARCH) {
            return;
        }
        self.room.searched = Some(now.mono);
        let book = &self.book;
        let lives = |series: Series| book.is_live(series);
        self.cells.make_room(now.mono, &lives);
        self.gauges.make_room(now, &lives);
    }

    /// Tell what found no room since this was last asked, and take back what is over.
    pub(super) fn find_overflows(&mut self, now: Stamp) {
        let names = NameKind::ALL
            .iter()
            .map(|kind| (kind.word(), self.names.overflowed(*kind), kind.cap(), "names of "));
        let rows = self.cells.overflowed().chain([
            self.caps.overflowed(),
            self.gauges.overflowed(),
            self.queues.overflowed(),
            self.measures.overflowed(),
            self.hosts.overflowed(),
        ]);
        let rows = rows.map(|(what, count, cap)| (what, count, cap, ""));
        for (what, count, cap, of) in names.chain(rows).collect::<Vec<_>>() {
            let told = self.room.told.entry(what).or_default();
            let times = count.saturating_sub(told.times);
            let is_over = told.last.is_some_and(|last| now.mono.since(last) >= OVER);
            if times == 0 && !is_over {
                continue;
            }
            let text = format!(
                "no room for more than {cap} {of}{what}: further ones are not told apart; \
                 look for what invents them, or leave it out of the log or of `each`"
            );
            if times > 0 {
                *told = Told { times: count, last: Some(now.mono) };
                self.findings.warn(OVERFLOW, now.wall, &text, times);
            } else {
                told.last = None;
                self.findings.unsay(OVERFLOW, &text);
            }
        }
    }
}
