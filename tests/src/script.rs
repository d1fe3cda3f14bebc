//! Running one script against both adapters.

use crate::wire::Response;
use crate::{App, Framework, Site};

/// What a script was told, each answer under a label.
#[derive(Debug, Default)]
pub struct Told(Vec<(String, Option<Response>)>);

impl Told {
    /// Notes an answer, or that there was none.
    pub fn add(&mut self, label: &str, answer: Option<Response>) {
        self.0.push((label.to_owned(), answer.map(Response::normalised)));
    }

    /// Every answer with its label.
    pub fn answers(&self) -> impl Iterator<Item = (&str, &Response)> {
        self.0.iter().map(|(label, answer)| {
            (label.as_str(), answer.as_ref().unwrap_or_else(|| panic!("no answer: {label}")))
        })
    }

    /// The answer with this label.
    ///
    /// # Panics
    /// When there was none.
    #[must_use]
    pub fn answer(&self, label: &str) -> &Response {
        let found = self.0.iter().find(|(known, _)| known == label);
        let (_, answer) = found.unwrap_or_else(|| panic!("nothing was noted as {label:?}"));
        answer.as_ref().unwrap_or_else(|| panic!("no answer: {label}"))
    }

    /// Whether the connection closed without an answer.
    #[must_use]
    pub fn is_unanswered(&self, label: &str) -> bool {
        self.0.iter().any(|(known, answer)| known == label && answer.is_none())
    }

    /// Compares headers.
    pub fn check(&self, expected: &[(&str, &str, Option<&str>)]) {
        for (label, header, value) in expected {
            assert_eq!(self.answer(label).header(header), *value, "{header} of {label}");
        }
    }
}

/// Runs a script on both adapters, each with an application of its own, and compares what it was
/// told byte for byte.
pub async fn same_on_both(app: impl Fn() -> App, script: impl AsyncFn(&Site) -> Told) -> Told {
    let [axum, actix] = Framework::ALL;
    let expected = run(&app(), axum, &script).await;
    let given = run(&app(), actix, &script).await;
    assert_eq!(expected.0.len(), given.0.len(), "both were asked the same");
    for ((label, axum), (_, actix)) in expected.0.iter().zip(&given.0) {
        assert_eq!(axum, actix, "axum (left) and actix (right) differ: {label}");
    }
    expected
}

async fn run(app: &App, framework: Framework, script: impl AsyncFn(&Site) -> Told) -> Told {
    let site = app.on(framework).await;
    let told = script(&site).await;
    site.close().await;
    told
}
