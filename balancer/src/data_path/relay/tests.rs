//! The relay between two real connections, event by event, with a clock that the test moves.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::*;
use crate::data_path::poller::{Events, Poller, Subject};

const OPEN: Duration = Duration::from_secs(600);
const HALF_CLOSED: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// For what the kernel does by itself; a test that gets here has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// A socket buffer that is full soon.
const SMALL: usize = 4096;

/// A relay with the far ends of its two connections.
struct Scene {
    client: TcpStream,
    backend: TcpStream,
    near_client: SessionSocket,
    near_backend: SessionSocket,
    poller: Poller,
    relay: Relay,
    now: Instant,
    end: Option<End>,
}

/// Two ends of a connection with such buffers; the second is the accepted one.
fn connection(buffers: Option<usize>) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    if let Some(size) = buffers {
        SockRef::from(&listener).set_recv_buffer_size(size).unwrap();
    }
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    for end in [&far, &near] {
        end.set_nodelay(true).unwrap();
        if let Some(size) = buffers {
            SockRef::from(end).set_send_buffer_size(size).unwrap();
            SockRef::from(end).set_recv_buffer_size(size).unwrap();
        }
    }
    (far, near)
}

impl Scene {
    fn new() -> Self {
        Self::with_buffers(None)
    }

    fn with_buffers(buffers: Option<usize>) -> Self {
        allow_pipes(16, Box::new(drop));
        let (client, near_client) = connection(buffers);
        let (backend, near_backend) = connection(buffers);
        let poller = Poller::new().unwrap();
        let near_client = SessionSocket::accepted(near_client.into());
        let near_backend = SessionSocket::opened(near_backend.into());
        poller
            .watch_socket(&near_client, Subject::Client(0))
            .unwrap();
        poller
            .watch_socket(&near_backend, Subject::Backend(0))
            .unwrap();
        let now = Instant::now();
        let limits = IdleLimits {
            client: OPEN,
            backend: OPEN,
            half_closed: HALF_CLOSED,
        };
        Self {
            client,
            backend,
            near_client,
            near_backend,
            poller,
            relay: Relay::new(now, limits),
            now,
            end: None,
        }
    }

    /// One turn with the events that are there.
    fn step(&mut self, mode: RelayMode) -> Progress {
        let mut events = Events::new();
        let now = Instant::now();
        let until = Some(now + Duration::from_millis(1));
        self.poller.wait(&mut events, now, until).unwrap();
        for (subject, readiness) in events.iter() {
            match subject {
                Subject::Client(_) => self.near_client.note(readiness),
                _ => self.near_backend.note(readiness),
            }
        }
        let mut buffer = vec![0; BUFFER_SIZE];
        let (client, backend) = (&mut self.near_client, &mut self.near_backend);
        let progress = self
            .relay
            .step(client, backend, mode, &mut buffer, self.now);
        if let Progress::Done(end) = progress {
            self.end = Some(end);
        }
        progress
    }

    /// Steps until `condition` holds.
    fn until(&mut self, mut condition: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !condition(self) {
            assert!(began.elapsed() < PATIENCE, "never");
            if self.end.is_none() {
                self.step(RelayMode::Auto);
            }
        }
    }

    fn moved(&mut self, up: u64, down: u64) {
        let traffic = Traffic { up, down };
        self.until(|scene| scene.relay.traffic() == traffic);
    }

    /// Steps until one brings nothing more.
    fn settle(&mut self) {
        let mut before = None;
        self.until(|scene| {
            let state = Some((
                (scene.relay.up.moved(), scene.relay.down.moved()),
                scene.relay.half_closed(),
            ));
            std::mem::replace(&mut before, state) == state
        });
    }

    /// Lets so much time pass.
    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Ends it as its deadline would, at exactly that time.
    fn expire(&mut self) -> End {
        let deadline = self.relay.deadline();
        assert_eq!(
            self.relay.expired(deadline - Duration::from_millis(1)),
            None
        );
        self.relay.expired(deadline).unwrap()
    }
}

/// Everything that can be read now; `None` behind it where the end has come.
fn take(stream: &mut TcpStream) -> (Vec<u8>, Option<()>) {
    let (mut all, mut chunk) = (Vec::new(), [0; 65536]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return (all, None),
            Ok(count) => all.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (all, Some(())),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Writes until nothing more is taken, turn by turn; how much was.
fn flood(scene: &mut Scene, from: Side) -> u64 {
    let chunk = vec![7; 1 << 16];
    let (mut taken, mut quiet) = (0, 0);
    while quiet < 5 {
        let stream = match from {
            Side::Client => &mut scene.client,
            _ => &mut scene.backend,
        };
        quiet += 1;
        while let Ok(count) = stream.write(&chunk) {
            taken += count as u64;
            quiet = 0;
        }
        scene.step(RelayMode::Auto);
    }
    taken
}

fn idle(side: Side, last: bool, owing: bool) -> End {
    End::Idle { side, last, owing }
}

#[test]
fn bytes_and_ends_are_handed_on_and_counted() {
    let mut scene = Scene::new();
    scene.client.write_all(b"question").unwrap();
    scene.client.shutdown(Shutdown::Write).unwrap();
    scene.moved(8, 0);
    let mut question = Vec::new();
    scene.until(|scene| {
        let (bytes, open) = take(&mut scene.backend);
        question.extend(bytes);
        open.is_none()
    });
    scene.backend.write_all(b"the answer").unwrap();
    scene.backend.shutdown(Shutdown::Write).unwrap();
    scene.until(|scene| scene.end.is_some());
    assert_eq!(scene.end, Some(End::Closed));
    assert_eq!(scene.relay.traffic(), Traffic { up: 8, down: 10 });
    let (answer, _) = take(&mut scene.client);
    assert_eq!(
        (&question[..], &answer[..]),
        (&b"question"[..], &b"the answer"[..])
    );
}

#[test]
fn what_came_before_the_backend_was_there_comes_first() {
    let mut scene = Scene::new();
    scene.relay.begin_with(b"preface ", b"early ");
    scene.client.write_all(b"late").unwrap();
    scene.moved(10, 0);
    assert_eq!(take(&mut scene.backend).0, b"preface early late");
    assert_eq!(scene.expire(), idle(Side::Backend, false, true));
}

#[test]
fn silence_ends_it_and_any_byte_puts_that_off() {
    let mut scene = Scene::new();
    for count in 1..=3 {
        scene.pass(OPEN - SECOND);
        scene.client.write_all(b"u").unwrap();
        scene.moved(count, count - 1);
        scene.pass(OPEN - SECOND);
        scene.backend.write_all(b"d").unwrap();
        scene.moved(count, count);
    }
    assert_eq!(scene.relay.deadline(), scene.now + OPEN);
    // The backend may have stopped in the middle of an answer.
    assert_eq!(scene.expire(), idle(Side::Backend, false, true));
}

#[test]
fn the_silent_side_is_named() {
    // The backend was asked and did not answer.
    let mut scene = Scene::new();
    scene.client.write_all(b"hello?").unwrap();
    scene.moved(6, 0);
    assert_eq!(scene.expire(), idle(Side::Backend, false, true));

    // Nobody ever said anything.
    assert_eq!(Scene::new().expire(), idle(Side::Client, false, false));

    // The client has ended and waits.
    let mut scene = Scene::new();
    scene.client.shutdown(Shutdown::Write).unwrap();
    scene.until(|scene| scene.relay.half_closed());
    assert_eq!(scene.expire(), idle(Side::Backend, false, true));

    // The client does not take what the backend sends.
    let mut scene = Scene::with_buffers(Some(SMALL));
    flood(&mut scene, Side::Backend);
    assert_eq!(scene.expire(), idle(Side::Client, false, true));

    // The backend has ended, and the client does not.
    let mut scene = Scene::new();
    scene.backend.write_all(&[7; 64]).unwrap();
    scene.backend.shutdown(Shutdown::Write).unwrap();
    scene.until(|scene| scene.relay.half_closed());
    assert_eq!(scene.relay.traffic().down, 64);
    assert_eq!(scene.expire(), idle(Side::Client, true, true));

    // The backend does not take what the client sends.
    let mut scene = Scene::with_buffers(Some(SMALL));
    flood(&mut scene, Side::Client);
    assert_eq!(scene.expire(), idle(Side::Backend, false, true));
}

#[test]
fn after_one_end_the_shorter_limit_holds_and_bytes_put_it_off() {
    let mut scene = Scene::new();
    scene.client.shutdown(Shutdown::Write).unwrap();
    scene.until(|scene| scene.relay.half_closed());
    assert_eq!(scene.relay.deadline(), scene.now + HALF_CLOSED);
    for count in 1..=5 {
        scene.pass(HALF_CLOSED - SECOND);
        scene.backend.write_all(b"d").unwrap();
        scene.moved(0, count);
    }
    assert_eq!(scene.relay.deadline(), scene.now + HALF_CLOSED);
    assert_eq!(scene.expire(), idle(Side::Backend, false, true));
}

#[test]
fn a_reader_that_stalls_stops_the_sender() {
    let mut scene = Scene::with_buffers(Some(SMALL));
    let taken = flood(&mut scene, Side::Client);
    let held = scene.relay.up.bytes_read() - scene.relay.up.bytes_written();
    assert!(held <= BUFFER_SIZE as u64, "{held} bytes are held");
    // The other direction is not held up by it.
    scene.backend.write_all(b"still here").unwrap();
    scene.until(|scene| scene.relay.traffic().down == 10);
    assert_eq!(take(&mut scene.client).0, b"still here");
    // And nothing is lost.
    scene.client.shutdown(Shutdown::Write).unwrap();
    let mut received = 0;
    scene.until(|scene| {
        let (bytes, open) = take(&mut scene.backend);
        received += bytes.len() as u64;
        open.is_none()
    });
    assert_eq!(received, taken);
}

#[test]
fn what_a_lost_side_had_sent_still_arrives_but_no_clean_end() {
    // Found by a read, then by a write to it.
    for asked in [false, true] {
        let mut scene = Scene::new();
        scene.backend.write_all(b"last words").unwrap();
        let backend = SockRef::from(&scene.backend);
        backend.set_linger(Some(Duration::ZERO)).unwrap();
        let (gone, near) = connection(None);
        drop(near);
        drop(std::mem::replace(&mut scene.backend, gone));
        if asked {
            scene.client.write_all(b"ask").unwrap();
        }
        scene.until(|scene| scene.end.is_some());
        let Some(End::Lost { side, last, error }) = scene.end else {
            panic!("{:?}", scene.end);
        };
        assert_eq!((side, last), (Side::Backend, false));
        assert!(
            matches!(
                error,
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            ),
            "{error:?}"
        );
        assert_eq!(scene.relay.traffic().down, 10);
        let (words, open) = take(&mut scene.client);
        assert_eq!(
            (&words[..], open),
            (&b"last words"[..], Some(())),
            "{asked}"
        );
    }
}

#[test]
fn a_client_that_resets_while_its_bytes_wait_is_noticed() {
    let mut scene = Scene::with_buffers(Some(SMALL));
    flood(&mut scene, Side::Client);
    assert_eq!(scene.relay.lost, None);
    let client = SockRef::from(&scene.client);
    client.set_linger(Some(Duration::ZERO)).unwrap();
    let (gone, near) = connection(None);
    drop(near);
    drop(std::mem::replace(&mut scene.client, gone));
    scene.until(|scene| scene.relay.lost.is_some());
    assert_eq!(scene.relay.deadline(), scene.now + HALF_CLOSED);
    let end = scene.expire();
    assert!(
        matches!(
            end,
            End::Lost {
                side: Side::Client,
                last: false,
                error: io::ErrorKind::ConnectionReset
            }
        ),
        "{end:?}"
    );
}

#[test]
fn urgent_data_does_not_hide_what_follows_it() {
    for mode in [RelayMode::Copy, RelayMode::Splice] {
        let mut scene = Scene::new();
        scene.client.write_all(b"before").unwrap();
        let client = SockRef::from(&scene.client);
        client.send_out_of_band(b"!").unwrap();
        scene.client.write_all(b"after").unwrap();
        scene.client.shutdown(Shutdown::Write).unwrap();
        let mut received = Vec::new();
        scene.until(|scene| {
            scene.step(mode);
            let (bytes, open) = take(&mut scene.backend);
            received.extend(bytes);
            open.is_none()
        });
        // The urgent byte itself is for those who ask for it, and a relay of bytes does not.
        assert_eq!(received, b"beforeafter", "{mode:?}");
    }
}

#[test]
fn a_step_is_bounded() {
    for mode in [RelayMode::Copy, RelayMode::Splice, RelayMode::Auto] {
        let mut scene = Scene::new();
        let chunk = vec![1; 1 << 20];
        let mut went = false;
        let began = Instant::now();
        while scene.relay.traffic().up < 64 << 20 {
            assert!(began.elapsed() < PATIENCE, "{mode:?}");
            while scene.client.write(&chunk).is_ok() {}
            let before = scene.relay.up.bytes_read();
            went |= scene.step(mode) == Progress::Yield;
            let read = scene.relay.up.bytes_read() - before;
            // The last read may fill a pipe of 1 MiB.
            assert!(
                read <= (1 << 20) + (256 << 10),
                "{mode:?}: {read} bytes in one turn"
            );
            take(&mut scene.backend);
        }
        assert!(went || mode != RelayMode::Copy, "never more than a turn");
    }
}

#[test]
fn an_idle_relay_holds_no_buffer() {
    assert!(size_of::<Relay>() <= 240, "{}", size_of::<Relay>());
    let mut scene = Scene::new();
    scene.client.write_all(&[0; 1 << 16]).unwrap();
    scene.moved(1 << 16, 0);
    scene.settle();
    assert!(!scene.relay.up.is_pending() && !scene.relay.down.is_pending());
}
