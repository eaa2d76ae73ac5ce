//! Defaults, file and command line; the example; `config show`.

use std::path::PathBuf;

use tripline::action::switch::NetworkFs;
use tripline::config::{
    self, Config, ConfigFile, LoadInput, Origin, Origins, Override, Shape, TABLES, When,
};
use tripline::domain::NanoUsd;
use tripline::engine::{Limits, Period};
use tripline::source::SourceSpec;

use super::load;

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
            current = line.trim_matches(['[', ']']);
        }
        let is_part = current.split(".\"").next() == Some(table.name);
        if is_part {
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
            Some(rest) if is_key(rest) || rest.starts_with("[[") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = load(&live);
    assert_eq!(config.sources[0].host.as_deref(), Some("gw-1"));
    let kinds: Vec<&str> = config.sources.iter().map(SourceSpec::kind).collect();
    assert_eq!(kinds, ["file", "command", "journald", "probe", "scrape"]);
    assert_eq!(config.switch.dir, Some(PathBuf::from("/run/tripline/kill.d")));
    assert_eq!(config.switch.allow_network_fs, NetworkFs::Allow("nfs".to_owned()));
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
    assert_eq!(of(None, None), std::slice::from_ref(&system));
}
