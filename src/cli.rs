//! The command line: what may be typed, what is printed, and exit codes.
//!
//! Everything below is a library; this floor alone reads the environment and
//! prints.

mod args;
mod audit;
mod behind;
mod config;
mod drill;
mod env;
mod explain;
mod failure;
mod formats;
mod journal;
mod ledger;
mod live;
mod observation;
mod offline;
mod out;
mod parse;
mod period;
mod printer;
mod salt;
mod serve;
mod setup;
mod sheet;
mod spend;
mod status;
mod summary;
mod switch;
mod times;
mod typed;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use env::Env;
pub use failure::{Failure, Kind};
use out::{Ended, Out, finish, quietly};
use printer::Printer;
use setup::Context;

/// Run what was typed.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match run(&cli, &Env::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&cli, &failure);
            ExitCode::from(failure.kind.code())
        }
    }
}

/// Say why it failed. Of what has caught the signals that end it nobody can say that it
/// waits too long for a reader.
fn tell(cli: &Cli, failure: &Failure) {
    let words = failure.to_string();
    let is_live = matches!(
        &cli.command,
        None | Some(Command::Demo(_) | Command::Watch(_) | Command::Serve(_))
    );
    match Printer::stderr() {
        Ok(mut printer) if is_live => {
            words.lines().for_each(|line| printer.line(line));
            let _ = printer.finish();
        }
        _ => words.lines().for_each(out::say),
    }
}

/// The command line itself, for the man page and for tests.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Help is an answer; everything else that does not parse is a usage error.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let printed = error.print().and_then(|()| io::stdout().flush());
        return match quietly(printed.map_err(Ended::from)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                out::say(&failure.to_string());
                ExitCode::from(failure.kind.code())
            }
        };
    }
    // Where the command is mistyped, what is said of its options misleads.
    if let Some(failure) = typed::slip_as_typed(std::env::args_os()) {
        failure.to_string().lines().for_each(out::say);
        return ExitCode::from(failure.kind.code());
    }
    // With standard error gone there is nobody to tell.
    let _ = error.print();
    if let Some(undone) = typed::undone_as_typed(std::env::args_os()) {
        out::say(undone);
    }
    ExitCode::from(Kind::Usage.code())
}

fn run(cli: &Cli, env: &Env) -> Result<(), Failure> {
    if let (Some(_), Some(path)) = (&cli.command, cli.paths.first()) {
        let message = format!("'{path}' stands before a command");
        return Err(Failure::new(Kind::Usage, message).hint("name the files after it"));
    }
    if let Some(failure) = typed::slip(&cli.paths) {
        return Err(failure);
    }
    let load = || Context::load(&cli.global, env);
    match &cli.command {
        None => live::console(&load()?, &cli.paths),
        Some(Command::Demo(args)) => {
            // The demo brings its own configuration; a broken one of yours is no obstacle.
            live::demo(&Context::with(&cli.global, env, None)?, args)
        }
        Some(Command::Once(args)) => offline::once(&load()?, args),
        Some(Command::Watch(args)) => live::watch(&load()?, args),
        Some(Command::Serve(args)) => serve::run(&load()?, args),
        Some(Command::Status(args)) => status::run(&load()?, args),
        Some(Command::Replay(args)) => offline::replay(&load()?, args),
        Some(Command::Parse(args)) => parse::run(&load()?, args),
        Some(Command::Formats(args)) => formats::run(&load()?, args),
        Some(Command::Switch(args)) => switch::run(&cli.global, env, args),
        Some(Command::Audit(command)) => audit::run(&load()?, *command),
        Some(Command::Ledger(command)) => ledger::run(&load()?, command),
        Some(Command::Report(args)) => spend::report(&load()?, args),
        Some(Command::Config(command)) => config::run(&cli.global, env, command),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "tripline", &mut script);
            text(&script)
        }
        Some(Command::Man) => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
            rendered.map_err(|error| Failure::new(Kind::Failed, error))?;
            text(&page)
        }
    }
}

fn text(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = Out::new();
    let printed = out.line(String::from_utf8_lossy(bytes).trim_end());
    finish(out, printed)
}
