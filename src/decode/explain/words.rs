//! The words of a map, as people write them.

use std::fmt::Write;

use crate::decode::map::{Alt, Cond, From, Map, Piece};

/// Where an alternative takes its value from.
pub(in crate::decode) fn source(map: &Map<String>, alt: &Alt<String>) -> String {
    match &alt.from {
        From::Path(path) => path.clone(),
        From::Header(name) => format!("header {name}"),
        From::Const(_) => "const".to_owned(),
        From::Sum(paths) => format!("sum({})", paths.join(", ")),
        From::Diff(end, start) => format!("diff({end}, {start})"),
        From::Join(pieces) => {
            let name = |piece: &Piece<String>| match piece {
                Piece::Path(path) => path.clone(),
                Piece::Sticky(number) => sticky(map, *number),
            };
            format!("join({})", pieces.iter().map(name).collect::<Vec<_>>().join(", "))
        }
        From::KeyOf(path) => format!("key_of({path})"),
        From::Sticky(number) => sticky(map, *number),
    }
}

fn sticky(map: &Map<String>, number: usize) -> String {
    let name = map.sticky.get(number).map_or("", |sticky| &*sticky.name);
    format!("sticky {name}")
}

/// What a condition asks for.
pub(in crate::decode) fn condition(cond: &Cond<String>) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(cond.has.iter().map(|path| format!("has {path}")));
    parts.extend(cond.not.iter().map(|path| format!("has no {path}")));
    parts.extend(cond.eq.iter().map(|(path, words)| format!("{path} is {}", either(words))));
    parts.extend(cond.ne.iter().map(|(path, words)| format!("{path} is not {}", either(words))));
    parts.extend(cond.re.iter().map(|(path, regex)| format!("{path} fits {}", regex.as_str())));
    parts.join(", ")
}

/// Words of which one is meant.
pub(in crate::decode) fn either(words: &[Box<[u8]>]) -> String {
    const MOST: usize = 3;
    let mut text = String::new();
    for (number, word) in words.iter().take(MOST).enumerate() {
        let joint = if number > 0 { " or " } else { "" };
        // Writing to a string does not fail.
        let _ = write!(text, "{joint}`{}`", String::from_utf8_lossy(word));
    }
    if words.len() > MOST {
        text.push_str(" or …");
    }
    text
}
