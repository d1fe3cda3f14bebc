//! Nothing secret in logs, errors, answers or the ledger, checked by searching for it (P9).

use keycap::budget::ChainSpec;
use keycap::{Identity, Ledger as _, TemplateError, key_account};
use keycap_standins::clerk::{NewApiKey, NewToken, SECRET_KEY, machine, user};
use keycap_tests::Framework;
use keycap_tests::log::Log;

use crate::world::{World, capped, chat};

fn by_key_or_subject(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    let account = key_account(identity).or_else(|_| keycap::subject_account(identity))?;
    Ok(ChainSpec::of(capped(account, "$1 per day")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_no_secret_is_logged_answered_or_stored() {
    let log = Log::capture();
    for framework in Framework::ALL {
        let world = World::new().await;
        let machine_key = world.at.add_machine(&machine("worker"), &[]);
        let key = world.at.create_key(NewApiKey::of(user("alice")));
        let token = world.at.create_token(&machine("worker"), NewToken::default());
        let provider = world.provider();
        let site = world.app(&provider, by_key_or_subject).on(framework).await;
        let unknown = "ak_test_unknown_to_all";
        let secrets = [&key.secret, &token.secret, unknown, SECRET_KEY, &machine_key];
        let mut seen = vec![format!("{provider:?} {:?}", world.provider_builder())];
        for secret in [&key.secret, &token.secret, unknown] {
            seen.push(format!("{:?}", chat(&site, secret).await));
        }
        world.at.throttle(std::time::Duration::from_secs(1));
        seen.push(format!("{:?}", chat(&site, "ak_test_unknown_as_well").await));
        seen.push(format!("{:?}", world.ledger.snapshot().await.unwrap()));
        seen.push(log.text());
        for secret in secrets {
            let shown =
                seen.iter().flat_map(|text| text.lines()).find(|line| line.contains(secret));
            assert_eq!(shown, None, "{secret} shows");
        }
        site.close().await;
    }
    assert!(log.text().contains("provider_call"), "calls were logged at all");
}
