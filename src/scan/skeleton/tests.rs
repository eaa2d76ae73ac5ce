//! Following earlier lines against walking each one, and against the scan in parts.

use super::learn::MAX_LITERALS;
use crate::scan::{
    CAPTURE_LIMIT, Found, Kind, LongScan, Paths, PathsBuilder, Scan, Shape, Slot, scan_line, walked,
};

const PATHS: [&str; 14] = [
    "a", "b", "a.b", "a.b.c", "a.*", "*.c", "b.0", "b.1.a", "c.*.a", "ab", "d.a", "d.b.c", "e",
    "f.a",
];

type Seen = (Shape, Vec<Vec<(Kind, Vec<u8>)>>, Vec<Slot>);

fn compiled() -> (Paths, Vec<Slot>) {
    let mut builder = PathsBuilder::new();
    let slots = PATHS.iter().map(|path| builder.add(path)).collect();
    (builder.build(), slots)
}

fn seen(scan: Scan<'_>, slots: &[Slot]) -> Seen {
    // What damage names is looked for in memory alone; its slots are among all that follow.
    let all = |slot: &Slot| scan.all(*slot).filter(|value| value.kind != Kind::Missed);
    let of_slot = |slot: &Slot| all(slot).map(|value| (value.kind, value.raw.to_vec())).collect();
    (scan.shape, slots.iter().map(of_slot).collect(), scan.slots().collect())
}

/// A reader of lines that compares all ways to read each.
struct Reader {
    paths: Paths,
    slots: Vec<Slot>,
    found: Found,
    followed: usize,
}

impl Reader {
    fn new() -> Reader {
        let (paths, slots) = compiled();
        Reader { paths, slots, found: Found::default(), followed: 0 }
    }

    fn read(&mut self, line: &[u8]) -> Seen {
        let shown = String::from_utf8_lossy(line);
        let mut fresh = Found::default();
        let shape = walked(&self.paths, line, &mut fresh);
        let wanted = seen(Scan::new(shape, line, &fresh), &self.slots);

        let (mut found, mut long) = (Found::default(), LongScan::new());
        line.chunks(50).for_each(|part| long.push(&self.paths, part));
        let in_parts = seen(long.finish(&mut found), &self.slots);
        // What is long is cut there.
        if line.len() <= CAPTURE_LIMIT {
            assert_eq!((&in_parts.0, &in_parts.1), (&wanted.0, &wanted.1), "in parts: {shown}");
        }

        self.followed += usize::from(self.found.follow(&self.paths, line).is_some());
        let remembering = seen(scan_line(&self.paths, line, &mut self.found), &self.slots);
        assert_eq!(remembering, wanted, "{shown}");
        wanted
    }
}

/// Small numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap() % end
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// A line, with values to be chosen.
enum Piece {
    Fixed(&'static str),
    /// One of these, as often as not.
    Value(&'static [&'static str]),
}

const TEXTS: &[&str] = &[
    r#""x""#,
    r#""""#,
    r#""some words""#,
    r#""thirty-two bytes and a few more than that""#,
    r#""it's {fine}, [really]: ""#,
    r#""é""#,
    r#""with \"escapes\" in it""#,
    r#""\\""#,
    r#""a very long prompt, with\nmany lines\n, \"quotes\" and \\ slashes, which goes on and on\\\\""#,
    "\"tab\there\"",
];
const WORDS: &[&str] = &[
    "0",
    "1",
    "27689",
    "-5",
    "0.513",
    "2.91e-05",
    "null",
    "true",
    "false",
    "NaN",
    "None",
    "01",
    "12345678901234567890123456789012",
    "1:2",
];
const CONTAINERS: &[&str] = &[
    "{}",
    "[]",
    "[1,2,3]",
    r#"{"a":1}"#,
    r#"{"a":{"b":{"c":7}}}"#,
    r#"[{"a":"}"},"]"]"#,
    r#"{"b":"x","c":{"a":null}}"#,
    r#"["it's",'it\'s "x']"#,
    "[[[[[]]]]]",
    r#"[{"role":"user","content":"say \"hello\" to {everyone} in [the] room, please\n"}]"#,
];
const ODD: &[&str] = &[
    r#""{\"b\":{\"c\":1}}""#,
    r#"" [1,{\"a\":2}]""#,
    r#""{}""#,
    r"'single'",
    "0.5, 0.8",
    "",
    " ",
    ", 0.1",
    r#""a"b"#,
    "1 x",
    "it's",
    "[1}",
    r#""\ud800""#,
    "{'a':'b'}",
    r#"{"a":1} x"#,
];
const KEYS: &[&str] = &[
    r#""a":"#,
    r#""b":"#,
    r#""c":"#,
    r#""d":"#,
    r#""e":"#,
    r#""f":"#,
    r#""a.b":"#,
    r#""x":"#,
    r#""y" : "#,
    r#""\u0061":"#,
    r#""a key of more than thirty-two bytes, which is rare":"#,
    r#""ab": "#,
    r#""stray","z":"#,
];

fn members(dice: &mut Dice, depth: usize, out: &mut Vec<Piece>) {
    for number in 0..dice.below(7) {
        if number > 0 {
            out.push(Piece::Fixed(dice.pick(&[",", ",", ",", " , ", ",\t"])));
        }
        out.push(Piece::Fixed(dice.pick(KEYS)));
        value(dice, depth, out);
    }
}

fn value(dice: &mut Dice, depth: usize, out: &mut Vec<Piece>) {
    match dice.below(12) {
        0..4 => out.push(Piece::Value(TEXTS)),
        4..7 => out.push(Piece::Value(WORDS)),
        7..9 => out.push(Piece::Value(CONTAINERS)),
        9 if dice.below(8) == 0 => out.push(Piece::Value(ODD)),
        9 | 10 if depth > 0 => {
            out.push(Piece::Fixed("["));
            for number in 0..dice.below(4) {
                out.push(Piece::Fixed(if number > 0 { "," } else { "" }));
                value(dice, depth - 1, out);
            }
            out.push(Piece::Fixed("]"));
        }
        _ if depth > 0 => {
            out.push(Piece::Fixed("{"));
            members(dice, depth - 1, out);
            out.push(Piece::Fixed("}"));
        }
        _ => out.push(Piece::Value(WORDS)),
    }
}

fn render(dice: &mut Dice, pieces: &[Piece]) -> Vec<u8> {
    let mut line = Vec::new();
    for piece in pieces {
        let text = match piece {
            Piece::Fixed(text) => text,
            Piece::Value(usual) => match dice.below(400) {
                0 => dice.pick(ODD),
                1 => dice.pick(TEXTS),
                2 => dice.pick(WORDS),
                3 => dice.pick(CONTAINERS),
                _ => dice.pick(usual),
            },
        };
        line.extend_from_slice(text.as_bytes());
    }
    line
}

/// Changes a byte or a few.
fn damage(dice: &mut Dice, line: &mut Vec<u8>) {
    let at = dice.below(line.len());
    let end = (at + dice.below(12)).min(line.len());
    match dice.below(5) {
        0 => line[at] = br#""\'{}[],: 0a"#[dice.below(12)],
        1 => drop(line.drain(at..end)),
        2 => line.insert(at, br#""\'{}[],: 0a"#[dice.below(12)]),
        3 => line.truncate(at),
        _ => {
            let again = line[at..end].to_vec();
            line.splice(end..end, again);
        }
    }
}

#[test]
fn following_equals_walking_on_similar_lines() {
    let (mut lines, mut followed, mut damaged_followed) = (0, 0, 0);
    for seed in 1..4000 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let mut pieces = vec![Piece::Fixed(dice.pick(&["{", "{", "{", " {", "\u{feff}{", "\0{"]))];
        members(&mut dice, 3, &mut pieces);
        pieces.push(Piece::Fixed(dice.pick(&["}", "}", "}", "}\r", "} "])));
        let mut reader = Reader::new();
        for _ in 0..24 {
            let mut line = render(&mut dice, &pieces);
            let damaged = dice.below(4) == 0;
            if damaged {
                damage(&mut dice, &mut line);
            }
            let before = reader.followed;
            reader.read(&line);
            lines += 1;
            followed += reader.followed - before;
            damaged_followed += if damaged { reader.followed - before } else { 0 };
        }
    }
    println!("{followed} of {lines} lines followed, {damaged_followed} of them damaged");
    assert!(followed * 6 > lines, "{followed} of {lines} lines were followed");
    assert!(damaged_followed * 60 > lines, "{damaged_followed} damaged lines were followed");
}

/// Lines of one skeleton with a text this long.
fn of_len(len: usize) -> String {
    format!(r#"{{"a":"{}","b":{{"x":{len},"c":"y"}},"ab":"z"}}"#, "x".repeat(len))
}

#[test]
fn long_values_are_followed() {
    let mut reader = Reader::new();
    for len in [1, 2, 31, 32, 33, 500, CAPTURE_LIMIT, CAPTURE_LIMIT + 1, 3 << 20, 3] {
        let (_, found, _) = reader.read(of_len(len).as_bytes());
        assert_eq!((found[0][0].0, found[0][0].1.len()), (Kind::Str, len));
    }
    assert_eq!(reader.followed, 9);
}

#[test]
fn json_in_a_string_is_found_in_its_own_line_alone() {
    let mut reader = Reader::new();
    let line = |a: &str| format!(r#"{{"a":"{a}","e":1,"x":"something to fill the line"}}"#);
    for a in [r#"{\"b\":1}"#, "plain", r#" {\"b\":2}"#, "other", r#"\u007b\"b\":3}"#, "[1]", "last"]
    {
        reader.read(line(a).as_bytes());
    }
    assert_eq!(reader.followed, 2, "plain text behind plain text");
}

#[test]
fn odd_words_are_walked() {
    let mut reader = Reader::new();
    for word in ["0.5, 0.8", "1", "", "1 x", "2", "[1} y", "it's", "3", "NaN", "- , 0.1", "4 "] {
        reader.read(format!(r#"{{"a":{word},"e":"something to fill the line"}}"#).as_bytes());
    }
    assert!(reader.followed >= 3, "{}", reader.followed);
}

#[test]
fn many_long_values_are_followed() {
    let mut reader = Reader::new();
    for len in [1, 2, CAPTURE_LIMIT / 2, CAPTURE_LIMIT, 1] {
        let text = "x".repeat(len);
        let members: Vec<String> = (0..30).map(|_| format!(r#""a":"{text}""#)).collect();
        reader.read(format!("{{{},\"b\":{{\"c\":1}}}}", members.join(",")).as_bytes());
    }
    assert_eq!(reader.followed, 4, "all but the first");
}

#[test]
fn other_paths_have_skeletons_of_their_own() {
    let (first, second) = (Reader::new(), Reader::new());
    let mut found = Found::default();
    let mut followed = 0;
    for len in 1..20 {
        for reader in [&first, &second] {
            let line = of_len(len);
            followed += usize::from(found.follow(&reader.paths, line.as_bytes()).is_some());
            let scan = scan_line(&reader.paths, line.as_bytes(), &mut found);
            assert_eq!(scan.get(reader.slots[0]).unwrap().raw.len(), len);
        }
    }
    assert_eq!(followed, 2 * 18);
}

#[test]
fn what_is_learnt_of_lines_that_are_all_different_is_bounded() {
    let mut reader = Reader::new();
    let mut dice = Dice(1);
    for number in 0..5000 {
        let keys: Vec<String> = (0..20).map(|_| format!(r#""k{}":1"#, dice.below(1000))).collect();
        reader.read(format!(r#"{{"n":{number},{}}}"#, keys.join(",")).as_bytes());
        assert!(reader.found.skeletons.literals.len() <= MAX_LITERALS);
    }
    let before = reader.followed;
    for len in 0..40 {
        reader.read(of_len(len % 30).as_bytes());
    }
    assert!(reader.followed - before > 20, "a new skeleton is still learnt");
}
