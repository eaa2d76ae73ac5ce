//! Nothing that a log says is obeyed by a terminal.

use std::path::{Path, PathBuf};

use crate::bytes::{Piece, foreign};
use crate::console::{ESC, Launch, PATIENCE};
use crate::logs;

/// What is to be seen of some files, or else this test would test nothing.
const SEEN: [(&str, &str); 4] = [
    ("01", "\\u{1b}[1;31mCRITICAL"),
    ("04", "k\\u{1b}[2J\\u{1b}]0;pwn\\u{7}"),
    ("05", "adm\\u{202a}in"),
    ("40", "../../etc/passwd"),
];

#[test]
fn no_hostile_byte_reaches_the_terminal() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/hostile");
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 13);
    for file in files {
        let written = shown(&file);
        assert_eq!(foreign(&written), Vec::<Piece>::new(), "{}", file.display());
    }
}

fn file_name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

/// What the console writes while a person looks everywhere.
fn shown(file: &Path) -> Vec<u8> {
    // The name of the file is shown as well.
    let name = "evil \u{1b}]0;x\u{7}\u{202e}\u{200b}.jsonl";
    let launch = Launch::new(&[name]).size(200, 60);
    std::fs::write(launch.home().join(name), as_of_now(&std::fs::read(file).unwrap())).unwrap();
    let mut console = launch.start();
    console.wait_for("data ", PATIENCE);
    console.wait_gone("STARTING", PATIENCE);
    // Sources and findings, then each panel's first row in detail.
    console.send("0");
    console.wait_until("the lines", PATIENCE, |screen| screen.contents().contains(" live "));
    console.send("1");
    console.wait_for("WHO", PATIENCE);
    for (_, text) in SEEN.iter().filter(|(start, _)| file_name(file).starts_with(start)) {
        console.wait_for(text, PATIENCE);
    }
    for _ in 0..9 {
        console.send(&format!("\t\rjj{ESC}"));
    }
    // The dialog that lists every name there is.
    console.send("!t");
    console.wait_for("TRIP: which scope", PATIENCE);
    console.send("Gk\r");
    console.wait_for("TRIP KILL SWITCH", PATIENCE);
    for gone in ["TRIP KILL SWITCH", "TRIP: which scope", "EMERGENCY  "] {
        console.send(ESC);
        console.wait_gone(gone, PATIENCE);
    }
    let written = console.bytes().to_vec();
    // Leaving prints the whole screen once more, as lines.
    console.send("Q");
    let ended = console.end(PATIENCE);
    assert_eq!(ended.status, Ok(0), "{}", file.display());
    let lines = ended.bytes[written.len()..].iter().filter(|byte| !b"\r\n".contains(byte));
    written.into_iter().chain(lines.copied()).collect()
}

/// What is long past is on few screens.
fn as_of_now(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len());
    let mut rest = lines;
    while let Some(byte) = rest.first() {
        if let Some(after) = rest.strip_prefix(b"2026-01-02T03:04:05Z") {
            out.extend_from_slice(logs::now().to_string().as_bytes());
            rest = after;
        } else {
            out.push(*byte);
            rest = &rest[1..];
        }
    }
    out
}
