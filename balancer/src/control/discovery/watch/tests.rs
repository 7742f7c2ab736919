use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{advance, timeout};

use super::*;
use crate::config::{Config, IpFamily};
use crate::control::discovery::{Found, Outcome};
use crate::core::backend::Attributes;
use crate::core::balance::Policy;

const RULES: Rules = Rules {
    min_interval: Duration::from_secs(1),
    max_interval: Duration::from_secs(10),
    hold: Duration::from_secs(30),
};

/// Answers as it was told to, and after that not at all.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Result<Answer, AskError>>>,
    asked: Mutex<Vec<Instant>>,
}

impl Ask for Script {
    async fn ask(&self, _: Question) -> Result<Answer, AskError> {
        self.asked.lock().unwrap().push(Instant::now());
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or(Err(AskError::Timeout))
    }
}

/// Answers as it was told to, when it may.
struct Held(Script, Arc<Semaphore>);

impl Ask for Held {
    async fn ask(&self, question: Question) -> Result<Answer, AskError> {
        self.1.acquire().await.unwrap().forget();
        self.0.ask(question).await
    }
}

/// Panics.
struct Faulty;

impl Ask for Faulty {
    async fn ask(&self, _: Question) -> Result<Answer, AskError> {
        panic!("a fault, on purpose")
    }
}

fn named(lasts: &[u8], ttl: u64) -> Result<Answer, AskError> {
    let found = |&last: &u8| Found {
        address: ([10, 0, 0, last], 9).into(),
        service: None,
    };
    Ok(Answer {
        found: lasts.iter().map(found).collect(),
        ttl: Duration::from_secs(ttl),
        missing: None,
    })
}

fn setup<A: Ask>(resolver: A) -> Setup<A> {
    Setup {
        fixed: vec![BackendSpec {
            name: "x".into(),
            address: ([127, 0, 0, 1], 1).into(),
            attributes: Attributes::default(),
        }],
        groups: vec![Group {
            name: "a".into(),
            question: Question::Addresses {
                host: "a.example".into(),
                port: 9,
                family: IpFamily::default(),
            },
            attributes: Attributes::default(),
        }],
        rules: RULES,
        resolver: Arc::new(resolver),
    }
}

struct Discovering<A> {
    pool: Arc<Pool>,
    setups: watch::Sender<Setup<A>>,
    supervisor: Supervisor,
    _task: AbortOnDropHandle<()>,
}

impl<A: Ask> Discovering<A> {
    fn start(setup: Setup<A>) -> Self {
        let rules = Config::default().health;
        let pool = Pool::new(setup.fixed.clone(), Policy::RoundRobin, rules, 0);
        let pool = Arc::new(pool);
        let (setups, receiver) = watch::channel(setup);
        let supervisor = Supervisor::default();
        let task = tokio::spawn(discover(Arc::clone(&pool), receiver, supervisor.clone()));
        Self {
            pool,
            setups,
            supervisor,
            _task: AbortOnDropHandle::new(task),
        }
    }

    fn names(&self) -> Vec<String> {
        let backends = self.pool.backends();
        backends
            .iter()
            .map(|backend| backend.name().to_owned())
            .collect()
    }

    /// Lets the task do all that it can do now.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    async fn after(&self, seconds: u64) {
        self.settle().await;
        for _ in 0..seconds {
            advance(Duration::from_secs(1)).await;
            self.settle().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_pool_follows_the_answers_in_their_time() {
    let script = Script::default();
    *script.answers.lock().unwrap() = [
        Err(AskError::Timeout),
        named(&[1, 2, 3], 5),
        named(&[2, 3, 4], 600),
        named(&[4], 0),
    ]
    .into();
    let began = Instant::now();
    let setup = setup(script);
    let script = Arc::clone(&setup.resolver);
    let discovering = Discovering::start(setup);
    discovering.settle().await;
    assert_eq!(discovering.names(), ["x"], "an unknown name stops nobody");
    discovering.after(1).await;
    assert_eq!(
        discovering.names(),
        ["x", "a-10-0-0-1", "a-10-0-0-2", "a-10-0-0-3"]
    );
    let kept = discovering.pool.backends()[2].id();
    discovering.after(5).await;
    assert_eq!(
        discovering.names(),
        ["x", "a-10-0-0-2", "a-10-0-0-3", "a-10-0-0-4"]
    );
    assert_eq!(
        discovering.pool.backends()[1].id(),
        kept,
        "the same backend"
    );
    discovering.after(10).await;
    assert_eq!(discovering.names(), ["x", "a-10-0-0-4"]);
    // From here on nobody answers.
    discovering.after(100).await;
    assert_eq!(discovering.names(), ["x", "a-10-0-0-4"]);
    let groups = discovering.pool.groups();
    assert_eq!(groups[0].last, Some(Outcome::Failed));
    assert!(groups[0].failures > 10 && groups[0].named == began + Duration::from_secs(16));
    let times = script.asked.lock().unwrap();
    let times: Vec<u64> = times.iter().map(|at| (*at - began).as_secs()).collect();
    assert_eq!(times[..9], [0, 1, 6, 16, 17, 18, 20, 24, 32]);
}

#[tokio::test(start_paused = true)]
async fn other_settings_are_taken_on_and_a_sender_that_is_gone_is_no_fault() {
    let script = Script::default();
    *script.answers.lock().unwrap() = [named(&[1], 5), named(&[1, 2], 5)].into();
    let discovering = Discovering::start(setup(script));
    discovering.settle().await;
    assert_eq!(discovering.names(), ["x", "a-10-0-0-1"]);
    discovering.setups.send_modify(|setup| setup.fixed.clear());
    discovering.settle().await;
    assert_eq!(discovering.names(), ["a-10-0-0-1"]);
    let Discovering {
        pool,
        setups,
        supervisor: _,
        _task,
    } = discovering;
    drop(setups);
    let come = async {
        while pool.backends().len() < 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(60), come).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_groups_nothing_is_asked_and_the_pool_stays_as_it_is() {
    let setup = Setup {
        groups: vec![],
        ..setup(Script::default())
    };
    let script = Arc::clone(&setup.resolver);
    let discovering = Discovering::start(setup);
    discovering.after(100).await;
    assert_eq!(discovering.names(), ["x"]);
    assert!(script.asked.lock().unwrap().is_empty());
}

/// Also where it ends while a question is open: the answer to that one does not come any more.
#[tokio::test(start_paused = true)]
async fn a_panic_costs_no_backend_and_it_follows_again() {
    let script = Script::default();
    *script.answers.lock().unwrap() = [named(&[1, 2], 5), named(&[2, 3], 5)].into();
    let held = Arc::new(Semaphore::new(1));
    let discovering = Discovering::start(setup(Held(script, Arc::clone(&held))));
    discovering.settle().await;
    let names = ["x", "a-10-0-0-1", "a-10-0-0-2"];
    assert_eq!(discovering.names(), names);
    let kept = discovering.pool.backends()[2].id();

    discovering.after(6).await;
    assert_eq!(held.available_permits(), 0);
    discovering.supervisor.make_panic(TASK);
    discovering.settle().await;
    assert_eq!(discovering.supervisor.panics(), [(TASK, 1)]);
    // The settings change before it has begun again.
    discovering.setups.send_modify(|setup| setup.fixed.clear());
    assert_eq!(discovering.names(), names);
    held.add_permits(10);
    discovering.after(1).await;
    assert_eq!(discovering.names(), ["a-10-0-0-2", "a-10-0-0-3"]);
    assert_eq!(discovering.pool.backends()[0].id(), kept);
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_asking_is_a_failed_question() {
    let discovering = Discovering::start(setup(Faulty));
    discovering.after(5).await;
    let groups = discovering.pool.groups();
    assert_eq!(
        groups[0].problem.as_deref(),
        Some("internal error of the balancer")
    );
    assert_eq!(groups[0].failures, 3, "at 0 s, 1 s and 3 s");
}
