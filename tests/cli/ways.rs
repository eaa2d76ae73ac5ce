//! Ways in on this machine: commands, named pipes, the journal, directories; and
//! what every source shows.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::contract;
use super::sandbox::{Ran, Running, Sandbox, now, until};

fn line(id: usize) -> String {
    format!(
        "{{\"at\":\"{}\",\"provider\":\"openai\",\"model\":\"gpt-4o\",\"status\":200,\
         \"latency_ms\":20,\"request_id\":\"r{id}\"}}\n",
        now()
    )
}

fn script(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
    let path = sandbox.file(name, format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn with(sandbox: &Sandbox, config: &str, args: &[&str]) -> Command {
    let config = sandbox.file("config.toml", config);
    let mut command = sandbox.command();
    let path = format!("{}:/usr/bin:/bin", sandbox.path("").display());
    command.env("PATH", path).arg("--config").arg(config).args(args);
    command
}

fn watch(sandbox: &Sandbox, config: &str) -> Running {
    Running::start(with(sandbox, config, &["watch", "--ndjson", "--every", "100ms"]))
}

fn once(sandbox: &Sandbox, config: &str) -> Value {
    Ran(with(sandbox, config, &["once", "--json"]).output().unwrap()).picture()
}

fn command(words: &str) -> String {
    format!("[[source]]\nname = \"cmd\"\nkind = \"command\"\ncommand = {words}\n")
}

/// The first source of a picture.
#[track_caller]
fn source(running: &Running, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    running.wait_for(what, |line| wanted(&line["sources"][0]))["sources"][0].clone()
}

fn problem(source: &Value) -> &str {
    source["problem"].as_str().unwrap_or_default()
}

/// Processes whose command line has this word.
fn processes(word: &str) -> usize {
    let of = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).unwrap_or_default();
    let all = fs::read_dir("/proc").unwrap().map(|entry| of(entry.unwrap()));
    all.filter(|line| line.windows(word.len()).any(|part| part == word.as_bytes())).count()
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_command_that_fails_is_started_again_and_its_last_words_are_shown_masked() {
    let sandbox = Sandbox::new();
    sandbox.file("first", line(1).repeat(2) + "{\"torn");
    sandbox.file("second", line(2));
    let run = script(
        &sandbox,
        "run",
        "if [ -e again ]; then cat second; exec sleep 600; fi\n\
         cat first; : > again\n\
         echo a first word >&2\n\
         printf 'refused: key sk-proj-abcdefghijklmnopqrstuvwx1234 \\033[2J\\n\\n' >&2\nexit 3",
    );
    let mut running = watch(&sandbox, &command(&format!("[\"{}\"]", run.display())));
    let failed = source(&running, "its end", |source| problem(source).contains("exit code 3"));
    let said = problem(&failed).to_owned();
    assert!(said.contains("run ended with exit code 3: refused: key sk-proj-…1234"), "{said}");
    assert!(said.contains("\\u{1b}[2J; started again"), "{said}");
    assert!(!said.contains("abcdefgh"), "{said}");
    let again = running.wait_for("it works again", |line| {
        line["sources"][0]["state"] == "live" && line["totals"]["requests"] == 3
    });
    let again = &again["sources"][0];
    assert!(problem(again).ends_with("started again, 1 restarts"), "{again}");
    // The line that broke off counts as one, and is not put together with what came next.
    assert_eq!((&again["kind"], &again["lines"]), (&"command".into(), &4.into()));
    assert_eq!((&again["bytes_behind"], &again["pending_bytes"]), (&0.into(), &0.into()));
    assert_eq!(again["seconds_behind"], 0.0);
    assert!(again["format"].is_string() && again["last_line_age_s"].is_number(), "{again}");
    assert_eq!(again["faults_by"].as_object().unwrap().values().next().unwrap(), 1, "{again}");
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
}

#[test]
fn nothing_of_a_command_is_left_when_we_end() {
    let sandbox = Sandbox::new();
    let mark = format!("6{}.25", std::process::id());
    // It and its children shrug off the polite request, and one holds the output open.
    let run = script(
        &sandbox,
        "run",
        &format!("trap '' TERM HUP\nsleep {mark} &\ncat in\nwhile :; do sleep {mark}; done"),
    );
    sandbox.file("in", line(1));
    let mut running = watch(&sandbox, &command(&format!("[\"{}\"]", run.display())));
    running.wait_for("its line", |line| line["totals"]["requests"] == 1);
    until("two sleepers", || processes(&mark) == 2);
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
    until("all gone", || processes(&mark) + processes(&run.display().to_string()) == 0);
}

#[test]
fn a_command_that_leaves_a_child_behind_is_over_when_it_ends_itself() {
    let sandbox = Sandbox::new();
    let mark = format!("7{}.25", std::process::id());
    let run = script(&sandbox, "run", &format!("sleep {mark} &\nexit 4"));
    let mut running = watch(&sandbox, &command(&format!("[\"{}\"]", run.display())));
    let said = "ended with exit code 4; started again in ";
    let failed = source(&running, "its end", |source| problem(source).contains(said));
    assert_eq!(failed["state"], "error");
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
    until("all gone", || processes(&mark) == 0);
}

/// Whether it holds the output open or not.
#[test]
fn a_command_that_has_ended_is_over_however_much_its_children_complain() {
    let sandbox = Sandbox::new();
    let said = "ended with exit code 3: debug; started again in ";
    for (name, keeps) in [("closes", "exec >&-;"), ("holds", "")] {
        let chatter = format!("({keeps} while :; do echo debug >&2; done) &\nexit 3");
        let run = script(&sandbox, name, &chatter);
        let mut running = watch(&sandbox, &command(&format!("[\"{}\"]", run.display())));
        let failed = source(&running, "its end", |source| problem(source).contains(said));
        assert_eq!(failed["state"], "error");
        running.signal("TERM");
        assert_eq!(running.end(), Some(0));
        until("all gone", || processes(&run.display().to_string()) == 0);
    }
}

#[test]
fn a_command_gets_no_shell_no_input_and_all_of_its_output_is_read() {
    let sandbox = Sandbox::new();
    sandbox.file("lines", (0..20_000).map(line).collect::<String>());
    // Were there a shell, `$(…)` and `;` would act; were there input, `cat` would wait.
    let run = script(
        &sandbox,
        "run",
        "[ \"$1\" = '$(touch PWNED); touch PWNED' ] || exit 9\ncat\ncat lines\nexec sleep 600",
    );
    let words = format!("[\"{}\", \"$(touch PWNED); touch PWNED\"]", run.display());
    let mut running = watch(&sandbox, &command(&words));
    running.wait_for("all lines", |line| line["totals"]["requests"] == 20_000);
    assert!(!sandbox.path("PWNED").exists());
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
}

#[test]
fn once_runs_a_command_to_the_end_of_what_it_has() {
    let sandbox = Sandbox::new();
    sandbox.file("lines", line(1) + &line(2));
    for (text, state, said) in [
        ("cat lines", "ended", ""),
        ("cat lines; exec sleep 600", "ended", "was stopped where it waited for more"),
        ("cat lines; echo no >&2; exit 1", "error", "run ended with exit code 1: no"),
    ] {
        script(&sandbox, "run", text);
        let snapshot = once(&sandbox, &command("[\"run\"]"));
        assert_eq!(contract::snapshot(&snapshot), [""; 0]);
        let source = &snapshot["sources"][0];
        assert_eq!((&snapshot["totals"]["requests"], &source["state"]), (&2.into(), &state.into()));
        assert_eq!(problem(source), said, "{text}");
    }
    let absent = once(&sandbox, &command("[\"no-such-program\"]"));
    let said = "no-such-program is not installed, or not in PATH";
    assert_eq!(problem(&absent["sources"][0]), said);
}

#[test]
fn commands_that_make_no_sense_are_refused() {
    let sandbox = Sandbox::new();
    for (config, said) in [
        (command("\"kubectl logs -f x\""), "'command' must be a list of words"),
        (command("[]"), "'command' must name a program"),
        (command("[\"x\", \"sk-proj-abcdefghijklmnopqrstuvwx1234\"]"), "must not hold a key"),
        ("[[source]]\nkind = \"command\"\n".into(), "[[source]] needs 'command'"),
        ("[[source]]\ncommand = [\"x\"]\n".into(), "add `kind = \"command\"`"),
        (
            command("[\"x\"]") + "paths = [\"y\"]\n",
            "'paths' is not for a source of kind \"command\"",
        ),
        ("[[source]]\nkind = \"journald\"\nunits = []\n".into(), "'units' must name a unit"),
    ] {
        let mut command = with(&sandbox, &config, &["config", "check"]);
        Ran(command.output().unwrap()).exits(78).says(said);
    }
}

fn fifo(sandbox: &Sandbox, name: &str) -> PathBuf {
    let path = sandbox.path(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[test]
fn writers_of_a_named_pipe_come_and_go() {
    let sandbox = Sandbox::new();
    let pipe = fifo(&sandbox, "gw.pipe");
    let config = format!("[[source]]\nname = \"pipe\"\npaths = [\"{}\"]\n", pipe.display());
    let mut running = watch(&sandbox, &config);
    let waiting = source(&running, "no writer", |source| problem(source).contains("no writer"));
    assert_eq!((&waiting["kind"], &waiting["state"]), (&"fifo".into(), &"waiting".into()));
    let calls =
        |wanted: u64| running.wait_for("calls", |line| line["totals"]["requests"] == wanted);
    for round in 0..3_u64 {
        let mut writer = OpenOptions::new().write(true).open(&pipe).unwrap();
        writer.write_all(line(1).as_bytes()).unwrap();
        calls(round * 2 + 1);
        source(&running, "live", |source| source["state"] == "live");
        // The last line of a writer needs no newline.
        writer.write_all(line(2).trim_end().as_bytes()).unwrap();
        drop(writer);
        calls(round * 2 + 2);
        source(&running, "waiting again", |source| source["state"] == "waiting");
    }
    // Another pipe of that name.
    fs::remove_file(&pipe).unwrap();
    fifo(&sandbox, "gw.pipe");
    let mut writer = OpenOptions::new().write(true).open(&pipe).unwrap();
    writer.write_all(line(3).as_bytes()).unwrap();
    calls(7);
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
    drop(writer);
    // A pipe is not drained by who only looks.
    let source = &once(&sandbox, &config)["sources"][0];
    assert_eq!((&source["kind"], &source["state"]), (&"fifo".into(), &"waiting".into()));
}

#[test]
fn a_named_pipe_that_a_pattern_meets_is_left_out_and_said() {
    let sandbox = Sandbox::new();
    fifo(&sandbox, "a.log");
    sandbox.file("b.log", line(1));
    let config = "[[source]]\nname = \"logs\"\npaths = [\"*.log\"]\n";
    let running = watch(&sandbox, config);
    running.wait_for("the file", |line| line["totals"]["requests"] == 1);
    source(&running, "the pipe", |source| problem(source).contains("a named pipe"));
}

const JOURNAL: &str = r#"echo "$@" >> asked
n=$(wc -l < asked)
[ "$n" = 2 ] && { echo "journal rotated" >&2; exit 1; }
cat "entries$n"
[ "$n" = 1 ] && exit 0
exec sleep 600"#;

fn entry(cursor: &str, id: usize) -> String {
    let message = Value::String(line(id).trim_end().to_owned());
    format!(
        "{{\"__CURSOR\":\"{cursor}\",\"__REALTIME_TIMESTAMP\":\"1790000000000000\",\
         \"_SYSTEMD_UNIT\":\"litellm.service\",\"MESSAGE\":{message}}}\n"
    )
}

#[test]
fn the_journal_is_read_on_after_the_last_entry() {
    let sandbox = Sandbox::new();
    let config = "[[source]]\nname = \"journal\"\nkind = \"journald\"\n\
                  units = [\"litellm.service\", \"gw@1.service\"]\n";
    script(&sandbox, "journalctl", JOURNAL);
    // What breaks off is read again, and so is not counted twice.
    let torn = entry("s=1;i=3", 3);
    sandbox.file("entries1", entry("s=1;i=1", 1) + &entry("s=1;i=2", 2) + torn.trim_end());
    sandbox.file("entries3", torn + &entry("s=1;i=4", 4));
    let mut running = watch(&sandbox, config);
    let seen = running.wait_for("all entries", |line| line["totals"]["requests"] == 4);
    let source = &seen["sources"][0];
    assert_eq!((&source["kind"], &source["lines"]), (&"journald".into(), &4.into()));
    assert_eq!(source["faults"], 0, "{source}");
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
    let asked = fs::read_to_string(sandbox.path("asked")).unwrap();
    let asked: Vec<&str> = asked.lines().collect();
    assert_eq!(asked.len(), 3);
    let same = "--output=json --all --no-pager --quiet --unit=litellm.service \
                --unit=gw@1.service --follow --no-tail --";
    assert!(asked.iter().all(|words| words.starts_with(same)), "{asked:?}");
    assert!(asked[0].contains(" --since=@"), "{asked:?}");
    assert!(asked[1..].iter().all(|words| words.ends_with(" --after-cursor=s=1;i=2")), "{asked:?}");
}

#[test]
fn a_restart_reads_the_journal_on_after_what_was_counted() {
    let sandbox = Sandbox::new();
    let config = "[[source]]\nname = \"journal\"\nkind = \"journald\"\nunits = [\"gw.service\"]\n";
    script(&sandbox, "journalctl", "echo \"$@\" >> asked\ncat entries\nexec sleep 600");
    for round in 1..4_u64 {
        let cursor = |n: u64| format!("s=1;i={}", round * 2 + n);
        let id = usize::try_from(round * 2).unwrap();
        sandbox.file("entries", entry(&cursor(0), id) + &entry(&cursor(1), id + 1));
        let mut running = watch(&sandbox, config);
        running.wait_for("both", |line| line["totals"]["requests"] == round * 2);
        running.signal("TERM");
        assert_eq!(running.end(), Some(0));
    }
    let asked = fs::read_to_string(sandbox.path("asked")).unwrap();
    let last = |line: &str| line.split(' ').next_back().unwrap().to_owned();
    let asked: Vec<String> = asked.lines().map(last).collect();
    assert!(asked[0].starts_with("--since=@"));
    assert_eq!(asked[1..], ["--after-cursor=s=1;i=3", "--after-cursor=s=1;i=5"]);
}

/// The last word of each question to the journal so far.
fn asked(sandbox: &Sandbox) -> Vec<String> {
    let asked = fs::read_to_string(sandbox.path("asked")).unwrap_or_default();
    asked.lines().map(|line| line.split(' ').next_back().unwrap().to_owned()).collect()
}

#[test]
fn a_journal_that_was_silent_is_asked_from_where_the_first_run_began() {
    let sandbox = Sandbox::new();
    let config = "[[source]]\nname = \"journal\"\nkind = \"journald\"\nunits = [\"gw.service\"]\n";
    script(&sandbox, "journalctl", "echo \"$@\" >> asked\ncat entries\nexec sleep 600");
    sandbox.file("entries", "");
    let run = |calls: u64, times: usize| {
        let mut running = watch(&sandbox, config);
        until("it is asked", || asked(&sandbox).len() == times);
        running.wait_for("it is kept", |line| {
            line["totals"]["requests"] == calls
                && line["sources"][0]["state"] == "live"
                && line["ledger"].get("behind_s").is_none()
        });
        running.signal("TERM");
        assert_eq!(running.end(), Some(0));
        let ended = now();
        until("another second of the clock", || now()[..19] != ended[..19]);
    };
    run(0, 1);
    run(0, 2);
    // What was logged while nothing ran comes by that question.
    sandbox.file("entries", entry("s=1;i=1", 1));
    run(1, 3);
    sandbox.file("entries", "");
    run(1, 4);
    let asked = asked(&sandbox);
    assert!(asked[0].starts_with("--since=@"), "{asked:?}");
    assert_eq!(asked[1..3], [asked[0].as_str(), asked[0].as_str()]);
    assert_eq!(asked[3], "--after-cursor=s=1;i=1");
}

#[test]
fn an_entry_that_is_too_long_to_hold_counts_once_over_restarts() {
    let sandbox = Sandbox::new();
    let config = "[[source]]\nname = \"journal\"\nkind = \"journald\"\nunits = [\"gw.service\"]\n";
    let script_text = "echo \"$@\" >> asked\n\
                       case \"$*\" in *after-cursor*) ;; *) cat entries ;; esac\nexec sleep 600";
    script(&sandbox, "journalctl", script_text);
    // No id makes it equal to itself.
    let long = line(1).replace("\"request_id\":\"r1\"", "\"pad\":\"PAD\"");
    let long = long.replace("PAD", &"x".repeat(tripline::source::LONG_LINE + 1000));
    let message = Value::String(long.trim_end().to_owned());
    let entry = entry("s=1;i=7", 1);
    let cut = entry.find("\"MESSAGE\":").unwrap();
    sandbox.file("entries", format!("{}\"MESSAGE\":{message}}}\n", &entry[..cut]));
    for times in 1..4 {
        let mut running = watch(&sandbox, config);
        until("it is asked", || asked(&sandbox).len() == times);
        let seen = running.wait_for("it is counted and kept", |line| {
            line["totals"]["requests"].as_u64() >= Some(1)
                && line["ledger"].get("behind_s").is_none()
        });
        assert_eq!(seen["totals"]["requests"], 1, "{seen}");
        running.signal("TERM");
        assert_eq!(running.end(), Some(0));
    }
    assert_eq!(asked(&sandbox)[1..], ["--after-cursor=s=1;i=7", "--after-cursor=s=1;i=7"]);
}

#[test]
fn a_machine_without_a_journal_says_so() {
    let sandbox = Sandbox::new();
    let config = "[[source]]\nkind = \"journald\"\nunits = [\"litellm.service\"]\n";
    let config = sandbox.file("config.toml", config);
    let mut command = sandbox.command();
    command.env("PATH", sandbox.path("nowhere")).arg("--config").arg(config);
    command.args(["watch", "--ndjson", "--every", "100ms"]);
    let running = Running::start(command);
    let source = source(&running, "an error", |source| source["state"] == "error");
    assert_eq!(source["name"], "litellm.service");
    assert!(problem(&source).starts_with("journalctl is not installed"), "{source}");
}

#[test]
fn new_files_in_directories_and_new_matches_of_patterns_are_read() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("dir")).unwrap();
    let config = "[[source]]\nname = \"dir\"\npaths = [\"dir\"]\n\
                  [[source]]\nname = \"pattern\"\npaths = [\"logs/*/gw-*.log\"]\n";
    let running = watch(&sandbox, config);
    running.wait_for("a picture", |line| line["sources"][1]["state"] == "waiting");
    append(&sandbox.path("dir/one.log"), &line(1));
    running.wait_for("a file", |line| line["sources"][0]["lines"] == 1);
    append(&sandbox.path("dir/two.log"), &line(2));
    running.wait_for("a second", |line| line["sources"][0]["lines"] == 2);
    fs::create_dir_all(sandbox.path("logs/eu")).unwrap();
    append(&sandbox.path("logs/eu/gw-1.log"), &line(3));
    append(&sandbox.path("logs/eu/other.log"), &line(4));
    running.wait_for("a match", |line| line["sources"][1]["lines"] == 1);
    fs::create_dir_all(sandbox.path("logs/us")).unwrap();
    append(&sandbox.path("logs/us/gw-2.log"), &line(5));
    let seen = running.wait_for("another", |line| line["sources"][1]["lines"] == 2);
    assert_eq!(seen["totals"]["requests"], 4);
}

#[test]
fn a_source_that_does_not_count_adds_to_no_total_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.file("a.log", line(1));
    sandbox.file("b.log", line(2).repeat(3));
    let config = "[[source]]\nname = \"a\"\npaths = [\"a.log\"]\n\
                  [[source]]\nname = \"b\"\npaths = [\"b.log\"]\ncount = false\n";
    let snapshot = once(&sandbox, config);
    assert_eq!(contract::snapshot(&snapshot), [""; 0]);
    assert_eq!(snapshot["totals"]["requests"], 1);
    let [a, b] = [0, 1].map(|at| snapshot["sources"][at].clone());
    assert_eq!((&a["counts"], &a["lines"]), (&true.into(), &1.into()));
    assert_eq!((&b["counts"], &b["lines"]), (&false.into(), &3.into()));
}

#[test]
fn silence_is_an_alert_after_each_sources_own_time() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("a.log", line(1));
    sandbox.file("b.log", line(2));
    let config = "[[source]]\nname = \"quick\"\npaths = [\"a.log\"]\nsilent_after = \"1s\"\n\
                  [[source]]\nname = \"usual\"\npaths = [\"b.log\"]\n\
                  [[source]]\nname = \"cmd\"\nkind = \"command\"\ncommand = [\"sleep\", \"600\"]\n\
                  silent_after = \"1s\"\n";
    let running = watch(&sandbox, config);
    let mut silent = [0, 1].map(|_| {
        let event = running.wait_for_event("alert.firing");
        assert_eq!(event["rule"], "source-silent");
        event["labels"]["source"].as_str().unwrap().to_owned()
    });
    silent.sort();
    assert_eq!(silent, ["cmd", "quick"]);
    let seen = running.wait_for("silent", |line| line["sources"][0]["state"] == "silent");
    assert_eq!(seen["sources"][1]["state"], "live");
    append(&log, &line(3));
    running.wait_for("it speaks", |line| line["sources"][0]["state"] == "live");
}

#[test]
fn what_is_not_understood_is_told_by_reason() {
    let sandbox = Sandbox::new();
    let broken = line(2).replace("200", "200,,");
    sandbox.file("a.log", line(1) + &broken + "some words\n" + "{\"other\":1}\n");
    let config = "[[source]]\nname = \"a\"\npaths = [\"a.log\"]\n";
    let source = &once(&sandbox, config)["sources"][0];
    let by = source["faults_by"].as_object().unwrap();
    let sum: u64 = by.values().map(|count| count.as_u64().unwrap()).sum();
    assert!(sum > 0, "{source}");
    assert_eq!(sum, source["faults"].as_u64().unwrap() + source["quarantined"].as_u64().unwrap());
    let ran = Ran(with(&sandbox, config, &["once"]).output().unwrap()).ok();
    let reason = by.keys().next().unwrap();
    assert!(ran.out().contains("bad: ") && ran.out().contains(reason.as_str()), "{}", ran.out());
}
