//! What the line before looked like. A writer puts the same members in the same
//! order line after line, so the next key is compared with the one that stood
//! there last time before it is looked for in the paths. Never more than a
//! shortcut: equal bytes in the same place of the paths mean the same member.

use super::paths::NodeId;

/// Members remembered; those behind take the long way.
const REMEMBERED: usize = 256;

/// Longest `"key":` remembered.
const LONGEST: usize = 32;

/// The keys of a line, in the order in which the walk met them.
#[derive(Debug, Default)]
pub(super) struct Habit {
    members: Vec<Member>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    /// `"key":` as written, and which bits of that count.
    text: [u128; 2],
    mask: [u128; 2],
    len: usize,
    /// Where in the paths it stood, and where it led.
    parent: NodeId,
    child: Option<NodeId>,
}

impl Habit {
    pub(super) fn forget(&mut self) {
        self.members.clear();
    }

    /// If the member number `number` starts at `at` just as it did last time:
    /// the position behind its colon, and where it leads.
    #[inline]
    pub(super) fn recall(
        &self,
        number: usize,
        parent: NodeId,
        bytes: &[u8],
        at: usize,
    ) -> Option<(usize, Option<NodeId>)> {
        let member = self.members.get(number)?;
        let [one, two] = words(bytes.get(at..)?.first_chunk()?);
        let [text_one, text_two] = member.text;
        let [mask_one, mask_two] = member.mask;
        let other = (one ^ text_one) & mask_one | (two ^ text_two) & mask_two;
        (other == 0 && member.parent == parent).then_some((at + member.len, member.child))
    }

    /// Remembers that member number `number` was written as `text`, colon included.
    pub(super) fn learn(
        &mut self,
        number: usize,
        parent: NodeId,
        text: &[u8],
        child: Option<NodeId>,
    ) {
        let (mut padded, mut mask) = ([0; LONGEST], [0xff; LONGEST]);
        // A key too long to remember leaves zeros, which no key equals.
        if let (Some(start), Some(rest)) =
            (padded.get_mut(..text.len()), mask.get_mut(text.len()..))
        {
            start.copy_from_slice(text);
            rest.fill(0);
        }
        let (mask, len) = (words(&mask), text.len());
        let member = Member { text: words(&padded), mask, len, parent, child };
        if let Some(place) = self.members.get_mut(number) {
            *place = member;
        } else if number == self.members.len() && number < REMEMBERED {
            self.members.push(member);
        }
    }
}

#[inline]
fn words(bytes: &[u8; LONGEST]) -> [u128; 2] {
    let halves = bytes.as_chunks::<16>().0;
    let word = |half: Option<&[u8; 16]>| half.map_or(0, |half| u128::from_le_bytes(*half));
    [word(halves.first()), word(halves.last())]
}
