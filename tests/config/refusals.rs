//! Files that are refused: unknown keys, broken or hostile text, secrets.

use std::path::PathBuf;

use tripline::config::{self, Config, ConfigFile, LoadInput, Origins, Place};

use super::{load, load_bytes, problems, refused, refused_rules, rule_with};

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
                [[cap]]\nname = \"a\"\nusd = -1\nperiod = \"year\"\n";
    assert_eq!(
        problems(text),
        [
            "1:12: 'timezone' names an unknown time zone 'Mars/Olympus' | use an IANA name such as \"Europe/Berlin\", or \"UTC\"",
            "3:7: 'dir' must be an absolute path | the working directory of a service is not the one you see",
            "5:11: 'max_age' must be a duration with its unit, such as \"30s\" or \"1h 30m\", not a whole number",
            "8:7: 'usd' must not be negative, not '-1'",
            "9:10: 'period' must be \"day\", \"week\", \"month\" or the length of a rolling period, not 'year' | a rolling period is \"1h\" to \"31d\", in whole minutes",
        ]
    );
}

#[test]
fn every_fault_of_a_list_is_reported() {
    let actions = "actions = [\"page:me\", \"trip:al\", \"trip:openai\"]";
    assert_eq!(problems(rule_with(actions)).len(), 3, "{:?}", problems(rule_with(actions)));
    let above = "above = [{ valu = 1, severty = \"info\" }, 3, { value = \"x\" }]";
    assert_eq!(
        problems(rule_with(above)),
        [
            "2:10: 'above' needs a 'value' in each threshold",
            "2:12: 'above' has an unknown key 'valu' | did you mean 'value'?",
            "2:22: 'above' has an unknown key 'severty' | did you mean 'severity'?",
            "2:42: 'above' is never reached | limit.remaining_ratio is a share: did you mean 0.03?",
            "2:55: 'above' must be a number, not a string",
        ]
    );
    let paths = problems("[[source]]\nname = \"a\"\npaths = [1, \"/x\", false]\n");
    assert_eq!(paths.len(), 2, "{paths:?}");
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
fn sources_that_are_asked_need_an_address_a_budget_and_no_key_in_the_file() {
    let probe = |lines: &str| {
        format!(
            "[[source]]\nkind = \"probe\"\nname = \"p\"\nurl = \"https://api.example.com/\"\n{lines}"
        )
    };
    let redis = |lines: &str| {
        format!("[[source]]\nkind = \"redis\"\nname = \"r\"\nqueues = [{{ key = \"a\" }}]\n{lines}")
    };
    let queue = |queues: &str| {
        format!("[[source]]\nkind = \"redis\"\nurl = \"redis://[::1]\"\nqueues = [{queues}]")
    };
    let hint = "write { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"…\"] }, and `prefix` for what stands before the key";
    for (text, expected) in [
        ("[[source]]\nkind = \"prob\"".to_owned(), "2:8: 'kind' has an unknown value 'prob' | did you mean 'probe'?".to_owned()),
        ("[[source]]\nkind = \"scrape\"".to_owned(), "1:1: [[source]] needs 'url'".to_owned()),
        (
            "[[source]]\nkind = \"scrape\"\nurl = \"http://10.0.0.7:8000/metrics\"".to_owned(),
            "3:7: 'url' must be https:// for another machine than this one | or `allow_plain = true`, where no key or password is sent".to_owned(),
        ),
        (
            "[[source]]\nkind = \"scrape\"\nurl = \"http://[::1]/\"\nbody = \"x\"".to_owned(),
            "4:8: 'body' is not for a source of kind \"scrape\" | add `kind = \"probe\"`".to_owned(),
        ),
        (
            "[[source]]\npaths = [\"a\"]\nurl = \"http://[::1]/\"".to_owned(),
            "3:7: 'url' is not for a source of kind \"file\" | add `kind = \"probe\"`".to_owned(),
        ),
        (
            "[[source]]\nkind = \"scrape\"\nurl = \"http://vllm:8000/metrics\"\nallow_plain = true\nheaders = { x-api-key = { env = \"A\" } }".to_owned(),
            "5:11: 'headers' hold a key that would be readable on the way: use https://".to_owned(),
        ),
        (
            "[[source]]\nkind = \"poll\"\napi = \"openai-cost\"".to_owned(),
            "3:7: 'api' has an unknown value 'openai-cost' | did you mean 'openai-costs'?".to_owned(),
        ),
        ("[[source]]\nkind = \"poll\"\napi = \"litellm-key\"".to_owned(), "1:1: [[source]] needs 'url'".to_owned()),
        (
            "[[source]]\nkind = \"poll\"\napi = \"openai-costs\"\nevery = \"30s\"".to_owned(),
            "4:9: 'every' must be at least \"1m\": a provider is not asked more often".to_owned(),
        ),
        ("[[source]]\nkind = \"redis\"\nurl = \"redis://[::1]\"".to_owned(), "1:1: [[source]] needs 'queues'".to_owned()),
        (
            "[[source]]\nkind = \"redis\"\nurl = \"redis://:hunter2@[::1]\"\nqueues = [{ key = \"a\" }]".to_owned(),
            "3:7: 'url' must not hold a user name or password".to_owned(),
        ),
        (redis("url = \"redis://redis:6379\""), "5:7: 'url' must be rediss:// for another machine than this one | or `allow_plain = true`, where no key or password is sent".to_owned()),
        (
            redis("url = \"redis://redis:6379\"\nallow_plain = true\npassword = { env = \"A\" }"),
            "7:12: 'password' would be readable on the way: use rediss://".to_owned(),
        ),
        (redis("url = \"redis://[::1]\"\npassword = \"hunter2\""), format!("6:12: 'password' must not be written out here | {hint}")),
        (queue("{}"), "4:11: 'queues' has a queue without a `key`".to_owned()),
        (queue("{ key = \"a\" }, { key = \"a\" }"), "4:10: 'queues' has two queues 'a' of the same priority | give each a `name` of its own".to_owned()),
        (queue("{ key = \"a\", type = \"zet\" }"), "4:31: 'queues' 'type' has an unknown value 'zet' | did you mean 'zset'?".to_owned()),
        (queue("{ key = \"a\", prio = \"low\" }"), "4:24: 'queues' has an unknown part 'prio' | one of: key, name, group, priority, type, convention".to_owned()),
        (queue("{ key = \"a\", group = \"g\", type = \"list\" }"), "4:11: 'queues' has a `group` of something that is no stream".to_owned()),
        (probe("every = \"59s\""), "5:9: 'every' must be at least \"1m\": a provider is not asked more often".to_owned()),
        (probe("max_per_day = 0"), "5:15: 'max_per_day' must be 1 to 100000".to_owned()),
        (probe("max_usd_per_day = 0"), "5:19: 'max_usd_per_day' must be above 0".to_owned()),
        (probe("count = false"), "5:9: 'count' must not be false: a probe pays for its calls | leave it out".to_owned()),
        (probe("headers = { Authorization = \"Bearer hunter2\" }"), format!("5:29: 'headers' 'Authorization' must not be written out here | {hint}")),
        (probe("headers = { x-note = \"sk-proj-abcdefgh12345678ABCDEFGH\" }"), format!("5:22: 'headers' 'x-note' must not be written out here | {hint}")),
        (probe("headers = { x-api-key = { env = \"A\", file = \"b\" } }"), format!("5:25: 'headers' 'x-api-key' needs exactly one of env, file and command | {hint}")),
        (probe("headers = { x-api-key = { evn = \"A\" } }"), "5:27: 'headers' 'x-api-key' has an unknown part 'evn' | did you mean 'env'?".to_owned()),
        (probe("headers = { x-api-key = { env = \"$A\" } }"), "5:33: 'headers' 'x-api-key' must be the name of a variable, without `$`".to_owned()),
        (probe("headers = { \"a b\" = \"c\" }"), "5:13: 'headers' has a name that is no header's: 'a b'".to_owned()),
        (probe("body = \"key sk-proj-abcdefgh12345678ABCDEFGH\""), "5:8: 'body' must not hold a key".to_owned()),
        ("[scrape]\nmap = 1".to_owned(), "2:7: 'scrape.map' must be written [[scrape.map]]".to_owned()),
        ("[[scrape.map]]\nmetric = \"a\"\nqueue = \"depht\"\nname = \"q\"".to_owned(), "3:9: 'queue' must be one of: depth, running, oldest_age_s, enqueued_total, dequeued_total, dropped_total".to_owned()),
        ("[[scrape.map]]\nmetric = \"a\"".to_owned(), "2:10: 'metric' must become exactly one of `queue`, `limit` and `show`".to_owned()),
        ("[[scrape.map]]\nmetric = \"a\"\nshow = \"b\"\nlabel = []".to_owned(), "4:1: unknown key 'label' | did you mean 'labels'?".to_owned()),
        ("[scrape]\nfoo = 1\n[[scrape.map]]\nmetric = \"a\"\nshow = \"b\"".to_owned(), "2:1: unknown key 'foo' | scrape.map is written [[scrape.map]]".to_owned()),
    ] {
        refused(&[(&text, &expected)]);
    }
}

#[test]
fn a_key_that_was_pasted_in_is_not_shown_in_the_complaint() {
    for header in ["Authorization", "Ocp-Apim-Subscription-Key", "Cookie", "x-auth-token"] {
        let text = format!(
            "[[source]]\nkind = \"scrape\"\nurl = \"http://[::1]/\"\nheaders = {{ {header} = \"hunter2\" }}\n"
        );
        let error = load_bytes(text).unwrap_err().to_string();
        assert!(error.contains("must not be written out") && !error.contains("hunter2"), "{error}");
    }
}
