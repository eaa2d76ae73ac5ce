//! `tripline demo` from the first frame to the reset, by keys alone.

use std::time::Duration;

use crate::console::{Launch, PATIENCE};

#[test]
fn the_launch_is_stopped_obeyed_and_reset_by_keys() {
    let mut console = Launch::new(&["demo", "--seed", "7"]).start();
    console.wait_for("KILL armed", PATIENCE);
    console.wait_for("KILL TRIPPED all", Duration::from_secs(60));
    console.wait_for("OBEYED", Duration::from_secs(60));

    console.send("!");
    console.wait_for("EMERGENCY", PATIENCE);
    console.send("r");
    console.wait_for("RESET: which scope", PATIENCE);
    console.send("\r");
    console.wait_for("RESET KILL SWITCH", PATIENCE);
    // The focus is on Cancel; on to the reason, the name and the button.
    console.send("\tthe launch was stopped by hand");
    console.wait_for("the name is not typed yet", PATIENCE);
    console.send("\rall");
    console.wait_for("Enter on the button does it", PATIENCE);
    console.send("\r\r");
    console.wait_for("traffic may pass again", PATIENCE);
    console.wait_for("KILL armed", PATIENCE);

    console.send("q");
    let ended = console.end(PATIENCE);
    assert_eq!(ended.status, Ok(0), "{}", ended.screen);
    assert_eq!(ended.left_behind, "");
}

#[test]
fn enter_alone_resets_nothing_and_the_demo_leaves_nothing_on_ctrl_c() {
    let mut console = Launch::new(&["demo"]).start();
    console.wait_for("KILL armed", PATIENCE);
    // Into the plan of a trip of everything, whose focus is on Cancel.
    console.send("!\r");
    console.wait_for("TRIP: which scope", PATIENCE);
    console.send("\r");
    console.wait_for("type all to enable Trip", PATIENCE);
    console.send("\r");
    console.wait_for("TRIP: which scope", PATIENCE);
    // A paste is text for a field that has the focus, never keys.
    console.send("\r\x1b[200~\rall\r\r\x1b[201~");
    console.wait_for("[Cancel]", PATIENCE);
    console.send("\x1b");
    console.wait_gone("[Cancel]", PATIENCE);
    assert!(!console.screen().contains("TRIPPED"), "{}", console.screen());
    console.send("\x03");
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status, ended.left_behind.as_str()), (Ok(0), ""));
}

#[test]
fn a_stop_confirmed_right_before_leaving_is_made_and_told_on_the_normal_screen() {
    let mut console = Launch::new(&["demo"]).start();
    console.wait_for("KILL armed", PATIENCE);
    console.send("!\r");
    console.wait_for("TRIP: which scope", PATIENCE);
    console.send("\r");
    console.wait_for("type all to enable Trip", PATIENCE);
    console.send("\tby hand");
    console.wait_for("the name is not typed yet", PATIENCE);
    console.send("\rall");
    console.wait_for("Enter on the button does it", PATIENCE);
    // The second Enter is on the button.
    console.send("\r\rq");
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status, ended.left_behind.as_str()), (Ok(0), ""));
    assert!(ended.screen.contains("all tripped"), "{}", ended.screen);
}

#[test]
fn a_demo_of_some_seconds_ends_by_itself() {
    let mut console = Launch::new(&["demo", "--duration", "4s"]).start();
    console.wait_for("KILL armed", PATIENCE);
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status, ended.left_behind.as_str()), (Ok(0), ""));
}
