//! A server as its operator sees it: a program with an environment and a data directory, to be started, waited for, asked to
//! stop, and killed.

use crate::client::Client;
use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

/// How often a process is asked whether it is ready or gone.
const GLANCE: Duration = Duration::from_millis(10);

/// Why a server is not there.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It ended instead of serving.
    #[error("the server ended with {status} before it was ready; its log ends with:\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of what it wrote.
        log: String,
    },
    /// It neither serves nor ends.
    #[error("the server was not ready within {0:?}; its log ends with:\n{1}")]
    NotReady(Duration, String),
    /// It does not end.
    #[error("the server did not end within {0:?}")]
    NotEnded(Duration),
}

/// How to start one server, again and again on the same data directory.
#[derive(Debug, Clone)]
pub struct Setup {
    bin: PathBuf,
    room: PathBuf,
    port: u16,
    env: Vec<(String, String)>,
    plain: Vec<(String, String)>,
}

impl Setup {
    /// A server from this program that lives in `room`: its data and its log are there. `port` 0 means any that is free now.
    ///
    /// # Errors
    /// When the room cannot be made or no port is free.
    pub fn new(bin: &Path, room: &Path, port: u16) -> Result<Self, ProcessError> {
        fs::create_dir_all(room)?;
        let port = if port == 0 { free_port()? } else { port };
        let setup = Self {
            bin: fs::canonicalize(bin)?,
            room: room.to_owned(),
            port,
            env: Vec::new(),
            plain: Vec::new(),
        };
        let data = setup.data_dir().display().to_string();
        Ok(setup
            .set("SERVER__PORT", &port.to_string())
            .set("DATABASE__PATH", &data)
            .set("SERVER__WORKERS", "1"))
    }

    /// The same with `ATELIER__<key>` set; the last setting of a key counts.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.env.retain(|(name, _)| name != key);
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The same with this variable set, which is no key of the configuration; an empty one counts as not set.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.plain.retain(|(other, _)| other != name);
        self.plain.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where its data is.
    pub fn data_dir(&self) -> PathBuf {
        self.room.join("data")
    }

    /// Where what it says goes.
    pub fn log_file(&self) -> PathBuf {
        self.room.join("server.log")
    }

    /// Where it listens.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.bin);
        // Only what is said here: the environment of whoever runs this must not steer it.
        command.env_clear().current_dir(&self.room).args(arguments).stdin(Stdio::null());
        command.env("RUST_BACKTRACE", "1");
        for (key, value) in &self.env {
            command.env(format!("ATELIER__{key}"), value);
        }
        command.envs(self.plain.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command of the program to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Output, ProcessError> {
        Ok(self.command(arguments).output()?)
    }

    /// Starts the server and does not wait. Standard output and error go to its log.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self) -> Result<Server, ProcessError> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let child = self.command(&["serve"]).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Server { child, setup: self.clone() })
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// See [`ProcessError`].
    pub async fn start(&self, patience: Duration) -> Result<Server, ProcessError> {
        let mut server = self.spawn()?;
        server.ready(patience).await?;
        Ok(server)
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        let text = fs::read(self.log_file()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<_> = text.lines().rev().take(30).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// A server that runs. Dropped, it is killed: no test leaves one behind.
pub struct Server {
    child: Child,
    setup: Setup,
}

impl Server {
    /// A client of it, without a key.
    pub fn client(&self) -> Client {
        Client::new(&self.setup.origin())
    }

    /// Its number among the processes of the machine.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// See [`ProcessError`].
    pub async fn ready(&mut self, patience: Duration) -> Result<(), ProcessError> {
        let began = Instant::now();
        let client = self.client();
        while began.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Err(ProcessError::Ended { status, log: self.setup.log_tail() });
            }
            if client.get("/health").send().await.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            actix_rt::time::sleep(GLANCE).await;
        }
        Err(ProcessError::NotReady(patience, self.setup.log_tail()))
    }

    /// Kills it as a power button would: SIGKILL, and gone.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn kill(&mut self) -> Result<(), ProcessError> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop with SIGTERM and waits until it has.
    ///
    /// # Errors
    /// [`ProcessError::NotEnded`] after `patience`.
    pub async fn terminate(&mut self, patience: Duration) -> Result<ExitStatus, ProcessError> {
        self.ask_to_stop()?;
        self.ended(patience).await
    }

    /// Asks it to stop with SIGTERM.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn ask_to_stop(&self) -> Result<(), ProcessError> {
        // The shell's own `kill`: not every machine has one as a program.
        let asked =
            Command::new("sh").args(["-c", "kill -TERM $0", &self.child.id().to_string()]).status()?;
        if asked.success() { Ok(()) } else { Err(io::Error::other("kill -TERM failed").into()) }
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// [`ProcessError::NotEnded`] after `patience`.
    pub async fn ended(&mut self, patience: Duration) -> Result<ExitStatus, ProcessError> {
        let began = Instant::now();
        while began.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            actix_rt::time::sleep(GLANCE).await;
        }
        Err(ProcessError::NotEnded(patience))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either it has ended already, or it ends here.
        let _ = self.kill();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
