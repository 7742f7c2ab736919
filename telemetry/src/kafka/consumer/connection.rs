//! One connection to a broker: TCP, TLS and SASL, then one question at a time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::messages::{Authenticate, Handshake, Metadata, NONE, Request};
use super::sasl::Session;
use super::wire::{Input, Malformed, put_string};
use crate::kafka::brokers::CLIENT_ID;
use crate::kafka::error::KafkaError;
use crate::kafka::security::{Sasl, Security};

/// The largest answer: a fetch of one large batch. A peer that is not Kafka can announce any size.
const MAX_ANSWER: u32 = 64 << 20;
/// A broker that asks for silence is believed for so long.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// A connection that is ready for questions.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    /// The number of the last question.
    number: i32,
    /// Until then the broker does not read what we send.
    silent_until: Option<Instant>,
}

impl Connection {
    /// Connects to `HOST:PORT`, encrypts and authenticates.
    ///
    /// # Errors
    /// [`KafkaError`] if one of these fails or all together take longer than `limit`.
    pub(crate) async fn open(
        address: &str,
        security: &Security,
        limit: Duration,
    ) -> Result<Self, KafkaError> {
        let step = "connect";
        let open = async {
            let failed = |error: io::Error| broken(step, &error);
            let stream = TcpStream::connect(address).await.map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            let stream = match security.tls() {
                None => Either::Left(stream),
                Some(config) => {
                    let encrypted = encrypt(stream, address, config).await;
                    Either::Right(Box::new(encrypted.map_err(failed)?))
                }
            };
            let mut connection = Self {
                stream,
                number: 0,
                silent_until: None,
            };
            if let Some(sasl) = security.sasl() {
                connection.authenticate(sasl, limit).await?;
            }
            Ok(connection)
        };
        match timeout(limit, open).await {
            Ok(opened) => opened,
            Err(_) => Err(KafkaError::Timeout { step, after: limit }),
        }
    }

    /// What the cluster knows of a topic, which is not created by that.
    ///
    /// # Errors
    /// [`KafkaError`]; the connection is of no use any more.
    pub(crate) async fn metadata(
        &mut self,
        topic: &str,
        limit: Duration,
    ) -> Result<Metadata, KafkaError> {
        self.ask("find leader", Metadata::request(topic), limit)
            .await
    }

    /// The answer to a question. Without one in time, or if the call is given up, the connection is of no use any more.
    ///
    /// # Errors
    /// [`KafkaError`] if there is none, or one that is not Kafka's.
    pub(super) async fn ask<T>(
        &mut self,
        step: &'static str,
        request: Request<T>,
        limit: Duration,
    ) -> Result<T, KafkaError> {
        if let Some(until) = self.silent_until.take() {
            sleep_until(until).await;
        }
        let parse = request.parse;
        match timeout(limit, self.exchange(request)).await {
            Ok(Ok(answer)) => parse(&answer).map_err(|error| malformed(step, error)),
            Ok(Err(error)) => Err(broken(step, &error)),
            Err(_) => Err(KafkaError::Timeout { step, after: limit }),
        }
    }

    /// The broker wants to hear nothing for a while: our quota is used up.
    pub(super) fn be_silent(&mut self, millis: i32) {
        let millis = u64::try_from(millis).unwrap_or(0);
        let silence = Duration::from_millis(millis).min(MAX_SILENCE);
        self.silent_until = (!silence.is_zero()).then(|| Instant::now() + silence);
    }

    async fn exchange<T>(&mut self, request: Request<T>) -> io::Result<Bytes> {
        self.number = self.number.wrapping_add(1);
        let mut head = Vec::with_capacity(64);
        head.put_i16(request.api);
        head.put_i16(request.version);
        head.put_i32(self.number);
        put_string(&mut head, CLIENT_ID);
        let length = u32::try_from(head.len() + request.body.len()).unwrap_or(u32::MAX);
        let message = [&length.to_be_bytes()[..], &head, &request.body].concat();
        self.stream.write_all(&message).await?;
        self.stream.flush().await?;

        let length = self.stream.read_u32().await?;
        if length > MAX_ANSWER {
            let said = format!("an answer of {length} bytes, which is no answer of Kafka");
            return Err(io::Error::new(io::ErrorKind::InvalidData, said));
        }
        // Grows with what comes: a length is only a claim.
        let mut answer = Vec::new();
        let mut stream = (&mut self.stream).take(length.into());
        stream.read_to_end(&mut answer).await?;
        if answer.len() as u64 != u64::from(length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let answer = Bytes::from(answer);
        match Input(&answer).int32() {
            Ok(number) if number == self.number => Ok(answer.slice(4..)),
            _ => {
                let said = "an answer to another question";
                Err(io::Error::new(io::ErrorKind::InvalidData, said))
            }
        }
    }

    async fn authenticate(&mut self, sasl: &Sasl, limit: Duration) -> Result<(), KafkaError> {
        let step = "authenticate";
        let refused = |reason: String| KafkaError::Connection { step, reason };
        let request = Handshake::request(sasl.mechanism.name());
        let answer = self.ask(step, request, limit).await?;
        if answer.error != NONE {
            let code = answer.error;
            return Err(KafkaError::Refused { step, code });
        }
        let mut session = Session::new(sasl).map_err(refused)?;
        let mut said: Option<Vec<u8>> = None;
        loop {
            let (message, is_finished) = session.step(said.as_deref()).map_err(refused)?;
            if let Some(message) = message {
                let request = Authenticate::request(&message);
                let answer = self.ask(step, request, limit).await?;
                match answer.error {
                    NONE => said = Some(answer.bytes),
                    code if answer.reason.is_empty() => {
                        return Err(KafkaError::Refused { step, code });
                    }
                    _ => return Err(refused(answer.reason)),
                }
            }
            if is_finished {
                return Ok(());
            }
        }
    }
}

async fn encrypt(
    stream: TcpStream,
    address: &str,
    config: &Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
}

fn broken(step: &'static str, error: &io::Error) -> KafkaError {
    let reason = match error.kind() {
        // Also what a broker does that does not know a request, or wants TLS.
        io::ErrorKind::UnexpectedEof => "the broker closed the connection".to_owned(),
        _ => error.to_string(),
    };
    KafkaError::Connection { step, reason }
}

/// An answer that is not Kafka's.
pub(super) fn malformed(step: &'static str, error: Malformed) -> KafkaError {
    let reason = format!("the answer is not in Kafka's format: {error}");
    KafkaError::Connection { step, reason }
}
