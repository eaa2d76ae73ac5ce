//! The hostile corpus: nothing in a line makes us lose a readable cost, and
//! nothing unreadable is counted.

mod support;

use std::collections::BTreeMap;

use support::{Lines, corpus, decode};
use tripline::decode::DecodeOptions;
use tripline::domain::{Batch, Observation, Wall};

/// 2026-01-03T00:00:00Z, the corpus's clock.
const NOW: Wall = Wall::from_secs(1_767_398_400);

#[derive(Debug, Default, PartialEq)]
struct Tally {
    counted: usize,
    quarantined: usize,
    spend_nano: i128,
}

fn tally(batch: &Batch) -> Tally {
    let mut tally = Tally::default();
    for item in &batch.items {
        match item.seen {
            Observation::Request { request, .. } => {
                tally.counted += 1;
                tally.spend_nano += request.cost.map_or(0, |cost| cost.usd.0);
            }
            Observation::Quarantined { .. } => tally.quarantined += 1,
            _ => {}
        }
    }
    tally
}

#[test]
fn every_small_file_gives_exactly_the_required_numbers() {
    let expected: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&corpus("hostile/expect.json")).unwrap();
    let mut files = 0;
    for (file, expected) in expected.iter().filter(|(file, _)| file.contains(".jsonl")) {
        let bytes = corpus(&format!("hostile/{file}"));
        let batch = decode(Lines::complete(&bytes), NOW, DecodeOptions::default());
        let number = |key: &str| usize::try_from(expected[key].as_u64().unwrap()).unwrap();
        let wanted = Tally {
            counted: number("counted"),
            quarantined: number("quarantined"),
            spend_nano: expected["spend_nano"].as_i64().unwrap().into(),
        };
        assert_eq!(tally(&batch), wanted, "{file}");
        let said: std::collections::BTreeSet<u64> = batch.items.iter().map(|i| i.line).collect();
        let blank = Lines::complete(&bytes).count() - said.len();
        assert_eq!(blank, number("blank"), "{file}: every line is accounted for");
        files += 1;
    }
    assert_eq!(files, 13);
}
