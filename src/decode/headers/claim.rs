//! The summary of a subscription: one header names the window that binds, and others say
//! of that one, without its name, how it stands and when it turns. It may come beside the
//! window's own headers or alone.

use super::bag::HeaderBag;
use super::draft::{self, Key, Sent};
use super::families::FAMILIES;
use super::gather::Gathered;
use super::labels::Labels;
use super::vocabulary::Verb;
use crate::domain::{Blame, LimitStatus, Resource, Sym};

/// How claims begin, how the labels of their windows do, and the windows in seconds.
const WINDOWS: &[(&[u8], &[u8], u32)] =
    &[(b"five_hour", b"5h", 18_000), (b"seven_day", b"7d", 604_800)];
/// Claims are short: `seven_day_sonnet`.
const LONGEST: usize = 32;

/// Takes what the summary says into the draft of the limit that it is about.
pub(super) fn read(bag: &HeaderBag, gathered: &mut Gathered, labels: &mut Labels) {
    let value = |index: Option<usize>| bag.value(index?);
    let aside = gathered.aside;
    let Some(claim) = value(aside.claim) else { return };
    let status = value(aside.refused_by).and_then(draft::status);
    let Some(home) = home(claim, gathered, labels) else { return };
    let Some(draft) = gathered.drafts.get_mut(home) else { return };
    draft.status = draft.status.or(status);
    if status == Some(LimitStatus::Rejected) {
        draft.blame = Blame::Named;
    }
    if let (Sent::Absent, Some(reset)) = (draft.reset, value(aside.claim_reset)) {
        // What it says of another window is no fault of this one.
        let _ = draft.take(Verb::Reset, reset);
    }
}

/// The position of the draft that a claim is about. A window gets one, money has its own.
fn home(claim: &[u8], gathered: &mut Gathered, labels: &mut Labels) -> Option<usize> {
    let window = WINDOWS.iter().find_map(|(begin, label, seconds)| {
        let rest = claim.strip_prefix(*begin)?;
        Some((*label, rest, *seconds))
    });
    let Some((label, rest, seconds)) = window else {
        let label = labels.label(claim)?;
        return position(gathered, label);
    };
    // `7d_opus`, in other responses `7d-opus`.
    let mut text = [0; LONGEST];
    let text = text.get_mut(..label.len() + rest.len())?;
    text.get_mut(..label.len())?.copy_from_slice(label);
    text.get_mut(label.len()..)?.copy_from_slice(rest);
    let spelled = labels.label(text)?;
    let known = position(gathered, spelled).or_else(|| {
        text.iter_mut().filter(|byte| **byte == b'_').for_each(|byte| *byte = b'-');
        position(gathered, labels.label(text)?)
    });
    let family = FAMILIES.iter().find(|family| family.claims)?;
    known.or_else(|| {
        gathered.home(Key {
            resource: Resource::PlanUsage,
            window_s: Some(seconds),
            label: Some(spelled),
            ..Key::field(family, false)
        })
    })
}

fn position(gathered: &Gathered, label: Sym) -> Option<usize> {
    let is_it = |key: &Key| key.family.claims && key.label == Some(label);
    gathered.drafts.iter().position(|draft| is_it(&draft.key))
}
