//! What a template's later word changes, and what it leaves alone.

use keycap_base::Scopes;

use super::Failure;
use super::accounts::{above, amend, found, opening};
use super::trial::{Trial, same};
use super::words::{account, chain, limits};
use crate::{
    AccountSpec, Amendment, ChainSpec, Fault, MAX_CHAIN, MAX_LIMITS, Outcome, Reapply, Status,
};

fn spec(name: &str, texts: &[&str], scopes: Scopes) -> Result<AccountSpec, Failure> {
    let limits = limits(texts)?;
    let spec = AccountSpec::new(account(name)?).scopes(scopes);
    limits.iter().cloned().try_fold(spec, |spec, limit| Ok(spec.limit(limit)?))
}

pub(super) async fn p8_a_template_changes_only_what_it_says_anew(
    trial: &Trial,
) -> Result<(), Failure> {
    let word = |cap: &str, scopes: &Scopes, minutes: u32, reapply: Reapply| -> Result<_, Failure> {
        let chain = ChainSpec::of(spec("key", &[cap], scopes.clone())?);
        Ok(opening(chain, minutes, reapply))
    };
    let (all, none) = (Scopes::all(), Scopes::none());
    trial.outcome(word("$1 per day", &all, 10, Reapply::Never)?).await?;
    amend(trial, "key", Amendment::new().status(Status::Suspended)).await?;
    amend(trial, "key", Amendment::new().limits(limits(&["$7 per day"])?)).await?;
    // What is said, when, and what comes of it: cap, whether every scope is granted, version.
    let table = [
        ("$2 per day", &none, 20, Reapply::Never, ("$7 per day", &all, 3)),
        ("$2 per day", &none, 9, Reapply::Changes, ("$7 per day", &all, 3)),
        ("$2 per day", &none, 10, Reapply::Changes, ("$7 per day", &all, 3)),
        ("$1 per day", &all, 20, Reapply::Changes, ("$7 per day", &all, 3)),
        ("$1 per day", &none, 30, Reapply::Changes, ("$7 per day", &none, 4)),
        ("$2 per day", &none, 29, Reapply::Changes, ("$7 per day", &none, 4)),
        ("$2 per day", &none, 40, Reapply::Changes, ("$2 per day", &none, 5)),
        ("$2 per day", &none, 50, Reapply::Changes, ("$2 per day", &none, 5)),
    ];
    let mut version = 3;
    for (row, (cap, scopes, minutes, reapply, expected)) in table.into_iter().enumerate() {
        let outcome = trial.outcome(word(cap, scopes, minutes, reapply)?).await?;
        let Outcome::Opened { changed, .. } = outcome else {
            return Err(format!("row {row}: not opened").into());
        };
        let key = found(trial, "key").await?;
        let shown = (row, &key.terms.limits, &key.terms.scopes, key.version);
        same(&shown, &(row, &limits(&[expected.0])?, expected.1, expected.2))?;
        same(&key.terms.status, &Status::Suspended)?;
        let told = if key.version > version { vec![key.id.clone()] } else { vec![] };
        same(&changed, &told)?;
        version = key.version;
    }
    Ok(())
}

pub(super) async fn p8_a_template_changes_limit_by_limit(trial: &Trial) -> Result<(), Failure> {
    let word = |caps: &[&str], minutes: u32| -> Result<_, Failure> {
        let chain = ChainSpec::of(spec("key", caps, Scopes::all())?);
        Ok(opening(chain, minutes, Reapply::Changes))
    };
    trial.outcome(word(&["$1 per day", "9 requests per hour"], 10)?).await?;
    amend(trial, "key", Amendment::new().limits(limits(&["$7 per day", "9 requests per hour"])?))
        .await?;
    // What the template says, when, and the limits that come of it.
    let table: [(&[&str], u32, &[&str]); 4] = [
        (&["$1 per day", "5 requests per hour"], 20, &["$7 per day", "5 requests per hour"]),
        (&["$1 per day"], 30, &["$7 per day"]),
        (&["$1 per day", "4 tokens per day"], 40, &["$7 per day", "4 tokens per day"]),
        (&["$2 per day", "4 tokens per day"], 50, &["$2 per day", "4 tokens per day"]),
    ];
    for (row, (caps, minutes, expected)) in table.into_iter().enumerate() {
        trial.outcome(word(caps, minutes)?).await?;
        same(&(row, &found(trial, "key").await?.terms.limits), &(row, &limits(expected)?))?;
    }
    let full: Vec<String> = (1..=MAX_LIMITS).map(|n| format!("9 m{n} per day")).collect();
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    amend(trial, "key", Amendment::new().limits(limits(&full)?)).await?;
    let more = word(&["$2 per day", "4 tokens per day", "1 credits per day"], 60)?;
    trial.faults(more, Fault::TooManyLimits(account("key")?)).await
}

pub(super) async fn p8_a_template_moves_an_account_once(trial: &Trial) -> Result<(), Failure> {
    trial.open(&[("key", &[]), ("red", &[]), ("org", &[])]).await?;
    trial.open(&[("blue", &[]), ("org", &[])]).await?;
    trial.open(&[("green", &[]), ("org", &[])]).await?;
    let under = |team: &str, minutes: u32| -> Result<_, Failure> {
        let chain = chain(&[("key", &[]), (team, &[]), ("org", &[])])?;
        Ok(opening(chain, minutes, Reapply::Changes))
    };
    trial.outcome(under("blue", 10)?).await?;
    same(&above(trial, "key").await?, &["key", "blue", "org"].map(String::from).to_vec())?;
    amend(trial, "key", Amendment::new().parent(account("green")?)).await?;
    trial.outcome(under("blue", 20)?).await?;
    same(&above(trial, "key").await?, &["key", "green", "org"].map(String::from).to_vec())?;
    trial.outcome(under("red", 30)?).await?;
    same(&above(trial, "key").await?, &["key", "red", "org"].map(String::from).to_vec())?;
    // A new root is a new account.
    let elsewhere = chain(&[("key", &[]), ("club", &[])])?;
    let (is, asked) = (account("org")?, account("club")?);
    let fault = Fault::OtherRoot { account: account("key")?, is, asked };
    trial.faults(opening(elsewhere, 40, Reapply::Changes), fault).await?;
    let alone = chain(&[("key", &[])])?;
    let (is, asked) = (account("org")?, account("key")?);
    let fault = Fault::OtherRoot { account: account("key")?, is, asked };
    trial.faults(opening(alone, 40, Reapply::Changes), fault).await
}

pub(super) async fn i4_a_moved_account_takes_what_hangs_below_along(
    trial: &Trial,
) -> Result<(), Failure> {
    trial.open(&[("x0", &[]), ("x1", &[]), ("x2", &[]), ("org", &[])]).await?;
    trial.open(&[("y0", &[]), ("y1", &[]), ("y2", &[]), ("y3", &[]), ("org", &[])]).await?;
    let word =
        chain(&[("x2", &[]), ("y0", &[]), ("y1", &[]), ("y2", &[]), ("y3", &[]), ("org", &[])]);
    trial.outcome(opening(word?, 10, Reapply::Changes)).await?;
    same(&above(trial, "x0").await?.len(), &MAX_CHAIN)?;
    // Whatever hangs below counts: nothing above can be hung one deeper.
    trial.open(&[("z0", &[]), ("org", &[])]).await?;
    let word = chain(&[("y3", &[]), ("z0", &[]), ("org", &[])])?;
    let fault = Fault::ChainTooLong(account("y3")?);
    trial.faults(opening(word, 20, Reapply::Changes), fault).await
}

/// An operator had hung `p` below `a`. A template that moved both `a` and `b` in one word passed,
/// because each move was checked against the chains as they were: `a` below `b` below `p` below `a`.
pub(super) async fn i4_two_moves_in_one_word_close_no_cycle(trial: &Trial) -> Result<(), Failure> {
    for name in ["a", "b", "p"] {
        trial.open(&[(name, &[]), ("org", &[])]).await?;
    }
    amend(trial, "p", Amendment::new().parent(account("a")?)).await?;
    let word = chain(&[("a", &[]), ("b", &[]), ("p", &[]), ("org", &[])])?;
    let fault = Fault::Cycle(account("a")?);
    trial.faults(opening(word, 10, Reapply::Changes), fault).await
}
