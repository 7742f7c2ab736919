//! DNS queries. Asks DNS servers only, never the hosts file, and caches nothing: the caller decides how long an answer is
//! valid.
//!
//! A resolver is created for each query. That costs one file read, and the DNS servers of the system are always the
//! current ones.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, TokioResolver};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::{Answer, AskError, Found, MAX_ENDPOINTS, Service};
use super::watch::Ask;
use crate::config::{IpFamily, Question};

/// For one server to answer, where the system does not say.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);
/// How often one question is sent again, where the system does not say.
const RETRIES: usize = 1;
/// For a question with all that follows from it.
const ASK_TIMEOUT: Duration = Duration::from_secs(15);
/// Questions at a time for the hosts that SRV records name.
const AT_A_TIME: usize = 8;

/// A DNS resolver that uses the servers of the system or given ones.
#[derive(Debug, Clone, Default)]
pub struct Dns {
    /// Servers to query; if empty, those of the system.
    servers: Vec<SocketAddr>,
    /// Whether queries are answered only without EDNS.
    edns_fails: Arc<AtomicBool>,
}

/// Records of one kind, which may be none.
struct Records {
    data: Vec<RData>,
    ttl: Option<Duration>,
}

/// The addresses of a host.
struct Addresses {
    ips: Vec<IpAddr>,
    ttl: Option<Duration>,
    missing: Option<AskError>,
}

impl Ask for Dns {
    async fn ask(&self, question: Question) -> Result<Answer, AskError> {
        timeout(ASK_TIMEOUT, self.answer(question))
            .await
            .unwrap_or(Err(AskError::Timeout))
    }
}

impl Dns {
    /// Uses `servers`, or those of the system (`/etc/resolv.conf`, read again for each query) if empty.
    #[must_use]
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self {
            servers,
            edns_fails: Arc::default(),
        }
    }

    async fn answer(&self, question: Question) -> Result<Answer, AskError> {
        let names = Names::new(&self.servers, &self.edns_fails)?;
        match question {
            Question::Addresses { host, port, family } => {
                let Addresses { ips, ttl, missing } = names.addresses(&host, family).await?;
                let found = ips.into_iter().map(|ip| Found {
                    address: (ip, port).into(),
                    service: None,
                });
                Ok(Answer {
                    found: found.collect(),
                    ttl: ttl.unwrap_or_default(),
                    missing,
                })
            }
            Question::Services { name, family } => names.services(&name, family).await,
        }
    }
}

/// A resolver, and how it completes names.
#[derive(Clone)]
struct Names {
    resolver: TokioResolver,
    /// `None` if the resolver uses no EDNS anyway.
    without_edns: Option<WithoutEdns>,
    search: Vec<Name>,
    /// A name with fewer dots is completed first.
    dots: usize,
}

/// For servers that do not know EDNS.
#[derive(Clone)]
struct WithoutEdns {
    resolver: TokioResolver,
    needed: Arc<AtomicBool>,
}

impl Names {
    fn new(servers: &[SocketAddr], edns_fails: &Arc<AtomicBool>) -> Result<Self, AskError> {
        let (config, mut options) = if servers.is_empty() {
            read_system_conf().map_err(|error| AskError::NoServer(error.to_string()))?
        } else {
            let servers = servers.iter().map(name_server).collect();
            let mut options = ResolverOpts::default();
            (options.timeout, options.attempts) = (SERVER_TIMEOUT, RETRIES);
            (ResolverConfig::from_name_servers(servers), options)
        };
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = 0;
        let search = config.search().iter().chain(config.domain()).cloned();
        let (search, dots) = (search.collect(), options.ndots);
        let without_edns = if options.edns0 {
            let mut options = options.clone();
            options.edns0 = false;
            Some(WithoutEdns {
                resolver: resolver(config.clone(), options)?,
                needed: Arc::clone(edns_fails),
            })
        } else {
            None
        };
        Ok(Self {
            resolver: resolver(config, options)?,
            without_edns,
            search,
            dots,
        })
    }

    /// The servers of a service.
    async fn services(&self, name: &str, family: IpFamily) -> Result<Answer, AskError> {
        let records = self.records(name, RecordType::SRV).await?;
        let mut services: Vec<SRV> = records
            .data
            .into_iter()
            .filter_map(|data| match data {
                // The root as target says that there is no such service.
                RData::SRV(service) if !service.target.is_root() => Some(service),
                _ => None,
            })
            .collect();
        services.sort_by_key(|service| service.priority);
        services.truncate(MAX_ENDPOINTS);
        let mut answer = Answer {
            found: Vec::new(),
            ttl: records.ttl.unwrap_or_default(),
            missing: None,
        };
        let mut waiting = services.into_iter();
        let mut asking = JoinSet::new();
        loop {
            while asking.len() < AT_A_TIME
                && let Some(service) = waiting.next()
            {
                let names = self.clone();
                asking.spawn(async move {
                    let addresses = names.addresses(&service.target.to_ascii(), family).await;
                    (service, addresses)
                });
            }
            let Some(asked) = asking.join_next().await else {
                return Ok(answer);
            };
            match asked {
                Ok((service, Ok(addresses))) => add(&mut answer, &service, addresses),
                Ok((_, Err(error))) => answer.missing = Some(error),
                Err(fault) => answer.missing = Some(AskError::Failed(fault.to_string())),
            }
        }
    }

    /// The addresses of a family, or of both: then one that fails leaves the other's.
    async fn addresses(&self, host: &str, family: IpFamily) -> Result<Addresses, AskError> {
        let asked = async |kind, other| match family == other {
            true => None,
            false => Some(self.records(host, kind).await),
        };
        let (v4, v6) = tokio::join!(
            asked(RecordType::A, IpFamily::V6),
            asked(RecordType::AAAA, IpFamily::V4)
        );
        let mut addresses = Addresses {
            ips: Vec::new(),
            ttl: None,
            missing: None,
        };
        let answers = [("A", v4), ("AAAA", v6)];
        let answers = answers
            .into_iter()
            .filter_map(|(family, records)| Some((family, records?)));
        let answers: Vec<(&str, Result<Records, AskError>)> = answers.collect();
        let neither = answers.iter().all(|(_, records)| records.is_err());
        for (family, records) in answers {
            match records {
                Ok(records) => {
                    addresses.ttl = shortest(addresses.ttl, records.ttl);
                    addresses
                        .ips
                        .extend(records.data.iter().filter_map(RData::ip_addr));
                }
                Err(error) if neither => return Err(error),
                Err(error) => {
                    let error = Box::new(error);
                    addresses.missing = Some(AskError::Family { family, error });
                }
            }
        }
        match addresses.missing {
            Some(error) if addresses.ips.is_empty() => Err(error),
            _ => Ok(addresses),
        }
    }

    /// The records of the first completion of `name` that has any. Where none has, but one could not be asked for, it
    /// is not known whether there are any.
    async fn records(&self, name: &str, kind: RecordType) -> Result<Records, AskError> {
        let mut failure = None;
        for name in self.completions(name)? {
            match self.lookup(name, kind).await {
                Ok(lookup) => {
                    let ttl = lookup.answers().iter().map(|record| record.ttl).min();
                    let data = lookup.answers().iter().map(|record| record.data.clone());
                    let data: Vec<RData> = data.filter(|data| data.record_type() == kind).collect();
                    if !data.is_empty() {
                        let ttl = ttl.map(|seconds| Duration::from_secs(seconds.into()));
                        return Ok(Records { data, ttl });
                    }
                }
                Err(error) if error.is_no_records_found() => {}
                Err(error) => failure = Some(failed(&error)),
            }
        }
        failure.map_or(
            Ok(Records {
                data: Vec::new(),
                ttl: None,
            }),
            Err,
        )
    }

    /// Asks with EDNS unless the settings say otherwise. A server that does not know EDNS answers FORMERR or NOTIMP; many
    /// leave out the question then, so that the answer is taken for a forged one and the query times out. Such a server is
    /// asked again without EDNS (RFC 6891, section 7), and if that helps, only without it from then on.
    async fn lookup(&self, name: Name, kind: RecordType) -> Result<Lookup, NetError> {
        let Some(without_edns) = &self.without_edns else {
            return self.resolver.lookup(name, kind).await;
        };
        if !without_edns.needed.load(Relaxed) {
            let answer = self.resolver.lookup(name.clone(), kind).await;
            if !answer.as_ref().is_err_and(may_reject_edns) {
                return answer;
            }
        }
        let answer = without_edns.resolver.lookup(name, kind).await;
        let answered = match &answer {
            Ok(_) => true,
            Err(error) => error.is_no_records_found(),
        };
        if answered {
            without_edns.needed.store(true, Relaxed);
        }
        answer
    }

    /// As the system's resolver completes names: one that ends with a dot is complete; one with dots enough is tried
    /// as it is first, others last.
    fn completions(&self, name: &str) -> Result<Vec<Name>, AskError> {
        let invalid = |_| AskError::Failed(format!("{name} is not a valid DNS name"));
        let given = Name::from_ascii(name).map_err(invalid)?;
        let mut complete = given.clone();
        complete.set_fqdn(true);
        if given.is_fqdn() {
            return Ok(vec![complete]);
        }
        let mut names: Vec<Name> = Vec::new();
        for domain in &self.search {
            // One that gets too long is no name.
            if let Ok(mut name) = given.clone().append_domain(domain) {
                name.set_fqdn(true);
                names.push(name);
            }
        }
        let dots = name.bytes().filter(|&byte| byte == b'.').count();
        let at = if dots >= self.dots { 0 } else { names.len() };
        names.insert(at, complete);
        let mut distinct: Vec<Name> = Vec::new();
        for name in names {
            if !distinct.contains(&name) {
                distinct.push(name);
            }
        }
        Ok(distinct)
    }
}

fn resolver(config: ResolverConfig, options: ResolverOpts) -> Result<TokioResolver, AskError> {
    let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build().map_err(|error| failed(&error))
}

fn may_reject_edns(error: &NetError) -> bool {
    matches!(
        error,
        NetError::Timeout
            | NetError::Dns(DnsError::ResponseCode(
                ResponseCode::FormErr | ResponseCode::NotImp
            ))
    )
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn add(answer: &mut Answer, service: &SRV, addresses: Addresses) {
    answer.ttl = addresses.ttl.map_or(answer.ttl, |ttl| ttl.min(answer.ttl));
    if let Some(error) = addresses.missing {
        answer.missing = Some(error);
    }
    answer
        .found
        .extend(addresses.ips.into_iter().map(|ip| Found {
            address: (ip, service.port).into(),
            service: Some(Service {
                priority: service.priority,
                weight: service.weight,
            }),
        }));
}

fn shortest(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}

fn failed(error: &NetError) -> AskError {
    match error {
        NetError::Timeout => AskError::Timeout,
        NetError::Dns(DnsError::ResponseCode(code)) => AskError::Refused(code.to_string()),
        other => AskError::Failed(other.to_string()),
    }
}
