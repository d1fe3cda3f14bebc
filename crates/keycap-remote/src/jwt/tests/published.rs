//! Keys that the issuer publishes: fetched once, kept for a while, rotated, withdrawn.

use futures_util::future::join_all;
use keycap_standins::faults::{Canned, Door, Fault, Server};
use keycap_standins::issuer::Algorithm;

use super::*;

#[tokio::test]
async fn every_algorithm_is_verified_with_the_keys_that_discovery_finds() {
    let world = World::new().await;
    for algorithm in Algorithm::ALL {
        let token = world.issuer.token(algorithm, json!({ "sub": algorithm.name() }));
        let identity = known(world.verify(&token).await);
        assert_eq!(identity.subject.id(), algorithm.name());
        assert_eq!(identity.subject.issuer(), Some(&*world.issuer.url()));
    }
    let asked = |path| world.issuer.count(path);
    assert_eq!((asked("/.well-known/openid-configuration"), asked("/jwks")), (1, 1));
}

#[tokio::test]
async fn keys_are_found_in_each_of_the_ways() {
    let world = World::new().await;
    let tokens = || {
        Jwt::issuer(world.issuer.url()).audience(AUDIENCE).clock(world.clock.clone()).name("other")
    };
    let token = world.token(json!({}));
    for (tokens, asked) in [
        (tokens().discover_oauth(), "/.well-known/oauth-authorization-server"),
        (tokens().jwks_url(world.issuer.jwks_url()), "/jwks"),
        (tokens().fixed_keys(world.issuer.jwks().to_string()), "/"),
    ] {
        let before = world.issuer.count(asked);
        let identity = known(verify(&tokens.build().unwrap(), &token).await);
        assert_eq!(identity.subject.provider(), "other");
        let fetched = u64::from(asked != "/");
        assert_eq!(world.issuer.count(asked) - before, fetched, "{asked}");
    }
}

#[tokio::test]
async fn keys_are_kept_for_their_time_and_then_fetched_again() {
    let world = World::new().await;
    let token = world.token(json!({ "exp": NOW_S + 3_600 }));
    for fetched in 1..=3 {
        assert_eq!(told(world.verify(&token).await), Told::Known);
        world.clock.advance(seconds(299));
        assert_eq!(told(world.verify(&token).await), Told::Known);
        assert_eq!(world.issuer.count("/jwks"), fetched);
        world.clock.advance(seconds(1));
    }
}

#[tokio::test]
async fn p7_a_withdrawn_key_stops_when_its_time_is_over() {
    let world = World::with(|tokens| tokens.keys_ttl(seconds(10))).await;
    let old = world.token(json!({}));
    assert_eq!(told(world.verify(&old).await), Told::Known);
    world.issuer.rotate();
    world.clock.advance(seconds(10));
    assert_eq!(told(world.verify(&old).await), Told::Known, "it is still published");
    world.issuer.withdraw();
    world.clock.advance(seconds(10));
    assert_eq!(told(world.verify(&old).await), UNKNOWN);
    assert_eq!(world.says(json!({})).await, Told::Known);
}

#[tokio::test]
async fn a_new_key_is_looked_for_when_a_token_names_it() {
    let world = World::new().await;
    assert_eq!(world.says(json!({})).await, Told::Known);
    world.issuer.rotate();
    world.clock.advance(seconds(29));
    assert_eq!(world.says(json!({})).await, UNKNOWN, "it was looked just now");
    assert_eq!(world.issuer.count("/jwks"), 1);
    world.clock.advance(seconds(1));
    assert_eq!(world.says(json!({})).await, Told::Known);
    assert_eq!(world.issuer.count("/jwks"), 2);
}

#[tokio::test]
async fn a_token_that_names_no_key_survives_a_rotation_too() {
    let world = World::new().await;
    let nameless = || world.issuer.sign(ANY, json!({ "kid": null }), json!({}));
    assert_eq!(told(world.verify(&nameless()).await), Told::Known);
    world.issuer.rotate();
    world.issuer.withdraw();
    world.clock.advance(seconds(30));
    assert_eq!(told(world.verify(&nameless()).await), Told::Known);
}

#[tokio::test]
async fn a_flood_of_made_up_keys_makes_one_fetch_in_an_interval() {
    let world = World::new().await;
    assert_eq!(world.says(json!({})).await, Told::Known);
    for round in 0..3 {
        world.clock.advance(seconds(30));
        let fetched = world.issuer.count("/jwks");
        let made_up = (0..200).map(|n| {
            let kid = json!({ "kid": format!("{round}-{n}") });
            world.issuer.sign(ANY, kid, json!({}))
        });
        let tokens: Vec<_> = made_up.collect();
        let answers = join_all(tokens.iter().map(|token| world.verify(token))).await;
        assert!(answers.into_iter().all(|answer| told(answer) == UNKNOWN));
        assert_eq!(world.issuer.count("/jwks"), fetched + 1, "round {round}");
    }
    assert_eq!(world.issuer.count("/.well-known/openid-configuration"), 1);
}

#[tokio::test]
async fn a_thousand_first_tokens_make_one_fetch() {
    let world = World::new().await;
    let tokens: Vec<_> =
        (0..1_000).map(|n| world.token(json!({ "sub": format!("u{n}") }))).collect();
    let answers = join_all(tokens.iter().map(|token| world.verify(token))).await;
    assert!(answers.into_iter().all(|answer| told(answer) == Told::Known));
    assert_eq!(world.issuer.count("/jwks"), 1);
}

#[tokio::test]
async fn keys_are_fetched_ahead_by_the_chores() {
    let world = World::new().await;
    world.tokens.housekeep().await;
    assert_eq!(world.issuer.count("/jwks"), 1, "before anybody asks");
    world.clock.advance(seconds(149));
    world.tokens.housekeep().await;
    assert_eq!(world.issuer.count("/jwks"), 1);
    world.clock.advance(seconds(1));
    world.tokens.housekeep().await;
    assert_eq!(world.issuer.count("/jwks"), 2);
    world.issuer.fail(500);
    world.clock.advance(seconds(200));
    world.tokens.housekeep().await;
    assert_eq!(world.says(json!({})).await, Told::Known, "a failure ahead harms nobody");
}

#[tokio::test]
async fn the_place_of_the_keys_is_found_anew_after_an_hour_or_a_failure() {
    let world = World::with(|tokens| tokens.keys_ttl(seconds(3_599))).await;
    let discovered = || world.issuer.count("/.well-known/openid-configuration");
    let token = || world.token(json!({}));
    assert_eq!(told(world.verify(&token()).await), Told::Known);
    world.clock.advance(seconds(3_599));
    assert_eq!(told(world.verify(&token()).await), Told::Known);
    assert_eq!((discovered(), world.issuer.count("/jwks")), (1, 2));
    world.clock.advance(seconds(3_599));
    assert_eq!(told(world.verify(&token()).await), Told::Known);
    assert_eq!((discovered(), world.issuer.count("/jwks")), (2, 3));

    let elsewhere =
        Server::start(Fault::Answer(Canned::json(200, world.issuer.jwks().to_string()))).await;
    world.issuer.keys_at(&elsewhere.url("/keys"));
    world.issuer.fail(404);
    world.clock.advance(seconds(3_599));
    assert_eq!(told(world.verify(&token()).await), Told::Unavailable);
    world.issuer.heal();
    assert_eq!(told(world.verify(&token()).await), Told::Known);
    assert_eq!(elsewhere.seen().len(), 1, "the keys moved to another host");
    let accept = elsewhere.seen()[0].header("accept").map(str::to_owned);
    assert_eq!(accept.as_deref(), Some("application/json"));
    assert!(elsewhere.seen()[0].header("authorization").is_none());
}

/// A provider whose issuer's keys are at a server that answers when it is let, and the server.
async fn behind_a_door(world: &World) -> (Jwt, Server, Door) {
    let door = Door::shut();
    let jwks = Canned::json(200, world.issuer.jwks().to_string());
    let server = Server::start(Fault::Slow(jwks, door.clone())).await;
    let tokens = Jwt::issuer(world.issuer.url()).audience(AUDIENCE).clock(world.clock.clone());
    (tokens.jwks_url(server.url("/keys")).build().unwrap(), server, door)
}

fn spawned(tokens: &Jwt, token: &str) -> tokio::task::JoinHandle<Told> {
    let (tokens, token) = (tokens.clone(), token.to_owned());
    tokio::spawn(async move { told(verify(&tokens, &token).await) })
}

#[tokio::test]
async fn a_fetch_goes_on_for_those_who_wait_when_the_first_leaves() {
    let world = World::new().await;
    let (tokens, server, door) = behind_a_door(&world).await;
    let token = world.token(json!({}));
    let first = spawned(&tokens, &token);
    server.until_seen(1).await;
    let second = spawned(&tokens, &token);
    first.abort();
    assert!(first.await.is_err());
    door.open();
    assert_eq!(second.await.unwrap(), Told::Known);
    assert_eq!(server.seen().len(), 1);
}

/// Somebody presents made-up tokens and hangs up at once, just when the interval is over. What they
/// began is nobody's loss: the issuer's new key is found by it.
#[tokio::test]
async fn p6_who_hangs_up_during_a_fetch_does_not_keep_a_new_key_unknown() {
    let world = World::new().await;
    let (tokens, server, door) = behind_a_door(&world).await;
    door.open();
    assert_eq!(told(verify(&tokens, &world.token(json!({}))).await), Told::Known);
    world.issuer.rotate();
    let door = Door::shut();
    let jwks = Canned::json(200, world.issuer.jwks().to_string());
    server.set(Fault::Slow(jwks, door.clone()));
    world.clock.advance(seconds(30));
    let made_up = world.issuer.sign(ANY, json!({ "kid": "made up" }), json!({}));
    let attack = spawned(&tokens, &made_up);
    server.until_seen(2).await;
    attack.abort();
    assert!(attack.await.is_err());
    door.open();
    assert_eq!(told(verify(&tokens, &world.token(json!({}))).await), Told::Known);
    assert_eq!(server.seen().len(), 2);
}
