//! P7: who is never served by grace, because the key was taken away or somebody may have.

use super::*;

/// The key's own provider was asked beside the one that is silent, and did not know the key. That is not
/// remembered as a rejection, which would be a 401 on account of an outage.
#[tokio::test]
async fn p7_the_silence_of_another_provider_lets_go_of_the_key() {
    let elsewhere = Outaged::with(live("another provider's")).await;
    elsewhere.clock.advance(TTL);
    assert!(matches!(elsewhere.failing().await, Err(LoadError::Failed(_))));
    let table = &elsewhere.table;
    assert_eq!((table.len(), table.rejected_len(), table.generations.keys_noted()), (0, 0, 0));
    assert!(matches!(elsewhere.asking(|| async { Ok(live("key")) }).await, Ok(Found::Live(_))));
}

/// A caller who leaves early has learnt nothing of the provider. Otherwise whoever holds a key that was
/// revoked at its provider would keep it alive by asking and leaving.
#[tokio::test]
async fn p7_a_caller_who_leaves_does_not_make_an_outage() {
    let outaged = Outaged::new().await;
    outaged.clock.advance(TTL);
    for _ in 0..100 {
        let leaving = outaged.asking(std::future::pending);
        assert!(futures_util::FutureExt::now_or_never(leaving).is_none());
        outaged.clock.advance(MILLI);
    }
    assert_eq!(outaged.asked(), 100, "nobody is served without asking");
    let rejected = outaged.asking(|| async { Ok(UNKNOWN) }).await;
    assert!(matches!(rejected, Ok(Found::Rejected(Rejection::Unknown))));
}

#[tokio::test]
async fn p7_what_was_taken_away_is_not_served_by_grace() {
    type Taking = fn(&Table);
    let takings: [(&str, Taking); 5] = [
        ("revoked", |table| table.forget_key("key")),
        ("moved", |table| table.key_changed(&KeyNews::new("key", KeyChange::ExpiryChanged))),
        ("amended", |table| assert_eq!(table.forget_where(|payload| *payload == "key"), 1)),
        ("let go of", |table| assert_eq!(table.drop_lapsed(START.plus(TTL + GRACE)), 1)),
        ("others like it", |table| (0..4_000).for_each(|id| table.forget_key(&id.to_string()))),
    ];
    for (what, take) in takings {
        for lapsed in [TTL, Duration::ZERO] {
            let outaged = Outaged::new().await;
            outaged.clock.advance(lapsed);
            take(&outaged.table);
            outaged.clock.set(START.plus(TTL));
            assert!(!outaged.is_served().await, "{what}");
        }
    }
}

/// The lookup is on its way when the key is revoked, and then it fails. What fails must not serve what
/// the revocation has just removed, nor what a rejection that was overtaken has taken back.
#[tokio::test]
async fn p7_a_revocation_during_a_lookup_that_fails_wins() {
    type Meanwhile = fn(&Table);
    let all: [(Meanwhile, Result<Loaded<&'static str>, &'static str>); 3] = [
        (|table| table.forget_key("key"), Err(SILENT)),
        (|table| table.forget_key("key"), Ok(live("key"))),
        (|table| table.clear_rejected(), Ok(Loaded::Rejected(Rejection::Revoked))),
    ];
    for (meanwhile, first) in all {
        let outaged = Outaged::new().await;
        outaged.clock.advance(TTL);
        let answer = outaged.asking(|| async {
            if outaged.asked.load(Ordering::SeqCst) > 1 {
                return Err(SILENT);
            }
            meanwhile(&outaged.table);
            first.clone()
        });
        assert!(matches!(answer.await, Err(LoadError::Failed(_))), "{first:?}");
        assert!(!outaged.is_served().await);
    }
}

#[tokio::test]
async fn p7_a_key_that_was_rejected_lately_is_not_served_by_grace() {
    let outaged = Outaged::new().await;
    outaged.clock.advance(TTL);
    assert!(outaged.is_served().await);
    outaged.clock.advance(GRACE_PAUSE);
    let rejected = outaged.asking(|| async { Ok(UNKNOWN) }).await;
    assert!(matches!(rejected, Ok(Found::Rejected(Rejection::Unknown))));
    outaged.clock.advance(DEFAULT_REJECTED_TTL);
    assert!(!outaged.is_served().await);
}

/// Lookups that fail and a revocation at once, on real threads: whoever begins after the revocation
/// has returned is not served.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p7_no_interleaving_serves_a_revoked_key_by_grace() {
    for _ in 0..200 {
        let outaged = Arc::new(Outaged::new().await);
        outaged.clock.advance(TTL);
        let racers = [(); 4].map(|()| {
            let outaged = outaged.clone();
            tokio::spawn(async move {
                let slow = || async {
                    tokio::task::yield_now().await;
                    Err(SILENT)
                };
                outaged.asking(slow).await.is_ok()
            })
        });
        tokio::task::yield_now().await;
        outaged.table.forget_key("key");
        assert!(outaged.failing().await.is_err());
        for racer in racers {
            let _ = racer.await.unwrap();
        }
        assert!(outaged.failing().await.is_err(), "and nobody brings it back");
    }
}
