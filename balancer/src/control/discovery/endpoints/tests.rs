use super::*;
use crate::control::discovery::answer::MAX_ENDPOINTS;

const RULES: Rules = Rules {
    min_interval: Duration::from_secs(1),
    max_interval: Duration::from_secs(10),
    hold: Duration::from_secs(30),
};

fn found(last: u8) -> Found {
    Found {
        address: ([10, 0, 0, last], 9).into(),
        service: None,
    }
}

fn named(lasts: &[u8], ttl: u64) -> Result<Answer, AskError> {
    Ok(Answer {
        found: lasts.iter().map(|&last| found(last)).collect(),
        ttl: Duration::from_secs(ttl),
        missing: None,
    })
}

fn partly(lasts: &[u8]) -> Result<Answer, AskError> {
    named(lasts, 5).map(|answer| Answer {
        missing: Some(AskError::Timeout),
        ..answer
    })
}

/// Members, and a clock that goes from question to question.
struct Asked {
    endpoints: Endpoints,
    now: Instant,
    began: Instant,
}

impl Asked {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            endpoints: Endpoints::new(now),
            now,
            began: now,
        }
    }

    /// Answers the question that is due; the seconds to the next one.
    fn answer(&mut self, answer: Result<Answer, AskError>) -> (Taken, u64) {
        self.now = self.endpoints.next();
        let taken = self.endpoints.take(answer, &RULES, self.now);
        (taken, (self.endpoints.next() - self.now).as_secs())
    }

    fn pause(&mut self, answer: Result<Answer, AskError>) -> u64 {
        self.answer(answer).1
    }

    fn lasts(&self) -> Vec<u8> {
        let last = |found: Found| match found.address.ip() {
            std::net::IpAddr::V4(ip) => ip.octets()[3],
            std::net::IpAddr::V6(_) => 0,
        };
        self.endpoints.found().into_iter().map(last).collect()
    }

    fn seconds(&self) -> u64 {
        (self.now - self.began).as_secs()
    }
}

#[test]
fn the_next_question_comes_when_the_answer_ends_within_the_bounds() {
    let mut asked = Asked::new();
    assert_eq!(asked.endpoints.next(), asked.now, "at once");
    let pauses = [0, 1, 7, 10, 600].map(|ttl| asked.pause(named(&[1], ttl)));
    assert_eq!(pauses, [1, 1, 7, 10, 10]);
}

#[test]
fn questions_in_vain_space_out_and_the_first_answer_ends_that() {
    let mut asked = Asked::new();
    let pauses = [(); 6].map(|()| asked.pause(Err(AskError::Timeout)));
    assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
    assert_eq!(asked.endpoints.failures(), 6);
    assert_eq!(asked.pause(named(&[1], 5)), 5);
    assert_eq!(asked.endpoints.failures(), 0);
    assert_eq!(asked.pause(Err(AskError::Timeout)), 1);
    // However long it lasts, the pause is a time.
    let pauses: Vec<u64> = (0..100)
        .map(|_| asked.pause(Err(AskError::Timeout)))
        .collect();
    assert_eq!(pauses[99], 10);
}

#[test]
fn whom_a_whole_answer_does_not_name_leaves_at_once() {
    let mut asked = Asked::new();
    let (taken, _) = asked.answer(named(&[1, 2, 3], 5));
    assert!(taken.first && taken.changed && taken.outcome_changed);
    // Servers turn the order of their answers: that changes nothing.
    let (taken, _) = asked.answer(named(&[3, 1, 2], 5));
    assert!(!taken.first && !taken.changed && !taken.outcome_changed);
    let (taken, _) = asked.answer(named(&[4, 2], 5));
    assert!(taken.changed);
    assert_eq!(asked.lasts(), [2, 4]);
}

#[test]
fn no_answer_changes_nothing_however_long_it_lasts() {
    let mut asked = Asked::new();
    asked.answer(named(&[1, 2], 5));
    for attempt in 0..100 {
        let (taken, _) = asked.answer(Err(AskError::Refused("Server Failure".into())));
        assert!(!taken.changed);
        assert_eq!(taken.outcome_changed, attempt == 0, "told once");
    }
    assert!(asked.seconds() > 900);
    assert_eq!(asked.lasts(), [1, 2]);
    assert_eq!(
        asked.endpoints.problem(),
        Some("DNS server answered Server Failure")
    );
    assert_eq!(asked.endpoints.outcomes(), [1, 0, 0, 100]);
}

#[test]
fn an_empty_answer_takes_everybody_away_after_the_hold() {
    let mut asked = Asked::new();
    asked.answer(named(&[1, 2], 10));
    let mut held = Vec::new();
    loop {
        let (taken, _) = asked.answer(named(&[], 5));
        assert_eq!(taken.outcome, Outcome::Empty);
        held.push(asked.seconds());
        if taken.changed {
            break;
        }
        assert_eq!(asked.lasts(), [1, 2]);
    }
    // The first one comes at 10 s; the last one when the hold is over, not later.
    assert_eq!(held, [10, 11, 13, 17, 25, 35, 40]);
    assert!(asked.lasts().is_empty());
    // And then it goes on asking.
    assert_eq!(asked.pause(named(&[], 5)), 10);
}

#[test]
fn the_hold_begins_anew_after_an_answer_but_not_after_a_failure() {
    let mut asked = Asked::new();
    asked.answer(named(&[1], 1));
    while asked.seconds() < 20 {
        asked.answer(named(&[], 1));
        assert_eq!(asked.lasts(), [1]);
    }
    asked.answer(named(&[1], 1));
    let back = asked.seconds();
    asked.answer(named(&[], 1));
    while asked.seconds() < back + 31 {
        assert_eq!(asked.lasts(), [1]);
        asked.answer(Err(AskError::Timeout));
    }
    assert_eq!(asked.lasts(), [1], "a failure takes nobody away");
    asked.answer(named(&[], 1));
    assert!(asked.lasts().is_empty());
}

#[test]
fn a_partial_answer_adds_and_takes_away_after_the_hold_only() {
    let mut asked = Asked::new();
    asked.answer(named(&[1, 2], 5));
    let (taken, pause) = asked.answer(partly(&[2, 3]));
    assert_eq!((taken.outcome, pause), (Outcome::Partial, 1));
    assert_eq!(asked.lasts(), [1, 2, 3]);
    assert_eq!(
        asked.endpoints.problem(),
        Some("no DNS server answered in time")
    );
    while asked.seconds() < 34 {
        asked.answer(partly(&[2, 3]));
        assert_eq!(asked.lasts(), [1, 2, 3], "{}", asked.seconds());
    }
    asked.answer(partly(&[2, 3]));
    assert_eq!((asked.seconds(), asked.lasts()), (35, vec![2, 3]));
    // A part with nobody in it says nothing.
    let (taken, _) = asked.answer(partly(&[]));
    assert_eq!(taken.outcome, Outcome::Failed);
    assert_eq!(asked.lasts(), [2, 3]);
}

#[test]
fn the_age_is_that_of_the_last_answer_with_servers() {
    let mut asked = Asked::new();
    asked.answer(Err(AskError::Timeout));
    assert_eq!(asked.endpoints.named(), asked.began);
    asked.answer(named(&[1], 5));
    let named_at = asked.now;
    asked.answer(named(&[], 5));
    asked.answer(Err(AskError::Timeout));
    assert_eq!(asked.endpoints.named(), named_at);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn any_answer() -> impl Strategy<Value = Result<Answer, AskError>> {
        let addresses = prop::collection::vec(any::<(u8, bool)>(), 0..4);
        (addresses, any::<u32>(), any::<bool>(), any::<bool>()).prop_map(
            |(addresses, ttl, whole, failed)| {
                if failed {
                    return Err(AskError::Timeout);
                }
                let found = addresses.into_iter().map(|(last, port)| Found {
                    address: ([10, 0, 0, last % 4], u16::from(port)).into(),
                    service: None,
                });
                Ok(Answer {
                    found: found.collect(),
                    ttl: Duration::from_secs(ttl.into()),
                    missing: (!whole).then_some(AskError::Timeout),
                })
            },
        )
    }

    proptest! {
        /// Whatever comes: the next question is within the bounds, nobody is a member twice, whoever is named is a
        /// member, and nobody leaves but by an answer.
        #[test]
        fn always(answers in prop::collection::vec(any_answer(), 1..60)) {
            let mut asked = Asked::new();
            for answer in answers {
                let before = asked.endpoints.found();
                let (taken, _) = asked.answer(answer.clone());
                let pause = asked.endpoints.next() - asked.now;
                prop_assert!(pause >= RULES.min_interval && pause <= RULES.max_interval);
                let after = asked.endpoints.found();
                prop_assert!(after.len() <= MAX_ENDPOINTS);
                for (index, found) in after.iter().enumerate() {
                    prop_assert!(after[..index].iter().all(|other| other.address != found.address));
                }
                match answer {
                    Err(_) => prop_assert_eq!(&after, &before),
                    Ok(answer) => {
                        for found in answer.usable() {
                            prop_assert!(after.contains(&found));
                        }
                    }
                }
                prop_assert_eq!(taken.changed, after != before);
            }
        }
    }
}
