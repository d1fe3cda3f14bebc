//! An issuer in trouble: never "no", and never a yes by keys that are too old.

use futures_util::future::join_all;
use keycap_standins::faults::{Authority, Canned, DeadPort, Fault, Server};

use super::*;
use crate::HttpSettings;

fn hurried() -> HttpSettings {
    HttpSettings::new().total_timeout(Duration::from_millis(1_500)).attempts(1)
}

fn tokens(world: &World, more: impl FnOnce(JwtBuilder) -> JwtBuilder) -> Jwt {
    let tokens = Jwt::issuer(world.issuer.url()).audience(AUDIENCE).clock(world.clock.clone());
    more(tokens.http(hurried())).build().unwrap()
}

fn every_fault(good: &Canned) -> Vec<(&'static str, Fault)> {
    let answer = |status: u16| Fault::Answer(Canned::json(status, "{}"));
    let moved = Canned::status(302).header("location", "http://127.0.0.1:1/jwks");
    let oct = r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#;
    let many = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 101].join(","));
    let json = |body: &str| Fault::Answer(Canned::json(200, body));
    vec![
        ("hangs", Fault::Hang),
        ("deaf", Fault::Deaf),
        ("garbage", Fault::Garbage),
        ("closes", Fault::Close),
        ("closes in the head", Fault::CloseInHead(good.clone())),
        ("truncated", Fault::Truncated(good.clone())),
        ("ten megabytes", Fault::Chunked(10 * 1024 * 1024)),
        ("endless headers", Fault::EndlessHeaders),
        ("204", answer(204)),
        ("redirect", Fault::Answer(moved)),
        ("400", answer(400)),
        ("401", answer(401)),
        ("403", answer(403)),
        ("404", answer(404)),
        ("410", answer(410)),
        ("429", answer(429)),
        ("500", answer(500)),
        ("503", answer(503)),
        ("empty", json("")),
        ("no object", json("[]")),
        ("null", json("null")),
        ("no keys", json("{}")),
        ("an empty set", json(r#"{"keys":[]}"#)),
        ("a secret for a key", json(oct)),
        ("too many keys", json(&many)),
        ("html", json("<!doctype html>")),
    ]
}

#[tokio::test]
async fn p6_trouble_with_the_keys_is_never_no() {
    let world = World::new().await;
    let token = world.token(json!({}));
    let good = Canned::json(200, world.issuer.jwks().to_string());
    for (name, fault) in every_fault(&good) {
        let server = Server::start(fault).await;
        let tokens = tokens(&world, |tokens| tokens.jwks_url(server.url("/jwks")));
        let failed = unavailable(verify(&tokens, &token).await);
        let source = std::error::Error::source(&failed).map(ToString::to_string);
        assert!(source.is_some_and(|source| !source.contains(&token)), "{name}");
        server.set(Fault::Answer(good.clone()));
        world.clock.advance(seconds(60));
        assert_eq!(told(verify(&tokens, &token).await), Told::Known, "{name} is over");
        world.clock.set(NOW);
    }
    let dead = DeadPort::new();
    let tokens = tokens(&world, |tokens| tokens.jwks_url(dead.origin()));
    assert_eq!(told(verify(&tokens, &token).await), Told::Unavailable);
}

#[tokio::test]
async fn p6_trouble_with_the_metadata_is_never_no() {
    let clock = ManualClock::at(NOW);
    let world = World::new().await;
    let jwks = world.issuer.jwks_url();
    let right = |origin: &str| json!({ "issuer": origin, "jwks_uri": jwks });
    let server = Server::start(Fault::Close).await;
    let origin = server.origin();
    let token = world.issuer.token(ANY, json!({ "iss": origin }));
    let wrong = [
        json!({ "issuer": format!("{origin}/"), "jwks_uri": jwks }),
        json!({ "issuer": "https://other.example", "jwks_uri": jwks }),
        json!({ "issuer": origin }),
        json!({ "jwks_uri": jwks }),
        json!({ "issuer": origin, "jwks_uri": "http://keys.example/jwks" }),
        json!({ "issuer": origin, "jwks_uri": "ftp://127.0.0.1/jwks" }),
        json!({ "issuer": origin, "jwks_uri": "/jwks" }),
        json!({ "issuer": [origin], "jwks_uri": jwks }),
    ];
    let wrong = wrong.map(|metadata| Fault::Answer(Canned::json(200, metadata.to_string())));
    let good = Canned::json(200, right(&origin).to_string());
    let faults = every_fault(&good).into_iter().map(|(_, fault)| fault);
    for fault in faults.chain(wrong) {
        let name = format!("{fault:?}");
        server.set(fault);
        let tokens = Jwt::issuer(&origin).audience(AUDIENCE).clock(clock.clone()).http(hurried());
        let tokens = tokens.discover().build().unwrap();
        assert_eq!(told(verify(&tokens, &token).await), Told::Unavailable, "{name}");
    }
    server.set(Fault::Answer(good));
    let tokens = Jwt::issuer(&origin).audience(AUDIENCE).clock(clock.clone()).http(hurried());
    assert_eq!(told(verify(&tokens.discover().build().unwrap(), &token).await), Told::Known);
}

/// Plain HTTP is spoken to this machine, but not because an issuer elsewhere says so: what listens here
/// may trust whoever is here.
#[tokio::test]
async fn metadata_that_came_by_https_leads_to_https_only() {
    let authority = Authority::new();
    let tls = Server::start_tls(authority.certify("localhost"), Fault::Close).await;
    let plain = Server::start(Fault::Answer(Canned::json(200, "{}"))).await;
    let issuer = tls.origin_as("localhost");
    let clock = ManualClock::at(NOW);
    let world = World::new().await;
    let jwks = Canned::json(200, world.issuer.jwks().to_string());
    let token = world.issuer.token(ANY, json!({ "iss": issuer }));
    let asked = async |jwks_uri: String| {
        let metadata = json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
        let metadata = Fault::Answer(Canned::json(200, metadata));
        tls.script([metadata, Fault::Answer(jwks.clone())]);
        let tokens = Jwt::issuer(&issuer).audience(AUDIENCE).clock(clock.clone()).discover();
        let http = HttpSettings::new().trust_only(authority.pem()).attempts(1);
        told(verify(&tokens.http(http).build().unwrap(), &token).await)
    };
    assert_eq!(asked(plain.url("/latest/meta-data")).await, Told::Unavailable);
    assert_eq!(plain.tally().accepted, 0, "it was asked");
    tls.script([]);
    assert_eq!(asked(format!("{issuer}/keys")).await, Told::Known);
}

#[tokio::test]
async fn p6_keys_that_are_too_old_verify_nothing_and_refuse_nobody() {
    let world = World::with(|tokens| tokens.http(hurried())).await;
    let token = world.token(json!({}));
    assert_eq!(told(world.verify(&token).await), Told::Known);
    world.issuer.fail(503);
    world.clock.advance(seconds(299));
    assert_eq!(told(world.verify(&token).await), Told::Known, "the keys are good for a second yet");
    world.clock.advance(seconds(1));
    assert_eq!(told(world.verify(&token).await), Told::Unavailable);
    let forged = format!("{}AAAA", token.get(..token.len() - 4).unwrap());
    assert_eq!(told(world.verify(&forged).await), Told::Unavailable, "nobody can tell");
    world.issuer.heal();
    assert_eq!(told(world.verify(&token).await), Told::Known);
    assert_eq!(told(world.verify(&forged).await), UNKNOWN);
}

#[tokio::test]
async fn p6_an_unknown_key_that_could_not_be_looked_for_is_no_verdict() {
    let world = World::with(|tokens| tokens.http(hurried())).await;
    let old = world.token(json!({}));
    assert_eq!(told(world.verify(&old).await), Told::Known);
    world.issuer.rotate();
    let new = world.token(json!({}));
    world.issuer.fail(500);
    world.clock.advance(seconds(30));
    let before = world.issuer.count("/jwks");
    assert_eq!(told(world.verify(&new).await), Told::Unavailable);
    let failed = unavailable(world.verify(&new).await);
    assert_eq!(failed.retry_after(), Some(seconds(1)));
    assert_eq!(told(world.verify(&old).await), Told::Known, "the known keys are good");
    assert_eq!(world.issuer.count("/jwks"), before + 1, "not asked again at once");
    world.issuer.heal();
    world.clock.advance(seconds(1));
    assert_eq!(told(world.verify(&new).await), Told::Known, "found as soon as it is back");
}

#[tokio::test]
async fn a_failure_is_the_answer_to_all_who_waited() {
    let world = World::new().await;
    let server = Server::start(Fault::Hang).await;
    let tokens = tokens(&world, |tokens| tokens.jwks_url(server.url("/jwks")));
    let sent: Vec<_> = (0..100).map(|n| world.token(json!({ "sub": format!("u{n}") }))).collect();
    let answers = join_all(sent.iter().map(|token| verify(&tokens, token))).await;
    assert!(answers.into_iter().all(|answer| told(answer) == Told::Unavailable));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn p9_a_failure_and_a_refusal_do_not_repeat_the_token() {
    let world = World::new().await;
    world.issuer.claim_to_be("https://other.example");
    let token = world.token(json!({ "sub": "hush" }));
    let failed = unavailable(world.verify(&token).await);
    let text = format!("{failed} {failed:?} {:?}", world.tokens);
    for part in token.split('.') {
        assert!(!text.contains(part), "{text}");
    }
}
