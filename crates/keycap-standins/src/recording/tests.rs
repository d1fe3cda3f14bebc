use axum::Router;
use axum::extract::Json;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

async fn echo(Json(body): Json<Value>) -> Json<Value> {
    Json(json!({ "told": body }))
}

fn asked(path: &str) -> Exchange {
    let headers = [("authorization", "Bearer a"), ("content-type", "application/json")];
    Exchange {
        request: Request {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: json!({ "key": "k" }),
        },
        response: Response { status: 0, headers: BTreeMap::new(), body: Value::Null },
    }
}

#[tokio::test]
async fn what_is_recorded_is_what_is_replayed() {
    let recorder = Recorder::default();
    let router = recorder.listen(Router::new().route("/echo", post(echo)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let told = asked("/echo?x=1").resend(address).await;
    assert_eq!((told.status, &told.body), (200, &json!({ "told": { "key": "k" } })));
    assert_eq!(asked("/nowhere").resend(address).await.status, 404);
    serving.abort();

    let recording = recorder.take("tests 1");
    assert_eq!(recorder.take("tests 1").exchanges, [], "taken is taken");
    assert_eq!(recording.exchanges.len(), 2, "unknown paths are noted too");
    assert_eq!(recording.exchanges[0].request, asked("/echo?x=1").request);
    assert_eq!(recording.exchanges[0].response, told);

    let replayer = Replayer::start(recording.exchanges).await;
    assert_eq!(asked("/echo?x=1").resend(replayer.address).await, told);
    assert_eq!(asked("/echo").resend(replayer.address).await.status, 599, "not recorded");
    assert_eq!(replayer.seen(), [asked("/echo?x=1").request, asked("/echo").request]);
}

#[test]
fn a_recording_is_a_file_that_reads_back_and_says_what_is_wrong_with_it() {
    let path = std::env::temp_dir().join(format!("recording-{}.json", std::process::id()));
    let recording = Recording { client: "tests 1".to_owned(), exchanges: vec![asked("/")] };
    recording.save(&path).unwrap();
    assert_eq!(Recording::load(&path).unwrap(), recording);
    std::fs::write(&path, "{\"client\": 1}").unwrap();
    let error = Recording::load(&path).unwrap_err().to_string();
    assert!(error.contains("recording-") && error.contains("line 1"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(Recording::load(&path).is_err());
}
