//! The providers that another is made of.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::ComposeError;
use crate::subject::check_name;
use crate::{IdentityProvider, KeyListener};

/// One of several providers.
pub(super) type Member = Arc<dyn IdentityProvider>;

/// Refuses members whose subjects could not be told apart, or not be named at all.
pub(super) fn check_names<'a>(
    members: impl IntoIterator<Item = &'a Member>,
) -> Result<(), ComposeError> {
    let mut seen = BTreeSet::new();
    for name in members.into_iter().flat_map(|member| member.names()) {
        check_name("provider name", name).map_err(ComposeError::Name)?;
        if !seen.insert(name) {
            return Err(ComposeError::SameName(name.to_owned()));
        }
    }
    Ok(())
}

/// Tells every member of a listener.
pub(super) fn subscribe<'a>(
    members: impl IntoIterator<Item = &'a Member>,
    listener: &Weak<dyn KeyListener>,
) {
    members.into_iter().for_each(|member| member.subscribe(Weak::clone(listener)));
}

/// Lets all members do their chores at the same time, so that one that hangs or panics keeps no other
/// from its own.
pub(super) async fn housekeep<'a>(members: impl IntoIterator<Item = &'a Member>) {
    join_all(members.into_iter().map(|member| async move {
        let chores = AssertUnwindSafe(async { member.housekeep().await });
        if chores.catch_unwind().await.is_err() {
            tracing::error!(provider = name_for_log(member), "a provider panicked at its chores");
        }
    }))
    .await;
}

/// A member's name. Naming what just panicked must not panic again.
pub(super) fn name_for_log(member: &Member) -> &str {
    catch_unwind(AssertUnwindSafe(|| member.name())).unwrap_or("?")
}
