//! Restarts: older keys keep working, and one process at a time writes to a database.

use keycap_tests::Framework;
use keycap_tests::wait::eventually;
use rustix::process::Signal;

use crate::talk::{account, chat, directory, limit, spend, start};

#[tokio::test]
async fn p2_older_keys_keep_working_and_their_spend_after_a_restart() {
    for framework in Framework::ALL {
        let directory = directory();
        let first = start(framework, &directory).listen().await;
        assert_eq!(spend(&first, "$0.03").await.status(), 200);
        let old = first.key.clone();
        first.stop(Signal::TERM).await;

        let second = start(framework, &directory).listen().await;
        assert_ne!(second.key, old);
        assert_eq!(limit(second.address, &old).await["spent"], "$0.03", "{framework}");
        assert_eq!(limit(second.address, &second.key).await["spent"], "$0.00");
        let accounts =
            [account(second.address, &old).await, account(second.address, &second.key).await];
        assert_ne!(accounts[0], accounts[1], "each key has an account of its own");
        let spent =
            keycap_tests::wire::answer(second.address, &chat(&old, "$0.01", 0)).await.json();
        assert_eq!(spent["remaining"], "$0.06", "{framework}");
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_database_is_refused_by_name() {
    for framework in Framework::ALL {
        let directory = directory();
        let first = start(framework, &directory).listen().await;
        let mut second = start(framework, &directory).spawn();
        let status = second.ended().await;
        assert!(!status.success(), "{framework}: {status}");
        let (stderr, holder) = (&second.stderr, first.process.id().to_string());
        let said = async || stderr.text();
        eventually("the holder's id", said, |text| text.contains(&holder)).await;
        assert_eq!(second.stdout.text(), "", "it minted nothing");
        assert_eq!(spend(&first, "$0.01").await.status(), 200, "the first goes on");
    }
}

#[tokio::test]
async fn a_successor_that_is_started_early_takes_over_when_the_first_ends() {
    for framework in Framework::ALL {
        let directory = directory();
        let first = start(framework, &directory).listen().await;
        assert_eq!(spend(&first, "$0.03").await.status(), 200);
        let old = first.key.clone();
        let start = start(framework, &directory);
        let (second, _) = tokio::join!(start.listen(), first.stop(Signal::TERM));
        assert_eq!(limit(second.address, &old).await["spent"], "$0.03", "{framework}");
    }
}
