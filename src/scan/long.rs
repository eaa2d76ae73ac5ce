//! The same scan for a line that is too long to hold, byte by byte as it comes.
//!
//! Keeps wanted values and little else, so memory does not grow with the line.
//! Written apart from the walk on purpose: each is the test of the other.

use super::found::{Found, Scan};
use super::lex::{self, Token};
use super::paths::{Node, NodeId, Paths};
use super::{CAPTURE_LIMIT, Shape, walk};

/// The state of a scan between two parts of a line.
#[derive(Debug, Default)]
pub struct LongScan {
    phase: Phase,
    text: Text,
    /// Wanted containers that are open, the innermost last.
    frames: Vec<Frame>,
    /// Brackets open in what is stepped over.
    skipped: usize,
    /// The key being read, as written.
    key: Vec<u8>,
    /// The last byte outside of strings that was no space.
    previous: u8,
    /// Position of the byte that comes next, and behind the last one that was no space.
    at: usize,
    solid_end: usize,
    found: Found,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing came yet, not even the paths.
    #[default]
    New,
    /// Padding and this many bytes of a byte order mark.
    Lead {
        nuls: bool,
        mark: usize,
    },
    /// In the line's object or array, whose first byte is known or not yet.
    Open {
        shape: Shape,
        closer: u8,
        fresh: bool,
    },
    /// Behind it.
    Closed(Shape),
    NotJson,
}

/// Which kind of string the next byte is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    In {
        quote: u8,
        escaped: bool,
    },
}

#[derive(Debug)]
struct Frame {
    node: NodeId,
    is_array: bool,
    index: u32,
    part: Part,
}

/// Where in its container the next byte is.
#[derive(Debug)]
enum Part {
    /// Before a key or an element.
    Member,
    Key,
    Colon,
    /// Before the value of a member that leads there.
    Start(Option<NodeId>),
    Value(Open),
    /// Behind the comma behind a bare value.
    Comma(Open),
    Junk,
}

/// A value that is being read.
#[derive(Debug)]
struct Open {
    node: Option<NodeId>,
    token: Token,
    start: usize,
    end: usize,
    /// Its first bytes, if they are wanted.
    bytes: Option<Vec<u8>>,
}

/// What became of a byte.
enum Step {
    Done,
    /// The state changed; look at the byte again.
    Again,
}

impl LongScan {
    /// Before a line.
    #[must_use]
    pub fn new() -> LongScan {
        LongScan::default()
    }

    /// Takes the next `part` of the line. The paths must be the same for all of it.
    pub fn push(&mut self, paths: &Paths, part: &[u8]) {
        if self.phase == Phase::New {
            self.found.begin(paths);
            self.phase = Phase::Lead { nuls: false, mark: 0 };
        }
        let mut rest = part;
        while let Some((byte, after)) = rest.split_first() {
            let boring = self.boring(rest);
            if boring > 0 {
                self.at += boring;
                self.solid_end = self.at;
                rest = rest.get(boring..).unwrap_or_default();
                continue;
            }
            self.byte(paths, *byte);
            rest = after;
        }
    }

    /// Ends the line. The values are in `found`; this scan is ready for the next line.
    pub fn finish<'a>(&mut self, found: &'a mut Found) -> Scan<'a> {
        let shape = match self.phase {
            Phase::New | Phase::Lead { nuls: false, mark: 0 } => Shape::Blank,
            Phase::Lead { .. } | Phase::NotJson => Shape::NotJson,
            Phase::Open { .. } => Shape::Broken,
            Phase::Closed(shape) => shape,
        };
        let ended = std::mem::take(self);
        *found = ended.found;
        Scan::of_kept(shape, found)
    }

    /// How many of the next bytes are inside a string nobody wants, or of no JSON at all.
    fn boring(&self, rest: &[u8]) -> usize {
        if self.phase == Phase::NotJson {
            return rest.len();
        }
        let Text::In { quote, escaped: false } = self.text else { return 0 };
        let wanted = self.frames.iter().any(|frame| match &frame.part {
            Part::Key => true,
            Part::Value(open) | Part::Comma(open) => open.bytes.is_some(),
            _ => false,
        });
        if wanted {
            return 0;
        }
        memchr::memchr2(quote, b'\\', rest).unwrap_or(rest.len())
    }

    fn byte(&mut self, paths: &Paths, byte: u8) {
        match self.phase {
            Phase::Open { .. } if self.text == Text::Outside => self.outside(paths, byte),
            Phase::Open { .. } => self.in_string(paths, byte),
            Phase::Closed(_) if !lex::is_padding(byte) => self.phase = Phase::Closed(Shape::Broken),
            Phase::Lead { nuls, mark } => self.lead(paths, byte, nuls, mark),
            _ => {}
        }
        for frame in &mut self.frames {
            if let Part::Value(open) | Part::Comma(open) = &mut frame.part
                && let Some(bytes) = &mut open.bytes
                // Room for the quotes, and one more to tell that it was too long.
                && bytes.len() < CAPTURE_LIMIT + 3
            {
                bytes.push(byte);
            }
        }
        self.at += 1;
        if self.text != Text::Outside || !lex::is_space(byte) {
            self.solid_end = self.at;
        }
    }

    fn lead(&mut self, paths: &Paths, byte: u8, nuls: bool, mark: usize) {
        self.phase = match (byte, mark) {
            (0xef, 0) | (0xbb, 1) => Phase::Lead { nuls, mark: mark + 1 },
            (0xbf, 2) => Phase::Lead { nuls, mark: 0 },
            (0, 0) => Phase::Lead { nuls: true, mark },
            (byte, 0) if lex::is_space(byte) => self.phase,
            (b'{', 0) => Phase::Open { shape: Shape::Object, closer: b'}', fresh: true },
            (b'[', 0) => Phase::Open { shape: Shape::Array, closer: b']', fresh: false },
            _ => Phase::NotJson,
        };
        if matches!(self.phase, Phase::Open { .. }) {
            self.previous = byte;
            self.open(paths, Some(Paths::ROOT), byte);
        }
    }

    /// An opening bracket: either wanted beneath, or to be stepped over.
    fn open(&mut self, paths: &Paths, node: Option<NodeId>, bracket: u8) {
        let deeper = |id: &NodeId| paths.node(*id).is_some_and(|node| node.deeper);
        match node.filter(deeper) {
            Some(node) => {
                let is_array = bracket == b'[';
                self.frames.push(Frame { node, is_array, index: 0, part: Part::Member });
            }
            None => self.skipped = 1,
        }
    }

    /// A closing bracket has closed `frames` or what was skipped.
    fn closed(&mut self, bracket: u8) {
        if let (true, Phase::Open { shape, closer, .. }) = (self.frames.is_empty(), self.phase) {
            self.phase = Phase::Closed(if bracket == closer { shape } else { Shape::Broken });
        }
    }

    fn in_string(&mut self, paths: &Paths, byte: u8) {
        let Text::In { quote, escaped } = self.text else { return };
        let ends = byte == quote && !escaped;
        self.text = Text::In { quote, escaped: byte == b'\\' && !escaped };
        if ends {
            self.text = Text::Outside;
            self.previous = quote;
        }
        let Some(frame) = self.frames.last_mut().filter(|_| self.skipped == 0) else { return };
        if !matches!(frame.part, Part::Key) {
            return;
        }
        let longest = paths.node(frame.node).map_or(0, Node::longest_raw_key);
        if ends {
            frame.part = Part::Colon;
        } else if self.key.len() <= longest {
            self.key.push(byte);
        }
    }

    fn outside(&mut self, paths: &Paths, byte: u8) {
        if let Phase::Open { shape, closer, fresh: true } = self.phase
            && !lex::is_space(byte)
        {
            let shape = if matches!(byte, b'"' | b'}') { shape } else { Shape::Broken };
            self.phase = Phase::Open { shape, closer, fresh: false };
        }
        if self.skipped > 0 {
            self.skip(byte);
        } else {
            while let Step::Again = self.step(paths, byte) {}
        }
        if !lex::is_space(byte) {
            self.previous = byte;
        }
    }

    /// One byte of what is stepped over; also starts to step over.
    fn skip(&mut self, byte: u8) {
        match byte {
            b'"' => self.text = Text::In { quote: byte, escaped: false },
            b'\'' if lex::opens_token(self.previous) => {
                self.text = Text::In { quote: byte, escaped: false };
            }
            b'{' | b'[' => self.skipped += 1,
            b'}' | b']' if self.skipped > 0 => {
                self.skipped -= 1;
                if self.skipped == 0 {
                    self.closed(byte);
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, paths: &Paths, byte: u8) -> Step {
        let Some(frame) = self.frames.last_mut() else { return Step::Done };
        if lex::is_space(byte) {
            return Step::Done;
        }
        match &mut frame.part {
            Part::Member => return self.member(paths, byte),
            Part::Colon => {
                let node = paths.node(frame.node);
                let child = || node.and_then(|node| node.member(&self.key));
                let is_value = byte == b':';
                frame.part = if is_value { Part::Start(child()) } else { Part::Member };
                if !is_value {
                    self.found.miss();
                }
                return if is_value { Step::Done } else { Step::Again };
            }
            Part::Start(node) => {
                let node = *node;
                return self.start(paths, byte, node);
            }
            Part::Value(open) if byte == b',' && open.token == Token::Word && !frame.is_array => {
                open.end = self.solid_end;
                let part = std::mem::replace(&mut frame.part, Part::Member);
                if let Part::Value(open) = part {
                    frame.part = Part::Comma(open);
                }
            }
            Part::Value(open) if lex::is_delimiter(byte) => {
                open.end = self.solid_end;
                return self.end_value(paths);
            }
            Part::Value(open) => {
                let is_text = matches!(byte, b'"' | b'{' | b'[');
                if open.token != Token::Word {
                    open.token = Token::Spoiled;
                }
                if open.token == Token::Spoiled || is_text {
                    self.found.miss();
                }
                self.skip(byte);
            }
            Part::Comma(_) if lex::continues_number(byte) => {
                let part = std::mem::replace(&mut frame.part, Part::Member);
                if let Part::Comma(open) = part {
                    frame.part = Part::Value(open);
                }
            }
            Part::Comma(_) => return self.end_value(paths),
            Part::Junk if lex::is_delimiter(byte) => {
                frame.part = Part::Member;
                return Step::Again;
            }
            Part::Junk => self.skip(byte),
            Part::Key => {}
        }
        Step::Done
    }

    fn member(&mut self, paths: &Paths, byte: u8) -> Step {
        let Some(frame) = self.frames.last_mut() else { return Step::Done };
        match byte {
            b'}' | b']' => {
                self.frames.pop();
                self.closed(byte);
            }
            b',' => frame.index = frame.index.saturating_add(1),
            _ if frame.is_array => {
                let node = paths.node(frame.node);
                frame.part = Part::Start(node.and_then(|node| node.element(frame.index)));
                return Step::Again;
            }
            b'"' => {
                frame.part = Part::Key;
                self.key.clear();
                self.text = Text::In { quote: byte, escaped: false };
            }
            _ => {
                self.found.miss();
                frame.part = Part::Junk;
                return Step::Again;
            }
        }
        Step::Done
    }

    fn start(&mut self, paths: &Paths, byte: u8, node: Option<NodeId>) -> Step {
        let token = Token::starting_with(byte);
        let wanted = node
            .and_then(|id| paths.node(id))
            .is_some_and(|node| !node.slots.is_empty() || (node.deeper && token == Token::Text));
        let bytes = wanted.then(Vec::new);
        if let Some(frame) = self.frames.last_mut() {
            frame.part = Part::Value(Open { node, token, start: self.at, end: self.at, bytes });
        }
        match token {
            Token::Text | Token::Single => self.text = Text::In { quote: byte, escaped: false },
            Token::Object | Token::Array => self.open(paths, node, byte),
            Token::Word | Token::Spoiled => return Step::Again,
        }
        Step::Done
    }

    /// The innermost value has ended; the byte behind it is still to be looked at.
    fn end_value(&mut self, paths: &Paths) -> Step {
        let Some(frame) = self.frames.last_mut() else { return Step::Done };
        if let Part::Value(open) | Part::Comma(open) =
            std::mem::replace(&mut frame.part, Part::Member)
            && let Some(node) = open.node.and_then(|id| paths.node(id))
            && let Some(bytes) = &open.bytes
        {
            note(&mut self.found, paths, node, &open, bytes);
        }
        Step::Again
    }
}

fn note(found: &mut Found, paths: &Paths, node: &Node, open: &Open, bytes: &[u8]) {
    let len = open.end.saturating_sub(open.start);
    let quote = usize::from(open.token == Token::Text);
    let inner = bytes.get(quote..(len - quote).min(bytes.len())).unwrap_or_default();
    let whole_len = len - 2 * quote;
    if !node.slots.is_empty() {
        found.keep(&node.slots, open.token, inner, whole_len);
    }
    if open.token == Token::Text && node.deeper {
        if whole_len <= CAPTURE_LIMIT {
            walk::inside(paths, node, inner, 0, found);
            found.end_missed(paths);
        } else if walk::may_hold_json(inner) {
            found.miss();
        }
    }
}
