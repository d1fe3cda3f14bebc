//! How much a group takes.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by a panic")]

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::*;

/// Work that only weighs.
struct Weight(usize);

impl Work for Weight {
    fn weight(&self) -> usize {
        self.0
    }

    fn run(&mut self, _desk: &mut Desk) -> Result<(), StoreError> {
        Ok(())
    }

    fn answer(self: Box<Self>, _end: Result<(), StoreError>) {}
}

/// What one group takes of work that weighs this much, and how many places are free then.
async fn taken(weights: &[usize]) -> (Vec<usize>, usize) {
    let total = weights.iter().sum();
    let places = Arc::new(Semaphore::new(total));
    let (sender, mut arriving) = mpsc::channel(weights.len());
    for weight in weights {
        let many = u32::try_from(*weight).unwrap();
        let places = Arc::clone(&places).acquire_many_owned(many).await.unwrap();
        assert!(sender.try_send(Sent { work: Box::new(Weight(*weight)), places }).is_ok());
    }
    let first = arriving.recv().await.unwrap();
    let group = take_group(first, &mut arriving);
    (group.iter().map(|work| work.weight()).collect(), places.available_permits())
}

#[tokio::test]
async fn a_group_takes_all_that_has_arrived_up_to_its_bound() {
    assert_eq!(taken(&[1]).await, (vec![1], 1));
    assert_eq!(taken(&[1, 2, 3]).await, (vec![1, 2, 3], 6));
    let (most, less) = (MAX_GROUP, MAX_GROUP - 1);
    assert_eq!(taken(&[most, 1]).await, (vec![most], most), "it is full");
    assert_eq!(taken(&[less, 1, 1]).await, (vec![less, 1], most), "the last one fits");
    assert_eq!(taken(&[less, 9, 1]).await, (vec![less, 9], most + 8), "the last one goes over");
}
