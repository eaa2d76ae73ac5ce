//! The configuration through its public door.
use tripline::config::{self, Config, ConfigFile, LoadInput, Origins};

fn load(text: &str) -> Result<Config, String> {
    let file = ConfigFile::Bytes { name: "config.toml".to_owned(), bytes: text.into() };
    let input = LoadInput { file: Some(file), overrides: Vec::new() };
    Config::load(&input).map_err(|error| error.to_string())
}

#[test]
fn the_example_loads() {
    let config = load(config::example()).unwrap();
    assert!(config.show(Origins::Show).contains("timezone = \"UTC\"  # config.toml:19"));
}
