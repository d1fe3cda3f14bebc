//! The suite that every ledger must pass. Feature `conformance`; for tests only.
//!
//! [`CASES`] are tables with expected outcomes, each named after the promise (P1 to P9) or invariant
//! (I1 to I7) it holds the ledger to. After every operation of every case the ledger's rows are
//! [audited](crate::audit).
//!
//! A store implements [`Store`] and names it once; the macro makes one test of each case:
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use keycap_base::ManualClock;
//! use keycap_budget::conformance::{Failure, Store};
//! use keycap_budget::{Ledger, MemoryLedger, Retention};
//!
//! struct Memory;
//!
//! #[async_trait]
//! impl Store for Memory {
//!     async fn fresh(
//!         &self,
//!         clock: ManualClock,
//!         retention: Retention,
//!     ) -> Result<Arc<dyn Ledger>, Failure> {
//!         Ok(Arc::new(MemoryLedger::with_clock(clock, retention)))
//!     }
//! }
//!
//! keycap_budget::conformance_tests!(Memory);
//! # fn main() {}
//! ```

mod accounts;
mod charges;
mod differential;
mod expiry;
mod extensions;
mod grants;
mod holds;
mod ids;
mod properties;
mod reads;
mod refunds;
mod retention;
mod settles;
mod shrinking;
mod steps;
mod tally;
mod templates;
mod trial;
mod windows;
mod words;
mod world;

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use keycap_base::ManualClock;

pub use self::differential::run_differential;
pub use self::properties::check;
pub use self::steps::{Step, Tick, steps};
use self::trial::Trial;
use crate::{Ledger, Retention};

/// What a ledger did wrong, or why it could not be tried.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A kind of ledger, for the suite to try.
#[async_trait]
pub trait Store: Send + Sync {
    /// A fresh, empty ledger on this clock, with this retention. What it needs, such as a temporary
    /// directory, lives as long as the store.
    ///
    /// # Errors
    /// When there is none to be had.
    async fn fresh(
        &self,
        clock: ManualClock,
        retention: Retention,
    ) -> Result<Arc<dyn Ledger>, Failure>;
}

/// One case of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    name: &'static str,
    run: for<'a> fn(&'a Trial) -> Running<'a>,
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

impl Case {
    /// Its name: the promise it is about, and what is expected.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it on a fresh ledger.
    ///
    /// # Errors
    /// What the ledger did wrong, and at which line of the case.
    pub async fn run(&self, store: &dyn Store) -> Result<(), Failure> {
        let trial = Trial::on(store).await?;
        (self.run)(&trial).await.map_err(|failure| format!("{}: {failure}", self.name).into())
    }
}

/// Runs the case of this name.
///
/// # Errors
/// As [`Case::run`], and when there is no such case.
pub async fn run(name: &str, store: &dyn Store) -> Result<(), Failure> {
    match CASES.iter().find(|case| case.name == name) {
        Some(case) => case.run(store).await,
        None => Err(format!("there is no case `{name}`").into()),
    }
}

/// Makes the list of cases, and the macro that makes tests of them.
macro_rules! cases {
    ($d:tt $($group:ident { $($name:ident,)* })*) => {
        /// Every case.
        pub const CASES: &[Case] = &[$($(
            Case { name: stringify!($name), run: |trial| Box::pin($group::$name(trial)) },
        )*)*];

        /// One `#[tokio::test]` for each case of the conformance suite, on a fresh
        /// [`Store`](crate::conformance::Store) made by the given expression.
        #[macro_export]
        macro_rules! conformance_tests {
            ($d store:expr) => {
                $($(
                    #[::tokio::test]
                    async fn $name() -> Result<(), $d crate::conformance::Failure> {
                        $d crate::conformance::run(stringify!($name), &$d store).await
                    }
                )*)*
            };
        }
    };
}

cases! { $
    accounts {
        p3_two_nodes_that_race_open_one_account,
        i4_an_account_joins_the_chain_that_is_there,
        i4_a_chain_has_a_bounded_length,
        i4_an_account_hangs_only_where_it_can,
        p8_an_amendment_compares_the_version,
        i1_a_cap_lowered_below_what_is_spent_refuses_until_it_fits,
        i2_limits_may_come_and_go_while_holds_are_open,
        i4_an_open_hold_settles_on_the_chain_it_was_taken_on,
        p7_listeners_hear_of_a_change_before_it_is_answered,
    }
    templates {
        p8_a_template_changes_only_what_it_says_anew,
        p8_a_template_changes_limit_by_limit,
        p8_a_template_moves_an_account_once,
        i4_a_moved_account_takes_what_hangs_below_along,
        i4_two_moves_in_one_word_close_no_cycle,
    }
    holds {
        p1_a_hold_lies_on_every_limit_of_the_chain,
        p1_a_hold_is_taken_on_the_whole_chain_or_not_at_all,
        p1_a_thousand_holds_for_a_cap_of_a_hundred_are_a_hundred,
        p4_refusals_tell_larger_spent_and_reserved_apart,
        p4_what_was_refused_fits_once_the_rest_is_given_back,
        p8_the_refusal_told_first_is_the_most_hopeless_then_the_leafs,
        p8_a_rate_is_an_hour_or_less_and_sure_to_be_over,
        p4_room_is_refused_only_when_nothing_is_left,
        i1_a_cap_of_zero_admits_nothing,
        i6_a_lease_lies_on_one_limit_and_is_replaced_not_grown,
        p1_only_a_lease_has_an_exposure,
    }
    extensions {
        p8_a_holder_is_told_what_is_its_own,
        p1_a_room_is_raised_within_the_cap,
        p3_an_extension_names_the_total_so_a_retry_adds_nothing,
        p3_an_extension_keeps_count_of_every_meter,
        i3_a_hold_that_ended_is_not_extended,
        p3_a_retried_hold_is_taken_once,
        i3_a_hold_is_ended_by_its_own_account_only,
        p4_a_living_owner_renews_its_hold,
    }
    charges {
        p2_a_charge_on_an_exhausted_account_is_recorded,
        p2_costs_below_a_cent_add_up_exactly,
        p2_amounts_are_exact_up_to_their_bounds,
        p2_an_overflow_above_leaves_nothing_below,
        p3_a_retried_charge_counts_once,
        i4_a_charge_counts_on_every_account_of_its_chain,
        i6_one_charge_is_paid_from_a_lease_for_each_limit,
    }
    settles {
        p2_a_cost_above_its_hold_is_recorded_and_marked,
        p3_a_retried_settle_counts_once,
        p3_a_settle_without_a_row_is_remembered_by_its_hold,
        i5_only_what_a_hold_can_remember_needs_no_row,
        p2_a_settle_of_an_ended_hold_is_recorded_as_uncovered,
        i2_parts_of_a_work_add_up_to_it,
        p2_a_settle_names_a_bounded_number_of_holds,
        i2_requests_are_counted_without_rows,
    }
    ids {
        p3_an_id_older_than_the_memory_is_refused_not_counted,
        p3_a_forgotten_id_is_refused_after_the_clock_went_back,
        p3_an_id_from_beyond_the_memory_of_ids_is_a_fault,
        p3_a_hold_is_remembered_as_long_as_its_ids_are_accepted,
    }
    refunds {
        i2_a_refund_is_at_most_its_charge_in_total,
        p3_a_retried_refund_counts_once,
        p2_a_refund_names_a_charge_of_the_same_account,
        p4_what_is_refunded_can_be_held_again,
        i2_a_refund_counts_in_its_charges_windows_and_gives_nothing_back_today,
        i2_requests_counted_without_a_row_are_not_refunded,
        p2_a_refund_past_retention_is_refused,
    }
    expiry {
        p1_a_late_settle_replaces_what_expiry_guessed,
        i3_a_capture_is_replaced_part_by_part_and_once,
        i3_an_owner_that_is_back_may_give_a_capture_back,
        i3_a_sweep_ends_what_is_past_its_expiry,
        i3_a_dead_owners_holds_end_at_once,
        i3_a_sweep_is_bounded_and_says_whether_more_is_left,
        i3_holds_of_one_id_under_two_roots_both_end,
        i6_a_lease_is_captured_up_to_its_exposure,
        i6_a_late_settle_of_a_lease_replaces_its_capture,
    }
    shrinking {
        i6_a_lease_gives_back_all_but_what_is_kept,
        i1_what_a_lease_gives_back_fits_again,
        i2_a_shrink_and_a_settle_may_come_in_any_order,
        i6_a_shrunk_lease_is_captured_up_to_what_is_left,
        i3_a_lease_that_ended_is_not_shrunk,
        i3_a_lease_shrunk_to_nothing_is_open_until_it_is_given_back,
        i3_only_a_lease_is_shrunk_and_by_its_own_account_only,
    }
    windows {
        i1_a_new_window_starts_afresh,
        i2_work_that_began_in_the_old_window_settles_there,
        i1_an_extension_past_the_end_holds_in_the_new_window,
        i2_a_refund_comes_off_the_newest_window_first,
        i3_a_hold_over_two_windows_expires_in_both,
        i2_what_a_lease_does_not_cover_counts_now,
        i2_a_forgotten_counter_is_not_begun_anew,
        i2_no_clock_brings_a_forgotten_window_back,
    }
    retention {
        i2_what_retention_takes_away_is_carried,
        i2_a_counter_is_kept_one_period_past_its_end,
        i2_what_is_held_is_not_forgotten,
        i2_pruning_is_bounded_and_says_whether_more_is_left,
    }
    reads {
        p8_an_unknown_account_has_nothing_to_show,
        p2_a_hold_and_a_charge_are_read_as_they_were_written,
        p8_charges_are_paged_newest_first,
        p2_a_batch_is_applied_in_order,
        p2_a_batch_is_bounded,
    }
}
