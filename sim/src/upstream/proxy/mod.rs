//! Two real proxies for tests: HTTP CONNECT and SOCKS5. Names are resolved by the proxy, from a table that only it has, so a request
//! that reaches `upstream.test` has come through it.

mod connect;
mod socks;

use super::thread::Serving;
use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// How many tunnels there may be at the same time.
const MOST_TUNNELS: usize = 4096;

/// How many targets are remembered.
const MOST_TARGETS: usize = 1024;

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which kind of proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP CONNECT.
    Connect,
    /// SOCKS, version 5.
    Socks5,
}

/// How a proxy is set up.
#[derive(Debug, Clone, Default)]
pub struct ProxySetup {
    /// Where it listens on 127.0.0.1; 0 means any free port.
    pub port: u16,
    /// User and password that it asks for.
    pub login: Option<(String, String)>,
    /// What names mean: an address with its port, whatever port was asked for.
    pub names: BTreeMap<String, SocketAddr>,
}

/// What a proxy has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Clients that connected.
    pub clients: u64,
    /// Tunnels that were opened.
    pub tunnels: u64,
    /// Clients that were refused for what they said of themselves, or did not say.
    pub unauthorised: u64,
    /// What was asked for, as `host:port`, in order.
    pub targets: Vec<String>,
}

/// A proxy that runs. Dropped, it stops, and its tunnels are closed.
#[derive(Debug)]
pub struct Proxy {
    desk: Arc<Desk>,
    kind: Kind,
    serving: Serving,
}

/// What all tunnels of one proxy share.
#[derive(Debug)]
struct Desk {
    setup: ProxySetup,
    traffic: Mutex<Traffic>,
}

impl Proxy {
    /// Starts it, in a thread of its own.
    ///
    /// # Errors
    /// When its port is taken.
    pub fn start(kind: Kind, setup: ProxySetup) -> io::Result<Self> {
        let desk = Arc::new(Desk { traffic: Mutex::default(), setup });
        let (shared, port) = (desk.clone(), desk.setup.port);
        let serving = Serving::start(port, move |listener| accept(listener, kind, shared))?;
        Ok(Self { desk, kind, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// Its URL, without user and password.
    pub fn url(&self) -> String {
        let scheme = if self.kind == Kind::Connect { "http" } else { "socks5" };
        format!("{scheme}://{}", self.address())
    }

    /// What it has seen.
    pub fn traffic(&self) -> Traffic {
        self.desk.traffic().clone()
    }
}

impl Desk {
    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) {
        self.traffic().unauthorised += 1;
    }

    /// Opens a connection to what was asked for.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] for a name that is not in the table; else why it could not.
    async fn open(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        {
            let mut traffic = self.traffic();
            if traffic.targets.len() < MOST_TARGETS {
                traffic.targets.push(format!("{host}:{port}"));
            }
        }
        let address = match (self.setup.names.get(host), host) {
            (Some(address), _) => *address,
            (None, "localhost") => ([127, 0, 0, 1], port).into(),
            (None, literal) => {
                let literal = literal.trim_start_matches('[').trim_end_matches(']');
                let ip = literal.parse().map_err(|_| io::ErrorKind::NotFound)?;
                SocketAddr::new(ip, port)
            }
        };
        let stream = TcpStream::connect(address).await?;
        self.traffic().tunnels += 1;
        Ok(stream)
    }
}

async fn accept(listener: TcpListener, kind: Kind, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(MOST_TUNNELS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        desk.traffic().clients += 1;
        let desk = desk.clone();
        actix_rt::spawn(async move {
            // Why a tunnel was not opened or ended is told by its client.
            let _ = match kind {
                Kind::Connect => tunnel(client, |client| connect::open(client, &desk)).await,
                Kind::Socks5 => tunnel(client, |client| socks::open(client, &desk)).await,
            };
            drop(place);
        });
    }
}

/// Lets the client say what it wants, and carries bytes when it got it.
async fn tunnel<F>(mut client: TcpStream, open: impl FnOnce(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<(TcpStream, TcpStream)>>,
{
    client.set_nodelay(true)?;
    let opened = tokio::time::timeout(PATIENCE, open(client)).await?;
    let mut target;
    (client, target) = opened?;
    copy_bidirectional(&mut client, &mut target).await?;
    Ok(())
}
