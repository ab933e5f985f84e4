//! Model test: random operations on a mount and on a plain folder must give the same results and the same tree.
//!
//! A failing seed is printed with its operations, cut down as far as that goes quickly. To play one again:
//!
//! ```text
//! OSIRISFS_MODEL_SEED=4711 cargo test --test model -- --nocapture        # one seed
//! OSIRISFS_MODEL_SEED=1000..1100 cargo test --test model -- --nocapture  # many
//! eval "$(scripts/rgw env)"; OSIRISFS_MODEL_SERVICE=rgw cargo test --test model  # on a real gateway
//! ```

#[path = "model/full.rs"]
mod full;
#[path = "model/ops.rs"]
mod ops;
#[path = "model/play.rs"]
mod play;
#[path = "model/side.rs"]
mod side;
mod support;
#[path = "model/together.rs"]
mod together;
#[path = "model/tree.rs"]
mod tree;
#[path = "model/weather.rs"]
mod weather;

use ops::{Op, Sizes, Source};
use osirisfs::server::Style;
use play::{Played, Setup, Wrong, play};
use std::time::{Duration, Instant};
use weather::Weather;

/// Time for cutting a failing list down.
const CUTTING: Duration = Duration::from_secs(90);

/// Mounts that differ in what is remembered, when it is stored, and what the service can do; by seed.
const SETUPS: [Setup; 5] = [
    Setup { flags: &[], style: Style::Rgw20, weather: Weather::Fair },
    Setup { flags: &["--max-age", "0", "--threads", "1"], style: Style::Rgw20, weather: Weather::Fair },
    Setup {
        flags: &["--max-age", "60", "--exclusive-create", "close", "--cache-size", "8M"],
        style: Style::Rgw16,
        weather: Weather::Fair,
    },
    Setup {
        flags: &["--max-age", "1", "--exclusive-create", "open", "--threads", "4"],
        style: Style::Rgw20,
        weather: Weather::Fair,
    },
    Setup { flags: &["--max-age", "0"], style: Style::Rgw16, weather: Weather::Fair },
];

fn setup(seed: u64) -> Setup {
    SETUPS[(seed % SETUPS.len() as u64) as usize]
}

fn run(seed: u64, sizes: Sizes, weather: Weather) -> Result<Played, String> {
    let count = match sizes {
        Sizes::Small => 400,
        Sizes::Large => 200,
    };
    let setup = Setup { weather, ..setup(seed) };
    // Only a mount that believes nothing sees at once what another client does.
    let other = setup.flags.contains(&"0") && weather != Weather::Full;
    let ops = Source::new(seed, sizes, other).list(count);
    let began = Instant::now();
    let wrong = match play(&ops, setup) {
        Ok(played) => {
            let (all, took) = (ops.len(), began.elapsed());
            println!("seed {seed} ({sizes:?}, {setup:?}): {all} operations agree, {played:?}, {took:.1?}");
            return Ok(played);
        }
        Err(wrong) => wrong,
    };
    println!("seed {seed} ({sizes:?}, {setup:?}) fails after {} operations: {}", wrong.after, wrong.what);
    let (ops, wrong) = cut(ops[..wrong.after].to_vec(), wrong, setup);
    println!("cut down to:");
    for op in &ops {
        println!("    {op:?}");
    }
    println!("which ends with: {}", wrong.what);
    Err(format!("seed {seed} ({sizes:?}): {}\nplay it again with OSIRISFS_MODEL_SEED={seed}", wrong.what))
}

/// Plays all seeds, then tells of all that failed. Gives how many operations were refused for want of room.
fn run_all(seeds: impl IntoIterator<Item = u64>, sizes: Sizes, weather: Weather) -> usize {
    let (played, failed): (Vec<_>, Vec<_>) =
        seeds.into_iter().map(|seed| run(seed, sizes, weather)).partition(Result::is_ok);
    let failed: Vec<String> = failed.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let refused = played.iter().flatten().map(|played| played.refused).sum();
    assert!(refused == 0 || weather == Weather::Full, "{refused} operations found no room");
    refused
}

/// Leaves out what the failure does not need, in halves, quarters, and so on.
fn cut(mut ops: Vec<Op>, mut wrong: Wrong, setup: Setup) -> (Vec<Op>, Wrong) {
    let until = Instant::now() + CUTTING;
    let mut piece = ops.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < ops.len() {
            if Instant::now() > until {
                return (ops, wrong);
            }
            let mut fewer = ops.clone();
            fewer.drain(at..(at + piece).min(ops.len()));
            match play(&fewer, setup) {
                Ok(_) => at += piece,
                Err(still) => {
                    fewer.truncate(still.after);
                    (ops, wrong) = (fewer, still);
                }
            }
        }
        piece /= 2;
    }
    (ops, wrong)
}

/// The seeds that the environment asks for: then nothing else is played.
fn asked() -> Option<std::ops::Range<u64>> {
    let text = std::env::var("OSIRISFS_MODEL_SEED").ok()?;
    let number = |text: &str| text.parse::<u64>().expect("OSIRISFS_MODEL_SEED is N or N..M");
    Some(match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&text)..number(&text) + 1,
    })
}

#[test]
fn small_files_agree_with_a_plain_folder() {
    run_all(asked().unwrap_or(1..9), Sizes::Small, Weather::Fair);
}

#[test]
fn large_files_agree_with_a_plain_folder() {
    run_all(asked().unwrap_or(1..3), Sizes::Large, Weather::Fair);
}

#[test]
fn faults_on_the_way_change_nothing() {
    run_all(asked().unwrap_or(11..13), Sizes::Small, Weather::Foul);
    run_all(asked().unwrap_or(11..12), Sizes::Large, Weather::Foul);
}

#[test]
fn a_full_bucket_loses_nothing() {
    let refused = run_all(asked().unwrap_or(21..25), Sizes::Small, Weather::Full);
    assert!(refused > 50 || asked().is_some(), "{refused} operations found no room");
}

#[test]
fn several_programs_at_once_agree_with_a_plain_folder() {
    for seed in asked().unwrap_or(1..4) {
        let lists: Vec<Vec<Op>> = (0..4)
            .map(|n| Source::new(seed * 10 + n, Sizes::Small, false).list(200))
            .map(|list| list.into_iter().filter(|op| !matches!(op, Op::Remount | Op::DropCaches)).collect())
            .collect();
        for weather in [Weather::Fair, Weather::Foul].into_iter().take(if seed == 3 { 2 } else { 1 }) {
            let setup = Setup { weather, ..setup(seed) };
            if let Err(what) = together::play_together(&lists, setup) {
                panic!("seed {seed} ({setup:?}): {what}\nplay it again with OSIRISFS_MODEL_SEED={seed}");
            }
        }
    }
}

#[test]
fn a_new_seed_agrees_too() {
    if asked().is_none() {
        let seed = fastrand::u64(100_000..1_000_000_000);
        println!("random seed {seed}");
        run_all([seed], Sizes::Small, Weather::Fair);
        run_all([seed], Sizes::Large, Weather::Fair);
    }
}
