//! Sums as a table for people, in eighty columns where names allow it.

use std::collections::HashSet;

use crate::domain::{Bucket, NanoUsd, amount};
use crate::text::{Ellipsis, cut, printable, width};

/// Columns of a printed name, where amounts are not long.
const NAME_COLUMNS: usize = 26;
/// Columns of an amount of money at least.
const COST_COLUMNS: usize = 12;

/// Columns of all others, with the spaces before them.
const OTHER_COLUMNS: usize = 40;
/// What a name is never cut below, unless it is shorter.
const LEAST: usize = 8;

/// A table of sums. All its amounts have as many digits as the longest needs, so
/// that nothing is rounded and the rows visibly add up; names give way to them.
pub struct Sheet {
    digits: usize,
    /// Columns of an amount.
    cost: usize,
    /// Columns of each name.
    names: Vec<usize>,
}

impl Sheet {
    /// For these rows, each with one short name.
    pub fn of<'s>(sums: impl Iterator<Item = &'s Bucket> + Clone) -> Sheet {
        let costs = sums.filter(|sum| sum.cost_known()).map(|sum| sum.cost);
        let digits = costs.clone().map(NanoUsd::digits).max().unwrap_or(2);
        let widest = costs.map(|cost| cost.column(digits).len()).max().unwrap_or(0);
        let cost = widest.max(COST_COLUMNS);
        Sheet { digits, cost, names: vec![(NAME_COLUMNS + COST_COLUMNS).saturating_sub(cost)] }
    }

    /// With a column for each name, in a terminal of so many columns. Names are cut
    /// where they don't fit there, but never so that two rows look the same.
    pub fn naming(self, head: &[String], rows: &[Vec<String>], columns: Option<usize>) -> Sheet {
        let mut names: Vec<usize> = head.iter().map(|head| width(head)).collect();
        for row in rows {
            let wide = names.iter_mut().zip(row);
            wide.for_each(|(most, name)| *most = width(name).max(*most));
        }
        let usual = self.names.iter().sum::<usize>();
        let spaces = names.len().saturating_sub(1);
        let missing = usual.saturating_sub(names.iter().sum::<usize>() + spaces);
        if let Some(first) = names.first_mut() {
            *first += missing;
        }
        let whole = names.clone();
        if let Some(columns) = columns {
            let room = columns.saturating_sub(OTHER_COLUMNS + self.cost + spaces);
            while names.iter().sum::<usize>() > room
                && let Some(widest) = names.iter_mut().max().filter(|widest| **widest > LEAST)
            {
                *widest -= 1;
            }
        }
        let cut = |row: &Vec<String>| -> Vec<String> {
            row.iter().zip(&names).map(|(name, most)| fitted(name, *most)).collect()
        };
        let told: HashSet<Vec<String>> = rows.iter().map(cut).collect();
        let names = if told.len() < rows.len() { whole } else { names };
        Sheet { names, ..self }
    }

    /// What stands above the rows.
    pub fn head(&self, names: &[String]) -> String {
        self.line(names, ["REQUESTS", "IN", "OUT", "USD", "UNPR", "FAIL"].map(str::to_owned))
    }

    /// A row: names and its sums.
    pub fn row(&self, names: &[String], sum: &Bucket) -> String {
        let tokens = |count: i64| if sum.tokens_known() { short(count) } else { "?".into() };
        let cost = if sum.cost_known() { sum.cost.column(self.digits) } else { "?".into() };
        let cells = [
            separated(sum.requests),
            tokens(sum.input_tokens),
            tokens(sum.output_tokens),
            cost,
            // What was refused costs nothing.
            share(sum.unpriced, sum.passed()),
            share(sum.failed, sum.requests),
        ];
        self.line(names, cells)
    }

    fn line(
        &self,
        names: &[String],
        [requests, input, output, cost, unpriced, failed]: [String; 6],
    ) -> String {
        let (empty, cost_columns) = (String::new(), self.cost);
        let cells = names.iter().chain(std::iter::repeat(&empty)).zip(&self.names);
        let names: Vec<String> = cells.map(|(name, columns)| fitted(name, *columns)).collect();
        let names = names.join(" ");
        format!(
            "{names} {requests:>10} {input:>7} {output:>7} {cost:>cost_columns$} {unpriced:>5} {failed:>5}"
        )
    }
}

/// A name in exactly these columns.
fn fitted(name: &str, columns: usize) -> String {
    let name = printable(name);
    let name = cut(&name, columns, Ellipsis::Unicode);
    let pad = " ".repeat(columns.saturating_sub(width(&name)));
    format!("{name}{pad}")
}

fn separated(count: i64) -> String {
    let sign = if count < 0 { "-" } else { "" };
    format!("{sign}{}", amount::grouped(count.unsigned_abs().into()))
}

/// At most six characters: `812`, `9.1k`, `120M`.
fn short(count: i64) -> String {
    let sign = if count < 0 { "-" } else { "" };
    let count = count.unsigned_abs();
    let units = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")];
    let Some((unit, letter)) = units.into_iter().find(|(unit, _)| count >= *unit) else {
        return format!("{sign}{count}");
    };
    let (whole, tenth) = (count / unit, count % unit * 10 / unit);
    if whole < 100 {
        format!("{sign}{whole}.{tenth}{letter}")
    } else {
        format!("{sign}{whole}{letter}")
    }
}

/// `0%`, `<1%`, `42%`.
fn share(part: i64, whole: i64) -> String {
    if whole <= 0 || part <= 0 {
        return if whole > 0 { "0%".into() } else { "-".into() };
    }
    match (i128::from(part) * 100 + i128::from(whole) / 2) / i128::from(whole) {
        0 => "<1%".into(),
        percent => format!("{percent}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_nothing_where_there_is_something() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.0k"),
            (99_999, "99.9k"),
            (123_456, "123k"),
            (-1500, "-1.5k"),
        ] {
            assert_eq!(short(count), text);
        }
        assert_eq!(
            [share(0, 5), share(1, 1000), share(1, 2), share(0, 0)],
            ["0%", "<1%", "50%", "-"]
        );
        assert_eq!(separated(-1_234_567), "-1,234,567");
    }
}
