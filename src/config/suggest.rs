//! "Did you mean": the known word nearest to an unknown one.

/// The candidate that a slip of the finger would turn into `word`.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A long "word" is not a typo, and the distance is quadratic.
    let word: Vec<char> = word.to_lowercase().chars().take(64).collect();
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A ready hint, where there is something to hint at.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    closest(word, candidates).map(|found| format!("did you mean '{found}'?"))
}

/// Edits between the two: insert, delete, replace, swap neighbours.
fn distance(word: &[char], candidate: &str) -> usize {
    let other: Vec<char> = candidate.to_lowercase().chars().collect();
    // Three rows of the usual table: two back (for swaps), one back, current.
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (i, &a) in word.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in other.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX);
            let replaced = at(&above, j).saturating_add(usize::from(a != b));
            let removed = at(&above, j + 1).saturating_add(1);
            let inserted = at(&row, j).saturating_add(1);
            let mut best = replaced.min(removed).min(inserted);
            let swapped =
                i > 0 && j > 0 && word.get(i - 1) == Some(&b) && other.get(j - 1) == Some(&a);
            if swapped {
                best = best.min(at(&before, j - 1).saturating_add(1));
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_four_edits() {
        let cases = [
            ("above", "above", 0),
            ("treshold", "threshold", 1),
            ("abvoe", "above", 1),
            ("belowe", "below", 1),
            ("belaw", "below", 1),
            ("", "for", 3),
        ];
        for (a, b, expected) in cases {
            let word: Vec<char> = a.chars().collect();
            assert_eq!(distance(&word, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn suggests_the_nearest_and_nothing_when_all_are_far() {
        let keys = ["above", "below", "for", "cooldown"];
        assert_eq!(closest("abov", keys), Some("above"));
        assert_eq!(closest("Below", keys), Some("below"));
        assert_eq!(closest("limit_usd", keys), None);
        assert_eq!(closest(&"x".repeat(100_000), keys), None);
    }
}
