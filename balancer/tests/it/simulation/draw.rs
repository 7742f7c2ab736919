//! A pool at random.

use std::num::NonZeroU32;
use std::time::Duration;

use netsocket_balancer::backend::{Attributes, BackendSpec};
use netsocket_balancer::health::{EjectionRules, Growth, HealthRules, Thresholds};

use crate::random::Random;

pub fn rules(random: &mut Random) -> HealthRules {
    let mut count = |range| NonZeroU32::new(u32::try_from(random.below(range)).unwrap());
    let thresholds = Thresholds {
        rise: count(1..4).unwrap(),
        fall: count(1..5).unwrap(),
    };
    let (connects, early_resets) = (count(0..5), count(0..5));
    let mut growth = |least| Growth {
        base: Duration::from_secs(random.below(least..10) as u64),
        cap: Duration::from_secs(random.below(10..30) as u64),
        forgive: Duration::from_secs(random.below(1..60) as u64),
    };
    HealthRules {
        thresholds,
        ejection: EjectionRules {
            connects,
            early_resets,
            time: growth(1),
            max_percent: 0,
        },
        hold_down: growth(0),
        slow_start: Duration::ZERO,
        fail_open: true,
    }
}

pub fn spec(random: &mut Random, next_port: &mut u16) -> BackendSpec {
    *next_port += 1;
    BackendSpec {
        name: format!("b{next_port}"),
        address: ([127, 0, 0, 1], *next_port).into(),
        attributes: attributes(random),
    }
}

pub fn attributes(random: &mut Random) -> Attributes {
    let weights = [0, 1, 1, 1, 1, 2, 5];
    Attributes {
        weight: weights[random.below(0..weights.len())],
        backup: random.chance(15),
        max_connections: if random.chance(10) {
            NonZeroU32::new(3)
        } else {
            None
        },
        check_port: None,
        own: None,
    }
}
