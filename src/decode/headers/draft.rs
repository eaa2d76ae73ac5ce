//! A bucket while its headers are being collected, before anything is concluded.

use super::families::{Family, Kin};
use super::reset::{self, Written, unpadded};
use super::vocabulary::Verb;
use crate::domain::amount::SCALE;
use crate::domain::{Amount, Blame, LimitStatus, Resource, Scope, Sym, WindowFrom};
use crate::scan::number;

/// Counts beyond what 64 bits hold are damage.
const LARGEST: i128 = u64::MAX as i128 * SCALE;
/// A limit beyond what a double counts exactly was never meant as one.
const UNLIMITED: i128 = (1 << 53) * SCALE;

/// What headers of one bucket have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Key {
    pub family: &'static Family,
    /// The gateway says these are its provider's.
    pub upstream: bool,
    pub resource: Resource,
    pub window_s: Option<u32>,
    pub scope: Scope,
    pub label: Option<Sym>,
    /// The label is a gateway's descriptor of whom the limit is for.
    pub described: bool,
    /// The name carries the noun itself.
    pub named: bool,
}

/// One bucket as sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draft {
    pub key: Key,
    pub limit: Copies,
    pub remaining: Copies,
    pub used: Copies,
    pub ratio: Option<f64>,
    pub reset: Sent<Written>,
    pub status: Option<LimitStatus>,
    /// Whether the response says that it refused the call.
    pub blame: Blame,
    pub window: Option<(u32, WindowFrom)>,
    /// What is counted, where a value says so, and how many make one of ours.
    pub unit: Option<(Resource, u32)>,
    /// The sender says there is no limit.
    pub unlimited: bool,
    /// Went into another one.
    pub absorbed: bool,
}

/// All readable copies of a count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Copies {
    ends: Option<(Amount, Amount)>,
}

/// A value that may have been sent more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent<T> {
    Absent,
    Once(T),
    /// Copies disagree.
    Unclear,
}

/// How a header's value went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Fine,
    /// Not understood, or at odds with another copy.
    Fault,
}

impl Taken {
    /// How both went down.
    pub fn and(self, other: Taken) -> Taken {
        if self == Taken::Fault { self } else { other }
    }
}

impl Draft {
    pub fn new(key: Key) -> Draft {
        Draft {
            key,
            limit: Copies::default(),
            remaining: Copies::default(),
            used: Copies::default(),
            ratio: None,
            reset: Sent::Absent,
            status: None,
            blame: Blame::Unsaid,
            window: None,
            unit: None,
            unlimited: false,
            absorbed: false,
        }
    }

    /// Takes in what a header says.
    pub fn take(&mut self, verb: Verb, value: &[u8]) -> Taken {
        if is_absent(value) { Taken::Fine } else { self.take_said(verb, value) }
    }

    /// The same for a value that says something.
    #[inline]
    pub fn take_said(&mut self, verb: Verb, value: &[u8]) -> Taken {
        match verb {
            Verb::Limit => self.take_limit(value),
            Verb::Remaining => self.remaining.take(value),
            Verb::Used => self.used.take(value),
            Verb::Reset => self.take_reset(value),
            Verb::Ratio => self.take_ratio(value, 1.0),
            Verb::Percent => self.take_ratio(value, 100.0),
            Verb::Status => {
                self.status = status(value);
                Taken::Fine
            }
            Verb::WindowSeconds => self.take_window(value, 1),
            Verb::WindowMinutes => self.take_window(value, 60),
            Verb::Unlimited => {
                self.unlimited |= value.eq_ignore_ascii_case(b"true");
                Taken::Fine
            }
            Verb::Policy => Taken::Fine,
        }
    }

    /// What is left. Of copies that disagree the lower counts, as long as both
    /// are possible; else none is believed.
    pub fn remaining(&self) -> Option<Amount> {
        let (low, high) = self.remaining.ends?;
        let limit = self.limit.agreed();
        let possible = low.0 >= 0 && limit.is_none_or(|limit| high <= limit);
        (low == high || possible).then_some(low)
    }

    /// Whether it can be the state of another draft, from what it is by itself.
    pub fn may_be_state(&self) -> bool {
        !self.key.named
            && matches!(self.key.family.kin, Kin::Suffixed | Kin::Trio | Kin::Field)
            && self.window_s().is_none()
    }

    /// Whether a window of the same limit in other words: an old trio beside
    /// named windows, a state beside its policy.
    pub fn is_state_of(&self, windowed: &Draft) -> bool {
        let limits = (self.limit.agreed(), windowed.limit.agreed());
        let rests = (self.remaining(), windowed.remaining());
        let agree = |pair| match pair {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        let linked = match limits {
            (Some(_), Some(_)) => true,
            // Only a state of the policy by its side can do without a limit.
            _ => windowed.remaining.ends.is_none(),
        };
        let same_count = self.key.label.is_some() || self.key.resource == windowed.key.resource;
        // A policy may do without a window, of calls at a time it always does.
        let is_policy = windowed.window_s().is_some()
            || (self.key.label.is_some() && !self.limit.is_known() && windowed.limit.is_known());
        self.may_be_state()
            && is_policy
            && self.key.upstream == windowed.key.upstream
            && self.key.label == windowed.key.label
            && same_count
            && linked
            && agree(limits)
            && agree(rests)
    }

    /// Whether two drafts are the same numbers under two names.
    pub fn is_copy_of(&self, other: &Draft) -> bool {
        let pairs =
            [(self.limit.agreed(), other.limit.agreed()), (self.remaining(), other.remaining())];
        // LiteLLM moves only the reset behind its mark where it copies the counts.
        let silent = pairs.iter().all(|pair| pair.1.is_none());
        (silent || pairs.iter().any(|pair| pair.0.is_some() && pair.0 == pair.1))
            && pairs.iter().all(|(a, b)| a.is_none() || b.is_none() || a == b)
    }

    /// Whether its name has no owner's mark, neither the provider's nor a descriptor's.
    pub fn is_plain(&self) -> bool {
        !self.key.upstream && self.key.family.kin == Kin::Suffixed && !self.key.described
    }

    /// Whether it may be the provider's bucket again, as a gateway sends it under a plain
    /// name too.
    pub fn may_repeat(&self, upstream: &Draft) -> bool {
        self.is_plain()
            && upstream.key.upstream
            && self.key.resource == upstream.key.resource
            && self.key.window_s == upstream.key.window_s
            && self.key.label == upstream.key.label
    }

    /// Fills gaps from another draft of the same bucket.
    pub fn absorb(&mut self, other: &mut Draft) {
        other.absorbed = true;
        for (mine, theirs) in [
            (&mut self.limit, other.limit),
            (&mut self.remaining, other.remaining),
            (&mut self.used, other.used),
        ] {
            mine.ends = mine.ends.or(theirs.ends);
        }
        if self.reset == Sent::Absent {
            self.reset = other.reset;
        }
        self.ratio = self.ratio.or(other.ratio);
        self.window = self.window.or(other.window);
        self.unlimited |= other.unlimited;
    }

    /// The window, where header, name or policy says it.
    pub fn window_s(&self) -> Option<u32> {
        self.window.map(|(seconds, _)| seconds).or(self.key.window_s)
    }

    fn take_limit(&mut self, value: &[u8]) -> Taken {
        if value.eq_ignore_ascii_case(b"unlimited") {
            self.unlimited = true;
            return Taken::Fine;
        }
        let taken = self.limit.take(value);
        // -1 stands for "none", and so do numbers too large to be one.
        self.unlimited |= self.limit.agreed().is_some_and(|l| l.0 < 0 || l.0 > UNLIMITED);
        taken
    }

    fn take_reset(&mut self, value: &[u8]) -> Taken {
        let mut taken = Taken::Fine;
        for copy in reset::copies(value) {
            if self.reset.take(reset::read(copy)) == Taken::Fault {
                taken = Taken::Fault;
            }
        }
        taken
    }

    fn take_ratio(&mut self, value: &[u8], whole: f64) -> Taken {
        let ratio = number::float(value).filter(|ratio| *ratio >= 0.0).map(|ratio| ratio / whole);
        self.ratio = self.ratio.or(ratio);
        if ratio.is_some() { Taken::Fine } else { Taken::Fault }
    }

    fn take_window(&mut self, value: &[u8], unit_s: u32) -> Taken {
        let count = number::unsigned(value).and_then(|count| u32::try_from(count).ok());
        match count.and_then(|count| count.checked_mul(unit_s)) {
            Some(0) => Taken::Fine,
            Some(seconds) => {
                self.window = Some((seconds, WindowFrom::Header));
                Taken::Fine
            }
            None => Taken::Fault,
        }
    }
}

impl Copies {
    /// The count, if all copies say the same.
    pub fn agreed(self) -> Option<Amount> {
        self.ends.filter(|(low, high)| low == high).map(|(low, _)| low)
    }

    /// Whether there is a readable copy.
    pub fn is_known(self) -> bool {
        self.ends.is_some()
    }

    /// Takes a known count.
    pub fn add(&mut self, count: Amount) -> Taken {
        // Usually it is the only copy.
        let Some((low, high)) = self.ends else {
            self.ends = Some((count, count));
            return Taken::Fine;
        };
        self.ends = Some((low.min(count), high.max(count)));
        if low == high && low == count { Taken::Fine } else { Taken::Fault }
    }

    fn take(&mut self, value: &[u8]) -> Taken {
        // What is a number as it stands is one copy.
        if let Some(count) = count(value) {
            return self.add(count);
        }
        if has_thousands_separator(value) {
            return Taken::Fault;
        }
        // Proxies join repeated headers with commas.
        let mut taken = Taken::Fine;
        for copy in value.split(|b| *b == b',') {
            match count(copy.trim_ascii()) {
                Some(count) if self.add(count) == Taken::Fine => {}
                _ => taken = Taken::Fault,
            }
        }
        taken
    }
}

impl<T: Copy + PartialEq> Sent<T> {
    /// The value, if there is exactly one.
    pub fn value(self) -> Option<T> {
        match self {
            Sent::Once(value) => Some(value),
            Sent::Absent | Sent::Unclear => None,
        }
    }

    /// Takes a copy; one that can't be read does not spoil one that can.
    pub fn take(&mut self, copy: Option<T>) -> Taken {
        match (*self, copy) {
            (_, None) => return Taken::Fault,
            (Sent::Absent, Some(value)) => *self = Sent::Once(value),
            (Sent::Once(earlier), Some(value)) if earlier == value => {}
            (Sent::Once(_) | Sent::Unclear, Some(_)) => {
                *self = Sent::Unclear;
                return Taken::Fault;
            }
        }
        Taken::Fine
    }
}

/// A count: any finite decimal that 64 bits could hold.
pub(super) fn count(text: &[u8]) -> Option<Amount> {
    number::decimal(unpadded(text)).ok().filter(|count| count.abs() <= LARGEST).map(Amount)
}

/// Words with which programs print that there is no value.
#[inline]
pub(super) fn is_absent(value: &[u8]) -> bool {
    !value.first().is_some_and(u8::is_ascii_digit) && is_word_for_none(value)
}

fn is_word_for_none(value: &[u8]) -> bool {
    const WORDS: [&str; 6] = ["none", "null", "undefined", "nil", "n/a", "-"];
    value.is_empty() || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// `10,000` could be ten thousand or two copies: not to be believed.
fn has_thousands_separator(value: &[u8]) -> bool {
    value.windows(4).enumerate().any(|(at, window)| {
        let ends = !value.get(at + 4).is_some_and(u8::is_ascii_digit);
        matches!(window, [b',', a, b, c] if [a, b, c].iter().all(|d| d.is_ascii_digit()) && ends)
    })
}

/// The word of a provider on a limit.
pub(super) fn status(value: &[u8]) -> Option<LimitStatus> {
    match value {
        b"allowed" => Some(LimitStatus::Allowed),
        b"allowed_warning" | b"warning" => Some(LimitStatus::Warning),
        b"rejected" => Some(LimitStatus::Rejected),
        _ => None,
    }
}
