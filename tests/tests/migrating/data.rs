//! Rows of the old table carried over, and plans that change.

use std::sync::Arc;

use keycap::budget::{MemoryLedger, Retention, audit};
use keycap::{
    Guard, Identity, Ledger, ManualClock, Meter, Operation, Reapply, Standing, Subject, Timestamp,
    apply_one,
};
use keycap_tests::wire::Request;
use keycap_tests::{App, NOW, Route, Site, Told, Work, same_on_both};
use serde_json::json;

use crate::carried::{OldRow, carry_over};
use crate::plan::{plan, with_plans};

fn customer(name: &str, tier: Option<&str>, asserted_at: Timestamp) -> Identity {
    let mut identity = Identity::new(Subject::new("clerk", name).unwrap(), asserted_at);
    if let Some(tier) = tier {
        identity.claims.insert("tier".to_owned(), json!(tier));
    }
    identity
}

fn ledger() -> Arc<MemoryLedger> {
    Arc::new(MemoryLedger::with_clock(ManualClock::at(NOW), Retention::default()))
}

fn row(id: u32, cap: Option<u32>, used: u32, period: Option<&str>) -> OldRow {
    let budget_period = period.map(str::to_owned);
    OldRow { id, budget_cents: cap, budget_used_cents: used, budget_period }
}

async fn standings(ledger: &dyn Ledger, identity: &Identity) -> Vec<Standing> {
    ledger.standings(plan(identity).unwrap().leaf()).await.unwrap()
}

fn written(standing: &Standing) -> (String, String) {
    (standing.limit.to_string(), Meter::USD.format(standing.spent))
}

#[tokio::test]
async fn p2_p3_a_row_is_carried_over_with_its_limit_and_its_spend_and_counts_once() {
    let ledger = ledger();
    for (id, old, limit, spent) in [
        (1, row(1, Some(5_000), 1_234, Some("month")), "$50.00 per month", "$12.34"),
        (2, row(2, Some(30), 29, Some("day")), "$0.30 per day", "$0.29"),
        (3, row(3, Some(500), 505, None), "$5.00 per lifetime", "$5.05"),
        (4, row(4, Some(2_000), 1, Some("month")), "$20.00 per month", "$0.01"),
        (5, row(5, Some(0), 0, Some("day")), "$0.00 per day", "$0.00"),
    ] {
        let identity = customer(&format!("user_{id}"), None, NOW);
        for _ in 0..3 {
            carry_over(&*ledger, &old, plan(&identity).unwrap(), NOW).await.unwrap();
        }
        let standing = &standings(&*ledger, &identity).await[0];
        assert_eq!(written(standing), (limit.to_owned(), spent.to_owned()));
    }
    let boundless = customer("user_6", None, NOW);
    let old = row(6, None, 700, Some("month"));
    carry_over(&*ledger, &old, plan(&boundless).unwrap(), NOW).await.unwrap();
    assert_eq!(standings(&*ledger, &boundless).await, []);
    let charges = ledger.charges(plan(&boundless).unwrap().leaf(), None, 10).await.unwrap();
    assert_eq!(charges.len(), 1, "without a limit, the spend is on record all the same");
    audit(&ledger.snapshot().await.unwrap()).unwrap();
}

async fn seen_again(ledger: &dyn Ledger, identity: &Identity) {
    let (chain, asserted_at) = (plan(identity).unwrap(), identity.asserted_at);
    let open = Operation::Open { chain, asserted_at, reapply: Reapply::Changes };
    apply_one(ledger, open).await.unwrap().unwrap();
}

#[tokio::test]
async fn p8_a_carried_limit_outlives_the_template_until_the_plan_changes() {
    let ledger = ledger();
    let at = |minutes: i64| Timestamp::from_millis(NOW.as_millis() + minutes * 60_000);
    let first = customer("user_1", None, NOW);
    let old = row(1, Some(5_000), 1_234, Some("month"));
    carry_over(&*ledger, &old, plan(&first).unwrap(), NOW).await.unwrap();

    seen_again(&*ledger, &customer("user_1", None, at(1))).await;
    let standing = &standings(&*ledger, &first).await[0];
    assert_eq!(written(standing), ("$50.00 per month".to_owned(), "$12.34".to_owned()));

    seen_again(&*ledger, &customer("user_1", Some("pro"), at(2))).await;
    let standing = &standings(&*ledger, &first).await[0];
    assert_eq!(written(standing), ("$200.00 per month".to_owned(), "$12.34".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_seen_first_has_the_plan_of_its_claims() {
    let app = || {
        App::default().gate(with_plans).route(Route::guarded(
            "/me",
            Guard::by_handler(),
            Work::Limits,
        ))
    };
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        told.add("me", site.ask("alice", Request::get("/me")).await);
        told
    })
    .await;
    assert_eq!(told.answer("me").json()["limits"][0]["cap"], "$20.00");
}
