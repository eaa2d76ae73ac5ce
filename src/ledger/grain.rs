//! The two grains of time in which spend is kept: quarters of an hour for ever,
//! minutes for a while. Times are minutes since 1970.

use std::time::Duration;

use rusqlite::Connection;

use crate::domain::Wall;

/// How long minutes are kept: rolling windows of a week begin at the minute.
pub(super) const MINUTES_KEPT: Duration = Duration::from_hours(8 * 24);

/// Minutes of a quarter of an hour: no time zone in use is shifted by less.
pub(super) const QUARTER: i64 = 15;
const MINUTE_NS: i64 = 60_000_000_000;

/// A range of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// `minute` or `quarter`: the table's name and that of its time.
    pub table: &'static str,
    pub from: i64,
    pub to: i64,
}

/// The first minute that begins at or after a moment. One that has begun
/// belongs to the period before.
pub(super) fn minute_from(at: Wall) -> i64 {
    at.0.div_euclid(MINUTE_NS) + i64::from(at.0.rem_euclid(MINUTE_NS) > 0)
}

/// When a minute begins.
pub(super) fn begin_of(minute: i64) -> Wall {
    Wall(minute.saturating_mul(MINUTE_NS))
}

/// The quarter that a minute is in, by its first minute.
pub(super) fn quarter_of(minute: i64) -> i64 {
    minute.saturating_sub(minute.rem_euclid(QUARTER))
}

/// The first minute of which minutes are kept; the first of a quarter.
pub(super) fn minutes_from(db: &Connection) -> rusqlite::Result<i64> {
    let mut find = db.prepare_cached("SELECT value FROM state WHERE key = 'minutes_from'")?;
    find.query_row([], |row| row.get(0))
}

/// What to add up for `[from, to)`: whole quarters, and minutes at both ends.
pub(super) fn pieces(from: i64, to: i64, minutes_from: i64) -> impl Iterator<Item = Piece> {
    let quarters = |from, to| Piece { table: "quarter", from, to };
    let minutes = |from, to| Piece { table: "minute", from, to };
    let old = quarters(from, to.min(minutes_from));
    let from = from.max(minutes_from);
    let first = quarter_of(from.saturating_add(QUARTER - 1)).min(to);
    // Past the end of time there is no last quarter to cut.
    let last = if to == i64::MAX { to } else { quarter_of(to).max(first) };
    let pieces = [old, minutes(from, first), quarters(first, last), minutes(last, to)];
    pieces.into_iter().filter(|piece| piece.from < piece.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minute_is_in_exactly_one_piece_while_minutes_are_kept() {
        for from in -40..40 {
            for to in -40..40 {
                let mut found = Vec::new();
                for piece in pieces(from, to, i64::MIN) {
                    if piece.table == "quarter" {
                        assert_eq!((piece.from % 15, piece.to % 15), (0, 0), "{piece:?}");
                    }
                    found.extend(piece.from..piece.to);
                }
                assert_eq!(found, (from..to).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn before_minutes_are_kept_only_quarters_are_asked() {
        for piece in pieces(7, 100, 30) {
            assert!(piece.table == "quarter" || piece.from >= 30, "{piece:?}");
        }
        let open: Vec<_> = pieces(31, i64::MAX, 30).collect();
        assert_eq!(open.len(), 2);
        assert_eq!(open[1], Piece { table: "quarter", from: 45, to: i64::MAX });
    }
}
