//! What may be typed. One definition gives the parser, the help, the man page
//! and the completions.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  tripline demo                                watch a made-up launch go wrong
  tripline /var/log/llm/*.log                  watch your own gateway
  tripline once --json gateway.log             one picture for a script
  tripline switch trip model/openai/gpt-4o --reason 'runaway loop'
  tripline config check                        is my configuration right?

Files:
  --config FILE, else $XDG_CONFIG_HOME/tripline/config.toml, else /etc/tripline/config.toml
  --state DIR, else $XDG_STATE_HOME/tripline

Exit codes:
  0 ok, 1 failed, 64 usage, 65 bad input (not one line was understood), 69 unavailable,
  77 refused, 78 configuration";

const SERVE_EXAMPLES: &str = "\
It keeps totals, caps and how far each log is read over restarts, and answers on
$XDG_RUNTIME_DIR/tripline.sock (else tripline.sock in the state directory).
SIGTERM ends it: what was counted is kept.

Examples:
  tripline serve                               the sources of the configuration
  tripline serve /var/log/llm/*.log            these files instead
  tripline status                              ask it from another shell";

const STATUS_EXAMPLES: &str = "\
Exit code 69 if nothing runs and nothing was kept.

Examples:
  tripline status                              a dozen lines
  tripline status --json | jq .totals          for scripts";

/// A path as it was typed. An empty one is an unset variable of a script, and no file.
fn path(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the path is empty; is a variable unset? `-` is standard input".to_owned());
    }
    Ok(text.to_owned())
}

/// See what is left of LLM API limits and spend, and stop the traffic when a
/// line is crossed.
#[derive(Debug, Parser)]
#[command(name = "tripline", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do; without it, the console.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Log files, directories or globs to watch instead of the configured ones; `-` is standard input.
    #[arg(value_name = "PATH", value_parser = path)]
    pub paths: Vec<String>,
    /// Settings that hold for every command.
    #[command(flatten)]
    pub global: Global,
}

/// Settings that hold for every command.
#[derive(Clone, Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that somebody types")]
pub struct Global {
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory for state: arming, audit record, default kill switch directory.
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Refuse everything that changes something.
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Draw with ASCII only.
    #[arg(long, global = true)]
    pub ascii: bool,
    /// No colours; `NO_COLOR` does the same.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Show times in UTC.
    #[arg(long, global = true, conflicts_with = "local")]
    pub utc: bool,
    /// Show times in the configured time zone.
    #[arg(long, global = true)]
    pub local: bool,
    /// Frames a second at most.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=30))]
    pub fps: Option<u8>,
    /// Let the wheel scroll.
    #[arg(long, global = true)]
    pub mouse: bool,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A made-up launch on loopback: everything real but the provider.
    Demo(Demo),
    /// Read the sources to their end, print the state, exit.
    Once(Once),
    /// Watch without a screen: one JSON object a line for each event.
    Watch(Watch),
    /// Watch without a screen, keep what was spent, and answer `tripline status`.
    Serve(Serve),
    /// What the running `serve` knows, or else what it kept.
    Status(Status),
    /// Play old logs through the same engine and rules, on the logs' own clock.
    Replay(Replay),
    /// Print what is read from each line, as JSON; or why, with --explain.
    Parse(Parse),
    /// List the log formats that are known, or print the map of one.
    Formats(Formats),
    /// The kill switch, without the screen.
    Switch(SwitchArgs),
    /// The record of who tripped, reset, armed and disarmed.
    #[command(subcommand)]
    Audit(Audit),
    /// Spend and what else outlives a run: look at it, take it elsewhere, cut it.
    #[command(subcommand)]
    Ledger(Ledger),
    /// What was spent, and by whom.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(Report),
    /// Check, show or print a configuration.
    #[command(subcommand)]
    Config(Config),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

/// `tripline demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Which story to play: launch, leak, runaway, outage or quiet.
    #[arg(long, default_value = "launch", value_name = "NAME")]
    pub scenario: String,
    /// Without a screen: events as JSON lines, ending with the snapshot.
    #[arg(long)]
    pub headless: bool,
    /// End after this long, such as 30s.
    #[arg(long, value_name = "D")]
    pub duration: Option<String>,
    /// Equal seeds send equal calls.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Only the fake provider, at this loopback address, until interrupted.
    #[arg(long, hide = true, value_name = "ADDR")]
    pub provider_only: Option<std::net::SocketAddr>,
    /// Requests a minute of the fake provider alone.
    #[arg(long, hide = true, default_value_t = 600)]
    pub rpm: u64,
    /// Tokens a minute of the fake provider alone.
    #[arg(long, hide = true, default_value_t = 100_000)]
    pub tpm: u64,
}

/// `tripline once`.
#[derive(Debug, Args)]
pub struct Once {
    /// The snapshot as JSON.
    #[arg(long)]
    pub json: bool,
    /// Log files instead of the configured ones; `-` is standard input. Of a directory or
    /// a pattern also what rotation left, compressed with gzip or not.
    #[arg(value_name = "PATH", value_parser = path)]
    pub paths: Vec<String>,
}

/// `tripline watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// One JSON object a line (the only form there is).
    #[arg(long, action = ArgAction::SetTrue)]
    pub ndjson: bool,
    /// Also print the whole snapshot this often, such as 10s.
    #[arg(long, value_name = "D")]
    pub every: Option<String>,
    /// Log files instead of the configured ones; `-` is standard input.
    #[arg(value_name = "PATH", value_parser = path)]
    pub paths: Vec<String>,
}

/// `tripline serve`.
#[derive(Debug, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct Serve {
    /// Log files instead of the configured ones; `-` is standard input.
    #[arg(value_name = "PATH", value_parser = path)]
    pub paths: Vec<String>,
}

/// `tripline status`.
#[derive(Debug, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct Status {
    /// The snapshot as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `tripline replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Events as JSON lines, ending with the snapshot.
    #[arg(long)]
    pub json: bool,
    /// Skip what was logged before this time (RFC 3339).
    #[arg(long, value_name = "T")]
    pub from: Option<String>,
    /// Stop at what was logged after this time (RFC 3339).
    #[arg(long, value_name = "T")]
    pub to: Option<String>,
    /// Times real speed, or `max`.
    #[arg(long, value_name = "N", default_value = "max")]
    pub speed: String,
    /// Log files; `-` is standard input. Of a directory or a pattern also what rotation
    /// left, compressed with gzip or not.
    #[arg(value_name = "PATH", required = true, value_parser = path)]
    pub paths: Vec<String>,
}

const PARSE_EXAMPLES: &str = "\
Examples:
  tripline parse gateway.log | jq -c 'select(.kind == \"fault\")'
  tail -n 1 strange.log | tripline parse --explain
  kubectl logs gw-0 | head -n 3 | tripline parse --explain --json";

const FORMATS_EXAMPLES: &str = "\
Examples:
  tripline formats                             what is read, and what tells it
  tripline formats litellm-spend > formats/mine.toml
  tripline formats --json | jq -r '.formats[].id'";

/// `tripline formats`.
#[derive(Debug, Args)]
#[command(after_help = FORMATS_EXAMPLES)]
pub struct Formats {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Print this format's map, to copy and change.
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// `tripline parse`.
#[derive(Debug, Args)]
#[command(after_help = PARSE_EXAMPLES)]
pub struct Parse {
    /// Say of each line which formats were tried and where every value came from.
    #[arg(long)]
    pub explain: bool,
    /// With --explain: as JSON, one object a line.
    #[arg(long, requires = "explain")]
    pub json: bool,
    /// Take every line for this format instead of detecting it.
    #[arg(long, value_name = "F")]
    pub format: Option<String>,
    /// Time of lines that carry none (RFC 3339); now where absent.
    #[arg(long, value_name = "T")]
    pub received_at: Option<String>,
    /// A log file; `-` or nothing is standard input.
    #[arg(value_name = "PATH", value_parser = path)]
    pub path: Option<String>,
}

const SWITCH_EXAMPLES: &str = "\
Of the configuration it needs [switch] and the state directory; what else is wrong in it
is a warning. With --dir and --state it needs none at all.

Examples:
  tripline switch status
  tripline switch trip all --reason 'runaway loop'
  tripline switch --dir /run/tripline/kill.d --state /var/lib/tripline trip all --reason 'runaway'

Exit codes:
  0 done, 1 not all of it, 64 usage, 69 no answer to a drill, 77 refused, 78 configuration";

/// `tripline switch`.
#[derive(Debug, Args)]
#[command(after_help = SWITCH_EXAMPLES)]
pub struct SwitchArgs {
    /// The switch directory, whatever the configuration says.
    #[arg(long, global = true, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Switch,
}

/// Commands of `tripline switch`.
#[derive(Debug, Subcommand)]
pub enum Switch {
    /// What is stopped, since when, by whom and why; and whether rules may trip.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let rules trip by themselves.
    Arm(Note),
    /// Forbid rules to trip by themselves.
    Disarm(Note),
    /// Stop the traffic of a scope: all, provider/P, model/P/M, key/K or env/E.
    Trip(Scoped),
    /// Let the traffic of a scope through again.
    Reset(Reset),
    /// Prove that gateways obey, with a key that carries no traffic: trip it, ask, reset it.
    Drill(Drill),
}

/// `tripline switch drill`.
#[derive(Debug, Args)]
pub struct Drill {
    /// The scope of a key that nothing uses: key/K.
    pub scope: String,
    /// A call to each gateway that only this key's trip refuses, such as http://gw-1/v1/models.
    #[arg(long, value_name = "URL", required = true)]
    pub url: Vec<String>,
    /// A header of that call, such as 'Authorization: Bearer …'.
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Why, for the audit record.
    #[arg(long, value_name = "TEXT", default_value = "drill")]
    pub reason: String,
}

/// A reason that is welcome.
#[derive(Debug, Args)]
pub struct Note {
    /// Why, for the audit record.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// A scope and a reason.
#[derive(Debug, Args)]
pub struct Scoped {
    /// all, provider/P, model/P/M, key/K or env/E.
    pub scope: String,
    /// Why: it is written into the kill file and the audit record.
    #[arg(long, value_name = "TEXT", required = true)]
    pub reason: String,
}

/// `tripline switch reset`.
#[derive(Debug, Args)]
pub struct Reset {
    /// Which scope, and why.
    #[command(flatten)]
    pub scoped: Scoped,
    /// Also remove a kill file that tripline did not write.
    #[arg(long)]
    pub force: bool,
}

/// `tripline audit`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Audit {
    /// Print the record.
    Show,
    /// Check that nothing in it was changed or removed.
    Verify,
}

/// `tripline ledger`.
#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// How large it is, which time it covers, its totals and its last days.
    #[command(
        after_help = "Examples:\n  tripline ledger show\n  tripline ledger show --json | jq .totals.cost_usd"
    )]
    Show {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Spend by time and name, as CSV or JSON.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Remove old spend. The totals stay as they are.
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune(Prune),
    /// Check the file and its sums; exit 1 if something is wrong.
    #[command(after_help = "Example:\n  tripline ledger verify || tripline ledger show")]
    Verify,
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  tripline ledger export --every day --by key,model > spend.csv
  tripline ledger export --from 2026-11-01 --to 2026-11-30 --every hour --format json
  tripline ledger export --from 7d --by team

Columns: from, to, the names, requests, failed, input_tokens, cached_input_tokens,
  cache_write_tokens, output_tokens, reasoning_tokens, cost_usd, unpriced.
  Times are UTC; `from` is included, `to` is not. What is not known is left empty.
  Minutes are kept for 8 days, quarters of an hour for 62, days (UTC) for ever.";

const PRUNE_EXAMPLES: &str = "\
Examples:
  tripline ledger prune --older-than 90d
  tripline ledger prune --older-than 2026-01-01

Exit codes:
  0 done, 69 no ledger, or another process writes it, 77 it would cut the current month";

const REPORT_EXAMPLES: &str = "\
Examples:
  tripline report                              this month, by key
  tripline report --from yesterday --to yesterday --by key,model
  tripline report --from 7d --by team --json | jq '.rows[0]'

Days begin in the configured time zone, or in UTC with --utc.";

/// `tripline ledger export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Which time.
    #[command(flatten)]
    pub period: Period,
    /// One row for each name: host, provider, model, key, team, user, environment, account.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub by: Vec<String>,
    /// One row for each minute, hour, day, week or month.
    #[arg(long, value_name = "PERIOD", default_value = "day")]
    pub every: String,
    /// csv, or json: one object a line.
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub format: String,
}

/// `tripline ledger prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// How old, in days (90d), or a date.
    #[arg(long, value_name = "AGE", required = true)]
    pub older_than: String,
    /// Also cut into the current month, over which caps may count.
    #[arg(long)]
    pub force: bool,
}

/// `tripline report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Which time.
    #[command(flatten)]
    pub period: Period,
    /// One row for each name: host, provider, model, key, team, user, environment, account.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "key")]
    pub by: Vec<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// A stretch of time.
#[derive(Debug, Args)]
pub struct Period {
    /// A date, today, yesterday, an age in days (7d) or a time (RFC 3339); the month's first day where absent.
    #[arg(long, value_name = "T")]
    pub from: Option<String>,
    /// The last day, or the moment before which it ends (RFC 3339); now where absent.
    #[arg(long, value_name = "T")]
    pub to: Option<String>,
}

/// `tripline config`.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Read it, report every problem, run nothing.
    Check,
    /// Print everything in force.
    Show {
        /// Where each value came from.
        #[arg(long)]
        origin: bool,
        /// The metrics that rules can watch, instead.
        #[arg(long)]
        metrics: bool,
    },
    /// Print a complete, commented example.
    Example,
    /// Print every key, its kind, its default and what it does.
    Schema,
}
