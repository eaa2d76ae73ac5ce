//! The same alternatives and conditions with other paths: those of a layout's slots, or
//! those within an object.

use super::{Alt, Cond, From, Piece, Words};

/// Turns each path as text into what it is to be.
pub(super) struct Places<F>(pub(super) F);

impl<P, F: FnMut(&str) -> P> Places<F> {
    pub(super) fn all(&mut self, paths: &[String]) -> Vec<P> {
        paths.iter().map(|path| (self.0)(path)).collect()
    }

    fn words(&mut self, of: &[(String, Words)]) -> Vec<(P, Words)> {
        of.iter().map(|(path, words)| ((self.0)(path), words.clone())).collect()
    }

    pub(super) fn conds(&mut self, conds: &[Cond<String>]) -> Vec<Cond<P>> {
        conds.iter().map(|cond| self.cond(cond)).collect()
    }

    pub(super) fn cond(&mut self, cond: &Cond<String>) -> Cond<P> {
        Cond {
            has: self.all(&cond.has),
            not: self.all(&cond.not),
            eq: self.words(&cond.eq),
            ne: self.words(&cond.ne),
            re: cond.re.iter().map(|(p, regex)| ((self.0)(p), regex.clone())).collect(),
        }
    }

    fn piece(&mut self, piece: &Piece<String>) -> Piece<P> {
        match piece {
            Piece::Path(path) => Piece::Path((self.0)(path)),
            Piece::Sticky(number) => Piece::Sticky(*number),
        }
    }

    pub(super) fn alts(&mut self, alts: &[Alt<String>]) -> Vec<Alt<P>> {
        alts.iter().map(|alt| self.alt(alt)).collect()
    }

    pub(super) fn alt(&mut self, alt: &Alt<String>) -> Alt<P> {
        let from = match &alt.from {
            From::Path(path) => From::Path((self.0)(path)),
            From::Header(name) => From::Header(name.clone()),
            From::Const(text) => From::Const(text.clone()),
            From::Sum(paths) => From::Sum(self.all(paths)),
            From::Diff(end, start) => From::Diff((self.0)(end), (self.0)(start)),
            From::Join(pieces) => {
                From::Join(pieces.iter().map(|piece| self.piece(piece)).collect())
            }
            From::KeyOf(path) => From::KeyOf((self.0)(path)),
            From::Sticky(number) => From::Sticky(*number),
        };
        Alt {
            from,
            read_as: alt.read_as.clone(),
            scale: alt.scale,
            add: alt.add,
            regex: alt.regex.clone(),
            map: alt.map.clone(),
            table: alt.table,
            otherwise: alt.otherwise.clone(),
            when: alt.when.as_ref().map(|when| self.cond(when)),
        }
    }
}
