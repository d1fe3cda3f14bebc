//! All at once: threads draw and put back as they come, while one deposits, looks and calls back.
//!
//! `KEYCAP_CROWD_ROUNDS` sets how long, `KEYCAP_CROWD_SEED` which amounts.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::lease::{Drawn, DrawnAll, PutBack, draw_all};

const THREADS: u64 = 4;
const DEFAULT_ROUNDS: u64 = 2_000;

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    /// Below `sides`.
    fn throw(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(sides)).unwrap()
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What has gone in and come out, by all.
#[derive(Default)]
struct Sums {
    deposited: AtomicI64,
    drawn: AtomicI64,
    overdrawn: AtomicI64,
    withdrawn: AtomicI64,
}

fn add(sum: &AtomicI64, amount: Amount) {
    sum.fetch_add(amount.units(), Ordering::SeqCst);
}

fn request(purses: &[Purse; 2], sums: &[Sums; 2], dice: &mut Dice) {
    let amount = units(dice.throw(9) + 1);
    let draws = [(&purses[0], amount), (&purses[1], amount)];
    match draw_all(&draws, NOW) {
        DrawnAll::No { .. } => return,
        DrawnAll::Yes { .. } => sums.iter().for_each(|sums| add(&sums.drawn, amount)),
    }
    for (purse, sums) in purses.iter().zip(sums) {
        let back = units(dice.throw(10)).min(amount);
        // Before it is in: whoever draws it then has not drawn too much.
        sums.drawn.fetch_sub(back.units(), Ordering::SeqCst);
        let (PutBack::Kept | PutBack::Closed) = purse.put_back(back);
        if dice.throw(200) == 0 {
            add(&sums.overdrawn, units(3));
            purse.overdraw(units(3));
        }
    }
}

fn drive(purses: &[Purse; 2], sums: &[Sums; 2], rounds: u64, dice: &mut Dice) {
    for _ in 0..rounds {
        for (purse, sums) in purses.iter().zip(sums) {
            let amount = units(dice.throw(40));
            add(&sums.deposited, amount);
            purse.deposit(amount);
            if dice.throw(20) == 0 {
                add(&sums.withdrawn, purse.withdraw());
            }
            let may = sums.deposited.load(Ordering::SeqCst) + sums.overdrawn.load(Ordering::SeqCst);
            assert!(purse.free().units() <= may, "more than was ever put in");
        }
    }
}

#[test]
fn p1_a_crowd_draws_what_was_deposited_and_nothing_is_lost() {
    let rounds = number("KEYCAP_CROWD_ROUNDS", DEFAULT_ROUNDS);
    let seed = number("KEYCAP_CROWD_SEED", 0x5eed);
    println!("KEYCAP_CROWD_SEED={seed} KEYCAP_CROWD_ROUNDS={rounds}");
    let purses = [striped_with(0), purse_with(0)];
    let sums = <[Sums; 2]>::default();
    std::thread::scope(|scope| {
        for thread in 1..=THREADS {
            let (purses, sums) = (&purses, &sums);
            scope.spawn(move || {
                let mut dice = Dice(seed.wrapping_add(thread) | 1);
                (0..rounds * 4).for_each(|_| request(purses, sums, &mut dice));
            });
        }
        drive(&purses, &sums, rounds, &mut Dice(seed | 1));
    });
    for (purse, sums) in purses.iter().zip(sums) {
        let [deposited, drawn, overdrawn, withdrawn] =
            [sums.deposited, sums.drawn, sums.overdrawn, sums.withdrawn].map(AtomicI64::into_inner);
        let free = deposited - drawn - overdrawn - withdrawn;
        assert_eq!(purse.free().units(), free.max(0));
        assert!(drawn + withdrawn <= deposited, "only overdrafts go below nothing");
        purse.deposit(units(u32::try_from((-free).max(0)).unwrap()));
        purse.close();
        assert_eq!(purse.withdraw().units(), free.max(0), "a debt is paid to the unit");
        assert_eq!(purse.draw(units(0), NOW), Drawn::No);
    }
}
