//! `parse --explain` and `formats`: from a strange line to a map that reads it.

use std::fs;

use super::sandbox::Sandbox;

const STRANGE: &str = r#"{"acme_id":"a1","when":"2026-11-20T15:11:17Z","engine":{"name":"gpt-4o-mini","in":26,"out":42,"gpu":"h100"},"code":200}"#;

const MAP: &str = r#"
id = "acme"
detect = ["acme_id", "when"]
[fields]
at = "when"
model = "engine.name"
status = "code"
input_tokens = "engine.in"
output_tokens = "engine.out"
dedup_key = "acme_id"
"#;

#[test]
fn a_strange_line_is_explained_then_mapped_then_explained_again() {
    let sandbox = Sandbox::new();
    let config = sandbox.file("config.toml", "");
    let config = config.to_str().unwrap();
    let explain = ["--config", config, "parse", "--explain"];
    let before = sandbox.run_with(&explain, STRANGE.as_bytes()).ok().out();
    assert!(before.contains("no format takes it"), "{before}");
    assert!(before.contains("its keys: acme_id, when, engine.name"), "{before}");

    fs::create_dir(sandbox.path("formats")).unwrap();
    sandbox.file("formats/acme.toml", MAP);
    let after = sandbox.run_with(&explain, STRANGE.as_bytes()).ok().out();
    for part in [
        "taken by acme: has acme_id, when",
        "gpt-4o-mini",
        "engine.name",
        "keys not used: engine.gpu",
        "(price of gpt-4o-mini)",
        "the same call by: dedup_key, names, time, status, tokens, cost and durations",
    ] {
        assert!(after.contains(part), "{part} in {after}");
    }
    let widest = after.lines().chain(before.lines()).map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{after}");

    let json = [&explain[..], &["--json"]].concat();
    let twice = format!("{STRANGE}\n{STRANGE}\n");
    let rows = sandbox.run_with(&json, twice.as_bytes()).ok().lines();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["schema"], &rows[1]["line"]), (&"tripline.explain/v1".into(), &2.into()));
    let fields = rows[0]["records"][0]["fields"].as_array().unwrap();
    let model = fields.iter().find(|field| field["field"] == "model").unwrap();
    assert_eq!(
        (model["from"].as_str(), model["value"].as_str()),
        (Some("engine.name"), Some("gpt-4o-mini"))
    );
    let observed = |row: usize| &rows[row]["observations"][0];
    assert_eq!(observed(0)["model"], "gpt-4o-mini");
    assert_eq!(
        (&observed(0)["duplicate"], &observed(1)["duplicate"]),
        (&false.into(), &true.into())
    );
}

/// Whoever wrote a map that takes nothing is told why, however little of it fits.
#[test]
fn a_map_of_ones_own_is_named_where_it_misses() {
    let sandbox = Sandbox::new();
    let config = sandbox.file("config.toml", "");
    let explain = |map: &str, line: &str| {
        sandbox.file("formats/own.toml", format!("id = \"own\"\n{map}\n"));
        let args = ["--config", config.to_str().unwrap(), "parse", "--explain"];
        sandbox.run_with(&args, line.as_bytes()).ok().out()
    };
    fs::create_dir(sandbox.path("formats")).unwrap();
    let fields = "[fields]\nmodel = \"engine.name\"";
    for (map, line, why) in [
        (format!("detect = [\"nothing\"]\n{fields}"), STRANGE, "not own: no nothing"),
        (fields.to_owned(), STRANGE, "not own: it has no `detect`"),
        (
            "input = \"regex\"\npatterns = ['^call (?P<model>\\S+)$']".to_owned(),
            "CALL m",
            "not own: none of 1 patterns fits",
        ),
    ] {
        let said = explain(&map, line);
        assert!(said.contains(why), "{said}");
    }
    let holds = "detect = [\"acme_id\"]\nexplode = \"engine.calls\"\n[fields]\nmodel = \"name\"";
    let said = explain(holds, STRANGE);
    for part in [
        "format: own",
        "`explode` finds no object in engine.calls",
        "engine.name",
        "reason no_call",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let kept = format!("detect = [\"acme_id\"]\nkeep = {{ has = \"other\" }}\n{fields}");
    let said = explain(&kept, STRANGE);
    assert!(said.contains("format: own") && !said.contains("of no format"), "{said}");
}

/// A shell empties the file before the program reads it.
#[test]
fn an_empty_file_is_no_map_and_a_file_is_one_map() {
    let sandbox = Sandbox::new();
    let config = sandbox.file("config.toml", "");
    fs::create_dir(sandbox.path("formats")).unwrap();
    sandbox.file("formats/mine.toml", "");
    let args = ["--config", config.to_str().unwrap(), "formats", "litellm-spend"];
    let map = sandbox.run(args).ok().out();
    sandbox.file("formats/mine.toml", &map);
    assert_eq!(sandbox.run(args).ok().out(), map);
    sandbox.file("formats/mine.toml", "[[format]]\nid = \"x\"\n");
    sandbox.run(args).exits(78).says("leave out the header [[format]]");
}

#[test]
fn json_says_which_keys_nothing_takes_and_that_a_secret_was_met() {
    let sandbox = Sandbox::new();
    let secret = r#"{"model":"m","status":200,"user":"sk-proj-abcdefghijklmnopqrstuvwxyz012345"}"#;
    let lines = format!("{STRANGE}\n{secret}\n");
    let rows =
        sandbox.run_with(&["parse", "--explain", "--json", "-"], lines.as_bytes()).ok().lines();
    let keys = rows[0]["unread_keys"].as_array().unwrap();
    assert!(keys.contains(&"engine.gpu".into()) && keys.contains(&"code".into()), "{keys:?}");
    // The one that came nearest stands first, and says what it misses.
    let nearest = &rows[0]["tried"][0];
    assert!(nearest["met"].as_u64() >= rows[0]["tried"][1]["met"].as_u64());
    assert!(nearest["why"].as_str().unwrap().contains("no "), "{nearest}");
    assert_eq!(rows[1]["records"][0]["key_in_log"], true);
    let told = rows[1]["observations"].as_array().unwrap();
    assert!(told.iter().any(|row| row["reason"] == "key_in_log"), "asking changes nothing");
    assert!(!rows[1].to_string().contains("abcdefghijklmnop"));
}

#[test]
fn a_refused_call_costs_nothing_unless_its_line_says_so() {
    let sandbox = Sandbox::new();
    let call = |more: &str| {
        format!(
            r#"{{"ts":"2026-11-20T15:11:17Z","model":"gpt-4o-mini","input_tokens":1000,{more}}}"#
        )
    };
    let lines = [
        call(r#""status":200,"output_tokens":10"#),
        call(r#""status":429,"output_tokens":10"#),
        call(r#""error":"rate_limit_exceeded""#),
        call(r#""status":429,"output_tokens":10,"cost_usd":0.25"#),
    ];
    let rows = sandbox.run_with(&["parse", "-"], lines.join("\n").as_bytes()).ok().lines();
    let costs: Vec<Option<&str>> = rows.iter().map(|row| row["cost_usd"].as_str()).collect();
    assert_eq!(costs, [Some("0.000156"), None, None, Some("0.250000")]);
}

#[test]
fn formats_are_listed_with_their_files_and_printed_to_be_copied() {
    let sandbox = Sandbox::new();
    let own = "[[format]]\nid = \"acme\"\nabout = \"ours\"\ndetect = [\"a\", \"b\"]\nfields = { model = \"m\" }\n\
               [[format]]\nid = \"weave\"\ndetect = [\"w\"]\nfields = { model = \"m\" }\n";
    let config = sandbox.file("config.toml", own);
    let config = config.to_str().unwrap();
    let listed = sandbox.run(["--config", config, "formats", "--json"]).ok().json();
    let of = |id: &str| {
        let formats = listed["formats"].as_array().unwrap();
        formats.iter().find(|format| format["id"] == id).cloned().unwrap()
    };
    assert_eq!(of("acme")["origin"], "own");
    assert_eq!(of("acme")["file"], config);
    assert_eq!(of("acme")["told_by"][0], "has a, b");
    assert_eq!(of("weave")["origin"], "override");
    assert_eq!(of("litellm-spend")["origin"], "built-in");
    let text = sandbox.run(["--config", config, "formats"]).ok().out();
    assert!(
        text.contains("acme  (jsonl, yours, ") && text.contains("nginx-json  (jsonl, built-in)")
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80
            || line.starts_with("acme")
            || line.starts_with("weave")),
        "{text}"
    );

    // What is printed is a map: a copy of it under another name is read.
    let map = sandbox.run(["--config", config, "formats", "nginx-json"]).ok().out();
    fs::create_dir(sandbox.path("formats")).unwrap();
    sandbox.file("formats/mine.toml", map.replace("id = \"nginx-json\"", "id = \"mine\""));
    sandbox.run(["--config", config, "config", "check"]).ok();
    let map = sandbox.run(["--config", config, "formats", "acme"]).ok().out();
    sandbox.file("formats/again.toml", map.replace("\"acme\"", "\"again\""));
    sandbox.run(["--config", config, "config", "check"]).ok();

    sandbox.run(["--config", config, "formats", "wave"]).exits(64).says("did you mean `weave`?");
    sandbox.run(["--config", config, "parse", "--json"]).exits(64);
}

#[test]
fn a_limit_is_called_by_its_name_and_not_by_a_number() {
    let sandbox = Sandbox::new();
    let line = r#"{"at":"2026-11-20T14:03:27Z","status":429,"provider":"openai","model":"gpt-4o","headers":{"x-ratelimit-limit-tokens":"1000","x-ratelimit-remaining-tokens":"0","x-ratelimit-remaining-requests":"5"}}"#;
    let said = sandbox.run_with(&["parse", "--explain"], line.as_bytes()).ok().out();
    for part in [
        "is remaining, tokens in 60 s",
        "limit openai gpt-4o TPM, tokens in 60 s: ",
        "limit openai gpt-4o RPM, requests in 60 s: ",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("limit 0") && !said.contains("limit 1:"), "{said}");
}
