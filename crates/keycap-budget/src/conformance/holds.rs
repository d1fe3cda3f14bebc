//! Holds: all or nothing, refusals, extensions, leases.

use super::Failure;
use super::trial::{Trial, same};
use super::words::{HOUR, MINUTE, account, cost, extend, limit, release};
use crate::{Amount, Cause, Claim, DEFAULT_HOLD_LIFE, Fault, Meter, NewHold, Operation, Outcome};

pub(super) async fn p1_a_hold_lies_on_every_limit_of_the_chain(
    trial: &Trial,
) -> Result<(), Failure> {
    trial
        .open(&[
            ("key", &["$1 per day", "10 requests per minute"]),
            ("team", &["$5 per month", "100 tokens per day"]),
            ("org", &["$10 per lifetime"]),
        ])
        .await?;
    let held = trial.held(trial.attempt("key", "$0.40 + 1 requests")?).await?;
    same(&held.expires_in, &DEFAULT_HOLD_LIFE)?;
    let own: Vec<i64> = held.standings.iter().map(|standing| standing.own.units()).collect();
    same(&own, &vec![400_000_000, 1, 400_000_000, 0, 400_000_000])?;
    let expected = ["$0.00 + $0.40", "0 + 1", "$0.00 + $0.40", "0 + 0", "$0.00 + $0.40"];
    trial.shows("key", &expected).await
}

pub(super) async fn p1_a_hold_is_taken_on_the_whole_chain_or_not_at_all(
    trial: &Trial,
) -> Result<(), Failure> {
    let caps = [["$1", "$1", "$0.50"], ["$1", "$0.50", "$1"], ["$0.50", "$1", "$1"]];
    for (row, caps) in caps.iter().enumerate() {
        let names = ["key", "team", "org"].map(|name| format!("{name}{row}"));
        let limits = caps.map(|cap| format!("{cap} per day"));
        let [key, team, org] = [0, 1, 2].map(|at| {
            (names.get(at).map_or("", String::as_str), limits.get(at).map_or("", String::as_str))
        });
        trial.open(&[(key.0, &[key.1]), (team.0, &[team.1]), (org.0, &[org.1])]).await?;
        let shortfall = trial.refused(trial.attempt(key.0, "$0.60")?).await?;
        same(&shortfall.standing.limit.cap(), &Amount::new(500_000_000)?)?;
        trial.shows(key.0, &["$0.00 + $0.00"; 3]).await?;
    }
    Ok(())
}

pub(super) async fn p1_a_thousand_holds_for_a_cap_of_a_hundred_are_a_hundred(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"]), ("org", &["$100 per day"])]).await?;
    let holds = (0..1_000).map(|_| trial.attempt("key", "$0.01"));
    let answers = trial.answers(holds.collect::<Result<_, Failure>>()?).await?;
    let held = answers.iter().filter(|answer| matches!(answer, Ok(Outcome::Held(_)))).count();
    let refused = answers.iter().filter(|answer| matches!(answer, Ok(Outcome::Refused(_)))).count();
    same(&(held, refused), &(100, 900))?;
    trial.shows("key", &["$0.00 + $1.00", "$0.00 + $1.00"]).await
}

pub(super) async fn p4_refusals_tell_larger_spent_and_reserved_apart(
    trial: &Trial,
) -> Result<(), Failure> {
    use Cause::{LargerThanCap, Reserved, Spent};
    let nothing = "$0.00";
    let table = [
        (nothing, nothing, "$1", None),
        (nothing, nothing, "$1.000000001", Some(LargerThanCap)),
        (nothing, "$1", "$1.01", Some(LargerThanCap)),
        (nothing, "$1", "$1", Some(Reserved)),
        ("$0.50", nothing, "$0.50", None),
        ("$0.50", nothing, "$0.500000001", Some(Spent)),
        ("$0.50", "$0.30", "$0.20", None),
        ("$0.50", "$0.30", "$0.200000001", Some(Reserved)),
        ("$0.50", "$0.30", "$0.500000001", Some(Spent)),
        ("$1", nothing, "$0.000000001", Some(Spent)),
        ("$2", nothing, "$0.000000001", Some(Spent)),
    ];
    for (row, (spent, held, wanted, expected)) in table.into_iter().enumerate() {
        let key = format!("key{row}");
        trial.open(&[(&key, &["$1 per day"])]).await?;
        trial.recorded(trial.charge(&key, spent)?).await?;
        trial.take(trial.hold(&key, held)).await?;
        let hold = trial.attempt(&key, wanted)?;
        let Some(cause) = expected else {
            trial.held(hold).await?;
            continue;
        };
        let shortfall = trial.refused(hold).await?;
        same(&(row, shortfall.cause), &(row, cause))?;
        same(&shortfall.wanted, &Meter::USD.parse_amount(wanted)?)?;
        same(&shortfall.standing.spent, &Meter::USD.parse_amount(spent)?)?;
        same(&shortfall.standing.held, &Meter::USD.parse_amount(held)?)?;
        same(&shortfall.ends_in, &Some(14 * HOUR))?;
    }
    Ok(())
}

pub(super) async fn p4_what_was_refused_fits_once_the_rest_is_given_back(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let other = trial.take(trial.hold("key", "$0.70")).await?;
    let wanted = trial.hold("key", "$0.50")?;
    trial.refused(Operation::Hold(wanted.clone())).await?;
    trial.gives(release("key", other)?, Outcome::Released).await?;
    // A refused operation leaves no trace: the same id may be answered differently.
    trial.held(Operation::Hold(wanted)).await?;
    trial.shows("key", &["$0.00 + $0.50"]).await
}

pub(super) async fn p8_the_refusal_told_first_is_the_most_hopeless_then_the_leafs(
    trial: &Trial,
) -> Result<(), Failure> {
    trial
        .open(&[
            ("key", &["$2 per day"]),
            ("team", &["$2 per day", "5 requests per minute"]),
            ("org", &["$2 per month", "$9 per lifetime"]),
        ])
        .await?;
    trial.open(&[("other", &[]), ("team", &[]), ("org", &[])]).await?;
    trial.open(&[("third", &[]), ("org", &[])]).await?;
    let told = async |what: &str| -> Result<(String, Cause), Failure> {
        let shortfall = trial.refused(trial.attempt("key", what)?).await?;
        let standing = shortfall.standing;
        Ok((format!("{}: {:?}", standing.account, standing.limit.key().period), shortfall.cause))
    };

    trial.take(trial.hold("key", "$1.50")).await?;
    same(&told("$1").await?, &("key: day".into(), Cause::Reserved))?;
    // The organisation is spent, which is worse than the key's and the team's reservations.
    trial.recorded(trial.charge("third", "$1.50")?).await?;
    same(&told("$1").await?, &("org: month".into(), Cause::Spent))?;
    // The team is spent too, and nearer.
    trial.recorded(trial.charge("other", "$1.50")?).await?;
    same(&told("$1").await?, &("team: day".into(), Cause::Spent))?;
    // A rate is over sooner than a budget, even if requests in flight hold it.
    trial.take(trial.hold("other", "5 requests")).await?;
    same(&told("$1 + 1 requests").await?, &("team: minute".into(), Cause::Reserved))?;
    // Nothing is more hopeless than what never fits.
    same(&told("$2.01 + 1 requests").await?, &("key: day".into(), Cause::LargerThanCap))
}

pub(super) async fn p8_a_rate_is_an_hour_or_less_and_sure_to_be_over(
    trial: &Trial,
) -> Result<(), Failure> {
    let table = [
        ("$1 per minute", "$1", "$0.00", "$0.50", true),
        ("$1 per hour", "$1", "$0.00", "$0.50", true),
        ("$1 per day", "$1", "$0.00", "$0.50", false),
        ("$1 per minute", "$0.00", "$1", "$0.50", false),
        ("$1 per minute", "$0.00", "$0.00", "$1.01", false),
        // What is held on requests is sure to be spent.
        ("2 requests per minute", "$0.00", "2 requests", "1 requests", true),
        ("2 requests per day", "$0.00", "2 requests", "1 requests", false),
        ("2 requests per minute", "$0.00", "$0.00", "3 requests", false),
    ];
    for (row, (limit, spent, held, wanted, is_rate)) in table.into_iter().enumerate() {
        let key = format!("key{row}");
        trial.open(&[(&key, &[limit])]).await?;
        trial.recorded(trial.charge(&key, spent)?).await?;
        trial.take(trial.hold(&key, held)).await?;
        let shortfall = trial.refused(trial.attempt(&key, wanted)?).await?;
        same(&(row, shortfall.is_rate()), &(row, is_rate))?;
    }
    Ok(())
}

pub(super) async fn p4_room_is_refused_only_when_nothing_is_left(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "3 requests per minute"])]).await?;
    let room = || -> Result<_, Failure> {
        Ok(Operation::Hold(trial.claim("key", Claim::Room(cost("1 requests")?))?))
    };
    trial.recorded(trial.charge("key", "$0.50")?).await?;
    trial.held(room()?).await?;
    trial.shows("key", &["$0.50 + $0.00", "0 + 1"]).await?;
    let other = trial.take(trial.hold("key", "$0.50")).await?;
    same(&trial.refused(room()?).await?.cause, &Cause::Reserved)?;
    trial.recorded(trial.settle("key", other, "$0.499999999")?).await?;
    trial.held(room()?).await?;
    trial.recorded(trial.charge("key", "$0.000000001")?).await?;
    same(&trial.refused(room()?).await?.cause, &Cause::Spent)?;
    // A room may be raised later, as far as there is room.
    trial.shows("key", &["$1.00 + $0.00", "0 + 2"]).await
}

pub(super) async fn i1_a_cap_of_zero_admits_nothing(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$0 per day"])]).await?;
    let hold = trial.attempt("key", "$0.000000001")?;
    same(&trial.refused(hold).await?.cause, &Cause::LargerThanCap)?;
    let room = Operation::Hold(trial.claim("key", Claim::Room(cost("$0.00")?))?);
    same(&trial.refused(room).await?.cause, &Cause::LargerThanCap)?;
    // What its limits do not count is free.
    trial.take(trial.hold("key", "5 tokens")).await?;
    // What was spent is recorded all the same.
    trial.recorded(trial.charge("key", "$0.01")?).await?;
    trial.shows("key", &["$0.01 + $0.00"]).await
}

pub(super) async fn i6_a_lease_lies_on_one_limit_and_is_replaced_not_grown(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day", "$5 per month"]), ("org", &["$9 per day"])]).await?;
    let lease = |text: &str, amount: i64| {
        let claim = Claim::Limit(limit(text)?.key().clone(), Amount::new(amount)?);
        trial.claim("key", claim)
    };
    let id = trial.take(lease("$1 per day", 400_000_000)).await?;
    trial.shows("key", &["$0.00 + $0.40", "$0.00 + $0.00", "$0.00 + $0.00"]).await?;
    let refused = trial.refused(Operation::Hold(lease("$1 per day", 600_000_001)?)).await?;
    same(&refused.cause, &Cause::Reserved)?;
    trial.faults(extend("key", id, "$0.01")?, Fault::LeaseGrown(id)).await?;
    trial.clock.advance(10 * MINUTE);
    let renewed = trial.held(extend("key", id, "$0.00")?).await?;
    same(&renewed.expires_in, &DEFAULT_HOLD_LIFE)?;

    let unknown = lease("$1 per week", 1)?;
    trial.faults(Operation::Hold(unknown), Fault::UnknownLimit(account("key")?)).await?;
    let large = lease("$5 per month", Amount::MAX_OPERATION.units() + 1)?;
    let fault = Fault::LeaseTooLarge(large.id);
    trial.faults(Operation::Hold(large), fault).await?;
    trial.shows("key", &["$0.00 + $0.40", "$0.00 + $0.00", "$0.00 + $0.00"]).await
}

pub(super) async fn p1_only_a_lease_has_an_exposure(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &["$1 per day"])]).await?;
    let exposure = Some(Amount::ZERO);
    let exposed = NewHold { exposure, ..trial.hold("key", "$0.10")? };
    let fault = Fault::NotALease(exposed.id);
    trial.faults(Operation::Hold(exposed), fault).await?;
    let hold = trial.take(trial.hold("key", "$0.10")).await?;
    let Operation::Extend { account, hold, granted, life, .. } = extend("key", hold, "$0.10")?
    else {
        return Err("not an extension".into());
    };
    let raise = Operation::Extend { account, hold, granted, exposure, life };
    trial.faults(raise, Fault::NotALease(hold)).await
}
