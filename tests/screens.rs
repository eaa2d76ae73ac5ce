//! The console on fixed pictures: what it shows, and that no picture, size or
//! name can break it.

mod console;

use console::driver::{self, Console};
use console::snapshots;
use tripline::snapshot::{Snapshot, State, Switch};
use tripline::tui::{Charset, Encoder};

#[test]
fn the_overview_reads_as_reviewed() {
    for (situation, snapshot) in snapshots::all() {
        for (columns, rows) in [(80, 24), (40, 12), (120, 40), (200, 60)] {
            let screen = Console::new(&snapshot, Charset::Ascii, columns, rows).text();
            assert!(screen.is_ascii(), "{situation} {columns}x{rows} is not ASCII:\n{screen}");
            insta::assert_snapshot!(format!("overview_{situation}_{columns}x{rows}"), screen);
        }
        let screen = Console::new(&snapshot, Charset::Unicode, 80, 24).text();
        insta::assert_snapshot!(format!("overview_{situation}_80x24_unicode"), screen);
    }
}

#[test]
fn the_other_screens_read_as_reviewed() {
    for (name, snapshot, keys) in [
        ("help", snapshots::alarm(), "?"),
        ("sources", snapshots::alarm(), "0"),
        ("detail_limit", snapshots::alarm(), "j\n"),
        ("detail_switch", snapshots::tripped(), "\tj\n"),
        ("detail_alert", snapshots::alarm(), "a\n"),
        ("filter", snapshots::alarm(), "/anthropic"),
        ("emergency_menu", snapshots::alarm(), "!"),
        ("emergency_scopes", snapshots::alarm(), "!t"),
        ("emergency_trip", snapshots::alarm(), "!tj\n\ton fire\tgpt-4o\n"),
        ("emergency_reset", snapshots::tripped(), "!r\n"),
        ("emergency_arm", snapshots::normal(), "!a"),
    ] {
        let mut console = Console::new(&snapshot, Charset::Ascii, 80, 24);
        console.keys(keys);
        insta::assert_snapshot!(name, console.text());
    }
}

#[test]
fn a_host_that_lets_calls_of_unknown_start_pass_proves_nothing() {
    let mut snapshot = snapshots::tripped();
    let mut switches = snapshot.switches.to_vec();
    let host = &mut switches[0].hosts[0];
    (host.obeyed, host.start_unknown) = (None, 60);
    snapshot.switches = switches.into();
    let screen = Console::new(&snapshot, Charset::Ascii, 200, 60).text();
    let row = screen.lines().find(|line| line.contains("gw-1")).unwrap();
    assert!(row.contains("gw-1 NOT PROVEN 60 passed, start not logged, 12 refused"), "{row}");
    assert!(row.starts_with('?'), "{row}");
}

#[test]
fn no_row_is_cut_in_a_number_and_none_says_more_than_is_known() {
    let mut snapshot = snapshots::alarm();
    let mut queues = snapshot.queues.to_vec();
    for (queue, (depth, drops)) in
        queues.iter_mut().zip([(2, 0.0), (26, 0.1), (10, 0.3), (22, 9.0)])
    {
        (queue.depth, queue.dropped_per_s) = (Some(depth), Some(drops));
    }
    snapshot.queues = queues.into();
    let mut limits = snapshot.limits.to_vec();
    let near = limits.iter_mut().find(|limit| !limit.exhausted).unwrap();
    (near.remaining_ratio, near.exhausts_in_s) = (Some(0.06), Some(0.4));
    snapshot.limits = limits.into();
    let mut alerts = snapshot.alerts.to_vec();
    alerts[0].withheld = Some("disarmed");
    let title = alerts[0].title.clone();
    snapshot.alerts = alerts.into();
    let screen = Console::new(&snapshot, Charset::Ascii, 80, 24).text();
    let row = |part: &str| screen.lines().find(|line| line.contains(part)).unwrap();
    // What is dropped counts for more than how long the oldest one waits.
    for part in ["CRIT 2 (", "HIGH 26 DROP 0.1/s", "NORM 10 DROP 0.3/s", "LOW 22 DROP 9/s"] {
        assert!(row("QUEUE").contains(part), "{part}: {screen}");
    }
    let percent = row("retry:").rsplit(' ').next().unwrap();
    assert_eq!(percent, "41%", "{screen}");
    // What does not fit beside the next panel is left out whole.
    let wide = Console::new(&snapshot, Charset::Ascii, 120, 40).text();
    assert!(wide.contains(", 2nd try ok 12%    "), "{wide}");
    // At 6% it is not empty, however fast it goes.
    assert!(row("  6% ").contains(" <1s hdr"), "{screen}");
    let (shown, _) = title.split_at(title.len().min(8));
    assert!(screen.contains(&format!("disarmed: {shown}")), "{screen}");
}

/// They are all there is, or the rest, but never the sum of what stands beside them.
#[test]
fn queues_without_a_priority_are_not_all_where_others_have_one() {
    let snapshot = snapshots::alarm();
    let mut queues = snapshot.queues.to_vec();
    let names = ["celery", "plain", "vllm", "jobs"];
    for (queue, name) in queues.iter_mut().zip(names) {
        (queue.priority, queue.name, queue.depth) = (None, Some(name.into()), Some(5));
    }
    let show = |queues: &[tripline::snapshot::Queue], columns, rows| {
        let mut snapshot = snapshots::alarm();
        snapshot.queues = queues.to_vec().into();
        Console::new(&snapshot, Charset::Ascii, columns, rows).text()
    };
    assert!(show(&queues, 80, 24).contains("QUEUE  ALL 20 "), "{}", show(&queues, 80, 24));
    queues[0].priority = Some("high");
    let line = show(&queues, 80, 24);
    assert!(line.contains("HIGH 5 ") && line.contains("REST 15 "), "{line}");
    let table = show(&queues, 200, 60);
    assert!(table.contains("HIGH celery") && table.contains(" plain "), "{table}");
    assert!(!table.contains("ALL plain"), "{table}");
}

#[test]
fn a_held_screen_says_what_it_does_not_show() {
    let mut console = Console::new(&snapshots::normal(), Charset::Ascii, 80, 24);
    console.keys("p");
    let mut later = snapshots::alarm();
    later.totals.requests += 1204;
    console.show(&later);
    let screen = console.text();
    assert!(screen.starts_with("CRIT 2"), "the first row is live:\n{screen}");
    assert!(screen.contains("PAUSED +1,204 events"), "{screen}");
    assert!(screen.contains("no alert is pending or firing"), "rows are held:\n{screen}");
    console.keys(" ");
    assert!(console.text().contains("tpm.exhausted"));
}

#[test]
fn numbers_age_without_a_new_picture() {
    let mut console = Console::new(&snapshots::alarm(), Charset::Ascii, 80, 24);
    // As long as the picture is of this second, its rows say what its verdict says.
    console.tick(0.4);
    assert!(console.text().contains("  0:41 "), "{}", console.text());
    console.tick(31.0);
    let screen = console.text();
    for text in ["14:03:58Z", "data 30s old", "  0:10", "2:45"] {
        assert!(screen.contains(text), "{text} is not in\n{screen}");
    }
}

#[test]
fn a_stale_gauge_has_no_colour() {
    let console = Console::new(&snapshots::stale(), Charset::Ascii, 80, 24);
    let buffer = console.draw();
    let screen = console.text();
    let row = screen.lines().position(|line| line.contains("[######....]")).expect("a gauge");
    let cells = buffer.content.chunks(80).nth(row).expect("the row");
    for cell in cells {
        assert_eq!(cell.fg, ratatui::style::Color::Reset, "{}", screen.lines().nth(row).unwrap());
    }
}

#[test]
fn every_size_draws() {
    let sizes = (1..=120).flat_map(|columns| (1..=50).map(move |rows| (columns, rows)));
    let big = [(200, 60), (500, 200), (500, 1), (1, 200), (299, 120)];
    let sizes: Vec<(u16, u16)> = sizes.chain(big).collect();
    let draw_all = |situation: &str, snapshot: &Snapshot| {
        let mut console = Console::new(snapshot, Charset::Unicode, 1, 1);
        for &(columns, rows) in &sizes {
            console.resize(columns, rows);
            let wanted = usize::from(columns) * usize::from(rows);
            assert_eq!(console.draw().content.len(), wanted, "{situation} {columns}x{rows}");
        }
    };
    let all = snapshots::all();
    std::thread::scope(|scope| {
        for (situation, snapshot) in &all {
            scope.spawn(|| draw_all(situation, snapshot));
        }
    });
}

#[test]
fn every_overlay_draws_at_every_size() {
    for keys in ["?", "0", "\t\tj\n", "/x", "!", "!t", "!tj\n\tx\tgpt", "!r\n", "p"] {
        for (columns, rows) in (1..=100).step_by(3).flat_map(|c| (1..=40).map(move |r| (c, r))) {
            let mut console = Console::new(&snapshots::tripped(), Charset::Ascii, columns, rows);
            console.keys(keys);
            console.draw();
            console.keys("G\u{1b}");
            console.draw();
        }
    }
}

#[test]
fn the_verdict_is_on_every_screen_that_has_room_for_a_word() {
    for (columns, rows) in [(29, 5), (20, 3), (30, 6), (59, 10), (60, 10), (80, 24), (300, 80)] {
        let screen = Console::new(&snapshots::alarm(), Charset::Ascii, columns, rows).text();
        assert!(screen.contains("CRIT"), "{columns}x{rows}:\n{screen}");
        assert!(screen.contains("openai"), "{columns}x{rows}:\n{screen}");
    }
}

#[test]
fn hostile_names_leave_nothing_a_terminal_obeys() {
    let names = driver::hostile_names();
    assert!(names.len() > 60, "only {} names in the corpus", names.len());
    for names in names.chunks(8) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let snapshot = snapshots::named(&names);
        for keys in ["", "0", "\tj\n", "\t\t\t\tj\n", "!t", "!tj\n", "!r\n"] {
            let mut console = Console::new(&snapshot, Charset::Unicode, 200, 60);
            console.keys(keys);
            assert_harmless(&console.draw(), keys);
        }
    }
}

fn assert_harmless(buffer: &ratatui::buffer::Buffer, keys: &str) {
    for cell in &buffer.content {
        for ch in cell.symbol().chars() {
            let hidden = ch.is_control()
                || matches!(ch, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                    | '\u{e0000}'..='\u{e0fff}');
            assert!(!hidden, "{ch:?} is on the screen after {keys:?}");
        }
    }
}

/// Bytes that a terminal gets each second while nothing but time moves.
#[test]
fn an_idle_screen_is_cheap() {
    for (situation, snapshot) in snapshots::all() {
        let mut console = Console::new(&snapshot, Charset::Ascii, 80, 24);
        let mut encoder = Encoder::new(Charset::Ascii);
        encoder.encode(console.draw()).unwrap();
        let bytes: usize = (1..=30)
            .map(|second| {
                console.tick(f64::from(second));
                encoder.encode(console.draw()).unwrap().len()
            })
            .sum();
        assert!(bytes / 30 <= 250, "{situation}: {} B/s", bytes / 30);
    }
}

/// Bytes each second at four frames a second, when every number moves.
#[test]
fn a_busy_screen_is_affordable() {
    let mut console = Console::new(&snapshots::alarm(), Charset::Ascii, 80, 24);
    let mut encoder = Encoder::new(Charset::Ascii);
    encoder.encode(console.draw()).unwrap();
    let mut bytes = 0;
    for frame in 1..=40_u32 {
        console.tick(f64::from(frame) / 4.0);
        console.show(&busy(frame));
        bytes += encoder.encode(console.draw()).unwrap().len();
    }
    assert!(bytes / 10 <= 2000, "{} B/s", bytes / 10);
}

/// The alarm picture a quarter of a second times `frame` later, with numbers
/// that wander the way one-minute windows do.
fn busy(frame: u32) -> Snapshot {
    let mut snapshot = snapshots::alarm();
    let wander = 1.0 + f64::from(frame * 7919 % 100) / 2500.0;
    snapshot.at_unix_ms += i64::from(frame) * 250;
    snapshot.overall.requests_per_s = snapshot.overall.requests_per_s.map(|rate| rate * wander);
    let limits = snapshot.limits.iter().cloned().map(|mut limit| {
        limit.remaining_ratio = limit.remaining_ratio.map(|left| (left * wander).min(1.0));
        limit.reset_in_s = limit.reset_in_s.map(|seconds| seconds - f64::from(frame) / 4.0);
        limit
    });
    snapshot.limits = limits.collect();
    let keys = snapshot.keys.iter().cloned().map(|mut key| {
        key.requests_per_s = key.requests_per_s.map(|rate| rate * wander);
        let more = u64::from(frame * 7919 % 1000) * 20;
        key.tokens_per_min = key.tokens_per_min.map(|tokens| tokens + more);
        key
    });
    snapshot.keys = keys.collect();
    snapshot
}

#[test]
fn what_calls_without_a_price_cost_is_not_nothing() {
    let mut snapshot = snapshots::alarm();
    let mut caps = snapshot.caps.to_vec();
    let cap = &mut caps[0];
    (cap.spent_usd, cap.used_ratio, cap.usd_per_hour, cap.cap_in_s) = (None, None, None, None);
    (cap.unpriced_requests, cap.unpriced_ratio) = (7, Some(1.0));
    snapshot.caps = caps.into();
    let mut console = Console::new(&snapshot, Charset::Ascii, 80, 24);
    let screen = console.text();
    let row = screen.lines().find(|line| line.contains("prod/day")).unwrap();
    assert!(row.contains(" ?/$1000 ") && row.contains("all unpriced"), "{row}");
    // LIMITS comes first, then SPEND.
    let detail = console.keys("\t\t\n").text();
    for fact in ["? of $1,000.00, all unpriced", "calls unpriced    7", "of those answered 100.0%"]
    {
        assert!(detail.contains(fact), "{fact} is not in\n{detail}");
    }
}

#[test]
fn a_log_without_attempts_does_not_say_that_nothing_was_repeated() {
    let mut snapshot = snapshots::alarm();
    snapshot.retries = [].into();
    let text = |snapshot: &Snapshot| Console::new(snapshot, Charset::Ascii, 200, 60).text();
    assert!(text(&snapshot).contains("no log tells attempts"), "{}", text(&snapshot));
    snapshot.overall.requests = 0;
    assert!(!text(&snapshot).contains("no log tells attempts"), "{}", text(&snapshot));
}

#[test]
fn a_reset_says_which_rules_still_cross_and_what_they_will_do() {
    let mut snapshot = snapshots::tripped();
    let mut alerts = snapshot.alerts.to_vec();
    alerts[0].trips = vec!["model/openai/gpt-4o".into()];
    alerts[0].then = Some("will not trip again before it clears".into());
    alerts[1].trips = vec!["all".into()];
    alerts[1].then = Some("trips it when rules are armed".into());
    (alerts[0].for_s, alerts[0].level_s) = (134.0, 31.0);
    snapshot.alerts = alerts.into();
    let mut console = Console::new(&snapshot, Charset::Ascii, 80, 24);
    console.model.options.shell_options = Some(" --config /etc/tripline/a-long-name.toml".into());
    // How long it is as bad as it is, and not since it was a warning.
    assert!(console.text().contains("! FIRING   0:31      tpm.exhausted"), "{}", console.text());
    let plan = console.keys("!r\n").text();
    let says = "| rule   tpm.exhausted still crosses: will not trip again before it clears";
    assert!(plan.contains(says), "{plan}");
    assert!(!plan.contains("trips it when rules are armed"), "{plan}");
    // What is too long for one line goes on in the next.
    for part in
        ["tripline --config /etc/tripline/a-long-name.toml switch reset", "--reason \"...\" "]
    {
        assert!(plan.contains(part), "{part} is not in\n{plan}");
    }
}

#[test]
fn at_80_columns_neither_the_proof_of_a_stop_nor_the_verdict_is_cut() {
    let mut snapshot = snapshots::tripped();
    let mut switches = snapshot.switches.to_vec();
    for host in &mut switches[0].hosts {
        (host.draining, host.refused) = (130, 4100);
        host.started_after_trip *= 7;
    }
    let third =
        tripline::snapshot::SwitchHost { host: "gw-3".into(), draining: 13, ..Default::default() };
    switches[0].hosts.push(third);
    snapshot.switches = switches.clone().into();
    let text = Console::new(&snapshot, Charset::Ascii, 80, 30).text();
    for proof in [
        "gw-1 OBEYED 4.1k refused, 130 drained",
        "gw-2 NOT OBEYED 63 passed 4.1k refused",
        "gw-3 no evidence yet, 13 drained",
    ] {
        assert!(text.contains(proof), "{proof} is not in\n{text}");
    }
    for host in &mut switches[0].hosts {
        (host.obeyed, host.started_after_trip) = (Some(true), 0);
    }
    snapshot.switches = switches.into();
    snapshot.verdict = "KILL provider/openai tripped by rule cap-spent, obeyed by 2 of 2 hosts; \
                        cap launch/day is spent ($1.86 of $1.00)."
        .into();
    let text = Console::new(&snapshot, Charset::Ascii, 80, 24).text();
    assert!(text.contains("\n  launch/day is spent ($1.86 of $1.00).\n"), "{text}");
}

#[test]
fn whether_calls_still_pass_a_stop_is_said_and_not_cut() {
    let mut snapshot = snapshots::tripped();
    let mut switches = snapshot.switches.to_vec();
    let host = &mut switches[0].hosts[1];
    (host.started_after_trip, host.refused) = (84, 12);
    (host.last_passed_s, host.refuses_since) = (Some(12.4), true);
    snapshot.switches = switches.clone().into();
    let text =
        |snapshot: &Snapshot, columns| Console::new(snapshot, Charset::Ascii, columns, 30).text();
    let shown = text(&snapshot, 80);
    assert!(shown.contains("gw-2 NOT OBEYED 84 passed, none for 10s"), "{shown}");
    let sentence = shown.replace("\n ", "");
    assert!(sentence.contains("gw-2 let 84 calls through after the trip of"), "{shown}");
    assert!(sentence.contains("model/openai/gpt-4o, none for 12 s"), "{shown}");
    assert!(text(&snapshot, 59).contains("NOT OBEYED gw-2 84 passed"));
    // Calls were let through just now, or nothing is heard any more.
    for (last_s, refuses) in [(3.0, true), (12.4, false)] {
        let host = &mut switches[0].hosts[1];
        (host.last_passed_s, host.refuses_since) = (Some(last_s), refuses);
        snapshot.switches = switches.clone().into();
        let shown = text(&snapshot, 80);
        assert!(shown.contains("84 passed 12 refused") && !shown.contains("none for"), "{shown}");
    }
}

/// Cause, reset and whether waiting helps: what is cut off nothing else may say.
#[test]
fn the_verdict_is_said_whole_where_the_screen_has_rows() {
    let mut snapshot = snapshots::alarm();
    let verdict = "openai CRED EXHAUSTED, waiting will not help; cap launch-day is spent ($1.86 \
                   of $1.00); retries add 38% load.";
    snapshot.verdict = verdict.into();
    for (columns, rows) in [(40, 12), (59, 24), (60, 24), (80, 24), (119, 24), (120, 40)] {
        let screen = Console::new(&snapshot, Charset::Ascii, columns, rows).text();
        let said = screen.lines().skip(1).take_while(|line| !line.starts_with("--"));
        let said: Vec<&str> = said.map(|line| line.get(2..).unwrap_or_default()).collect();
        let whole = said.join(" ");
        assert!(whole.contains("waiting will not help; cap launch-day is spent"), "{screen}");
        assert!(rows < 24 || whole.trim_end() == verdict, "{columns}x{rows}: {whole}\n{screen}");
        assert!(screen.contains("--LIMITS") && screen.contains("--ALERTS"), "{screen}");
    }
    // In words that come and go the rows below stay where they are, for a while.
    let top = |console: &Console| {
        console.text().lines().position(|line| line.starts_with("--LIMITS")).unwrap()
    };
    let mut console = Console::new(&snapshot, Charset::Ascii, 60, 24);
    let before = top(&console);
    snapshot.verdict = "openai gpt-4o TPM EXHAUSTED, back in 9 s.".into();
    console.show(&snapshot);
    assert_eq!(top(&console), before);
    console.resize(60, 24);
    assert_eq!(top(&console), before, "it has that size already");
    console.tick(60.0);
    console.show(&snapshot);
    assert!(top(&console) < before);
}

/// Below what is worse stands the verdict, and it is said whole as well.
#[test]
fn a_stop_that_is_not_obeyed_takes_no_row_from_the_verdict() {
    let mut snapshot = snapshots::tripped();
    let verdict = "KILL provider/openai tripped by rule cap-spent, NOT OBEYED by gw-2; cap \
                   launch-day is spent ($1.86 of $1.00); retries add 38% load.";
    snapshot.verdict = verdict.into();
    // What a terminal would obey is spelled out before it is known how long it is.
    let mut switches = snapshot.switches.to_vec();
    switches[0].hosts[1].host = "gw-2\u{1b}\u{1b}\u{1b}".into();
    snapshot.switches = switches.into();
    for (columns, rows) in [(80, 24), (80, 30), (100, 24), (120, 40)] {
        let screen = Console::new(&snapshot, Charset::Ascii, columns, rows).text();
        let said = screen.lines().skip(1).take_while(|line| !line.starts_with("--"));
        let said: Vec<&str> = said.map(|line| line.get(2..).unwrap_or_default()).collect();
        let whole = said.join(" ");
        assert!(whole.starts_with(r"NOT OBEYED: gw-2\u{1b}\u{1b}\u{1b} let 9 calls"), "{screen}");
        assert!(whole.trim_end().ends_with(verdict), "{columns}x{rows}: {whole}\n{screen}");
    }
}

#[test]
fn no_title_stands_without_a_row() {
    for (situation, snapshot) in snapshots::all() {
        for (columns, rows) in (30..70).step_by(3).flat_map(|c| (6..30).map(move |r| (c, r))) {
            let screen = Console::new(&snapshot, Charset::Ascii, columns, rows).text();
            let lines: Vec<&str> = screen.lines().collect();
            let is_title = |line: &str| line.starts_with("--");
            let (footer, body) = lines.split_last().unwrap();
            for (at, title) in body.iter().enumerate().filter(|(_, line)| is_title(line)) {
                // That of the queues says it all by itself.
                let is_whole = title.starts_with("--QUEUE");
                let has_row = body.get(at + 1).is_some_and(|line| !is_title(line));
                assert!(is_whole || has_row, "{situation} {columns}x{rows}:\n{screen}{footer}");
            }
        }
    }
}

#[test]
fn without_calls_money_has_no_rate() {
    let rate = |snapshot: &Snapshot| {
        let screen = Console::new(snapshot, Charset::Ascii, 80, 24).text();
        let row = screen.lines().skip_while(|line| !line.starts_with("--SPEND")).nth(1);
        row.unwrap_or_else(|| panic!("{screen}")).to_owned()
    };
    let mut snapshot = snapshots::alarm();
    assert!(rate(&snapshot).contains("/h "), "{}", rate(&snapshot));
    let mut sources = snapshot.sources.to_vec();
    for source in &mut sources {
        source.last_line_age_s = Some(95.0);
    }
    snapshot.sources = sources.into();
    assert!(!rate(&snapshot).contains("/h "), "{}", rate(&snapshot));
}

/// How bad it is, who has it, how fast money burns and what the slowest calls take: on a
/// screen of any width that has panels beside each other, or nearly.
#[test]
fn no_width_leaves_out_who_has_an_alert() {
    let snapshot = snapshots::alarm();
    for columns in [59, 60, 71, 80, 100, 119, 120, 130, 140, 160] {
        let screen = Console::new(&snapshot, Charset::Ascii, columns, 40).text();
        let mut alerts = screen.lines().filter(|line| line.contains("FIRING"));
        let taken = alerts.find(|line| line.contains("prod/day")).unwrap();
        assert!(taken.contains(" page ack mira"), "{columns}: {taken}");
        assert!(screen.contains("5.1x/3.8x"), "{columns}: {screen}");
        assert!(screen.contains("p95 22s  p99 37s"), "{columns}: {screen}");
    }
}

#[test]
fn on_the_smallest_screen_names_and_proofs_come_before_all_else() {
    let screen = Console::new(&snapshots::alarm(), Charset::Ascii, 30, 8).text();
    assert!(screen.contains("open/gpt-"), "{screen}");
    let mut snapshot = snapshots::tripped();
    let shown = |snapshot: &Snapshot| {
        let screen = Console::new(snapshot, Charset::Ascii, 31, 7).text();
        let row = screen.lines().find(|line| line.contains("gw-1")).map(str::to_owned);
        row.unwrap_or_else(|| panic!("{screen}"))
    };
    let mut switches = snapshot.switches.to_vec();
    switches[0].hosts.truncate(1);
    let mut proofs = Vec::new();
    for (obeyed, silent, unknown) in
        [(Some(true), false, 0), (Some(false), false, 0), (None, true, 0), (None, false, 9)]
    {
        let host = &mut switches[0].hosts[0];
        (host.obeyed, host.silent, host.start_unknown) = (obeyed, silent, unknown);
        snapshot.switches = switches.clone().into();
        proofs.push(shown(&snapshot));
    }
    for (proof, word) in proofs.iter().zip([" OBEYED gw", "NOT OBEYED", "not proven", "NOT PROVEN"])
    {
        assert!(proof.contains(word), "{word} is not in {proofs:#?}");
    }
}

#[test]
fn one_refusal_in_two_hundred_calls_is_not_none() {
    let mut snapshot = snapshots::normal();
    snapshot.overall.outcomes = [("ok", 0.995), ("rate_limited", 0.005)].into();
    let screen = Console::new(&snapshot, Charset::Ascii, 80, 24).text();
    let row = screen.lines().find(|line| line.contains("TRAFFIC")).unwrap();
    assert!(row.contains("  ok >99%   429 <1% "), "{row}");
}

#[test]
fn a_narrow_screen_leaves_shares_and_times_out_and_cuts_none() {
    let mut snapshot = snapshots::alarm();
    snapshot.overall.outcomes =
        [("ok", 0.5), ("rate_limited", 0.28), ("failed", 0.22), ("timed_out", 0.004)].into();
    snapshot.overall.limited_by = [("unknown", 0.16), ("tokens", 0.11), ("requests", 0.01)].into();
    let mut times = snapshot.overall.latency_ms.unwrap();
    times.count = 32;
    snapshot.overall.latency_ms = Some(times);
    for columns in 31..=200 {
        let screen = Console::new(&snapshot, Charset::Ascii, columns, 24).text();
        let row = |part: &str| screen.lines().find(|line| line.contains(part)).unwrap();
        for row in [row("TRAFFIC"), row(" TTFT ")] {
            let part = row.split('|').next().unwrap();
            assert!(!part.contains("..") && !part.contains('~'), "{columns}: {row}");
            assert_eq!(part.matches('(').count(), part.matches(')').count(), "{columns}: {row}");
            assert_eq!(part.matches('[').count(), part.matches(']').count(), "{columns}: {row}");
        }
        let unicode = Console::new(&snapshot, Charset::Unicode, columns, 24).text();
        let cut = |line: &&str| line.contains("TRAFFIC") || line.contains(" TTFT ");
        let cut = unicode.lines().filter(cut).find(|line| line.contains('…'));
        assert_eq!(cut, None, "{columns}");
        // How many calls fail matters more than which limit refuses the others.
        assert!(columns < 45 || row("TRAFFIC").contains("fail 22%"), "{columns}: {screen}");
        let total = row(" TTFT ").split(" total ").nth(1);
        assert!(total.is_some_and(|total| total.contains("p95 22s")), "{columns}: {screen}");
    }
}

/// A mark on every bucket would tell nothing: it is on those that it changes.
#[test]
fn what_came_back_since_a_reading_is_marked_where_it_shows() {
    let mut snapshot = snapshots::alarm();
    let mut limit = snapshot.limits.last().unwrap().clone();
    let number = tripline::snapshot::Number;
    limit.limit = Some(number(1000.0));
    for (read, left, shown) in [(120.0, 360.0, " ~36% "), (997.0, 999.0, " >99% ")] {
        limit.remaining_when_read = Some(number(read));
        limit.remaining = Some(number(left));
        limit.remaining_ratio = Some(left / 1000.0);
        snapshot.limits = vec![limit.clone()].into();
        let screen = Console::new(&snapshot, Charset::Ascii, 80, 24).text();
        assert!(screen.contains(shown), "{shown}: {screen}");
    }
}

#[test]
fn plan_limits_whose_names_begin_alike_are_told_apart() {
    let mut snapshot = snapshots::alarm();
    let mut limits = snapshot.limits.to_vec();
    let plan = limits.last().unwrap().clone();
    for (label, left) in [("7d_opus", 0.08), ("7d_oauth_apps", 0.78)] {
        limits.insert(
            0,
            tripline::snapshot::Limit {
                label: Some(label.into()),
                remaining_ratio: Some(left),
                ..plan.clone()
            },
        );
    }
    snapshot.limits = limits.into();
    for columns in [40, 60, 80, 120, 200] {
        let screen = Console::new(&snapshot, Charset::Unicode, columns, 40).text();
        let row = |left: &str| {
            let is_it = |line: &&str| line.contains(left) && line.contains("7d");
            screen.lines().find(is_it).unwrap_or_else(|| panic!("{left}: {screen}"))
        };
        assert!(row(" 8% ").contains("7d_opus "), "{screen}");
        assert!(row(" 78% ").contains("ps "), "{screen}");
        assert!(columns < 120 || row(" 78% ").contains(" 7d_oauth_apps "), "{screen}");
    }
}

#[test]
fn what_only_informs_warns_nobody_and_a_finding_says_when_it_was_last_seen() {
    let mut snapshot = snapshots::alarm();
    let mut alerts = snapshot.alerts.to_vec();
    for (alert, severity) in alerts.iter_mut().zip([State::Ok, State::Warning, State::Critical]) {
        alert.severity = severity;
    }
    snapshot.alerts = alerts.into();
    let mut console = Console::new(&snapshot, Charset::Ascii, 80, 40);
    let screen = console.text();
    let row = |part: &str| screen.lines().find(|line| line.contains(part)).unwrap();
    for (rule, word) in
        [("tpm.exhausted", " info ack"), ("spend.burn", " warn ack"), ("key.share", " page ack")]
    {
        assert!(row(rule).contains(word), "{screen}");
    }
    // SOURCES come first, then FINDINGS.
    let detail = console.keys("0\tj\t\n").text();
    assert!(detail.contains("last seen         2026-"), "{detail}");
}

#[test]
fn no_name_that_stands_for_many_is_offered_to_be_stopped() {
    let mut snapshot = snapshots::alarm();
    let mut load = snapshot.load.to_vec();
    let other = tripline::domain::names::OTHER;
    load.push(tripline::snapshot::Load {
        provider: Some("openai".into()),
        model: Some(other.into()),
        key: Some(other.into()),
        environment: Some(other.into()),
        requests: 9999,
        ..load[0].clone()
    });
    snapshot.load = load.into();
    let list = Console::new(&snapshot, Charset::Ascii, 120, 40).keys("!t").text();
    assert!(list.contains("provider/openai") && !list.contains(other), "{list}");
}

/// A leak of keys has as many scopes as keys, and it is then that the list is opened.
#[test]
fn of_many_that_can_be_stopped_the_busiest_come_first() {
    let mut snapshot = snapshots::alarm();
    let slice = snapshot.load[0].clone();
    let key = |number: u32| Some(format!("key-{number:05}").into());
    snapshot.load = (0..15_000)
        .map(|number| tripline::snapshot::Load {
            key: key(number),
            requests: u64::from(number),
            ..slice.clone()
        })
        .collect();
    let mut console = Console::new(&snapshot, Charset::Ascii, 120, 40);
    let list = console.keys("!t").text();
    let at = |text: &str| list.find(text).unwrap_or_else(|| panic!("{text}: {list}"));
    assert!(at("key/key-14999") < at("key/key-14998"), "the busiest first: {list}");
}

#[test]
fn a_host_that_disobeys_two_stops_is_one_host() {
    let mut snapshot = snapshots::tripped();
    let mut switches = snapshot.switches.to_vec();
    let (name, stop) = ("provider/openai", switches[0].clone());
    switches.push(Switch { name: name.into(), scope: name.into(), ..stop });
    snapshot.switches = switches.clone().into();
    let first = |snapshot: &Snapshot| {
        let screen = Console::new(snapshot, Charset::Ascii, 120, 40).text();
        screen.lines().nth(1).unwrap().trim_end().to_owned()
    };
    assert!(first(&snapshot).ends_with("after the trip of model/openai/gpt-4o"));
    switches[2].hosts[0].obeyed = Some(false);
    snapshot.switches = switches.into();
    assert!(first(&snapshot).ends_with("model/openai/gpt-4o, and 1 more host"));
}

#[test]
fn a_console_that_only_looks_says_so_before_all_else_goes() {
    for (situation, snapshot) in snapshots::all() {
        for columns in [40, 60, 80, 120, 200] {
            let screen = Console::new(&snapshot, Charset::Ascii, columns, 24).read_only().text();
            let first = screen.lines().next().unwrap();
            assert!(first.contains("look only"), "{situation} {columns}: {first}");
            assert!(!first.contains("armed"), "{situation} {columns}: {first}");
        }
    }
}

/// Of a connection that was lost no status ever came.
#[test]
fn what_failed_is_not_blamed_on_a_status() {
    for columns in [40, 80, 120, 200] {
        let screen = Console::new(&snapshots::alarm(), Charset::Ascii, columns, 60).text();
        assert!(!screen.contains("5xx"), "{screen}");
        assert!(screen.contains("fail"), "{columns}: {screen}");
    }
}
