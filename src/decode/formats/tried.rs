//! Why a record is of a format and not of another, for people.

use std::cmp::Reverse;

use super::Formats;
use super::detect::Told;
use crate::decode::explain::{Tried, Verdict};
use crate::decode::map::Input;
use crate::scan::{Found, scan_line};

impl Formats {
    /// All formats of `input` over an object: the one that takes it, those that
    /// would, then those that miss the least.
    pub(in crate::decode) fn tried_on(&self, input: Input, json: &[u8]) -> Vec<Tried> {
        let mut all = self.nearest_sets(input, json);
        all.sort_by_key(|tried| (tried.verdict, Reverse(tried.met)));
        all
    }

    /// All formats with patterns over a line of text, in the order in which they
    /// are tried.
    pub(in crate::decode) fn tried_on_text(&self, text: &[u8]) -> Vec<Tried> {
        let mut taken = false;
        let all = self.maps.all().iter().enumerate();
        let mut all: Vec<Tried> = all
            .filter(|(_, map)| map.input == Input::Regex)
            .map(|(number, map)| {
                let fits = map.patterns.iter().position(|pattern| pattern.is_match(text));
                let (verdict, why) = match fits {
                    Some(number) if taken => {
                        (Verdict::Fits, format!("pattern {number} fits, but it stands later"))
                    }
                    Some(number) => (Verdict::Taken, format!("pattern {number} fits")),
                    None => {
                        let count = map.patterns.len();
                        (Verdict::Missed, format!("none of {count} patterns fits"))
                    }
                };
                taken |= fits.is_some();
                let met = usize::from(fits.is_some());
                Tried {
                    format: map.id.to_string(),
                    verdict,
                    met,
                    why,
                    own: self.maps.is_own(number),
                }
            })
            .collect();
        all.sort_by_key(|tried| tried.verdict);
        all
    }
}

impl Formats {
    /// The nearest set of each format; the first in rank that fits takes the record.
    fn nearest_sets(&self, input: Input, json: &[u8]) -> Vec<Tried> {
        let Some((any, paths)) = self.any(input) else { return Vec::new() };
        let mut found = Found::default();
        // Once for all sets: a line may be long.
        let scan = scan_line(paths, json, &mut found);
        let maps = self.maps.all();
        let mut winner: Option<(usize, String)> = None;
        let mut best: Vec<(usize, usize, Tried)> = Vec::new();
        for (told, signature) in self.maps.ranked(input).iter().zip(any.signatures()) {
            let unmet = told.unmet(signature, scan);
            let met = told.conditions().saturating_sub(unmet.len());
            let (verdict, why) = match &winner {
                _ if !unmet.is_empty() => (Verdict::Missed, unmet.join(", ")),
                None => (Verdict::Taken, told.says()),
                Some((_, first)) => {
                    (Verdict::Fits, format!("{}; `{first}` is told by more", told.says()))
                }
            };
            let id = maps.get(told.format).map_or("", |map| &*map.id);
            if verdict == Verdict::Taken {
                winner = Some((told.format, id.to_owned()));
            }
            let own = self.maps.is_own(told.format);
            let tried = Tried { format: id.to_owned(), verdict, met, why, own };
            let missing = unmet.len();
            match best.iter_mut().find(|(format, ..)| *format == told.format) {
                Some(known) if known.2.verdict > verdict || known.1 > missing => {
                    *known = (told.format, missing, tried);
                }
                Some(_) => {}
                None => best.push((told.format, missing, tried)),
            }
        }
        let untold = maps.iter().enumerate().filter(|(number, map)| {
            map.input == input
                && self.maps.is_own(*number)
                && best.iter().all(|(n, ..)| n != number)
        });
        let untold = untold.map(|(_, map)| Tried {
            format: map.id.to_string(),
            verdict: Verdict::Missed,
            met: 0,
            why: "it has no `detect`: only a source that names it as its format is read by it"
                .to_owned(),
            own: true,
        });
        let untold: Vec<Tried> = untold.collect();
        best.into_iter().map(|(.., tried)| tried).chain(untold).collect()
    }
}

impl Told<'_> {
    /// What it is told by, in words.
    pub(super) fn says(&self) -> String {
        let mut parts = Vec::new();
        if !self.set().is_empty() {
            parts.push(format!("has {}", self.set().join(", ")));
        }
        parts.extend(self.values().map(|(path, words)| format!("{path} is {words}")));
        parts.join("; ")
    }
}
