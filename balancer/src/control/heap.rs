//! Gives memory back to the system that a start or a reload needed for a moment: reading the settings of ten thousand
//! backends takes as much as running them, and the allocator would keep it.

#![expect(unsafe_code, reason = "only the C library knows its heap")]

use tokio::task::spawn_blocking;

/// Trims the heap, on a thread of its own: it is walked as a whole, and nobody waits for it. `unneeded` is dropped there before.
pub(crate) fn trim(unneeded: impl Send + 'static) {
    spawn_blocking(move || {
        drop(unneeded);
        #[cfg(target_env = "gnu")]
        // SAFETY: it takes locks of the allocator as every allocation does, and moves nothing that is in use.
        unsafe {
            libc::malloc_trim(0);
        }
    });
}
