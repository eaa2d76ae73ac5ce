//! `tripline config`: check, show, example.

use super::args::Config as Command;
use super::args::Global;
use super::env::Env;
use super::failure::Failure;
use super::out::{Out, finish};
use super::setup::Context;
use crate::config::{self, Origins};
use crate::rules::METRICS;

/// Run it.
pub fn run(global: &Global, env: &Env, command: &Command) -> Result<(), Failure> {
    let mut out = Out::new();
    let printed = match command {
        Command::Example => out.line(config::example().trim_end()),
        Command::Schema => out.line(config::schema().trim_end()),
        Command::Check => {
            let context = Context::load(global, env)?;
            let config = &context.config;
            let name = config.file.as_deref().unwrap_or("no configuration file: the defaults");
            out.line(&format!(
                "{}: ok ({} sources, {} caps, {} rules)",
                crate::text::printable(name),
                config.sources.len(),
                config.caps.len(),
                config.rules.len()
            ))
        }
        Command::Show { metrics: true, .. } => METRICS.iter().try_for_each(|doc| {
            let labels = doc.labels.join(", ");
            out.line(&format!(
                "{:<32} {}\n{:<32} labels: {labels}",
                doc.metric.word(),
                doc.about,
                ""
            ))
        }),
        Command::Show { origin, .. } => {
            let context = Context::load(global, env)?;
            let origins = if *origin { Origins::Show } else { Origins::Hide };
            out.line(context.config.show(origins).trim())
        }
    };
    finish(out, printed)
}
