//! Configuration: TOML, layered, validated, each value with its origin.
//!
//! A typo must never disarm a rule: what is not understood is refused with
//! file, line, column and a hint, and all of it at once. It reads its own file
//! and nothing else: no environment, no clock, no threads, no screen.

mod document;
mod error;
mod formats;
mod item;
mod load;
mod net;
mod price;
mod program;
mod reader;
mod rule;
mod safe;
mod schema;
mod scope;
mod settings;
mod show;
mod stop;
mod value;

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::decode::{FormatMaps, MetricMap};
use crate::domain::NanoUsd;
use crate::engine::{CapSpec, Limits};
use crate::pricing::ModelPrice;
use crate::rules::RuleSpec;
use crate::source::SourceSpec;

pub use document::MAX_BYTES;
pub use error::{ConfigError, Place, Problem};
pub use load::{ConfigFile, LoadInput, Override};
pub use schema::{Key, Shape, TABLES, Table, schema};
pub use settings::{Display, LedgerConfig, ServeConfig, SwitchConfig, When};
pub use show::{Origin, Origins, Setting, Shown};
pub use stop::{Known, StopConfig};

/// The newest `config_version` this program reads.
pub const VERSION: u32 = 1;

/// Everything the program was told, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Version of the configuration's own language.
    pub version: u32,
    /// Zone in which days and months of spend begin.
    pub timezone: Zone,
    /// Where state is kept; the caller's default where absent.
    pub state_dir: Option<PathBuf>,
    /// What is read.
    pub sources: Vec<SourceSpec>,
    /// What metrics of scraped pages mean, before the shipped maps.
    pub metric_maps: Vec<MetricMap>,
    /// Spend caps.
    pub caps: Vec<CapSpec>,
    /// Rules in force: the built-in ones, then the configured ones.
    pub rules: Vec<RuleSpec>,
    /// The kill switch.
    pub switch: SwitchConfig,
    /// Which evidence counts, and how long gateways have to obey.
    pub engine: Limits,
    /// A single call that costs more than this is suspect and not counted.
    pub max_request_usd: NanoUsd,
    /// What is kept over restarts.
    pub ledger: LedgerConfig,
    /// The engine without a screen.
    pub serve: ServeConfig,
    /// The console.
    pub display: Display,
    /// Prices by `provider/model` or `model` that replace or extend the embedded table.
    pub prices: Vec<(String, ModelPrice)>,
    /// The shipped formats and the user's own.
    pub formats: FormatMaps,
    /// Every setting as written, for `config show`.
    pub shown: Vec<Shown>,
    /// Name of the file, where there is one.
    pub file: Option<String>,
}

/// A time zone and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// IANA name.
    pub name: String,
    /// The zone.
    pub zone: TimeZone,
}

impl Config {
    /// Reads the layers (defaults, file, command line) and checks them.
    /// Reports every problem found, not only the first.
    pub fn load(input: &LoadInput) -> Result<Config, ConfigError> {
        load::load(input)
    }

    /// What a stop needs of a configuration in which something else is wrong, over the
    /// defaults. Fails where that itself can't be read or is wrong.
    pub fn load_for_stop(input: &LoadInput, known: Known) -> Result<StopConfig, ConfigError> {
        stop::load_for_stop(input, known)
    }

    /// For a caller that was given no paths either: watching nothing is an
    /// error, not a quiet success.
    pub fn require_sources(&self) -> Result<(), ConfigError> {
        if !self.sources.is_empty() {
            return Ok(());
        }
        let place = Place::File(self.file.clone().unwrap_or_else(|| "configuration".to_owned()));
        let problem = Problem {
            place,
            message: "nothing is watched: there is no [[source]]".to_owned(),
            hint: Some("add a [[source]] with `paths`, or name log files as arguments".to_owned()),
        };
        Err(ConfigError::from(vec![problem]))
    }
}

/// The example configuration, complete and commented.
#[must_use]
pub const fn example() -> &'static str {
    include_str!("../config.toml.example")
}

/// Where a configuration is looked for when none is named, best first. The
/// caller reads the environment.
#[must_use]
pub fn candidates(xdg_config_home: Option<&Path>, home: Option<&Path>) -> Vec<PathBuf> {
    // The XDG specification: a relative or empty value counts as unset.
    let own = xdg_config_home
        .filter(|dir| dir.is_absolute())
        .map(Path::to_path_buf)
        .or_else(|| home.map(|home| home.join(".config")));
    let system = PathBuf::from("/etc/tripline/config.toml");
    own.map(|dir| dir.join("tripline/config.toml")).into_iter().chain([system]).collect()
}
