use super::*;

fn server(kind: ErrorKind) -> Error {
    Error::Server(ErrorReply::new(kind, "x"))
}

#[test]
fn each_error_has_its_exit_code() {
    let address = "a:1".to_owned();
    let refused = io::Error::from_raw_os_error(111);
    for (error, exit, kind) in [
        (Error::Usage(String::new()), Exit::Usage, "usage"),
        (
            Error::Connect {
                server: address.clone(),
                reason: reason(&refused),
            },
            Exit::CannotConnect,
            "connect",
        ),
        (
            Error::ClosedAtOnce(address.clone()),
            Exit::CannotConnect,
            "connect",
        ),
        (
            Error::NoGreeting {
                server: address.clone(),
                reason: String::new(),
            },
            Exit::CannotConnect,
            "connect",
        ),
        (Error::Tls(String::new()), Exit::CannotConnect, "tls"),
        (Error::Token(String::new()), Exit::CannotConnect, "token"),
        (
            Error::NotNetSocket(address.clone()),
            Exit::CannotConnect,
            "not_netsocket",
        ),
        (
            Error::HttpServer(address.clone()),
            Exit::CannotConnect,
            "not_netsocket",
        ),
        (Error::TlsServer(address), Exit::CannotConnect, "tls"),
        (Error::Kept(PathBuf::new()), Exit::Done, "exists"),
        (
            Error::AlreadyThere(PathBuf::new()),
            Exit::TransferFailed,
            "exists",
        ),
        (
            Error::OperandThere(PathBuf::new()),
            Exit::TransferFailed,
            "exists",
        ),
        (
            Error::Stalled(Duration::from_secs(30)),
            Exit::TransferFailed,
            "stalled",
        ),
        (server(ErrorKind::NotFound), Exit::NothingFound, "not_found"),
        (server(ErrorKind::Busy), Exit::TransferFailed, "busy"),
        (server(ErrorKind::Denied), Exit::Usage, "denied"),
        (server(ErrorKind::BadRequest), Exit::Usage, "bad_request"),
        (Error::Interrupted, Exit::Interrupted, "interrupted"),
        (
            Error::ReaderGone {
                archive: false,
                stdout: true,
            },
            Exit::Done,
            "output",
        ),
        (
            Error::ReaderGone {
                archive: true,
                stdout: true,
            },
            Exit::TransferFailed,
            "output",
        ),
    ] {
        assert_eq!((error.exit(), error.kind()), (exit, kind), "{error}");
    }
}

#[test]
fn only_what_may_pass_is_retryable() {
    assert!(server(ErrorKind::Busy).is_retryable());
    assert!(Error::Lost(String::new()).is_retryable());
    assert!(!server(ErrorKind::Denied).is_retryable());
    assert!(!Error::Usage(String::new()).is_retryable());
    assert_eq!(server(ErrorKind::Busy).side(), Side::Server);
    assert_eq!(Error::Lost(String::new()).side(), Side::Network);
}

#[test]
fn what_concerns_one_file_keeps_no_other() {
    assert!(server(ErrorKind::NotFound).is_of_one_operand());
    assert!(server(ErrorKind::Denied).is_of_one_operand());
    assert!(Error::Usage(String::new()).is_of_one_operand());
    assert!(!server(ErrorKind::Busy).is_of_one_operand());
    assert!(!Error::Lost(String::new()).is_of_one_operand());
    assert!(!Error::Interrupted.is_of_one_operand());
}

#[test]
fn a_server_cannot_drive_the_terminal_by_its_sentence() {
    let hostile = Error::Server(ErrorReply::new(ErrorKind::Busy, "a\x1b[2J\nb"));
    assert_eq!(hostile.to_string(), "the server says: a\\u{1b}[2J\\nb");
}
