//! The two scanners against each other on any bytes, and against `serde_json`
//! on valid JSON.

use proptest::prelude::*;
use serde_json::Value as Json;
use tripline::scan::{
    CAPTURE_LIMIT, Found, Kind, LongScan, Paths, PathsBuilder, Scan, Shape, Slot, scan_line,
};

const PATHS: [&str; 10] = ["a", "b", "a.b", "a.b.c", "a.*", "*.c", "b.0", "b.1.a", "c.*.a", "ab"];

type Seen = (Shape, Vec<Vec<(Kind, Vec<u8>)>>);

fn compiled() -> (Paths, Vec<Slot>) {
    let mut builder = PathsBuilder::new();
    let slots = PATHS.iter().map(|path| builder.add(path)).collect();
    (builder.build(), slots)
}

fn seen(scan: Scan<'_>, slots: &[Slot]) -> Seen {
    // What damage names is looked for in memory alone.
    let all = |slot: &Slot| scan.all(*slot).filter(|value| value.kind != Kind::Missed);
    let of_slot = |slot: &Slot| all(slot).map(|value| (value.kind, value.raw.to_vec())).collect();
    (scan.shape, slots.iter().map(of_slot).collect())
}

fn fast(line: &[u8]) -> Seen {
    let (paths, slots) = compiled();
    let mut found = Found::default();
    seen(scan_line(&paths, line, &mut found), &slots)
}

fn in_parts(line: &[u8], size: usize) -> Seen {
    let (paths, slots) = compiled();
    let (mut found, mut long) = (Found::default(), LongScan::new());
    for part in line.chunks(size.max(1)) {
        long.push(&paths, part);
    }
    seen(long.finish(&mut found), &slots)
}

/// Lines made of what JSON is made of, in any order.
fn scrap() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"",
        "'",
        ",",
        ":",
        "\\",
        " ",
        "\t",
        "\0",
        "\u{feff}",
        "a",
        "0.5",
        "-",
        "null",
        "\"a\":",
        "\"b\":",
        "\"c\":",
        "\"a.b\":",
        "\"\\u0061\":",
        "{\"a\":",
        "[{\"a\":",
        "\"x\"",
        "\"ab\"",
        "\"{\\\"b\\\":1}\"",
        "\"\\\\\"",
        "\"[1,{\\\"a\\\":2}]\"",
        "NaN",
        "é",
        "\r",
    ]);
    let pieces = prop::collection::vec(piece, 0..40).prop_map(|all| all.concat().into_bytes());
    (pieces, any::<bool>()).prop_map(|(middle, framed)| {
        if framed { [b"{\"a\":", &middle[..], b"}"].concat() } else { middle }
    })
}

fn json() -> impl Strategy<Value = Json> {
    let key = prop::sample::select(vec!["a", "b", "c", "a.b", "é\"", "x"]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<i32>().prop_map(|eighths| Json::from(f64::from(eighths) / 8.0)),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map(key.clone(), inner, 0..6).prop_map(|members| {
                Json::Object(
                    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

/// All values at `path` by its definition: any run of segments may be one key.
fn expected(value: &Json, path: &[&str], out: &mut Vec<Json>) {
    let Some((first, rest)) = path.split_first() else {
        out.push(value.clone());
        return;
    };
    match value {
        Json::Object(members) => {
            for (key, child) in members {
                for (head, tail) in (1..=path.len()).filter_map(|at| path.split_at_checked(at)) {
                    let literal = !head.contains(&"*") && head.join(".") == *key;
                    if literal || *head == ["*"] {
                        expected(child, tail, out);
                    }
                }
            }
        }
        Json::Array(elements) => {
            for (index, child) in elements.iter().enumerate() {
                if *first == "*" || *first == index.to_string() {
                    expected(child, rest, out);
                }
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_scanners_agree_on_any_bytes_and_any_split(line in scrap(), size in 1_usize..9) {
        prop_assert_eq!(fast(&line), in_parts(&line, size), "{}", String::from_utf8_lossy(&line));
    }

    #[test]
    fn what_came_before_changes_nothing(lines in prop::collection::vec(scrap(), 2..5)) {
        let (paths, slots) = compiled();
        let mut found = Found::default();
        for line in &lines {
            let remembering = seen(scan_line(&paths, line, &mut found), &slots);
            prop_assert_eq!(remembering, in_parts(line, 64), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn noise_never_panics_and_both_scanners_agree(line in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(fast(&line), in_parts(&line, 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_json_is_read_as_serde_reads_it(value in json(), pretty in any::<bool>()) {
        let value = serde_json::json!({"a": value, "b": [value, {"a": value}]});
        let line = if pretty { format!("{value:#}").replace('\n', " ") } else { value.to_string() };
        let (shape, found) = fast(line.as_bytes());
        prop_assert_eq!(shape, Shape::Object);
        for (path, found) in PATHS.iter().zip(found) {
            let mut wanted = Vec::new();
            expected(&value, &path.split('.').collect::<Vec<_>>(), &mut wanted);
            let read = |(kind, raw): &(Kind, Vec<u8>)| {
                let text = String::from_utf8_lossy(raw).into_owned();
                let quoted = matches!(kind, Kind::Str | Kind::StrEscaped);
                let json = if quoted { format!("\"{text}\"") } else { text };
                serde_json::from_str::<Json>(&json).expect("a value of valid JSON")
            };
            let mut read: Vec<String> = found.iter().map(|hit| read(hit).to_string()).collect();
            let mut wanted: Vec<String> = wanted.iter().map(Json::to_string).collect();
            if wanted.len() > 8 {
                prop_assert_eq!(read.len(), 8);
                continue;
            }
            // Flat and nested spellings of one path come in the line's order.
            read.sort();
            wanted.sort();
            prop_assert_eq!(read, wanted, "{} in {}", path, line);
        }
    }
}

#[test]
fn long_values_are_cut_only_of_lines_that_are_not_in_memory() {
    for len in [CAPTURE_LIMIT - 1, CAPTURE_LIMIT, CAPTURE_LIMIT + 1, 3 * CAPTURE_LIMIT] {
        let body = "x".repeat(len);
        for line in [
            format!(r#"{{"a":"{body}","b":1}}"#),
            format!(r#"{{"a":{body}  ,"b":1}}"#),
            format!(r#"{{"a":["{body}"],"b":1}}"#),
            format!(r#"{{"a":"{{\"b\":\"{body}\"}}","b":1}}"#),
        ] {
            let (one, parts) = (fast(line.as_bytes()), in_parts(line.as_bytes(), 1000));
            let is_cut = parts.1[0][0].0 == Kind::Cut;
            assert_eq!(is_cut, one.1[0][0].1.len() > CAPTURE_LIMIT, "{len}");
            assert!(is_cut || one == parts, "{len}");
            assert!(parts.1[0][0].1.len() <= CAPTURE_LIMIT);
            assert_eq!(parts.1[1].last(), Some(&(Kind::Number, b"1".to_vec())));
        }
        let (_, found) = fast(format!(r#"{{"a":"{body}"}}"#).as_bytes());
        assert_eq!(found[0][0], (Kind::Str, body.into_bytes()));
    }
}

#[test]
fn a_line_of_many_large_values_keeps_a_bounded_part() {
    let (paths, slots) = compiled();
    let big = format!("\"{}\"", "y".repeat(CAPTURE_LIMIT));
    let members = |key: &str| vec![format!("\"{key}\":{big}"); 8].join(",");
    let line = format!(r#"{{"a":{{{},"q":1}},{},"ab":7}}"#, members("c"), members("b"));
    let (mut found, mut long) = (Found::default(), LongScan::new());
    long.push(&paths, line.as_bytes());
    let parts = seen(long.finish(&mut found), &slots);
    let total: usize = parts.1.iter().flatten().map(|(_, raw)| raw.len()).sum();
    assert!((1 << 20..5 << 20).contains(&total), "{total}");
    // Where all is in memory nothing has to be kept.
    let (_, all) = fast(line.as_bytes());
    assert!(parts.1.iter().zip(&all).all(|(part, all)| part.len() == all.len()));
    assert!(all.iter().flatten().all(|(kind, _)| *kind != Kind::Cut));
}
