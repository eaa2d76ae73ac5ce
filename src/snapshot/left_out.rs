//! What a picture has no room for is left out, and counted: no section ends unsaid.

use std::collections::BTreeMap;

use super::Cap;

/// Rows of one kind that a picture holds at most, those that matter most. Slices of load
/// come whole: the plan of a trip adds them up.
const MOST: usize = 500;

/// Rows that found no room, by section.
pub(super) type LeftOut = BTreeMap<&'static str, u64>;

/// Leave out what is behind the first rows, and say how many that are.
pub(super) fn cut<T>(rows: &mut Vec<T>, section: &'static str, left_out: &mut LeftOut) {
    let more = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    if more > 0 {
        left_out.insert(section, more as u64);
    }
}

/// The same of caps; answers how many of those are spent. What somebody has configured by
/// name is always there.
pub(super) fn cut_caps(rows: &mut Vec<Cap>, left_out: &mut LeftOut) -> u64 {
    let (mut each, mut more, mut spent) = (0, 0, 0);
    rows.retain(|row| {
        each += usize::from(row.of.is_some());
        let stays = row.of.is_none() || each <= MOST;
        more += u64::from(!stays);
        spent += u64::from(!stays && row.is_spent());
        stays
    });
    if more > 0 {
        left_out.insert("caps", more);
    }
    spent
}
