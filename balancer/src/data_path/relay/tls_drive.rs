//! Drives a connection of rustls, either end of one: records in, bytes out, and what has to be said on the way.

use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus, WriteTraffic,
};

/// Either end of a connection.
pub(super) trait Process {
    type Data;

    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8])
    -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Process for UnbufferedServerConnection {
    type Data = rustls::server::ServerConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        records: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
}

impl Process for UnbufferedClientConnection {
    type Data = rustls::client::ClientConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        records: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
}

/// Where decrypted bytes go.
pub(super) struct Plain<'a> {
    pub(super) space: &'a mut [u8],
    pub(super) filled: usize,
}

impl Plain<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let space = self.space.get_mut(self.filled..);
        let space = space.and_then(|space| space.get_mut(..bytes.len()));
        // It is as large as what was read, and decrypting makes nothing longer.
        let space = space.ok_or_else(|| Error::General("no room for a record".to_owned()))?;
        space.copy_from_slice(bytes);
        self.filled += bytes.len();
        Ok(())
    }
}

/// How far a connection has come.
pub(super) struct Driven<T> {
    /// Bytes of records that are done with.
    pub(super) taken: usize,
    pub(super) peer_ended: bool,
    /// What was done once it could send; `None`: the handshake is not complete, or the connection is over.
    pub(super) open: Option<T>,
}

/// Takes in records until no whole one is left: all that are not done with, as rustls remembers places in them. What has to be sent goes to the end of `unsent`; `then` is called once the
/// connection can send.
pub(super) fn drive<P: Process, T>(
    connection: &mut P,
    records: &mut [u8],
    plain: &mut Plain<'_>,
    unsent: &mut Vec<u8>,
    then: impl FnOnce(WriteTraffic<'_, P::Data>, &mut Vec<u8>) -> T,
) -> Result<Driven<T>, Error> {
    let (mut taken, mut peer_ended) = (0, false);
    loop {
        let rest = records.get_mut(taken..).unwrap_or_default();
        let UnbufferedStatus { mut discard, state } = connection.process(rest);
        let is_over = match state {
            Err(error) => {
                taken += discard;
                let rest = records.get_mut(taken..).unwrap_or_default();
                tell_error(connection, rest, &error, unsent);
                return Err(error);
            }
            Ok(ConnectionState::WriteTraffic(traffic)) => {
                return Ok(Driven {
                    taken: taken + discard,
                    peer_ended,
                    open: Some(then(traffic, unsent)),
                });
            }
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    discard += record.discard;
                    plain.take(record.payload)?;
                }
                false
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                encode(&mut data, unsent);
                false
            }
            // It is sent from `unsent`, in its order.
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                false
            }
            Ok(ConnectionState::PeerClosed) => {
                peer_ended = true;
                false
            }
            // The handshake needs more, or the connection is over; our settings allow nothing else.
            Ok(_) => true,
        };
        taken += discard;
        if is_over {
            return Ok(Driven {
                taken,
                peer_ended,
                open: None,
            });
        }
    }
}

/// Has the alert that goes with an error sent, and what comes before it. `records` are those that are not done with: rustls
/// remembers places in them, and panics where they are not there. It is not asked again after the alert, as it would judge the
/// wrong record a second time.
fn tell_error<P: Process>(
    connection: &mut P,
    records: &mut [u8],
    error: &Error,
    unsent: &mut Vec<u8>,
) {
    if matches!(error, Error::AlertReceived(_)) {
        return;
    }
    let mut told = false;
    while !told {
        let Ok(ConnectionState::EncodeTlsData(mut data)) = connection.process(records).state else {
            return;
        };
        let start = unsent.len();
        encode(&mut data, unsent);
        told = is_alert(unsent.get(start..).unwrap_or_default());
    }
}

/// Whether a record is an alert: by its type, or in TLS 1.3, which hides types, by the length of two bytes with their type and
/// tag.
fn is_alert(record: &[u8]) -> bool {
    matches!(record, [21, ..] | [23, _, _, 0, 19, ..])
}

fn encode<D>(data: &mut EncodeTlsData<'_, D>, unsent: &mut Vec<u8>) {
    let start = unsent.len();
    // The first call only tells the size.
    while let Err(EncodeError::InsufficientSize(size)) =
        data.encode(unsent.get_mut(start..).unwrap_or_default())
    {
        unsent.resize(start + size.required_size, 0);
    }
}

/// What a connection that can send offers, whichever end it is.
pub(super) trait Traffic {
    fn encrypt(&mut self, bytes: &[u8], out: &mut [u8]) -> Option<usize>;
    fn end(&mut self, out: &mut [u8]) -> Option<usize>;
}

impl<D> Traffic for WriteTraffic<'_, D> {
    fn encrypt(&mut self, bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        WriteTraffic::encrypt(self, bytes, out).ok()
    }

    fn end(&mut self, out: &mut [u8]) -> Option<usize> {
        self.queue_close_notify(out).ok()
    }
}
