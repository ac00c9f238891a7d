//! The C functions that are taken over. Each makes the system call itself and records it if it concerns the directory.
//!
//! `open` takes its mode as a third argument whether or not the caller passed one: the Linux calling conventions pass variadic
//! integers like others, and the kernel ignores the mode when nothing is created.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use libc::{mode_t, off64_t, size_t, ssize_t};

use crate::recorder::{is_watched, path_of, recorder};

/// Opens and records, the whole under the lock.
///
/// # Safety
/// As for `open(2)`.
unsafe fn opening(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let guard = recorder();
    // SAFETY: the caller's arguments, unchanged.
    let descriptor = unsafe { libc::syscall(libc::SYS_openat, dir, path, flags, mode) } as c_int;
    if let (Some(mut recorder), true) = (guard, descriptor >= 0) {
        // SAFETY: the kernel has just read the same path.
        let path = path_of(unsafe { CStr::from_ptr(path) });
        if dir == libc::AT_FDCWD || path.is_absolute() {
            recorder.opened(descriptor, path, flags);
        } else if is_watched(dir) {
            recorder.record(b'X', dir, 0, b"openat relative to a watched directory");
        }
    }
    descriptor
}

/// Writes at an offset, or at the descriptor's own position, and records what was written.
///
/// # Safety
/// As for `write(2)` and `pwrite(2)`.
unsafe fn writing(descriptor: c_int, data: *const c_void, count: size_t, offset: Option<off64_t>) -> ssize_t {
    let call = || match offset {
        // SAFETY: the caller's arguments, unchanged.
        Some(offset) => unsafe { libc::syscall(libc::SYS_pwrite64, descriptor, data, count, offset) },
        // SAFETY: the caller's arguments, unchanged.
        None => unsafe { libc::syscall(libc::SYS_write, descriptor, data, count) },
    };
    if !is_watched(descriptor) {
        return call() as ssize_t;
    }
    let guard = recorder();
    let written = call() as ssize_t;
    if let (Some(mut recorder), Ok(length)) = (guard, usize::try_from(written)) {
        // SAFETY: asking for the position changes nothing. It is right also for files opened to append.
        let end = || unsafe { libc::syscall(libc::SYS_lseek, descriptor, 0, libc::SEEK_CUR) };
        let start = offset.unwrap_or_else(|| end() - written as i64);
        // SAFETY: the kernel has just read as many bytes from there.
        let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) };
        recorder.wrote(descriptor, u64::try_from(start).unwrap_or(0), data);
    }
    written
}

/// Makes a call on a descriptor and records it if it succeeded.
fn on_descriptor(kind: u8, descriptor: c_int, number: u64, call: impl FnOnce() -> c_int) -> c_int {
    let guard = if is_watched(descriptor) { recorder() } else { None };
    let result = call();
    if let (Some(mut recorder), 0) = (guard, result) {
        recorder.record(kind, descriptor, number, &[]);
    }
    result
}

/// Makes a call on a path and records it if it succeeded.
///
/// # Safety
/// The path is a C string.
unsafe fn on_path(kind: u8, path: *const c_char, call: impl FnOnce() -> c_int) -> c_int {
    let guard = recorder();
    let result = call();
    if let (Some(mut recorder), 0) = (guard, result) {
        // SAFETY: by this function's contract.
        let path = unsafe { CStr::from_ptr(path) };
        if recorder.covers(path_of(path)) {
            recorder.record(kind, 0, 0, path.to_bytes());
        }
    }
    result
}

/// What this library does not follow makes the trace void, if it concerns the directory.
fn void_if_watched(descriptor: c_int, what: &str) {
    if is_watched(descriptor)
        && let Some(mut recorder) = recorder()
    {
        recorder.record(b'X', descriptor, 0, what.as_bytes());
    }
}

macro_rules! take_over {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),*) -> $result:ty $body:block)*) => {$(
        $(#[$doc])*
        // SAFETY: has the signature and the effect of the C function of its name.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $kind),*) -> $result $body
    )*};
}

take_over! {
    /// See `open(2)`.
    fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { opening(libc::AT_FDCWD, path, flags, mode) }
    }

    /// See `open(2)`.
    fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { opening(libc::AT_FDCWD, path, flags, mode) }
    }

    /// See `openat(2)`.
    fn openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { opening(dir, path, flags, mode) }
    }

    /// See `openat(2)`.
    fn openat64(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { opening(dir, path, flags, mode) }
    }

    /// See `close(2)`.
    fn close(descriptor: c_int) -> c_int {
        let guard = if is_watched(descriptor) { recorder() } else { None };
        if let Some(mut recorder) = guard {
            recorder.closed(descriptor);
        }
        // SAFETY: the caller's arguments, unchanged.
        unsafe { libc::syscall(libc::SYS_close, descriptor) as c_int }
    }

    /// See `write(2)`.
    fn write(descriptor: c_int, data: *const c_void, count: size_t) -> ssize_t {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { writing(descriptor, data, count, None) }
    }

    /// See `pwrite(2)`.
    fn pwrite(descriptor: c_int, data: *const c_void, count: size_t, offset: off64_t) -> ssize_t {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { writing(descriptor, data, count, Some(offset)) }
    }

    /// See `pwrite(2)`.
    fn pwrite64(descriptor: c_int, data: *const c_void, count: size_t, offset: off64_t) -> ssize_t {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { writing(descriptor, data, count, Some(offset)) }
    }

    /// See `writev(2)`.
    fn writev(descriptor: c_int, vectors: *const libc::iovec, count: c_int) -> ssize_t {
        void_if_watched(descriptor, "writev");
        // SAFETY: the caller's arguments, unchanged.
        unsafe { libc::syscall(libc::SYS_writev, descriptor, vectors, count) as ssize_t }
    }

    /// See `ftruncate(2)`.
    fn ftruncate(descriptor: c_int, length: off64_t) -> c_int {
        on_descriptor(b'T', descriptor, length.unsigned_abs(), || {
            // SAFETY: the caller's arguments, unchanged.
            unsafe { libc::syscall(libc::SYS_ftruncate, descriptor, length) as c_int }
        })
    }

    /// See `ftruncate(2)`.
    fn ftruncate64(descriptor: c_int, length: off64_t) -> c_int {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { ftruncate(descriptor, length) }
    }

    /// See `fallocate(2)`.
    fn fallocate64(descriptor: c_int, mode: c_int, offset: off64_t, length: off64_t) -> c_int {
        void_if_watched(descriptor, "fallocate");
        // SAFETY: the caller's arguments, unchanged.
        unsafe { libc::syscall(libc::SYS_fallocate, descriptor, mode, offset, length) as c_int }
    }

    /// See `fsync(2)`.
    fn fsync(descriptor: c_int) -> c_int {
        on_descriptor(b'S', descriptor, 0, || {
            // SAFETY: the caller's arguments, unchanged.
            unsafe { libc::syscall(libc::SYS_fsync, descriptor) as c_int }
        })
    }

    /// See `fdatasync(2)`.
    fn fdatasync(descriptor: c_int) -> c_int {
        on_descriptor(b'D', descriptor, 0, || {
            // SAFETY: the caller's arguments, unchanged.
            unsafe { libc::syscall(libc::SYS_fdatasync, descriptor) as c_int }
        })
    }

    /// See `sync_file_range(2)`.
    fn sync_file_range(descriptor: c_int, offset: off64_t, length: off64_t, flags: c_uint) -> c_int {
        on_descriptor(b'F', descriptor, 0, || {
            // SAFETY: the caller's arguments, unchanged.
            unsafe { libc::syscall(libc::SYS_sync_file_range, descriptor, offset, length, flags) as c_int }
        })
    }

    /// See `rename(2)`.
    fn rename(from: *const c_char, to: *const c_char) -> c_int {
        let guard = recorder();
        // SAFETY: the caller's arguments, unchanged.
        let result = unsafe { libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) };
        if let (Some(mut recorder), 0) = (guard, result) {
            // SAFETY: the kernel has just read the same paths.
            let (from, to) = unsafe { (CStr::from_ptr(from), CStr::from_ptr(to)) };
            if recorder.covers(path_of(from)) || recorder.covers(path_of(to)) {
                recorder.record(b'R', 0, 0, &[from.to_bytes(), to.to_bytes()].join(&0));
            }
        }
        result as c_int
    }

    /// See `unlink(2)`.
    fn unlink(path: *const c_char) -> c_int {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { on_path(b'U', path, || libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) as c_int) }
    }

    /// See `rmdir(2)`.
    fn rmdir(path: *const c_char) -> c_int {
        let call = || {
            // SAFETY: the caller's arguments, unchanged.
            unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, libc::AT_REMOVEDIR) as c_int }
        };
        // SAFETY: the caller's path.
        unsafe { on_path(b'U', path, call) }
    }

    /// See `mkdir(2)`.
    fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
        // SAFETY: the caller's arguments, unchanged.
        unsafe { on_path(b'M', path, || libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode) as c_int) }
    }

    /// See `unlinkat(2)`.
    fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
        void_if_watched(dir, "unlinkat");
        let call = || {
            // SAFETY: the caller's arguments, unchanged.
            unsafe { libc::syscall(libc::SYS_unlinkat, dir, path, flags) as c_int }
        };
        // SAFETY: the caller's path.
        unsafe { on_path(b'U', path, call) }
    }
}
