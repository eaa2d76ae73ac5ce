//! The demo: everything real but the provider.
//!
//! A fake provider, two gateway hosts and seeded load run on loopback and write
//! the logs that tripline then watches like any other, without a back door.
//! Nothing else in the program knows that the demo exists, and the demo must
//! not know what watches its logs: it obeys the kill-switch directory, that is all.

mod background;
mod buckets;
mod clock;
mod gateway;
mod load;
mod log;
mod provider;
mod queue;
mod random;
mod scenario;

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::background::{Background, Ready, Stop};
use self::gateway::Gateway;
use self::log::AccessLog;
use self::queue::Queue;

pub use self::load::{PlannedCall, planned_calls};
pub use self::provider::{
    Dialect, Latency, ModelLimits, Outage, ProviderConfig, ProviderHandle, spawn_provider,
};
pub use self::scenario::Scenario;

const HOSTS: [&str; 2] = ["gw-1", "gw-2"];
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// A gateway gives up on a provider that is silent for this long.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(30);

/// What to play, and where.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Which story.
    pub scenario: Scenario,
    /// Equal seeds send equal calls.
    pub seed: u64,
    /// Where the gateways write their logs. Created if absent.
    pub dir: PathBuf,
    /// The kill-switch directory that the gateways obey. Created if absent.
    pub kill_dir: PathBuf,
}

/// Why the demo could not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No socket at that address.
    #[error("can't listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A log or a directory can't be made.
    #[error("can't open {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system gave no thread, runtime or socket name.
    #[error("can't start the demo's thread")]
    Thread(#[source] std::io::Error),
    /// No HTTP client.
    #[error("can't make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The thread ended before it was up.
    #[error("the demo's thread ended while starting")]
    Ended,
}

/// A running demo; dropping it stops it.
pub struct Demo {
    options: DemoOptions,
    addresses: Addresses,
    background: Background,
}

struct Addresses {
    provider: SocketAddr,
    gateways: Vec<SocketAddr>,
}

impl Demo {
    /// Starts everything on a thread of its own. Returns once all ports listen
    /// and all logs exist.
    pub fn start(options: DemoOptions) -> Result<Demo, DemoError> {
        make_directory(&options.dir)?;
        make_directory(&options.kill_dir)?;
        let plan = options.clone();
        let (background, addresses) =
            Background::start("demo", move |ready, stop| play(plan, ready, stop))?;
        Ok(Demo { options, addresses, background })
    }

    /// The gateways' logs.
    #[must_use]
    pub fn log_files(&self) -> Vec<PathBuf> {
        HOSTS.iter().map(|host| log_file(&self.options.dir, host)).collect()
    }

    /// The provider's base address, without a slash at the end.
    #[must_use]
    pub fn provider_url(&self) -> String {
        url(self.addresses.provider)
    }

    /// The gateways' base addresses, in the order of [`Demo::log_files`].
    #[must_use]
    pub fn gateway_urls(&self) -> Vec<String> {
        self.addresses.gateways.iter().copied().map(url).collect()
    }

    /// A configuration for tripline that watches this demo, armed.
    #[must_use]
    pub fn config_toml(&self) -> String {
        let sources: Vec<String> = HOSTS
            .iter()
            .zip(self.log_files())
            .map(|(host, path)| {
                let path = quoted(&path);
                format!("[[source]]\nname = \"{host}\"\npaths = [{path}]\nhost = \"{host}\"\n\n")
            })
            .collect();
        let kill_dir = quoted(&self.options.kill_dir);
        let rules = self.options.scenario.profile().rules;
        let sources = sources.concat();
        format!("{sources}[switch]\ndir = {kill_dir}\narmed = true\n{rules}")
    }

    /// Lets running calls end for a moment, then stops everything. Takes less
    /// than a second; nothing listens afterwards.
    pub fn stop(self) {
        drop(self.background);
    }
}

async fn play(options: DemoOptions, ready: Ready<Addresses>, stop: Stop) -> Result<(), DemoError> {
    let profile = options.scenario.profile();
    let client = crate::source::http::client()
        .read_timeout(UPSTREAM_TIMEOUT)
        .build()
        .map_err(DemoError::Client)?;

    let listener = provider::bind(ANY_PORT).await?;
    let provider_address = provider::local_address(&listener)?;
    let provider = provider::router(ProviderConfig {
        seed: options.seed,
        error_rate: profile.error_rate,
        models: profile.limits(),
        outage: profile.outage,
        ..ProviderConfig::default()
    });
    tokio::spawn(provider::serve(listener, provider));

    let mut gateways = Vec::new();
    for host in HOSTS {
        let listener = provider::bind(ANY_PORT).await?;
        gateways.push(provider::local_address(&listener)?);
        let gateway = Arc::new(Gateway {
            host,
            upstream: url(provider_address),
            kill_dir: options.kill_dir.clone(),
            callers: profile.callers,
            queue: Queue::new(profile.at_once, profile.waiting),
            log: Arc::new(AccessLog::open(log_file(&options.dir, host))?),
            client: client.clone(),
        });
        tokio::spawn(gateway::log_queue(Arc::clone(&gateway)));
        tokio::spawn(provider::serve(listener, gateway::router(gateway)));
    }

    let urls = gateways.iter().copied().map(url).collect();
    // The starter waits for this; if it is gone, `stop` says so at once.
    let _ = ready.send(Ok(Addresses { provider: provider_address, gateways }));
    load::run(profile, options.seed, urls, client, stop).await;
    Ok(())
}

fn log_file(directory: &Path, host: &str) -> PathBuf {
    directory.join(format!("{host}.jsonl"))
}

/// Not writable by others, as a kill-switch directory must be.
fn make_directory(path: &Path) -> Result<(), DemoError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(|source| DemoError::File { path: path.to_owned(), source })
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    toml::Value::from(path.to_string_lossy().into_owned()).to_string()
}
