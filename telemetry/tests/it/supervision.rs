//! Each long-lived task is made to panic in turn, and comes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::{Flag, Layers};
use netsocket_telemetry::collector::{
    self, Collector, Config, Influx, InfluxUrl, Positions, Token,
};
use netsocket_telemetry::{
    Figures, History, Identity, Producer, ProducerConfig, Role, Sinks, Supervisor, heartbeat,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::eventually::eventually;
use crate::peers::{Answer, Behaviour, FakeBroker, FakeInflux, MemoryLog};

fn panics(supervisor: &Supervisor, task: &str) -> u64 {
    let panics = supervisor.panics();
    let found = panics.iter().find(|(name, _)| *name == task);
    found.map_or(0, |(_, panics)| *panics)
}

/// Makes a task panic once more; it may be between two starts when it is asked.
async fn end(supervisor: &Supervisor, task: &str) {
    let before = panics(supervisor, task);
    eventually(task, || {
        supervisor.make_panic(task);
        panics(supervisor, task) > before
    })
    .await;
}

#[tokio::test]
async fn a_producer_connects_again() {
    let broker = FakeBroker::start(Behaviour::Stalls).await;
    let supervisor = Supervisor::default();
    let config = ProducerConfig::new(vec![broker.address.to_string()]);
    let producer = Producer::start(config, "key".into(), &supervisor);
    for panics in 1..=2 {
        eventually("a connection", || broker.accepted() == panics).await;
        end(&supervisor, "producer").await;
    }
    eventually("another connection", || broker.accepted() == 3).await;
    eventually("no other is left", || broker.open() == 1).await;
    producer.shutdown(Duration::from_millis(10)).await;
}

#[tokio::test]
async fn a_heartbeat_goes_on() {
    let history = Arc::new(History::new(Duration::from_secs(60)));
    let sinks = Sinks {
        history: Some(Arc::clone(&history)),
        producer: None,
    };
    let (supervisor, shutdown) = (Supervisor::default(), CancellationToken::new());
    let identity = Identity::new(Role::Fileserver, "a");
    let beat = heartbeat(
        identity,
        Figures::default,
        sinks,
        supervisor.clone(),
        shutdown.clone(),
    );
    let beat = tokio::spawn(beat);
    eventually("a record", || history.records().len() == 1).await;
    end(&supervisor, "heartbeat").await;
    eventually("more records", || history.records().len() >= 3).await;
    shutdown.cancel();
    beat.await.unwrap();
    assert_eq!(history.events().len(), 2);
}

/// A collector over a database, without Kafka.
struct Running {
    admin: SocketAddr,
    supervisor: Supervisor,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(influx: SocketAddr) -> Self {
        let flags = vec![
            ("influx_url", Flag::One(format!("http://{influx}"))),
            ("kafka", Flag::One("127.0.0.1:1".to_owned())),
        ];
        let config = Config::load(&Layers { file: None, flags }, |_| None).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = listener.local_addr().unwrap();
        let (supervisor, shutdown) = (Supervisor::default(), CancellationToken::new());
        let task = tokio::spawn({
            let (supervisor, shutdown) = (supervisor.clone(), shutdown.clone());
            async move {
                let token = Token::new("secret").unwrap();
                let run = collector::run(&config, token, listener, supervisor, shutdown);
                run.await.unwrap();
            }
        });
        Self {
            admin,
            supervisor,
            shutdown,
            task,
        }
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn a_collector_whose_tasks_panic_goes_on() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let running = Running::start(influx.address).await;
    for task in ["admin", "report", "partitions"] {
        end(&running.supervisor, task).await;
        let page = running.get("/metrics").await;
        let line = format!("netsocket_collector_task_panics_total{{task=\"{task}\"}} 1");
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        assert!(running.get("/healthz").await.contains(" 200 OK\r\n"));
    }
    // Reports go on: the one of the start, and one after the panic.
    eventually("another report", || influx.stored().len() >= 2).await;
    running.stop().await;
}

#[tokio::test]
async fn a_collector_asks_again_for_its_offsets() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = Running::start(silent.local_addr().unwrap()).await;
    end(&running.supervisor, "offsets").await;
    running.stop().await;
}

#[tokio::test]
async fn a_collector_that_cannot_keep_a_task_up_is_unhealthy() {
    let influx = FakeInflux::start(|_, _| Answer::Status(204)).await;
    let running = Running::start(influx.address).await;
    for _ in 0..3 {
        end(&running.supervisor, "partitions").await;
    }
    let health = running.get("/healthz").await;
    assert!(health.contains(" 503 "), "{health}");
    assert!(health.contains("partitions"), "{health}");
    running.stop().await;
}

/// A reader that panics while InfluxDB stalls begins again where it was.
#[tokio::test]
async fn a_reader_loses_nothing() {
    let influx = FakeInflux::start(|write, _| match write {
        0 => Answer::Stall,
        _ => Answer::Status(204),
    })
    .await;
    let url = InfluxUrl::parse(&format!("http://{}", influx.address)).unwrap();
    let client = Influx::new(&url, "an org", Token::new("secret").unwrap()).unwrap();
    let collector = Arc::new(Collector::new(client, "b", Positions::new("t", "p")));
    let record = r#"{"host":"box","cpu_percent":1.5,"memory_percent":2,"client_count":3}"#;
    let (supervisor, shutdown) = (Supervisor::default(), CancellationToken::new());
    let reader = tokio::spawn({
        let (collector, shutdown) = (Arc::clone(&collector), shutdown.clone());
        let supervisor = supervisor.clone();
        async move {
            let log = MemoryLog::new(0, 5, vec![record.to_owned(); 12]);
            let log = &log;
            let read = || collector.read(0, &log, &shutdown);
            supervisor.run("reader", read).await.unwrap();
        }
    });
    eventually("a write", || influx.writes() == 1).await;
    end(&supervisor, "reader").await;
    eventually("all is stored", || {
        collector.status().totals().records == 12
    })
    .await;
    shutdown.cancel();
    reader.await.unwrap();
    assert_eq!(influx.stored().len(), 12);
}
