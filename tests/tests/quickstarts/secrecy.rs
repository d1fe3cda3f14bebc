//! Where the plaintext of a key is not (P9).

use std::path::Path;

use keycap_tests::Framework;
use keycap_tests::process::Process;
use keycap_tests::wire::{Request, answer};
use rustix::process::Signal;

use crate::talk::{directory, spend, start};

/// Whether these bytes hold the secret, or so much of its random part that it could be guessed.
fn betrays(bytes: &[u8], secret: &str) -> bool {
    let random = secret.rsplit('_').next().expect("a key's random part");
    let part = &random.as_bytes()[6..18];
    [secret.as_bytes(), part].iter().any(|what| bytes.windows(what.len()).any(|w| w == *what))
}

fn assert_files_hide(directory: &Path, secret: &str) {
    let mut files = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        assert!(!betrays(path.to_string_lossy().as_bytes(), secret));
        assert!(!betrays(&std::fs::read(&path).unwrap(), secret), "{}", path.display());
        files += 1;
    }
    assert!(files > 0, "there is a database");
}

/// The lines that show a key to who minted it are the only ones that have it.
fn assert_output_hides(process: &Process, secret: &str) {
    assert!(!betrays(&process.stderr.bytes(), secret), "{process:?}");
    for line in process.stdout.text().lines() {
        let meant_to = line.starts_with("key: ") || line.starts_with("curl ");
        assert!(meant_to || !betrays(line.as_bytes(), secret), "{line}");
    }
}

#[tokio::test]
async fn p9_the_plaintext_is_in_no_file_and_no_output_but_the_minting_one() {
    for framework in Framework::ALL {
        let directory = directory();
        let trace = start(framework, &directory).set("RUST_LOG", "trace");
        let quickstart = trace.listen().await;
        let (address, key) = (quickstart.address, quickstart.key.clone());
        assert!(betrays(quickstart.process.stdout.text().as_bytes(), &key), "the search works");
        assert_eq!(spend(&quickstart, "$0.01").await.status(), 200);
        assert_eq!(spend(&quickstart, "$0.50").await.status(), 200);
        let mut bodies = vec![spend(&quickstart, "$0.01").await];
        for request in [
            Request::get("/me").bearer(&key),
            Request::get("/admin-only").bearer(&key),
            Request::get("/nowhere").bearer(&key),
            Request::post("/chat").bearer(&key).json("{"),
            Request::post("/chat").bearer(&format!("{key}x")),
            Request::post("/chat").bearer(&key).bearer(&key),
            Request::post("/chat").header("Authorization", format!("Basic {key}")),
        ] {
            bodies.push(answer(address, &request).await);
        }
        for body in bodies {
            assert!(!betrays(format!("{body:?}").as_bytes(), &key), "{body:?}");
        }
        assert_files_hide(directory.path(), &key);
        let printed = quickstart.process.stdout.bytes().len();
        let process = quickstart.stop(Signal::TERM).await;
        assert_eq!(process.stdout.bytes().len(), printed, "nothing is printed after the start");
        assert_output_hides(&process, &key);
        assert_files_hide(directory.path(), &key);
    }
}
