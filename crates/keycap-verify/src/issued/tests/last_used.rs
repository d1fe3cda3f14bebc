use super::*;
use crate::store::MAX_TOUCHES;

async fn last_used(bench: &Bench, id: KeyId) -> Option<Timestamp> {
    bench.keys.find(&id).await.unwrap().unwrap().last_used_at
}

#[tokio::test]
async fn a_use_is_written_down_off_the_request_path_and_debounced() {
    let bench = plain();
    let minted = bench.mint().await;
    let id = minted.record.id;
    let used = async || known(bench.keys.verify(&minted.secret).await);

    let _ = used().await;
    assert_eq!(last_used(&bench, id).await, None, "not on the request path");
    bench.keys.housekeep().await;
    assert_eq!(last_used(&bench, id).await, Some(START));

    bench.clock.advance(DEFAULT_DEBOUNCE - Duration::from_millis(1));
    let _ = used().await;
    bench.keys.housekeep().await;
    assert_eq!(last_used(&bench, id).await, Some(START), "too soon to be worth a write");
    assert_eq!(bench.store.touches.load(Ordering::SeqCst), 1);

    bench.clock.advance(Duration::from_millis(1));
    let _ = used().await;
    bench.keys.housekeep().await;
    assert_eq!(last_used(&bench, id).await, Some(START.plus(DEFAULT_DEBOUNCE)));
}

#[tokio::test]
async fn a_use_the_store_did_not_take_is_written_down_later() {
    let bench = plain();
    let minted = bench.mint().await;
    let _ = known(bench.keys.verify(&minted.secret).await);
    bench.store.broken.store(true, Ordering::SeqCst);
    bench.keys.housekeep().await;
    bench.store.broken.store(false, Ordering::SeqCst);
    assert_eq!(last_used(&bench, minted.record.id).await, None);
    bench.keys.housekeep().await;
    assert_eq!(last_used(&bench, minted.record.id).await, Some(START));
}

#[tokio::test]
async fn a_refused_key_was_not_used() {
    let bench = plain();
    let minted = bench.mint().await;
    let _ = bench.keys.revoke(&minted.record.id).await.unwrap();
    let _ = rejected(&bench.keys.verify(&minted.secret).await);
    bench.keys.housekeep().await;
    assert_eq!(last_used(&bench, minted.record.id).await, None);
}

#[tokio::test]
async fn pending_uses_are_bounded_and_left_ones_come_again() {
    let bench = Bench::new(|builder| builder.pending_uses(2));
    let minted = [bench.mint().await, bench.mint().await, bench.mint().await];
    let written = async || {
        for key in &minted {
            let _ = known(bench.keys.verify(&key.secret).await);
        }
        bench.keys.housekeep().await;
        let mut written = 0;
        for key in &minted {
            written += usize::from(last_used(&bench, key.record.id).await.is_some());
        }
        written
    };
    assert_eq!(written().await, 2, "the third finds no place");
    assert_eq!(written().await, 3, "and is noted when it is verified again");
}

#[tokio::test]
async fn uses_are_written_down_in_batches_the_store_takes() {
    let bench = plain();
    let uses = LastUsed::new(DEFAULT_DEBOUNCE, MAX_TOUCHES + 1);
    let record = bench.mint().await.record;
    for _ in 0..=MAX_TOUCHES {
        uses.note(&KeyRecord { id: KeyId::new(START).unwrap(), ..record.clone() }, START);
    }
    uses.write_down(&*bench.store).await;
    uses.write_down(&*bench.store).await;
    assert_eq!(bench.store.touches.load(Ordering::SeqCst), 2, "two batches, nothing left behind");
}
