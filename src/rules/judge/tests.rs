//! The state machine, fed with (second, value) pairs.

use super::*;
use crate::rules::{Direction, Metric, Threshold};

fn rule() -> RuleSpec {
    RuleSpec {
        name: "tpm-low".into(),
        metric: Metric::LimitRemainingRatio,
        matches: std::collections::BTreeMap::new(),
        direction: Direction::Below,
        thresholds: vec![Threshold { value: 0.10, severity: Severity::Critical }],
        clear: Some(0.20),
        hold: Duration::from_secs(5),
        keep_firing: Duration::from_secs(30),
        actions: Vec::new(),
        min_requests: 20,
        cooldown: Duration::from_secs(600),
        on_no_data: OnNoData::Unknown,
        runbook: None,
        builtin: false,
    }
}

fn at(second: u32) -> Stamp {
    let mono = Mono(u64::from(second) * 1_000_000_000);
    Stamp { mono, wall: Wall::from_secs(1000 + i64::from(second)) }
}

fn value(value: f64) -> Sample {
    Sample { value: Some(value), evidence: 100, period: None }
}

/// Feed (second, value) pairs; answer what changed, and when.
fn run(rule: &RuleSpec, samples: &[(u32, Sample)]) -> Vec<(u32, Verdict)> {
    let mut instance: Option<Instance> = None;
    let mut seen = Vec::new();
    for (second, sample) in samples {
        let verdict = if let Some(instance) = &mut instance {
            instance.judge(rule, *sample, at(*second))
        } else if let Some((new, verdict)) = Instance::start(rule, *sample, at(*second)) {
            instance = Some(new);
            verdict
        } else {
            Verdict::Same
        };
        if verdict != Verdict::Same {
            seen.push((*second, verdict));
        }
    }
    seen
}

#[test]
fn it_fires_after_for_and_resolves_after_keep_firing() {
    let samples: Vec<_> = (0..80).map(|s| (s, value(if s < 20 { 0.05 } else { 0.5 }))).collect();
    let expected =
        vec![(0, Verdict::Pending), (5, Verdict::Fired(Actions::Due)), (50, Verdict::Resolved)];
    assert_eq!(run(&rule(), &samples), expected);
}

#[test]
fn between_threshold_and_clear_it_goes_on_firing() {
    let mut samples: Vec<_> = (0..10).map(|s| (s, value(0.05))).collect();
    samples.extend((10..200).map(|s| (s, value(0.15))));
    assert_eq!(run(&rule(), &samples).last(), Some(&(5, Verdict::Fired(Actions::Due))));
}

#[test]
fn a_short_dip_never_fires() {
    let samples = [(0, value(0.05)), (3, value(0.5)), (4, value(0.05)), (8, value(0.05))];
    let expected = vec![(0, Verdict::Pending), (3, Verdict::Withdrawn), (4, Verdict::Pending)];
    assert_eq!(run(&rule(), &samples), expected);
}

#[test]
fn too_little_evidence_never_fires() {
    let sample = Sample { evidence: 19, ..value(0.0) };
    assert_eq!(run(&rule(), &[(0, sample), (100, sample)]), vec![]);
}

#[test]
fn it_acts_once_per_cooldown() {
    let rule = RuleSpec { hold: Duration::ZERO, keep_firing: Duration::ZERO, ..rule() };
    let samples =
        [(0, value(0.0)), (1, value(1.0)), (2, value(0.0)), (3, value(1.0)), (700, value(0.0))];
    let fired: Vec<_> =
        run(&rule, &samples).into_iter().filter(|(_, v)| matches!(v, Verdict::Fired(_))).collect();
    let expected = vec![
        (0, Verdict::Fired(Actions::Due)),
        (2, Verdict::Fired(Actions::CoolingDown)),
        (700, Verdict::Fired(Actions::Due)),
    ];
    assert_eq!(fired, expected);
}

#[test]
fn what_fires_on_when_the_cooldown_is_over_acts_then() {
    let rule = RuleSpec { hold: Duration::ZERO, keep_firing: Duration::ZERO, ..rule() };
    let mut samples = vec![(0, value(0.0)), (1, value(1.0))];
    samples.extend((2..700).map(|s| (s, value(if s == 3 { 1.0 } else { 0.0 }))));
    let expected = vec![
        (0, Verdict::Fired(Actions::Due)),
        (1, Verdict::Resolved),
        (2, Verdict::Fired(Actions::CoolingDown)),
        // That it fired and resolved without acting makes the cooldown no longer.
        (3, Verdict::Resolved),
        (4, Verdict::Fired(Actions::CoolingDown)),
        (601, Verdict::Due),
    ];
    assert_eq!(run(&rule, &samples), expected);
}

#[test]
fn what_was_withheld_is_due_again_while_it_crosses() {
    let rule = RuleSpec { hold: Duration::ZERO, keep_firing: Duration::ZERO, ..rule() };
    let (mut instance, verdict) = Instance::start(&rule, value(0.0), at(0)).unwrap();
    assert_eq!(verdict, Verdict::Fired(Actions::Due));
    instance.withhold(at(1000).mono);
    assert_eq!(instance.judge(&rule, value(0.0), at(10)), Verdict::Same);
    instance.retry(at(11).mono);
    // Between threshold and clear it fires, but nothing is to be stopped.
    assert_eq!(instance.judge(&rule, value(0.15), at(11)), Verdict::Same);
    assert_eq!(instance.judge(&rule, value(0.0), at(12)), Verdict::Due);
    assert_eq!(instance.judge(&rule, value(0.0), at(13)), Verdict::Same);
}

#[test]
fn the_level_that_held_is_the_level_that_fires() {
    let thresholds = vec![
        Threshold { value: 0.10, severity: Severity::Warning },
        Threshold { value: 0.01, severity: Severity::Critical },
    ];
    let rule = RuleSpec { thresholds, ..rule() };
    let (mut instance, _) = Instance::start(&rule, value(0.0), at(0)).unwrap();
    instance.judge(&rule, value(0.08), at(1));
    assert_eq!(instance.judge(&rule, value(0.08), at(5)), Verdict::Fired(Actions::Due));
    assert_eq!(instance.threshold(&rule), Some((0.10, Severity::Warning)));
}

#[test]
fn what_never_fired_is_never_resolved_and_what_fired_always_is() {
    let lost = Sample { value: None, evidence: 0, period: None };
    let samples = [(0, value(0.0)), (1, lost), (2, value(0.9)), (60, value(0.9))];
    assert_eq!(run(&rule(), &samples), vec![(0, Verdict::Pending), (1, Verdict::Withdrawn)]);
    // When data come back and it still crosses, it is the same firing.
    let mut samples = vec![(0, value(0.0)), (5, value(0.0)), (6, lost), (700, value(0.0))];
    samples.extend([(701, value(0.9)), (731, value(0.9))]);
    let expected =
        vec![(0, Verdict::Pending), (5, Verdict::Fired(Actions::Due)), (731, Verdict::Resolved)];
    assert_eq!(run(&rule(), &samples), expected);
}

#[test]
fn lost_data_is_neither_firing_nor_resolved() {
    let lost = Sample { value: None, evidence: 0, period: None };
    let mut instance = Instance::start(&rule(), value(0.0), at(0)).unwrap().0;
    assert_eq!(instance.judge(&rule(), value(0.0), at(6)), Verdict::Fired(Actions::Due));
    assert_eq!(instance.judge(&rule(), lost, at(7)), Verdict::Same);
    assert_eq!(instance.phase(), Phase::NoData);
    instance.judge(&rule(), value(0.9), at(8));
    assert_eq!(instance.judge(&rule(), value(0.9), at(60)), Verdict::Resolved);
}

#[test]
fn without_periods_a_list_of_thresholds_fires_at_each_crossing() {
    let thresholds = vec![
        Threshold { value: 0.10, severity: Severity::Warning },
        Threshold { value: 0.01, severity: Severity::Critical },
    ];
    let rule = RuleSpec { thresholds, cooldown: Duration::ZERO, ..rule() };
    let samples: Vec<_> =
        (0..200).map(|s| (s, value(if (s / 50) % 2 == 0 { 0.0 } else { 0.9 }))).collect();
    let fired = run(&rule, &samples);
    let fired = fired.iter().filter(|(_, v)| matches!(v, Verdict::Fired(_)));
    assert_eq!(fired.map(|(s, _)| *s).collect::<Vec<_>>(), vec![5, 105]);
}

#[test]
fn a_worse_threshold_fires_only_when_it_held_as_long() {
    let thresholds = vec![
        Threshold { value: 0.10, severity: Severity::Warning },
        Threshold { value: 0.01, severity: Severity::Critical },
    ];
    let rule = RuleSpec { thresholds, ..rule() };
    // Nothing left for a moment, at 0 and at 20 s; for good from 40 s on.
    let left = |second| match second {
        0 | 20 | 40.. => 0.0,
        _ => 0.05,
    };
    let mut instance = Instance::start(&rule, value(left(0)), at(0)).unwrap().0;
    let mut fired = Vec::new();
    for second in 1..60 {
        if let Verdict::Fired(_) = instance.judge(&rule, value(left(second)), at(second)) {
            fired.push((second, instance.threshold(&rule).map(|(_, severity)| severity)));
        }
    }
    assert_eq!(fired, vec![(5, Some(Severity::Warning)), (45, Some(Severity::Critical))]);
}

#[test]
fn a_list_of_thresholds_fires_each_once_per_period() {
    let levels = [0.8, 0.9, 1.0];
    let rule = RuleSpec {
        direction: Direction::Above,
        thresholds: levels
            .iter()
            .map(|v| Threshold { value: *v, severity: Severity::Warning })
            .collect(),
        clear: None,
        hold: Duration::ZERO,
        keep_firing: Duration::ZERO,
        min_requests: 0,
        cooldown: Duration::ZERO,
        ..rule()
    };
    let period =
        |value: f64, period| Sample { value: Some(value), evidence: 0, period: Some(period) };
    let samples = [
        (0, period(0.81, 1)),
        (1, period(0.82, 1)),
        (2, period(0.91, 1)),
        (3, period(0.79, 1)),
        (4, period(0.95, 1)),
        (5, period(1.2, 1)),
        (6, period(0.1, 2)),
        (7, period(0.85, 2)),
    ];
    let fired: Vec<_> = run(&rule, &samples)
        .into_iter()
        .filter_map(|(s, v)| matches!(v, Verdict::Fired(_)).then_some(s))
        .collect();
    assert_eq!(fired, vec![0, 2, 5, 7]);
}
