//! The configuration through its public door: what it accepts, what it
//! refuses, and how it says so.

use std::path::PathBuf;
use std::time::Duration;

use tripline::config::{
    self, Config, ConfigError, ConfigFile, LoadInput, Origin, Origins, Override, Place, Shape,
    TABLES, When,
};
use tripline::domain::NanoUsd;
use tripline::engine::{Limits, Period};
use tripline::rules::{Action, Direction, OnNoData, Severity, builtin};
use tripline::source::Start;

fn load_bytes(bytes: impl Into<Vec<u8>>) -> Result<Config, ConfigError> {
    let file = ConfigFile::Bytes { name: "config.toml".to_owned(), bytes: bytes.into() };
    Config::load(&LoadInput { file: Some(file), overrides: Vec::new() })
}

fn load(text: &str) -> Config {
    load_bytes(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// `line:column: message | hint` of each problem.
fn problems(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    let Err(error) = load_bytes(bytes) else { return Vec::new() };
    let one = |problem: &config::Problem| {
        let place = match &problem.place {
            Place::Line { line, column, .. } => format!("{line}:{column}"),
            Place::File(name) | Place::Flag(name) => name.clone(),
        };
        let hint = problem.hint.as_ref().map(|hint| format!(" | {hint}")).unwrap_or_default();
        format!("{place}: {}{hint}", problem.message)
    };
    error.problems.iter().map(one).collect()
}

/// Each text must be refused for exactly this one reason.
fn refused(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(problems(*text), [*expected], "\n{text}");
    }
}

/// A good rule with lines replaced or added, to make it bad in one way.
fn rule_with(lines: &str) -> String {
    let base = [
        ("name", "name = \"r\""),
        ("metric", "metric = \"limit.remaining_ratio\""),
        ("below", "below = 0.1"),
    ];
    let given = |key: &str| {
        lines.lines().any(|line| line.split('=').next().is_some_and(|word| word.trim() == key))
            || (key == "below" && lines.contains("above ="))
    };
    let kept: Vec<&str> =
        base.iter().filter(|(key, _)| !given(key)).map(|(_, line)| *line).collect();
    format!("{lines}\n{}", kept.join("\n")).replacen("", "[[rule]]\n", 1)
}

fn refused_rules(cases: &[(&str, &str)]) {
    for (lines, expected) in cases {
        let text = rule_with(lines);
        assert_eq!(problems(text.as_str()), [*expected], "\n{text}");
    }
}

#[test]
fn an_unknown_key_is_shown_in_its_line_with_a_hint() {
    let text = "config_version = 1\n\n[[rule]]\nname = \"a\"\nmetric = \"queue.depth\"\n\
                above = 5\nsevrity = \"critical\"\n";
    let error = load_bytes(text).unwrap_err().to_string();
    assert_eq!(
        error,
        "config.toml:7:1: unknown key 'sevrity'\n\
         sevrity = \"critical\"\n\
         ^^^^^^^\n\
         hint: did you mean 'severity'?"
    );
}

#[test]
fn unknown_keys_are_refused_with_the_likeliest_meaning() {
    refused(&[
        ("timezon = \"UTC\"", "1:1: unknown key 'timezon' | did you mean 'timezone'?"),
        ("[swich]\narmed = true", "1:2: unknown key 'swich' | did you mean 'switch'?"),
        ("armed = true", "1:1: unknown key 'armed' | 'armed' belongs in [switch]"),
        (
            "[switch]\npath = \"/x\"",
            "2:1: unknown key 'path' | a source has `paths = […]`, the switch has `dir`",
        ),
        ("[engine]\nmaxage = \"5s\"", "2:1: unknown key 'maxage' | did you mean 'max_age'?"),
        (
            "[engine]\nzzzzzzzzzz = 1",
            "2:1: unknown key 'zzzzzzzzzz' | `tripline config example` lists every key",
        ),
        (
            "[[webhook]]\nurl = \"file:///etc/passwd\"",
            "1:3: unknown key 'webhook' | this version has no sinks: use `tripline watch --ndjson`",
        ),
        (
            "[[hook]]\nargv = [\"stop.sh\"]",
            "1:3: unknown key 'hook' | this version has no hooks: use `tripline watch --ndjson`",
        ),
        (
            "[price.\"a/b\"]\ninput = 1\noutput = 1\ninptu = 2",
            "4:1: unknown key 'inptu' | did you mean 'input'?",
        ),
    ]);
    refused_rules(&[
        (
            "treshold = 5",
            "2:1: unknown key 'treshold' | a threshold is written `above = …` or `below = …`",
        ),
        (
            "ttl = \"5m\"",
            "2:1: unknown key 'ttl' | a rule's trip has no end of its own: it stays until a person resets it",
        ),
        (
            "keep_fireing_for = \"5m\"",
            "2:1: unknown key 'keep_fireing_for' | did you mean 'keep_firing_for'?",
        ),
    ]);
}

#[test]
fn tables_in_the_wrong_shape_say_the_right_one() {
    refused(&[
        ("[rule]\nname = \"a\"", "1:1: 'rule' must be written [[rule]]"),
        ("[[switch]]\narmed = true", "1:1: 'switch' must be written [switch]"),
        ("switch = true", "1:10: 'switch' must be written [switch]"),
        ("source = [\"/var/log\"]", "1:11: 'source' must be written [[source]]"),
        ("[price]\ninput = 5", "2:9: 'price' must be written [price.\"…\"]"),
    ]);
    assert_eq!(
        problems("[rule.a]\ntreshold_usd = 5\n"),
        [
            "1:2: 'rule' must be written [[rule]]",
            "2:1: unknown key 'treshold_usd' | `tripline config example` lists every key"
        ]
    );
}

#[test]
fn every_problem_is_reported_in_the_order_of_the_file() {
    let text = "timezone = \"Mars/Olympus\"\n[switch]\ndir = \"kill.d\"\n[engine]\nmax_age = 5\n\
                [[cap]]\nname = \"a\"\nusd = -1\nperiod = \"week\"\n";
    assert_eq!(
        problems(text),
        [
            "1:12: 'timezone' names an unknown time zone 'Mars/Olympus' | use an IANA name such as \"Europe/Berlin\", or \"UTC\"",
            "3:7: 'dir' must be an absolute path | the working directory of a service is not the one you see",
            "5:11: 'max_age' must be a duration with its unit, such as \"30s\" or \"1h 30m\", not a whole number",
            "8:7: 'usd' must not be negative, not '-1'",
            "9:10: 'period' has an unknown value 'week' | one of: day, month",
        ]
    );
}

#[test]
fn broken_toml_is_located() {
    refused(&[
        ("[switch]\narmed = true\narmed = false\n", "3:1: duplicate key"),
        ("[engine]\nmax_age = \"5s\"\n[engine]\n", "3:2: duplicate key"),
    ]);
    assert_eq!(problems("a.b = 1\n[a]\nc = 2\n").len(), 1);
    assert!(!problems("x = \"unclosed\n").is_empty());
}

#[test]
fn hostile_files_are_refused_in_bounded_time_and_depth() {
    let deep = std::fs::read("tests/corpus/hostile/toml/70-deep.toml").unwrap();
    assert!(problems(deep)[0].contains("recurs"));
    let dotted = format!("{}a = 1", "a.".repeat(200_000));
    assert!(problems(dotted)[0].contains("recurs"));
    let header = format!("[{}a]", "a.".repeat(200_000));
    assert!(problems(header)[0].contains("recurs"));
    // A hundred thousand mistakes: some are told, none costs a scan of the file.
    let many = (0..100_000).map(|i| format!("k{i}=1")).collect::<Vec<_>>().join("\n");
    let error = load_bytes(many).unwrap_err();
    assert_eq!(error.problems.len(), 100);
    assert!(error.to_string().ends_with("and many more problems"));
    let rules = "[[rule]]\nx=1\n".repeat(70_000);
    assert_eq!(load_bytes(rules).unwrap_err().problems.len(), 100);
    let long_value = format!("timezone = \"{}\"", "x".repeat(900_000));
    assert!(load_bytes(long_value).unwrap_err().to_string().len() < 1_000);
    let one_line = format!("x = [{}]", "1,".repeat(400_000));
    assert!(load_bytes(one_line).unwrap_err().to_string().len() < 1_000);
}

proptest::proptest! {
    #[test]
    fn no_damage_to_a_file_makes_loading_panic(
        cuts in proptest::collection::vec((0usize..8_000, 0usize..40, proptest::prelude::any::<[u8; 4]>()), 1..6),
    ) {
        let mut bytes = config::example().as_bytes().to_vec();
        for (at, length, new) in cuts {
            let start = at.min(bytes.len());
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, new);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for bytes in [bytes, text.into_bytes()] {
            if let Err(error) = load_bytes(bytes) {
                assert!(!error.problems.is_empty() && !error.to_string().is_empty());
            }
        }
    }
}

#[test]
fn a_file_over_one_mebibyte_is_refused_without_reading_it_all() {
    let too_large = vec![b'#'; 1_048_577];
    let message =
        "is larger than 1 MiB, so it is not a configuration | was a log file named with --config?";
    assert_eq!(problems(too_large), [format!("config.toml: {message}")]);
    let mut just_fits = vec![b'#'; 1_048_576];
    just_fits[1_048_575] = b'\n';
    assert!(load_bytes(just_fits).is_ok());

    // A file of a terabyte, all hole: only a bounded read ends soon.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let input = LoadInput { file: Some(ConfigFile::Path(path)), overrides: Vec::new() };
    let error = Config::load(&input).unwrap_err().to_string();
    assert!(error.contains("larger than 1 MiB"), "{error}");
}

#[test]
fn what_is_not_a_readable_file_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for (path, expected) in [
        (dir.path().join("none.toml"), "none.toml: cannot be read: "),
        (dir.path().to_path_buf(), "is not a regular file"),
        (PathBuf::from("/dev/zero"), "/dev/zero: is not a regular file"),
    ] {
        let input = LoadInput { file: Some(ConfigFile::Path(path)), overrides: Vec::new() };
        let error = Config::load(&input).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn encodings() {
    assert_eq!(
        problems(b"timezone = \"UTC\"\n# caf\xe9\n".to_vec()),
        ["2:6: the file is not UTF-8 | save it as UTF-8 and try again"]
    );
    assert_eq!(
        problems(b"\xff\xfet\0i\0".to_vec()),
        ["1:1: the file is not UTF-8 | save it as UTF-8 and try again"]
    );
    // Byte order mark and CRLF are fine, and lines are still counted right.
    let text = "\u{feff}config_version = 1\r\n[switch]\r\narmd = true\r\n";
    let error = load_bytes(text).unwrap_err().to_string();
    assert_eq!(
        error,
        "config.toml:3:1: unknown key 'armd'\narmd = true\n^^^^\nhint: did you mean 'armed'?"
    );
    assert!(load_bytes("\u{feff}config_version = 1\r\n[switch]\r\narmed = true\r\n").is_ok());
    assert_eq!(
        problems("\u{feff}timezon = \"UTC\""),
        ["1:1: unknown key 'timezon' | did you mean 'timezone'?"]
    );
    // Columns are characters, carets stand under wide ones.
    let error = load_bytes("[[cap]]\nmatch = { team = \"日本\", modl = \"x\" }").unwrap_err();
    let first = error.problems.iter().find(|p| p.message.contains("modl")).unwrap();
    let Place::Line { line: 2, column: 24, excerpt, .. } = &first.place else {
        panic!("{first:?}")
    };
    assert_eq!(excerpt.lines().nth(1), Some("                         ^^^^"));
}

#[test]
fn a_version_from_the_future_is_the_only_thing_said() {
    refused(&[
        (
            "config_version = 999\nnew_key = 1\n",
            "1:18: 'config_version' is 999, newer than this program knows (1) | this file needs a newer tripline",
        ),
        ("config_version = 0", "1:18: 'config_version' must be 1 to 4294967295"),
        ("config_version = -1", "1:18: 'config_version' must be 1 to 4294967295"),
        ("config_version = \"1\"", "1:18: 'config_version' must be a whole number, not a string"),
    ]);
}

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
        ("\"0.1\"", 100_000_000),
        // As a float this would be 9007199254.74099159…
        ("9007199254.740991001", 9_007_199_254_740_991_001),
        ("\"+12.5\"", 12_500_000_000),
        ("1_000.50", 1_000_500_000_000),
        ("0.000000001", 1),
        ("1.0000000000000", 1_000_000_000),
    ] {
        let config = load(&format!("[engine]\nmax_request_usd = {written}"));
        assert_eq!(config.max_request_usd, NanoUsd(nanos), "{written}");
    }
    for (written, expected) in [
        (
            "\"$5\"",
            "must be a plain decimal, not '$5' | money is in US dollars: leave the sign out: 5",
        ),
        ("\"5,00\"", "must be a plain decimal such as 12.50, not '5,00'"),
        ("\"5 USD\"", "must be a plain decimal such as 12.50, not '5 USD'"),
        ("1e3", "must be a plain decimal such as 12.50, not '1e3'"),
        ("nan", "must be a plain decimal such as 12.50, not 'nan'"),
        ("inf", "must be a plain decimal such as 12.50, not 'inf'"),
        ("-inf", "must not be negative, not '-inf'"),
        ("-1", "must not be negative, not '-1'"),
        ("\"\"", "must be a plain decimal such as 12.50, not ''"),
        ("\"5.\"", "must be a plain decimal such as 12.50, not '5.'"),
        ("\"½\"", "must be a plain decimal such as 12.50, not '½'"),
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
            "2:11: 'match' names a label that limit.remaining_ratio does not have: 'queue' | one of: provider, model, key, subject, scope, resource, label, layer",
        ),
        (
            "match = { resource = \"tokenz\" }",
            "2:22: 'match' label 'resource' is never 'tokenz' | did you mean 'tokens'?",
        ),
        (
            "match = { layer = \"zzz\" }",
            "2:19: 'match' label 'layer' is never 'zzz' | one of: upstream, gateway, unknown",
        ),
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
    let rules = load(&rule_with("match = { resource = \"*\" }")).rules;
    assert_eq!(rules.last().unwrap().matches["resource"], "*");
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
    // A rule that is off is still checked: it will be turned on one day.
    refused_rules(&[(
        "enabled = false\nclear = 0.05",
        "3:9: 'clear' is on the wrong side: it is bad below 0.1 | clear must be at or above 0.1",
    )]);
}

#[test]
fn prices() {
    let config = load("[price.\"openai/x\"]\ninput = 0.15\noutput = \"0.60\"\n");
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

#[test]
fn no_secret_and_no_raw_control_character_is_printed() {
    for text in [
        "api_key = \"hunter2-hunter2\"\n",
        "[[source]]\napi_token = 'hunter2-hunter2'\n",
        "[switch]\ndir = \"sk-proj-hunter2hunter2\"\n",
        "[[cap]]\nmatch = { password = \"hunter2\" }\n",
        "secret = \"hunter2\n",
        "timezone = \"sk-ant-hunter2-hunter2\"\n",
        "timezone = \"\\u001b]0;hunter\\u0007\"\n",
        "timezone = \"a\u{202e}b\"\n",
    ] {
        let error = load_bytes(text).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(
            !error.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{error:?}"
        );
    }
    let config = load(&rule_with("match = { key = \"sk-proj-hunter2hunter2\" }"));
    assert!(!config.show(Origins::Show).contains("hunter2"));
}

#[test]
fn the_command_line_goes_before_the_file_and_the_file_before_defaults() {
    let file = ConfigFile::Bytes {
        name: "config.toml".to_owned(),
        bytes: b"[display]\nfps = 10\nutc = true\n".to_vec(),
    };
    let overrides = vec![
        Override::new("--fps", "display.fps", 2),
        Override::new("--ascii", "display.ascii", "always"),
        Override::new("--state", "state_dir", "/var/lib/\"odd\" name"),
    ];
    let config = Config::load(&LoadInput { file: Some(file), overrides }).unwrap();
    assert_eq!((config.display.fps, config.display.utc), (2, true));
    assert_eq!((config.display.ascii, config.display.color), (When::Always, When::Auto));
    assert_eq!(config.state_dir, Some(PathBuf::from("/var/lib/\"odd\" name")));

    let display = config.shown.iter().find(|table| table.header == "[display]").unwrap();
    let origin = |key: &str| &display.settings.iter().find(|s| s.key == key).unwrap().origin;
    assert_eq!(origin("fps"), &Origin::CommandLine { flag: "--fps".to_owned() });
    assert_eq!(origin("utc"), &Origin::File { name: "config.toml".to_owned(), line: 3 });
    assert_eq!(origin("mouse"), &Origin::Default);
    let text = config.show(Origins::Show);
    assert!(text.contains("fps = 2  # command line --fps\n"), "{text}");
    assert!(text.contains("utc = true  # config.toml:3\n"), "{text}");

    let overrides = vec![Override::new("--fps", "display.fps", 900)];
    let error = Config::load(&LoadInput { file: None, overrides }).unwrap_err().to_string();
    assert_eq!(error, "--fps: 'fps' must be 1 to 30");
}

#[test]
fn nothing_configured_is_the_documented_defaults() {
    let config = Config::load(&LoadInput::default()).unwrap();
    assert_eq!(config.engine, Limits::default());
    assert_eq!(config.display, config::Display::default());
    assert_eq!(config.switch, config::SwitchConfig::default());
    assert_eq!((config.version, config.timezone.name.as_str()), (1, "UTC"));
    assert_eq!(config.max_request_usd, NanoUsd::from_usd(1000));
    assert_eq!((config.state_dir, config.file), (None, None));
    assert!(config.sources.is_empty() && config.caps.is_empty() && config.prices.is_empty());
}

#[test]
fn the_example_shows_every_key_with_its_default_and_loads_to_the_defaults() {
    let config = load(config::example());
    let plain = Config::load(&LoadInput::default()).unwrap();
    assert_eq!(config.engine, plain.engine);
    assert_eq!(config.display, plain.display);
    assert_eq!(config.switch, plain.switch);
    assert_eq!(config.timezone, plain.timezone);
    assert_eq!(config.max_request_usd, plain.max_request_usd);
    assert_eq!(config.caps[1].period, Period::Month);
    config.require_sources().unwrap();

    for table in TABLES {
        let part = example_part(table);
        for key in table.keys {
            let written = |line: &str| {
                let line = line.trim_start_matches("# ");
                line.strip_prefix(key.name)
                    .and_then(|rest| rest.trim_start().strip_prefix('='))
                    .map(|rest| rest.trim().to_owned())
            };
            let found: Vec<String> = part.lines().filter_map(written).collect();
            assert!(!found.is_empty(), "{} in {}", key.name, table.header());
            if let Some(default) = key.default {
                let said = format!("# default {default}");
                let shown = |value: &String| value == default || value.ends_with(&said);
                assert!(found.iter().any(shown), "default of {} is not shown", key.name);
            }
        }
    }
}

/// The example's lines that belong to a table, its commented keys included.
fn example_part(table: &config::Table) -> String {
    let mut current = "";
    let mut part = String::new();
    for line in config::example().lines() {
        if line.starts_with('[') {
            current = line.trim_matches(['[', ']']).split('.').next().unwrap_or("");
        }
        if current == table.name {
            part.push_str(line);
            part.push('\n');
        }
    }
    part
}

#[test]
fn every_commented_key_of_the_example_is_accepted() {
    let is_key = |line: &str| {
        let key = line.split('=').next().unwrap_or("").trim();
        line.contains(" = ") && TABLES.iter().flat_map(|table| table.keys).any(|k| k.name == key)
    };
    let live: String = config::example()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_key(rest) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = load(&live);
    assert_eq!(config.sources[0].host.as_deref(), Some("gw-1"));
    assert_eq!(config.switch.dir, Some(PathBuf::from("/run/tripline/kill.d")));
}

#[test]
fn what_config_show_prints_loads_to_the_same_configuration() {
    let config = load(config::example());
    for origins in [Origins::Hide, Origins::Show] {
        let again = load(&config.show(origins));
        assert_eq!(again.sources, config.sources);
        assert_eq!(again.caps, config.caps);
        assert_eq!(again.prices, config.prices);
        assert_eq!((again.display, &again.switch), (config.display, &config.switch));
        let sorted = |config: &Config| {
            let mut rules = config.rules.clone();
            for rule in &mut rules {
                rule.builtin = false;
            }
            rules.sort_by(|a, b| a.name.cmp(&b.name));
            rules
        };
        assert_eq!(sorted(&again), sorted(&config));
    }
}

#[test]
fn the_schema_lists_every_key() {
    let text = config::schema();
    for table in TABLES {
        assert!(table.shape == Shape::Top || text.contains(&format!("[{}", table.name)));
        for key in table.keys {
            assert!(text.contains(&format!("  {}: ", key.name)), "{}", key.name);
        }
    }
}

#[test]
fn candidates_are_the_users_then_the_systems() {
    let of = |xdg: Option<&str>, home: Option<&str>| {
        config::candidates(xdg.map(AsRef::as_ref), home.map(AsRef::as_ref))
    };
    let system = PathBuf::from("/etc/tripline/config.toml");
    let own = |path: &str| vec![PathBuf::from(path), system.clone()];
    assert_eq!(of(Some("/x"), Some("/h")), own("/x/tripline/config.toml"));
    assert_eq!(of(Some("relative"), Some("/h")), own("/h/.config/tripline/config.toml"));
    assert_eq!(of(None, Some("/h")), own("/h/.config/tripline/config.toml"));
    assert_eq!(of(None, None), [system.clone()]);
}
