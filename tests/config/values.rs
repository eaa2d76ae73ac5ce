//! Single values: types, durations, money, directories, sources, names, prices.

use std::time::Duration;

use tripline::config::{Config, ConfigFile, LoadInput};
use tripline::domain::{Dimension, NanoUsd};
use tripline::source::Start;

use super::{load, problems, refused, refused_rules, rule_with};

#[test]
fn values_of_the_wrong_type() {
    refused(&[
        (
            "[switch]\narmed = \"yes\"",
            "2:9: 'armed' must be true or false, without quotes, not a string",
        ),
        (
            "[switch]\narmed = 1",
            "2:9: 'armed' must be true or false, without quotes, not a whole number",
        ),
        (
            "[engine]\nmax_request_usd = 2026-01-01",
            "2:19: 'max_request_usd' must be an amount in dollars such as 12.50, not a date or time",
        ),
        (
            "[engine]\nmax_request_usd = true",
            "2:19: 'max_request_usd' must be an amount in dollars such as 12.50, not a boolean",
        ),
        ("[display]\nfps = 4.5", "2:7: 'fps' must be a whole number, not a decimal number"),
        ("[display]\nfps = 0", "2:7: 'fps' must be 1 to 30"),
        ("[display]\nfps = 99999999999999999999", "2:7: 'fps' must be 1 to 30"),
        (
            "[display]\ncolor = \"alway\"",
            "2:9: 'color' has an unknown value 'alway' | did you mean 'always'?",
        ),
        (
            "[switch]\nallow_network_fs = \"nfss\"",
            "2:20: 'allow_network_fs' has an unknown value 'nfss' | did you mean 'nfs'?",
        ),
        (
            "[switch]\nallow_network_fs = true",
            "2:20: 'allow_network_fs' must be a string, not a boolean",
        ),
        ("timezone = 5", "1:12: 'timezone' must be a string, not a whole number"),
        (
            "timezone = \"Europe/Berln\"",
            "1:12: 'timezone' names an unknown time zone 'Europe/Berln' | did you mean 'Europe/Berlin'?",
        ),
        ("timezone = \"\"", "1:12: 'timezone' must not be empty"),
    ]);
    refused_rules(&[
        ("actions = \"trip:all\"", "2:11: 'actions' must be a list, not a string"),
        (
            "match = \"openai\"",
            "2:9: 'match' must be labels such as { provider = \"openai\" }, not a string",
        ),
        ("above = \"5\"", "2:9: 'above' must be a number, not a string"),
        ("above = 2026-01-01", "2:9: 'above' must be a number, not a date or time"),
    ]);
}

#[test]
fn durations() {
    for (text, expected) in [
        ("5s", Duration::from_secs(5)),
        ("10m", Duration::from_secs(600)),
        ("1h 30m", Duration::from_secs(5400)),
        ("250ms", Duration::from_millis(250)),
    ] {
        assert_eq!(load(&format!("[engine]\nmax_age = \"{text}\"")).engine.max_age, expected);
    }
    let wrong = "must be a duration with its unit, such as \"30s\" or \"1h 30m\"";
    let units = "units are h, m, s and ms; a day is \"24h\"";
    for (text, expected) in [
        ("5", format!("{wrong}, not '5' | {units}")),
        ("1 day", format!("{wrong}, not '1 day' | {units}")),
        ("soon", format!("{wrong}, not 'soon' | {units}")),
        ("99999999999999999999h", format!("{wrong}, not '99999999999999999999h' | {units}")),
        ("-5s", "must not be negative".to_owned()),
        ("0s", "must be above zero".to_owned()),
        ("9000h", "is longer than a year".to_owned()),
    ] {
        let text = format!("[engine]\nsilent_after = \"{text}\"");
        assert_eq!(problems(text), [format!("2:16: 'silent_after' {expected}")]);
    }
    // Zero is a sensible `for`, a negative one is not.
    assert_eq!(load(&rule_with("for = \"0s\"")).rules.last().unwrap().hold, Duration::ZERO);
    refused_rules(&[("for = \"-1s\"", "2:7: 'for' must not be negative")]);
    refused(&[("[switch]\nobey_grace = \"0s\"", "2:14: 'obey_grace' must be above zero")]);
}

#[test]
fn money_is_exact() {
    for (written, nanos) in [
        ("500", 500_000_000_000),
        ("0.1", 100_000_000),
        // As a float this would be 9007199254.74099159…
        ("9007199254.740991001", 9_007_199_254_740_991_001),
        ("+12.5", 12_500_000_000),
        ("1_000.50", 1_000_500_000_000),
        ("0.000000001", 1),
        ("1.0000000000000", 1_000_000_000),
    ] {
        let config = load(&format!("[engine]\nmax_request_usd = {written}"));
        assert_eq!(config.max_request_usd, NanoUsd(nanos), "{written}");
    }
    for (written, expected) in [
        (
            "\"5\"",
            "must be an amount in dollars such as 12.50, not a string | leave the quotes out; money is in US dollars: 5",
        ),
        (
            "\"$5.50\"",
            "must be an amount in dollars such as 12.50, not a string | leave the quotes out; money is in US dollars: 5.50",
        ),
        ("\"5,00\"", "must be an amount in dollars such as 12.50, not a string"),
        ("\"5 USD\"", "must be an amount in dollars such as 12.50, not a string"),
        ("\"\"", "must be an amount in dollars such as 12.50, not a string"),
        ("1e3", "must be a plain decimal such as 12.50, not '1e3'"),
        ("nan", "must be a plain decimal such as 12.50, not 'nan'"),
        ("inf", "must be a plain decimal such as 12.50, not 'inf'"),
        ("-inf", "must not be negative, not '-inf'"),
        ("-1", "must not be negative, not '-1'"),
        ("0x10", "must be an amount in dollars such as 12.50, not a whole number"),
        ("99999999999999999999", "must be below a trillion dollars, not '99999999999999999999'"),
        ("0.0000000001", "must have at most 9 decimals, not '0.0000000001'"),
        ("0", "must be above 0"),
    ] {
        let text = format!("[[cap]]\nname = \"a\"\nperiod = \"day\"\nusd = {written}");
        assert_eq!(problems(text), [format!("4:7: 'usd' {expected}")]);
    }
}

#[test]
fn periods_of_caps() {
    for (written, shown) in [
        ("day", "day"),
        ("week", "week"),
        ("month", "month"),
        ("1h", "1h"),
        ("90m", "90m"),
        ("1h 30m", "90m"),
        ("24h", "24h"),
        ("1d", "24h"),
        ("36h", "36h"),
        ("7d", "7d"),
        ("168h", "7d"),
        ("31d", "31d"),
    ] {
        let config = load(&format!("[[cap]]\nname = \"a\"\nusd = 1\nperiod = \"{written}\""));
        assert_eq!(config.caps[0].period.to_string(), shown);
    }
    let words = "'period' must be \"day\", \"week\", \"month\" or the length of a rolling period";
    let hint = "a rolling period is \"1h\" to \"31d\", in whole minutes";
    for (written, expected) in [
        ("daily", format!("{words}, not 'daily' | {hint}")),
        ("weak", format!("{words}, not 'weak' | did you mean 'week'?")),
        ("59m", format!("{words} of 1 hour to 31 days, not '59m' | {hint}")),
        ("32d", format!("{words} of 1 hour to 31 days, not '32d' | {hint}")),
        ("1h 1s", format!("{words} of 1 hour to 31 days, not '1h 1s' | {hint}")),
        ("-24h", format!("{words}, not '-24h' | {hint}")),
        ("0d", format!("{words} of 1 hour to 31 days, not '0d' | {hint}")),
        ("", "'period' must not be empty".to_owned()),
    ] {
        let text = format!("[[cap]]\nname = \"a\"\nusd = 1\nperiod = \"{written}\"");
        assert_eq!(problems(text), [format!("4:10: {expected}")]);
    }
}

#[test]
fn caps_of_each_and_in_their_own_zone() {
    let cap = |more: &str| format!("[[cap]]\nname = \"a\"\nusd = 1\n{more}");
    let config = load(&cap(
        "period = \"week\"\neach = \"user\"\ntimezone = \"Asia/Tokyo\"\nmatch = { user = \"*\", host = \"gw-1\" }",
    ));
    let found = &config.caps[0];
    assert_eq!(found.each, Some(Dimension::User));
    assert_eq!(found.zone.as_ref().unwrap().iana_name(), Some("Asia/Tokyo"));
    for (written, expected) in [
        (
            "period = \"day\"\neach = \"tenant\"",
            "5:8: 'each' has an unknown value 'tenant' | one of: host, provider, model, key, team, user, environment, account",
        ),
        (
            "period = \"day\"\neach = \"key\"\nmatch = { key = \"web\" }",
            "5:8: 'each' is \"key\", of which 'match' leaves only 'web' | leave one of them out",
        ),
        (
            "period = \"24h\"\ntimezone = \"UTC\"",
            "5:12: 'timezone' is not for a rolling period, which has no first day | leave it out",
        ),
    ] {
        assert_eq!(problems(cap(written)), [expected]);
    }
}

#[test]
fn rules_on_caps_know_their_periods_and_whose_they_are() {
    let config = |rule: &str| {
        format!(
            "[[cap]]\nname = \"a\"\nusd = 1\nperiod = \"36h\"\neach = \"key\"\n[[rule]]\nname = \"r\"\nfor = \"1s\"\nmin_requests = 1\n{rule}"
        )
    };
    for fine in [
        "metric = \"spend.usd\"\nabove = 5\nmatch = { period = \"36h\", key = \"web\", user = \"*\" }",
        "metric = \"spend.usd\"\nabove = 5\nactions = [\"trip:key\"]",
        "metric = \"cap.not_enforced\"\nabove = 50",
    ] {
        assert_eq!(problems(config(fine)), [] as [String; 0]);
    }
    assert_eq!(
        problems(config("metric = \"spend.usd\"\nabove = 5\nmatch = { period = \"24h\" }")),
        ["12:20: 'match' label 'period' is never '24h' | one of: day, week, month, 36h"]
    );
}

#[test]
fn directories() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let in_file = format!("\"{}\"", file.display());
    for (written, expected) in [
        (
            "\"../switch\"",
            "must be an absolute path | the working directory of a service is not the one you see",
        ),
        ("\"\"", "must not be empty"),
        (
            "\"~/kill.d\"",
            "must not begin with '~': no shell expands it here | write the directory out",
        ),
        (
            "\"$HOME/kill.d\"",
            "must not use variables: no shell expands them here | write the directory out",
        ),
        ("\"/run/a\\u0000b\"", "must not contain NUL"),
        ("\"/run/../etc\"", "must not contain '..'"),
        ("\"/\"", "must not be the root directory"),
        ("\"/dev/null\"", "must be a directory: there is a device at this path"),
        ("\"/etc/passwd\"", "must be a directory: there is a file at this path"),
        (in_file.as_str(), "must be a directory: there is a file at this path"),
        ("[\"/run\"]", "must be a string, not a list"),
    ] {
        assert_eq!(
            problems(format!("[switch]\ndir = {written}")),
            [format!("2:7: 'dir' {expected}")]
        );
        let expected = format!("1:13: 'state_dir' {expected}");
        assert_eq!(problems(format!("state_dir = {written}")), [expected]);
    }
    let absent = dir.path().join("not/yet");
    let config = load(&format!("[switch]\ndir = \"{}\"", absent.display()));
    assert_eq!(config.switch.dir, Some(absent));
}

#[test]
fn sources() {
    refused(&[
        (
            "[[source]]\npaths = [\"/a\"]\nformat = \"nginx-jason\"",
            "3:10: 'format' names an unknown format 'nginx-jason' | did you mean 'nginx-json'?",
        ),
        (
            "[[source]]\npaths = []",
            "2:9: 'paths' must not be empty: a source that reads nothing is a blind spot",
        ),
        ("[[source]]\nname = \"a\"", "1:1: [[source]] needs 'paths'"),
        ("[[source]]\npaths = \"/var/log\"", "2:9: 'paths' must be a list, not a string"),
        ("[[source]]\npaths = [\"/a\", \"\"]", "2:16: 'paths' must not be empty"),
        (
            "[[source]]\npaths = [\"~/a.log\"]",
            "2:10: 'paths' must not begin with '~': no shell expands it here | write the directory out",
        ),
        ("[[source]]\npaths = [\"/a\\u0000\"]", "2:10: 'paths' must not contain NUL"),
        (
            "[[source]]\npaths = [\"/a\"]\nstart = \"middle\"",
            "3:9: 'start' has an unknown value 'middle' | one of: beginning, end",
        ),
        (
            "[[source]]\npaths = [\"/a\"]\ntimezone = \"Mars\"",
            "3:12: 'timezone' names an unknown time zone 'Mars' | use an IANA name such as \"Europe/Berlin\", or \"UTC\"",
        ),
        (
            "[[source]]\npaths = [\"/a\"]\nhost = \"a\\u001b[2J\"",
            "3:8: 'host' must not hold control or invisible characters",
        ),
        (
            "[[source]]\nname = \"a\"\npaths = [\"/a\"]\n[[source]]\nname = \"a\"\npaths = [\"/b\"]",
            "5:8: 'name' 'a' is used twice | the first one is at config.toml:2",
        ),
    ]);
    for glob in ["/", "/**", "/**/*", "/*", "/*/*.log", "/**/*.log", "//**", "/./**", "/[a-z]*"] {
        let text = format!("[[source]]\npaths = [\"{glob}\"]");
        let expected = format!(
            "2:10: 'paths' must not be '{glob}': that is the whole machine | name the directory the logs are in"
        );
        assert_eq!(problems(text), [expected]);
    }
    let file = ConfigFile::Bytes {
        name: "/etc/tripline/config.toml".to_owned(),
        bytes:
            b"[[source]]\npaths = [\"/var/log/**/*.log\", \"logs/a.log\", \"-\"]\nstart = \"end\""
                .to_vec(),
    };
    let config = Config::load(&LoadInput { file: Some(file), overrides: Vec::new() }).unwrap();
    let source = &config.sources[0];
    assert_eq!(source.paths, ["/var/log/**/*.log", "/etc/tripline/logs/a.log", "-"]);
    assert_eq!((source.name.as_str(), source.start), ("/var/log/**/*.log", Start::End));
}

#[test]
fn watching_nothing_is_the_callers_question() {
    let error = load("").require_sources().unwrap_err().to_string();
    assert_eq!(
        error,
        "config.toml: nothing is watched: there is no [[source]]\n\
         hint: add a [[source]] with `paths`, or name log files as arguments"
    );
    assert!(load("[[source]]\npaths = [\"/a\"]").require_sources().is_ok());
}

#[test]
fn names_are_unique_and_visible() {
    let twice = "[[cap]]\nname = \"a\"\nusd = 1\nperiod = \"day\"\n".repeat(2);
    assert_eq!(
        problems(twice),
        ["6:8: 'name' 'a' is used twice | the first one is at config.toml:2"]
    );
    let twice = format!("{}\n{}", rule_with(""), rule_with(""));
    assert_eq!(problems(twice).len(), 1);
    for name in ["\\u001b[2J", "a\\u202eb", "a\\u200bb", "a\\tb", "a\\u0000"] {
        let text = rule_with(&format!("name = \"{name}\""));
        assert_eq!(problems(text), ["2:8: 'name' must not hold control or invisible characters"]);
    }
    refused_rules(&[
        ("name = \"\"", "2:8: 'name' must not be empty"),
        ("name = \" a\"", "2:8: 'name' must not begin or end with a space"),
    ]);
}

#[test]
fn prices() {
    let config = load("[price.\"openai/x\"]\ninput = 0.15\noutput = 0.60\n");
    assert_eq!(config.prices.len(), 1);
    assert_eq!(config.prices[0].0, "openai/x");
    refused(&[
        ("[price.\"a/b\"]\ninput = 1", "1:1: [price.\"…\"] needs 'output'"),
        ("[price.\"a/b\"]\ninput = -1\noutput = 1", "2:9: 'input' must not be negative, not '-1'"),
        (
            "[price.\"a/b\"]\ninput = 1\noutput = nan",
            "3:10: 'output' must be a plain decimal such as 12.50, not 'nan'",
        ),
        (
            "[price.\"a/b\"]\ninput = 2000000\noutput = 1",
            "2:9: 'input' is more than a dollar a token | prices are dollars per million tokens",
        ),
        ("[price.\"\"]\ninput = 1\noutput = 1", "1:1: a price needs the name of a model"),
    ]);
}
