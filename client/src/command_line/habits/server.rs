//! Servers and files on them as ssh, sftp, scp, rsync and curl name them, where a command is expected.

use std::net::{IpAddr, Ipv6Addr};

use crate::command_line::default_port::DEFAULT_PORT;
use crate::command_line::quote::pasteable;

/// Where a word leads.
struct Meant<'a> {
    /// The address, without a user.
    server: String,
    /// What follows it; empty if nothing does.
    path: &'a str,
}

/// What to use for a word that names a server, or a file on one; `next` follows it.
pub(crate) fn server(
    word: &str,
    next: Option<&str>,
    is_command: impl Fn(&str) -> bool,
) -> Option<String> {
    let Meant { server, path } = meant(word, next.is_some_and(is_command))?;
    match path.trim_start_matches('/') {
        "" => Some(format!("for a server, use --server {server}")),
        root => Some(whole_command(&server, "get", root)),
    }
}

/// What to use for a URL behind a command, which was typed as `command`.
pub(crate) fn url(command: &str, word: &str) -> Option<String> {
    const SCHEMES: [&str; 7] = ["http", "https", "ftp", "ftps", "sftp", "ssh", "netsocket"];
    let (scheme, _) = word.split_once("://")?;
    if !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let Meant { server, path } = meant(word, false)?;
    Some(whole_command(
        &server,
        command,
        path.trim_start_matches('/'),
    ))
}

fn whole_command(server: &str, command: &str, root: &str) -> String {
    let recursive = match command == "get" && (root.is_empty() || root.ends_with('/')) {
        true => " -r",
        false => "",
    };
    let path = pasteable(format!("/{root}").as_bytes());
    format!("for a file on a server, use netsocket --server {server} {command}{recursive} {path}")
}

fn meant(word: &str, is_before_command: bool) -> Option<Meant<'_>> {
    let (has_scheme, rest) = match word.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, word),
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (has_user, authority) = match authority.rsplit_once('@') {
        Some((_, authority)) => (true, authority),
        None => (false, authority),
    };
    if let Ok(host) = authority.parse::<Ipv6Addr>() {
        let server = format!("[{host}]:{DEFAULT_PORT}");
        return Some(Meant { server, path });
    }
    let ends = match authority.starts_with('[') {
        true => authority.find(']')? + 1,
        false => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, behind) = authority.split_at(ends);
    let is_host = has_scheme
        || has_user
        || host == "localhost"
        || host.starts_with('[')
        || host.parse::<IpAddr>().is_ok();
    if host.is_empty() {
        return None;
    }
    let behind = match behind.strip_prefix(':') {
        None if is_host => "",
        None => {
            let is_name = path.is_empty() && host.contains('.') && is_before_command;
            return is_name.then(|| Meant {
                server: format!("{host}:{DEFAULT_PORT}"),
                path,
            });
        }
        Some(behind) => behind,
    };
    if !behind.is_empty() && behind.bytes().all(|byte| byte.is_ascii_digit()) {
        let server = format!("{host}:{behind}");
        return Some(Meant { server, path });
    }
    // Of scp: HOST:/PATH, or HOST:PATH.
    let is_path = behind.is_empty() && !path.is_empty();
    let server = format!("{host}:{DEFAULT_PORT}");
    (is_host || is_path || host.contains('.') && !behind.is_empty()).then(|| Meant {
        server,
        path: &rest[rest.len() - path.len() - behind.len()..],
    })
}
