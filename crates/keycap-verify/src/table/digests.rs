//! The digests that one key is kept under.
//!
//! Nearly always one, kept in place. Where a provider gives many tokens the id of one key, they are
//! many, and none of them may be slow to find.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::Digest;

/// Never none.
#[derive(Debug)]
pub(super) struct Digests(Kept);

#[derive(Debug)]
#[expect(clippy::box_collection, reason = "so that one digest takes no more than it has to")]
enum Kept {
    One(Digest),
    Many(Box<HashSet<Digest>>),
}

impl Digests {
    pub(super) fn one(digest: Digest) -> Self {
        Self(Kept::One(digest))
    }

    pub(super) fn add(&mut self, digest: Digest) {
        match &mut self.0 {
            Kept::One(one) if *one == digest => {}
            Kept::One(one) => self.0 = Kept::Many(Box::new(HashSet::from([*one, digest]))),
            Kept::Many(many) => drop(many.insert(digest)),
        }
    }

    /// Removes a digest. Breaks off where none would be left, and nothing has changed then.
    pub(super) fn remove(&mut self, digest: &Digest) -> ControlFlow<()> {
        match &mut self.0 {
            Kept::One(one) if one == digest => ControlFlow::Break(()),
            Kept::One(_) => ControlFlow::Continue(()),
            Kept::Many(many) => {
                many.remove(digest);
                if let (1, Some(last)) = (many.len(), many.iter().next()) {
                    self.0 = Kept::One(*last);
                }
                ControlFlow::Continue(())
            }
        }
    }

    pub(super) fn into_vec(self) -> Vec<Digest> {
        match self.0 {
            Kept::One(one) => vec![one],
            Kept::Many(many) => many.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(texts: &[&str]) -> Vec<Digest> {
        texts.iter().map(|text| Digest::of(text.as_bytes())).collect()
    }

    fn of(texts: &[&str]) -> Digests {
        let mut all = digests(texts).into_iter();
        let mut kept = Digests::one(all.next().unwrap());
        all.for_each(|digest| kept.add(digest));
        kept
    }

    /// Sorted, as texts.
    fn shown(kept: Digests) -> Vec<String> {
        let mut shown: Vec<_> = kept.into_vec().iter().map(Digest::to_hex).collect();
        shown.sort();
        shown
    }

    #[test]
    fn what_was_added_is_kept_once_until_it_is_removed() {
        assert_eq!(shown(of(&["a", "a"])), shown(of(&["a"])));
        assert_eq!(of(&["a", "b", "b", "a", "c"]).into_vec().len(), 3);
        let mut kept = of(&["a", "b", "c"]);
        for (gone, left) in [("b", vec!["a", "c"]), ("b", vec!["a", "c"]), ("a", vec!["c"])] {
            assert!(kept.remove(&Digest::of(gone.as_bytes())).is_continue());
            let copy = match &kept.0 {
                Kept::One(one) => vec![*one],
                Kept::Many(many) => many.iter().copied().collect(),
            };
            assert_eq!(copy.len(), left.len());
            assert!(digests(&left).iter().all(|digest| copy.contains(digest)));
        }
        assert!(matches!(kept.0, Kept::One(_)), "a single one is kept in place");
        assert!(kept.remove(&Digest::of(b"a")).is_continue(), "it is not there");
        assert!(kept.remove(&Digest::of(b"c")).is_break(), "none would be left");
    }
}
