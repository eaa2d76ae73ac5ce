//! Alerts as rules make them, on a clock of their own.

use super::*;
use crate::engine::effect::EventKind;
use crate::rules;

#[test]
fn the_pulse_ends_with_the_for_of_what_pends() {
    let mut rule = rules::builtin().remove(0);
    rule.hold = Duration::from_millis(600);
    let mut book = Rulebook::new(vec![rule]);
    let at = |ms: u64| Stamp {
        mono: Mono(0).plus(Duration::from_millis(ms)),
        wall: Wall(0).plus(Duration::from_millis(ms)),
    };
    let judge = |book: &mut Rulebook, ms| {
        let bad = (Sample { value: Some(0.0), evidence: 100, period: None }, Grounds::Fresh);
        book.judge(0, Series::Limit(0), bad, at(ms), &|| Labels::new().into(), &mut Vec::new());
    };
    assert_eq!(book.pulse(at(0).mono), None, "nothing lives");
    judge(&mut book, 1000);
    let waits = |book: &Rulebook, ms: u64| book.pulse(at(ms).mono).map(|d| d.as_millis());
    assert_eq!(waits(&book, 1000), Some(250), "it may be withdrawn before");
    assert_eq!(waits(&book, 1250), Some(250));
    assert_eq!(waits(&book, 1500), Some(100), "its `for` ends at 1600");
    assert_eq!(waits(&book, 1700), Some(250), "late is no reason to spin");
    judge(&mut book, 1700);
    assert_eq!(waits(&book, 1700), Some(250), "it fires");
}
fn at(seconds: u64) -> Stamp {
    let since = Duration::from_secs(seconds);
    Stamp { mono: Mono(0).plus(since), wall: Wall(0).plus(since) }
}

fn trips_all() -> RuleSpec {
    let mut rule = rules::builtin().remove(0);
    rule.hold = Duration::ZERO;
    rule.keep_firing = Duration::ZERO;
    rule.min_requests = 0;
    rule.on_no_data = OnNoData::Unknown;
    rule.actions = vec![Action::Trip("all".into())];
    rule
}

fn judge(book: &mut Rulebook, row: u32, value: Option<f64>, now: Stamp) -> Vec<Effect> {
    let mut out = Vec::new();
    let judged = (Sample { value, evidence: 100, period: None }, Grounds::Fresh);
    book.judge(0, Series::Limit(row), judged, now, &|| Labels::new().into(), &mut out);
    out
}

#[test]
fn only_what_fires_has_a_trip_withheld() {
    let rule = trips_all();
    let name = rule.name.clone();
    let mut book = Rulebook::new(vec![rule]);
    judge(&mut book, 1, Some(0.0), at(1));
    judge(&mut book, 1, Some(1.0), at(2));
    judge(&mut book, 2, Some(0.0), at(3));
    book.withhold(&name, "all", Withheld::Disarmed, Mono(u64::MAX));
    let states = |book: &Rulebook| -> Vec<_> {
        let shown = book.shown(at(4));
        shown.iter().map(|alert| (alert.instance.phase(), alert.withheld())).collect()
    };
    let resolved = (Phase::Resolved, None);
    assert_eq!(states(&book), [(Phase::Firing, Some("disarmed")), resolved]);
    judge(&mut book, 2, None, at(4));
    assert_eq!(states(&book), [(Phase::NoData, None), resolved], "it does not fire any more");
}

#[test]
fn what_is_said_of_an_alert_that_is_not_there_changes_nothing_that_outlives_the_run() {
    let rule = trips_all();
    let name = rule.name.clone();
    let mut book = Rulebook::new(vec![rule]);
    judge(&mut book, 1, Some(0.0), at(1));
    book.take_changed();
    assert!(!book.acknowledge("another", &Labels::new(), "me"));
    book.withhold("another", "all", Withheld::Failed, at(9).mono);
    assert!(!book.has_changed());
    let labels = book.shown(at(1))[0].labels.clone();
    assert!(book.acknowledge(&name, &labels, "me"));
    assert!(book.take_changed());
    book.withhold(&name, "all", Withheld::Failed, at(9).mono);
    assert!(book.has_changed());
}

#[test]
fn what_lost_its_data_says_so_for_a_while_and_ends_with_a_word() {
    let mut rule = trips_all();
    rule.cooldown = Duration::from_secs(60);
    let tripping = rule.clone();
    rule.actions.clear();
    let mut book = Rulebook::new(vec![rule]);
    judge(&mut book, 1, Some(0.0), at(1));
    judge(&mut book, 1, None, at(100));
    let forget = |book: &mut Rulebook, second| {
        let mut out = Vec::new();
        book.forget_spent(at(second), |_| None, &mut out);
        (book.shown(at(second)).len(), out)
    };
    assert_eq!(forget(&mut book, 999), (1, Vec::new()));
    let (shown, said) = forget(&mut book, 1000);
    assert_eq!(shown, 0);
    let [Effect::Event(event)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(event.kind, EventKind::Finding);
    assert!(event.summary.contains("no data for 15 min"), "{}", event.summary);
    assert!(event.summary.contains("not resolved"), "{}", event.summary);
    // Data again: it is a new alert.
    let fired = judge(&mut book, 1, Some(0.0), at(2000));
    let [Effect::Event(event)] = &fired[..] else { panic!("{fired:?}") };
    assert_eq!(event.kind, EventKind::AlertFiring);
    // What has tripped is the same for as long as nothing says that it is over.
    let mut book = Rulebook::new(vec![tripping]);
    let fired = judge(&mut book, 1, Some(0.0), at(1));
    assert!(fired.iter().any(|effect| matches!(effect, Effect::Trip { .. })), "{fired:?}");
    judge(&mut book, 1, None, at(100));
    assert_eq!(forget(&mut book, 1000), (1, Vec::new()));
    assert_eq!(judge(&mut book, 1, Some(0.0), at(2000)), []);
}

#[test]
fn what_only_pended_says_so_when_its_data_end() {
    let mut rule = trips_all();
    rule.hold = Duration::from_secs(60);
    let mut book = Rulebook::new(vec![rule]);
    let said = judge(&mut book, 1, Some(0.0), at(1));
    let [Effect::Event(event)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(event.kind, EventKind::AlertPending);
    let said = judge(&mut book, 1, None, at(10));
    let [Effect::Event(event)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(event.kind, EventKind::AlertResolved);
    assert!(event.summary.starts_with("withdrawn before it fired, no "), "{}", event.summary);
    assert!(book.shown(at(10)).is_empty());
    let mut out = Vec::new();
    book.forget_spent(at(2000), |_| None, &mut out);
    assert_eq!(out, [], "nothing is left of it to be said");
}

#[test]
fn what_fires_on_although_its_value_is_well_says_that_it_clears() {
    let mut rule = trips_all();
    rule.actions.clear();
    rule.keep_firing = Duration::from_secs(60);
    let mut book = Rulebook::new(vec![rule]);
    let text = |book: &Rulebook, second| book.shown(at(second))[0].summary();
    judge(&mut book, 1, Some(0.0), at(1));
    assert!(!text(&book, 1).contains("clearing"), "{}", text(&book, 1));
    judge(&mut book, 1, Some(1.0), at(2));
    assert!(text(&book, 2).ends_with(", clearing"), "{}", text(&book, 2));
    judge(&mut book, 1, Some(0.0), at(3));
    assert!(!text(&book, 3).contains("clearing"), "{}", text(&book, 3));
}

/// Refused, waited, passed again and refused again: that is a new alert, and a new trip.
#[test]
fn what_ended_without_data_fires_anew() {
    let mut rule = trips_all();
    rule.cooldown = Duration::ZERO;
    let mut book = Rulebook::new(vec![rule]);
    let trips = |effects: &[Effect]| effects.iter().any(|one| matches!(one, Effect::Trip { .. }));
    assert!(trips(&judge(&mut book, 1, Some(0.0), at(1))));
    judge(&mut book, 1, None, at(10));
    let mut out = Vec::new();
    book.end(0, Series::Limit(1), Over::Settled, at(11), &mut out);
    let [Effect::Event(event)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(event.kind, EventKind::AlertResolved);
    assert!(trips(&judge(&mut book, 1, Some(0.0), at(20))), "it is refused again");
}

#[test]
fn of_several_stops_the_one_that_failed_is_asked_for_again() {
    let mut rule = rules::builtin().remove(0);
    (rule.hold, rule.actions) =
        (Duration::ZERO, vec![Action::Trip("key/a".into()), Action::Trip("all".into())]);
    let name = rule.name.clone();
    let mut book = Rulebook::new(vec![rule]);
    let now = Stamp { mono: Mono(1_000_000_000), wall: Wall(1_000_000_000) };
    let bad = (Sample { value: Some(0.0), evidence: 100, period: None }, Grounds::Fresh);
    book.judge(0, Series::Limit(0), bad, now, &|| Labels::new().into(), &mut Vec::new());
    book.withhold(&name, "key/a", Withheld::Failed, now.mono.plus(Duration::from_secs(10)));
    book.withhold(&name, "all", Withheld::Covered, Mono(u64::MAX));
    assert!(book.still_asks("key/a"));
    let due = book.dues().min();
    assert!(due.is_some_and(|due| due <= now.mono.plus(Duration::from_secs(10))), "{due:?}");
}
