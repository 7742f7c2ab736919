//! Binds the sockets that clients connect to, or takes over those that this process inherited for them.

use netsocket_settings::AdminAddress;

use crate::config::{Config, DEFAULT_NAME, ListenAddress, ListenOptions, ServicePlan};
use crate::control::handover::{Inherited, InheritedListener};
use crate::control::resolve::BindError;
use crate::data_path::listen_socket::ListenSocket;
use crate::data_path::listener::{BoundSocket, Listener};

/// Whoever reaches the directory of a unix socket may connect, as to a TCP port of this machine.
const MODE: u32 = 0o666;

/// A socket, and the service that it is for.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) service: String,
    pub(crate) socket: BoundSocket,
}

/// The sockets of all services.
///
/// # Errors
/// All sockets that the service manager should have passed, or that nothing refers to; else the first address that cannot
/// be bound.
pub(crate) fn bind_all(
    config: &Config,
    inherited: &mut Inherited,
) -> Result<Vec<Bound>, BindError> {
    let plans = config.service_plans();
    let sockets = assign(config, &plans, inherited)?;
    // Sockets of the old process that nothing needs any more close here.
    inherited.listen.clear();
    let mut bound = Vec::new();
    for (plan, address, inherited) in sockets {
        if inherited.is_empty() {
            bound.extend(bind(plan, &address)?);
        }
        for socket in inherited {
            bound.push(adopt(plan, &address, socket)?);
        }
    }
    Ok(bound)
}

/// An address of a service, and the sockets that are there for it; none, if it has to be bound.
type Assigned<'a> = (&'a ServicePlan<'a>, ListenAddress, Vec<InheritedListener>);

/// Gives each inherited socket to whom it is for, before anything is bound.
fn assign<'a>(
    config: &Config,
    plans: &'a [ServicePlan<'a>],
    inherited: &mut Inherited,
) -> Result<Vec<Assigned<'a>>, BindError> {
    let names = inherited.names_left().join(":");
    let given = inherited.names_left().len();
    let mut assigned: Vec<Assigned<'a>> = Vec::new();
    for plan in plans {
        for address in plan.settings.listen.addresses() {
            let sockets = inherited.take_for(plan.name, address);
            assigned.push((plan, address.clone(), sockets));
        }
    }
    // What settings refer to came first: the rest is for the default service, in place of its own addresses.
    let is_default = |plan: &ServicePlan<'_>| plan.name == DEFAULT_NAME;
    if let Some(plan) = plans.iter().find(|plan| is_default(plan))
        && config.has_default_service()
    {
        let unnamed = inherited.take_unnamed();
        if !unnamed.is_empty() {
            assigned.retain(|(plan, ..)| !is_default(plan));
            let address = ListenAddress::Named(DEFAULT_NAME.to_owned());
            assigned.insert(0, (plan, address, unnamed));
        }
    }
    let absent = assigned.iter().filter(|(_, address, sockets)| {
        sockets.is_empty() && matches!(address, ListenAddress::Named(_))
    });
    let mut problems: Vec<String> = absent
        .map(|(plan, address, _)| missing(plan, address, &names))
        .collect();
    if !inherited.names_left().is_empty() {
        let error = crate::control::systemd::ActivationError::Names(given, names);
        problems.push(error.to_string());
    }
    match problems.is_empty() {
        true => Ok(assigned),
        false => Err(BindError::Sockets(problems)),
    }
}

/// A new socket; `None` where only the service manager could have made it.
pub(crate) fn bind(
    plan: &ServicePlan<'_>,
    address: &ListenAddress,
) -> Result<Option<Bound>, BindError> {
    let place = match address {
        ListenAddress::Tcp(address) => AdminAddress::Tcp(*address),
        ListenAddress::Unix(path) => AdminAddress::Unix(path.clone()),
        ListenAddress::Named(_) => return Ok(None),
    };
    let socket = ListenSocket::bind(&place, plan.settings.listen_options, MODE);
    let socket = socket.map_err(|error| failed(plan, address, error))?;
    Ok(Some(Bound {
        service: plan.name.to_owned(),
        socket: BoundSocket::new(socket, address.clone(), None),
    }))
}

/// The socket of a service that gives up its address, for another one.
pub(crate) fn take_over(
    plan: &ServicePlan<'_>,
    address: &ListenAddress,
    listener: &Listener,
) -> Result<Bound, BindError> {
    let bound = &listener.bound;
    let socket = bound.socket.try_clone();
    let socket = socket.map_err(|error| failed(plan, address, error))?;
    Ok(Bound {
        service: plan.name.to_owned(),
        socket: BoundSocket::new(socket, address.clone(), bound.managed.clone()),
    })
}

fn adopt(
    plan: &ServicePlan<'_>,
    address: &ListenAddress,
    inherited: InheritedListener,
) -> Result<Bound, BindError> {
    let options: ListenOptions = plan.settings.listen_options;
    let (socket, managed) = inherited.into_parts();
    let socket = socket.adopt(options);
    let socket = socket.map_err(|error| failed(plan, address, error))?;
    Ok(Bound {
        service: plan.name.to_owned(),
        socket: BoundSocket::new(socket, address.clone(), managed),
    })
}

fn failed(plan: &ServicePlan<'_>, address: &ListenAddress, error: std::io::Error) -> BindError {
    BindError::Listen {
        key: key(plan),
        address: address.to_string(),
        error,
    }
}

fn missing(plan: &ServicePlan<'_>, address: &ListenAddress, names: &str) -> String {
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.replace(':', ", ")
    };
    let origin = plan.settings.listen_origin.as_deref();
    let origin = origin.map_or_else(String::new, |origin| format!("{origin}: "));
    format!(
        "{origin}{} {address}: no such socket from systemd; it passed: {names}",
        key(plan)
    )
}

fn key(plan: &ServicePlan<'_>) -> String {
    if plan.name == DEFAULT_NAME {
        "listen".to_owned()
    } else {
        format!("service {}: listen", plan.name)
    }
}
