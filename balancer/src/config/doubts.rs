//! What is right in the settings and most likely not meant, for `--check-config` and for changes at run time: two backends at one
//! address, a backend that is the balancer itself, and a syslog that is not there. Does not own names without an address, which have to be looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::backends::BackendAddress;
use super::entry_keys::DEFAULT_NAME;
use super::listen::ListenAddress;
use super::settings::Config;
use crate::core::routing::RouteAction;

/// So many names fit into a line.
const FEW: usize = 3;

impl Config {
    /// A sentence for each doubt, at most two for each pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use netsocket_balancer::Config;
    /// use netsocket_settings::{Flag, Layers};
    ///
    /// let backends = ["a=127.0.0.1:9000", "b=127.0.0.1:9000"].map(str::to_owned);
    /// let flags = vec![("backends", Flag::Many(backends.to_vec()))];
    /// let config = Config::load(&Layers { file: None, flags }, |_| None)?;
    /// let said = "backends a and b are both 127.0.0.1:9000: it gets twice the sessions";
    /// assert_eq!(config.doubts(), [said]);
    /// # Ok::<(), netsocket_settings::Problems>(())
    /// ```
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let own = self.own_addresses();
        let pools = self.pool_plans().into_iter();
        let open = self.exposed_admin().into_iter();
        let unused = self.unused_pools();
        let each = pools.flat_map(|pool| {
            let shared = shared(&pool.settings.backends);
            let twice = said_of_shared(pool.name, &shared);
            let mut backends = pool.settings.backends.iter();
            let itself = backends.find(|it| is_own(it, &own));
            let loops = itself.map(|it| said_of_loop(pool.name, it));
            twice.into_iter().chain(loops)
        });
        open.chain(unused).chain(each).collect()
    }

    /// That other machines may read everything at the admin address, and what is secret there on its way.
    #[must_use]
    pub fn exposed_admin(&self) -> Vec<String> {
        if self.admin.is_local() {
            return Vec::new();
        }
        let open = "whoever reaches it may read the page, the API and the metrics; admin_read_token_file asks for a secret";
        let clear =
            "secrets and passwords cross the network in the clear; [admin_tls] encrypts them";
        let secrets = [&self.admin_read_token_file, &self.admin_token_file];
        let is_clear = self.admin_tls.is_none() && secrets.iter().any(|it| it.is_some());
        let said = [
            self.admin_read_token_file.is_none().then_some(open),
            is_clear.then_some(clear),
        ];
        let said = said.into_iter().flatten();
        said.map(|said| format!("admin = {}: {said}", self.admin))
            .collect()
    }

    /// A sentence for each syslog that a start would not reach now, for a check that warns of it.
    #[must_use]
    pub fn unreachable_logs(&self) -> Vec<String> {
        let logs = self.access_logs();
        let targets: BTreeSet<String> =
            logs.iter().filter_map(|(it, _)| it.unreachable()).collect();
        targets.into_iter().collect()
    }

    /// Pools that nobody sends sessions to.
    fn unused_pools(&self) -> impl Iterator<Item = String> {
        let by_rule = self.routes.iter();
        let by_rule = by_rule.chain(self.services.iter().flat_map(|service| &service.routes));
        let by_rule = by_rule.filter_map(|rule| match &rule.action {
            RouteAction::Pool(pool) => Some(pool.as_str()),
            RouteAction::Refuse => None,
        });
        let by_service = self.services.iter();
        let by_service = by_service.filter_map(|service| service.pool.as_deref());
        let used: BTreeSet<&str> = by_rule.chain(by_service).collect();
        let unused = self
            .pools
            .iter()
            .filter(move |it| !used.contains(it.name.as_str()));
        unused.map(|it| format!("pool {}: no service and no route uses it", it.name))
    }

    /// The same of one backend, which has been added or changed.
    pub(crate) fn doubts_about(&self, pool: &str, name: &str) -> Vec<String> {
        let mut pools = self.pool_plans().into_iter();
        let Some(plan) = pools.find(|plan| plan.name == pool) else {
            return Vec::new();
        };
        let mut shared = shared(&plan.settings.backends);
        shared.retain(|(names, _)| names.contains(&name));
        let own = self.own_addresses();
        let mut backends = plan.settings.backends.iter();
        let itself = backends.find(|it| it.name == name && is_own(it, &own));
        let loops = itself.map(|it| said_of_loop(pool, it));
        let twice = said_of_shared(pool, &shared);
        twice.into_iter().chain(loops).collect()
    }

    /// Where clients connect to, as far as backends could be there.
    fn own_addresses(&self) -> Vec<SocketAddr> {
        let services = self.service_plans().into_iter();
        let listens = services.flat_map(|plan| plan.settings.listen.addresses());
        let tcp = listens.filter_map(|address| match address {
            ListenAddress::Tcp(address) => Some(*address),
            ListenAddress::Unix(_) | ListenAddress::Named(_) => None,
        });
        tcp.collect()
    }
}

/// Addresses of several backends, with their names.
fn shared(backends: &[BackendAddress]) -> Vec<(Vec<&str>, &BackendAddress)> {
    let mut places: BTreeMap<(&str, u16), (Vec<&str>, &BackendAddress)> = BTreeMap::new();
    for backend in backends {
        let place = (backend.host.as_str(), backend.port);
        let names = &mut places.entry(place).or_insert((Vec::new(), backend)).0;
        names.push(&backend.name);
    }
    let mut shared: Vec<_> = places.into_values().collect();
    shared.retain(|(names, _)| names.len() > 1);
    shared
}

fn said_of_shared(pool: &str, shared: &[(Vec<&str>, &BackendAddress)]) -> Option<String> {
    let (names, backend) = shared.first()?;
    let shown = backend.to_string();
    let address = shown.split_once('=').map_or("", |(_, address)| address);
    let (them, share) = match names.as_slice() {
        [one, other] => (format!("{one} and {other} are both"), "twice".to_owned()),
        names if names.len() <= FEW => (
            format!("{} are all", names.join(", ")),
            format!("{} times", names.len()),
        ),
        names => (
            format!(
                "{} and {} more are all",
                names[..FEW - 1].join(", "),
                names.len() + 1 - FEW
            ),
            format!("{} times", names.len()),
        ),
    };
    let others = match shared.len() {
        1 => String::new(),
        2 => "; another address is like it".to_owned(),
        many => format!("; {} other addresses are like it", many - 1),
    };
    let said = format!("backends {them} {address}: it gets {share} the sessions{others}");
    Some(in_pool(pool) + &said)
}

/// A backend that leads back to the balancer.
fn said_of_loop(pool: &str, backend: &BackendAddress) -> String {
    in_pool(pool) + &format!("backend {backend} is this balancer: its sessions come back")
}

fn is_own(backend: &BackendAddress, own: &[SocketAddr]) -> bool {
    let host = match backend.host.as_str() {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        host => host.parse().ok(),
    };
    host.is_some_and(|host| {
        own.iter().any(|own| {
            let everywhere =
                own.ip().is_unspecified() && (host.is_loopback() || host.is_unspecified());
            own.port() == backend.port && (own.ip() == host || everywhere)
        })
    })
}

fn in_pool(pool: &str) -> String {
    match pool {
        DEFAULT_NAME => String::new(),
        pool => format!("pool {pool}: "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::tests::load_text;

    #[test]
    fn a_line_for_each_pool_is_said() {
        let many: Vec<String> = (0..100).map(|number| format!("'m{number}=h:1'")).collect();
        for (text, said) in [
            ("backends = ['a=h:1', 'b=h:2', 'c=i:1']".to_owned(), vec![]),
            (
                "backends = ['a=h:1', 'b=h:2', 'c=h:1']".to_owned(),
                vec!["backends a and c are both h:1: it gets twice the sessions"],
            ),
            (
                format!("backends = [{}]", many.join(", ")),
                vec!["backends m0, m1 and 98 more are all h:1: it gets 100 times the sessions"],
            ),
            (
                "backends = ['a=h:1', 'b=h:1', 'c=h:1', 'd=[::1]:2', 'e=[::1]:2']".to_owned(),
                vec![
                    "backends d and e are both [::1]:2: it gets twice the sessions; another address is like it",
                ],
            ),
            (
                "listen = '0.0.0.0:81'\nbackends = ['a=127.0.0.1:81', 'b=10.0.0.1:81', 'c=127.0.0.1:82']".to_owned(),
                vec!["backend a=127.0.0.1:81 is this balancer: its sessions come back"],
            ),
            (
                "backends = ['a=h:1']\n[[services]]\nname = 's'\nlisten = '10.0.0.1:81'\nbackends = ['x=h:1', 'y=10.0.0.1:81', 'z=h:1']".to_owned(),
                vec![
                    "pool s: backends x and z are both h:1: it gets twice the sessions",
                    "pool s: backend y=10.0.0.1:81 is this balancer: its sessions come back",
                ],
            ),
        ] {
            assert_eq!(load_text(&text).unwrap().doubts(), said, "{text}");
        }
    }

    #[test]
    fn what_is_open_to_everybody_or_used_by_nobody_is_doubted() {
        let doubts = |text: &str| load_text(text).unwrap().doubts();
        let open = "backends = ['a=h:1']\nadmin = '0.0.0.0:8404'\n";
        let said = doubts(open);
        assert!(said.len() == 1 && said[0].starts_with("admin = 0.0.0.0:8404: whoever reaches it"));
        let said = doubts(&format!("{open}admin_read_token_file = '/x'\n"));
        let clear = "admin = 0.0.0.0:8404: secrets and passwords cross the network in the clear; [admin_tls] encrypts them";
        assert_eq!(said, [clear]);
        let local =
            "backends = ['a=h:1']\nadmin = '127.0.0.1:8404'\nadmin_read_token_file = '/x'\n";
        assert!(doubts(local).is_empty());
        let pools = "[[pools]]\nname = 'p'\nbackends = ['x=h:2']\n[[pools]]\nname = 'q'\nbackends = ['x=h:2']\n";
        let route = "[[routes]]\nname = 'r'\nfirst_bytes = 'ssh'\npool = 'q'\n";
        assert_eq!(
            doubts(&format!("backends = ['a=h:1']\n{pools}{route}")),
            ["pool p: no service and no route uses it"]
        );
    }

    #[test]
    fn a_backend_alone_is_judged() {
        let config = load_text(
            "listen = '127.0.0.1:81'\nbackends = ['a=h:1', 'b=h:1', 'c=h:2', 'd=h:3', 'e=h:3', 'f=127.0.0.1:81']",
        )
        .unwrap();
        let about = |name| config.doubts_about("default", name);
        assert_eq!(about("c"), [""; 0]);
        assert_eq!(
            about("e"),
            ["backends d and e are both h:3: it gets twice the sessions"]
        );
        assert_eq!(
            about("f"),
            ["backend f=127.0.0.1:81 is this balancer: its sessions come back"]
        );
        assert_eq!(config.doubts_about("none", "a"), [""; 0]);
    }
}
