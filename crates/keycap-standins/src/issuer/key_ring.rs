//! The keys of the issuer: those that sign, and those that are still published.

use serde_json::{Value, json};

use super::{Algorithm, Key};

pub(super) struct KeyRing {
    current: [Key; 4],
    retired: Vec<Key>,
    serial: usize,
}

impl KeyRing {
    pub(super) fn new() -> Self {
        Self { current: keys(0), retired: Vec::new(), serial: 0 }
    }

    pub(super) fn current(&self, algorithm: Algorithm) -> Key {
        let index = Algorithm::ALL.iter().position(|one| *one == algorithm).expect("one of all");
        self.current[index].clone()
    }

    pub(super) fn rotate(&mut self) {
        self.serial += 1;
        self.retired.extend(std::mem::replace(&mut self.current, keys(self.serial)));
    }

    pub(super) fn withdraw(&mut self) {
        self.retired.clear();
    }

    pub(super) fn jwks(&self) -> Value {
        let keys: Vec<_> = self.current.iter().chain(&self.retired).map(Key::jwk).collect();
        json!({ "keys": keys })
    }
}

fn keys(serial: usize) -> [Key; 4] {
    Algorithm::ALL.map(|algorithm| Key::generate(algorithm, serial))
}
