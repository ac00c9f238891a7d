//! Which descriptors are watched, and the trace. Uses raw system calls: anything else would come back to this library.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

const MAX_DESCRIPTORS: usize = 1 << 16;

/// Whether a descriptor is watched: looked at without the lock, by every write of the process.
static WATCHED: [AtomicBool; MAX_DESCRIPTORS] = [const { AtomicBool::new(false) }; MAX_DESCRIPTORS];

static RECORDER: LazyLock<Option<Mutex<Recorder>>> = LazyLock::new(|| Recorder::from_env().map(Mutex::new));

pub(crate) struct Recorder {
    root: PathBuf,
    acks: PathBuf,
    trace: c_int,
    kinds: HashMap<c_int, Watch>,
}

/// Why a descriptor is watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watch {
    File,
    Acks,
}

pub(crate) fn is_watched(descriptor: c_int) -> bool {
    let index = usize::try_from(descriptor).unwrap_or(MAX_DESCRIPTORS);
    WATCHED.get(index).is_some_and(|watched| watched.load(Ordering::Relaxed))
}

/// The recorder, for as long as the caller makes its system call and records it: the trace has the order of the calls.
pub(crate) fn recorder() -> Option<MutexGuard<'static, Recorder>> {
    RECORDER.as_ref().map(|recorder| recorder.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(crate) fn path_of(path: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

impl Recorder {
    fn from_env() -> Option<Recorder> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let (root, acks) = (variable("POWERCUT_ROOT")?, variable("POWERCUT_ACKS")?);
        let trace = std::ffi::CString::new(variable("POWERCUT_TRACE")?.as_os_str().as_bytes()).ok()?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
        // SAFETY: the path is a C string that outlives the call.
        let trace = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, trace.as_ptr(), flags, 0o644) };
        let trace = c_int::try_from(trace).ok().filter(|descriptor| *descriptor >= 0)?;
        Some(Recorder { root, acks, trace, kinds: HashMap::new() })
    }

    pub(crate) fn covers(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    pub(crate) fn opened(&mut self, descriptor: c_int, path: &Path, flags: c_int) {
        let watch = if path == self.acks {
            Watch::Acks
        } else if self.covers(path) {
            self.record(b'O', descriptor, u64::from(flags.unsigned_abs()), path.as_os_str().as_bytes());
            Watch::File
        } else {
            return;
        };
        self.kinds.insert(descriptor, watch);
        set_watched(descriptor, true);
    }

    pub(crate) fn closed(&mut self, descriptor: c_int) {
        if self.kinds.remove(&descriptor) == Some(Watch::File) {
            self.record(b'C', descriptor, 0, &[]);
        }
        set_watched(descriptor, false);
    }

    pub(crate) fn wrote(&mut self, descriptor: c_int, offset: u64, data: &[u8]) {
        match self.kinds.get(&descriptor) {
            Some(Watch::File) => self.record(b'W', descriptor, offset, data),
            Some(Watch::Acks) => self.record(b'A', descriptor, 0, data),
            None => {}
        }
    }

    pub(crate) fn record(&mut self, kind: u8, descriptor: c_int, number: u64, bytes: &[u8]) {
        let mut record = Vec::with_capacity(25 + bytes.len());
        record.push(kind);
        record.extend_from_slice(&u64::from(descriptor.unsigned_abs()).to_le_bytes());
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        record.extend_from_slice(bytes);
        let mut rest = record.as_slice();
        while !rest.is_empty() {
            // SAFETY: the buffer is valid for its length.
            let written = unsafe { libc::syscall(libc::SYS_write, self.trace, rest.as_ptr(), rest.len()) };
            match usize::try_from(written) {
                Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
                // A trace with a hole would acquit anything.
                _ => std::process::abort(),
            }
        }
    }
}

fn set_watched(descriptor: c_int, watched: bool) {
    match WATCHED.get(usize::try_from(descriptor).unwrap_or(MAX_DESCRIPTORS)) {
        Some(flag) => flag.store(watched, Ordering::Relaxed),
        None => std::process::abort(),
    }
}
