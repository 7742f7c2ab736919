use std::collections::{BTreeMap, VecDeque};
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn networks(list: &[&str]) -> Networks {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

const START: Duration = Duration::ZERO;

#[test]
fn lists() {
    let admits = |allow: &[&str], deny: &[&str], client| {
        let limits = Limits {
            allow: networks(allow),
            deny: networks(deny),
            ..Limits::default()
        };
        Admission::new(limits).admit(ip(client), START).is_ok()
    };
    assert!(admits(&[], &[], "10.0.0.1"));
    assert!(!admits(&[], &["10.0.0.0/8"], "10.0.0.1"));
    assert!(!admits(&[], &["10.0.0.0/8"], "::ffff:10.0.0.1"));
    assert!(admits(&[], &["10.0.0.0/8"], "11.0.0.1"));
    assert!(admits(&["10.0.0.0/8"], &[], "10.0.0.1"));
    assert!(!admits(&["10.0.0.0/8"], &[], "::1"));
    // Denied is denied, also from the middle of what is allowed, and also where the narrower network is the allowed.
    assert!(!admits(&["10.0.0.0/8"], &["10.6.0.0/16"], "10.6.0.1"));
    assert!(!admits(&["10.6.0.0/16"], &["10.0.0.0/8"], "10.6.0.1"));
}

/// Every limit, each wider than those before it.
fn all_limits() -> Limits {
    Limits {
        deny: networks(&["192.0.2.0/24"]),
        connections: NonZeroU32::new(6),
        rate: Some("9/m".parse().unwrap()),
        address: AddressLimits {
            connections: NonZeroU32::new(2),
            rate: Some("3/m".parse().unwrap()),
            ..AddressLimits::default()
        },
        ..Limits::default()
    }
}

#[test]
fn each_limit_says_its_name() {
    let door = Admission::new(all_limits());
    let admit = |client: &str| door.admit(ip(client), START);
    let refusal = |client: &str| admit(client).err();
    assert_eq!(refusal("192.0.2.1"), Some(Refusal::Denied));
    let two = [admit("10.0.0.1"), admit("10.0.0.1")];
    assert_eq!(refusal("10.0.0.1"), Some(Refusal::AddressFull));
    drop(two);
    assert_eq!(refusal("10.0.0.1"), None);
    assert_eq!(refusal("10.0.0.1"), Some(Refusal::AddressRate));
    let six: Vec<_> = (2..8).map(|n| admit(&format!("10.0.0.{n}"))).collect();
    assert!(six.iter().all(Result::is_ok));
    assert_eq!(door.open(), 6);
    assert_eq!(refusal("10.0.0.9"), Some(Refusal::ListenerFull));
    drop(six);
    assert_eq!(refusal("10.0.0.9"), Some(Refusal::Rate));
    // Nobody who was refused is still counted as inside.
    assert_eq!(door.open(), 0);
    let counts = Refusal::ALL.map(|refusal| door.refused(refusal));
    assert_eq!(counts, [1; 5]);
}

#[test]
fn a_refused_address_takes_nothing_from_the_others() {
    let door = Admission::new(all_limits());
    let _two = [1, 2].map(|_| door.admit(ip("10.0.0.1"), START));
    for _ in 0..1_000 {
        assert_eq!(
            door.admit(ip("10.0.0.1"), START).err(),
            Some(Refusal::AddressFull)
        );
    }
    // Neither a place nor a share of the rate of all.
    let others: Vec<_> = (2..6)
        .map(|n| door.admit(ip(&format!("10.0.0.{n}")), START))
        .collect();
    assert!(others.iter().all(Result::is_ok));
}

#[test]
fn a_change_of_limits_keeps_who_is_inside() {
    let before = Admission::new(all_limits());
    let mut inside = vec![before.admit(ip("10.0.0.1"), START)];
    let after = before.with_limits(Limits {
        connections: NonZeroU32::new(1),
        ..all_limits()
    });
    assert_eq!(after.open(), 1);
    assert_eq!(
        after.admit(ip("10.0.0.2"), START).err(),
        Some(Refusal::ListenerFull)
    );
    let wider = after.with_limits(Limits {
        connections: None,
        ..all_limits()
    });
    inside.push(wider.admit(ip("10.0.0.1"), START));
    assert_eq!(
        wider.admit(ip("10.0.0.1"), START).err(),
        Some(Refusal::AddressFull)
    );
    drop((before, after));
    drop(inside);
    assert_eq!(wider.open(), 0);
    assert_eq!(
        (wider.addresses().1, wider.refused(Refusal::ListenerFull)),
        (0, 1)
    );
}

#[test]
fn one_line_a_second_for_each_reason() {
    let door = Admission::new(Limits::default());
    let due = |refusal, ms| door.log_due(refusal, Duration::from_millis(ms));
    assert_eq!(due(Refusal::Rate, 10), Some(0));
    assert_eq!(due(Refusal::Rate, 20), None);
    assert_eq!(due(Refusal::Denied, 20), Some(0));
    assert_eq!(due(Refusal::Rate, 1_000), Some(1));
}

#[test]
fn a_permit_is_small() {
    // Every session has one.
    assert!(size_of::<Permit>() <= 32, "{}", size_of::<Permit>());
}

#[test]
fn threads_never_overrun_a_limit_together() {
    let mut limits = all_limits();
    limits.address.rate = None;
    limits.rate = Some("1000000/s".parse().unwrap());
    let door = Admission::new(limits);
    let granted = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let (door, granted) = (&door, &granted);
            scope.spawn(move || {
                let mut held = VecDeque::new();
                for n in 0..5_000_u32 {
                    let [.., low] = n.to_be_bytes();
                    let client = IpAddr::from([10, 0, 0, thread.wrapping_add(low) % 5]);
                    let permit = door.admit(client, Duration::from_micros(n.into()));
                    assert!(door.open() <= 6);
                    granted.fetch_add(permit.is_ok().into(), Relaxed);
                    held.push_back(permit);
                    if held.len() > 4 {
                        held.pop_front();
                    }
                }
            });
        }
    });
    assert_eq!(door.open(), 0);
    let refused: u64 = Refusal::ALL.iter().map(|&it| door.refused(it)).sum();
    assert_eq!(granted.load(Relaxed) + refused, 20_000);
    assert!(granted.load(Relaxed) > 0 && door.refused(Refusal::ListenerFull) > 0);
    assert_eq!(door.addresses(), (0, 0));
}

/// All five checks in a row, each in its plainest form. Rates count grants by replaying them.
#[derive(Default)]
struct Model {
    inside: Vec<u8>,
    by_address: BTreeMap<u8, Vec<u64>>,
    by_all: Vec<u64>,
}

/// Whether one more fits, where one comes back every `interval` and `burst` may come at once.
fn fits(granted: &[u64], interval: u64, burst: u64, now: u64) -> bool {
    let full = granted
        .iter()
        .fold(0, |full: u64, at| full.max(*at) + interval);
    full.max(now) - now <= (burst - 1) * interval
}

impl Model {
    fn admit(&mut self, client: u8, now: u64) -> Result<(), Refusal> {
        if client == 0 {
            return Err(Refusal::Denied);
        }
        if self.inside.len() >= 6 {
            return Err(Refusal::ListenerFull);
        }
        if self.inside.iter().filter(|it| **it == client).count() >= 2 {
            return Err(Refusal::AddressFull);
        }
        let granted = self.by_address.entry(client).or_default();
        if !fits(granted, 20_000, 3, now) {
            return Err(Refusal::AddressRate);
        }
        granted.push(now);
        if !fits(&self.by_all, 6_666, 9, now) {
            return Err(Refusal::Rate);
        }
        self.by_all.push(now);
        self.inside.push(client);
        Ok(())
    }
}

proptest! {
    #[test]
    fn as_five_plain_checks(steps in vec((0..9_u8, any::<bool>(), 0..40_u64), 1..300)) {
        let mut limits = all_limits();
        // An interval in whole milliseconds, for the model.
        limits.rate = Some(Rate::new(1.try_into().unwrap(), Duration::from_millis(6_666)).unwrap().with_burst(9.try_into().unwrap()));
        limits.deny = networks(&["10.0.0.0"]);
        let (door, mut model, mut now) = (Admission::new(limits), Model::default(), 0);
        let mut permits: Vec<(u8, Permit)> = Vec::new();
        for (client, comes, wait) in steps {
            now += wait * 100;
            if comes {
                let verdict = door.admit(IpAddr::from([10, 0, 0, client]), Duration::from_millis(now));
                prop_assert_eq!(verdict.as_ref().err().copied(), model.admit(client, now).err());
                permits.extend(verdict.ok().map(|permit| (client, permit)));
            } else if let Some(place) = model.inside.iter().position(|it| *it == client) {
                model.inside.remove(place);
                let place = permits.iter().position(|(it, _)| *it == client).unwrap();
                drop(permits.remove(place));
            }
            prop_assert_eq!(door.open() as usize, model.inside.len());
        }
    }
}
