//! The fingerprint that makes doubled lines equal.
//!
//! A client can choose most ids, so an id alone must never make a call
//! disappear: time, status, tokens and cost of the call are part of it. How long
//! it took is too, for where a log writes whole seconds the same small call fits
//! twice into one. Whose call it was is not, for a line may lack the name that another
//! one has: who counts compares that ([`Keep::FirstNamed`]).

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::map::Identity;
use crate::domain::{Dedup, Keep, Request};

/// What makes a call with this id equal to others. Without a time an id alone would be
/// left, which a client may choose.
pub(super) fn same(key: &str, by: &Identity, request: &Request, salt: u64) -> Option<Dedup> {
    let (fingerprint, keep) = match (by.trusted, by.shared) {
        (true, _) => (trusted(key, &by.space, salt), by.keep),
        _ if !request.at_logged => return None,
        // Several formats may have several names for one model.
        (false, true) => (shared(key, &by.space, request, salt), by.keep),
        (false, false) => (fingerprint(key, request, salt), Keep::FirstNamed),
    };
    Some(Dedup { fingerprint, keep })
}

/// Fingerprint of a call by its id alone, in a log that nobody attacks; ids of
/// different spaces are different.
pub(super) fn trusted(key: &str, space: &str, salt: u64) -> u64 {
    let mut hasher = hasher(key, salt);
    hasher.write(space.as_bytes());
    hasher.finish()
}

/// Fingerprint of a call of which several formats tell, each with what it has: what all
/// have, the time to a millisecond.
fn shared(key: &str, space: &str, request: &Request, salt: u64) -> u64 {
    let mut hasher = hasher(key, salt);
    hasher.write(space.as_bytes());
    hasher.write_i64(request.at.0.div_euclid(1_000_000));
    hasher.write_u16(request.status.unwrap_or(0));
    for count in [request.tokens.input, request.tokens.output] {
        hasher.write_u64(count.unwrap_or(u64::MAX));
    }
    hasher.write_i128(request.cost.map_or(-1, |cost| cost.usd.0));
    hasher.finish()
}

/// Fingerprint of a call whose log gives it `key`; the same in every run.
fn fingerprint(key: &str, request: &Request, salt: u64) -> u64 {
    let (tokens, timing) = (request.tokens, request.timing);
    let count = |count: Option<u64>| count.unwrap_or(u64::MAX);
    let millis = |millis: Option<f64>| millis.map_or(u64::MAX, f64::to_bits);
    let facts = [
        request.at.0.cast_unsigned(),
        request.status.unwrap_or(0).into(),
        count(tokens.input),
        count(tokens.output),
        count(tokens.cached_input),
        count(tokens.cache_write),
        millis(timing.latency_ms),
        millis(timing.ttft_ms),
    ];
    let facts = facts.map(u64::to_le_bytes);
    let cost = request.cost.map_or(-1, |cost| cost.usd.0).to_le_bytes();
    let pieces: [&[u8]; 5] =
        [&salt.to_le_bytes(), key.as_bytes(), &[0xff], facts.as_flattened(), &cost];
    // Together, where it is not long: a write costs much, its length little.
    let mut room = [0; 192];
    let mut free = &mut room[..];
    for piece in pieces {
        let Some((place, behind)) = free.split_at_mut_checked(piece.len()) else {
            let mut hasher = SipHasher13::new();
            for piece in pieces {
                hasher.write(piece);
            }
            return hasher.finish();
        };
        place.copy_from_slice(piece);
        free = behind;
    }
    let unused = free.len();
    SipHasher13::new().hash(room.get(..room.len() - unused).unwrap_or_default())
}

fn hasher(key: &str, salt: u64) -> SipHasher13 {
    let mut hasher = SipHasher13::new();
    hasher.write_u64(salt);
    hasher.write(key.as_bytes());
    hasher.write_u8(0xff);
    hasher
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cost, CostSource, NanoUsd, Timing, Wall};

    /// What an earlier run has kept is found again.
    #[test]
    fn a_fingerprint_is_that_of_its_parts_one_after_the_other() {
        let timing = Timing { latency_ms: Some(12.5), ..Timing::default() };
        let call = Request { timing, status: Some(200), ..Request::at(Wall(17)) };
        for length in [0, 1, 20, 86, 87, 88, 1000] {
            let key = "k".repeat(length);
            let mut parts = hasher(&key, 7);
            for fact in [17, 200, u64::MAX, u64::MAX, u64::MAX, u64::MAX] {
                parts.write_u64(fact);
            }
            parts.write_u64(12.5_f64.to_bits());
            parts.write_u64(u64::MAX);
            parts.write(&(-1_i128).to_le_bytes());
            assert_eq!(fingerprint(&key, &call, 7), parts.finish(), "{length}");
        }
    }

    #[test]
    fn a_reused_id_with_another_time_cost_or_status_is_another_call() {
        let call = Request::at(Wall(1));
        let cost = Cost { usd: NanoUsd(1), source: CostSource::Reported };
        let print = |request: &Request| fingerprint("id", request, 7);
        assert_eq!(print(&call), print(&call.clone()));
        assert_ne!(print(&call), print(&Request { at: Wall(2), ..call }));
        assert_ne!(print(&call), print(&Request { cost: Some(cost), ..call }));
        assert_ne!(print(&call), print(&Request { status: Some(200), ..call }));
        let timing = Timing { latency_ms: Some(12.5), ..call.timing };
        assert_ne!(print(&call), print(&Request { timing, ..call }));
        assert_ne!(print(&call), fingerprint("other", &call, 7));
    }
}
