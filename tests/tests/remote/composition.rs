//! Several providers behind one gate: who is shown which secret.

use std::sync::Arc;

use keycap::Guard;
use keycap::{FirstOf, IdentityProvider, ManualClock, Routes};
use keycap_standins::faults::{Canned, Fault, Server};
use keycap_tests::{App, Framework, NOW, Route, Site, Work};

use crate::peer::Peer;
use crate::world::{MOMENT, TTL, ask, assert_refused, assert_unavailable, patient};

type Provider = Arc<dyn IdentityProvider>;

/// All providers, each with a server of its own; in the order of [`Peer::all`].
struct All {
    clock: ManualClock,
    peers: [Peer; 4],
    servers: Vec<Server>,
}

impl All {
    async fn well() -> Self {
        let peers = Peer::all();
        let mut servers = Vec::new();
        for peer in &peers {
            servers.push(Server::start(Fault::Answer(peer.good("free"))).await);
        }
        Self { clock: ManualClock::at(NOW), peers, servers }
    }

    /// Clerk, introspection, JWT and Unkey.
    fn providers(&self) -> [Provider; 4] {
        let mut servers = self.servers.iter();
        self.peers.each_ref().map(|peer| {
            let origin = servers.next().unwrap().origin();
            peer.provider(&format!("{peer}").to_lowercase(), &origin, &self.clock, patient())
        })
    }

    /// Which of the servers were shown this secret.
    fn shown(&self, secret: &str) -> [bool; 4] {
        let mut servers = self.servers.iter();
        [(); 4].map(|()| {
            let seen = servers.next().unwrap().seen();
            seen.iter().any(|request| {
                let body = String::from_utf8_lossy(&request.body);
                let head = format!("{} {:?}", request.target, request.headers);
                body.contains(secret) || head.contains(secret)
            })
        })
    }

    async fn serve(&self, provider: impl IdentityProvider + 'static, on: Framework) -> Site {
        let (provider, clock) = (Arc::new(provider), self.clock.clone());
        App::limited("$1 per day")
            .gate(move |gate| gate.provider(Arc::clone(&provider)).clock(clock.clone()))
            .route(Route::guarded("/me", Guard::free(), Work::Show))
            .on(on)
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_secret_is_shown_to_the_provider_it_is_routed_to_and_to_no_other() {
    for framework in Framework::ALL {
        let all = All::well().await;
        let [clerk, introspection, jwt, unkey] = all.providers();
        let routes = Routes::builder().prefix("ak_", clerk).prefix("acme_", unkey).jwt(jwt);
        let site = all.serve(routes.otherwise(introspection).build().unwrap(), framework).await;
        for (number, peer) in all.peers.iter().enumerate() {
            // A token is shown to nobody: its issuer is asked for keys.
            let own = |secret: &str| {
                let is_token = secret.contains('.');
                std::array::from_fn(|server| server == number && !is_token)
            };
            let secret = peer.secret("free");
            assert_eq!(ask(&site, "/me", &secret).await.status(), 200, "{peer}, {framework}");
            assert_eq!(all.shown(&secret), own(&secret), "{peer}, {framework}");

            // Nobody else is asked in its place either, whatever it answers.
            let another = peer.another();
            all.servers[number].set(Fault::Answer(peer.unknown()));
            if !another.contains('.') {
                assert_refused(&ask(&site, "/me", &another).await, 401, "invalid_key");
                assert_eq!(all.shown(&another), own(&another), "{peer}, {framework}");
            }
            all.servers[number].set(Fault::Answer(Canned::status(500)));
            all.clock.advance(TTL + MOMENT);
            assert_unavailable(&ask(&site, "/me", &another).await);
            assert_eq!(all.shown(&another), own(&another), "{peer}, {framework}");
        }
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_first_of_shows_a_secret_to_those_before_the_one_that_knows_it() {
    for framework in Framework::ALL {
        let all = All::well().await;
        let [_, introspection, jwt, unkey] = all.providers();
        let first_of = FirstOf::builder().provider(jwt).provider(introspection).provider(unkey);
        let site = all.serve(first_of.build().unwrap(), framework).await;
        let [_, asked_first, token, asked_next] = &all.peers;

        let opaque = asked_first.secret("free");
        assert_eq!(ask(&site, "/me", &opaque).await.status(), 200);
        assert_eq!(all.shown(&opaque), [false, true, false, false], "known by the first asked");

        all.servers[1].set(Fault::Answer(asked_first.unknown()));
        let key = asked_next.secret("free");
        assert_eq!(ask(&site, "/me", &key).await.status(), 200);
        assert_eq!(all.shown(&key), [false, true, false, true], "who was asked before saw it");

        let token = token.secret("free");
        assert_eq!(ask(&site, "/me", &token).await.status(), 200);
        assert_eq!(all.shown(&token), [false; 4], "known without showing it to anybody");
        site.close().await;
    }
}
