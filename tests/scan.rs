//! The scanner through its public door, on the hostile corpus and on lines of our own.

use tripline::scan::{Found, Kind, PathsBuilder, Shape, Slot, number, scan_line};

/// Scans with the given paths; answers are `path=kind:raw`, duplicates apart by `|`.
fn picked(paths: &[&str], line: &[u8]) -> (Shape, Vec<Option<String>>) {
    let mut builder = PathsBuilder::new();
    let slots: Vec<Slot> = paths.iter().map(|path| builder.add(path)).collect();
    let (compiled, mut found) = (builder.build(), Found::default());
    let scan = scan_line(&compiled, line, &mut found);
    let texts = slots.iter().map(|slot| {
        let all: Vec<String> =
            scan.all(*slot).map(|value| String::from_utf8_lossy(value.raw).into_owned()).collect();
        (!all.is_empty()).then(|| all.join("|"))
    });
    (scan.shape, texts.collect())
}

fn one(path: &str, line: &str) -> Option<String> {
    let (_, mut texts) = picked(&[path], line.as_bytes());
    texts.remove(0)
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/tests/corpus/hostile/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("a corpus file");
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.pop();
    lines
}

#[test]
fn paths_find_nested_and_flat_keys() {
    for line in [
        r#"{"a":{"b":{"c":1}}}"#,
        r#"{"a.b.c":1}"#,
        r#"{"a.b":{"c":1}}"#,
        r#"{"a":{"b.c":1}}"#,
        r#" { "x" : [ { "c" : 2 } ] , "a" : { "b" : { "c" : 1 } } } "#,
        r#"{"a":"{\"b\":{\"c\":1}}"}"#,
        r#"{"a":"{\"b\":\"{\\\"c\\\":1}\"}"}"#,
        r#"{"\u0061":{"b":{"c":1}}}"#,
    ] {
        assert_eq!(one("a.b.c", line), Some("1".to_owned()), "{line}");
    }
    for line in
        [r#"{"a":{"c":1}}"#, r#"{"b":{"c":1}}"#, r#"{"x":{"a":{"b":{"c":1}}}}"#, r#"{"a":[1]}"#]
    {
        assert_eq!(one("a.b.c", line), None, "{line}");
    }
}

#[test]
fn stars_numbers_and_containers_are_found() {
    let line = r#"{"u":{"gpt":{"n":1},"opus":{"n":2}},"c":[{"t":"x"},{"t":"y"}]}"#;
    assert_eq!(one("u.*.n", line), Some("1|2".to_owned()));
    assert_eq!(one("c.1.t", line), Some("y".to_owned()));
    assert_eq!(one("c[0].t", line), Some("x".to_owned()));
    assert_eq!(one("c.*.t", line), Some("x|y".to_owned()));
    let (_, both) = picked(&["u", "u.gpt", "u.*.n", "u.opus.n"], line.as_bytes());
    let whole = Some(r#"{"gpt":{"n":1},"opus":{"n":2}}"#.to_owned());
    assert_eq!(
        both,
        [whole, Some(r#"{"n":1}"#.to_owned()), Some("1|2".to_owned()), Some("2".to_owned())]
    );
}

#[test]
fn a_broken_field_never_hides_another() {
    for field in [
        "NaN",
        "None",
        "True",
        "-Infinity",
        "01",
        "0x1",
        "",
        " ",
        "1e999",
        "[NaN,1]",
        "[1,]",
        "{'a':1}",
        "{'a':'it\\'s \"x'}",
        "'x\"y'",
        ", 0.8",
        "0.000, 0.836",
        "- , 0.1",
        r#""\ud800""#,
        r#""a\x22b""#,
        "\"tab\there\"",
        "\"nul\0here\"",
        "[[[[[[]]]]]]",
        "{{}}",
        r#""a"b"#,
        "[1}",
        "it's",
    ] {
        let line = format!(r#"{{"id":"e","metadata":{field},"cost":0.01}}"#);
        let (shape, cost) = picked(&["cost"], line.as_bytes());
        assert_eq!((shape, &cost[0]), (Shape::Object, &Some("0.01".to_owned())), "{line}");
    }
}

#[test]
fn empty_and_listed_values_are_bare() {
    for (field, raw) in
        [("", ""), (" , 0.8", ", 0.8"), ("0.5, 0.8", "0.5, 0.8"), ("1,5", "1,5"), ("1 x", "1 x")]
    {
        let line = format!(r#"{{"t":{field},"cost":0.01}}"#);
        let mut builder = PathsBuilder::new();
        let slot = builder.add("t");
        let (paths, mut found) = (builder.build(), Found::default());
        let value = scan_line(&paths, line.as_bytes(), &mut found).get(slot).unwrap();
        assert_eq!((value.kind, value.raw), (Kind::Bare, raw.as_bytes()), "{line}");
    }
}

#[test]
fn duplicates_are_all_kept_in_order_up_to_64_and_one_that_stands_for_the_rest() {
    assert_eq!(
        one("cost", r#"{"cost":0.01,"x":{"cost":5},"cos\u0074":9.99,"cost":-5}"#),
        Some("0.01|9.99|-5".to_owned())
    );
    let many = format!("{{{}}}", vec![r#""c":1"#; 200].join(","));
    assert_eq!(one("c", &many), Some(vec!["1"; 64].join("|") + "|"));
}

#[test]
fn one_buffer_serves_different_paths() {
    let line = br#"{"a":{"x":1},"b":{"x":2},"padding":"what is remembered needs some room"}"#;
    let mut found = Found::default();
    for (path, wanted) in [("a.x", b"1"), ("b.x", b"2"), ("a.x", b"1")] {
        let mut builder = PathsBuilder::new();
        let slot = builder.add(path);
        let paths = builder.build();
        for _ in 0..2 {
            let value = scan_line(&paths, line, &mut found).get(slot).unwrap();
            assert_eq!(value.raw, wanted, "{path}");
        }
    }
}

#[test]
fn fields_inside_strings_and_other_objects_are_not_ours() {
    let line = r#"{"metadata":"\",\"cost\":99,\"y\":\"","tag\"cost":1,"cost":0.01}"#;
    assert_eq!(one("cost", line), Some("0.01".to_owned()));
}

#[test]
fn a_hundred_thousand_brackets_cost_no_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(one("cost", &format!(r#"{{"m":{deep},"cost":0.01}}"#)), Some("0.01".to_owned()));
        let wanted = format!(r#"{{"a":{deep},"cost":0.01}}"#);
        assert_eq!(picked(&["a.a.a.a", "cost"], wanted.as_bytes()).1[1], Some("0.01".to_owned()));
    }
}

#[test]
fn shapes_of_lines_that_are_not_one_object() {
    let shapes: Vec<Shape> =
        corpus("23-not-json.jsonl").iter().map(|line| picked(&["cost"], line).0).collect();
    let count = |wanted| shapes.iter().filter(|shape| **shape == wanted).count();
    // Of the objects one is `{}`: well formed, but with nothing to count.
    assert_eq!((count(Shape::Blank), count(Shape::Object), count(Shape::Array)), (3, 5, 1));
    assert_eq!((count(Shape::NotJson), count(Shape::Broken)), (12, 9), "{shapes:?}");
}

#[test]
fn every_hostile_file_keeps_its_costs() {
    for (file, lines) in [
        ("01-esc-csi.jsonl", 48),
        ("04-raw-control.jsonl", 9),
        ("05-bidi-invisible.jsonl", 43),
        ("20-dupkeys.jsonl", 10),
        ("21-unicode-broken.jsonl", 20),
        ("22-python-isms.jsonl", 13),
        ("24-crlf-bom.jsonl", 6),
        ("30-time.jsonl", 43),
        ("40-keyids.jsonl", 34),
        ("41-prompt-text.jsonl", 4),
    ] {
        let with_cost = corpus(file).iter().filter(|line| {
            matches!(picked(&["cost"], line), (Shape::Object, found) if found[0].is_some())
        }).count();
        assert_eq!(with_cost, lines, "{file}");
    }
}

#[test]
fn costs_of_the_hostile_file_add_up() {
    let (mut good, mut bad, mut nano) = (0, 0, 0_i128);
    for line in corpus("10-cost.jsonl") {
        let mut builder = PathsBuilder::new();
        let slot = builder.add("cost");
        let (paths, mut found) = (builder.build(), Found::default());
        let scan = scan_line(&paths, &line, &mut found);
        match scan.get(slot) {
            None => good += 1,
            Some(value) if value.kind == Kind::Null => good += 1,
            Some(value) => match value.as_decimal() {
                Ok(cost @ 0..=1_000_000_000_000) => {
                    good += 1;
                    nano += cost;
                }
                _ => bad += 1,
            },
        }
    }
    assert_eq!((good, bad, nano), (21, 38, 2_002_041_255_315));
    assert_eq!(number::decimal(b"1e-999"), Ok(1));
}
