//! The provider's own bill beside what calls add up to.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use jiff::tz::TimeZone;
use tripline::domain::{
    Batch, BillReading, Bucket, BucketId, Cost, CostSource, Dimension, Item, Mono, NameKind, Names,
    NanoUsd, Observation, Request, SourceId, Stamp, TextRef, Wall,
};
use tripline::engine::{CapSpec, Engine, EngineSpec, Limits, Period, Restored, SourceName};
use tripline::snapshot::{self, Cap, State};

/// 2026-11-20 00:00 UTC, a Friday.
const MIDNIGHT: i64 = 1_795_132_800;
const DAY: i64 = 86_400;

/// Seconds after midnight of that day.
fn at(second: i64) -> Stamp {
    let since = u64::try_from(second + 10_000_000).unwrap();
    Stamp { mono: Mono(since * 1_000_000_000), wall: Wall::from_secs(MIDNIGHT + second) }
}

struct Rig {
    engine: Engine,
    names: Names,
}

impl Rig {
    fn new() -> Rig {
        Rig::begun(at(0))
    }

    fn begun(now: Stamp) -> Rig {
        let cap = |name: &str, period, labels: &[(&str, &str)]| CapSpec {
            name: name.into(),
            matches: labels.iter().map(|(l, v)| ((*l).to_owned(), (*v).to_owned())).collect(),
            each: None,
            period,
            zone: None,
            cap: NanoUsd::from_usd(1000),
        };
        let openai = ("provider", "openai");
        let berlin = Some(TimeZone::get("Europe/Berlin").unwrap());
        let caps = vec![
            cap("day", Period::Day, &[openai]),
            cap("month", Period::Month, &[openai]),
            cap("week", Period::Week, &[openai]),
            cap("prod", Period::Day, &[openai, ("environment", "prod")]),
            cap("key", Period::Day, &[("key", "web")]),
            cap("team", Period::Day, &[openai, ("team", "web")]),
            cap("all", Period::Day, &[]),
            CapSpec { zone: berlin, ..cap("berlin", Period::Day, &[openai]) },
            CapSpec { each: Some(Dimension::Provider), ..cap("each", Period::Day, &[]) },
        ];
        let source =
            |name: &str| SourceName { name: name.into(), kind: "file", ..SourceName::default() };
        let names = Names::default();
        let spec = EngineSpec {
            caps,
            rules: Vec::new(),
            limits: Limits::default(),
            timezone: TimeZone::UTC,
            sources: vec![source("gw"), source("bill"), source("other account")],
            prices_of: None,
        };
        Rig { engine: Engine::new(spec, names.clone(), now), names }
    }

    fn see(&mut self, source: u32, seen: &Observation, now: Stamp) {
        let items = vec![Item { line: 1, seen: *seen }];
        let batch = Batch { source: SourceId(source), items, ..Batch::default() };
        self.engine.apply(&batch, now, &mut Vec::new());
    }

    fn call(&mut self, second: i64, environment: &str, nano: i128) {
        let mut request = Request::at(at(second).wall);
        request.provider = Some(self.names.intern(NameKind::Provider, "openai"));
        request.caller.environment = Some(self.names.intern(NameKind::Environment, environment));
        request.caller.key = Some(self.names.intern(NameKind::Key, "web"));
        request.cost = Some(Cost { usd: NanoUsd(nano), source: CostSource::Reported });
        let none = TextRef::default();
        let seen = Observation::Request {
            request,
            request_id: none,
            dedup_key: none,
            finish_reason: none,
        };
        self.see(0, &seen, at(second));
    }

    /// The bill of a day, read at some second.
    fn bill(&mut self, source: u32, day: i64, nano: i128, second: i64) {
        self.read(source, day, nano, second, |_| {});
    }

    fn read(
        &mut self,
        source: u32,
        day: i64,
        nano: i128,
        second: i64,
        change: impl FnOnce(&mut BillReading),
    ) {
        let start = Wall::from_secs(MIDNIGHT + day * DAY);
        let end = Wall::from_secs(MIDNIGHT + (day + 1) * DAY);
        let mut reading = BillReading {
            at: at(second).wall,
            provider: self.names.intern(NameKind::Provider, "openai"),
            environment: None,
            key: None,
            start,
            end,
            usd: NanoUsd(nano),
            complete: end < at(second).wall,
        };
        change(&mut reading);
        self.see(source, &Observation::Bill(reading), at(second));
    }

    fn cap(&mut self, name: &str, second: i64) -> Cap {
        self.engine.tick(at(second), &mut Vec::new());
        let snapshot = snapshot::build(&self.engine, at(second));
        snapshot.caps.iter().find(|cap| &*cap.name == name).unwrap().clone()
    }

    fn differences(&mut self, second: i64) -> Vec<String> {
        self.engine.tick(at(second), &mut Vec::new());
        let rows = self.engine.findings().rows().iter();
        rows.filter(|row| row.kind == "bill_differs").map(|row| row.text.to_string()).collect()
    }
}

const USD: i128 = 1_000_000_000;

#[test]
fn the_bill_of_a_period_stands_beside_the_caps_it_is_about() {
    let mut rig = Rig::new();
    rig.call(10, "prod", 5 * USD);
    rig.bill(1, 0, 4 * USD, 100);
    let day = rig.cap("day", 160);
    assert_eq!(day.provider_usd.unwrap().0, NanoUsd(4 * USD));
    assert_eq!(day.provider_age_s, Some(60.0));
    assert_eq!(day.estimate_error_ratio, None, "the day is not over");
    assert_eq!(rig.cap("each", 160).provider_usd, day.provider_usd);
    for other in ["prod", "key", "team", "all", "berlin", "month", "week"] {
        assert_eq!(rig.cap(other, 160).provider_usd, None, "{other}");
    }
    // Of a key, and of the accounts of an environment.
    let (web, prod) = (
        Some(rig.names.intern(NameKind::Key, "web")),
        Some(rig.names.intern(NameKind::Environment, "prod")),
    );
    rig.read(1, 0, USD, 200, |bill| bill.key = web);
    rig.read(2, 0, 2 * USD, 200, |bill| bill.environment = prod);
    assert_eq!(rig.cap("key", 260).provider_usd.unwrap().0, NanoUsd(USD));
    assert_eq!(rig.cap("prod", 260).provider_usd.unwrap().0, NanoUsd(2 * USD));
    // Two accounts of one provider, one of them read a while ago.
    let day = rig.cap("day", 260);
    assert_eq!(day.provider_usd.unwrap().0, NanoUsd(6 * USD));
    assert_eq!(day.provider_age_s, Some(160.0));
    // A later reading replaces, an older one does not.
    rig.bill(1, 0, 5 * USD, 300);
    rig.bill(1, 0, 3 * USD, 250);
    assert_eq!(rig.cap("day", 300).provider_usd.unwrap().0, NanoUsd(7 * USD));
    // One that a clock a month ahead dated is in the way of none.
    rig.bill(1, 0, 6 * USD, 30 * DAY);
    rig.bill(1, 0, 8 * USD, 400);
    assert_eq!(rig.cap("day", 400).provider_usd.unwrap().0, NanoUsd(10 * USD));
}

/// The money is gone, whatever was counted here.
#[test]
fn a_bill_beyond_the_cap_is_not_ok() {
    let mut rig = Rig::new();
    rig.call(10, "prod", 5 * USD);
    rig.bill(1, 0, 999 * USD, 100);
    assert_eq!(rig.cap("day", 160).state, State::Ok);
    rig.bill(1, 0, 1_001 * USD, 200);
    assert_eq!(rig.cap("day", 260).state, State::Warning);
    let verdict = snapshot::build(&rig.engine, at(260)).verdict;
    assert!(verdict.contains(": its provider bills $1,001.00 of $1,000.00"), "{verdict}");
}

#[test]
fn a_bill_with_a_gap_is_no_bill_of_the_period() {
    let mut rig = Rig::new();
    // The week began on Monday, four days before.
    for day in [-4, -3, -1, 0] {
        rig.bill(1, day, USD, 100);
    }
    assert_eq!(rig.cap("week", 100).provider_usd, None);
    rig.bill(1, -2, USD, 101);
    assert_eq!(rig.cap("week", 101).provider_usd.unwrap().0, NanoUsd(5 * USD));
}

#[test]
fn complete_days_are_compared_to_the_cent() {
    let mut rig = Rig::new();
    rig.call(10, "prod", 5 * USD);
    rig.call(20, "staging", 4_999_999);
    rig.call(DAY + 10, "prod", 2 * USD);
    let morning = DAY + 7200;
    rig.bill(1, 0, 5 * USD, morning);
    rig.bill(1, 1, 9 * USD, morning);
    let day = rig.cap("day", morning + 61);
    assert_eq!(day.estimate_error_ratio, Some(0.0), "the same cents");
    assert!(rig.differences(morning + 61).is_empty());
    // The provider says otherwise in the end.
    rig.bill(1, 0, 4 * USD, morning + 100);
    assert!(rig.differences(morning + 110).is_empty(), "other accounts may follow");
    let error = rig.cap("day", morning + 110).estimate_error_ratio.unwrap();
    assert!((error - 0.251_249_999_75).abs() < 1e-12, "{error}");
    let said =
        ["openai billed $4.00 for 2026-11-20, and its calls add up to $5.004999999 (+25.1%)"];
    assert_eq!(rig.differences(morning + 161), said);
    // Read again and again it is said once.
    rig.bill(1, 0, 4 * USD, morning + 200);
    assert_eq!(rig.differences(morning + 300), said);
    // Another account makes up for it.
    rig.bill(2, 0, USD, morning + 300);
    assert_eq!(rig.cap("day", morning + 400).estimate_error_ratio, Some(0.0));
    assert_eq!(rig.differences(morning + 400), said);
}

#[test]
fn a_day_is_not_compared_while_one_of_several_accounts_has_not_told_its_bill() {
    let mut rig = Rig::new();
    let (first, second) = (DAY + 3600, 2 * DAY + 3600);
    rig.call(100, "prod", 2 * USD);
    rig.call(DAY + 100, "prod", 2 * USD);
    for source in [1, 2] {
        rig.bill(source, 0, USD, first);
    }
    assert_eq!(rig.differences(first + 100), Vec::<String>::new());
    // The other one can't be asked for the day after.
    rig.bill(1, 1, USD, second);
    assert_eq!(rig.differences(second + 100), Vec::<String>::new(), "half of a bill is none");
    assert_eq!(rig.cap("day", second + 100).estimate_error_ratio, Some(0.0), "the day before");
    rig.bill(2, 1, 2 * USD, second + 200);
    assert_eq!(rig.differences(second + 300).len(), 1, "both are known, and they differ");
}

#[test]
fn a_cent_or_one_percent_is_no_difference() {
    let cent = USD / 100;
    for (billed, differs) in [
        (100 * USD, false),
        (99 * USD, true),
        (99 * USD + 2 * cent, false),
        (100 * USD - cent, false),
        (0, true),
    ] {
        let mut rig = Rig::new();
        rig.call(10, "prod", 100 * USD);
        rig.bill(1, 0, billed, DAY + 100);
        assert_eq!(!rig.differences(DAY + 200).is_empty(), differs, "{billed}");
    }
    let mut rig = Rig::new();
    rig.call(10, "prod", cent / 2);
    rig.bill(1, 0, 0, DAY + 100);
    assert!(rig.differences(DAY + 200).is_empty(), "half a cent of nothing");
}

#[test]
fn days_that_an_earlier_run_counted_are_compared_too() {
    let mut rig = Rig::new();
    let openai = rig.names.intern(NameKind::Provider, "openai");
    let now = at(0);
    let mut restored = Restored { since: Some(at(-9 * DAY).wall), ..Restored::default() };
    for stretch in rig.engine.stretches(now, &[]) {
        let days = stretch.steps.is_some_and(|steps| steps.minutes == 24 * 60);
        let part = |day: i64| {
            let minute = (MIDNIGHT + day * DAY) / 60;
            let who = BucketId { minute, provider: Some(openai), ..BucketId::default() };
            (who, Bucket { requests: 3, cost: NanoUsd(2 * USD), unpriced: 2, ..Bucket::default() })
        };
        restored.spent.push((stretch, (-10..0).map(part).filter(|_| days).collect()));
    }
    rig.engine.restore(&restored, now);
    for day in -10..0 {
        rig.bill(1, day, if day == -4 || day == -10 { 3 * USD } else { 2 * USD }, 100);
    }
    assert_eq!(
        rig.differences(200),
        ["openai billed $3.00 for 2026-11-16, and its calls add up to $2.00 (-33.3%); \
          2 calls of then have no price"],
        "and the tenth day ago is not known whole"
    );
    assert_eq!(rig.cap("day", 200).estimate_error_ratio, Some(0.0));
}

#[test]
fn a_day_that_we_have_not_seen_all_of_is_not_compared() {
    let mut rig = Rig::new();
    rig.call(10, "prod", USD);
    rig.bill(1, -1, 50 * USD, 100);
    assert!(rig.differences(200).is_empty());
    assert_eq!(rig.cap("day", 200).estimate_error_ratio, None);
}

#[test]
fn a_day_whose_sums_a_wrong_clock_displaced_is_not_compared() {
    for (ahead, is_told) in [(35, true), (36, false), (360, false)] {
        let mut rig = Rig::new();
        rig.call(10, "prod", USD);
        rig.call(ahead * DAY + 10, "prod", USD);
        rig.bill(1, 0, 50 * USD, DAY + 100);
        assert_eq!(!rig.differences(DAY + 200).is_empty(), is_told, "{ahead}");
    }
}

/// The clock stood wrong when the run began, and was set right before the bill came: days
/// of before the run are known no better for it.
#[test]
fn a_run_that_began_under_a_wrong_clock_knows_no_day_of_before() {
    for wrong in [-20_000 * DAY, -20 * DAY, 20 * DAY] {
        let mut rig = Rig::begun(Stamp { wall: Wall::from_secs(MIDNIGHT + wrong), ..at(0) });
        rig.call(10, "prod", USD);
        rig.bill(1, -1, 50 * USD, 100);
        assert!(rig.differences(200).is_empty(), "{wrong}");
        assert_eq!(rig.cap("day", 200).estimate_error_ratio, None, "{wrong}");
        // The first day that it has seen all of.
        rig.call(DAY + 10, "prod", USD);
        rig.bill(1, 1, 2 * USD, 2 * DAY + 100);
        let told = rig.differences(2 * DAY + 200);
        assert_eq!(told.len(), usize::from(wrong < 0), "{wrong}: {told:?}");
    }
}

#[test]
fn a_clock_that_is_wrong_while_a_bill_comes_makes_no_day_known() {
    let mut rig = Rig::new();
    rig.call(10, "prod", USD);
    rig.bill(1, -1, 50 * USD, 100);
    let back = Stamp { wall: at(-90 * DAY).wall, ..at(200) };
    rig.engine.tick(back, &mut Vec::new());
    assert!(rig.differences(300).is_empty());
}
