//! From flags and files to what a run is made of.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::args::Global;
use super::env::{Env, host_name};
use super::failure::{Failure, Kind};
use super::out::say;
use super::salt;
use crate::action::ArmState;
use crate::config::{Config, ConfigError, ConfigFile, Known, LoadInput, Override, When};
use crate::decode::Texts;
use crate::domain::Names;
use crate::engine::{EngineSpec, counted};
use crate::pricing::PriceTable;
use crate::runtime::{LedgerAccess, LedgerSetup, NetSetup, SwitchAccess, SwitchSetup};
use crate::source::{Pipelines, Recipe, SourceSpec};

/// A command's surroundings: flags, environment and configuration.
pub struct Context {
    /// What was typed.
    pub global: Global,
    /// What the environment says.
    pub env: Env,
    /// What is configured.
    pub config: Config,
    /// Where state is kept.
    pub state_dir: PathBuf,
    /// Options that lead another run to the same configuration and state, as in
    /// ` --config FILE`; `None` where the configuration is no file.
    pub shell_options: Option<String>,
    /// Whether `[switch]` is known: where it is not, `config` has its defaults.
    pub switch_read: bool,
}

impl Context {
    /// Load the configuration that flags and environment lead to.
    pub fn load(global: &Global, env: &Env) -> Result<Context, Failure> {
        Context::with(global, env, file(global, env))
    }

    /// The same over a configuration that is known already.
    pub fn with(global: &Global, env: &Env, file: Option<ConfigFile>) -> Result<Context, Failure> {
        let input = LoadInput { file, overrides: overrides(global) };
        let config = Config::load(&input).map_err(|error| Failure::new(Kind::Config, error))?;
        Context::of(global, env, input.file.as_ref(), config)
    }

    /// For what must work with a configuration in which something else is wrong, which
    /// is told on standard error. `dir` is a switch directory that was typed.
    pub fn load_for_stop(
        global: &Global,
        env: &Env,
        dir: Option<&Path>,
    ) -> Result<Context, Failure> {
        let mut overrides = overrides(global);
        if let Some(dir) = dir {
            let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
            let dir = dir.to_string_lossy().into_owned();
            overrides.push(Override::new("--dir", "switch.dir", dir));
        }
        let input = LoadInput { file: file(global, env), overrides };
        let wrong = match Config::load(&input) {
            Ok(config) => return Context::of(global, env, input.file.as_ref(), config),
            Err(wrong) => wrong,
        };
        let known = match (dir, &global.state) {
            (None, None) => Known::Nothing,
            (None, Some(_)) => Known::State,
            (Some(_), None) => Known::Switch,
            (Some(_), Some(_)) => Known::Both,
        };
        let read = Config::load_for_stop(&input, known).map_err(|error| {
            Failure::new(Kind::Config, error)
                .hint("without this file: `tripline switch --dir DIR --state DIR …`, where DIR is what gateways look into, and the state directory")
                .hint("or by hand: a file all.kill in that directory stops everything")
        })?;
        warn(&wrong);
        let context = Context::of(global, env, input.file.as_ref(), read.config)?;
        Ok(Context { switch_read: read.switch_read, ..context })
    }

    fn of(
        global: &Global,
        env: &Env,
        file: Option<&ConfigFile>,
        config: Config,
    ) -> Result<Context, Failure> {
        let shell_options = match file {
            Some(ConfigFile::Bytes { .. }) => None,
            _ => shell_options(global),
        };
        // The kill files below it are found by other programs: no relative path will do.
        let named = global.state.as_ref();
        let named = named.map(|dir| std::path::absolute(dir).unwrap_or_else(|_| dir.clone()));
        let state_dir = named
            .or_else(|| config.state_dir.clone())
            .or_else(|| env.state_dir())
            .ok_or_else(|| {
                Failure::new(Kind::Usage, "there is no place for state: HOME is not set")
                    .hint("name a directory with --state DIR")
            })?;
        let (global, env) = (global.clone(), env.clone());
        Ok(Context { global, env, config, state_dir, shell_options, switch_read: true })
    }

    /// What is read: the paths typed, else the configured sources.
    pub fn sources(&self, paths: &[String]) -> Result<Vec<SourceSpec>, Failure> {
        if paths.is_empty() {
            self.config.require_sources().map_err(|error| {
                // A file that watches nothing is what is wrong; without one the command
                // line is.
                let kind = if self.config.file.is_some() { Kind::Config } else { Kind::Usage };
                Failure::new(kind, error.to_string().lines().next().unwrap_or_default())
                    .hint("name log files (`tripline /var/log/gateway.log`), or configure a [[source]]")
                    .hint("`tripline demo` shows what it looks like")
            })?;
            return Ok(self.config.sources.clone());
        }
        let source = |path: &String| SourceSpec {
            name: path.clone(),
            paths: vec![path.clone()],
            ..SourceSpec::default()
        };
        Ok(paths.iter().map(source).collect())
    }

    /// What the engine is told.
    #[must_use]
    pub fn engine(&self) -> EngineSpec {
        EngineSpec {
            prices_of: self.prices().collected(),
            caps: self.config.caps.clone(),
            rules: self.config.rules.clone(),
            limits: self.config.engine.clone(),
            timezone: self.config.timezone.zone.clone(),
            sources: Vec::new(),
        }
    }

    /// What turns lines into observations.
    #[must_use]
    pub fn pipelines(&self, names: &Names, texts: Texts) -> Pipelines {
        let host = host_name();
        Pipelines {
            formats: Arc::new(
                self.config.formats.compile().with_metrics(self.config.metric_maps.clone()),
            ),
            prices: self.prices().into(),
            names: names.clone(),
            max_request_usd: self.config.max_request_usd,
            key_salt: self.key_salt(),
            host,
            texts,
        }
    }

    fn prices(&self) -> PriceTable {
        let mut prices = PriceTable::builtin();
        for (name, price) in &self.config.prices {
            prices.set(name, price.clone());
        }
        prices
    }

    /// The kill switch.
    #[must_use]
    pub fn switch(&self) -> SwitchSetup {
        let config = &self.config.switch;
        SwitchSetup {
            dir: config.dir.clone().unwrap_or_else(|| self.state_dir.join("kill.d")),
            network: config.allow_network_fs.clone(),
            armed: if config.armed { ArmState::Armed } else { ArmState::Disarmed },
            state_dir: self.state_dir.clone(),
            host: host_name(),
            access: if self.config.display.read_only {
                SwitchAccess::Look
            } else {
                SwitchAccess::Act
            },
        }
    }

    /// Where the ledger is, if the configuration wants one, and whether it may be
    /// written.
    #[must_use]
    pub fn ledger(&self) -> Option<LedgerSetup> {
        let read_only = self.config.display.read_only;
        let access = if read_only { LedgerAccess::Look } else { LedgerAccess::Keep };
        let enabled = self.config.ledger.enabled;
        enabled.then(|| LedgerSetup { dir: self.ledger_dir(), host: host_name(), access })
    }

    /// Directory of the ledger.
    #[must_use]
    pub fn ledger_dir(&self) -> PathBuf {
        self.config.ledger.dir.clone().unwrap_or_else(|| self.state_dir.clone())
    }

    fn key_salt(&self) -> u64 {
        salt::of(&self.ledger_dir(), &host_name())
    }

    /// Whether somebody said where state is.
    #[must_use]
    pub fn state_is_named(&self) -> bool {
        self.global.state.is_some() || self.config.state_dir.is_some()
    }

    /// Where the daemon answers.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let dir = self.env.runtime_dir.as_ref().unwrap_or(&self.state_dir);
        self.config.serve.socket.clone().unwrap_or_else(|| dir.join("tripline.sock"))
    }

    /// Where one may be found that was started with another environment.
    #[must_use]
    pub fn sign(&self) -> PathBuf {
        self.state_dir.join("tripline.sock")
    }

    /// What asking over the network needs.
    #[must_use]
    pub fn net(&self, names: &Names) -> NetSetup {
        NetSetup {
            state_dir: self.state_dir.clone(),
            env: super::env::variable,
            names: names.clone(),
            key_salt: self.key_salt(),
        }
    }

    /// Make the state directory, private to its owner, if anything may be made.
    pub fn make_state_dir(&self) -> Result<(), Failure> {
        use std::os::unix::fs::DirBuilderExt;
        if self.config.display.read_only {
            return Ok(());
        }
        let dir = &self.state_dir;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| {
            let message = format!("cannot make the state directory {}: {error}", dir.display());
            Failure::new(Kind::Failed, message).hint("name another one with --state DIR")
        })
    }

    /// Refuse what changes something, if only looking is allowed.
    pub fn refuse_if_read_only(&self) -> Result<(), Failure> {
        if !self.config.display.read_only {
            return Ok(());
        }
        Err(Failure::new(Kind::Refused, "this is read-only")
            .hint("leave out --read-only, and `read_only` in [display]"))
    }

    /// Who is at the keyboard.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.env.user
    }

    /// Shortest time between two frames.
    #[must_use]
    pub fn frame_every(&self) -> Duration {
        Duration::from_secs(1) / u32::from(self.config.display.fps.max(1))
    }

    /// Whether colours may be used.
    #[must_use]
    pub fn color(&self) -> bool {
        match self.config.display.color {
            When::Always => true,
            When::Never => false,
            When::Auto => !self.env.no_color,
        }
    }

    /// Whether only ASCII may be drawn.
    #[must_use]
    pub fn ascii(&self) -> bool {
        match self.config.display.ascii {
            When::Always => true,
            When::Never => false,
            When::Auto => !self.env.utf8,
        }
    }
}

/// A factory of sinks for a run; formats are checked before it is made.
pub fn sinks(
    pipelines: &Pipelines,
    sources: &[SourceSpec],
) -> Result<Box<crate::source::Sinks>, Failure> {
    let of = |source: &SourceSpec| {
        let refused =
            |error| Failure::new(Kind::Usage, format!("source '{}': {error}", source.name));
        pipelines.of(source).map_err(refused)
    };
    let recipes: Vec<Recipe> = sources.iter().map(of).collect::<Result<_, _>>()?;
    let usual = of(&SourceSpec::default())?;
    Ok(Box::new(move |id, _path| Box::new(recipes.get(id.0 as usize).unwrap_or(&usual).pipeline())))
}

/// The configuration file that was named, or else found.
fn file(global: &Global, env: &Env) -> Option<ConfigFile> {
    let found = || env.config_candidates().into_iter().find(|path| path.exists());
    global.config.clone().or_else(found).map(ConfigFile::Path)
}

/// What is wrong with the configuration and does not matter now.
fn warn(wrong: &ConfigError) {
    const TOLD: usize = 5;
    let count = counted(wrong.problems.len(), "error");
    say(&format!("tripline: warning: the configuration has {count}, not needed for this:"));
    for problem in wrong.problems.iter().take(TOLD) {
        say(&format!("  {}", problem.line()));
    }
    say("hint: `tripline config check` shows all of it");
}

/// What must be typed again to reach the same files from anywhere.
fn shell_options(global: &Global) -> Option<String> {
    let mut options = String::new();
    for (flag, path) in [("--config", &global.config), ("--state", &global.state)] {
        let Some(path) = path else { continue };
        let whole = std::path::absolute(path).ok()?;
        options.extend([" ", flag, " ", &crate::tui::shell_word(whole.to_str()?)?]);
    }
    Some(options)
}

/// Flags that stand above the file.
fn overrides(global: &Global) -> Vec<Override> {
    let mut overrides = Vec::new();
    let mut put = |flag: &str, key: &str, value: toml::Value| {
        overrides.push(Override::new(flag, key, value));
    };
    if global.read_only {
        put("--read-only", "display.read_only", true.into());
    }
    if global.ascii {
        put("--ascii", "display.ascii", "always".into());
    }
    if global.no_color {
        put("--no-color", "display.color", "never".into());
    }
    if global.utc {
        put("--utc", "display.utc", true.into());
    }
    if global.local {
        put("--local", "display.utc", false.into());
    }
    if let Some(fps) = global.fps {
        put("--fps", "display.fps", i64::from(fps).into());
    }
    if global.mouse {
        put("--mouse", "display.mouse", true.into());
    }
    overrides
}
