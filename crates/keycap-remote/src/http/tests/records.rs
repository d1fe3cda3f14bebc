//! What calls leave in metrics and spans.

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use metrics_util::{CompositeKey, MetricKind};

use keycap_standins::faults::{Canned, DeadPort, Door, Fault, Server};

use super::{Bench, Log, count, fine, look, once, patient, status, url};
use crate::http::Call;

/// Runs `story` with a recorder of its own and hands it what reads the recorder.
fn recorded<F: Future<Output = ()>>(story: impl FnOnce(Snapshotter) -> F) {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    metrics::with_local_recorder(&recorder, || runtime.block_on(story(recorder.snapshotter())));
}

/// `name{label=value,…} value`, sorted; a histogram by how many it holds.
fn lines(snapshotter: &Snapshotter) -> Vec<String> {
    let snapshot = snapshotter.snapshot().into_vec();
    let mut lines: Vec<_> = snapshot.iter().map(|(key, _, _, value)| line(key, value)).collect();
    lines.sort();
    lines
}

fn line(key: &CompositeKey, value: &DebugValue) -> String {
    let labels: Vec<_> =
        key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    let value = match value {
        DebugValue::Counter(count) => count.to_string(),
        DebugValue::Gauge(value) => value.to_string(),
        DebugValue::Histogram(values) => format!("{} times", values.len()),
    };
    assert_eq!(matches!(key.kind(), MetricKind::Histogram), value.ends_with("times"));
    format!("{}{{{}}} {value}", key.key().name(), labels.join(","))
}

#[test]
fn calls_are_counted_by_their_end() {
    recorded(|snapshotter| async move {
        let server = Server::start(fine()).await;
        let bench = Bench::new(patient());
        server.script([status(500)]);
        bench.look(&server).await.expect("the second attempt");
        bench.send(count(&server)).await.expect("an answer");
        server.set(status(403));
        bench.look(&server).await.map(drop).expect_err("refused");
        assert_eq!(
            lines(&snapshotter),
            [
                "keycap_provider_call_seconds{provider=acme,operation=count} 1 times",
                "keycap_provider_call_seconds{provider=acme,operation=look} 2 times",
                "keycap_provider_calls_total{provider=acme,operation=count,outcome=answered} 1",
                "keycap_provider_calls_total{provider=acme,operation=look,outcome=answered} 1",
                "keycap_provider_calls_total{provider=acme,operation=look,outcome=refuses_us} 1",
                "keycap_provider_circuit_open{provider=acme} 0",
                "keycap_provider_in_flight{provider=acme} 0",
                "keycap_provider_retries_total{provider=acme,operation=look} 1",
            ]
        );
    });
}

#[test]
fn calls_in_flight_and_abandoned_ones_are_seen() {
    recorded(|snapshotter| async move {
        let door = Door::shut();
        let server = Server::start(Fault::Slow(Canned::status(200), door)).await;
        let bench = Bench::new(once());
        let mut call = Box::pin(bench.look(&server));
        tokio::select! {
            _ = &mut call => panic!("the door is shut"),
            () = server.until_seen(1) => {}
        }
        let during = lines(&snapshotter);
        assert!(
            during.contains(&"keycap_provider_in_flight{provider=acme} 1".into()),
            "{during:?}"
        );
        drop(call);
        // A snapshot starts everything anew, gauges too: what follows is the change.
        let after = lines(&snapshotter);
        let cancelled =
            "keycap_provider_calls_total{provider=acme,operation=look,outcome=cancelled} 1";
        assert!(after.contains(&cancelled.into()), "{after:?}");
        assert!(after.contains(&"keycap_provider_in_flight{provider=acme} -1".into()), "{after:?}");
    });
}

/// What was never sent may be sent again, even if it counts.
#[test]
fn a_refused_connection_is_tried_again_for_every_call() {
    recorded(|snapshotter| async move {
        let dead = DeadPort::new();
        let bench = Bench::new(patient());
        let call = Call::post("count", url(&dead.origin()), "application/json", "{}");
        bench.send(call).await.map(drop).expect_err("nobody listens");
        let lines = lines(&snapshotter);
        for line in [
            "keycap_provider_retries_total{provider=acme,operation=count} 2",
            "keycap_provider_calls_total{provider=acme,operation=count,outcome=unreachable} 1",
        ] {
            assert!(lines.contains(&line.into()), "{lines:?}");
        }
    });
}

#[test]
fn an_open_circuit_is_seen() {
    recorded(|snapshotter| async move {
        let server = Server::start(status(500)).await;
        let bench = Bench::new(once().circuit_failures(1));
        bench.look(&server).await.map(drop).expect_err("it fails");
        bench.look(&server).await.map(drop).expect_err("open");
        let open = lines(&snapshotter);
        assert!(open.contains(&"keycap_provider_circuit_open{provider=acme} 1".into()), "{open:?}");
        let refused =
            "keycap_provider_calls_total{provider=acme,operation=look,outcome=circuit_open} 1";
        assert!(open.contains(&refused.into()), "{open:?}");
        server.set(fine());
        bench.clock.advance(std::time::Duration::from_secs(5));
        bench.look(&server).await.expect("the probe");
        let closed = lines(&snapshotter);
        assert!(
            closed.contains(&"keycap_provider_circuit_open{provider=acme} 0".into()),
            "{closed:?}"
        );
    });
}

#[tokio::test]
async fn a_call_is_a_span_that_says_how_it_ended() {
    let server = Server::start(fine()).await;
    server.script([status(500)]);
    let bench = Bench::new(patient());
    let log = Log::default();
    let guard = log.trace();
    bench.send(look(&server)).await.expect("the second attempt");
    drop(guard);
    let text = log.text();
    let closed = text.lines().find(|line| line.contains("close")).expect("a span that closes");
    for part in [
        "DEBUG",
        "provider_call{provider=\"acme\" operation=\"look\"",
        "status=200",
        "outcome=\"answered\"",
        "attempts=2",
    ] {
        assert!(closed.contains(part), "{part}: {closed}");
    }
}
