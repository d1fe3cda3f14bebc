//! What the official client is told to do, and in which state it finds Clerk.

use std::time::Duration;

use keycap::ManualClock;
use keycap_standins::clerk::{
    Ended, Instance, NewApiKey, SECRET_KEY, Setup, machine, organisation, user,
};
use keycap_standins::recording::Recorder;
use keycap_tests::NOW;
use serde_json::{Value, json};

/// A key for browsers, of an instance that nobody has.
const PUBLISHABLE_KEY: &str = "pk_test_a2V5Y2FwLmV4YW1wbGUuY29tJA==";

/// One script of calls.
pub(crate) struct Scenario {
    /// The name of its recording.
    pub(crate) name: &'static str,
    ended: Ended,
    secret_key: &'static str,
    prepare: fn(&Stage),
    calls: fn() -> Value,
}

/// Where it is played.
pub(crate) struct Stage {
    pub(crate) clock: ManualClock,
    pub(crate) at: Instance,
    pub(crate) recorder: Recorder,
}

impl Scenario {
    pub(crate) fn all() -> Vec<Self> {
        let plain = |name, calls| Self {
            name,
            ended: Ended::Shown,
            secret_key: SECRET_KEY,
            prepare: |_| {},
            calls,
        };
        vec![
            plain("api_keys", api_keys),
            Self { prepare: machines, ..plain("machine_tokens", machine_tokens) },
            Self { secret_key: "sk_test_wrong", ..plain("wrong_secret_key", verify_both) },
            Self { prepare: end_both, ..plain("ended", verify_both) },
            Self {
                prepare: end_both,
                ended: Ended::NotFound,
                ..plain("ended_hidden", verify_both)
            },
            Self { prepare: throttle, ..plain("throttled", verify_both) },
            Self { prepare: machines, ..plain("requests", requests) },
        ]
    }

    pub(crate) async fn stage(&self) -> Stage {
        let (clock, recorder) = (ManualClock::at(NOW), Recorder::default());
        let setup = Setup::default().clock(clock.clone()).ended(self.ended);
        let stage = Stage { clock, at: setup.recorder(&recorder).start().await, recorder };
        (self.prepare)(&stage);
        stage
    }

    /// The document that the client's driver reads.
    pub(crate) fn document(&self, stage: &Stage) -> Value {
        let options = json!({ "secretKey": self.secret_key, "apiUrl": stage.at.url() });
        json!({ "options": options, "calls": (self.calls)() })
    }
}

fn api_keys() -> Value {
    let verify = |secret: Value| json!({ "call": "apiKeys.verify", "args": [secret] });
    let of_alice = json!({
        "name": "Alice's key", "subject": user("alice"), "description": "for tests",
        "claims": { "tier": "pro", "nested": { "list": [1, null] } }, "scopes": ["chat", "models"],
        "createdBy": user("alice"), "secondsUntilExpiration": 3600,
    });
    let change = json!({
        "apiKeyId": { "$": "0.value.id" }, "subject": user("alice"), "claims": { "tier": "team" },
    });
    let revoke = json!({ "apiKeyId": { "$": "0.value.id" }, "revocationReason": "lost" });
    let list = json!({ "subject": user("alice"), "includeInvalid": true, "limit": 5 });
    json!([
        { "call": "apiKeys.create", "args": [of_alice] },
        { "call": "apiKeys.create", "args": [{ "name": "plain", "subject": organisation("acme") }] },
        verify(json!({ "$": "0.value.secret" })),
        verify(json!({ "$": "1.value.secret" })),
        verify(json!("ak_test_nobodys")),
        verify(json!("ak_/+~.odd=")),
        { "call": "apiKeys.update", "args": [change] },
        verify(json!({ "$": "0.value.secret" })),
        { "call": "apiKeys.list", "args": [list] },
        { "call": "apiKeys.revoke", "args": [revoke] },
        verify(json!({ "$": "0.value.secret" })),
        { "call": "apiKeys.create", "args": [{ "name": "no", "subject": "nobody" }] },
    ])
}

fn machines(stage: &Stage) {
    let (worker, called, other) = (machine("worker"), machine("called"), machine("other"));
    let _keys = [
        stage.at.add_machine(&worker, &[&called]),
        stage.at.add_machine(&called, &[]),
        stage.at.add_machine(&other, &[]),
    ];
    let _key = stage.at.create_key(NewApiKey::of(user("alice")).scopes(["chat"]));
}

fn machine_key(name: &str) -> String {
    format!("ak_test_of_{}", machine(name))
}

fn machine_tokens() -> Value {
    let token = || json!({ "$": "0.value.token" });
    let verify = |key: &str| {
        let machine_key = machine_key(key);
        json!({ "call": "m2m.verify", "args": [{ "token": token(), "machineSecretKey": machine_key }] })
    };
    let create = json!({
        "machineSecretKey": machine_key("worker"), "secondsUntilExpiration": 60,
        "claims": { "job": "nightly" },
    });
    let forever = json!({ "machineSecretKey": machine_key("worker") });
    let revoke = json!({ "m2mTokenId": { "$": "0.value.id" }, "revocationReason": "done" });
    json!([
        { "call": "m2m.createToken", "args": [create] },
        { "call": "m2m.createToken", "args": [forever] },
        { "call": "m2m.verify", "args": [{ "token": token() }] },
        { "call": "m2m.verify", "args": [{ "token": { "$": "1.value.token" } }] },
        verify("called"),
        verify("other"),
        verify("nobody"),
        { "call": "m2m.verify", "args": [{ "token": "mt_test_nobodys" }] },
        { "call": "m2m.revokeToken", "args": [revoke] },
        { "call": "m2m.verify", "args": [{ "token": token() }] },
    ])
}

/// A key that is revoked and one that has expired, a token likewise.
fn end_both(stage: &Stage) {
    let worker = machine("worker");
    let _key = stage.at.add_machine(&worker, &[]);
    let life = Duration::from_secs(60);
    let revoked = stage.at.create_key(NewApiKey::of(user("alice")));
    stage.at.revoke(&revoked.id);
    let _expired = stage.at.create_key(NewApiKey::of(user("alice")).life(life));
    let revoked = stage.at.create_token(&worker, Default::default());
    stage.at.revoke(&revoked.id);
    let expires = keycap_standins::clerk::NewToken::default().life(life);
    let _expired = stage.at.create_token(&worker, expires);
    stage.clock.advance(life);
}

fn throttle(stage: &Stage) {
    stage.at.throttle(Duration::from_secs(7));
}

/// Secrets are counted, so these are the ones that [`end_both`] makes, and otherwise nobody's.
fn verify_both() -> Value {
    json!([
        { "call": "apiKeys.verify", "args": ["ak_test_secret_0001"] },
        { "call": "apiKeys.verify", "args": ["ak_test_secret_0002"] },
        { "call": "m2m.verify", "args": [{ "token": "mt_test_secret_0003" }] },
        { "call": "m2m.verify", "args": [{ "token": "mt_test_secret_0004" }] },
    ])
}

/// What an application does with the requests it gets.
fn requests() -> Value {
    let request = |secret: &str, accepts: &str| {
        let headers = json!({ "authorization": format!("Bearer {secret}") });
        let request = json!({ "url": "http://app.test/", "method": "GET", "headers": headers });
        let options = json!({ "acceptsToken": accepts, "publishableKey": PUBLISHABLE_KEY });
        json!({ "call": "authenticateRequest", "args": [request, options] })
    };
    json!([
        request("ak_test_secret_0001", "api_key"),
        request("ak_test_nobodys", "api_key"),
        request("mt_test_nobodys", "m2m_token"),
    ])
}
