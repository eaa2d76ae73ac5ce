//! Rules: what never fires or trips on too little is refused.

use std::time::Duration;

use tripline::rules::{Action, Direction, OnNoData, Severity, builtin};
use tripline::source::SourceSpec;

use super::{load, problems, refused, refused_rules, rule_with};

#[test]
fn every_kind_of_source_may_be_matched() {
    for kind in SourceSpec::KINDS {
        load(&format!(
            "[[rule]]\nname = \"r\"\nmetric = \"source.silent_s\"\nabove = 60\nmatch = {{ kind = \"{kind}\" }}"
        ));
    }
}

#[test]
fn thresholds() {
    refused_rules(&[
        ("above = nan", "2:9: 'above' must be a number: nothing is ever above or below nan"),
        ("above = inf", "2:9: 'above' is too large: the limit is 10^15"),
        (
            "metric = \"queue.depth\"\nabove = 99999999999999999999",
            "3:9: 'above' is too large: the limit is 10^15",
        ),
        (
            "metric = \"queue.depth\"\nabove = 99999999999999999999999999999999999999999999",
            "3:9: 'above' is too large: the limit is 10^15",
        ),
        (
            "metric = \"queue.depth\"\nabove = -1",
            "3:9: 'above' is never reached | queue.depth is never below 0",
        ),
        (
            "below = 10",
            "2:9: 'below' is never reached | limit.remaining_ratio is a share: did you mean 0.1?",
        ),
        ("below = 0", "2:9: 'below' is never reached: limit.remaining_ratio is never below 0"),
        ("above = 1", "2:9: 'above' is never reached: limit.remaining_ratio is never above 1"),
        (
            "metric = \"spend.used_ratio\"\nabove = 80",
            "3:9: 'above' is never reached | spend.used_ratio lies between 0 and 10",
        ),
        (
            "above = 0.5\nbelow = 0.1",
            "3:9: 'below' stands beside 'above': a rule has one bad side | make two rules of it",
        ),
        ("below = []", "2:9: 'below' must not be empty"),
        ("below = [0.1, 0.2]", "2:9: 'below' must list its thresholds mildest first"),
        (
            "below = [{ value = 0.2, severity = \"critical\" }, { value = 0.1, severity = \"info\" }]",
            "2:9: 'below' must list its thresholds mildest first",
        ),
        ("below = [{ severity = \"info\" }]", "2:10: 'below' needs a 'value' in each threshold"),
        (
            "below = [{ value = 0.1, severty = \"info\" }]",
            "2:25: 'below' has an unknown key 'severty' | did you mean 'severity'?",
        ),
        (
            "below = [{ value = nan }]",
            "2:20: 'below' must be a number: nothing is ever above or below nan",
        ),
        (
            "below = [0.2, { value = 0.1, severity = \"fatal\" }]",
            "2:41: 'below' has an unknown value 'fatal' | one of: info, warning, critical",
        ),
        (
            "clear = 0.05",
            "2:9: 'clear' is on the wrong side: it is bad below 0.1 | clear must be at or above 0.1",
        ),
        (
            "above = 0.5\nclear = 0.6",
            "3:9: 'clear' is on the wrong side: it is bad above 0.5 | clear must be at or below 0.5",
        ),
        ("clear = nan", "2:9: 'clear' must be a number: nothing is ever above or below nan"),
        (
            "severity = \"critcal\"",
            "2:12: 'severity' has an unknown value 'critcal' | did you mean 'critical'?",
        ),
        ("min_requests = -5", "2:16: 'min_requests' must be 0 to 1000000000"),
        (
            "on_no_data = \"okay\"",
            "2:14: 'on_no_data' has an unknown value 'okay' | one of: unknown, fire, ok",
        ),
    ]);
    refused(&[(
        "[[rule]]\nname = \"a\"\nmetric = \"queue.depth\"",
        "1:1: [[rule]] needs 'above' or 'below'",
    )]);
}

#[test]
fn metrics_and_labels() {
    refused_rules(&[
        (
            "metric = \"limit.remaning\"",
            "2:10: 'metric' names an unknown metric 'limit.remaning' | did you mean 'limit.remaining'?",
        ),
        (
            "metric = \"zzz\"",
            "2:10: 'metric' names an unknown metric 'zzz' | `tripline config show --metrics` lists them",
        ),
        (
            "match = { providr = \"openai\" }",
            "2:11: 'match' names a label that limit.remaining_ratio does not have: 'providr' | did you mean 'provider'?",
        ),
        (
            "match = { queue = \"a\" }",
            "2:11: 'match' names a label that limit.remaining_ratio does not have: 'queue' | one of: provider, model, key, subject, scope, resource, window, label, layer",
        ),
        (
            "match = { resource = \"tokenz\" }",
            "2:22: 'match' label 'resource' is never 'tokenz' | did you mean 'tokens'?",
        ),
        (
            "match = { layer = \"zzz\" }",
            "2:19: 'match' label 'layer' is never 'zzz' | one of: upstream, gateway, unknown",
        ),
        (
            "match = { window = \"60\" }",
            "2:20: 'match' label 'window' must be a duration with its unit, such as \"30s\" or \"1h 30m\", not '60' | units are h, m, s and ms; a day is \"24h\"",
        ),
        ("match = { window = \"1ms\" }", "2:20: 'match' label 'window' must be whole seconds"),
        ("match = { provider = \"\" }", "2:22: 'match' label 'provider' must not be empty"),
        (
            "match = { provider = 5 }",
            "2:22: 'match' label 'provider' must be a string, not a whole number",
        ),
        (
            "metric = \"spend.usd\"\nabove = 5\nmatch = { cap = \"dayly\" }",
            "4:17: 'match' label 'cap' is never 'dayly'",
        ),
        ("runbook = \"file:///etc/passwd\"", "2:11: 'runbook' must be an http:// or https:// link"),
        (
            "runbook = \"https://user:pass@example.invalid/\"",
            "2:11: 'runbook' must not hold a user name or password",
        ),
    ]);
    refused(&[
        (
            "[[cap]]\nname = \"daily\"\nusd = 5\nperiod = \"day\"\n[[rule]]\nname = \"a\"\nmetric = \"spend.usd\"\nabove = 5\nmatch = { cap = \"dayly\" }",
            "9:17: 'match' label 'cap' is never 'dayly' | did you mean 'daily'?",
        ),
        (
            "[[cap]]\nname = \"daily\"\nusd = 5\nperiod = \"day\"\nmatch = { modl = \"x\" }",
            "5:11: 'match' has an unknown label 'modl' | did you mean 'model'?",
        ),
    ]);
    let matched = |written: &str, label: &str| {
        let rules = load(&rule_with(&format!("match = {{ {label} = \"{written}\" }}"))).rules;
        rules.last().unwrap().matches[label].clone()
    };
    assert_eq!(matched("*", "resource"), "*");
    assert_eq!(
        ["1m", "60s", "24h", "*"].map(|w| matched(w, "window")),
        ["60s", "60s", "86400s", "*"]
    );
}

#[test]
fn actions() {
    let with = |action: &str| {
        rule_with(&format!("actions = [\"{action}\"]\nfor = \"5s\"\nmin_requests = 20"))
    };
    for scope in [
        "all",
        "provider",
        "model",
        "key",
        "provider/openai",
        "model/openai/gpt-4o",
        "model/openrouter/meta/llama",
        "key/prod-web",
        "env/prod",
    ] {
        let config = load(&with(&format!("trip:{scope}")));
        assert_eq!(config.rules.last().unwrap().actions, [Action::Trip(scope.to_owned())]);
    }
    for (action, expected) in [
        ("trip", "has an unknown trip scope '' | scopes are all, provider, model, key and env"),
        ("trip:", "has an unknown trip scope '' | scopes are all, provider, model, key and env"),
        ("trip:modle", "has an unknown trip scope 'modle' | did you mean 'model'?"),
        ("trip:all/openai", "has a malformed trip scope 'all/openai' | write \"trip:all\""),
        (
            "trip:model/gpt-4o",
            "has a malformed trip scope 'model/gpt-4o' | write \"trip:model\", or \"trip:model/PROVIDER/MODEL\"",
        ),
        (
            "trip:provider/",
            "has a malformed trip scope 'provider/' | write \"trip:provider\", or \"trip:provider/NAME\"",
        ),
        (
            "trip:key/sk-proj-abcdefghijklmnop1234567890",
            "holds a key, not the name of one | write the name that tripline shows for sk-proj-…7890",
        ),
        (
            "trip:env/a b",
            "has a malformed trip scope 'env/a b' | write \"trip:env\", or \"trip:env/NAME\"",
        ),
        ("tripp:all", "has an unknown action 'tripp:all' | did you mean 'trip'?"),
        (
            "kill everything",
            "has an unknown action 'kill everything' | write \"trip:SCOPE\", such as \"trip:model\" or \"trip:all\"",
        ),
        (
            "notify:oncall",
            "names a sink 'oncall' that is not defined | alerts show in the console, and as lines of `tripline watch --ndjson`",
        ),
        (
            "hook:stop",
            "has an action 'hook:stop' that is not defined | this version acts with \"trip:SCOPE\" only",
        ),
    ] {
        assert_eq!(problems(with(action)), [format!("2:12: 'actions' {expected}")]);
    }
}

#[test]
fn a_rule_that_trips_must_say_on_what_evidence() {
    refused_rules(&[
        (
            "actions = [\"trip:all\"]\nmin_requests = 5",
            "2:11: 'actions' must come with 'for' where it trips a switch | one odd reading must not stop production",
        ),
        (
            "actions = [\"trip:all\"]\nfor = \"5s\"",
            "2:11: 'actions' must come with 'min_requests' where it trips a switch | a few calls must not stop production",
        ),
        (
            "actions = [\"trip:all\"]\nfor = \"0s\"\nmin_requests = 5",
            "3:7: 'for' must be longer than 0 where a rule trips a switch | one odd reading must not stop production; \"10ms\" waits for a second look",
        ),
        (
            "actions = [\"trip:all\"]\nfor = \"5s\"\nmin_requests = 0",
            "4:16: 'min_requests' must be at least 1 where a rule trips a switch",
        ),
        (
            "actions = [\"trip:all\"]\nfor = \"5s\"\nmin_requests = 5\non_no_data = \"fire\"",
            "5:14: 'on_no_data' must not be \"fire\" where a rule trips a switch | missing data is no reason to stop production",
        ),
        (
            "actions = [\"trip:env\"]\nfor = \"5s\"\nmin_requests = 5",
            "2:11: 'actions' cannot take its scope from limit.remaining_ratio, which has no 'environment' | name the target, or use \"trip:all\"",
        ),
        (
            "metric = \"queue.depth\"\nabove = 5\nactions = [\"trip:model\"]\nfor = \"5s\"\nmin_requests = 5",
            "4:11: 'actions' cannot take its scope from queue.depth, which has no 'provider' | name the target, or use \"trip:all\"",
        ),
    ]);
    refused_rules(&[(
        "metric = \"spend.used_ratio\"\nabove = 1\nactions = [\"trip:all\"]\nfor = \"5s\"\nmin_requests = 5",
        "4:11: 'actions' never happens: spend.used_ratio is about caps, and there is none | add a [[cap]]",
    )]);
    let caps = "[[cap]]\nname = \"all\"\nusd = 5\nperiod = \"day\"\n\
                [[cap]]\nname = \"openai\"\nusd = 5\nperiod = \"day\"\nmatch = { provider = \"openai\" }\n";
    let rule = |name: &str| {
        let lines = format!(
            "match = {{ cap = \"{name}\" }}\nmetric = \"spend.used_ratio\"\nabove = 1\nactions = [\"trip:provider\"]\nfor = \"5s\"\nmin_requests = 5"
        );
        format!("{caps}{}", rule_with(&lines))
    };
    assert!(problems(rule("openai")).is_empty());
    assert_eq!(
        problems(rule("all")),
        [
            "14:11: 'actions' cannot take its scope from cap 'all', which names no 'provider' | name the target, or use \"trip:all\""
        ]
    );
}

#[test]
fn a_full_rule_is_read_as_written() {
    let config = load(
        "[[rule]]\nname = \"tpm-low\"\nmetric = \"limit.remaining_ratio\"\n\
         match = { provider = \"openai\", resource = \"tokens\" }\n\
         below = [0.2, { value = 0.1, severity = \"critical\" }]\nclear = 0.3\nfor = \"5s\"\n\
         keep_firing_for = \"30s\"\nseverity = \"info\"\nactions = [\"trip:model\"]\n\
         min_requests = 20\ncooldown = \"10m\"\non_no_data = \"ok\"\n\
         runbook = \"https://example.com/r\"\n",
    );
    let rule = config.rules.last().unwrap();
    let levels: Vec<_> = rule.thresholds.iter().map(|t| (t.value, t.severity)).collect();
    assert_eq!(levels, [(0.2, Severity::Info), (0.1, Severity::Critical)]);
    assert_eq!((rule.direction, rule.clear), (Direction::Below, Some(0.3)));
    assert_eq!((rule.hold, rule.keep_firing), (Duration::from_secs(5), Duration::from_secs(30)));
    assert_eq!((rule.min_requests, rule.cooldown), (20, Duration::from_secs(600)));
    assert_eq!((rule.on_no_data, rule.builtin), (OnNoData::Ok, false));
    assert_eq!(rule.runbook.as_deref(), Some("https://example.com/r"));
}

#[test]
fn built_in_rules_can_be_replaced_and_turned_off() {
    assert_eq!(load("").rules, builtin());
    assert!(load("[builtin_rules]\nenabled = false").rules.is_empty());
    let off = load("[[rule]]\nname = \"limit-low\"\nenabled = false").rules;
    assert_eq!(off.len(), builtin().len() - 1);
    assert!(off.iter().all(|rule| rule.name != "limit-low"));
    let replaced = load(&rule_with("name = \"limit-low\"")).rules;
    assert_eq!(replaced.len(), builtin().len());
    assert!(replaced.iter().any(|rule| rule.name == "limit-low" && !rule.builtin));
    refused(&[(
        "[[rule]]\nname = \"limit-lwo\"\nenabled = false",
        "2:8: 'name' 'limit-lwo' is not a built-in rule | did you mean 'limit-low'?",
    )]);
    let off = load(&rule_with("enabled = false")).rules;
    assert_eq!(off, builtin());
    // What counts as silence is said in one place.
    let quiet = load("[engine]\nsilent_after = \"30m\"").rules;
    let silent = quiet.iter().find(|rule| rule.name == "source-silent").unwrap();
    assert_eq!((silent.thresholds[0].value, silent.clear), (1800.0, Some(360.0)));
    let own = load("[[source]]\npaths = [\"x\"]\nname = \"x\"\nsilent_after = \"1h\"").rules;
    let of_x: Vec<_> = own.iter().filter(|rule| rule.name == "source-silent").collect();
    assert_eq!(
        of_x.iter().map(|rule| rule.thresholds[0].value).collect::<Vec<_>>(),
        [300.0, 3600.0]
    );
    assert_eq!(of_x[1].matches["source"], "x");
    // A rule that is off is still checked: it will be turned on one day.
    refused_rules(&[(
        "enabled = false\nclear = 0.05",
        "3:9: 'clear' is on the wrong side: it is bad below 0.1 | clear must be at or above 0.1",
    )]);
}
