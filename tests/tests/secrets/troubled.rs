//! Every remote provider in every trouble. Whoever is asked repeats what it was sent, in each place
//! that an answer has.

use futures_util::future::join_all;
use keycap::ManualClock;
use keycap_standins::faults::{Fault, Seen};
use keycap_tests::sought::Sought;
use keycap_tests::{Framework, NOW, Store};

use crate::parties::{Party, parties};
use crate::site::{Search, app, serve};
use crate::weather::{self, Weather};

/// What whoever is asked says of its own accord.
const THEIRS: &str = "said-by-who-was-asked-7Zk3";

/// What was shown to who was asked, as it stood in the requests.
fn shown(seen: &[Seen]) -> Vec<String> {
    let mut shown = Vec::new();
    for request in seen {
        let header = request.header("authorization").and_then(|header| header.split_once(' '));
        shown.extend(header.map(|(_, credential)| credential.to_owned()));
        for (name, value) in form_fields(request.text()) {
            if ["client_secret", "client_assertion"].contains(&name.as_str()) {
                shown.push(value);
            }
        }
    }
    shown
}

fn form_fields(body: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn sought(party: &Party) -> Sought {
    let theirs = party.own.clone();
    let add = |sought: Sought, secret: &String| sought.token("a caller's", secret);
    party.callers.iter().fold(theirs, add)
}

/// This weather, and all that is asked in it; returns what whoever was asked was shown.
async fn endure(party: &Party, search: &Search, weather: Weather) -> Vec<String> {
    let clock = ManualClock::at(NOW);
    let place = weather.come().await;
    let built = (party.build)(&place.origin, place.http, &clock);
    search.sought.assert_hidden("a provider or its builder", &built.shown);
    let site = app(&built.provider, &clock).store(Store::Memory).on(Framework::Axum).await;
    for secret in &party.callers {
        search.verdict(&built.provider, secret).await;
        search.present(&site, secret).await;
    }
    site.close().await;
    place.server.map(|server| shown(&server.seen())).unwrap_or_default()
}

/// One provider in every trouble. What it was shown in one, it says in the next.
async fn endure_all(party: Party) -> Sought {
    let mut search = Search::begin(sought(&party).and("their words", THEIRS));
    let known: Vec<_> = search.sought.texts().map(str::to_owned).collect();
    let mut echo = known.join(" ");
    for which in 0..weather::all("").len() {
        let weather = weather::all(&echo).swap_remove(which);
        for shown in endure(&party, &search, weather).await {
            if !echo.contains(&shown) {
                echo = format!("{shown} {}", known.join(" "));
                search.sought.add("what was shown", shown);
            }
        }
    }
    search.sought
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_no_trouble_of_a_provider_makes_a_secret_show() {
    let sought = join_all(parties().into_iter().map(endure_all)).await;
    let all = sought.iter().fold(Sought::default(), Sought::with);
    let assertions = all.texts().filter(|text| text.starts_with("eyJ") && text.contains('.'));
    assert!(assertions.count() > 8, "our own assertions are searched for too");
    Search::begin(all).finish(
        &[
            "provider_call",
            "cannot decide",
            "does not accept our own credentials",
            "hyper_util",
            " log reqwest",
            " log rustls",
        ],
        &["keycap_provider_calls_total", "outcome = refuses_us", "Calls to a provider"],
    );
}

/// Answers of the right shape, each of which says one secret in one place.
async fn hear_all(party: Party) -> Sought {
    let search = Search::begin(sought(&party));
    // A private key is never sent, so nobody can repeat it.
    let shown = if party.name == "signed" { 0 } else { 2 };
    let own = party.own.texts().take(shown).map(|own| (party.callers[0].as_str(), own));
    let callers = party.callers.iter().map(|caller| (caller.as_str(), caller.as_str()));
    for (caller, echo) in callers.chain(own) {
        for which in 0..(party.echoes)(echo, "").len() {
            hear(&party, &search, caller, (echo, which)).await;
        }
    }
    search.sought
}

async fn hear(party: &Party, search: &Search, caller: &str, (echo, which): (&str, usize)) {
    let clock = ManualClock::at(NOW);
    let place = Weather::Answers(Fault::Close).come().await;
    let answer = (party.echoes)(echo, &place.origin).swap_remove(which);
    println!("{}: {answer:?}", party.name);
    place.server.as_ref().unwrap().set(Fault::Answer(answer));
    let built = (party.build)(&place.origin, place.http, &clock);
    let site = serve(&built.provider, &clock, Framework::Axum).await;
    search.verdict(&built.provider, caller).await;
    search.present(&site, caller).await;
    search.end(site, caller).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_no_answer_of_the_right_shape_makes_a_secret_show() {
    let sought = join_all(parties().into_iter().map(hear_all)).await;
    let all = sought.iter().fold(Sought::default(), Sought::with);
    let logged = ["provider_call", "cannot decide", "request admitted"];
    Search::begin(all).finish(&logged, &["keycap_provider_calls_total"]);
}
