//! What a ledger says through the binary.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tripline::domain::{
    Bucket, BucketId, Checkpoint, Commit, Generation, NameKind, Names, NanoUsd, SourceCounters,
    SourceId, Wall,
};
use tripline::ledger::{Aged, Committed, Holder, LEDGER_FILE, Ledger, Setup};

use super::sandbox::Sandbox;

/// 2026-03-28T22:30:00Z: 23:30 in Berlin, an hour and a half before its short day.
const MARCH: i64 = 29_578_950;

/// A ledger in the making.
struct Books<'s> {
    sandbox: &'s Sandbox,
    names: Names,
    commit: Commit,
}

impl<'s> Books<'s> {
    fn new(sandbox: &'s Sandbox) -> Books<'s> {
        Books { sandbox, names: Names::default(), commit: Commit::default() }
    }

    /// Calls of a key, each of 100 tokens in and 10 out.
    fn spend(mut self, minute: i64, key: &str, model: &str, calls: i64, nano: i64) -> Self {
        let id = BucketId {
            minute,
            host: None,
            provider: Some(self.names.intern(NameKind::Provider, "openai")),
            model: Some(self.names.intern(NameKind::Model, model)),
            key: (!key.is_empty()).then(|| self.names.intern(NameKind::Key, key)),
            team: None,
            user: None,
            environment: None,
            account: None,
        };
        let bucket = Bucket {
            requests: calls,
            failed: calls / 10,
            input_tokens: calls * 100,
            output_tokens: calls * 10,
            cost: NanoUsd(nano.into()),
            ..Bucket::default()
        };
        self.commit.buckets.push((id, bucket));
        self
    }

    /// Calls without tokens or price.
    fn unknown(mut self, minute: i64, key: &str, calls: i64) -> Self {
        self = self.spend(minute, key, "mystery", 0, 0);
        let bucket = Bucket { requests: calls, unpriced: calls, ..Bucket::default() };
        self.commit.buckets.last_mut().unwrap().1 = bucket;
        self
    }

    /// Write it; the ledger stays open for as long as it is held.
    fn open(self) -> Ledger {
        let setup = Setup {
            state_dir: self.sandbox.state(),
            us: Holder { pid: 4711, host: "gw-1".into(), since: "2026-03-28T22:00:00.000Z".into() },
            names: self.names,
            sources: vec!["gateway".into()],
        };
        let mut ledger = Ledger::open(setup, Wall(0)).unwrap().ledger;
        let counters = SourceCounters { lines: 900, faults: 3, ..SourceCounters::default() };
        let sources = vec![(SourceId(0), counters)];
        let committed = ledger.commit(Commit { sources, ..self.commit }).unwrap();
        assert_eq!(committed, Committed::Kept);
        ledger
    }

    fn write(self) {
        drop(self.open());
    }
}

/// A ledger that knows one call of openai's gpt-4o, a moment ago.
pub fn one_call_of_openai(sandbox: &Sandbox) {
    Books::new(sandbox).spend(this_minute(), "web", "gpt-4o", 1, 1_000).write();
}

/// The same of gemini's gemini-2.5-pro.
pub fn one_call_of_gemini(sandbox: &Sandbox) {
    let mut books = Books::new(sandbox).spend(this_minute(), "web", "gemini-2.5-pro", 1, 1_000);
    let gemini = books.names.intern(NameKind::Provider, "google");
    books.commit.buckets[0].0.provider = Some(gemini);
    books.write();
}

fn this_minute() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs() / 60).unwrap()
}

#[test]
fn without_a_ledger_every_command_says_so_and_makes_none() {
    let sandbox = Sandbox::new();
    for args in [
        &["ledger", "show"][..],
        &["ledger", "verify"],
        &["ledger", "export"],
        &["ledger", "prune", "--older-than", "90d"],
        &["report"],
    ] {
        sandbox.run(args).exits(69).says("there is no ledger").says("hint: ");
        assert!(!sandbox.state().join(LEDGER_FILE).exists(), "{args:?}");
    }
}

#[test]
fn a_report_is_sorted_by_cost_and_fits_eighty_columns() {
    let sandbox = Sandbox::new();
    Books::new(&sandbox)
        .spend(MARCH, "prod-web", "gpt-4o", 1200, 1_234_567_891_234)
        .spend(MARCH + 5, "prod-web", "o3", 30, 2_000_000_000)
        .spend(MARCH, "batch", "gpt-4o", 7, 1_000)
        .spend(MARCH, "a-key-with-a-long-name", "gpt-4o", 1, 70_000_000)
        .unknown(MARCH, "old", 5)
        .write();
    let day = ["--from", "2026-03-28", "--to", "2026-03-28"];
    let report = sandbox.run(["report"].iter().chain(&day)).ok().out();
    let expected = "\
Spend from 2026-03-28 00:00 to 2026-03-29 00:00 (UTC)

KEY                       REQUESTS      IN     OUT             USD  UNPR  FAIL
prod-web                     1,230    123k   12.3k 1,236.567891234    0%   10%
a-key-with-a-long-name           1     100      10     0.070000000    0%    0%
batch                            7     700      70     0.000001000    0%    0%
old                              5       ?       ?               ?  100%    0%
total                        1,243    123k   12.3k 1,236.637892234   <1%   10%
";
    assert_eq!(report, expected);
    assert!(report.lines().all(|line| line.chars().count() <= 80));
    let none = sandbox.run(["report", "--from", "2025-01-01", "--to", "2025-01-01"]).ok().out();
    assert!(none.contains("nothing was counted"), "{none}");
}

/// A column for each name, and nothing is cut where no terminal asks for it.
#[test]
fn rows_of_several_names_are_told_apart() {
    let sandbox = Sandbox::new();
    let key = "prod-web-eu-central-1-checkout-service-of-the-shop";
    Books::new(&sandbox)
        .spend(MARCH, key, "gpt-4o", 3, 3_000_000_000)
        .spend(MARCH, key, "gpt-4o-mini-2024-07-18", 2, 2_000_000_000)
        .spend(MARCH, key, "o3", 1, 1_000_000_000)
        .write();
    let day = ["--from", "2026-03-28", "--to", "2026-03-28"];
    let both = sandbox.run(["report", "--by", "key,model"].iter().chain(&day)).ok().out();
    let names = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let table: Vec<String> = both.lines().skip(2).map(names).collect();
    let row = |model: &str| format!("{key} {model}");
    let rows = [row("gpt-4o"), row("gpt-4o-mini-2024-07-18"), row("o3")];
    assert_eq!(table[..4], [&["KEY MODEL".to_owned()], &rows[..]].concat(), "{both}");
    let column = |line: &str, what: &str| line.find(what);
    let lines: Vec<&str> = both.lines().skip(2).collect();
    assert_eq!(column(lines[0], "MODEL"), column(lines[3], "o3"), "{both}");
    assert!(lines[4].starts_with("total  ") && lines[4].contains(" 6 "), "{both}");
}

/// As everywhere: a share of the answered calls, for what was refused costs nothing.
#[test]
fn what_has_no_price_is_a_share_of_what_was_answered() {
    let sandbox = Sandbox::new();
    let mut books = Books::new(&sandbox).unknown(MARCH, "secret", 50);
    let half = Bucket { requests: 100, failed: 50, unpriced: 50, ..Bucket::default() };
    books.commit.buckets.last_mut().unwrap().1 = half;
    books.write();
    let report = sandbox.run(["report", "--from", "2026-03-28", "--by", "key"]).ok().out();
    let row = report.lines().find(|line| line.starts_with("secret")).unwrap();
    assert!(row.trim_end().ends_with(" 100%   50%"), "{report}");
}

#[test]
fn rows_add_up_to_the_total_and_every_text_says_the_same_sum() {
    let sandbox = Sandbox::new();
    Books::new(&sandbox)
        .spend(MARCH, "one", "m", 1, 542_500_000)
        .spend(MARCH, "two", "m", 1, 542_500_000)
        .write();
    let report = sandbox.run(["report", "--from", "2026-03-28"]).ok().out();
    let amounts: Vec<&str> = report
        .lines()
        .filter(|line| ["one", "two", "total"].iter().any(|name| line.starts_with(name)))
        .map(|line| line.split_whitespace().nth(4).unwrap())
        .collect();
    assert_eq!(amounts, ["0.5425", "0.5425", "1.0850"], "{report}");
    let says = |args: &[&str], sum: &str| {
        let out = sandbox.run(args).ok().out();
        assert!(out.contains(sum), "{args:?}: {out}");
    };
    says(&["status"], "tokens in, 20 out, $1.085\n");
    says(&["ledger", "verify"], "2 requests, $1.085, ");
    says(&["ledger", "show"], " 1.085 ");
    says(&["ledger", "show", "--json"], "\"cost_usd\":\"1.085000\"");
    says(&["status", "--json"], "\"cost_usd\":\"1.085000\"");
    let call = |id: u32| {
        format!(
            "{{\"litellm_call_id\":\"c-{id}\",\"call_type\":\"acompletion\",\"status\":\"success\",\"model\":\"m\",\"endTime\":\"{}\",\"prompt_tokens\":1,\"completion_tokens\":1,\"response_cost\":0.5425}}\n",
            super::sandbox::now()
        )
    };
    let log = sandbox.file("gw.log", call(1) + &call(2));
    let config = "[[cap]]\nname = \"small\"\nusd = 1\nperiod = \"month\"\n";
    let config = sandbox.file("caps.toml", config);
    let config = config.to_str().unwrap();
    let once = &["--config", config, "once", log.to_str().unwrap()];
    says(once, "cost $1.085 ");
    says(once, "small (month): $1.085 of $1.00 (");
    // The one sentence has no room for more than cents.
    says(once, "cap small is spent ($1.09 of $1.00)");
}

#[test]
fn the_directory_of_the_ledger_is_the_configured_one_for_every_command() {
    let sandbox = Sandbox::new();
    Books::new(&sandbox).spend(MARCH, "k", "m", 3, 3_000_000_000).write();
    let elsewhere = sandbox.path("elsewhere");
    std::fs::rename(sandbox.state(), &elsewhere).unwrap();
    let config = format!("[ledger]\ndir = {:?}\n", elsewhere.to_str().unwrap());
    let config = sandbox.file("c.toml", config);
    for args in [
        &["status"][..],
        &["report", "--from", "2026-03-28"],
        &["ledger", "show"],
        &["ledger", "verify"],
        &["ledger", "export", "--from", "2026-03-28"],
        &["ledger", "prune", "--older-than", "2026-01-01"],
    ] {
        sandbox.run(["--config", config.to_str().unwrap()].iter().chain(args)).ok();
        assert!(!sandbox.state().join(LEDGER_FILE).exists(), "{args:?}");
    }
}

#[test]
fn a_report_as_json_leaves_out_what_is_not_known() {
    let sandbox = Sandbox::new();
    Books::new(&sandbox)
        .spend(MARCH, "prod-web", "gpt-4o", 20, 4_210_000)
        .spend(MARCH, "", "gpt-4o", 1, 0)
        .unknown(MARCH, "old", 5)
        .write();
    let args = ["report", "--json", "--from", "2026-03-28", "--to", "2026-03-28"];
    let report = sandbox.run(args).ok().json();
    assert_eq!(report["schema"], "tripline.report/v1");
    assert_eq!(report["from"], "2026-03-28T00:00:00.000Z");
    assert_eq!(report["to"], "2026-03-29T00:00:00.000Z");
    assert_eq!((&report["time_zone"], &report["by"]), (&json!("UTC"), &json!(["key"])));
    assert_eq!(
        report["rows"],
        json!([
            {"key": "prod-web", "requests": 20, "failed": 2, "input_tokens": 2000,
             "cached_input_tokens": 0, "cache_write_tokens": 0, "output_tokens": 200,
             "reasoning_tokens": 0, "cost_usd": "0.004210", "unpriced": 0},
            {"key": "old", "requests": 5, "failed": 0, "unpriced": 5},
            {"requests": 1, "failed": 0, "input_tokens": 100, "cached_input_tokens": 0,
             "cache_write_tokens": 0, "output_tokens": 10, "reasoning_tokens": 0,
             "cost_usd": "0.000000", "unpriced": 0},
        ])
    );
    assert_eq!(report["total"]["cost_usd"], "0.004210");
}

#[test]
fn days_begin_where_the_configuration_says() {
    let sandbox = Sandbox::new();
    // 23:30 and 00:30 in Berlin; the second day has 23 hours.
    Books::new(&sandbox)
        .spend(MARCH, "k", "m", 1, 1_000_000_000)
        .spend(MARCH + 60, "k", "m", 2, 2_000_000_000)
        .spend(MARCH + 60 + 23 * 60, "k", "m", 4, 4_000_000_000)
        .write();
    let config = sandbox.file("c.toml", "timezone = \"Europe/Berlin\"\n");
    let export = |extra: &[&str]| {
        let mut args = vec!["ledger", "export", "--from", "2026-03-01", "--to", "2026-04-01"];
        args.extend(["--format", "json", "--config", config.to_str().unwrap()]);
        args.extend(extra);
        let lines = sandbox.run(args).ok().lines();
        let row = |row: &Value| {
            (row["from"].as_str().unwrap().to_owned(), row["requests"].as_i64().unwrap())
        };
        lines.iter().map(row).collect::<Vec<_>>()
    };
    let rows = |rows: &[(&str, i64)]| -> Vec<(String, i64)> {
        rows.iter().map(|(at, calls)| (format!("{at}:00.000Z"), *calls)).collect()
    };
    // What lies before the first row is cut off the first day.
    let berlin = [("2026-03-28T22:30", 1), ("2026-03-28T23:00", 2), ("2026-03-29T22:00", 4)];
    assert_eq!(export(&["--every", "day"]), rows(&berlin));
    let utc = [("2026-03-28T22:30", 3), ("2026-03-29T00:00", 4)];
    assert_eq!(export(&["--every", "day", "--utc"]), rows(&utc));
    assert_eq!(export(&["--every", "month"]), rows(&[("2026-03-28T22:30", 7)]));
    let minutes = [("2026-03-28T22:30", 1), ("2026-03-28T23:30", 2), ("2026-03-29T22:30", 4)];
    assert_eq!(export(&["--every", "minute"]), rows(&minutes));
    assert_eq!(export(&["--every", "hour"]).len(), 3);
}

/// Of what is 80 days old only days are kept: none is told as an hour, or as no calls at all.
#[test]
fn what_is_kept_by_the_day_is_told_by_the_day() {
    let sandbox = Sandbox::new();
    let days = (0..80).fold(Books::new(&sandbox), |books, day| {
        books.spend(MARCH - day * 1440, "k", "m", 1, 1_000_000_000)
    });
    let mut ledger = days.open();
    while ledger.age(Wall::from_secs((MARCH + 60) * 60)).unwrap() == Aged::More {}
    drop(ledger);
    let config = sandbox.file("c.toml", "timezone = \"Europe/Berlin\"\n");
    let run = |args: &[&str]| {
        sandbox.run(args.iter().chain(&["--config", config.to_str().unwrap()])).ok()
    };
    let export = |from, to, every| {
        let ran = run(&[
            "ledger", "export", "--format", "json", "--from", from, "--to", to, "--every", every,
        ]);
        let text = |row: &Value, name: &str| row[name].as_str().unwrap()[..16].to_owned();
        let row = |row: &Value| [text(row, "from"), text(row, "to")].join(" ");
        (ran.lines().iter().map(row).collect::<Vec<_>>(), ran.err())
    };
    let day = ["2026-01-10T00:00 2026-01-11T00:00"];
    for every in ["minute", "hour", "day"] {
        let (rows, said) = export("2026-01-10", "2026-01-10", every);
        assert_eq!(rows, day, "{every}");
        assert!(said.contains("days of UTC, are kept: this is from 2026-01-10 01:00"), "{said}");
    }
    let (rows, _) = export("2026-02-10", "2026-02-10", "hour");
    assert_eq!(rows, ["2026-02-10T22:00 2026-02-10T23:00"]);
    let (rows, _) = export("2026-02-10", "2026-02-10", "minute");
    assert_eq!(rows, ["2026-02-10T22:30 2026-02-10T22:45"]);
    let (rows, said) = export("2026-03-28", "2026-03-28", "minute");
    assert_eq!((rows, said), (vec!["2026-03-28T22:30 2026-03-28T22:31".to_owned()], String::new()));
    let hour = ["--from", "2026-01-10T10:00:00Z", "--to", "2026-01-10T11:00:00Z"];
    let report = run(&[&["report"][..], &hour].concat()).out();
    assert!(report.contains("none of them begins in that time"), "{report}");
    assert!(report.contains("nothing else was counted"), "{report}");
    let days = ["--from", "2026-01-10", "--to", "2026-01-11"];
    let report = run(&[&["report", "--json"][..], &days].concat()).json();
    let covers = json!({"from": "2026-01-10T00:00:00.000Z", "to": "2026-01-12T00:00:00.000Z"});
    assert_eq!((&report["covers"], &report["total"]["requests"]), (&covers, &json!(2)));
    let report = run(&["report", "--json", "--from", "2026-03-01", "--to", "2026-03-20"]).json();
    assert_eq!(report.get("covers"), None);
}

#[test]
fn an_export_as_csv_holds_no_formula_and_no_control() {
    let sandbox = Sandbox::new();
    Books::new(&sandbox)
        .spend(MARCH, "=HYPERLINK(\"http://x\",\"y\")", "m", 1, 1_000_000_000)
        .spend(MARCH, "\u{1b}[2J,x", "@m", 2, 5)
        .unknown(MARCH, "+1", 3)
        .write();
    let args = ["ledger", "export", "--from", "2026-03-28", "--by", "key,model"];
    let out = sandbox.run(args).ok().out();
    let mut lines = out.lines();
    assert_eq!(
        lines.next().unwrap(),
        "from,to,key,model,requests,failed,input_tokens,cached_input_tokens,cache_write_tokens,\
         output_tokens,reasoning_tokens,cost_usd,unpriced"
    );
    let rows: Vec<&str> = lines.map(|line| line.split_once("Z,\"").unwrap().1).collect();
    assert_eq!(rows.len(), 3, "{out}");
    assert!(rows.contains(&"'+1\",mystery,3,0,,,,,,,3"), "{out}");
    assert!(
        rows.iter()
            .any(|row| row.starts_with("'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",m,1,0,100,"))
    );
    assert!(!out.contains('\u{1b}'));
    for wrong in [["--every", "year"], ["--by", "colour"], ["--format", "xml"], ["--from", "soon"]]
    {
        sandbox.run(["ledger", "export"].iter().chain(&wrong)).exits(64).says("hint: ");
    }
}

#[test]
fn show_tells_size_period_totals_and_days() {
    let sandbox = Sandbox::new();
    Books::new(&sandbox)
        .spend(MARCH - 40 * 1440, "k", "m", 1000, 5_000_000_000)
        .spend(MARCH, "k", "m", 10, 1_000_000_000)
        .write();
    let shown = sandbox.run(["ledger", "show"]).ok().out();
    assert!(shown.contains("from 2026-02-16 22:30 to 2026-03-28 22:45"), "{shown}");
    assert!(shown.contains("2026-03-28                         10"), "{shown}");
    assert!(shown.lines().last().unwrap().starts_with("ever                            1,010"));
    let json = sandbox.run(["ledger", "show", "--json"]).ok().json();
    assert_eq!(json["schema"], "tripline.ledger/v1");
    assert_eq!(
        (&json["totals"]["requests"], &json["totals"]["cost_usd"]),
        (&json!(1010), &json!("6.000000"))
    );
    assert_eq!(json["from"], "2026-02-16T22:30:00.000Z");
    assert_eq!(json["to"], "2026-03-28T22:45:00.000Z");
    assert_eq!(json["days"].as_array().unwrap().last().unwrap()["requests"], 10);
    assert_eq!(json["sources"][0]["name"], "gateway");
    assert_eq!(
        (&json["sources"][0]["lines"], &json["sources"][0]["faults"]),
        (&json!(900), &json!(3))
    );
    assert!(json["file_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn pruning_keeps_the_totals_and_spares_this_month() {
    let sandbox = Sandbox::new();
    let now = this_minute();
    Books::new(&sandbox)
        .spend(now - 100 * 1440, "old", "m", 5, 5_000_000_000)
        .spend(now, "new", "m", 3, 1_000_000_000)
        .write();
    sandbox.run(["ledger", "prune", "--older-than", "90d", "--read-only"]).exits(77);
    let said = sandbox.run(["ledger", "prune", "--older-than", "90d"]).ok().out();
    assert!(said.contains("removed 1 row,") && said.contains("5 requests, $5.00"), "{said}");
    let shown = sandbox.run(["ledger", "show", "--json"]).ok().json();
    assert_eq!(shown["totals"]["requests"], 8);
    assert_eq!(shown["days"].as_array().unwrap().len(), 1);
    sandbox.run(["ledger", "verify"]).ok();
    let export = sandbox.run(["ledger", "export", "--from", "365d", "--by", "key"]).ok().out();
    assert!(export.contains(",new,") && !export.contains("old"), "{export}");
    // That nothing is known of a time is not that nothing was counted then.
    let words = ["was pruned, 5 requests and $5.00 in all", "was counted"];
    let human = |args: &[&str]| {
        let ran = sandbox.run(args).ok();
        let all = ran.out() + &ran.err();
        words.map(|words| all.contains(words))
    };
    assert_eq!(human(&["report", "--from", "120d", "--to", "95d"]), [true; 2]);
    assert!(human(&["report", "--from", "120d"])[0]);
    assert_eq!(human(&["report", "--from", "60d", "--to", "50d"]), [false, true]);
    assert!(human(&["ledger", "export", "--from", "365d"])[0]);
    assert!(!human(&["ledger", "export", "--from", "60d"])[0]);
    assert!(human(&["ledger", "show"])[0]);
    let cut = &shown["pruned"];
    assert_eq!((&cut["requests"], &cut["cost_usd"]), (&json!(5), &json!("5.000000")));
    let report = sandbox.run(["report", "--json", "--from", "120d"]).ok().json();
    assert_eq!(report["pruned_before"], cut["before"]);
    let report = sandbox.run(["report", "--json", "--from", "60d"]).ok().json();
    assert_eq!(report.get("pruned_before"), None);
    // An earlier program did not say up to when: not later than the first day that is left.
    let db = rusqlite::Connection::open(sandbox.state().join(LEDGER_FILE)).unwrap();
    assert_eq!(db.execute("DELETE FROM state WHERE key = 'day_from'", []), Ok(1));
    drop(db);
    assert!(human(&["report", "--from", "120d", "--to", "95d"])[0]);
    // A later date than the first of this month is refused, by the clock of any cap.
    let kiribati =
        "[[cap]]\nname = \"k\"\nusd = 1\nperiod = \"month\"\ntimezone = \"Pacific/Kiritimati\"\n";
    let here = jiff::Timestamp::now().in_tz("Pacific/Kiritimati").unwrap();
    let first = here.first_of_month().unwrap().start_of_day().unwrap().timestamp();
    let inside = (first + jiff::Span::new().hours(1)).to_string();
    let config = sandbox.file("kiribati.toml", kiribati);
    let cut = ["ledger", "prune", "--older-than", &inside, "--config", config.to_str().unwrap()];
    sandbox.run(cut).exits(77).says("--force");
    // Nor by the clock of all.
    let tomorrow = Wall::from_secs((now - now % 1440 + 1440) * 60).rfc3339();
    let later = Wall::from_secs((now - now % 1440 + 2880) * 60).rfc3339();
    sandbox.run(["ledger", "prune", "--older-than", &later, "--force"]).exits(64).says("future");
    let cut = ["ledger", "prune", "--older-than", &tomorrow];
    sandbox.run(cut).exits(77).says("--force");
    sandbox.run(cut.iter().chain(&["--force"])).ok();
    let shown = sandbox.run(["ledger", "show", "--json"]).ok().json();
    assert_eq!((&shown["totals"]["requests"], &shown["days"]), (&json!(8), &json!([])));
    sandbox.run(["ledger", "verify"]).ok();
}

#[test]
fn a_ledger_in_use_can_be_read_and_not_pruned() {
    let sandbox = Sandbox::new();
    let held = Books::new(&sandbox).spend(MARCH, "k", "m", 3, 3_000_000_000).open();
    let report = sandbox.run(["report", "--from", "2026-03-28"]).ok().out();
    assert!(report.contains("3.00"), "{report}");
    sandbox.run(["ledger", "verify"]).ok();
    let refused = sandbox.run(["ledger", "prune", "--older-than", "90d"]).exits(77);
    refused.says("written by process 4711 on gw-1 since 2026-03-28T22:00:00.000Z");
    drop(held);
    sandbox.run(["ledger", "prune", "--older-than", "90d"]).ok();
}

#[test]
fn verify_counts_the_files_that_are_followed_and_no_others() {
    let sandbox = Sandbox::new();
    let file = |name: &str, inode, progress| Checkpoint {
        source: "gateway".into(),
        path: sandbox.path(name),
        place: (1, inode),
        head: 0,
        head_len: 0,
        window: 0,
        window_len: 0,
        offset: 1,
        lines: 1,
        memo: String::new(),
        since: None,
        progress,
    };
    let mut books = Books::new(&sandbox).spend(MARCH, "k", "m", 3, 3_000_000_000);
    books.commit.checkpoints = vec![
        file("a.log", 1, Generation::Open),
        file("a.log", 2, Generation::Finished),
        file("b.log", 3, Generation::Open),
        file("a.log", 4, Generation::Finished),
        // How far a journal is read is no file.
        Checkpoint { place: (u64::MAX, 5), ..file("gateway", 5, Generation::Open) },
    ];
    books.write();
    let sound = sandbox.run(["ledger", "verify"]).ok().out();
    assert_eq!(sound, "sound: 3 requests, $3.00, 2 files followed\n");
}

#[test]
fn verify_tells_what_is_wrong_and_what_to_do() {
    let sandbox = Sandbox::new();
    Books::new(&sandbox).spend(MARCH, "k", "m", 3, 3_000_000_000).write();
    let sound = sandbox.run(["ledger", "verify"]).ok().out();
    assert!(sound.starts_with("sound: 3 requests, $3.00, 0 files followed"), "{sound}");
    let db = rusqlite::Connection::open(sandbox.state().join(LEDGER_FILE)).unwrap();
    db.execute("UPDATE day SET cost_nano_usd = cost_nano_usd - 1", []).unwrap();
    drop(db);
    let wrong = sandbox.run(["ledger", "verify"]).exits(65);
    let wrong = wrong.says("cost: the total is $3.00, the parts add up to $2.999999999");
    wrong.says("1 rows by day are not the sum of those by quarter");
    std::fs::write(sandbox.state().join(LEDGER_FILE), b"no database at all, just text").unwrap();
    sandbox.run(["ledger", "show"]).exits(65).says("damaged").says("reads the logs");
}

/// Why a ledger can't be opened is said, and which one once.
#[test]
fn a_ledger_that_can_not_be_opened_is_named_once() {
    let sandbox = Sandbox::new();
    let path = sandbox.state().join(LEDGER_FILE);
    std::fs::create_dir_all(&path).unwrap();
    let said = sandbox.run(["ledger", "show"]).exits(1).err();
    assert_eq!(said.matches(path.to_str().unwrap()).count(), 1, "{said}");
    if rustix::process::geteuid().is_root() {
        super::need::skipped("root may read everything");
        return;
    }
    std::fs::remove_dir(&path).unwrap();
    Books::new(&sandbox).spend(MARCH, "k", "m", 3, 3_000_000_000).write();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o0)).unwrap();
    let said = sandbox.run(["ledger", "show"]).exits(1).says("ermission denied").err();
    assert_eq!(said.matches(path.to_str().unwrap()).count(), 1, "{said}");
}

/// Days are kept as those of UTC, and all commands say of a border the same.
#[test]
fn what_was_pruned_is_said_in_one_time_zone() {
    let sandbox = Sandbox::new();
    Books::new(&sandbox)
        .spend(MARCH, "k", "m", 3, 3_000_000_000)
        .spend(MARCH + 1440, "k", "m", 2, 2_000_000_000)
        .spend(MARCH + 2880, "k", "m", 1, 1_000_000_000)
        .write();
    let config = sandbox.file("c.toml", "timezone = \"America/Los_Angeles\"\n");
    let run = |args: &[&str]| {
        let config = ["--config", config.to_str().unwrap()];
        sandbox.run(args.iter().chain(&config)).ok()
    };
    let pruned = run(&["ledger", "prune", "--older-than", "2026-03-29"]).out();
    let says = "removed 1 row, each of a day and a combination of names, from before 2026-03-28 17:00 \
                (America/Los_Angeles) (3 requests, $3.00) and 0 events";
    assert!(pruned.starts_with(says), "{pruned}");
    let shown = run(&["ledger", "show"]).out();
    assert!(shown.contains("counted before 2026-03-28 17:00 was pruned"), "{shown}");
    // Of calls of which no minute is left, the totals are still known.
    run(&["ledger", "prune", "--older-than", "2026-04-02"]);
    let status = run(&["status"]).out();
    assert!(status.contains("of its calls only the totals are kept"), "{status}");
    assert!(status.contains("totals   6 calls"), "{status}");
}
