//! Windows: what counts where when time goes on while work is under way.

use std::time::Duration;

use keycap_base::Timestamp;

use super::Failure;
use super::trial::{Trial, holds_true, same};
use super::words::{DAY, HOUR, MINUTE, START, account, cost, extend, figures, limit, release};
use crate::{Amount, Cause, Claim, Counter, NewHold, OnExpiry, Operation, Outcome, Sweep};

/// What one counter shows.
async fn counter(
    trial: &Trial,
    name: &str,
    text: &str,
    at: Timestamp,
) -> Result<Option<Counter>, Failure> {
    let (account, limit) = (account(name)?, limit(text)?);
    let start = limit.key().period.window(at).start;
    let snapshot = trial.snapshot().await?;
    let mut found = snapshot.counters.into_iter().filter(|(key, _)| {
        key.account == account && key.limit == *limit.key() && key.start == start
    });
    Ok(found.next().map(|(_, counter)| counter))
}

/// What one counter shows, as text.
async fn shown(trial: &Trial, name: &str, text: &str, at: Timestamp) -> Result<String, Failure> {
    let counter = counter(trial, name, text, at).await?.ok_or("no such counter")?;
    Ok(figures(&limit(text)?.key().meter, counter.spent, counter.held))
}

/// A hold that lives for a week.
fn long(trial: &Trial, what: &str) -> Result<NewHold, Failure> {
    Ok(NewHold { life: 7 * DAY, ..trial.hold("key", what)? })
}

pub(super) async fn i1_a_new_window_starts_afresh(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "$1.50 per month", "2 requests per minute"])]).await?;
    trial.recorded(trial.charge("key", "$1 + 2 requests")?).await?;
    trial.refused(trial.attempt("key", "$0.01")?).await?;
    trial.refused(trial.attempt("key", "1 requests")?).await?;
    trial.clock.advance(MINUTE);
    trial.take(trial.hold("key", "1 requests")).await?;
    trial.shows("key", &["$1.00 + $0.00", "$1.00 + $0.00", "0 + 1"]).await?;
    trial.clock.set(START.plus(14 * HOUR).minus(Duration::from_millis(1)));
    let refused = trial.refused(trial.attempt("key", "$0.01")?).await?;
    same(&refused.ends_in, &Some(Duration::from_millis(1)))?;
    trial.clock.advance(Duration::from_millis(1));
    trial.take(trial.hold("key", "$0.50")).await?;
    trial.shows("key", &["$0.00 + $0.50", "$1.00 + $0.50", "0 + 0"]).await?;
    let refused = trial.refused(trial.attempt("key", "$0.20")?).await?;
    same(&refused.standing.limit, &limit("$1.50 per month")?)
}

pub(super) async fn i2_work_that_began_in_the_old_window_settles_there(
    trial: &Trial,
) -> Result<(), Failure> {
    let day = "$1 per day";
    trial.open(&[("key", &[day, "$5 per month", "9 tokens per day"])]).await?;
    let hold = trial.take(long(trial, "$0.40")).await?;
    trial.clock.advance(DAY);
    trial.shows("key", &["$0.00 + $0.00", "$0.00 + $0.40", "0 + 0"]).await?;
    // The overrun, and a meter that the hold did not name, belong to the same work.
    trial.recorded(trial.settle("key", hold, "$0.50 + 2 tokens")?).await?;
    trial.shows("key", &["$0.00 + $0.00", "$0.50 + $0.00", "0 + 0"]).await?;
    same(&shown(trial, "key", day, START).await?, &"$0.50 + $0.00".to_owned())?;
    same(&shown(trial, "key", "9 tokens per day", START).await?, &"2 + 0".to_owned())?;
    // A charge without a hold counts now.
    trial.recorded(trial.charge("key", "$0.10")?).await?;
    trial.shows("key", &["$0.10 + $0.00", "$0.60 + $0.00", "0 + 0"]).await
}

pub(super) async fn i1_an_extension_past_the_end_holds_in_the_new_window(
    trial: &Trial,
) -> Result<(), Failure> {
    let day = "$1 per day";
    trial.open(&[("key", &[day])]).await?;
    let hold = trial.take(long(trial, "$0.70")).await?;
    trial.clock.advance(DAY);
    trial.recorded(trial.charge("key", "$0.50")?).await?;
    let refused = trial.refused(extend("key", hold, "$1.21")?).await?;
    same(&(refused.cause, refused.wanted), &(Cause::Spent, Amount::new(510_000_000)?))?;
    trial.held(extend("key", hold, "$1.10")?).await?;
    trial.held(extend("key", hold, "$1.10")?).await?;
    trial.shows("key", &["$0.50 + $0.40"]).await?;
    same(&shown(trial, "key", day, START).await?, &"$0.00 + $0.70".to_owned())?;
    // Each part settles in its own window, the older one first.
    trial.recorded(trial.settle_part("key", hold, "$0.60")?).await?;
    trial.recorded(trial.settle_part("key", hold, "$0.20")?).await?;
    trial.shows("key", &["$0.60 + $0.30"]).await?;
    same(&shown(trial, "key", day, START).await?, &"$0.70 + $0.00".to_owned())?;
    // The overrun is the newest part.
    let recorded = trial.recorded(trial.settle("key", hold, "$0.35")?).await?;
    same(&recorded.uncovered, &cost("$0.05")?)?;
    trial.shows("key", &["$0.95 + $0.00"]).await?;
    same(&shown(trial, "key", day, START).await?, &"$0.70 + $0.00".to_owned())
}

pub(super) async fn i2_a_refund_comes_off_the_newest_window_first(
    trial: &Trial,
) -> Result<(), Failure> {
    let day = "$1 per day";
    trial.open(&[("key", &[day, "$5 per month"])]).await?;
    let hold = trial.take(long(trial, "$0.40")).await?;
    trial.clock.advance(DAY);
    trial.held(extend("key", hold, "$0.70")?).await?;
    let settle = trial.settle("key", hold, "$0.60")?;
    let Operation::Settle { charge, .. } = &settle else {
        return Err("not a settle".into());
    };
    let (account, charge) = (charge.account.clone(), charge.id);
    trial.recorded(settle).await?;
    for (what, new, old, month) in [
        ("$0.15", "$0.05 + $0.00", "$0.40 + $0.00", "$0.45 + $0.00"),
        ("$0.15", "$0.00 + $0.00", "$0.30 + $0.00", "$0.30 + $0.00"),
        ("$0.30", "$0.00 + $0.00", "$0.00 + $0.00", "$0.00 + $0.00"),
    ] {
        let (id, account) = (trial.charge_id()?, account.clone());
        trial.outcome(Operation::Refund { id, account, charge, cost: cost(what)? }).await?;
        trial.shows("key", &[new, month]).await?;
        same(&shown(trial, "key", day, START).await?, &old.to_owned())?;
    }
    Ok(())
}

pub(super) async fn i3_a_hold_over_two_windows_expires_in_both(
    trial: &Trial,
) -> Result<(), Failure> {
    let day = "$1 per day";
    for (key, on_expiry, shown_in_each) in [
        ("key", OnExpiry::Capture, ["$0.40 + $0.00", "$0.30 + $0.00"]),
        ("other", OnExpiry::Release, ["$0.00 + $0.00", "$0.00 + $0.00"]),
    ] {
        trial.open(&[(key, &[day])]).await?;
        let began = trial.now();
        let new = NewHold { on_expiry, life: DAY, ..trial.hold(key, "$0.40")? };
        let hold = trial.take(Ok(new)).await?;
        trial.clock.advance(DAY);
        trial.held(extend(key, hold, "$0.70")?).await?;
        trial.clock.advance(HOUR);
        trial.outcome(Operation::Sweep(Sweep::Expired)).await?;
        let [old, new] = shown_in_each;
        same(&shown(trial, key, day, began).await?, &old.to_owned())?;
        trial.shows(key, &[new]).await?;
        trial.outcome(release(key, hold)?).await?;
    }
    Ok(())
}

/// A lease is there before the work it pays for, so what it does not cover counts now.
pub(super) async fn i2_what_a_lease_does_not_cover_counts_now(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "9 tokens per minute"])]).await?;
    let claim = Claim::Limit(limit("$1 per day")?.key().clone(), Amount::new(400_000_000)?);
    let lease = trial.take(trial.claim("key", claim)).await?;
    trial.clock.advance(10 * MINUTE);
    trial.recorded(trial.settle_part("key", lease, "$0.10 + 2 tokens")?).await?;
    trial.shows("key", &["$0.10 + $0.30", "2 + 0"]).await
}

/// A stream outlived its minute, and that minute's counter was forgotten. Its settle began the
/// counter anew, which then showed less than the charges that name it.
pub(super) async fn i2_a_forgotten_counter_is_not_begun_anew(trial: &Trial) -> Result<(), Failure> {
    let minute = "9 tokens per minute";
    trial.open(&[("key", &["$1 per day", minute, "9 requests per minute"])]).await?;
    trial.recorded(trial.charge("key", "3 tokens")?).await?;
    let late = trial.take(long(trial, "$0.10")).await?;
    let captured = trial.take(trial.hold("key", "$0.10 + 1 requests")).await?;
    let given_back = trial.take(trial.hold("key", "2 requests")).await?;
    trial.clock.advance(HOUR);
    trial.outcome(Operation::Sweep(Sweep::Expired)).await?;
    trial.outcome(Operation::Prune).await?;
    holds_true("it is forgotten", counter(trial, "key", minute, START).await?.is_none())?;

    trial.recorded(trial.settle("key", late, "$0.10 + 2 tokens")?).await?;
    trial.recorded(trial.settle("key", captured, "$0.05 + 1 requests")?).await?;
    trial.outcome(release("key", given_back)?).await?;
    holds_true("and stays so", counter(trial, "key", minute, START).await?.is_none())?;
    trial.shows("key", &["$0.15 + $0.00", "0 + 0", "0 + 0"]).await
}

pub(super) async fn i2_no_clock_brings_a_forgotten_window_back(
    trial: &Trial,
) -> Result<(), Failure> {
    let minute = "9 tokens per minute";
    trial.open(&[("key", &[minute])]).await?;
    trial.recorded(trial.charge("key", "9 tokens")?).await?;
    trial.clock.advance(HOUR);
    trial.outcome(Operation::Prune).await?;
    trial.clock.set(START);
    trial.recorded(trial.charge("key", "2 tokens")?).await?;
    trial.shows("key", &["2 + 0"]).await?;
    holds_true("it stays forgotten", counter(trial, "key", minute, START).await?.is_none())?;
    // A clock that is back where it was finds everything as it should be.
    trial.clock.set(START.plus(HOUR));
    trial.shows("key", &["2 + 0"]).await?;
    let refused = trial.refused(trial.attempt("key", "8 tokens")?).await?;
    same(&refused.ends_in, &Some(MINUTE))?;
    trial
        .gives(
            Operation::Sweep(Sweep::Expired),
            Outcome::Swept { holds: 0, progress: crate::Progress::Done },
        )
        .await
}
