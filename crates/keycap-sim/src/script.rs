//! Random scripts: made from a seed, played, and made small when they fail.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use fastrand::Rng;
use keycap_budget::lease::LeaseSettings;

use crate::drawer::Drawer;
use crate::requests::End;
use crate::shape::{Change, organisation};
use crate::store::Store;
use crate::truth::Broken;
use crate::world::{Claim, Move, Plan, World};

/// So many moves make one script; then a new world begins.
const MOVES: usize = 250;

/// What happens in one world.
#[derive(Clone, Debug)]
pub struct Script {
    /// How the world is made.
    pub plan: Plan,
    /// What happens.
    pub moves: Vec<Move>,
}

/// A script that broke something.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What the script was made from.
    pub seed: u64,
    /// What is left of it, made as small as could be.
    pub script: Script,
    /// What broke.
    pub broken: Broken,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.broken)?;
        writeln!(f, "seed {}, in a world of {:?}", self.seed, self.script.plan)?;
        self.script.moves.iter().try_for_each(|step| writeln!(f, "    {step:?},"))
    }
}

/// Plays random scripts of together so many steps, in worlds over fresh ledgers, from this seed on.
///
/// # Errors
/// The first that fails, made small.
pub fn run<S: Store, P: Drawer>(
    steps: usize,
    seed: u64,
    ledger: impl Fn() -> S,
) -> Result<(), Box<Failure>> {
    let scripts = steps.div_ceil(MOVES);
    for seed in (0..scripts as u64).map(|number| seed.wrapping_add(number)) {
        let script = Script::random(seed);
        if let Err(broken) = script.play::<S, P>(&ledger) {
            let (script, broken) = script.shrunk::<S, P>(broken, &ledger);
            return Err(Box::new(Failure { seed, script, broken }));
        }
    }
    Ok(())
}

impl Script {
    /// The script of this seed.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = plan(&mut rng);
        let moves = (0..MOVES).map(|_| random_move(&mut rng)).collect();
        Self { plan, moves }
    }

    /// Plays it in a fresh world, and lets that come to rest.
    ///
    /// # Errors
    /// What broke.
    pub fn play<S: Store, P: Drawer>(&self, ledger: &impl Fn() -> S) -> Result<(), Broken> {
        let mut world = World::<S, P>::new(self.plan.clone(), ledger());
        self.moves.iter().try_for_each(|step| world.step(*step))?;
        world.come_to_rest()
    }

    /// Leaves out what is not needed to break the same.
    fn shrunk<S: Store, P: Drawer>(
        self,
        mut broken: Broken,
        ledger: &impl Fn() -> S,
    ) -> (Self, Broken) {
        let mut script = self;
        let mut chunk = script.moves.len();
        while chunk > 0 {
            let mut at = 0;
            while at < script.moves.len() {
                let mut shorter = script.clone();
                let end = (at + chunk).min(shorter.moves.len());
                shorter.moves.drain(at..end);
                match shorter.play::<S, P>(ledger) {
                    Err(same) if same.what == broken.what => (script, broken) = (shorter, same),
                    _ => at += chunk,
                }
            }
            chunk /= 2;
        }
        (script, broken)
    }
}

fn plan(rng: &mut Rng) -> Plan {
    let nodes = rng.u8(1..=3);
    let count = |most| NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
    let settings = LeaseSettings::default()
        .share(*rng.choice(&[2, 4, 16, 64]).expect("some"))
        .and_then(|settings| settings.life(Duration::from_secs(rng.u64(3..=10))))
        .expect("within bounds")
        .steady(count(rng.u32(1..=4)))
        .least_draws(count(rng.u32(1..=8)));
    let cap = *rng.choice(&[40, 400, 4_000, 100_000]).expect("some");
    let drift = (0..nodes).map(|_| rng.i8(-5..=5)).collect();
    Plan { nodes, settings, rows: organisation(cap), drift }
}

fn random_move(rng: &mut Rng) -> Move {
    let (node, request, message) = (rng.u8(0..3), rng.u8(..), rng.u8(..));
    let account = rng.u8(0..7);
    match rng.u32(0..1_000) {
        0..200 => Move::Start { node, account: start_at(rng), claim: claim(rng) },
        200..215 => Move::Extend { node, request, units: rng.u8(0..20) },
        215..300 => Move::Track { node, request, hundredths: rng.u8(1..130) },
        300..400 => {
            let end = if rng.u8(0..4) == 0 { End::Badly } else { End::Well };
            Move::End { node, request, end }
        }
        400..450 => Move::Flush { node },
        450..530 => Move::Tick { node },
        530..840 => Move::Deliver { message: if rng.bool() { 0 } else { message } },
        840..860 => Move::Repeat { message },
        860..875 => Move::Lose { message },
        875..890 => Move::GiveUp { node, asking: rng.u8(..) },
        890..895 => Move::Crash { node },
        895..905 => Move::Restart { node, sweeps: rng.bool() },
        905..908 => Move::Leave { node },
        908..918 => Move::CallBack { node, account },
        918..950 => Move::Pass { ms: rng.u32(1..1_000) },
        950..965 => Move::Pass { ms: rng.u32(1_000..6_000) },
        965..970 => Move::PassToMinute { before_ms: rng.u16(0..50) },
        970..973 => Move::Jump { ms: rng.u32(1..20_000) },
        973..985 => Move::Amend { account, change: change(rng) },
        985..992 => Move::Hear { node },
        992..998 => Move::Sweep,
        _ => Move::Prune,
    }
}

fn start_at(rng: &mut Rng) -> u8 {
    *rng.choice(&[0, 1, 3, 3, 3, 4, 4, 5, 6]).expect("some")
}

fn claim(rng: &mut Rng) -> Claim {
    Claim { usd: rng.u8(0..20), tokens: if rng.bool() { 0 } else { rng.u8(0..10) } }
}

fn change(rng: &mut Rng) -> Change {
    match rng.u8(0..10) {
        0..6 => Change::Cap(rng.u32(0..200)),
        6 => Change::NoLimits,
        7 => Change::AllLimits,
        _ => Change::Move(rng.u8(0..3)),
    }
}
