//! A balancer in this process, its records, and clients of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netsocket_balancer::backend::Attributes;
use netsocket_balancer::health::Intervals;
use netsocket_balancer::metrics::names;
use netsocket_balancer::pool::Pool;
use netsocket_balancer::{
    BackendAddress, Config, LifecycleHandle, SessionRecord, Startup, Summary, run,
};
use netsocket_settings::{AdminAddress, Supervisor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Long enough for a loaded machine; a test that gets here has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than any test: a check that is not to happen, a timeout that is not to strike.
pub const NEVER: Duration = Duration::from_secs(3600);

/// Waits until `condition` holds.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// The result of `future`, which must come soon.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("took too long")
}

pub struct Balancer {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    /// Where each service listens.
    pub listens: Vec<(String, AdminAddress)>,
    pub pools: Vec<Arc<Pool>>,
    pub pool: Arc<Pool>,
    pub shutdown: CancellationToken,
    pub lifecycle: LifecycleHandle,
    pub tasks: Supervisor,
    /// What a reload reads.
    pub settings: Arc<Mutex<Config>>,
    records: Arc<Mutex<Vec<SessionRecord>>>,
    task: JoinHandle<Summary>,
}

impl Balancer {
    /// Starts one with these settings besides free ports and no checks but the first, and waits for those.
    pub async fn start_with(
        backends: &[(&str, SocketAddr)],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let balancer = Self::start_unready(backends, change);
        let checked = || {
            let mut all = balancer.pools.iter().flat_map(|pool| pool.backends());
            all.all(|backend| backend.report().last_check.is_some())
        };
        eventually("all backends checked", checked).await;
        balancer
    }

    pub async fn start(backends: &[(&str, SocketAddr)]) -> Self {
        Self::start_with(backends, |_| {}).await
    }

    pub fn start_unready(
        backends: &[(&str, SocketAddr)],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        Self::start_prepared(backends, change, |_| {})
    }

    /// The same with what else is set before it runs.
    pub fn start_prepared(
        backends: &[(&str, SocketAddr)],
        change: impl FnOnce(&mut Config),
        prepare: impl FnOnce(&mut Startup),
    ) -> Self {
        let backend = |&(name, address): &(&str, SocketAddr)| BackendAddress {
            name: name.to_owned(),
            host: address.ip().to_string(),
            port: address.port(),
            attributes: Attributes::default(),
        };
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            admin: ([127, 0, 0, 1], 0).into(),
            backends: backends.iter().map(backend).collect(),
            workers: 2.try_into().unwrap(),
            ..Config::default()
        };
        config.access_log.target = None;
        config.checks.intervals = Intervals::every(NEVER);
        change(&mut config);
        let settings = Arc::new(Mutex::new(config.clone()));
        let mut startup = Startup::bind(config).unwrap();
        let source = Arc::clone(&settings);
        startup.reload_from(move || Ok(source.lock().unwrap().clone()));
        let lifecycle = startup.lifecycle();
        let records = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&records);
        startup.on_record(move |record| sink.lock().unwrap().push(record.clone()));
        prepare(&mut startup);
        let tasks = startup.tasks();
        let admin = startup.admin_address().tcp().unwrap();
        let (address, pool) = (startup.listen_address(), startup.pool());
        let (listens, pools) = (startup.listen_addresses(), startup.pools().to_vec());
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let task = tokio::spawn(async move { run(startup, token).await.unwrap() });
        Self {
            address,
            admin,
            listens,
            pools,
            pool,
            shutdown,
            lifecycle,
            tasks,
            settings,
            records,
            task,
        }
    }

    /// A client of a service.
    pub async fn connect_to(&self, service: &str) -> TcpStream {
        let mut own = self.listens.iter().filter(|(name, _)| name == service);
        let address = own.find_map(|(_, address)| address.tcp()).unwrap();
        soon(TcpStream::connect(address)).await.unwrap()
    }

    pub async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(self.address)).await.unwrap()
    }

    /// The records of sessions so far.
    pub fn records(&self) -> Vec<SessionRecord> {
        self.records.lock().unwrap().clone()
    }

    /// Begins anew with records.
    pub fn forget_records(&self) {
        self.records.lock().unwrap().clear();
    }

    /// Waits for so many records.
    pub async fn records_of(&self, count: usize) -> Vec<SessionRecord> {
        eventually("enough records", || self.records().len() >= count).await;
        let records = self.records();
        assert_eq!(records.len(), count);
        records
    }

    /// Waits for the record of the only session.
    pub async fn record(&self) -> SessionRecord {
        self.records_of(1).await.remove(0)
    }

    /// Waits until so many backends are up.
    pub async fn up(&self, count: usize) {
        eventually("the right number of backends up", || {
            self.pool.up_count() == count
        })
        .await;
    }

    /// Stops it and waits for the end.
    pub async fn stop(self) -> Summary {
        self.shutdown.cancel();
        self.ended().await
    }

    /// Waits for the end.
    pub async fn ended(self) -> Summary {
        soon(self.task).await.unwrap()
    }

    /// Asks the admin HTTP; the status and the body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "", "").await
    }

    /// The same with such lines in the head.
    pub async fn get_with(&self, path: &str, head: &str) -> (u16, String) {
        self.ask("GET", path, head, "").await
    }

    /// The sessions of each worker.
    pub async fn loads(&self) -> Vec<u64> {
        let (_, page) = self.get("/metrics").await;
        let value = |line: &str| {
            let labelled = line
                .strip_prefix(names::WORKER_SESSIONS.name)?
                .strip_prefix('{')?;
            labelled.rsplit(' ').next()?.parse().ok()
        };
        page.lines().filter_map(value).collect()
    }

    /// Sends JSON to the admin HTTP as `curl -d` does, which calls it something else; with such lines in the head besides.
    pub async fn put(&self, path: &str, head: &str, body: &str) -> (u16, String) {
        let head = format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{head}",
            body.len()
        );
        self.ask("PUT", path, &head, body).await
    }

    /// The same, without saying that it is JSON, as `curl -d` does.
    pub async fn post(&self, path: &str, body: &str) -> (u16, String) {
        self.post_with(path, "", body).await
    }

    pub async fn post_with(&self, path: &str, head: &str, body: &str) -> (u16, String) {
        let head = format!("Content-Length: {}\r\n{head}", body.len());
        self.ask("POST", path, &head, body).await
    }

    /// The same without a body.
    pub async fn delete(&self, path: &str, head: &str) -> (u16, String) {
        self.ask("DELETE", path, head, "").await
    }

    async fn ask(&self, method: &str, path: &str, head: &str, body: &str) -> (u16, String) {
        soon(async {
            let mut stream = TcpStream::connect(self.admin).await.unwrap();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n{body}"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            (status, body.to_owned())
        })
        .await
    }
}

/// Reads to the end or the error: the bytes, and whether the connection was reset.
pub async fn read_to_end(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    soon(async {
        let mut all = Vec::new();
        let mut chunk = vec![0; 1 << 16];
        loop {
            match stream.read(&mut chunk).await {
                Ok(0) => return (all, false),
                Ok(count) => all.extend_from_slice(&chunk[..count]),
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                    return (all, true);
                }
            }
        }
    })
    .await
}

/// Closes by reset.
pub fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

impl Balancer {
    /// Drops the future of `run`.
    pub fn abandon(self) {
        self.task.abort();
    }
}
