//! What keys do, and above all what they do not do.

mod console;

use console::driver::Console;
use console::snapshots;
use crossterm::event::KeyCode;
use tripline::runtime::Command;
use tripline::snapshot::{Snapshot, State};
use tripline::tui::{Charset, Msg, Panel, Reaction};

fn console() -> Console {
    Console::new(&snapshots::alarm(), Charset::Ascii, 80, 24)
}

fn after(keys: &str) -> Vec<Reaction> {
    let mut console = console();
    console.keys(keys);
    console.reactions
}

#[test]
fn escape_never_quits() {
    for keys in
        ["\u{1b}", "\u{1b}\u{1b}\u{1b}", "?\u{1b}\u{1b}", "!t\n\u{1b}\u{1b}\u{1b}\u{1b}\u{1b}"]
    {
        assert_eq!(after(keys), [], "{keys:?}");
    }
}

#[test]
fn quit_keys_quit() {
    assert_eq!(after("q"), [Reaction::Quit]);
    assert_eq!(after("Q"), [Reaction::QuitKeepScreen]);
    for keys in ["", "?", "!", "!t\n\t", "/x"] {
        let mut console = console();
        console.keys(keys);
        console.control('c');
        assert_eq!(console.reactions, [Reaction::Quit], "Ctrl-C after {keys:?}");
    }
    let mut console = console();
    console.control('z');
    assert_eq!(console.reactions, [Reaction::Suspend]);
}

#[test]
fn a_trip_needs_the_name_and_the_button() {
    for keys in [
        "!t\n\n\n\n\n\n",             // Enter alone
        "!tj\n\t\t\tgpt-4o\n\n\n",    // typed while the button has the focus
        "!tj\n\t\tgpt-4\n\n\n\n",     // the name is not complete
        "!tj\n\t\tgpt-4o-mini\t\n\n", // another name
        "!tj\n\t\tgpt-4o",            // the button was not pressed
        "!tj\n\t\tgpt-4o\t\t\n",      // Cancel was pressed
        "!tj\n\t\tgpt-4o\t\u{1b}\n",  // Esc
    ] {
        assert_eq!(after(keys), [], "{keys:?}");
    }
}

/// Enter after it must not mean another scope, and least of all everything.
#[test]
fn back_from_a_plan_the_cursor_is_on_what_was_chosen() {
    let mut console = console();
    console.keys("!tjj\n");
    let scope = |console: &Console| {
        let text = console.text();
        let line = text.lines().find(|line| line.contains("| scope  "));
        line.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let chosen = scope(&console);
    assert!(!chosen.contains("scope  all"), "{chosen}");
    console.keys("\u{1b}\n");
    assert_eq!(scope(&console), chosen);
}

#[test]
fn a_trip_that_is_confirmed_is_sent_once() {
    let mut console = console();
    console.keys("!tj\n\t on fire \tgpt-4o\n\n\n");
    let trip = Command::Trip {
        scope: "model/openai/gpt-4o".into(),
        reason: "on fire".into(),
        by: "mira".into(),
    };
    assert_eq!(console.reactions, [Reaction::Send(trip)]);
    assert!(console.text().contains("asked to trip model/openai/gpt-4o"));
}

#[test]
fn a_plan_tells_what_it_stops() {
    let mut console = console();
    console.keys("!tj\n");
    let screen = console.text();
    for text in [
        "model/openai/gpt-4o",
        "31 req/s = 51% of traffic",
        "INCLUDING CRITICAL 21/s, high 10/s",
        "/run/tripline/kill.d/model.openai.gpt-4o.kill",
        "gw-1 gw-2",
        "[Cancel]",
        "nothing done yet",
    ] {
        assert!(screen.contains(text), "{text} is not in\n{screen}");
    }
}

#[test]
fn a_reset_needs_a_reason() {
    let tripped = |keys: &str| {
        let mut console = Console::new(&snapshots::tripped(), Charset::Ascii, 80, 24);
        console.keys(keys);
        console.reactions
    };
    assert_eq!(tripped("!r\n\t\tgpt-4o\t\n"), []);
    assert_eq!(tripped("!r\n\t   \tgpt-4o\t\n"), []);
    let reset = Command::Reset {
        scope: "model/openai/gpt-4o".into(),
        reason: "fixed".into(),
        by: "mira".into(),
    };
    assert_eq!(tripped("!r\n\tfixed\tgpt-4o\t\n"), [Reaction::Send(reset)]);
}

#[test]
fn who_types_at_once_types_the_reason() {
    let mut console = Console::new(&snapshots::tripped(), Charset::Ascii, 80, 24);
    console.keys("!r\nfixed\n").keys("gpt-4o\n\n");
    let reasons: Vec<_> =
        console.reactions.iter().map(|reaction| format!("{reaction:?}")).collect();
    assert!(
        reasons.iter().any(|text| text.contains("Reset") && text.contains("\"fixed\"")),
        "{reasons:?}"
    );
}

#[test]
fn the_shell_line_leads_to_the_same_configuration() {
    let mut console = console();
    console.model.options.shell_options = Some(" --config /etc/a.toml".into());
    console.keys("!d");
    assert!(
        console.text().contains("tripline --config /etc/a.toml switch disarm"),
        "{}",
        console.text()
    );
    console.model.options.shell_options = None;
    assert!(!console.text().contains("switch disarm"), "no shell could do it");
}

#[test]
fn news_do_not_hide_that_rows_are_hidden() {
    let mut console = console();
    console.keys("/openai\n");
    console.send(Msg::Answer("armed: rules may trip".into()));
    let text = console.text();
    let last = text.lines().last().unwrap_or_default();
    assert!(last.contains("filter /openai") && last.contains("armed"), "{last}");
}

#[test]
fn arming_takes_two_steps() {
    assert_eq!(after("!a\n\n"), []);
    assert_eq!(after("!a\t\n"), [Reaction::Send(Command::Arm { by: "mira".into() })]);
    assert_eq!(after("!d\t\n"), [Reaction::Send(Command::Disarm { by: "mira".into() })]);
}

#[test]
fn a_name_nobody_can_type_is_confirmed_by_its_kind() {
    let mut snapshot = snapshots::named(&["\u{202e}gpt"]);
    snapshot.switches = [].into();
    let mut console = Console::new(&snapshot, Charset::Ascii, 80, 24);
    console.keys("!tjjj\n");
    let screen = console.text();
    assert!(screen.contains("key/\\u{202e}gpt"), "{screen}");
    console.keys("\t\tkey\n\n");
    let trip = Command::Trip {
        scope: "key/\u{202e}gpt".into(),
        reason: "tripped at the console, no reason given".into(),
        by: "mira".into(),
    };
    assert_eq!(console.reactions, [Reaction::Send(trip)]);
}

#[test]
fn the_shell_line_quotes_what_a_shell_would_obey() {
    let mut snapshot = snapshots::named(&["a'$(reboot)"]);
    snapshot.switches = [].into();
    let mut console = Console::new(&snapshot, Charset::Ascii, 100, 24);
    console.keys("!tjjj\n");
    let screen = console.text();
    assert!(screen.contains(r"trip 'key/a'\''$(reboot)' --reason"), "{screen}");
}

#[test]
fn what_others_stopped_is_reset_by_the_command_that_is_offered() {
    let mut snapshot = snapshots::tripped();
    let mut switches = snapshot.switches.to_vec();
    for switch in &mut switches {
        (switch.by, switch.rule, switch.reason) = (Some("unknown".into()), None, None);
    }
    snapshot.switches = switches.into();
    let mut console = Console::new(&snapshot, Charset::Ascii, 80, 24);
    console.keys("!r\n");
    let screen = console.text();
    assert!(screen.contains("switch reset") && screen.contains("--force"), "{screen}");
    assert!(screen.contains("not tripline's"), "{screen}");
    let mut console = Console::new(&snapshots::tripped(), Charset::Ascii, 80, 24);
    console.keys("!r\n");
    assert!(!console.text().contains("--force"), "{}", console.text());
}

#[test]
fn names_that_look_alike_and_choices_below_the_list_are_marked() {
    let names: Vec<String> = (0..30).map(|n| format!("k{n}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.insert(0, "gpt-4\u{43e}");
    names.insert(0, "gpt-4o");
    let mut snapshot = snapshots::named(&names);
    snapshot.switches = [].into();
    let mut console = Console::new(&snapshot, Charset::Unicode, 80, 24);
    console.keys("!t");
    let screen = console.text();
    let line = screen.lines().find(|line| line.contains("model/gpt-4\u{43e}")).unwrap();
    assert!(line.contains("(not ASCII)"), "{screen}");
    let line = screen.lines().find(|line| line.contains("model/gpt-4o/")).unwrap();
    assert!(!line.contains("(not ASCII)"), "{screen}");
    assert!(screen.contains("0 more above, ") && screen.contains(" below; j k"), "{screen}");
}

#[test]
fn a_stop_that_failed_is_named_on_a_narrow_screen_too() {
    let mut snapshot = snapshots::alarm();
    let mut switches = snapshot.switches.to_vec();
    for switch in &mut switches {
        (switch.state, switch.failed) = ("unknown", true);
    }
    snapshot.switches = switches.into();
    for columns in [40, 80, 120] {
        let console = Console::new(&snapshot, Charset::Ascii, columns, 24);
        let screen = console.text();
        assert!(screen.contains("KILL FAILED") && !screen.contains("KILL armed"), "{screen}");
    }
}

#[test]
fn pasted_text_is_never_a_key() {
    let mut console = console();
    console.send(Msg::Paste("q!tj\n\t\tgpt-4o\n\n".into()));
    assert_eq!(console.reactions, []);
    assert!(console.text().contains("?help"), "nothing was opened");
    console.keys("!tj\n");
    console.send(Msg::Paste("gpt-4o\n\n".into()));
    console.keys("\t\t\t");
    console.keys("\n");
    assert_eq!(console.reactions, [], "text pasted on a button went nowhere");
    console.keys("\u{1b}\u{1b}\u{1b}/");
    console.send(Msg::Paste("gpt\r\n\u{1b}[2J".into()));
    assert!(console.text().contains("/gpt  [2J_"), "{}", console.text());
}

#[test]
fn the_plan_of_a_reset_says_what_else_stops_its_calls() {
    let mut snapshot = snapshots::tripped();
    let plan = |snapshot: &Snapshot| {
        let mut console = Console::new(snapshot, Charset::Ascii, 80, 24);
        console.keys("!r\n");
        console.text()
    };
    assert!(plan(&snapshot).contains("calls of this scope are let through again"));
    let mut switches = snapshot.switches.to_vec();
    switches[1].state = "tripped";
    snapshot.switches = switches.into();
    assert!(plan(&snapshot).contains("no call yet: all is tripped too"), "{}", plan(&snapshot));
}

#[test]
fn a_read_only_console_refuses_with_a_line() {
    for keys in ["!", "a", "aa", "!t\n\t\t"] {
        let mut console = console().read_only();
        console.keys(keys);
        console.key(KeyCode::F(9));
        assert_eq!(console.reactions, [], "{keys:?}");
        let screen = console.text();
        let told = "read-only: no trip; in a shell: tripline switch trip SCOPE --reason \"...\"";
        assert!(screen.contains(told), "{keys:?}\n{screen}");
        assert!(screen.contains("READONLY"), "{keys:?}\n{screen}");
        assert!(!screen.contains("nothing done yet"), "{keys:?}\n{screen}");
    }
}

#[test]
fn keys_without_a_meaning_do_nothing() {
    let before = console().text();
    for key in
        "bcdefhilmnorstuvwxyzABCDEFHIJKLMNOPRSTUVWXYZ23456789@#$%^&*()_+=-[]{};'\"\\|,.<>`~".chars()
    {
        let mut console = console();
        console.key(KeyCode::Char(key));
        assert_eq!(console.reactions, [], "{key}");
        assert_eq!(console.text(), before, "{key}");
    }
}

#[test]
fn an_acknowledgement_names_the_marked_alert() {
    let mut console = console();
    console.keys("a");
    assert_eq!(console.reactions, [], "the first press only moves there");
    assert!(console.text().contains("a again acknowledges"));
    console.keys("ja");
    assert!(!console.text().contains("a again acknowledges"), "it is done");
    let [Reaction::Send(Command::Acknowledge { rule, labels, by })] = console.reactions.as_slice()
    else {
        panic!("{:?}", console.reactions);
    };
    assert_eq!((&**rule, &*labels["cap"], by.as_str()), ("spend.burn", "prod/day", "mira"));
}

#[test]
fn the_cursor_stays_on_its_row_when_rows_change_places() {
    let mut console = console();
    console.keys("aj");
    let mut turned = snapshots::alarm();
    let mut alerts = turned.alerts.to_vec();
    alerts.rotate_left(1);
    turned.alerts = alerts.into();
    console.show(&turned);
    console.keys("a");
    let [Reaction::Send(Command::Acknowledge { rule, .. })] = console.reactions.as_slice() else {
        panic!("{:?}", console.reactions);
    };
    assert_eq!(&**rule, "spend.burn");
}

#[test]
fn movement_reaches_every_panel_and_both_ends() {
    let mut console = console();
    let mut seen = Vec::new();
    for _ in 0..6 {
        console.keys("\t");
        seen.extend(console.model.focus);
    }
    let order =
        [Panel::Limits, Panel::Spend, Panel::Queue, Panel::Traffic, Panel::Alerts, Panel::Who];
    assert_eq!(seen, order);
    console.key(KeyCode::BackTab);
    assert_eq!(console.model.focus, Some(Panel::Alerts));
    let at = |console: &Console| console.model.cursors[&Panel::Alerts].index;
    for (keys, index) in [("G", 3), ("j", 3), ("k", 2), ("g", 0), ("k", 0), ("jj", 2)] {
        console.keys(keys);
        assert_eq!(at(&console), index, "{keys}");
    }
    console.control('u');
    assert_eq!(at(&console), 1);
    console.control('d');
    assert_eq!(at(&console), 2);
    console.key(KeyCode::PageUp);
    assert_eq!(at(&console), 0);
    console.key(KeyCode::PageDown);
    assert_eq!(at(&console), 3);
}

#[test]
fn a_filter_hides_rows_but_no_alarm() {
    let mut console = console();
    console.keys("/anthropic\n");
    let screen = console.text();
    assert!(screen.starts_with("CRIT 2 WARN 1"), "{screen}");
    assert!(screen.contains("EXHAUSTED"), "{screen}");
    assert!(!screen.contains("batch-ing"), "{screen}");
    console.keys("/");
    for _ in 0.."anthropic".len() {
        console.keys("\u{7f}");
    }
    console.keys("!anthropic\n");
    assert!(console.text().contains("batch-ing"));
    assert!(!console.text().contains("claude-sonnet"));
    console.keys("\u{1b}");
    assert!(console.text().contains("claude-sonnet"), "Esc drops the filter");
    // A limit is found by what stands on the screen.
    console.keys("/tpm\n");
    assert!(console.text().contains(" ITPM ") && !console.text().contains(" RPM "));
    console.keys("\u{1b}");
    console.keys("/zzz\u{1b}");
    assert!(console.text().contains("claude-sonnet"), "Esc while typing changes nothing");
}

#[test]
fn a_notice_goes_away_by_itself() {
    let mut console = console();
    console.send(Msg::Answer("tripped model/openai/gpt-4o".into()));
    assert!(console.text().contains("tripped model/openai/gpt-4o"));
    console.tick(13.0);
    assert!(!console.text().contains("tripped model/openai/gpt-4o"));
}

#[test]
fn the_brake_is_always_named() {
    for (snapshot, text) in [
        (snapshots::empty(), "KILL disarmed"),
        (snapshots::normal(), "KILL armed"),
        (snapshots::tripped(), "KILL TRIPPED model/openai/gpt-4o"),
        (snapshots::stale(), "KILL unknown?"),
    ] {
        let screen = Console::new(&snapshot, Charset::Ascii, 80, 24).text();
        assert!(screen.lines().next().unwrap().contains(text), "{text} is not in\n{screen}");
    }
    assert_eq!(snapshots::tripped().state, State::Critical);
    // Behind a trip too it is said whether rules may trip the rest.
    for (armed, columns, text) in [
        (Some(true), 80, "KILL TRIPPED model/openai/gpt-4o | armed"),
        (Some(false), 80, "KILL TRIPPED model/openai/gpt-4o | disarmed"),
        (Some(false), 40, "KILL TRIPPED | disarmed"),
    ] {
        let mut snapshot = snapshots::tripped();
        let mut switches = snapshot.switches.to_vec();
        for switch in &mut switches {
            switch.armed = armed;
        }
        snapshot.switches = switches.into();
        let screen = Console::new(&snapshot, Charset::Ascii, columns, 24).text();
        assert!(screen.lines().next().unwrap().contains(text), "{text} is not in\n{screen}");
    }
}
