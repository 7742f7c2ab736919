//! The trailer: the message after the last block.

use netsocket_protocol::message::{Lacking, Problem, Trailer, Warning};

/// The most bytes of warnings in a trailer, so that it fits into a frame with a margin.
const WARNINGS_BYTES: usize = netsocket_protocol::MAX_FRAME / 2;

/// The trailer of an archive: faults found while streaming first, then the warnings of the plan; those that do not fit
/// are counted.
#[must_use]
pub fn trailer(
    blocks: u64,
    bytes: u64,
    digest: &blake3::Hash,
    faults: Vec<Warning>,
    planned: &[Warning],
) -> Trailer {
    let (unreadable, renamed): (Vec<&Warning>, Vec<&Warning>) = planned
        .iter()
        .partition(|warning| warning.problem != Problem::Renamed);
    let planned = unreadable.into_iter().chain(renamed).cloned();
    let Lacking { warnings, unlisted } =
        Lacking::fitting(faults.into_iter().chain(planned), WARNINGS_BYTES);
    Trailer {
        blocks,
        bytes,
        digest: digest.to_hex().to_string(),
        warnings,
        unlisted,
    }
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::message::Message as _;
    use netsocket_protocol::name::Name;

    use super::*;

    fn warnings(count: usize, path: &[u8], problem: Problem) -> Vec<Warning> {
        let path = Name::from(path);
        vec![Warning { path, problem }; count]
    }

    #[test]
    fn faults_come_first_and_renamings_last() {
        let planned = [
            warnings(1, b"r", Problem::Renamed),
            warnings(1, b"u", Problem::Unreadable),
        ]
        .concat();
        let faults = warnings(1, b"v", Problem::Vanished);
        let trailer = trailer(1, 2, &blake3::hash(b""), faults, &planned);
        let problems: Vec<Problem> = trailer.warnings.iter().map(|w| w.problem).collect();
        assert_eq!(
            problems,
            [Problem::Vanished, Problem::Unreadable, Problem::Renamed]
        );
        assert_eq!(trailer.unlisted, 0);
    }

    #[test]
    fn any_number_of_warnings_fits_into_a_frame() {
        for path in [
            &b"\x01\x02\x03"[..],
            b"plain",
            &[b'\n'; 4_000],
            &[0xff; 255],
        ] {
            let planned = warnings(60_000, path, Problem::Renamed);
            let trailer = trailer(1, 2, &blake3::hash(b""), Vec::new(), &planned);
            assert_eq!(trailer.warnings.len() as u64 + trailer.unlisted, 60_000);
            assert!(trailer.unlisted > 0);
            let frame = trailer.to_frame().unwrap();
            assert!(frame.payload.len() < netsocket_protocol::MAX_FRAME);
        }
    }
}
