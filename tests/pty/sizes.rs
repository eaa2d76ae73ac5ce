//! Every size is drawn, and changes of size are survived.

use crate::console::{ESC, Launch, PATIENCE, append};
use crate::logs;

fn launch() -> Launch {
    let launch = Launch::new(&["gateway.log"]);
    let log = launch.home().join("gateway.log");
    append(&log, &(0..50).map(|number| logs::call(number, "0.001")).collect::<Vec<_>>());
    launch
}

#[test]
fn small_and_large_terminals_are_drawn_on() {
    for (columns, rows, text) in
        [(20, 5, "OK"), (1, 1, "\u{2026}"), (2, 2, "OK"), (200, 60, "gpt-4o"), (500, 200, "gpt-4o")]
    {
        let mut console = launch().size(columns, rows).start();
        console.wait_for(text, PATIENCE);
        console.send("q");
        let ended = console.end(PATIENCE);
        let wanted = (Ok(0), "");
        assert_eq!((ended.status, ended.left_behind.as_str()), wanted, "{columns}x{rows}");
    }
}

#[test]
fn a_terminal_that_does_not_know_its_size_is_taken_for_80_by_24() {
    let mut console = launch().size(0, 0).start();
    console.resize(80, 24);
    console.wait_for("gpt-4o", PATIENCE);
    console.send("q");
    assert_eq!(console.end(PATIENCE).status, Ok(0));
}

#[test]
fn a_storm_of_sizes_ends_with_the_last_one_drawn() {
    let mut console = launch().start();
    console.wait_for("gpt-4o", PATIENCE);
    for round in 0..300u16 {
        console.resize(1 + round * 7 % 211, 1 + round * 5 % 67);
    }
    for keys in ["?", ESC, "!", "\r", "\r"] {
        console.send(keys);
        console.resize(3, 3);
        console.resize(120, 40);
    }
    console.wait_for("type all to enable Trip", PATIENCE);
    for gone in ["TRIP KILL SWITCH", "TRIP: which scope", "EMERGENCY  "] {
        console.send(ESC);
        console.wait_gone(gone, PATIENCE);
    }
    console.resize(80, 24);
    console.wait_for("gpt-4o", PATIENCE);
    console.send("q");
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status, ended.left_behind.as_str()), (Ok(0), ""));
}
