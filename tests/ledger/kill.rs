//! Processes that are killed at any moment.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tripline::domain::{Bucket, BucketId, Commit, NameKind, Names, Wall};
use tripline::ledger::{Committed, Dimension, Ledger, LedgerError, Reader};

use super::book::{Book, START, bucket, checkpoint, minute, seen, setup};

/// Where the writing process writes; without it, it is no such process.
const STATE: &str = "TRIPLINE_TEST_LEDGER";

/// The commit that brings the file's offset from `n` to `n + 1`.
fn nth(names: &Names, n: u64) -> Commit {
    let signed = i64::try_from(n).unwrap();
    let id = BucketId {
        minute: START + signed % 5000,
        host: None,
        provider: None,
        model: Some(names.intern(NameKind::Model, &format!("model-{}", n % 13))),
        key: Some(names.intern(NameKind::Key, &format!("key-{}", n % 7))),
        team: None,
        user: None,
        environment: None,
        account: None,
    };
    Commit {
        buckets: vec![(id, bucket(1 + signed % 9, 1_000_003 * signed))],
        checkpoints: vec![checkpoint(0, n + 1)],
        seen: vec![seen(n)],
        history: if n.is_multiple_of(40) {
            vec![(Wall(signed), n.to_string())]
        } else {
            Vec::new()
        },
        ..Commit::default()
    }
}

/// Not a test: the process that is killed.
#[test]
fn writer() {
    let Some(state) = std::env::var_os(STATE).map(PathBuf::from) else { return };
    let names = Names::default();
    let opened = Ledger::open(setup(&state, &names), minute(START)).unwrap();
    let mut ledger = opened.ledger;
    let done = opened.kept.checkpoints.first().map_or(0, |file| file.offset);
    for n in done.. {
        assert_eq!(ledger.commit(nth(&names, n)).unwrap(), Committed::Kept);
        println!("\nkept {}", n + 1);
    }
}

fn spawn(book: &Book) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kill::writer", "--nocapture"]).env(STATE, book.state());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Read what the writer says until it has kept so many more commits; answers
/// the last offset that it has told.
fn watch(child: &mut Child, commits: u64) -> u64 {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let told =
        lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("kept ")?.parse().ok());
    told.take(usize::try_from(commits).unwrap()).last().expect("the writer writes")
}

#[test]
fn a_process_killed_at_any_moment_leaves_whole_commits() {
    let book = Book::new();
    let kills = std::env::var("KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(25u64);
    let names = Names::default();
    let (mut truth, mut by_key) = (Bucket::default(), BTreeMap::<String, i64>::new());
    let mut n = 0;
    for round in 0..kills {
        let mut child = spawn(&book);
        let told = watch(&mut child, 1 + round * 7919 % 60);
        child.kill().unwrap();
        child.wait().unwrap();
        let kept = Reader::open(&book.state()).unwrap().load().unwrap();
        let offset = kept.checkpoints[0].offset;
        assert!(offset >= told, "round {round}: {told} commits were told, {offset} are kept");
        for n in n..offset {
            for (id, part) in nth(&names, n).buckets {
                truth.add(&part);
                *by_key.entry(names.text(id.key.unwrap()).to_string()).or_default() +=
                    part.requests;
            }
        }
        n = offset;
        assert_eq!(kept.totals, truth, "round {round}");
        assert_eq!(kept.seen.len(), usize::try_from(n).unwrap());
        assert_eq!(kept.seen.last(), Some(&seen(n - 1)));
    }
    let reader = Reader::open(&book.state()).unwrap();
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
    assert_eq!(reader.history(u32::MAX).unwrap().len() as u64, n.div_ceil(40));
    let mut found = BTreeMap::new();
    for (who, sum) in reader.spent(minute(START), None).unwrap() {
        *found.entry(who.get(Dimension::Key).unwrap().to_string()).or_default() += sum.requests;
    }
    assert_eq!(found, by_key);
    println!("{kills} kills survived, {n} commits, {} requests exact", truth.requests);
}

#[test]
fn the_lock_of_another_process_holds_until_it_dies() {
    let book = Book::new();
    let mut child = spawn(&book);
    watch(&mut child, 1);
    let refused = book.try_open().unwrap_err();
    let LedgerError::Held { holder: Some(holder), .. } = refused else { panic!("{refused}") };
    assert_eq!(holder.pid, child.id());
    Reader::open(&book.state()).unwrap().load().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(book.open().kept.totals.requests > 0);
}
