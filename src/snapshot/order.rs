//! Worst first, by what a reader can see of each row: by fractions that no screen shows,
//! rows that look alike would change places with every picture.

use std::cmp::{Ordering, Reverse};

use super::{Limit, Traffic, verdict};

/// A limit that runs out sooner than another by these steps, in seconds, is worse.
const STEPS_S: [f64; 5] = [10.0, 30.0, 60.0, 120.0, 300.0];
/// From this share on a limit is as good as full.
pub const FULL: f64 = 0.985;

/// Which of two limits is worse.
pub fn worse(a: &Limit, b: &Limit) -> Ordering {
    // A stale limit is no news: it goes behind the fresh ones that are fine.
    let rank = |l: &Limit| (l.stale, Reverse(l.state), runs_out(l), left(l));
    rank(a).cmp(&rank(b)).then_with(|| names(a).cmp(&names(b)))
}

/// Which of two rows of traffic comes first: whose calls go wrong, then who has more of them.
pub fn more_hurt(a: &Traffic, b: &Traffic) -> Ordering {
    let rank = |row: &Traffic| (Reverse(verdict::traffic_state(row)), Reverse(row.requests));
    let who = |row: &Traffic| (row.provider.clone(), row.model.clone(), row.endpoint.clone());
    rank(a).cmp(&rank(b)).then_with(|| who(a).cmp(&who(b)))
}

/// The step in which it runs out, if that is soon.
fn runs_out(limit: &Limit) -> usize {
    let seconds = if limit.exhausted { 0.0 } else { limit.exhausts_in_s.unwrap_or(f64::MAX) };
    STEPS_S.iter().position(|step| seconds < *step).unwrap_or(STEPS_S.len())
}

/// What is left, in the percents that are shown.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
fn left(limit: &Limit) -> u8 {
    let used = || limit.used_ratio.map(|used| 1.0 - used);
    match limit.remaining_ratio.or_else(used).unwrap_or(1.0) {
        FULL.. => 100,
        left if left > 0.0 => (left * 100.0).round().max(1.0) as u8,
        _ => 0,
    }
}

/// All that tells two limits apart.
fn names(limit: &Limit) -> impl Ord + '_ {
    let whose = (&limit.provider, &limit.model, limit.resource);
    let which = (&limit.key, &limit.subject, &limit.label, limit.window_s);
    (whose, which, limit.layer, limit.scope)
}
