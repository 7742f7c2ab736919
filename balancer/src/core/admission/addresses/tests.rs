use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use std::time::Duration;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn limits(connections: u32, rate: Option<&str>) -> AddressLimits {
    AddressLimits {
        connections: NonZeroU32::new(connections),
        rate: rate.map(|rate| rate.parse().unwrap()),
        ..AddressLimits::default()
    }
}

fn at(ms: u64) -> Ticks {
    Ticks::of(Duration::from_millis(ms))
}

#[test]
fn who_counts_as_one() {
    let by_64 = AddressLimits::default();
    let by_128 = AddressLimits {
        ipv6_prefix: 128,
        ..by_64
    };
    let same = |limits: &AddressLimits, a, b| limits.key(ip(a)) == limits.key(ip(b));
    assert!(same(&by_64, "2001:db8:1:2::1", "2001:db8:1:2:ffff::2"));
    assert!(!same(&by_64, "2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert!(!same(&by_128, "2001:db8:1:2::1", "2001:db8:1:2::2"));
    // The prefix is one of IPv6: it does not make all of IPv4 one client.
    assert!(!same(&by_64, "10.0.0.1", "10.0.0.2") && !same(&by_64, "10.0.0.1", "::1"));
    assert!(same(&by_64, "10.0.0.1", "::ffff:10.0.0.1"));
}

#[test]
fn without_a_rate_nothing_is_remembered() {
    let (table, limits) = (Addresses::default(), limits(2, None));
    let key = limits.key(ip("10.0.0.1"));
    assert_eq!(table.open(key, &limits, at(0)), Ok(()));
    assert_eq!(table.open(key, &limits, at(0)), Ok(()));
    assert_eq!(table.open(key, &limits, at(0)), Err(Refusal::AddressFull));
    assert_eq!(table.len(), 1);
    table.close(key, limits.remembered);
    assert_eq!(table.open(key, &limits, at(0)), Ok(()));
    table.close(key, limits.remembered);
    table.close(key, limits.remembered);
    assert_eq!((table.len(), table.forgotten()), (0, 0));
}

#[test]
fn a_flood_of_addresses_is_bounded_and_counted_connections_stay() {
    let mut limits = limits(1, Some("1/m"));
    limits.remembered = 640;
    let table = Addresses::default();
    let key = |n: u32| limits.key(IpAddr::from(n.to_be_bytes()));
    for n in 0..100 {
        assert_eq!(table.open(key(n), &limits, at(1)), Ok(()));
    }
    for n in 1_000..50_000 {
        assert_eq!(table.open(key(n), &limits, at(2)), Ok(()));
        table.close(key(n), limits.remembered);
        assert!(n % 5_000 > 0 || table.len() <= 100 + limits.remembered);
    }
    assert!(table.forgotten() > 40_000, "{}", table.forgotten());
    for n in 0..100 {
        assert_eq!(
            table.open(key(n), &limits, at(3)),
            Err(Refusal::AddressFull)
        );
    }
    // Who came last is remembered, who came first is not.
    let again = |n| table.open(key(n), &limits, at(4));
    assert_eq!(
        (again(49_999), again(1_000)),
        (Err(Refusal::AddressRate), Ok(()))
    );
}

#[test]
fn the_table_shrinks_when_there_is_nothing_to_remember() {
    let limits = limits(0, Some("10/s"));
    let table = Addresses::default();
    let key = |n: u32| limits.key(IpAddr::from(n.to_be_bytes()));
    for n in 0..2_000 {
        assert_eq!(table.open(key(n), &limits, at(0)), Ok(()));
        table.close(key(n), limits.remembered);
    }
    assert_eq!(table.len(), 2_000);
    for n in 10_000..14_000 {
        assert_eq!(
            table.open(key(n), &limits, at(60_000 + u64::from(n))),
            Ok(())
        );
        table.close(key(n), limits.remembered);
    }
    // Only the newest of each shard may still have something to remember.
    assert!(table.len() <= 4 * SHARDS, "{}", table.len());
    assert_eq!(table.forgotten(), 0);
}

/// What the table stands for, without a bound and without forgetting.
#[derive(Default)]
struct Model {
    clients: BTreeMap<u8, (u32, Vec<u64>)>,
}

impl Model {
    /// A rate of one in 100 ms with a burst of three, as the count of the latest grants by a plain replay.
    fn open(&mut self, client: u8, most: u32, now: u64) -> Result<(), Refusal> {
        let (open, granted) = self.clients.entry(client).or_default();
        if *open >= most {
            return Err(Refusal::AddressFull);
        }
        let mut full = 0_u64;
        for grant in granted.iter() {
            full = full.max(*grant) + 100;
        }
        if full.max(now) - now > 200 {
            return Err(Refusal::AddressRate);
        }
        granted.push(now);
        *open += 1;
        Ok(())
    }
}

proptest! {
    /// With room for all the table never errs, however it sweeps and re-enters.
    #[test]
    fn as_a_table_without_bounds(
        steps in vec((0..6_u8, any::<bool>(), 0..90_u64), 1..400),
        most in 1..5_u32,
    ) {
        let mut limits = limits(most, Some("30/3s"));
        limits.rate = limits.rate.map(|rate| rate.with_burst(3.try_into().unwrap()));
        let (table, mut model, mut now) = (Addresses::default(), Model::default(), 0);
        for (client, opens, wait) in steps {
            now += wait;
            let key = limits.key(IpAddr::from([10, 0, 0, client]));
            if opens {
                prop_assert_eq!(table.open(key, &limits, at(now)), model.open(client, most, now));
            } else if let Some((open @ 1.., _)) = model.clients.get_mut(&client) {
                *open -= 1;
                table.close(key, limits.remembered);
            }
        }
        let connected = model.clients.values().filter(|(open, _)| *open > 0).count();
        prop_assert!(table.len() >= connected && table.len() <= model.clients.len());
    }

    /// With room for hardly any the bounds hold, and counts of open connections never err.
    #[test]
    fn tight_bounds_lose_no_connection(steps in vec((any::<u8>(), any::<bool>(), 0..50_u64), 1..600)) {
        let mut limits = limits(2, Some("1000/s"));
        limits.remembered = 1;
        let (table, mut now) = (Addresses::default(), 0);
        let mut open: BTreeMap<u8, u32> = BTreeMap::new();
        for (client, opens, wait) in steps {
            now += wait;
            let key = limits.key(IpAddr::from([10, 0, 0, client]));
            let count = open.entry(client).or_default();
            if opens {
                let expected = if *count < 2 { Ok(()) } else { Err(Refusal::AddressFull) };
                prop_assert_eq!(table.open(key, &limits, at(now)), expected);
                *count += u32::from(expected.is_ok());
            } else if *count > 0 {
                *count -= 1;
                table.close(key, limits.remembered);
            }
            let connected = open.values().filter(|count| **count > 0).count();
            // One may be remembered in each shard.
            prop_assert!(table.len() >= connected && table.len() <= connected + SHARDS);
        }
    }
}
