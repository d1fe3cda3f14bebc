//! What a quickstart promises to the letter.

use std::net::TcpListener;

use keycap_tests::Framework;
use keycap_tests::process::Start;
use keycap_tests::wait::eventually;
use keycap_tests::wire::{Request, Wire, answer};
use serde_json::json;

use crate::talk::{chat, directory, limit, settled, spend, start};

#[test]
fn each_source_has_fewer_than_eighty_lines() {
    for source in [
        include_str!("../../../examples/quickstart-axum/src/main.rs"),
        include_str!("../../../examples/quickstart-actix/src/main.rs"),
    ] {
        assert!((2..80).contains(&source.lines().count()), "{}", source.lines().count());
    }
}

#[tokio::test]
async fn it_prints_a_key_where_it_listens_and_what_to_try() {
    for framework in Framework::ALL {
        let directory = directory();
        let quickstart = start(framework, &directory).listen().await;
        let text = quickstart.process.stdout.text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], format!("key: {}", quickstart.key));
        assert!(quickstart.key.starts_with("keycap_"), "{framework}");
        assert_eq!(
            lines[1],
            format!("listening on http://127.0.0.1:{}", quickstart.address.port())
        );
        let stdout = &quickstart.process.stdout;
        let curl = async || stdout.text().lines().filter(|line| line.starts_with("curl ")).count();
        eventually("curl lines", curl, |count| *count >= 2).await;
    }
}

#[tokio::test]
async fn p1_a_chat_costs_what_it_says_until_the_cap() {
    for framework in Framework::ALL {
        let directory = directory();
        let quickstart = start(framework, &directory).listen().await;
        let first = answer(quickstart.address, &chat(&quickstart.key, "$0.01", 0)).await;
        assert_eq!(first.status(), 200, "{first:?}");
        assert_eq!(first.json(), json!({"cost": "$0.01", "remaining": "$0.09"}), "{framework}");
        let odd = Request::post("/chat").bearer(&quickstart.key).json(r#"{"cost": "0.005 usd"}"#);
        let odd = answer(quickstart.address, &odd).await;
        assert_eq!(odd.json()["remaining"], "$0.085", "work_ms may be left out: {odd:?}");
        // A hold of $0.02 fits while at most $0.08 are spent.
        for left in ["$0.075", "$0.065", "$0.055", "$0.045", "$0.035", "$0.025", "$0.015"] {
            let cost = if left == "$0.075" { "$0.01" } else { "$0.010" };
            settled(&quickstart).await;
            assert_eq!(spend(&quickstart, cost).await.json()["remaining"], left, "{framework}");
        }
        settled(&quickstart).await;
        let refused = spend(&quickstart, "$0.01").await;
        assert_eq!((refused.status(), refused.code().as_str()), (429, "budget_exceeded"));
        assert_eq!(refused.json()["limit"]["remaining"], "$0.015");
        let shown = limit(quickstart.address, &quickstart.key).await;
        assert_eq!((&shown["cap"], &shown["spent"]), (&json!("$0.10"), &json!("$0.085")));
        assert_eq!((&shown["held"], &shown["remaining"]), (&json!("$0.00"), &json!("$0.015")));
        assert!(shown["resets_at"].as_str().unwrap().ends_with("T00:00:00Z"), "{shown}");
    }
}

#[tokio::test]
async fn p2_a_cost_above_its_hold_is_recorded_and_the_key_refused() {
    for framework in Framework::ALL {
        let directory = directory();
        let quickstart = start(framework, &directory).listen().await;
        let dear = spend(&quickstart, "$0.50").await;
        assert_eq!(dear.json(), json!({"cost": "$0.50", "remaining": "$0.00"}), "{framework}");
        assert_eq!(spend(&quickstart, "$0.01").await.code(), "budget_exceeded");
        let shown = limit(quickstart.address, &quickstart.key).await;
        assert_eq!((&shown["spent"], &shown["remaining"]), (&json!("$0.50"), &json!("$0.00")));
    }
}

#[tokio::test]
async fn a_stream_sends_ten_lines_and_tracks_with_each() {
    for framework in Framework::ALL {
        let directory = directory();
        let quickstart = start(framework, &directory).listen().await;
        let request = Request::post("/stream").bearer(&quickstart.key);
        let streamed = answer(quickstart.address, &request).await;
        assert_eq!(streamed.status(), 200);
        assert_eq!(String::from_utf8_lossy(&streamed.body).lines().count(), 10, "{streamed:?}");
        let shown = settled(&quickstart).await;
        assert_eq!(shown["spent"], "$0.01", "{framework}");
    }
}

#[tokio::test]
async fn me_is_for_any_key_and_admin_only_for_none_of_these() {
    for framework in Framework::ALL {
        let directory = directory();
        let quickstart = start(framework, &directory).set("QUICKSTART_CAP", "$0.01").listen().await;
        let (address, key) = (quickstart.address, &quickstart.key);
        let me = answer(address, &Request::get("/me").bearer(key)).await;
        assert_eq!(me.status(), 200);
        assert!(me.json()["subject"].is_string() && me.json()["limits"].is_array(), "{me:?}");
        assert_eq!(me.json()["scopes"], json!(["chat"]));
        assert_eq!(spend(&quickstart, "$0.01").await.code(), "hold_exceeds_cap");
        let again = answer(address, &Request::get("/me").bearer(key)).await;
        assert_eq!(again.status(), 200, "it checks no budget");
        let admin = answer(address, &Request::get("/admin-only").bearer(key)).await;
        assert_eq!((admin.status(), admin.code().as_str()), (403, "insufficient_scope"));
        for path in ["/me", "/admin-only"] {
            assert_eq!(answer(address, &Request::get(path)).await.code(), "missing_key");
        }
        for path in ["/chat", "/stream"] {
            assert_eq!(answer(address, &Request::post(path)).await.code(), "missing_key");
        }
        assert_eq!(answer(address, &Request::get("/nowhere").bearer(key)).await.status(), 404);
    }
}

#[tokio::test]
async fn p4_bad_input_is_the_callers_fault_and_costs_nothing() {
    for framework in Framework::ALL {
        let directory = directory();
        let quickstart = start(framework, &directory).listen().await;
        for body in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"cost": 1}"#,
            r#"{"cost": "1 banana"}"#,
            r#"{"cost": "-$0.01"}"#,
            r#"{"cost": "$0.0000000001"}"#,
            r#"{"cost": "$99999999999999999999"}"#,
            r#"{"cost": "$0.01", "work_ms": -1}"#,
            r#"{"cost": "$0.01", "work_ms": "soon"}"#,
        ] {
            let request = Request::post("/chat").bearer(&quickstart.key).json(body);
            let refused = answer(quickstart.address, &request).await;
            assert!((400..500).contains(&refused.status()), "{framework} {body}: {refused:?}");
        }
        let shown = settled(&quickstart).await;
        assert_eq!(shown["spent"], "$0.00", "{framework}");
        assert_eq!(spend(&quickstart, "$0.00").await.status(), 200);
    }
}

#[tokio::test]
async fn the_defaults_are_port_3000_and_a_database_in_the_working_directory() {
    for framework in Framework::ALL {
        let directory = directory();
        let everything = Start::new(framework, directory.path()).unset("PORT");
        let is_free = TcpListener::bind(("127.0.0.1", 3000)).is_ok();
        if is_free {
            let quickstart = everything.listen().await;
            assert_eq!(quickstart.address.port(), 3000, "{framework}");
            assert!(directory.path().join("keycap-quickstart.db").exists());
            quickstart.kill().await;
        } else {
            // Somebody else has the port, so it cannot start; on another port it does.
            let mut process = everything.spawn();
            assert!(!process.ended().await.success(), "{framework}");
            Start::new(framework, directory.path()).listen().await;
            assert!(directory.path().join("keycap-quickstart.db").exists());
        }
    }
}

/// The caller leaves in the middle of its request's body, after the hold was taken. Where it closes
/// the connection, the extractor sees half a body and answers 400, to nobody. Where it resets it, the
/// framework may drop the handler first: then the client has left, and that captures the hold.
#[tokio::test]
async fn p1_p4_half_a_body_costs_nothing_or_at_most_its_hold() {
    for framework in Framework::ALL {
        let directory = directory();
        let quickstart = start(framework, &directory).listen().await;
        let bytes = chat(&quickstart.key, "$0.01", 0).bytes();
        let half = async || {
            let mut wire = Wire::connect(quickstart.address).await;
            wire.send(&bytes[..bytes.len() - 5]).await.unwrap();
            let shown = async || limit(quickstart.address, &quickstart.key).await;
            eventually("the hold", shown, |shown| shown["held"] == "$0.02").await;
            wire
        };
        drop(half().await);
        assert_eq!(settled(&quickstart).await["spent"], "$0.00", "{framework}");
        half().await.reset();
        let spent = settled(&quickstart).await["spent"].clone();
        assert!([json!("$0.00"), json!("$0.02")].contains(&spent), "{framework}: {spent}");
    }
}
