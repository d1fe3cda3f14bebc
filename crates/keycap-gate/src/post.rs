//! A gate and a guard, one for each thread that serves.
//!
//! A request keeps its gate alive and reads its guard. If all requests counted that in one place, all
//! threads would write there; so each thread has a post of its own, and counts at that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keycap_base::{stripe_count, thread_number};

use crate::Guard;
use crate::core::Core;

/// The most posts of one guard.
const MAX_POSTS: usize = 64;

/// Where one thread serves behind one guard. Two cache lines from the next.
#[repr(align(128))]
pub(crate) struct Post {
    pub(crate) number: PostNumber,
    pub(crate) core: Arc<Core>,
    pub(crate) guard: Arc<Guard>,
}

/// The number of all posts of one guard that was put to use; no other in this process has or had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PostNumber(u64);

/// The posts behind one guard.
#[derive(Clone)]
pub(crate) struct Posts(Arc<[Arc<Post>]>);

impl Posts {
    pub(crate) fn new(core: &Arc<Core>, guard: Guard) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = PostNumber(NEXT.fetch_add(1, Ordering::Relaxed));
        let guard = Arc::new(guard);
        let post = |_| Arc::new(Post { number, core: Arc::clone(core), guard: Arc::clone(&guard) });
        Self((0..stripe_count(MAX_POSTS)).map(post).collect())
    }

    /// The post of this thread.
    #[expect(clippy::indexing_slicing, reason = "there is a power of two of them")]
    pub(crate) fn here(&self) -> &Arc<Post> {
        &self.0[thread_number() & (self.0.len() - 1)]
    }

    /// Any of them, for what all have alike.
    #[expect(clippy::indexing_slicing, reason = "there is at least one")]
    pub(crate) fn any(&self) -> &Post {
        &self.0[0]
    }
}
