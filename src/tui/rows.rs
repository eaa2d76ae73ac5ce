//! The rows of each panel: which pass the filter and which name stands for
//! each. Shared by `update`, which moves the cursor, and `view`, which draws,
//! so that both always speak of the same row.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::filter::Filter;
use super::model::Panel;
use crate::snapshot::{Alert, Limit, Snapshot, Switch, SwitchHost, Text};

/// Indices of the rows of a panel that pass the filter, in their given order.
#[must_use]
pub fn shown(snapshot: &Snapshot, panel: Panel, filter: &Filter) -> Vec<usize> {
    let all = 0..len(snapshot, panel);
    if !filter.is_active() {
        return all.collect();
    }
    all.filter(|&index| name(snapshot, panel, index).is_some_and(|name| filter.shows(&name)))
        .collect()
}

/// How many rows a panel has.
#[must_use]
pub fn len(snapshot: &Snapshot, panel: Panel) -> usize {
    match panel {
        Panel::Switches => switch_rows(snapshot).count(),
        Panel::Limits => snapshot.limits.len(),
        Panel::Spend => snapshot.caps.len(),
        Panel::Queue => snapshot.queues.len(),
        Panel::Traffic => snapshot.traffic.len(),
        Panel::Retries => snapshot.retries.len(),
        Panel::Alerts => snapshot.alerts.len(),
        Panel::Who => snapshot.keys.len(),
        Panel::Sources => snapshot.sources.len(),
        Panel::Findings => snapshot.findings.len(),
    }
}

/// What tells a row from the others of its panel over time, and what the
/// filter looks at.
#[must_use]
pub fn name(snapshot: &Snapshot, panel: Panel, index: usize) -> Option<String> {
    let mut name = String::new();
    match panel {
        Panel::Switches => {
            let (switch, host) = switch_rows(snapshot).nth(index)?;
            words(&mut name, &[Some(&switch.name), host.map(|host| &host.host)]);
        }
        Panel::Limits => limit_name(&mut name, snapshot.limits.get(index)?),
        Panel::Spend => {
            let cap = snapshot.caps.get(index)?;
            words(&mut name, &[Some(&cap.name), cap.of.as_ref(), Some(&cap.scope)]);
            name.push_str(&cap.period);
        }
        Panel::Queue => {
            let queue = snapshot.queues.get(index)?;
            words(&mut name, &[queue.name.as_ref()]);
            name.push_str(queue.priority.unwrap_or_default());
        }
        Panel::Traffic => {
            let traffic = snapshot.traffic.get(index)?;
            let parts = [&traffic.provider, &traffic.model, &traffic.endpoint];
            words(&mut name, &parts.map(Option::as_ref));
        }
        Panel::Retries => {
            let retries = snapshot.retries.get(index)?;
            words(&mut name, &[retries.provider.as_ref(), retries.model.as_ref()]);
        }
        Panel::Alerts => alert_name(&mut name, snapshot.alerts.get(index)?),
        Panel::Who => {
            let key = snapshot.keys.get(index)?;
            words(&mut name, &[Some(&key.key_id), key.environment.as_ref(), key.team.as_ref()]);
        }
        Panel::Sources => {
            let source = snapshot.sources.get(index)?;
            words(&mut name, &[Some(&source.name)]);
            name.push_str(source.kind);
        }
        Panel::Findings => {
            let finding = snapshot.findings.get(index)?;
            name.push_str(finding.kind);
            name.push(' ');
            words(&mut name, &[Some(&finding.text)]);
        }
    }
    Some(name)
}

/// Gateway hosts that anything was heard of.
#[must_use]
pub fn hosts(snapshot: &Snapshot) -> BTreeSet<&str> {
    let heard = snapshot.hosts.iter().map(|host| &**host);
    let limits = snapshot.limits.iter().filter_map(|limit| limit.host.as_deref());
    let switches = snapshot.switches.iter().flat_map(|switch| &switch.hosts);
    heard.chain(limits).chain(switches.map(|host| &*host.host)).collect()
}

/// Switches worth a row of their own (tripped, or in trouble), one row for
/// each of their hosts, those that disobey first.
pub fn switch_rows(snapshot: &Snapshot) -> impl Iterator<Item = (&Switch, Option<&SwitchHost>)> {
    snapshot.switches.iter().filter(|switch| is_notable(switch)).flat_map(|switch| {
        let disobeys = |host: &&SwitchHost| host.obeyed == Some(false);
        let worst = switch.hosts.iter().filter(disobeys);
        let rest = switch.hosts.iter().filter(move |host| !disobeys(host));
        let none = switch.hosts.is_empty().then_some(None);
        worst.chain(rest).map(Some).chain(none).map(move |host| (switch, host))
    })
}

fn is_notable(switch: &Switch) -> bool {
    switch.state == "tripped" || switch.problem.is_some()
}

fn limit_name(name: &mut String, limit: &Limit) {
    words(name, &[limit.provider.as_ref(), limit.model.as_ref(), limit.key.as_ref()]);
    words(name, &[limit.host.as_ref(), limit.subject.as_ref(), limit.label.as_ref()]);
    for part in [limit.layer, limit.scope, limit.resource] {
        name.push_str(part);
        name.push(' ');
    }
    // As it stands on the screen: that is what a person looks for.
    let _ = write!(name, "{} {}", limit.name().kind, limit.window_s.unwrap_or_default());
}

fn alert_name(name: &mut String, alert: &Alert) {
    words(name, &[Some(&alert.rule)]);
    for (label, value) in &alert.labels {
        name.push_str(label);
        name.push('=');
        words(name, &[Some(value)]);
    }
}

fn words(name: &mut String, parts: &[Option<&Text>]) {
    for part in parts.iter().flatten() {
        name.push_str(part);
        name.push(' ');
    }
}
