//! Pipes for splice(2): what carries bytes from socket to socket without a copy through this process.
//!
//! A flow leases a pipe only while bytes of it are inside, so idle flows hold none, and a thread needs few: those of
//! its flows whose readers are slower than their senders. Leased pipes are bounded per thread; a flow that gets none
//! copies.

use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{Errno, Result};
use rustix::pipe::{
    PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice,
};

/// What a pipe should hold: as much as a socket may have at once.
const WANTED: usize = 1 << 20;
/// A pipe that holds less is worse than copying. The system makes such pipes for a user who has too many.
const LEAST: usize = 64 << 10;
/// Pipes that a thread keeps for the next busy flow.
const SPARE: usize = 16;
thread_local! {
    static POOL: RefCell<Pool> =
        const { RefCell::new(Pool { spare: Vec::new(), leased: 0, most: 0, on_failure: None }) };
}

/// The pipes of one thread.
struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "boxed as they are leased, so that a flow without a pipe is small"
    )]
    spare: Vec<Box<Pipe>>,
    leased: usize,
    /// How many may be leased at a time.
    most: usize,
    on_failure: Option<OnFailure>,
}

/// What is to be done when the system gives no pipe.
pub(crate) type OnFailure = Box<dyn Fn(Errno)>;

/// Allows the flows of this thread so many pipes at a time; none where nothing is said. A flow for which the system has
/// none copies, and `on_failure` is told.
pub(crate) fn allow_pipes(most: usize, on_failure: OnFailure) {
    POOL.with_borrow_mut(|pool| {
        pool.most = most;
        pool.on_failure = Some(on_failure);
    });
}

/// A pipe and the number of bytes in it.
#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    held: usize,
}

impl Pipe {
    fn new() -> Result<Self> {
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // Refused where the user's limit is reached; then the pipe is as large as the system made it.
        let size = match fcntl_setpipe_size(&write, WANTED) {
            Ok(size) => size,
            Err(_) => fcntl_getpipe_size(&write)?,
        };
        if size < LEAST {
            return Err(Errno::NOMEM);
        }
        Ok(Self {
            read,
            write,
            held: 0,
        })
    }
}

/// A pipe in use by one flow. Given back when it is dropped empty; one with bytes in it is closed.
#[derive(Debug)]
pub(super) struct Lease(Option<Box<Pipe>>);

impl Lease {
    /// A pipe, unless the thread's flows have too many or the system gives none.
    pub(super) fn take() -> Option<Self> {
        POOL.with_borrow_mut(|pool| {
            if pool.leased >= pool.most {
                return None;
            }
            let pipe = match pool.spare.pop() {
                Some(pipe) => pipe,
                None => match Pipe::new() {
                    Ok(pipe) => Box::new(pipe),
                    Err(error) => {
                        if let Some(on_failure) = &pool.on_failure {
                            on_failure(error);
                        }
                        return None;
                    }
                },
            };
            pool.leased += 1;
            Some(Self(Some(pipe)))
        })
    }

    /// Bytes inside.
    pub(super) fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |pipe| pipe.held)
    }

    /// Moves bytes from a socket into the pipe, which must be empty: so "would block" can only mean that the socket has
    /// none. 0 is the socket's end.
    pub(super) fn fill(&mut self, source: impl AsFd) -> Result<usize> {
        let Some(pipe) = &mut self.0 else {
            return Err(Errno::BADF);
        };
        debug_assert_eq!(pipe.held, 0);
        let count = splice(source, None, &pipe.write, None, WANTED, flags())?;
        pipe.held = count;
        Ok(count)
    }

    /// Moves bytes from the pipe, which holds some, into a socket: so "would block" can only mean that the socket has no
    /// room.
    pub(super) fn drain(&mut self, sink: impl AsFd) -> Result<usize> {
        let Some(pipe) = &mut self.0 else {
            return Err(Errno::BADF);
        };
        let count = splice(&pipe.read, None, sink, None, pipe.held, flags())?;
        pipe.held = pipe.held.saturating_sub(count);
        Ok(count)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(pipe) = self.0.take() else { return };
        // The thread may be ending, and its pool with it.
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut() {
                pool.leased = pool.leased.saturating_sub(1);
                if pipe.held == 0 && pool.spare.len() < SPARE {
                    pool.spare.push(pipe);
                }
            }
        });
    }
}

fn flags() -> SpliceFlags {
    SpliceFlags::NONBLOCK | SpliceFlags::MOVE
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    /// What the tests of this module allow.
    const LEASED: usize = 64;

    #[test]
    fn a_pipe_goes_round_and_one_with_bytes_in_it_does_not() {
        allow_pipes(LEASED, Box::new(drop));
        let (mut near, far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        near.write_all(b"some bytes").unwrap();
        let mut lease = Lease::take().unwrap();
        assert_eq!(lease.fill(&far).unwrap(), 10);
        assert_eq!(lease.held(), 10);
        assert_eq!(lease.drain(&far).unwrap(), 10);
        let mut back = [0; 10];
        near.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"some bytes");
        drop(lease);
        assert_eq!(
            POOL.with_borrow(|pool| (pool.spare.len(), pool.leased)),
            (1, 0)
        );

        near.write_all(b"left").unwrap();
        let mut lease = Lease::take().unwrap();
        lease.fill(&far).unwrap();
        drop(lease);
        assert_eq!(
            POOL.with_borrow(|pool| (pool.spare.len(), pool.leased)),
            (0, 0)
        );
    }

    #[test]
    fn leases_are_bounded() {
        allow_pipes(LEASED, Box::new(drop));
        let leases: Vec<Lease> = std::iter::from_fn(Lease::take).collect();
        assert!(leases.len() == LEASED);
        assert!(Lease::take().is_none());
        drop(leases);
        assert!(POOL.with_borrow(|pool| pool.spare.len() <= SPARE && pool.leased == 0));
    }
}
