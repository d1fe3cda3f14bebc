//! What a lookup reads besides what the provider says.
//!
//! A payload may be made of things that many keys share, such as accounts, and each may change while
//! the lookup is under way. A [`Reading`] names them and is begun before they are read; a change makes
//! only those lookups ask again that had begun to read the thing that changed.

use super::KeyTable;
use super::generations::Noted;

/// The things that a payload is made of, by name, and when the lookup began to read them.
#[derive(Clone, Debug)]
#[must_use]
pub struct Reading {
    pub(super) noted: Noted,
    pub(super) slots: Box<[usize]>,
}

impl<E, X> KeyTable<E, X> {
    /// Begins to read these things. To be called before they are read, and given back with what was
    /// found ([`Loaded::Live`](super::Loaded::Live)).
    pub fn begin_reading<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Reading {
        let slots = names.into_iter().map(|name| self.generations.slot(name)).collect();
        Reading { noted: self.generations.note(), slots }
    }

    /// Whether nothing of what was read has changed since the reading began. Names share places in a
    /// table of changes, so that another's change is, rarely, taken for one of these.
    #[must_use]
    pub fn still_stands(&self, reading: &Reading) -> bool {
        self.generations.stands(reading)
    }

    /// Forgets all live keys whose payload `which` picks, because the thing of this name has changed,
    /// and makes lookups in flight that read it ask again. Returns how many keys were forgotten. Looks
    /// at every live key.
    ///
    /// `which` is called with a part of the table locked: it must not come back to the table.
    pub fn forget_readers(&self, name: &str, which: impl Fn(&E) -> bool) -> usize {
        self.generations.change(name);
        self.remove_where(|entry| which(entry.payload()))
    }
}
