//! Everything that is metered, as far as it has words: names, labels and descriptions.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString,
    Unit,
};

/// The words of every metric of this process since [`Metered::capture`].
#[derive(Clone, Debug, Default)]
pub struct Metered(Arc<Mutex<BTreeSet<String>>>);

impl Metered {
    /// Keeps the words of all metrics from now on, whoever meters. What they count is not kept.
    pub fn capture() -> Self {
        static METERED: OnceLock<Metered> = OnceLock::new();
        METERED
            .get_or_init(|| {
                let metered = Self::default();
                let set: Result<(), SetRecorderError<Self>> =
                    metrics::set_global_recorder(metered.clone());
                assert!(set.is_ok(), "it should be the only recorder");
                metered
            })
            .clone()
    }

    /// The words so far, a line for each metric.
    ///
    /// # Panics
    /// When a writer has panicked.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.lock().unwrap().iter().map(|line| format!("{line}\n")).collect()
    }

    fn described(&self, key: &KeyName, unit: Option<Unit>, description: &str) {
        self.0.lock().unwrap().insert(format!("{} {unit:?} {description}", key.as_str()));
    }

    fn registered(&self, key: &Key, metadata: &Metadata<'_>) {
        self.0.lock().unwrap().insert(format!("{key} {}", metadata.target()));
    }
}

impl Recorder for Metered {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.described(&key, unit, &description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.described(&key, unit, &description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.described(&key, unit, &description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.registered(key, metadata);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.registered(key, metadata);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.registered(key, metadata);
        Histogram::noop()
    }
}
