//! The floor: what admission of a warm key costs when it is written by hand for that alone.
//!
//! Header bytes, bearer, one-shot SHA-256, one look-up in place, status, expiry, scope, a hold on each of
//! three limits, and the three holds given back. Nothing else: no window, no lease, no queue, no
//! record, no framework, and while the look-up is in place nobody can change the entry. What stands
//! here must stay the fastest way in safe Rust that we know; every goal is a multiple of it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::RwLock;
use quanta::Instant;
use sha2::block_api::compress256;

/// Locks of the table: a power of two, so many that two threads seldom meet.
const SHARDS: usize = 64;
const ACTIVE: u8 = 1;
/// The first words of SHA-256 (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 of a secret of at most 55 bytes: one block, padded in place.
#[must_use]
pub fn digest(secret: &[u8]) -> Option<[u8; 32]> {
    let mut block = [0; 64];
    let (text, end) = block.split_at_mut_checked(56)?;
    text.get_mut(..secret.len())?.copy_from_slice(secret);
    *text.get_mut(secret.len())? = 0x80;
    end.copy_from_slice(&(secret.len() as u64 * 8).to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, &[block]);
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    Some(digest)
}

/// One limit: how much of it is spent or held.
#[derive(Debug)]
pub struct Counter {
    cap: u64,
    taken: AtomicU64,
}

/// The limit of an account that keys share.
pub type Shared = Arc<CachePadded<Counter>>;

impl Counter {
    /// A limit of which nothing is taken.
    #[must_use]
    pub fn new(cap: u64) -> Self {
        Self { cap, taken: AtomicU64::new(0) }
    }

    /// The same for several keys.
    #[must_use]
    pub fn shared(cap: u64) -> Shared {
        Arc::new(CachePadded::new(Self::new(cap)))
    }

    fn hold(&self, amount: u64) -> bool {
        let mut taken = self.taken.load(Ordering::Relaxed);
        loop {
            let Some(more) = taken.checked_add(amount).filter(|&more| more <= self.cap) else {
                return false;
            };
            match self.taken.compare_exchange_weak(taken, more, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => taken = now,
            }
        }
    }

    fn give_back(&self, amount: u64) {
        self.taken.fetch_sub(amount, Ordering::AcqRel);
    }
}

/// A key and the three limits that it spends from: its own, in place, and those above.
#[derive(Debug)]
pub struct Entry {
    status: AtomicU8,
    until: Instant,
    scopes: u64,
    own: Counter,
    above: [Shared; 2],
}

impl Entry {
    /// An active key.
    #[must_use]
    pub fn new(until: Instant, scopes: u64, own: Counter, above: [Shared; 2]) -> Self {
        Self { status: AtomicU8::new(ACTIVE), until, scopes, own, above }
    }

    /// All limits or none.
    fn hold(&self, amount: u64) -> bool {
        let [user, organisation] = &self.above;
        let limits = [&self.own, &**user, &**organisation];
        for (index, limit) in limits.iter().enumerate() {
            if !limit.hold(amount) {
                limits[..index].iter().for_each(|held| held.give_back(amount));
                return false;
            }
        }
        true
    }

    fn give_back(&self, amount: u64) {
        self.own.give_back(amount);
        self.above.iter().for_each(|limit| limit.give_back(amount));
    }
}

/// The table of known keys.
pub struct Reference {
    shards: Box<[CachePadded<RwLock<Shard>>]>,
}

type Shard = HashMap<[u8; 32], Entry, BuildHasherDefault<AsItIs>>;

impl Reference {
    /// A table of these keys, by their secrets.
    ///
    /// # Panics
    /// When a secret has more than 55 bytes.
    #[must_use]
    pub fn of<'a>(keys: impl IntoIterator<Item = (&'a str, Entry)>) -> Self {
        let shards: Box<[_]> = (0..SHARDS).map(|_| CachePadded::new(RwLock::default())).collect();
        let table = Self { shards };
        for (secret, entry) in keys {
            let digest = digest(secret.as_bytes()).expect("a short secret");
            table.shard(&digest).write().insert(digest, entry);
        }
        table
    }

    /// Admits the bearer of a header's value and gives back what it holds. Says whether it was
    /// admitted.
    #[inline]
    pub fn admit(
        &self,
        authorization: &[u8],
        now: impl FnOnce() -> Instant,
        scope: u64,
        amount: u64,
    ) -> bool {
        self.try_admit(authorization, now, scope, amount).is_some()
    }

    fn try_admit(
        &self,
        authorization: &[u8],
        now: impl FnOnce() -> Instant,
        scope: u64,
        amount: u64,
    ) -> Option<()> {
        let (scheme, secret) = authorization.split_at_checked(7)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return None;
        }
        let digest = digest(secret)?;
        let shard = self.shard(&digest).read();
        let entry = shard.get(&digest)?;
        let fit = entry.status.load(Ordering::Acquire) == ACTIVE
            && now() < entry.until
            && entry.scopes & scope == scope;
        (fit && entry.hold(amount)).then(|| entry.give_back(amount))
    }

    fn shard(&self, digest: &[u8; 32]) -> &RwLock<Shard> {
        &self.shards[usize::from(digest[31]) % SHARDS]
    }
}

/// A digest's first bytes are as good as any hash of it.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reference").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quanta::Clock;
    use sha2::{Digest as _, Sha256};

    use super::*;

    const SECRET: &str = "kc_0123456789abcdefghijklmnopqrstuvwxyz-abcd";

    #[test]
    fn a_digest_is_the_sha_256_of_every_length_that_fits() {
        let text = [b'x'; 56];
        for length in 0..=55 {
            let expected: [u8; 32] = Sha256::digest(&text[..length]).into();
            assert_eq!(digest(&text[..length]), Some(expected), "{length} bytes");
        }
        assert_eq!(digest(&text), None, "a second block");
    }

    #[test]
    fn it_admits_whom_it_should_and_gives_all_back() {
        let now = Clock::new().now();
        let above = [Counter::shared(9), Counter::shared(10)];
        let entry = |until| Entry::new(until, 0b11, Counter::new(10), above.clone());
        let day = Duration::from_secs(86_400);
        let table = Reference::of([(SECRET, entry(now + day)), ("over", entry(now))]);
        let sent = |secret: &str| format!("Bearer {secret}").into_bytes();
        let admit = |secret: &str, scope, amount| table.admit(&sent(secret), || now, scope, amount);
        assert!(admit(SECRET, 0b01, 9), "fits");
        assert!(!admit(SECRET, 0b01, 10), "over the second cap");
        assert!(!admit(SECRET, 0b100, 1), "no such scope");
        assert!(!admit("over", 0b01, 1), "expired");
        assert!(!admit("other", 0b01, 1), "unknown");
        assert!(!table.admit(b"Basic x", || now, 0, 0), "no bearer");
        assert!(above.iter().all(|limit| limit.taken.load(Ordering::Relaxed) == 0));
    }
}
