//! "Did you mean": of known words those that an unknown one may well stand for.

use strsim::osa_distance;

/// Words that are offered where none is nearly spelled so.
const OFFERED: usize = 3;
/// A longer "word" is no slip of the finger, and the distance takes its square.
const LONGEST: usize = 64;

/// The known word that a slip of the finger would turn into `word`.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word: String = word.to_lowercase().chars().take(LONGEST).collect();
    let allowed = (word.chars().count() / 3).max(1);
    let distance = |known: &'k str| (osa_distance(&word, &known.to_lowercase()), known);
    let near = known.into_iter().map(distance).filter(|(distance, _)| *distance <= allowed);
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// A ready hint, where there is something to hint at.
#[must_use]
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|found| format!("did you mean '{found}'?"))
}

/// The same; where there is none, some of the words that `word` is a part of.
#[must_use]
pub fn meant<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> Vec<&'k str> {
    if let Some(nearest) = nearest(word, known.clone()) {
        return vec![nearest];
    }
    let mut longer: Vec<&str> =
        known.filter(|known| word.len() > 2 && known.contains(word)).collect();
    longer.sort_unstable();
    longer.truncate(OFFERED);
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_has_a_nearest_word_and_another_word_has_none() {
        let keys = ["above", "below", "for", "cooldown", "threshold"];
        for (word, near) in [
            ("abov", Some("above")),
            ("abvoe", Some("above")),
            ("Below", Some("below")),
            ("belaw", Some("below")),
            ("treshold", Some("threshold")),
            ("limit_usd", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), near, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), keys), None);
    }

    #[test]
    fn a_part_of_names_means_some_of_them() {
        let names = ["app-json", "nginx-json", "caddy", "header-json", "haproxy-json"];
        assert_eq!(meant("cady", names.into_iter()), ["caddy"]);
        assert_eq!(meant("json", names.into_iter()), ["app-json", "haproxy-json", "header-json"]);
        assert!(meant("on", names.into_iter()).is_empty());
    }
}
