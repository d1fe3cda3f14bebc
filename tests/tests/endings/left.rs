//! What a request leaves in the ledger.

use keycap::{Guard, Meter, usd};
use keycap_tests::{App, Framework, Latch, Route, Site, Work};

/// What an account has on record when all is quiet: its spend, and each charge with the word for how
/// the request ended, where policy made the charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) spent: String,
    pub(crate) charges: Vec<(String, Option<String>)>,
}

impl Left {
    /// What alice's account has on record, once nothing is held.
    pub(crate) async fn on(site: &Site) -> Self {
        site.quiet().await;
        let spent = Meter::USD.format(site.counter("alice").await.spent);
        let charges = site.charges("alice").await.into_iter().map(|charge| {
            (charge.cost.to_string(), charge.tags.get("keycap.ending").map(str::to_owned))
        });
        let mut charges: Vec<_> = charges.collect();
        // The clock stands still, so the order of ids says nothing.
        charges.sort();
        Self { spent, charges }
    }

    /// One charge that policy made.
    pub(crate) fn captured(ending: &str) -> Self {
        let charge = ("$0.05".to_owned(), Some(ending.to_owned()));
        Self { spent: "$0.05".to_owned(), charges: vec![charge] }
    }

    /// These costs in ascending order, tracked by the handler.
    pub(crate) fn tracked(spent: &str, costs: &[&str]) -> Self {
        let charges = costs.iter().map(|cost| ((*cost).to_owned(), None));
        Self { spent: spent.to_owned(), charges: charges.collect() }
    }

    pub(crate) fn nothing() -> Self {
        Self::tracked("$0.00", &[])
    }
}

/// Runs a script on both adapters, against one route that holds $0.05, and compares what it left.
pub(crate) async fn leaves(
    work: impl Fn(Latch) -> Work,
    script: impl AsyncFn(&Site),
    expected: Left,
) {
    for framework in Framework::ALL {
        let route = |latch| Route::guarded("/", Guard::fixed(usd!(0.05)), work(latch));
        let site = App::limited("$1 per day").route_with_latch(route).on(framework).await;
        script(&site).await;
        assert_eq!(Left::on(&site).await, expected, "{framework}");
        site.latch.open();
        site.close().await;
    }
}
