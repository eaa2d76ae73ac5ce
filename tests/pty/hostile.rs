//! Nothing that a log says is obeyed by a terminal.

use std::path::{Path, PathBuf};

use crate::bytes::{Piece, foreign};
use crate::console::{ESC, Launch, PATIENCE};

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

/// What the console writes while a person looks everywhere.
fn shown(file: &Path) -> Vec<u8> {
    // The name of the file is shown as well.
    let name = "evil \u{1b}]0;x\u{7}\u{202e}\u{200b}.jsonl";
    let launch = Launch::new(&[name]).size(200, 60);
    std::fs::copy(file, launch.home().join(name)).unwrap();
    let mut console = launch.start();
    console.wait_for("data ", PATIENCE);
    console.wait_gone("STARTING", PATIENCE);
    // Sources and findings, then each panel's first row in detail.
    console.send("0");
    console.wait_for("evil", PATIENCE);
    console.send("1");
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
