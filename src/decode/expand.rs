//! The scans of records that are more than one object: elements of arrays or members
//! of objects, with the objects around them.

use super::map::{Each, Layout, MAX_PARTS, Take, descend};
use crate::scan::{Found, Kind, Scan, Value, elements, members, scan_line};

/// Calls `each` with the scans of every record in `json`, whose first scan is
/// `outer`. Returns how many there were.
pub(super) fn expand(
    layout: &Layout,
    json: &[u8],
    outer: Scan<'_>,
    room: &mut Vec<Found>,
    each: &mut dyn FnMut(&[Scan<'_>]),
) -> usize {
    room.resize_with(layout.parts().len().max(1), Found::default);
    let given = Value { kind: Kind::Object, raw: json };
    let so_far = SoFar { values: [Some(given); MAX_PARTS], scans: [outer; MAX_PARTS], len: 1 };
    records(layout, &so_far, room.get_mut(1..).unwrap_or_default(), each)
}

/// The parts of a record that were scanned already.
#[derive(Clone, Copy)]
struct SoFar<'a> {
    values: [Option<Value<'a>>; MAX_PARTS],
    scans: [Scan<'a>; MAX_PARTS],
    len: usize,
}

impl<'a> SoFar<'a> {
    fn with<'b>(&self, value: Option<Value<'b>>, scan: Scan<'b>) -> SoFar<'b>
    where
        'a: 'b,
    {
        let mut more: SoFar<'b> = *self;
        if let (Some(place), Some(kept)) =
            (more.scans.get_mut(more.len), more.values.get_mut(more.len))
        {
            *place = scan;
            *kept = value;
            more.len += 1;
        }
        more
    }
}

fn records(
    layout: &Layout,
    so_far: &SoFar<'_>,
    room: &mut [Found],
    each: &mut dyn FnMut(&[Scan<'_>]),
) -> usize {
    let Some(part) = layout.parts().get(so_far.len) else {
        each(so_far.scans.get(..so_far.len).unwrap_or_default());
        return 1;
    };
    let (Some(step), Some((found, room))) = (&part.step, room.split_first_mut()) else { return 0 };
    let from = so_far.values.get(step.of).copied().flatten();
    let from = from.and_then(|from| descend(from, &step.path));
    let of = |kind| from.filter(|from| from.kind == kind);
    match step.take {
        Take::FromEnd(from_end) => {
            let array = of(Kind::Array);
            let all = array.map_or(0, |array| elements(array.raw).count());
            let element = array.filter(|_| from_end <= all);
            let element = element.and_then(|array| elements(array.raw).nth(all - from_end));
            let object = element.filter(|element| element.kind == Kind::Object);
            let scan = scan_line(&part.paths, object.map_or(b"{}", |object| object.raw), found);
            records(layout, &so_far.with(object, scan), room, each)
        }
        Take::All(Each::Element) => {
            let objects = of(Kind::Array).into_iter().flat_map(|array| elements(array.raw));
            let objects = objects.filter(|element| element.kind == Kind::Object);
            objects.fold(0, |count, object| {
                let scan = scan_line(&part.paths, object.raw, found);
                count + records(layout, &so_far.with(Some(object), scan), room, each)
            })
        }
        Take::All(Each::Member) => {
            let all = of(Kind::Object).into_iter().flat_map(|object| members(object.raw));
            let objects = all.filter(|(_, value)| value.kind == Kind::Object);
            let mut named = Vec::new();
            objects.fold(0, |count, (key, object)| {
                with_key(key.raw, object.raw, &mut named);
                let scan = scan_line(&part.paths, &named, found);
                count + records(layout, &so_far.with(Some(object), scan), room, each)
            })
        }
    }
}

/// An object with the name it has in the one around it as its first member.
fn with_key(key: &[u8], object: &[u8], out: &mut Vec<u8>) {
    let inner = object.strip_prefix(b"{").unwrap_or(object).trim_ascii_start();
    out.clear();
    out.extend_from_slice(b"{\"@key\":\"");
    out.extend_from_slice(key);
    out.extend_from_slice(if inner.starts_with(b"}") { b"\"" } else { b"\"," });
    out.extend_from_slice(inner);
}
