//! The grains of time in which spend is kept: minutes for a while, quarters of
//! an hour for longer, days for ever. Each call is in all of them, so that a
//! month is quick to add up and a year takes little room. Times are minutes since
//! 1970.

use std::time::Duration;

use rusqlite::Connection;

use crate::domain::Wall;

const MINUTE_NS: i64 = 60_000_000_000;
const DAY_S: u64 = 86_400;

/// A table of sums by time and series; its time column has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grain {
    pub table: &'static str,
    /// Minutes that a row covers.
    pub minutes: i64,
    /// How long rows are kept; `None` is for ever.
    pub kept: Option<Duration>,
}

/// From fine to coarse. Rolling windows of a week begin at the minute. All time
/// zones in use are shifted by quarters of an hour, so the days and months of the
/// last two months are exact in each. Days are those of UTC.
pub(super) const GRAINS: [Grain; 3] = [
    Grain { table: "minute", minutes: 1, kept: Some(Duration::from_secs(8 * DAY_S)) },
    Grain { table: "quarter", minutes: 15, kept: Some(Duration::from_secs(62 * DAY_S)) },
    Grain { table: "day", minutes: 1440, kept: None },
];

/// The first minute of which each grain has rows; a border of the next coarser.
pub(super) type Floors = [i64; GRAINS.len()];

/// A range of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub table: &'static str,
    pub from: i64,
    pub to: i64,
}

impl Grain {
    /// Where the row that a minute is in begins.
    pub(super) fn begin(&self, minute: i64) -> i64 {
        minute.saturating_sub(minute.rem_euclid(self.minutes))
    }

    /// Where the row that a minute is in ends.
    pub(super) fn end(&self, minute: i64) -> i64 {
        self.begin(minute).saturating_add(self.minutes)
    }
}

/// The first minute that begins at or after a moment. One that has begun
/// belongs to the period before.
pub(super) fn minute_from(at: Wall) -> i64 {
    at.0.div_euclid(MINUTE_NS) + i64::from(at.0.rem_euclid(MINUTE_NS) > 0)
}

/// The minute that a moment is in.
pub(super) fn minute_of(at: Wall) -> i64 {
    at.0.div_euclid(MINUTE_NS)
}

/// The coarsest table of which rows make up steps of so many minutes.
pub(super) fn of_step(minutes: i64) -> &'static str {
    let fits = GRAINS.iter().rev().find(|grain| minutes % grain.minutes == 0);
    fits.map_or("minute", |grain| grain.table)
}

/// When a minute begins.
pub(super) fn begin_of(minute: i64) -> Wall {
    Wall(minute.saturating_mul(MINUTE_NS))
}

/// The last steps of so many minutes in which a table has rows before a minute, the
/// newest first.
pub(super) fn last_steps(
    db: &Connection,
    table: &str,
    (minutes, mut before): (i64, i64),
    most: usize,
) -> rusqlite::Result<Vec<i64>> {
    let newest = format!("SELECT max({table}) FROM {table} WHERE {table} < ?1");
    let mut newest = db.prepare_cached(&newest)?;
    let mut steps = Vec::new();
    while steps.len() < most
        && let Some(row) = newest.query_row([before], |row| row.get::<_, Option<i64>>(0))?
    {
        before = row.div_euclid(minutes).saturating_mul(minutes);
        steps.push(before);
    }
    Ok(steps)
}

/// What the file says about its grains.
pub(super) fn floors(db: &Connection) -> rusqlite::Result<Floors> {
    let mut floors = [i64::MIN; GRAINS.len()];
    let mut find = db.prepare_cached("SELECT value FROM state WHERE key = ?1")?;
    for (floor, grain) in floors.iter_mut().zip(GRAINS).filter(|(_, grain)| grain.kept.is_some()) {
        *floor = find.query_row([format!("{}_from", grain.table)], |row| row.get(0))?;
    }
    Ok(floors)
}

/// The first border of rows at or after a minute; of the finest that are kept of it.
pub(super) fn border(minute: i64, floors: &Floors) -> i64 {
    let kept = GRAINS.iter().zip(floors).find(|(_, floor)| minute >= **floor);
    kept.map_or(minute, |(grain, _)| match grain.begin(minute) {
        begun if begun == minute => minute,
        _ => grain.end(minute),
    })
}

/// What to add up for `[from, to)`: the coarsest rows that fit, and finer ones
/// at both ends as far as they are kept.
pub(super) fn pieces(from: i64, to: i64, floors: &Floors) -> Vec<Piece> {
    let mut pieces = Vec::new();
    split(from, to, (&GRAINS, floors), &mut pieces);
    pieces.retain(|piece| piece.from < piece.to);
    pieces
}

fn split(from: i64, to: i64, (grains, floors): (&[Grain], &[i64]), pieces: &mut Vec<Piece>) {
    let (Some((grain, finer)), Some((_, floors))) = (grains.split_last(), floors.split_last())
    else {
        return;
    };
    // Where nothing finer is kept, a row counts if it begins in the range.
    let fine = floors.last().map_or(i64::MAX, |fine| (*fine).clamp(from, to.max(from)));
    let first = if fine == grain.begin(fine) { fine } else { grain.end(fine) }.min(to);
    // Past the end of time there is no last row to cut.
    let last = if to == i64::MAX { to } else { grain.begin(to).max(first) };
    pieces.push(Piece { table: grain.table, from, to: fine.min(to) });
    split(fine, first, (finer, floors), pieces);
    pieces.push(Piece { table: grain.table, from: first, to: last });
    split(last, to, (finer, floors), pieces);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(table: &str) -> i64 {
        GRAINS.iter().find(|grain| grain.table == table).unwrap().minutes
    }

    #[test]
    fn every_minute_is_in_exactly_one_piece_while_all_is_kept() {
        let borders = [-3000, -1441, -1440, -1439, -16, -1, 0, 1, 15, 29, 720, 1440, 1500, 4321];
        for from in borders {
            for to in borders {
                let mut found = Vec::new();
                for piece in pieces(from, to, &[i64::MIN; 3]) {
                    let size = minutes(piece.table);
                    assert_eq!((piece.from % size, piece.to % size), (0, 0), "{piece:?}");
                    found.extend(piece.from..piece.to);
                }
                assert_eq!(found, (from..to).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_table_is_not_asked_for_what_it_has_let_go() {
        let floors = [4320 + 45, 2880, i64::MIN];
        for from in (0..6000).step_by(7) {
            for piece in pieces(from, 6011, &floors) {
                let at = GRAINS.iter().position(|grain| grain.table == piece.table).unwrap();
                assert!(piece.from >= floors[at], "{piece:?}");
            }
        }
    }

    #[test]
    fn a_month_up_to_now_is_mostly_days() {
        let found = pieces(31, i64::MAX, &[i64::MIN; 3]);
        let expected = [("minute", 31, 45), ("quarter", 45, 1440), ("day", 1440, i64::MAX)];
        let expected = expected.map(|(table, from, to)| Piece { table, from, to });
        assert_eq!(found, expected);
    }
}
