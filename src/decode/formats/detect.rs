//! What tells a format: of all sets of conditions that a line fulfils the
//! largest wins. Only sets about something that the line has are looked at.

use std::cmp::Reverse;

use regex::bytes::Regex;

use crate::decode::explain::either;
use crate::decode::map::{Input, Map, Words};
use crate::scan::{Scan, Slot};

/// Sets of conditions over one scan, the most specific first.
#[derive(Debug)]
pub(super) struct Detector {
    signatures: Box<[Signature]>,
    /// For each slot the numbers of the sets that are looked at where it has a value.
    by_slot: Box<[Box<[u16]>]>,
}

/// What tells a format: paths that are there, what some of them hold or look like, and
/// what must be missing.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    format: usize,
    set: Box<[Slot]>,
    eq: Box<[(Slot, Words)]>,
    re: Box<[(Slot, Regex)]>,
    reject: Box<[Slot]>,
}

/// One set of one map.
pub(super) struct Told<'m> {
    pub(super) format: usize,
    map: &'m Map<String>,
    set: &'m [String],
}

impl Told<'_> {
    /// How many conditions there are. A value says more than a name.
    fn weight(&self) -> usize {
        self.set.len() + 2 * self.map.detect.eq.len()
    }

    /// Paths that must all be there.
    pub(super) fn set(&self) -> &[String] {
        self.set
    }

    /// Paths and what they must hold.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, String)> {
        self.map.detect.eq.iter().map(|(path, words)| (&**path, either(words)))
    }

    /// Paths of the set that must look like something.
    fn shapes(&self) -> impl Iterator<Item = &(String, Regex)> {
        self.map.detect.re.iter().filter(|(path, _)| self.set.contains(path))
    }

    /// How many conditions a record must meet; what must be missing is no merit.
    pub(super) fn conditions(&self) -> usize {
        self.set.len() + self.map.detect.eq.len()
    }

    /// This set over the paths that `add` makes slots of.
    pub(super) fn signature(&self, add: &mut dyn FnMut(&str) -> Slot) -> Signature {
        let detect = &self.map.detect;
        let eq = detect.eq.iter().map(|(path, words)| (add(path), words.clone())).collect();
        let set = self.set.iter().map(|path| add(path)).collect();
        let re = self.shapes().map(|(path, regex)| (add(path), regex.clone())).collect();
        let reject = detect.reject.iter().map(|path| add(path)).collect();
        Signature { format: self.format, set, eq, re, reject }
    }

    /// What a scanned record does not meet of this set's `signature`, in words.
    pub(super) fn unmet(&self, signature: &Signature, scan: Scan<'_>) -> Vec<String> {
        let detect = &self.map.detect;
        let missing = self.set.iter().zip(&signature.set).filter(|(_, slot)| !scan.has(**slot));
        let mut unmet: Vec<String> = missing.map(|(path, _)| format!("no {path}")).collect();
        let others = self.values().zip(&signature.eq).filter(|(_, eq)| !Signature::is(scan, eq));
        unmet.extend(others.map(|((path, words), _)| format!("{path} is not {words}")));
        let others = self.shapes().zip(&signature.re);
        let others = others.filter(|(_, (slot, regex))| {
            scan.get(*slot).is_some_and(|value| !value.says(|text| regex.is_match(text)))
        });
        unmet.extend(others.map(|((path, _), _)| format!("{path} is not like that of a call")));
        let rejected = detect.reject.iter().zip(&signature.reject);
        let rejected = rejected.filter(|(_, slot)| scan.has(**slot));
        unmet.extend(rejected.map(|(path, _)| format!("{path} is there")));
        unmet
    }
}

/// All sets of all maps of one input, the most specific first; of equals the one with more
/// values, then a user's before a shipped one, then an earlier map.
pub(super) fn ranked(maps: &[Map<String>], shipped: usize, input: Input) -> Vec<Told<'_>> {
    let mut all: Vec<Told<'_>> = Vec::new();
    for (format, map) in maps.iter().enumerate().filter(|(_, map)| map.input == input) {
        all.extend(map.detect.sets.iter().map(|set| Told { format, map, set }));
    }
    all.sort_by_key(|told| {
        let values = told.map.detect.eq.len();
        (Reverse(told.weight()), Reverse(values), told.format < shipped, told.format)
    });
    all
}

impl Detector {
    pub(super) fn new(told: &[Told<'_>], add: &mut dyn FnMut(&str) -> Slot) -> Detector {
        let signatures: Vec<Signature> = told.iter().map(|told| told.signature(add)).collect();
        let slots = signatures.iter().flat_map(Signature::slots).map(Slot::index);
        let count = slots.max().map_or(0, |most| most + 1);
        let mut uses = vec![0_usize; count];
        for slot in signatures.iter().flat_map(Signature::slots) {
            if let Some(uses) = uses.get_mut(slot.index()) {
                *uses += 1;
            }
        }
        let mut by_slot = vec![Vec::new(); count];
        for (signature, number) in signatures.iter().zip(0_u16..) {
            // The rarest says most.
            let rarest = signature.slots().min_by_key(|slot| uses.get(slot.index()));
            if let Some(numbers) = rarest.and_then(|slot| by_slot.get_mut(slot.index())) {
                numbers.push(number);
            }
        }
        let by_slot = by_slot.into_iter().map(Vec::into_boxed_slice).collect();
        Detector { signatures: signatures.into(), by_slot }
    }

    /// The sets, as they were given.
    pub(super) fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The format of a scanned object.
    #[inline]
    pub(super) fn format_of(&self, scan: Scan<'_>) -> Option<usize> {
        let mut best = u16::MAX;
        for slot in scan.slots() {
            let Some(numbers) = self.by_slot.get(slot.index()) else { continue };
            let fits = |number: &&u16| {
                self.signatures.get(usize::from(**number)).is_some_and(|s| s.fits(scan))
            };
            if let Some(first) = numbers.iter().take_while(|n| **n < best).find(fits) {
                best = *first;
            }
        }
        self.signatures.get(usize::from(best)).map(|signature| signature.format)
    }

    /// The sets of which only values tell whether a line fulfils them that has values
    /// where `scan` has them, in order, and the first that such lines always fulfil.
    pub(super) fn candidates(&self, scan: Scan<'_>) -> Box<[u16]> {
        let mut candidates = Vec::new();
        for (signature, number) in self.signatures.iter().zip(0_u16..) {
            if signature.slots().next().is_some() && signature.may_fit(scan) {
                candidates.push(number);
                if signature.eq.is_empty() && signature.re.is_empty() {
                    break;
                }
            }
        }
        candidates.into()
    }

    /// The same as [`format_of`](Self::format_of), by the candidates of lines like this.
    #[inline]
    pub(super) fn chosen(&self, candidates: &[u16], scan: Scan<'_>) -> Option<usize> {
        let all = candidates.iter().filter_map(|number| self.signatures.get(usize::from(*number)));
        let mut fitting = all.filter(|signature| signature.holds(scan));
        fitting.next().map(|signature| signature.format)
    }
}

impl Signature {
    fn slots(&self) -> impl Iterator<Item = Slot> {
        self.set.iter().copied().chain(self.eq.iter().map(|(slot, _)| *slot))
    }

    #[inline]
    fn fits(&self, scan: Scan<'_>) -> bool {
        self.may_fit(scan) && self.holds(scan)
    }

    /// Whether all is there that must be, and nothing that must not.
    #[inline]
    fn may_fit(&self, scan: Scan<'_>) -> bool {
        self.slots().all(|slot| scan.has(slot)) && !self.reject.iter().any(|slot| scan.has(*slot))
    }

    /// Whether what must hold certain values does.
    #[inline]
    fn holds(&self, scan: Scan<'_>) -> bool {
        let says = |(slot, regex): &(Slot, Regex)| {
            scan.get(*slot).is_some_and(|value| value.says(|text| regex.is_match(text)))
        };
        self.eq.iter().all(|eq| Signature::is(scan, eq)) && self.re.iter().all(says)
    }

    #[inline]
    fn is(scan: Scan<'_>, (slot, words): &(Slot, Words)) -> bool {
        let is_one = |text: &[u8]| words.iter().any(|word| **word == *text);
        scan.get(*slot).is_some_and(|value| value.says(is_one))
    }
}
