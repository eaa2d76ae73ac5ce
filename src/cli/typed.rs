//! What was meant by a command line that makes no sense: the first word may be a mistyped
//! command, and whoever wanted a stop must hear that there is none.

use std::ffi::OsString;

use clap::{Command, CommandFactory};

use super::args::Cli;
use super::failure::{Failure, Kind};
use super::switch;
use crate::text::nearest;

/// What is wrong with a command line that does not parse, where it begins with no command.
pub fn slip_as_typed(args: impl IntoIterator<Item = OsString>) -> Option<Failure> {
    let words = words(args);
    let is_command = |word: &String| Cli::command().find_subcommand(word).is_some();
    if words.first().is_some_and(is_command) { None } else { slip(&words) }
}

/// What is wrong with words that stand where a command or files may, where one of them is
/// neither.
pub fn slip(words: &[String]) -> Option<Failure> {
    let cli = Cli::command();
    let known: Vec<&str> = cli.get_subcommands().map(Command::get_name).collect();
    let words = words.get(words.iter().position(|word| is_a_slip(word))?..)?;
    let word = words.first().filter(|word| !known.contains(&word.as_str()))?;
    let message = format!("'{word}' is no command, and no file of that name is here");
    let failure = Failure::new(Kind::Usage, message);
    let failure = match undone(words) {
        Some(undone) => failure.undone(undone),
        None => failure,
    };
    let failure = match nearest(word, known) {
        Some(near) => failure.hint(format!("did you mean '{near}'?")),
        None => failure,
    };
    Some(
        failure
            .hint(format!("tripline help lists the commands; to wait for such a file: ./{word}")),
    )
}

/// What a command line was meant to do to a switch, although it does not parse.
pub fn undone_as_typed(args: impl IntoIterator<Item = OsString>) -> Option<&'static str> {
    undone(&words(args))
}

fn undone(words: &[String]) -> Option<&'static str> {
    let mut words = words.iter().map(String::as_str);
    nearest(words.next()?, ["switch"])?;
    words.find_map(switch::undone_by)
}

/// The words that are no options, without the values of those that hold for every command.
fn words(args: impl IntoIterator<Item = OsString>) -> Vec<String> {
    let cli = Cli::command();
    let takes_value = |word: &str| {
        let long = word.strip_prefix("--");
        let found = cli.get_arguments().find(|option| option.get_long() == long);
        long.is_some() && found.is_some_and(|option| option.get_action().takes_values())
    };
    let mut args = args.into_iter().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let mut words = Vec::new();
    while let Some(arg) = args.next() {
        if takes_value(&arg) {
            args.next();
        } else if !arg.starts_with('-') {
            words.push(arg);
        }
    }
    words
}

/// Whether it is meant as a command rather than as a file that is to come.
fn is_a_slip(word: &str) -> bool {
    let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    is_word && std::fs::symlink_metadata(word).is_err()
}
