use std::time::Duration;

use super::*;
use crate::config::IpFamily;
use crate::control::discovery::Found;
use crate::core::backend::Attributes;

const RULES: Rules = Rules {
    min_interval: Duration::from_secs(1),
    max_interval: Duration::from_secs(10),
    hold: Duration::from_secs(30),
};

fn group(name: &str) -> Group {
    Group {
        name: name.into(),
        question: Question::Addresses {
            host: format!("{name}.example"),
            port: 9,
            family: IpFamily::default(),
        },
        attributes: Attributes::default(),
    }
}

fn fixed(name: &str) -> BackendSpec {
    BackendSpec {
        name: name.into(),
        address: ([127, 0, 0, 1], 1).into(),
        attributes: Attributes::default(),
    }
}

fn named(lasts: &[u8]) -> Result<Answer, AskError> {
    let found = |&last: &u8| Found {
        address: ([10, 0, 0, last], 9).into(),
        service: None,
    };
    Ok(Answer {
        found: lasts.iter().map(found).collect(),
        ttl: Duration::from_secs(5),
        missing: None,
    })
}

fn names(change: &Change) -> Vec<&str> {
    let names = change.backends.iter().map(|spec| spec.name.as_str());
    names.collect()
}

#[test]
fn each_group_is_asked_once_at_a_time_and_fixed_backends_come_first() {
    let now = Instant::now();
    let groups = vec![group("a"), group("b")];
    let mut backend_set = BackendSet::new(vec![fixed("x")], groups, RULES, now);
    let questions = backend_set.ask(now);
    assert_eq!(questions.len(), 2);
    assert!(
        backend_set.ask(now).is_empty() && backend_set.due().is_none(),
        "on their way"
    );
    let change = backend_set.take(questions[1].0, named(&[2]), now).unwrap();
    assert_eq!(names(&change), ["x", "b-10-0-0-2"]);
    assert_eq!(backend_set.due(), Some(now + Duration::from_secs(5)));
    let change = backend_set.take(questions[0].0, named(&[1]), now).unwrap();
    assert_eq!(names(&change), ["x", "a-10-0-0-1", "b-10-0-0-2"]);
    assert_eq!(
        backend_set.take(questions[0].0, named(&[7]), now),
        None,
        "answered"
    );
}

#[test]
fn those_of_the_start_are_not_eased_in_and_all_later_ones_are() {
    let now = Instant::now();
    let mut backend_set = BackendSet::new(vec![], vec![group("a")], RULES, now);
    let take = |backend_set: &mut BackendSet, answer, seconds| {
        let now = now + Duration::from_secs(seconds);
        let ticket = backend_set.ask(now)[0].0;
        backend_set.take(ticket, answer, now)
    };
    assert_eq!(take(&mut backend_set, Err(AskError::Timeout), 0), None);
    let change = take(&mut backend_set, named(&[1]), 1).unwrap();
    assert!(!change.eased);
    assert_eq!(take(&mut backend_set, named(&[1]), 6), None);
    let change = take(&mut backend_set, named(&[1, 2]), 11).unwrap();
    assert!(change.eased);
    // A group that a reload brings.
    let now = now + Duration::from_secs(11);
    backend_set.set(vec![], vec![group("b")], RULES, now);
    let ticket = backend_set.ask(now)[0].0;
    assert!(backend_set.take(ticket, named(&[1]), now).unwrap().eased);
}

#[test]
fn a_group_that_stays_keeps_its_members_and_takes_on_new_attributes() {
    let now = Instant::now();
    let mut backend_set =
        BackendSet::new(vec![fixed("x")], vec![group("a"), group("b")], RULES, now);
    for (ticket, question) in backend_set.ask(now) {
        let last = if question.to_string().starts_with('a') {
            1
        } else {
            2
        };
        backend_set.take(ticket, named(&[last]), now);
    }
    let heavier = Group {
        attributes: Attributes {
            weight: 3,
            ..Attributes::default()
        },
        ..group("a")
    };
    let moved = Group {
        question: Question::Addresses {
            host: "elsewhere".into(),
            port: 9,
            family: IpFamily::default(),
        },
        ..group("b")
    };
    let change = backend_set.set(vec![fixed("y")], vec![moved, heavier], RULES, now);
    let change = change.unwrap();
    assert_eq!(names(&change), ["y", "b-10-0-0-2", "a-10-0-0-1"]);
    assert_eq!(change.backends[2].attributes.weight, 3);
    // The group with another question is asked for anew.
    let questions = backend_set.ask(now);
    assert_eq!(questions.len(), 1);
    assert_eq!(questions[0].1.to_string(), "elsewhere:9");
}

/// A set with the group `a`, which has been answered.
fn answered(now: Instant) -> BackendSet {
    let mut backend_set = BackendSet::new(vec![], vec![group("a")], RULES, now);
    let ticket = backend_set.ask(now)[0].0;
    backend_set.take(ticket, named(&[1, 2]), now);
    backend_set
}

#[test]
fn a_group_that_asks_something_else_keeps_its_members_until_the_first_answer() {
    let (host, name) = ("a.example".to_owned(), "_a._tcp.example".to_owned());
    let questions = [
        Question::Addresses {
            host: host.clone(),
            port: 9,
            family: IpFamily::V4,
        },
        Question::Addresses {
            host: "elsewhere".into(),
            port: 9,
            family: IpFamily::Any,
        },
        Question::Addresses {
            host,
            port: 10,
            family: IpFamily::Any,
        },
        Question::Services {
            name,
            family: IpFamily::Any,
        },
    ];
    for question in questions {
        let now = Instant::now();
        let mut backend_set = answered(now);
        let other = Group {
            question: question.clone(),
            ..group("a")
        };
        // A query of before is under way.
        let later = now + Duration::from_secs(5);
        let old = backend_set.ask(later)[0].0;
        let change = backend_set.set(vec![], vec![other], RULES, later).unwrap();
        let kept = ["a-10-0-0-1", "a-10-0-0-2"];
        assert_eq!(names(&change), kept, "{question}");
        assert_eq!(backend_set.take(old, named(&[7]), later), None);
        let (ticket, asked) = backend_set.ask(later).remove(0);
        assert_eq!(asked, question);
        assert_eq!(
            backend_set.take(ticket, Err(AskError::Timeout), later),
            None
        );
        assert_eq!(backend_set.reports()[0].members, 2, "{question}");
        let later = later + Duration::from_secs(1);
        let ticket = backend_set.ask(later)[0].0;
        let change = backend_set.take(ticket, named(&[2, 3]), later).unwrap();
        assert_eq!(names(&change), ["a-10-0-0-2", "a-10-0-0-3"]);
        assert!(change.eased);
    }
}

#[test]
fn a_group_with_another_name_takes_its_servers_along() {
    let now = Instant::now();
    let mut backend_set = answered(now);
    let renamed = Group {
        name: "b".into(),
        ..group("a")
    };
    let change = backend_set.set(vec![], vec![renamed], RULES, now).unwrap();
    assert_eq!(names(&change), ["b-10-0-0-1", "b-10-0-0-2"]);
    // One that comes beside it has nobody's servers.
    let mut backend_set = answered(now);
    let beside = Group {
        name: "b".into(),
        ..group("a")
    };
    let change = backend_set.set(vec![], vec![group("a"), beside], RULES, now);
    assert_eq!(names(&change.unwrap()), ["a-10-0-0-1", "a-10-0-0-2"]);
}

#[test]
fn a_late_answer_for_a_removed_group_is_ignored() {
    let now = Instant::now();
    let mut backend_set = BackendSet::new(vec![], vec![group("a")], RULES, now);
    let ticket = backend_set.ask(now)[0].0;
    backend_set.set(vec![], vec![group("b")], RULES, now);
    assert_eq!(backend_set.take(ticket, named(&[1]), now), None);
    assert_eq!(backend_set.reports()[0].members, 0);
}

#[test]
fn without_groups_the_pool_has_what_it_needs() {
    let now = Instant::now();
    let mut backend_set = BackendSet::new(vec![fixed("x")], vec![], RULES, now);
    assert_eq!(backend_set.set(vec![fixed("y")], vec![], RULES, now), None);
    // The members of a group that goes have to leave.
    let with_group = backend_set.set(vec![], vec![group("b")], RULES, now);
    assert!(with_group.is_some_and(|change| change.backends.is_empty()));
    let without = backend_set.set(vec![fixed("y")], vec![], RULES, now);
    assert!(without.is_some_and(|change| change.backends == [fixed("y")]));
}
