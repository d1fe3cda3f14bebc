use std::sync::atomic::Ordering;
use std::time::Duration;

use keycap_base::{LabelError, ManualClock, Scope, ScopeError};
use parking_lot::Mutex;

use super::*;
use crate::NameError;
use crate::store::WaywardStore;

mod last_used;
mod secrets;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(super) struct Bench {
    pub(super) store: Arc<WaywardStore>,
    pub(super) clock: ManualClock,
    pub(super) keys: IssuedKeys,
}

impl Bench {
    pub(super) fn new(adjust: impl Fn(IssuedKeysBuilder) -> IssuedKeysBuilder) -> Self {
        let (store, clock) = (WaywardStore::new(), ManualClock::at(START));
        let keys = adjust(IssuedKeys::builder(store.clone()).clock(clock.clone())).build().unwrap();
        Self { store, clock, keys }
    }

    pub(super) async fn mint(&self) -> MintedKey {
        self.keys.mint(NewKey::for_owner("acme")).await.unwrap()
    }

    fn lookups(&self) -> usize {
        self.store.lookups.load(Ordering::SeqCst)
    }
}

fn plain() -> Bench {
    Bench::new(|builder| builder)
}

fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

fn known(answer: Answer) -> Identity {
    let Answer::Known(identity) = answer else { panic!("{answer:?}") };
    identity
}

fn rejected(answer: &Answer) -> Rejection {
    match answer {
        Answer::Rejected(rejection) => *rejection,
        Answer::Known(_) | Answer::Unavailable(_) => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn a_minted_key_says_what_was_asked_for() {
    let bench = Bench::new(|b| b.format(KeyFormat::new("acme_live").unwrap()).name("ours"));
    let expiry = START.plus(Duration::from_secs(60));
    let wanted = NewKey::for_owner("acme").scopes(["chat"]).label("team", "search");
    let minted = bench.keys.mint(wanted.expires_at(expiry)).await.unwrap();

    let shown = minted.record.display_prefix.as_ref().unwrap().as_str();
    assert_eq!((shown, shown.len()), (&minted.secret.expose()[..14], "acme_live_".len() + 4));
    assert_eq!(minted.record.digest, minted.secret.digest());
    assert_eq!(bench.keys.find(&minted.record.id).await.unwrap().as_ref(), Some(&minted.record));

    let identity = known(bench.keys.verify(&minted.secret).await);
    assert_eq!(identity.subject.to_string(), "ours::acme");
    assert_eq!(identity.key_id.as_deref(), Some(&*minted.record.id.to_string()));
    let subject = identity.subject.to_string();
    assert_eq!(identity.account.as_deref(), Some(&*subject), "the owner's account pays");
    assert!(identity.scopes.allows(&Scope::new("chat").unwrap()));
    assert_eq!(identity.labels.get("team"), Some("search"));
    assert_eq!((identity.expires_at, identity.asserted_at), (Some(expiry), START));
}

#[tokio::test]
async fn a_key_may_have_an_account_of_its_own() {
    let bench = plain();
    let minted = bench.keys.mint(NewKey::for_owner("acme").own_account()).await.unwrap();
    assert_eq!(*minted.record.account, *format!("key:{}", minted.record.id));
    let identity = known(bench.keys.verify(&minted.secret).await);
    assert_eq!(identity.account, Some(minted.record.account));
    assert_eq!(identity.scopes, keycap_base::Scopes::none(), "no scopes grant nothing");
}

#[tokio::test]
async fn the_first_thing_that_does_not_fit_is_reported() {
    let bench = plain();
    let problem = async |key: NewKey| match bench.keys.mint(key).await.unwrap_err() {
        MintError::Key(problem) => problem,
        other => panic!("{other}"),
    };
    let ok = || NewKey::for_owner("acme");
    assert_eq!(
        problem(ok().scopes("a *").label("!", "")).await,
        NewKeyError::Scope(ScopeError::Everything)
    );
    let label = LabelError::Key("!".into());
    assert_eq!(problem(ok().label("!", "").scopes("*")).await, NewKeyError::Label(label));
    assert!(matches!(problem(ok().display_prefix("")).await, NewKeyError::DisplayPrefix(_)));
    let owner = problem(NewKey::for_owner("key:1")).await;
    assert!(matches!(owner, NewKeyError::Owner(NameError::Reserved(_))));
}

#[tokio::test]
async fn garbage_costs_no_lookup() {
    let bench = plain();
    let mut typo = bench.mint().await.secret.expose().to_owned();
    let last = typo.pop().unwrap();
    typo.push(if last == 'x' { 'y' } else { 'x' });
    let cases = [("sk_foreign", Rejection::Unknown), (&typo, Rejection::Malformed)];
    for (text, rejection) in cases {
        assert_eq!(bench.keys.screen(&secret(text)), Some(rejection));
        assert_eq!(rejected(&bench.keys.verify(&secret(text)).await), rejection);
    }
    assert_eq!(bench.lookups(), 0);

    let never_minted = bench.keys.format().mint().unwrap();
    assert_eq!(rejected(&bench.keys.verify(&never_minted).await), Rejection::Unknown);
    assert_eq!(bench.lookups(), 1);
}

#[tokio::test]
async fn foreign_keys_are_imported_by_their_digest() {
    let bench = Bench::new(IssuedKeysBuilder::foreign_keys);
    let foreign = secret("sk_test_4eC39HqLyjWDarjtT1zdp7dc");
    let digest = Digest::from_hex(&foreign.digest().to_hex()).unwrap();
    assert_eq!(rejected(&bench.keys.verify(&foreign).await), Rejection::Unknown);

    let wanted = || NewKey::for_owner("acme").display_prefix("sk_test_4eC3");
    let Import::Imported(record) = bench.keys.import(digest, wanted()).await.unwrap() else {
        panic!("a duplicate of nothing")
    };
    assert_eq!(record.display_prefix.unwrap().as_str(), "sk_test_4eC3");
    let identity = known(bench.keys.verify(&foreign).await);
    assert_eq!(identity.key_id.as_deref(), Some(&*record.id.to_string()));

    let again = bench.keys.import(digest, NewKey::for_owner("mallory")).await.unwrap();
    assert_eq!(again, Import::Duplicate);
    assert_eq!(known(bench.keys.verify(&foreign).await).subject.id(), "acme");
}

#[tokio::test]
async fn an_import_that_would_never_be_looked_up_is_refused() {
    let imported = plain().keys.import(secret("x").digest(), NewKey::for_owner("acme")).await;
    assert!(matches!(imported, Err(MintError::ForeignRefused)));
}

#[tokio::test]
async fn a_wrong_check_is_refused_unread_even_with_foreign_keys() {
    let bench = Bench::new(IssuedKeysBuilder::foreign_keys);
    let wrong = secret(&format!("keycap_{}", "0".repeat(36)));
    assert_eq!(bench.keys.screen(&wrong), Some(Rejection::Malformed));
    assert_eq!(bench.keys.screen(&secret("keycap_4f")), None, "another shape may be foreign");
}

#[tokio::test]
async fn p7_a_revoked_key_is_refused_and_stays_so() {
    let bench = plain();
    let minted = bench.mint().await;
    let id = minted.record.id;
    assert_eq!(bench.keys.revoke(&id).await.unwrap(), Revocation::Revoked);
    assert_eq!(bench.keys.revoke(&id).await.unwrap(), Revocation::AlreadyRevoked);
    assert_eq!(bench.keys.set_expiry(&id, None).await.unwrap(), ExpirySetting::Set);
    assert_eq!(rejected(&bench.keys.verify(&minted.secret).await), Rejection::Revoked);
    let unknown = KeyId::new(START).unwrap();
    assert_eq!(bench.keys.revoke(&unknown).await.unwrap(), Revocation::Unknown);
}

#[tokio::test]
async fn a_key_is_valid_until_the_instant_before_its_expiry() {
    let bench = plain();
    let expiry = START.plus(Duration::from_secs(1));
    let minted = bench.keys.mint(NewKey::for_owner("acme").expires_at(expiry)).await.unwrap();
    bench.clock.set(expiry.minus(Duration::from_millis(1)));
    let _ = known(bench.keys.verify(&minted.secret).await);
    bench.clock.set(expiry);
    assert_eq!(rejected(&bench.keys.verify(&minted.secret).await), Rejection::Expired);
    let later = expiry.plus(Duration::from_secs(1));
    let set = bench.keys.set_expiry(&minted.record.id, Some(later)).await.unwrap();
    assert_eq!(set, ExpirySetting::Set);
    assert_eq!(known(bench.keys.verify(&minted.secret).await).expires_at, Some(later));
}

#[tokio::test]
async fn p6_a_store_that_fails_is_unavailable_and_recovers() {
    let bench = plain();
    let minted = bench.mint().await;
    bench.store.broken.store(true, Ordering::SeqCst);
    let Answer::Unavailable(unavailable) = bench.keys.verify(&minted.secret).await else {
        panic!("a store that fails says nothing about the key")
    };
    let mut reasons = vec![unavailable.to_string()];
    let mut source = std::error::Error::source(&unavailable);
    while let Some(reason) = source {
        reasons.push(reason.to_string());
        source = reason.source();
    }
    let wanted =
        ["the key store cannot answer", "the key store cannot do anything", "it was told to fail"];
    assert_eq!(reasons, wanted);
    assert!(matches!(bench.keys.mint(NewKey::for_owner("acme")).await, Err(MintError::Store(_))));
    bench.store.broken.store(false, Ordering::SeqCst);
    let _ = known(bench.keys.verify(&minted.secret).await);
}

#[derive(Default)]
struct Notebook(Mutex<Vec<KeyNews>>);

impl KeyListener for Notebook {
    fn key_changed(&self, news: &KeyNews) {
        self.0.lock().push(news.clone());
    }
}

impl Notebook {
    fn subscribed(keys: &IssuedKeys) -> Arc<Self> {
        let notebook = Arc::new(Self::default());
        let listener: Weak<dyn KeyListener> = Arc::<Self>::downgrade(&notebook);
        keys.subscribe(listener);
        notebook
    }

    fn changes(&self) -> Vec<KeyChange> {
        self.0.lock().drain(..).map(|news| news.change).collect()
    }
}

#[tokio::test]
async fn p7_listeners_hear_of_a_change_before_it_returns() {
    let bench = plain();
    let (first, second) = (Notebook::subscribed(&bench.keys), Notebook::subscribed(&bench.keys));
    let id = bench.mint().await.record.id;
    let news = KeyNews::new(id.to_string(), KeyChange::Minted);
    assert_eq!((&*first.0.lock(), second.changes()), (&vec![news], vec![KeyChange::Minted]));
    drop(second);
    first.changes();

    let _ = bench.keys.set_expiry(&id, Some(START)).await.unwrap();
    let _ = bench.keys.revoke(&id).await.unwrap();
    let _ = bench.keys.revoke(&id).await.unwrap();
    let wanted = [KeyChange::ExpiryChanged, KeyChange::Revoked, KeyChange::Revoked];
    assert_eq!(first.changes(), wanted);
}

/// A user pressed "revoke" and closed the tab, which dropped the handler in the middle. The listeners
/// were told at once, before the store had done it; they read the key as valid again and served it
/// for its time to live.
#[tokio::test]
async fn p7_a_revocation_whose_caller_left_is_done_and_then_told() {
    let bench = plain();
    let notebook = Notebook::subscribed(&bench.keys);
    let minted = bench.mint().await;
    notebook.changes();
    {
        let mut revocation = Box::pin(bench.keys.revoke(&minted.record.id));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(revocation.as_mut().poll(&mut context).is_pending());
    }
    let mut told = notebook.changes();
    while told.is_empty() {
        tokio::task::yield_now().await;
        told = notebook.changes();
    }
    assert_eq!(told, [KeyChange::Revoked]);
    let answer = bench.keys.verify(&minted.secret).await;
    assert_eq!(rejected(&answer), Rejection::Revoked, "done by the time it is told");
}

#[tokio::test]
async fn p7_listeners_hear_of_a_revocation_that_failed() {
    let bench = plain();
    let notebook = Notebook::subscribed(&bench.keys);
    let id = bench.mint().await.record.id;
    notebook.changes();
    bench.store.broken.store(true, Ordering::SeqCst);
    assert!(bench.keys.revoke(&id).await.is_err());
    assert_eq!(notebook.changes(), [KeyChange::Revoked]);
}

#[test]
fn news_carries_public_ids_only() {
    let news = KeyNews::new("key_1", KeyChange::ExpiryChanged);
    let text = serde_json::to_string(&news).unwrap();
    assert_eq!(text, r#"{"key_id":"key_1","change":"expiry_changed"}"#);
    assert_eq!(serde_json::from_str::<KeyNews>(&text).unwrap(), news);
}

#[test]
fn misconfiguration_fails_when_built() {
    let builder = || IssuedKeys::builder(WaywardStore::new());
    assert!(matches!(builder().name("a b").build(), Err(IssuedKeysError::Name(_))));
    let error = builder().pending_uses(0).build().unwrap_err();
    assert_eq!(error, IssuedKeysError::NoPendingUses);
}
