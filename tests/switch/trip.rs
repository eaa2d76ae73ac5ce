//! Trips, resets, and what others do meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

use tripline::action::SwitchScope;
use tripline::action::switch::{
    Change, Content, DEFAULT_COPIES, Entry, Foreign, KillNote, ResetNote, ResetOutcome,
    SwitchError, TripOutcome,
};
use tripline::domain::Wall;

use crate::{AT, fixture, note, open, prepare, reset_note, scope, trip};

#[test]
fn hostile_key_ids_get_safe_and_distinct_files() {
    let corpus = fs::read_to_string("tests/corpus/hostile/40-keyids.jsonl").unwrap();
    let keys: BTreeSet<String> = corpus
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["key"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(keys.len() > 30);

    let fixture = fixture();
    let mut switch = open(&fixture.path).unwrap();
    for key in &keys {
        let scope = SwitchScope::Key(key.clone());
        let file = scope.file_name();
        let shown = file.chars().take(60).collect::<String>();
        assert!(file.len() <= 200, "{shown}");
        assert!(file.starts_with("key.") && file.strip_suffix(".kill").is_some(), "{shown}");
        let safe = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let encoded = file.bytes().all(|c| safe(c) || matches!(c, b'%' | b'+' | b'A'..=b'F'));
        assert!(encoded && !file.contains('/'), "{shown}");
        match SwitchScope::from_file_name(&file) {
            Some(back) => assert_eq!(back, scope),
            None => assert!(key.len() > 190, "{shown}"),
        }
        assert_eq!(scope.to_string().parse::<SwitchScope>().unwrap(), scope);
        let outcome = switch.trip(&scope, &note("leak")).unwrap();
        let TripOutcome::Tripped(pending) = outcome else { panic!("{shown} is taken") };
        pending.confirm().unwrap();
    }
    assert_eq!(fixture.visible().len(), keys.len());

    // Nothing came to be outside, and each key that fits its file is known again.
    let outside: Vec<_> = fs::read_dir(fixture.path.parent().unwrap()).unwrap().collect();
    assert_eq!(outside.len(), 1);
    let known: BTreeSet<SwitchScope> =
        switch.status().unwrap().into_iter().filter_map(|entry| entry.scope).collect();
    for key in keys.iter().filter(|key| key.len() < 300) {
        assert!(known.contains(&SwitchScope::Key(key.clone())), "{key:?}");
    }
}

#[test]
fn who_tripped_is_not_forgotten_when_it_is_tripped_again_before_that_is_written() {
    let fixture = fixture();
    let mut switch = fixture.prepared();
    let scope = scope("all");
    let TripOutcome::Tripped(pending) = switch.trip(&scope, &note("first")).unwrap() else {
        panic!("nobody has tripped it");
    };
    for _ in 0..2 {
        let TripOutcome::AlreadyTripped(entry) = switch.trip(&scope, &note("second")).unwrap()
        else {
            panic!("it is tripped");
        };
        assert_eq!((entry.by(), entry.since), ("ada", AT));
        assert_eq!(entry.record().unwrap().reason, "first");
        assert_eq!(switch.known().collect::<Vec<_>>(), [&entry]);
    }
    pending.confirm().unwrap();
    assert_eq!(switch.refresh().unwrap(), vec![]);
}

#[test]
fn a_trip_is_there_at_once_and_says_who_and_why_when_confirmed() {
    let fixture = fixture();
    let mut switch = fixture.prepared();
    assert_eq!(switch.prepared(), DEFAULT_COPIES);
    let scope = scope("model/openai/gpt-4o");
    let TripOutcome::Tripped(pending) = switch.trip(&scope, &note("tokens gone")).unwrap() else {
        panic!("nobody has tripped it");
    };
    assert_eq!(switch.prepared(), DEFAULT_COPIES - 1);

    // Between the two halves another process sees a trip without details.
    let path = fixture.path.join("model.openai.gpt-4o.kill");
    let half = open(&fixture.path).unwrap().status().unwrap();
    let record = half[0].record().unwrap();
    assert_eq!(record.reason, "tripped; details are being written");
    assert_eq!(half[0].scope.as_ref(), Some(&scope));
    assert!(half[0].since > Wall::default());
    let size = fs::metadata(&path).unwrap().len();

    let confirmed = pending.confirm().unwrap();
    assert_eq!(confirmed.path, path);
    assert_eq!(fs::metadata(&path).unwrap().len(), size);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let expected = serde_json::json!({
        "schema": "tripline.kill/v1", "scope": "model/openai/gpt-4o", "reason": "tokens gone",
        "rule": "tpm-low", "by": "ada", "host": "gw-1", "at": "2026-11-20T14:03:27.412Z",
    });
    assert_eq!(json, expected);

    let status = switch.status().unwrap();
    assert_eq!((status[0].by(), status[0].since), ("ada", AT));
    let says = |entry: &Entry| (entry.file.clone(), entry.content.clone(), entry.since);
    let known: Vec<_> = switch.known().map(says).collect();
    assert_eq!(known, status.iter().map(says).collect::<Vec<_>>());
    prepare(&mut switch, DEFAULT_COPIES).unwrap();
    assert_eq!(switch.prepared(), DEFAULT_COPIES);
}

#[test]
fn a_second_trip_changes_nothing() {
    for copies in [0, DEFAULT_COPIES] {
        let fixture = fixture();
        let mut switch = open(&fixture.path).unwrap();
        prepare(&mut switch, copies).unwrap();
        trip(&mut switch, "all");
        let before = fs::read(fixture.path.join("all.kill")).unwrap();
        let TripOutcome::AlreadyTripped(entry) =
            switch.trip(&SwitchScope::All, &note("again")).unwrap()
        else {
            panic!("tripped twice");
        };
        assert_eq!(entry.record().unwrap().reason, "tokens gone");
        assert_eq!(fs::read(fixture.path.join("all.kill")).unwrap(), before);
        assert_eq!(fixture.visible(), BTreeSet::from(["all.kill".to_owned()]));
    }
}

#[test]
fn more_scopes_than_prepared_files_still_trip() {
    let fixture = fixture();
    let mut switch = open(&fixture.path).unwrap();
    prepare(&mut switch, 2).unwrap();
    for key in 0..5 {
        trip(&mut switch, &format!("key/{key}"));
    }
    assert_eq!(fixture.visible().len(), 5);
    // Somebody who cleans up "temporary" files does not disarm us either.
    prepare(&mut switch, 2).unwrap();
    for name in fixture.all().iter().filter(|name| name.starts_with(".staged-")) {
        fs::remove_file(fixture.path.join(name)).unwrap();
    }
    trip(&mut switch, "all");
}

#[test]
fn of_many_callers_exactly_one_trips() {
    for round in 0..20 {
        let fixture = fixture();
        drop(open(&fixture.path).unwrap());
        let armed = std::sync::Mutex::new(Some(fixture.prepared()));
        let start = Barrier::new(8);
        let tripped = std::thread::scope(|threads| {
            let callers: Vec<_> = (0..8)
                .map(|_| {
                    threads.spawn(|| {
                        // One caller has prepared files, the others come from plain shells.
                        let mut switch = armed
                            .lock()
                            .unwrap()
                            .take()
                            .unwrap_or_else(|| open(&fixture.path).unwrap());
                        start.wait();
                        match switch.trip(&SwitchScope::All, &note("race")).unwrap() {
                            TripOutcome::Tripped(pending) => pending.confirm().is_ok(),
                            TripOutcome::AlreadyTripped(_) => false,
                        }
                    })
                })
                .collect();
            callers.into_iter().filter_map(|caller| caller.join().ok()).filter(|won| *won).count()
        });
        assert_eq!(tripped, 1, "round {round}");
        assert_eq!(fixture.visible(), BTreeSet::from(["all.kill".to_owned()]));
    }
}

#[test]
fn a_reset_needs_a_person_and_a_reason() {
    let fixture = fixture();
    let mut switch = fixture.prepared();
    trip(&mut switch, "all");
    for (by, reason) in [("ada", " "), ("", "all good")] {
        let note = ResetNote { by: by.into(), reason: reason.into() };
        let refused = switch.reset(&SwitchScope::All, &note, Foreign::Refuse);
        assert!(matches!(refused, Err(SwitchError::ResetIncomplete { .. })));
    }
    assert!(fixture.path.join("all.kill").exists());
    let ResetOutcome::Reset(entry) =
        switch.reset(&SwitchScope::All, &reset_note(), Foreign::Refuse).unwrap()
    else {
        panic!("it was tripped");
    };
    assert_eq!(entry.by(), "ada");
    assert!(fixture.visible().is_empty() && switch.known().next().is_none());
    let again = switch.reset(&SwitchScope::All, &reset_note(), Foreign::Refuse).unwrap();
    assert_eq!(again, ResetOutcome::NotTripped);
    trip(&mut switch, "all");
}

#[test]
fn foreign_files_stop_traffic_and_are_not_removed_unasked() {
    let fixture = fixture();
    drop(open(&fixture.path).unwrap());
    fs::write(fixture.path.join("all.kill"), "stop it! \u{1b}[31m").unwrap();
    fs::write(fixture.path.join("llm.kill"), "").unwrap();
    fs::write(fixture.path.join("key.Mine.kill"), vec![b'['; 100_000]).unwrap();
    let mut switch = fixture.prepared();
    let seen: Vec<Entry> = switch.known().cloned().collect();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|entry| entry.content == Content::Foreign && entry.by() == "unknown"));
    assert!(seen.iter().all(|entry| entry.since > Wall::from_secs(1_600_000_000)));
    let scopes: Vec<_> = seen.into_iter().map(|entry| entry.scope).collect();
    assert_eq!(scopes, [Some(SwitchScope::All), None, None]);

    let already = switch.trip(&SwitchScope::All, &note("x")).unwrap();
    assert!(matches!(already, TripOutcome::AlreadyTripped(_)));
    let refused = switch.reset(&SwitchScope::All, &reset_note(), Foreign::Refuse).unwrap_err();
    assert!(matches!(refused, SwitchError::Foreign { .. }), "{refused}");
    assert!(refused.to_string().contains("belongs to uid"), "{refused}");
    assert!(fixture.path.join("all.kill").exists());
    switch.reset(&SwitchScope::All, &reset_note(), Foreign::Force).unwrap();
    assert!(!fixture.path.join("all.kill").exists());
}

#[test]
fn a_reset_by_others_is_told_from_a_removal() {
    let fixture = fixture();
    let (mut switch, mut other) = (fixture.prepared(), open(&fixture.path).unwrap());
    let file = fixture.path.join("key.a.kill");
    let scope = scope("key/a");
    let reset = |other: &mut tripline::action::SwitchDir| {
        other.reset(&scope, &reset_note(), Foreign::Refuse)
    };
    for round in 0..3 {
        // Who tripped does not matter, nor whether there was a reset before.
        trip(if round == 2 { &mut other } else { &mut switch }, "key/a");
        switch.refresh().unwrap();
        reset(&mut other).unwrap();
        let changes = switch.refresh().unwrap();
        assert!(matches!(changes.as_slice(), [Change::Reset(_)]), "{round}: {changes:?}");
        trip(&mut switch, "key/a");
        fs::remove_file(&file).unwrap();
        let changes = switch.refresh().unwrap();
        let [Change::Vanished(stood)] = changes.as_slice() else { panic!("{round}: {changes:?}") };
        assert!(!switch.was_reset(stood));
        // That it is gone is wanted now.
        assert_eq!(reset(&mut other).unwrap(), ResetOutcome::NotTripped);
        assert!(switch.was_reset(stood));
    }
    let marks = fixture.all().into_iter().filter(|name| name.contains(".reset"));
    assert_eq!(marks.collect::<Vec<_>>(), [".key.a.reset"]);
}

#[test]
fn a_reset_in_a_directory_that_stood_here_before_is_none_of_this_one() {
    let fixture = fixture();
    let mut switch = fixture.prepared();
    trip(&mut switch, "all");
    switch.reset(&SwitchScope::All, &reset_note(), Foreign::Refuse).unwrap();
    let aside = fixture.path.with_file_name("aside");
    fs::rename(&fixture.path, &aside).unwrap();
    let mut switch = open(&fixture.path).unwrap();
    trip(&mut switch, "all");
    let stood = switch.known().next().unwrap().clone();
    fs::remove_dir_all(&fixture.path).unwrap();
    fs::rename(&aside, &fixture.path).unwrap();
    assert!(!open(&fixture.path).unwrap().was_reset(&stood));
}

#[test]
fn a_mark_that_was_touched_is_no_reset() {
    let fixture = fixture();
    let mut switch = fixture.prepared();
    trip(&mut switch, "all");
    switch.reset(&SwitchScope::All, &reset_note(), Foreign::Refuse).unwrap();
    trip(&mut switch, "all");
    assert_eq!(switch.refresh().unwrap(), []);
    let mark = fixture.path.join(".all.reset");
    fs::set_permissions(&mark, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(fixture.path.join("all.kill")).unwrap();
    let changes = switch.refresh().unwrap();
    assert!(matches!(changes.as_slice(), [Change::Vanished(_)]), "{changes:?}");
}

#[test]
fn a_reset_in_a_directory_that_was_made_anew_counts() {
    let fixture = fixture();
    let mut switch = fixture.prepared();
    trip(&mut switch, "all");
    let stood = switch.known().next().unwrap().clone();
    fs::remove_dir_all(&fixture.path).unwrap();
    let mut anew = open(&fixture.path).unwrap();
    assert!(!anew.was_reset(&stood));
    // The file system's clock is coarse: a stop within its tick is no older.
    let reset = |anew: &mut tripline::action::SwitchDir| {
        anew.reset(&SwitchScope::All, &reset_note(), Foreign::Refuse).unwrap();
        anew.was_reset(&stood)
    };
    assert!((0..10_000).any(|_| reset(&mut anew)), "it never counts");
}

#[test]
fn what_others_do_is_noticed_and_what_we_do_is_not_news() {
    let fixture = fixture();
    let mut switch = fixture.prepared();
    trip(&mut switch, "all");
    trip(&mut switch, "env/prod");
    switch.reset(&scope("env/prod"), &reset_note(), Foreign::Refuse).unwrap();
    for _ in 0..3 {
        assert_eq!(switch.refresh().unwrap(), []);
    }

    fs::remove_file(fixture.path.join("all.kill")).unwrap();
    let changes = switch.refresh().unwrap();
    let [Change::Vanished(entry)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(entry.scope, Some(SwitchScope::All));
    assert_eq!(entry.record().unwrap().reason, "tokens gone");

    let mut other = open(&fixture.path).unwrap();
    trip(&mut other, "key/a");
    let changes = switch.refresh().unwrap();
    let [Change::Appeared(entry)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((entry.scope.clone(), entry.by()), (Some(scope("key/a")), "ada"));
    assert_eq!(switch.refresh().unwrap(), []);
    assert_eq!(switch.known().count(), 1);

    // Another stop in its place, between two looks.
    other.reset(&scope("key/a"), &reset_note(), Foreign::Refuse).unwrap();
    let again = KillNote { at: Wall(AT.0 + 5_000_000), ..note("again") };
    let outcome = other.trip(&scope("key/a"), &again).unwrap();
    let TripOutcome::Tripped(pending) = outcome else { panic!("{outcome:?}") };
    pending.confirm().unwrap();
    let changes = switch.refresh().unwrap();
    let [Change::Told(entry)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(entry.record().unwrap().reason, "again");
}

#[test]
fn a_change_within_one_tick_of_the_file_systems_clock_is_noticed() {
    let fixture = fixture();
    let mut switch = open(&fixture.path).unwrap();
    let directory = fs::File::open(&fixture.path).unwrap();
    let stamp = directory.metadata().unwrap().modified().unwrap();
    let mut other = open(&fixture.path).unwrap();
    let TripOutcome::Tripped(pending) = other.trip(&SwitchScope::All, &note("x")).unwrap() else {
        panic!("nobody has tripped it");
    };
    directory.set_modified(stamp).unwrap();
    let changes = switch.refresh().unwrap();
    assert!(matches!(changes.as_slice(), [Change::Appeared(_)]), "{changes:?}");

    // Where nothing changes, the names are not read again and again.
    pending.confirm().unwrap();
    fs::remove_file(fixture.path.join("all.kill")).unwrap();
    directory.set_modified(stamp).unwrap();
    assert_eq!(switch.refresh().unwrap(), []);
    directory.set_modified(stamp + std::time::Duration::from_secs(1)).unwrap();
    let changes = switch.refresh().unwrap();
    assert!(matches!(changes.as_slice(), [Change::Vanished(_)]), "{changes:?}");
}
