use std::collections::BTreeMap;

use super::*;
use crate::core::backend::{Assigned, Attributes, BackendSpec};
use crate::core::traffic::Traffic;
use crate::data_path::mailbox::Mail;
use crate::data_path::session_view::SessionView;

/// Plays a window with so many sessions: after how many milliseconds how many are closed.
fn play(deadline: u64, spread: u64, mut left: usize) -> Vec<(u128, usize)> {
    let start = Instant::now();
    let window = Window::new(
        start,
        Duration::from_millis(deadline),
        Duration::from_millis(spread),
    );
    let (mut now, mut closes) = (start, Vec::new());
    while left > 0 {
        let Look { close, again } = window.look(left, now);
        assert!(again > now && close <= left);
        if close > 0 {
            closes.push(((now - start).as_millis(), close));
            left -= close;
        }
        now = again;
    }
    closes
}

#[test]
fn closes_are_spread_evenly_over_the_end() {
    assert_eq!(
        play(30_000, 10_000, 4),
        [(20_000, 1), (22_500, 1), (25_000, 1), (27_500, 1)]
    );
    assert_eq!(play(30_000, 10_000, 1), [(20_000, 1)]);
}

#[test]
fn many_are_closed_in_equal_parts() {
    let closes = play(2_000, 1_000, 100_000);
    assert_eq!(closes.first(), Some(&(1_000, 1_000)));
    assert_eq!(
        closes.iter().map(|(_, count)| count).sum::<usize>(),
        100_000
    );
    assert!(
        closes
            .iter()
            .all(|&(at, count)| at < 2_000 && count <= 1_000)
    );
}

#[test]
fn without_a_spread_all_go_at_the_deadline() {
    assert_eq!(play(5_000, 0, 7), [(5_000, 7)]);
    assert_eq!(play(0, 0, 7), [(0, 7)]);
    // A spread longer than the window is all of it.
    assert_eq!(play(1_000, 9_000, 2), [(0, 1), (500, 1)]);
}

#[test]
fn what_ends_by_itself_gives_the_others_time() {
    let now = Instant::now();
    let window = Window::new(now, Duration::from_secs(10), Duration::from_secs(10));
    assert_eq!(window.look(10, now).again, now + Duration::from_secs(1));
    let later = now + Duration::from_secs(1);
    // Of the nine that should be left six have gone.
    assert_eq!(window.look(3, later).again, later + Duration::from_secs(3));
    assert_eq!(window.look(0, later).close, 0);
    let late = now + Duration::from_secs(11);
    assert_eq!(window.look(3, late).close, 3);
}

/// A worker that has sessions of one backend only. It says when it ended which.
struct FakeWorker {
    shared: Arc<Shared>,
    backend: Arc<Backend>,
    sessions: BTreeMap<u16, Assigned>,
    start: Instant,
    ended: Vec<(u64, u16)>,
}

impl FakeWorker {
    /// With sessions 0 to `count`, the first being the oldest.
    fn new(count: u16) -> Self {
        let spec = BackendSpec {
            name: "a".to_owned(),
            address: ([127, 0, 0, 1], 9).into(),
            attributes: Attributes::default(),
        };
        let backend = Arc::new(Backend::new(
            BackendId(3),
            "default".into(),
            spec,
            Arc::default(),
        ));
        let session = |serial| {
            assert!(backend.acquire());
            (serial, Assigned::acquired(&backend))
        };
        Self {
            sessions: (0..count).map(session).collect(),
            shared: Arc::new(Shared::without_backends(None)),
            backend,
            start: Instant::now(),
            ended: Vec::new(),
        }
    }

    fn id(serial: u16) -> SessionId {
        SessionId {
            worker: 0,
            index: serial.into(),
            serial,
        }
    }

    fn view(&self, serial: u16) -> SessionView {
        SessionView {
            service: None,
            id: Self::id(serial),
            client: ([127, 0, 0, 1], serial).into(),
            backend: Some(Arc::clone(&self.backend)),
            stage: "relaying",
            age: Duration::from_secs(1_000 - u64::from(serial)),
            traffic: Traffic::default(),
        }
    }

    /// Does what the mail asks for until that time after the start. The clock stands still but for the sleeps.
    async fn work_until(&mut self, milliseconds: u64) {
        let until = self.start + Duration::from_millis(milliseconds);
        while Instant::now() < until {
            let shared = Arc::clone(&self.shared);
            for mail in shared.workers.workers()[0].mailbox.receive() {
                match mail {
                    Mail::List(of, answer) => {
                        assert_eq!(of, Some(self.backend.id()));
                        let all = self.sessions.keys().map(|&serial| self.view(serial));
                        answer.send(all.collect()).unwrap();
                    }
                    Mail::Kill(id, of, answer) => {
                        assert_eq!(of, Some(self.backend.id()));
                        let known = self.sessions.remove(&id.serial).is_some();
                        let at = self.start.elapsed().as_millis();
                        if known {
                            self.ended.push((u64::try_from(at).unwrap(), id.serial));
                        }
                        answer.send(known).unwrap();
                    }
                    _ => panic!("another kind of mail"),
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn window(deadline: u64, spread: u64) -> Window {
    let times = [deadline, spread].map(Duration::from_secs);
    Window::new(Instant::now(), times[0], times[1])
}

#[tokio::test(start_paused = true)]
async fn the_oldest_go_first_and_one_by_one() {
    let (mut worker, drains) = (FakeWorker::new(4), Drains::default());
    drains.begin(&worker.shared, &worker.backend, window(30, 10));
    worker.work_until(19_900).await;
    assert!(worker.ended.is_empty());
    // One ends by itself: the others have more time each.
    worker.sessions.remove(&1);
    worker.work_until(29_900).await;
    let serials: Vec<u16> = worker.ended.iter().map(|&(_, serial)| serial).collect();
    assert_eq!(serials, [0, 2, 3]);
    for ((at, _), expected) in worker.ended.iter().zip([20_000, 23_333, 26_666]) {
        assert!((expected..expected + 50).contains(at), "{:?}", worker.ended);
    }
    let progress = drains.progress(worker.backend.id()).unwrap();
    assert_eq!((progress.closed, worker.backend.active()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_late_session_is_closed_at_the_deadline() {
    let (mut worker, drains) = (FakeWorker::new(1), Drains::default());
    drains.begin(&worker.shared, &worker.backend, window(10, 0));
    worker.work_until(9_000).await;
    // Picked before the drain began, and a session only now.
    assert!(worker.backend.acquire());
    worker
        .sessions
        .insert(7, Assigned::acquired(&worker.backend));
    worker.work_until(10_100).await;
    assert_eq!(worker.sessions.len(), 0);
    assert_eq!(drains.progress(worker.backend.id()).unwrap().closed, 2);
}

#[tokio::test(start_paused = true)]
async fn an_undone_drain_closes_no_session_and_a_second_one_replaces_the_first() {
    let (mut worker, drains) = (FakeWorker::new(2), Drains::default());
    drains.begin(&worker.shared, &worker.backend, window(5, 0));
    drains.begin(&worker.shared, &worker.backend, window(20, 0));
    worker.work_until(15_000).await;
    assert!(worker.ended.is_empty());
    drains.undo(worker.backend.id());
    worker.work_until(30_000).await;
    assert!(worker.ended.is_empty());
    assert!(drains.progress(worker.backend.id()).is_none());
}
