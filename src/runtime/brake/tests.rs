//! The brake on directories of its own.

use super::*;
use crate::engine::switches::Armed;

/// As the driver does it with two threads.
fn armed(root: &Path) -> Brake {
    let mut brake = unprepared(root);
    restock(&mut brake);
    brake
}

fn restock(brake: &mut Brake) {
    if let Some(order) = brake.restock() {
        brake.take_stock(order.write());
    }
}

fn unprepared(root: &Path) -> Brake {
    let setup = SwitchSetup {
        dir: root.join("kill.d"),
        network: NetworkFs::Refuse,
        armed: ArmState::Armed,
        state_dir: root.join("state"),
        host: "gw-1".into(),
        access: SwitchAccess::Act,
    };
    Brake::new(setup, 0)
}

fn note() -> KillNote {
    KillNote {
        reason: "runaway".into(),
        rule: Some("r".into()),
        by: "tripline".into(),
        host: "gw-1".into(),
        at: Wall::from_secs(1_795_183_407),
    }
}

#[test]
fn prepared_files_are_used_although_no_more_can_be_made() {
    let root = tempfile::tempdir().unwrap();
    let mut brake = armed(root.path());
    assert!(matches!(brake.trip_by_rule("provider/a", &note()), Tripped::Now(_)));
    // What the trip has used up can't be made again.
    std::fs::create_dir(root.path().join("kill.d/.staged-7")).unwrap();
    let order = brake.restock().unwrap();
    assert!(brake.restock().is_none(), "ordered twice");
    brake.take_stock(order.write());
    assert!(brake.states().iter().any(|state| state.problem.is_some()));
    assert!(matches!(brake.trip_by_rule("provider/b", &note()), Tripped::Now(_)));
    // Once it can be, it is.
    std::fs::remove_dir(root.path().join("kill.d/.staged-7")).unwrap();
    let order = brake.restock().unwrap();
    brake.take_stock(order.write());
    assert!(brake.restock().is_none());
    assert!(brake.states().iter().all(|state| state.problem.is_none()));
}

#[test]
fn what_can_t_be_prepared_is_said_and_rules_trip_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("kill.d/.staged-0/x")).unwrap();
    let mut brake = armed(root.path());
    let row = |brake: &Brake| brake.states().pop().unwrap();
    assert_eq!(row(&brake).armed, Armed::Armed);
    let problem = row(&brake).problem.unwrap();
    assert!(problem.contains("cannot prepare kill files"), "{problem}");
    brake.refresh();
    assert_eq!(row(&brake).problem, Some(problem), "it stays visible");
    assert!(matches!(brake.trip_by_rule("provider/a", &note()), Tripped::Now(_)));
    std::fs::remove_dir_all(root.path().join("kill.d/.staged-0")).unwrap();
    restock(&mut brake);
    assert!(brake.states().iter().all(|state| state.problem.is_none()));
}

#[test]
fn it_takes_over_when_the_one_before_it_has_gone() {
    let root = tempfile::tempdir().unwrap();
    let mut first = armed(root.path());
    let mut second = armed(root.path());
    assert!(!second.has_lock() && second.states().iter().all(|s| s.armed == Armed::Armed));
    assert!(matches!(first.trip_by_rule("provider/a", &note()), Tripped::Now(_)));
    assert!(matches!(second.trip_by_rule("provider/a", &note()), Tripped::Before));
    assert!(matches!(second.trip_by_rule("all", &note()), Tripped::Now(_)));
    drop(first);
    assert!(second.refresh());
    assert!(second.has_lock());
}

#[test]
fn a_failure_is_told_again_only_in_other_words() {
    let root = tempfile::tempdir().unwrap();
    let mut brake = armed(root.path());
    let file = root.path().join("kill.d/all.kill");
    let mut tell = || match brake.trip_by_rule("all", &note()) {
        Tripped::Failed(_, told) => told,
        _ => panic!("it can't be made"),
    };
    std::fs::create_dir(&file).unwrap();
    assert_eq!([tell(), tell()], [Told::First, Told::Again]);
    std::fs::remove_dir(&file).unwrap();
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    assert_eq!([tell(), tell()], [Told::First, Told::Again]);
}

#[test]
fn what_another_made_under_the_providers_own_name_has_not_failed() {
    let root = tempfile::tempdir().unwrap();
    let mut brake = armed(root.path());
    let file = root.path().join("kill.d/provider.gemini.kill");
    std::fs::create_dir(&file).unwrap();
    let by_a_person = KillNote { rule: None, ..note() };
    assert!(matches!(brake.trip("provider/google-gemini", &by_a_person), Tripped::Failed(..)));
    let failed = |brake: &Brake| brake.states().iter().any(|state| state.failed);
    assert!(failed(&brake));
    std::fs::remove_dir(&file).unwrap();
    let _ = armed(root.path()).trip("provider/gemini", &by_a_person);
    brake.refresh();
    assert!(!failed(&brake));
}

#[test]
fn the_end_of_a_wider_stop_that_was_built_upon_is_news() {
    let root = tempfile::tempdir().unwrap();
    let mut brake = armed(root.path());
    std::fs::create_dir(root.path().join("kill.d/provider.a.kill")).unwrap();
    brake.refresh();
    let mut other = armed(root.path());
    let _ = other.trip("all", &note());
    assert!(matches!(brake.trip_by_rule("provider/a", &note()), Tripped::Covered));
    let order = other.order_reset("all").unwrap();
    assert!(order.carry_out(&root.path().join("audit.jsonl"), deed()).0);
    assert!(brake.refresh());
}

#[test]
fn a_kill_file_or_directory_that_was_removed_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let mut brake = armed(root.path());
    let _ = brake.trip_by_rule("provider/a", &note());
    let _ = brake.trip_by_rule("provider/b", &note());
    brake.refresh();
    assert_eq!(brake.take_vanished(Mono(0)), vec![]);
    std::fs::remove_file(root.path().join("kill.d/provider.a.kill")).unwrap();
    assert!(brake.refresh());
    let gone = |scope: &str, told| vec![Vanished { scope: scope.into(), note: Some(note()), told }];
    assert_eq!(brake.take_vanished(Mono(0)), gone("provider/a", Told::First));
    assert_eq!(brake.take_vanished(Mono(0)), vec![], "it was tried just now");
    let later = Mono(600_000_000);
    assert_eq!(brake.take_vanished(later), gone("provider/a", Told::Again), "it is owed");
    let order = brake.order_reset("provider/a").unwrap();
    assert!(order.carry_out(&root.path().join("audit.jsonl"), deed()).0);
    assert!(brake.refresh(), "that it was reset is news");
    assert_eq!(brake.take_vanished(Mono(0)), vec![], "it was reset");
    std::fs::remove_dir_all(root.path().join("kill.d")).unwrap();
    assert!(brake.refresh());
    assert_eq!(brake.take_vanished(Mono(0)), gone("provider/b", Told::First));
    assert!(matches!(brake.trip_again("provider/b", Wall(0)), Some((Tripped::Now(_), _))));
    assert!(root.path().join("kill.d/provider.b.kill").exists());
    assert!(brake.trip_again("provider/b", Wall(0)).is_none(), "nothing is owed any more");
}

#[test]
fn who_and_why_is_known_before_and_after_it_is_written() {
    let root = tempfile::tempdir().unwrap();
    let mut brake = armed(root.path());
    let mut other = armed(root.path());
    let Tripped::Now(pending) = brake.trip_by_rule("all", &note()) else { panic!() };
    brake.refresh();
    other.refresh();
    let reason = |brake: &Brake| brake.states()[0].trip.clone().unwrap().reason.unwrap();
    assert_eq!(reason(&brake), "runaway");
    assert_ne!(reason(&other), "runaway");
    pending.confirm().unwrap();
    assert!(other.refresh());
    assert_eq!((reason(&brake), reason(&other)), ("runaway".into(), "runaway".into()));
}

fn deed() -> Deed {
    Deed {
        at: note().at,
        by: "ada".into(),
        host: "gw-1".into(),
        action: String::new(),
        scope: None,
        rule: None,
        reason: "fixed".into(),
        result: String::new(),
    }
}

#[test]
fn what_is_reset_here_has_not_vanished() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("state")).unwrap();
    let mut brake = armed(root.path());
    let _ = brake.trip_by_rule("provider/a", &note());
    let order = brake.order_reset("provider/a").unwrap();
    let (done, said) = order.carry_out(&root.path().join("state/audit.jsonl"), deed());
    assert!(done, "{said}");
    brake.was_reset(&order.scope);
    brake.refresh();
    assert_eq!(brake.take_vanished(Mono(0)), vec![]);
}
