//! Building a gate: everything that can be wrong is found here, not at the first request.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::time::Duration;

use keycap_base::{Clock, SystemClock};
use keycap_budget::lease::{
    DEFAULT_LEASE_LIFE, DEFAULT_LEASED_LIMITS, DEFAULT_SHARE, LeaseSettings, LeaseSettingsError,
    Leases,
};
use keycap_budget::{
    AccountListener, ChainSpec, DEFAULT_HOLD_LIFE, Ledger, Limit, LimitError, OnExpiry, OwnerId,
    Reapply,
};
use keycap_verify::{
    FailureGuard, FailureGuardBuilder, Identity, IdentityProvider, KeyListener, KeyTable,
    KeyTableBuilder,
};

use crate::ancestors::Ancestors;
use crate::core::{Core, Strip};
use crate::desk::GateNumber;
use crate::housekeeping::{self, OpenTabs};
use crate::known_key::{AmendedAccounts, KnownKey};
use crate::leases::driver::{Driver, Tools};
use crate::leases::{Leasing, Switch};
use crate::observe::{DecisionReport, Mode, Observing};
use crate::queue::{DEFAULT_PLACES, MAX_PLACES, Queue};
use crate::template::Closure;
use crate::{
    Answer, AnswerSettings, Broken, ClientAddress, CredentialPlaces, DefaultTemplate, Gate,
    Refusal, Rendering, Template, TemplateError, settler,
};

/// How long a first verification, provisioning included, may take by default: longer than the ledger
/// may take, so that a ledger that hangs is called by its name.
pub const DEFAULT_VERIFY_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the ledger may take for one answer by default.
pub const DEFAULT_LEDGER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long `track(..).await` waits for a cost to be durable by default.
pub const DEFAULT_CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest life of a hold: it must outlast its renewals.
pub const MIN_HOLD_LIFE: Duration = Duration::from_secs(3);
/// The longest life of a hold: so long may a process that died keep others from what it held.
pub const MAX_HOLD_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest any time-out may be.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// Collects what a gate is to be. A ledger and a provider must be given; all else has a default.
#[must_use]
pub struct GateBuilder {
    ledger: Option<Arc<dyn Ledger>>,
    provider: Option<Arc<dyn IdentityProvider>>,
    template: Option<Arc<dyn Template>>,
    limits: DefaultTemplate,
    has_limits: bool,
    wrong_limit: Option<LimitError>,
    reapply: Reapply,
    table: KeyTableBuilder,
    failures: FailureGuardBuilder,
    credentials: CredentialPlaces,
    strip: Strip,
    address: ClientAddress,
    answers: AnswerSettings,
    render: Option<Rendering>,
    observing: Observing,
    clock: Arc<dyn Clock>,
    hold_life: Duration,
    on_expiry: OnExpiry,
    verify_timeout: Duration,
    ledger_timeout: Duration,
    confirm_timeout: Duration,
    places: usize,
    lease_life: Duration,
    lease_share: u32,
    leased_limits: usize,
}

impl GateBuilder {
    pub(crate) fn new() -> Self {
        Self {
            ledger: None,
            provider: None,
            template: None,
            limits: DefaultTemplate::new(),
            has_limits: false,
            wrong_limit: None,
            reapply: Reapply::Never,
            table: KeyTable::<()>::builder(),
            failures: FailureGuard::builder(),
            credentials: CredentialPlaces::default(),
            strip: Strip::Keep,
            address: ClientAddress::of_connection(),
            answers: AnswerSettings::default(),
            render: None,
            observing: Observing { observer: None, mode: Mode::Enforce },
            clock: Arc::new(SystemClock),
            hold_life: DEFAULT_HOLD_LIFE,
            on_expiry: OnExpiry::Capture,
            verify_timeout: DEFAULT_VERIFY_TIMEOUT,
            ledger_timeout: DEFAULT_LEDGER_TIMEOUT,
            confirm_timeout: DEFAULT_CONFIRM_TIMEOUT,
            places: DEFAULT_PLACES,
            lease_life: DEFAULT_LEASE_LIFE,
            lease_share: DEFAULT_SHARE,
            leased_limits: DEFAULT_LEASED_LIMITS,
        }
    }

    /// Where budgets live.
    pub fn ledger(mut self, ledger: impl Ledger) -> Self {
        self.ledger = Some(Arc::new(ledger));
        self
    }

    /// Who verifies keys.
    pub fn provider(mut self, provider: impl IdentityProvider + 'static) -> Self {
        self.provider = Some(Arc::new(provider));
        self
    }

    /// A limit that every account opens with. Not together with a template.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.has_limits = true;
        match self.limits.clone().limit(limit) {
            Ok(limits) => self.limits = limits,
            Err(error) => self.wrong_limit = self.wrong_limit.or(Some(error)),
        }
        self
    }

    /// Which accounts an identity spends from. Without one: its subject's, or the one its key's row
    /// names, with the limits given by [`limit`](Self::limit).
    pub fn template(mut self, template: impl Template) -> Self {
        self.template = Some(Arc::new(template));
        self
    }

    /// As [`template`](Self::template), by an async closure.
    pub fn template_fn<F, Fut>(self, closure: F) -> Self
    where
        F: Fn(Identity) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<ChainSpec, TemplateError>> + Send + 'static,
    {
        self.template(Closure(closure))
    }

    /// Evaluates the template at every verification, not only at first sight. Only what the template
    /// itself changed since is applied; an operator's amendments stay.
    pub fn reapply_template(mut self) -> Self {
        self.reapply = Reapply::Changes;
        self
    }

    /// Where credentials are read from (default: `Authorization: Bearer`).
    pub fn credentials(mut self, places: CredentialPlaces) -> Self {
        self.credentials = places;
        self
    }

    /// Removes the credential before the handler sees the request.
    pub fn strip_credential(mut self) -> Self {
        self.strip = Strip::Remove;
        self
    }

    /// How the client's address is found (default: the connection's).
    pub fn client_address(mut self, address: ClientAddress) -> Self {
        self.address = address;
        self
    }

    /// How refusals are told.
    pub fn answers(mut self, answers: AnswerSettings) -> Self {
        self.answers = answers;
        self
    }

    /// Replaces the rendering of refusals: the closure is given the answer as it would be.
    pub fn render(
        mut self,
        render: impl Fn(&Refusal, Answer) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.render = Some(Arc::new(render));
        self
    }

    /// Shows every decision to a closure, which must not block.
    pub fn observer(
        mut self,
        observer: impl Fn(&DecisionReport<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.observing.observer = Some(Arc::new(observer));
        self
    }

    /// Decides and reports, but lets every request through. **Nothing is capped** (P1 and P6 are
    /// given up); for trying a configuration on live traffic.
    pub fn observe_only(mut self) -> Self {
        self.observing.mode = Mode::ObserveOnly;
        self
    }

    /// Bounds and lives of the table of live keys. Its time-out for lookups is the gate's
    /// [`verify_timeout`](Self::verify_timeout).
    pub fn live_keys(mut self, table: KeyTableBuilder) -> Self {
        self.table = table;
        self
    }

    /// Bounds of the guard against floods of bad keys.
    pub fn failed_attempts(mut self, failures: FailureGuardBuilder) -> Self {
        self.failures = failures;
        self
    }

    /// Tells the time (default: the system's clock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long a hold outlives a process that died without a word (default 15 minutes). Living
    /// processes renew theirs.
    pub fn hold_life(mut self, life: Duration) -> Self {
        self.hold_life = life;
        self
    }

    /// Gives expired holds back instead of counting them as spent. **Gives up P1** for requests whose
    /// process died: their work may have been done.
    pub fn release_expired_holds(mut self) -> Self {
        self.on_expiry = OnExpiry::Release;
        self
    }

    /// How long a first verification, provisioning included, may take.
    pub fn verify_timeout(mut self, span: Duration) -> Self {
        self.verify_timeout = span;
        self
    }

    /// How long the ledger may take for one answer.
    pub fn ledger_timeout(mut self, span: Duration) -> Self {
        self.ledger_timeout = span;
        self
    }

    /// How long `track(..).await` waits for a cost to be durable. The cost stays queued beyond that.
    pub fn confirm_timeout(mut self, span: Duration) -> Self {
        self.confirm_timeout = span;
        self
    }

    /// How many requests and loose charges may be under way at once (default
    /// [`DEFAULT_PLACES`]). One more is answered `ledger_unavailable`.
    pub fn places(mut self, places: usize) -> Self {
        self.places = places;
        self
    }

    /// How long a lease lives unless it is renewed (default 10 seconds, at least
    /// [`MIN_LEASE_LIFE`](keycap_budget::lease::MIN_LEASE_LIFE)): the longest that what a node which died
    /// has leased is kept from others, where nothing else proves it dead.
    pub fn lease_life(mut self, life: Duration) -> Self {
        self.lease_life = life;
        self
    }

    /// A lease takes at most one part in so many of what its limit has left (default 64, at least 2).
    pub fn lease_share(mut self, parts: u32) -> Self {
        self.lease_share = parts;
        self
    }

    /// On how many limits this node has leases at once, at most (default
    /// [`DEFAULT_LEASED_LIMITS`]). None turns leasing off: every request asks the ledger.
    pub fn leased_limits(mut self, most: usize) -> Self {
        self.leased_limits = most;
        self
    }

    /// Builds the gate and starts its tasks, which end with it.
    ///
    /// # Errors
    /// When something is missing or makes no sense, or outside a tokio runtime.
    pub fn build(mut self) -> Result<Gate, BuildError> {
        self.check()?;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let ledger = self.ledger.take().ok_or(BuildError::NoLedger)?;
        let provider = self.provider.take().ok_or(BuildError::NoProvider)?;
        let (queue, timeout) = (Arc::new(Queue::new(self.places)), self.ledger_timeout);
        let settings = self.lease_settings().map_err(BuildError::Leases)?;
        let core = Arc::new(self.core(Arc::clone(&ledger), provider, Arc::clone(&queue))?);
        core.listen();
        runtime.spawn(Driver::new(Leases::new(core.owner, settings), core.tools()).run());
        runtime.spawn(settler::run(queue, ledger, timeout));
        runtime.spawn(housekeeping::run(Arc::downgrade(&core)));
        runtime.spawn(housekeeping::tend_provider(Arc::downgrade(&core)));
        Ok(Gate(core))
    }

    fn lease_settings(&self) -> Result<LeaseSettings, LeaseSettingsError> {
        let settings = LeaseSettings::default().life(self.lease_life)?.share(self.lease_share)?;
        Ok(settings.limits(self.leased_limits)?.on_expiry(self.on_expiry))
    }

    fn check(&self) -> Result<(), BuildError> {
        if let Some(error) = &self.wrong_limit {
            return Err(BuildError::Limit(error.clone()));
        }
        if self.template.is_some() && self.has_limits {
            return Err(BuildError::LimitsAndTemplate);
        }
        let timeouts = [
            ("verify_timeout", self.verify_timeout),
            ("ledger_timeout", self.ledger_timeout),
            ("confirm_timeout", self.confirm_timeout),
        ];
        for (what, span) in timeouts {
            if span.is_zero() || span > MAX_TIMEOUT {
                return Err(BuildError::Timeout { what, span });
            }
        }
        if self.hold_life < MIN_HOLD_LIFE || self.hold_life > MAX_HOLD_LIFE {
            return Err(BuildError::HoldLife(self.hold_life));
        }
        if self.places == 0 || self.places > MAX_PLACES {
            return Err(BuildError::Places(self.places));
        }
        Ok(())
    }

    fn core(
        self,
        ledger: Arc<dyn Ledger>,
        provider: Arc<dyn IdentityProvider>,
        queue: Arc<Queue>,
    ) -> Result<Core, BuildError> {
        let table: KeyTable<KnownKey, Broken> =
            self.table.load_timeout(self.verify_timeout).build().map_err(BuildError::new)?;
        let table = Arc::new(table);
        let switch = if self.leased_limits == 0 { Switch::Off } else { Switch::On };
        let leasing = Arc::new(Leasing::new(switch, self.lease_life));
        Ok(Core {
            amended: AmendedAccounts::of(&table, &leasing),
            table,
            ledger,
            provider,
            template: self.template.unwrap_or_else(|| Arc::new(self.limits)),
            reapply: self.reapply,
            failures: self.failures.build().map_err(BuildError::new)?,
            credentials: self.credentials,
            strip: self.strip,
            address: self.address,
            answers: self.answers,
            render: self.render,
            observing: self.observing,
            owner: OwnerId::generate(self.clock.now()),
            clock: self.clock,
            hold_life: self.hold_life,
            on_expiry: self.on_expiry,
            ledger_timeout: self.ledger_timeout,
            confirm_timeout: self.confirm_timeout,
            queue,
            leasing,
            open_tabs: OpenTabs::default(),
            closing: AtomicBool::new(false),
            patient: AtomicUsize::new(0),
            guards: AtomicU32::new(0),
            ancestors: Ancestors::default(),
            number: GateNumber::next(),
        })
    }
}

impl Core {
    /// What the driver of the leases works with.
    fn tools(&self) -> Tools {
        Tools {
            tills: Arc::clone(&self.leasing.tills),
            inbox: Arc::clone(&self.leasing.inbox),
            queue: Arc::clone(&self.queue),
            ledger: Arc::clone(&self.ledger),
            clock: Arc::clone(&self.clock),
            timeout: self.ledger_timeout,
            life: self.leasing.life,
        }
    }

    /// Hears of changed keys and amended accounts.
    fn listen(&self) {
        let keys: std::sync::Weak<dyn KeyListener> = Arc::<KeyTable<_, _>>::downgrade(&self.table);
        self.provider.subscribe(keys);
        let accounts: std::sync::Weak<dyn AccountListener> =
            Arc::<AmendedAccounts>::downgrade(&self.amended);
        self.ledger.watch(accounts);
    }
}

impl std::fmt::Debug for GateBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GateBuilder").finish_non_exhaustive()
    }
}

/// A gate that cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No ledger was given.
    #[error("the gate has no ledger; give one with `ledger(..)`")]
    NoLedger,
    /// No provider was given.
    #[error("the gate has no identity provider; give one with `provider(..)`")]
    NoProvider,
    /// Not within a tokio runtime.
    #[error("a gate is built within a tokio runtime; build it in `main` under `#[tokio::main]`")]
    NoRuntime,
    /// Both limits and a template were given, and only one can decide.
    #[error("both `limit(..)` and a template were given; put the limits into the template")]
    LimitsAndTemplate,
    /// A default limit cannot stand.
    #[error("a default limit cannot stand: {0}")]
    Limit(#[source] LimitError),
    /// A time-out of nothing, or longer than any may be.
    #[error("{what} is {span:?}; it should be above zero and at most {MAX_TIMEOUT:?}")]
    Timeout {
        /// Which one.
        what: &'static str,
        /// What was asked for.
        span: Duration,
    },
    /// Holds too short to be renewed, or longer than any may live.
    #[error("holds live {0:?}; it should be {MIN_HOLD_LIFE:?} to {MAX_HOLD_LIFE:?}")]
    HoldLife(Duration),
    /// A queue without places, or with too many.
    #[error("{0} places in the queue; it should have 1 to {MAX_PLACES}")]
    Places(usize),
    /// Leases that cannot work.
    #[error(transparent)]
    Leases(LeaseSettingsError),
    /// A part was set up wrongly.
    #[error("{0}")]
    Part(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BuildError {
    fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Part(Box::new(error))
    }
}
