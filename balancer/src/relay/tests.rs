use std::future::{Pending, pending};
use std::pin::Pin;

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadHalf,
    WriteHalf, duplex, split,
};
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep};

use super::*;

const OPEN: Duration = Duration::from_secs(600);
const HALF_CLOSED: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

impl<T: AsyncRead> Source for ReadHalf<T> {
    type Loss = Pending<io::ErrorKind>;

    fn tcp(&self) -> Option<&TcpStream> {
        None
    }

    fn loss(self) -> Self::Loss {
        pending()
    }
}

impl<T: AsyncWrite> Sink for WriteHalf<T> {
    fn tcp(&self) -> Option<&TcpStream> {
        None
    }
}

/// The relay over any two streams.
async fn relay_over<C, B>(
    client: &mut C,
    backend: &mut B,
    limits: IdleLimits,
    traffic: &mut Traffic,
) -> End
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let switch = RelaySwitch::default();
    let (client, backend) = (split(client).into(), split(backend).into());
    relay_wires(client, backend, limits, &switch, traffic).await
}

/// A relay between two pipes of `capacity` bytes each way; their far ends and the relay's result.
fn start(capacity: usize) -> (DuplexStream, DuplexStream, JoinHandle<(End, Traffic)>) {
    let (client, mut near_client) = duplex(capacity);
    let (backend, mut near_backend) = duplex(capacity);
    let limits = IdleLimits {
        open: OPEN,
        half_closed: HALF_CLOSED,
    };
    let task = tokio::spawn(async move {
        let mut traffic = Traffic::default();
        let end = relay_over(&mut near_client, &mut near_backend, limits, &mut traffic).await;
        (end, traffic)
    });
    (client, backend, task)
}

async fn read_exactly(stream: &mut DuplexStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

fn idle(side: Side, last: bool, owing: bool) -> End {
    End::Idle { side, last, owing }
}

#[tokio::test(start_paused = true)]
async fn bytes_and_ends_are_handed_on_and_counted() {
    let (mut client, mut backend, task) = start(64);
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut question = Vec::new();
    backend.read_to_end(&mut question).await.unwrap();
    backend.write_all(b"the answer").await.unwrap();
    backend.shutdown().await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(
        (question.as_slice(), answer.as_slice()),
        (&b"question"[..], &b"the answer"[..])
    );
    assert_eq!(
        task.await.unwrap(),
        (End::Closed, Traffic { up: 8, down: 10 })
    );
}

#[tokio::test(start_paused = true)]
async fn silence_ends_it_and_any_byte_puts_that_off() {
    let (mut client, mut backend, task) = start(64);
    let began = Instant::now();
    for _ in 0..3 {
        advance(OPEN - SECOND).await;
        client.write_all(b"u").await.unwrap();
        read_exactly(&mut backend, 1).await;
        advance(OPEN - SECOND).await;
        backend.write_all(b"d").await.unwrap();
        read_exactly(&mut client, 1).await;
    }
    assert_eq!(
        task.await.unwrap(),
        (idle(Side::Client, false, false), Traffic { up: 3, down: 3 })
    );
    assert_eq!(
        began.elapsed().as_secs(),
        (6 * (OPEN - SECOND) + OPEN).as_secs()
    );
}

#[tokio::test(start_paused = true)]
async fn whose_turn_it_was() {
    // The backend was asked and did not answer.
    let (mut client, _backend, task) = start(64);
    client.write_all(b"hello?").await.unwrap();
    assert_eq!(task.await.unwrap().0, idle(Side::Backend, false, false));

    // Nobody ever said anything.
    let (_client, _backend, task) = start(64);
    assert_eq!(task.await.unwrap().0, idle(Side::Client, false, false));

    // The client has ended and waits.
    let (mut client, _backend, task) = start(64);
    client.shutdown().await.unwrap();
    assert_eq!(task.await.unwrap().0, idle(Side::Backend, false, true));

    // The client does not take what the backend sends.
    let (_client, mut backend, task) = start(64);
    backend.write_all(&[7; 65]).await.unwrap();
    assert_eq!(
        task.await.unwrap(),
        (idle(Side::Client, false, true), Traffic { up: 0, down: 64 })
    );

    // The backend has ended, and the client does not.
    let (_client, mut backend, task) = start(64);
    backend.write_all(&[7; 64]).await.unwrap();
    backend.shutdown().await.unwrap();
    assert_eq!(
        task.await.unwrap(),
        (idle(Side::Client, true, true), Traffic { up: 0, down: 64 })
    );

    // The backend does not take what the client sends.
    let (mut client, _backend, task) = start(64);
    client.write_all(&[7; 65]).await.unwrap();
    assert_eq!(task.await.unwrap().0, idle(Side::Backend, false, true));
}

#[tokio::test(start_paused = true)]
async fn after_one_end_the_shorter_limit_holds_and_bytes_put_it_off() {
    let (mut client, mut backend, task) = start(64);
    let began = Instant::now();
    client.shutdown().await.unwrap();
    for _ in 0..5 {
        sleep(HALF_CLOSED - SECOND).await;
        backend.write_all(b"d").await.unwrap();
        read_exactly(&mut client, 1).await;
    }
    assert_eq!(
        task.await.unwrap(),
        (idle(Side::Backend, false, true), Traffic { up: 0, down: 5 })
    );
    assert_eq!(
        began.elapsed().as_secs(),
        (5 * (HALF_CLOSED - SECOND) + HALF_CLOSED).as_secs()
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_stops_the_sender() {
    let (mut client, mut backend, task) = start(1000);
    let mut taken = 0;
    let chunk = vec![7; 1 << 20];
    // The write is stopped for good once every buffer on the way is full.
    while let Ok(written) = tokio::time::timeout(SECOND, client.write(&chunk)).await {
        taken += written.unwrap();
    }
    assert!(taken <= 2 * 1000 + BUFFER_SIZE, "{taken} bytes were taken");
    // The other direction is not held up by it.
    backend.write_all(b"still here").await.unwrap();
    assert_eq!(read_exactly(&mut client, 10).await, b"still here");
    // And nothing is lost.
    let received = tokio::spawn(async move {
        let mut all = Vec::new();
        backend.read_to_end(&mut all).await.unwrap();
        all.len()
    });
    client.shutdown().await.unwrap();
    assert_eq!(received.await.unwrap(), taken);
    drop(client);
    let traffic = Traffic {
        up: taken as u64,
        down: 10,
    };
    assert_eq!(task.await.unwrap(), (End::Closed, traffic));
}

/// A side whose connection is reset after it has sent `left`. The system tells that once, to whoever asks first:
/// after a write that failed, a read finds an end like any other.
struct Reset {
    left: Vec<u8>,
    told: bool,
}

impl AsyncRead for Reset {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left.is_empty() && !self.told {
            self.told = true;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        into.put_slice(&std::mem::take(&mut self.left));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Reset {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.told = true;
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_side_had_sent_still_arrives_but_no_clean_end() {
    let limits = IdleLimits {
        open: OPEN,
        half_closed: HALF_CLOSED,
    };
    // Found by a read, then by a write to it; with room for its bytes, then without.
    for (asked, capacity) in [(false, 64), (false, 4), (true, 64), (true, 4)] {
        let (mut client, mut near_client) = duplex(capacity);
        if asked {
            client.write_all(b"ask").await.unwrap();
        }
        let mut lost = Reset {
            left: b"last words".to_vec(),
            told: false,
        };
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            // No end may come: the pipe stays open until the test has looked.
            while all.len() < 10 {
                let mut byte = [0];
                assert_eq!(client.read(&mut byte).await.unwrap(), 1, "a clean end");
                all.push(byte[0]);
            }
            let more = tokio::time::timeout(SECOND, client.read_u8()).await;
            (all, more.is_err())
        });
        let mut traffic = Traffic::default();
        let end = relay_over(&mut near_client, &mut lost, limits, &mut traffic).await;
        assert!(
            matches!(
                end,
                End::Lost {
                    side: Side::Backend,
                    last: false,
                    ..
                }
            ),
            "{end:?}"
        );
        assert_eq!(traffic.down, 10);
        assert_eq!(
            reader.await.unwrap(),
            (b"last words".to_vec(), true),
            "{asked} {capacity}"
        );
    }
}

#[test]
fn a_flow_that_is_idle_holds_no_buffer() {
    assert!(size_of::<Flow>() <= 200, "{}", size_of::<Flow>());
}

#[tokio::test]
async fn a_busy_flow_leaves_others_their_turn() {
    // Two endless flows on one thread: both get on.
    let mut counts = Vec::new();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (mut client, mut backend, task) = start(1 << 20);
        let (sender, receiver) = tokio::sync::watch::channel(0_usize);
        tasks.push(tokio::spawn(async move {
            let chunk = vec![1; 1 << 16];
            while client.write_all(&chunk).await.is_ok() {}
        }));
        tasks.push(tokio::spawn(async move {
            let mut chunk = vec![0; 1 << 16];
            while let Ok(count @ 1..) = backend.read(&mut chunk).await {
                sender.send_modify(|all| *all += count);
            }
        }));
        counts.push(receiver);
        drop(task);
    }
    for count in &mut counts {
        count.wait_for(|&all| all > 16 << 20).await.unwrap();
    }
    tasks.iter().for_each(JoinHandle::abort);
}
