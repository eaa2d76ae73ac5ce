//! The audit record.

use std::fs;

use tripline::action::audit::{self, AuditError, Deed, GENESIS};

use crate::AT;

fn deed(n: usize) -> Deed {
    Deed {
        at: AT,
        by: format!("person {n}"),
        host: "gw-1".into(),
        action: "trip".into(),
        scope: n.is_multiple_of(2).then(|| "all".into()),
        rule: None,
        reason: "because \"x\"\n\u{1b}[31m".into(),
        result: "ok".into(),
    }
}

#[test]
fn the_audit_chain_holds_and_every_changed_byte_shows() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("audit.jsonl");
    let empty = audit::verify(&path).unwrap();
    assert_eq!((empty.records, empty.head.as_str()), (0, GENESIS));
    for n in 0..4 {
        audit::append(&path, &deed(n)).unwrap();
    }
    let good = fs::read(&path).unwrap();
    let verified = audit::verify(&path).unwrap();
    assert_eq!(verified.records, 4);
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    let last: serde_json::Value = serde_json::from_slice(lines[3]).unwrap();
    assert_eq!(last["hash"], verified.head);
    assert_eq!(
        (&last["by"], &last["at"]),
        (&"person 3".into(), &"2026-11-20T14:03:27.412Z".into())
    );
    assert!(last.get("scope").is_none() && last.get("rule").is_none());

    let broken_at = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match audit::verify(&path) {
            Err(AuditError::BrokenAt { line, .. }) => line,
            other => panic!("{other:?}"),
        }
    };
    let mut line = 1;
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(broken_at(&bad), line, "byte {at}");
        line += u64::from(good[at] == b'\n');
    }
    assert_eq!(broken_at(&[lines[0], lines[2], lines[3]].concat()), 2);
    assert_eq!(broken_at(&[lines[1], lines[2]].concat()), 1);
    assert_eq!(broken_at(&[lines[0], lines[1], lines[1]].concat()), 3);
    assert_eq!(broken_at(&good[..good.len() - 1]), 4);
    assert_eq!(broken_at(&vec![b'x'; 100_000]), 1);
}

#[test]
fn a_torn_record_is_found_and_does_not_swallow_the_next() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("audit.jsonl");
    audit::append(&path, &deed(0)).unwrap();
    let mut torn = fs::read(&path).unwrap();
    torn.extend_from_slice(b"{\"at\":\"2026");
    fs::write(&path, torn).unwrap();
    audit::append(&path, &deed(1)).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(text.lines().nth(2).unwrap().contains("person 1"));
    assert!(matches!(audit::verify(&path), Err(AuditError::BrokenAt { line: 2, .. })));
}

#[test]
fn many_writers_make_one_chain() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("audit.jsonl");
    std::thread::scope(|threads| {
        for writer in 0..8 {
            let path = &path;
            threads.spawn(move || {
                for n in 0..10 {
                    audit::append(path, &deed(writer * 10 + n)).unwrap();
                }
            });
        }
    });
    assert_eq!(audit::verify(&path).unwrap().records, 80);
    let huge = Deed { reason: "\"\\".repeat(50_000), by: "\\".repeat(50_000), ..deed(1) };
    audit::append(&path, &huge).unwrap();
    audit::append(&path, &deed(2)).unwrap();
    assert_eq!(audit::verify(&path).unwrap().records, 82);
}
