//! A file server in this process, on a port that the system chooses.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use netsocket_fileserver::{Bound, Config, CredentialStore, run};
use netsocket_settings::Supervisor;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything takes here, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) credential_store: CredentialStore,
    pub(crate) tasks: Supervisor,
    task: JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    pub(crate) fn start(root: &Path) -> Self {
        Self::with(root, |_| {})
    }

    pub(crate) fn with(root: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(root);
        config.listen = (Ipv4Addr::LOCALHOST, 0).into();
        config.name = "under-test".to_owned();
        change(&mut config);
        let bound = Bound::bind(config).unwrap();
        let (address, admin) = (bound.address(), bound.admin_address());
        let shutdown = CancellationToken::new();
        let (credential_store, tasks) = (bound.credential_store(), bound.tasks());
        let task = tokio::spawn(run(bound, shutdown.clone()));
        Self {
            address,
            admin,
            shutdown,
            credential_store,
            tasks,
            task,
        }
    }

    /// Tells the server to stop and waits until it has.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.stopped().await;
    }

    pub(crate) async fn stopped(self) {
        patiently(self.task).await.unwrap().unwrap();
    }
}

/// What takes longer than anything may is a failure.
pub(crate) async fn patiently<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .expect("this should have happened by now")
}

/// Asks again and again until the answer is there.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    patiently(async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}
