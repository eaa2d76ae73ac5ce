//! Names from the hostile corpus, through everything that is done to a name.

use std::collections::HashSet;
use tripline::scan::{Found, PathsBuilder, scan_line};
use tripline::text::{Ellipsis, cut, key_label, name, printable, width};

fn keys_of(file: &str) -> Vec<String> {
    let path = format!("{}/tests/corpus/hostile/{file}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("a corpus file");
    let mut builder = PathsBuilder::new();
    let slot = builder.add("key");
    let (paths, mut found, mut scratch) = (builder.build(), Found::default(), Vec::new());
    let lines = bytes.split(|byte| *byte == b'\n');
    let keys = lines.filter_map(|line| {
        let value = scan_line(&paths, line, &mut found).get(slot)?;
        Some(value.text(&mut scratch).to_owned())
    });
    keys.collect()
}

const FILES: [&str; 5] = [
    "01-esc-csi.jsonl",
    "04-raw-control.jsonl",
    "05-bidi-invisible.jsonl",
    "21-unicode-broken.jsonl",
    "40-keyids.jsonl",
];

#[test]
fn different_names_stay_different_and_short() {
    for file in FILES {
        let keys = keys_of(file);
        let before: HashSet<&String> = keys.iter().collect();
        let after: HashSet<String> = keys.iter().map(|key| name(key).into_owned()).collect();
        assert_eq!(before.len(), after.len(), "{file}");
        assert!(after.iter().all(|key| key.len() <= 256));
        let ours = ["__other__", "__ambiguous__", "__unattributed__"];
        assert!(ours.iter().all(|own| !after.contains(*own)));
        let shown: HashSet<String> = after.iter().map(|key| printable(key).into_owned()).collect();
        assert_eq!(shown.len(), after.len(), "{file}");
    }
    // 37 invisible ones, a look-alike, two accents, one reversed, and the canary.
    assert_eq!(keys_of(FILES[2]).iter().collect::<HashSet<_>>().len(), 42);
}

#[test]
fn nothing_shown_is_obeyed_hidden_or_too_wide() {
    for key in FILES.iter().flat_map(|file| keys_of(file)) {
        let shown = printable(&name(&key)).into_owned();
        let bad = |ch: char| {
            ch.is_control()
                || matches!(ch, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                    | '\u{ad}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}' | '\u{fe00}'..='\u{fe0f}')
        };
        assert!(!shown.chars().any(bad), "{shown:?}");
        for columns in [0, 1, 5, 20] {
            assert!(width(&cut(&shown, columns, Ellipsis::Unicode)) <= columns);
        }
    }
}

#[test]
fn no_hostile_name_is_taken_for_a_credential() {
    for key in FILES.iter().flat_map(|file| keys_of(file)) {
        assert_eq!(key_label(&key, 7), key);
    }
}
