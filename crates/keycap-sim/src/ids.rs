//! Ids numbered in order, so that the same steps make the same ids.

use keycap_base::Timestamp;
use keycap_budget::{ChargeId, HoldId, OwnerId};

/// Makes the ids of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ids {
    node: u8,
    made: u32,
    pub(crate) now: Timestamp,
}

impl Ids {
    pub(crate) fn of_node(node: u8) -> Self {
        Self { node, made: 0, now: Timestamp::EPOCH }
    }

    fn bytes(&mut self) -> [u8; 16] {
        self.made += 1;
        let millis = self.now.as_millis().to_be_bytes();
        let made = self.made.to_be_bytes();
        let [_, _, a, b, c, d, e, f] = millis;
        let [g, h, i, j] = made;
        [a, b, c, d, e, f, 0x70, 0, 0x80, self.node, 0, 0, g, h, i, j]
    }

    pub(crate) fn hold(&mut self) -> HoldId {
        HoldId::from_bytes(self.bytes()).expect("of version 7")
    }

    pub(crate) fn charge(&mut self) -> ChargeId {
        ChargeId::from_bytes(self.bytes()).expect("of version 7")
    }

    pub(crate) fn owner(&mut self) -> OwnerId {
        OwnerId::from_bytes(self.bytes()).expect("of version 7")
    }
}
