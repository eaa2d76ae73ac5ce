//! A bounded memory of calls already counted, so that a doubled line counts
//! once. A fingerprint is never made of a client-chosen id alone (the decoder
//! sees to that), so a reused id hides no spend.

use std::collections::VecDeque;

use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;

/// Calls remembered: at 1,000 calls a second, more than a minute.
const KEPT: usize = 65_536;

/// The last [`KEPT`] fingerprints.
#[derive(Debug, Default)]
pub struct Dedup {
    known: HashSet<u64, FxBuildHasher>,
    order: VecDeque<u64>,
}

impl Dedup {
    /// Whether this call was counted before; remembers it if not.
    pub fn repeats(&mut self, fingerprint: u64) -> bool {
        if !self.known.insert(fingerprint) {
            return true;
        }
        if self.order.len() == KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(fingerprint);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_known_until_it_is_pushed_out() {
        let mut dedup = Dedup::default();
        assert!(!dedup.repeats(7));
        assert!(dedup.repeats(7));
        for other in 100..100 + KEPT as u64 {
            assert!(!dedup.repeats(other));
        }
        assert!(!dedup.repeats(7));
        assert_eq!(dedup.known.len(), KEPT);
    }
}
