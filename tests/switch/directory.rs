//! What the switch directory must withstand.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tripline::action::SwitchScope;
use tripline::action::switch::{Details, FileKind, Foreign, Reach, SwitchError, TripOutcome};

use crate::disk::Mounted;
use crate::need;
use crate::{fixture, note, open, prepare, reset_note, scope, trip};

#[test]
fn unsafe_directories_are_refused_with_a_way_out() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let with_mode = |name: &str, mode: u32| {
        fs::create_dir_all(at(name)).unwrap();
        fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
    };
    with_mode("real", 0o755);
    with_mode("anyone", 0o777);
    with_mode("group", 0o775);
    with_mode("below/kill.d", 0o755);
    with_mode("below", 0o777);
    symlink(at("real"), at("link")).unwrap();
    fs::write(at("file"), "").unwrap();

    let refused = |path: PathBuf| {
        let error = open(&path).expect_err(&path.display().to_string());
        assert!(error.hint().len() > 10, "{error}");
        error
    };
    assert!(matches!(refused("".into()), SwitchError::NotAbsolute { .. }));
    assert!(matches!(refused("kill.d".into()), SwitchError::NotAbsolute { .. }));
    assert!(matches!(refused("/".into()), SwitchError::NotAbsolute { .. }));
    assert!(matches!(refused(at("real/..")), SwitchError::NotAbsolute { .. }));
    assert!(matches!(refused(at("link")), SwitchError::Symlink { .. }));
    assert!(matches!(refused(at("link/")), SwitchError::Symlink { .. }));
    assert!(matches!(refused(at("file")), SwitchError::NotADirectory { .. }));
    assert!(matches!(refused("/dev/null".into()), SwitchError::NotADirectory { .. }));
    assert!(matches!(refused(at("file/kill.d")), SwitchError::NotADirectory { .. }));
    assert!(matches!(refused(at("anyone")), SwitchError::WritableByOthers { mode: 0o777, .. }));
    assert!(matches!(refused(at("group")), SwitchError::WritableByOthers { mode: 0o775, .. }));
    assert!(matches!(refused(at("below/kill.d")), SwitchError::UnsafeParent { .. }));
    assert!(matches!(refused(at("below/new")), SwitchError::UnsafeParent { .. }));
    assert!(!at("below/new").exists(), "nothing is created in an unsafe place");

    if need::root("giving a directory away needs root").is_some() {
        std::os::unix::fs::chown(at("real"), Some(65_534), None).unwrap();
        let error = refused(at("real"));
        assert!(matches!(error, SwitchError::ForeignOwner { owner: 65_534, .. }), "{error}");
    }
}

#[test]
fn a_new_directory_can_be_entered_whatever_the_umask() {
    let fixture = fixture();
    drop(open(&fixture.path).unwrap());
    assert_eq!(fs::metadata(&fixture.path).unwrap().permissions().mode() & 0o7777, 0o755);

    let switch = open(&fixture.path).unwrap();
    let above = fixture.path.parent().unwrap().canonicalize().unwrap();
    fs::set_permissions(&above, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(switch.reach().unwrap(), Reach::BlockedAt(above.clone()));
    fs::set_permissions(&above, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(switch.reach().unwrap(), Reach::Everyone);
}

#[test]
fn what_is_no_file_is_never_followed_opened_or_replaced() {
    let fixture = fixture();
    drop(open(&fixture.path).unwrap());
    let victim = fixture.path.parent().unwrap().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, fixture.path.join("all.kill")).unwrap();
    symlink("nowhere", fixture.path.join("env.prod.kill")).unwrap();
    fs::create_dir(fixture.path.join("key.a.kill")).unwrap();
    let fifo = fixture.path.join("key.b.kill");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());

    let mut switch = open(&fixture.path).unwrap();
    for (text, kind) in [
        ("all", FileKind::Symlink),
        ("env/prod", FileKind::Symlink),
        ("key/a", FileKind::Directory),
        ("key/b", FileKind::Fifo),
    ] {
        let refused = |error: SwitchError| match error {
            SwitchError::NotAFile { kind: found, .. } => assert_eq!(found, kind, "{text}"),
            other => panic!("{text}: {other}"),
        };
        refused(switch.trip(&scope(text), &note("x")).unwrap_err());
        refused(switch.reset(&scope(text), &reset_note(), Foreign::Force).unwrap_err());
    }
    assert!(matches!(prepare(&mut switch, 1), Err(SwitchError::NotAFile { .. })));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(switch.status().unwrap().len(), 4);
}

#[test]
fn a_full_disk_does_not_stop_a_trip() {
    let root = tempfile::tempdir().unwrap();
    let options = "size=256k,nr_inodes=40,mode=755";
    let Some(mounted) = Mounted::tmpfs(&root.path().join("disk"), options) else { return };
    let disk = mounted.path();
    let path = disk.join("kill.d");
    let mut switch = open(&path).unwrap();
    prepare(&mut switch, 2).unwrap();
    // The blocks first, then the inodes.
    let full = std::iter::repeat_n(0, 512 * 1024).collect::<Vec<u8>>();
    assert!(fs::write(disk.join("filler"), full).is_err());
    trip(&mut switch, "all");
    // Without a prepared file it still stops, though it can't say why.
    let mut shell = open(&path).unwrap();
    let TripOutcome::Tripped(pending) = shell.trip(&scope("env/prod"), &note("x")).unwrap() else {
        panic!("nobody has tripped it");
    };
    assert!(matches!(pending.confirm().unwrap().details, Details::Missing(_)));
    assert!(path.join("env.prod.kill").exists());

    let mut inodes = 0..100;
    assert!(inodes.any(|n| fs::File::create(disk.join(format!("inode-{n}"))).is_err()));
    trip(&mut switch, "key/a");
    let error = switch.trip(&scope("key/b"), &note("x")).unwrap_err();
    assert!(error.hint().contains("space"), "{error}: {}", error.hint());
}

#[test]
fn a_directory_that_became_read_only_is_an_error_and_not_a_trip() {
    let root = tempfile::tempdir().unwrap();
    let options = "size=256k,mode=755";
    let Some(disk) = Mounted::tmpfs(&root.path().join("disk"), options) else { return };
    let path = disk.path().join("kill.d");
    // Prepared files are open for writing, and keep a file system from it.
    let mut switch = open(&path).unwrap();
    disk.remount("ro");
    let error = switch.trip(&SwitchScope::All, &note("x")).unwrap_err();
    assert!(error.to_string().contains("Read-only"), "{error}: {}", error.hint());
    assert!(open(&path).unwrap().status().unwrap().is_empty());
    disk.remount("rw");
    trip(&mut switch, "all");
}

#[test]
fn a_directory_that_was_moved_away_is_noticed() {
    let fixture = fixture();
    let mut switch = fixture.prepared();
    let away = fixture.path.with_extension("old");
    fs::rename(&fixture.path, &away).unwrap();
    assert!(matches!(switch.refresh(), Err(SwitchError::Moved { .. })));
    fs::create_dir(&fixture.path).unwrap();
    assert!(matches!(switch.refresh(), Err(SwitchError::Moved { .. })));
    // A trip there stops nothing, and is not called confirmed.
    let TripOutcome::Tripped(pending) = switch.trip(&SwitchScope::All, &note("x")).unwrap() else {
        panic!("nobody has tripped it");
    };
    assert!(matches!(pending.confirm(), Err(SwitchError::Unconfirmed { .. })));
    fs::write(fixture.path.join("all.kill"), "another file").unwrap();
    assert!(matches!(pending.confirm(), Err(SwitchError::Unconfirmed { .. })));
}

#[test]
fn only_one_process_holds_a_directory() {
    let fixture = fixture();
    let mut first = fixture.prepared();
    let mut second = open(&fixture.path).unwrap();
    let refused = prepare(&mut second, 1).unwrap_err();
    let us = std::process::id();
    assert!(matches!(refused, SwitchError::Held { pid: Some(pid), .. } if pid == us), "{refused}");
    // It may still trip by hand.
    trip(&mut second, "all");
    first.release();
    prepare(&mut second, 1).unwrap();
    assert_eq!(second.prepared(), 1);
    second.release();
    assert_eq!(fixture.all(), BTreeSet::from(["all.kill".to_owned()]));
}

#[test]
fn what_a_dead_process_left_is_used_or_cleared_up() {
    let fixture = fixture();
    drop(fixture.prepared());
    let inode = |name: &str| fs::metadata(fixture.path.join(name)).unwrap().ino();
    let kept = inode(".staged-0");
    fs::write(fixture.path.join(".staged-1"), "torn").unwrap();
    fs::write(fixture.path.join(".staged-99"), "").unwrap();
    let dead = Command::new("true").spawn().unwrap();
    let gone = dead.id();
    dead.wait_with_output().unwrap();
    fs::write(fixture.path.join(format!(".tmp-{gone}-0")), "").unwrap();
    fs::write(fixture.path.join(".tmp-what-0"), "").unwrap();
    let mut switch = open(&fixture.path).unwrap();
    // A program that another test is about to run has the lock until it runs.
    let mut tries = std::iter::repeat_with(|| prepare(&mut switch, 2)).take(100_000);
    let is_free = |tried: &Result<_, _>| !matches!(tried, Err(SwitchError::Held { .. }));
    tries.find(is_free).unwrap().unwrap();
    assert_eq!(inode(".staged-0"), kept, "a good file is used again");
    assert_eq!(
        fixture.all(),
        [".lock", ".staged-0", ".staged-1"].map(str::to_owned).into_iter().collect()
    );
    for key in ["key/a", "key/b"] {
        trip(&mut switch, key);
    }
}

#[test]
fn what_a_living_process_is_about_to_trip_with_is_left_alone() {
    let fixture = fixture();
    fs::create_dir(&fixture.path).unwrap();
    let temp = fixture.path.join(format!(".tmp-{}-0", std::os::unix::process::parent_id()));
    fs::write(&temp, "").unwrap();
    prepare(&mut open(&fixture.path).unwrap(), 1).unwrap();
    assert!(temp.exists());
}

/// As somebody would who clears up, or another machine's tripline that can't see ours.
#[test]
fn a_trip_whose_file_is_cleared_away_before_it_stands_is_made_all_the_same() {
    let fixture = fixture();
    let mut switch = open(&fixture.path).unwrap();
    let (path, over) = (fixture.path.clone(), AtomicBool::new(false));
    thread::scope(|threads| {
        threads.spawn(|| {
            let names = || fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
            let is_temp = |path: &PathBuf| path.to_string_lossy().contains("/.tmp-");
            while !over.load(Ordering::Relaxed) {
                let removed =
                    names().find(is_temp).is_some_and(|temp| fs::remove_file(temp).is_ok());
                if removed {
                    break;
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        for number in 0.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            trip(&mut switch, &format!("key/k{number}"));
            fs::remove_file(path.join(format!("key.k{number}.kill"))).unwrap();
        }
    });
}
