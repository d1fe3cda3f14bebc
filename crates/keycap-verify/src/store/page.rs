//! Lists, one page at a time.

use crate::{KeyId, KeyRecord};

/// The most keys on one page; the default.
pub const MAX_PAGE: usize = 100;

/// Which part of a list is wanted.
///
/// ```
/// use keycap_verify::Page;
///
/// assert!(Page::of(10).is_ok());
/// assert!(Page::of(0).is_err() && Page::of(101).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    size: usize,
    after: Option<KeyId>,
}

/// A page cannot have that many keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page of {0} keys is not served; ask for 1 to {MAX_PAGE}")]
#[non_exhaustive]
pub struct PageError(pub usize);

/// One page of a list of keys.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPage {
    /// The keys, sorted by id.
    pub keys: Vec<KeyRecord>,
    /// What to ask for next; `None` after the last page.
    pub next: Option<Page>,
}

impl Page {
    /// The first page, of at most [`MAX_PAGE`] keys.
    #[must_use]
    pub const fn first() -> Self {
        Self { size: MAX_PAGE, after: None }
    }

    /// The first page, of at most `size` keys.
    ///
    /// # Errors
    /// [`PageError`] unless `size` is 1 to [`MAX_PAGE`].
    pub const fn of(size: usize) -> Result<Self, PageError> {
        if size == 0 || size > MAX_PAGE {
            Err(PageError(size))
        } else {
            Ok(Self { size, after: None })
        }
    }

    /// The page that begins behind `last`, which need not exist.
    #[must_use]
    pub const fn after(self, last: KeyId) -> Self {
        Self { after: Some(last), ..self }
    }

    /// The most keys it may have.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The id behind which it begins; `None` at the beginning.
    #[must_use]
    pub const fn begins_after(&self) -> Option<KeyId> {
        self.after
    }
}

impl KeyPage {
    /// The page `asked` for, cut from `found`: what follows its beginning, sorted by id. A store
    /// finds one key more than the page may have, so that this can tell whether there is a next one.
    #[must_use]
    pub fn cut(asked: Page, mut found: Vec<KeyRecord>) -> Self {
        let more = found.len() > asked.size;
        found.truncate(asked.size);
        let next = found.last().filter(|_| more).map(|last| asked.after(last.id));
        Self { keys: found, next }
    }
}
