//! A server in a thread of its own, with a runtime of its own: it answers also while the test that started it is busy, and it is
//! gone when its handle is dropped.

use futures_util::future::{Either, select};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::mpsc,
    thread::JoinHandle,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::oneshot,
};

/// How many connections may wait to be accepted: a burst of a benchmark must not be refused by the kernel.
const BACKLOG: u32 = 4096;

/// A server that runs. Dropped, it stops, and its connections are closed.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Binds 127.0.0.1 at `port`, any free one for 0, and serves with what `serve` makes of the listener.
    ///
    /// # Errors
    /// When the port is taken or no thread can be started.
    pub fn start<F>(port: u16, serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output = ()> + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = mpsc::sync_channel(1);
        let run = move || {
            actix_rt::System::new().block_on(async move {
                match listen(port) {
                    Ok((listener, address)) => {
                        // Whoever waits for it is there: it waits without a limit.
                        let _ = bound.send(Ok(address));
                        let (serve, stopped) = (pin!(serve(listener)), pin!(stopped));
                        let (Either::Left(_) | Either::Right(_)) = select(serve, stopped).await;
                    }
                    Err(error) => drop(bound.send(Err(error))),
                }
            });
        };
        let thread = std::thread::Builder::new().name("upstream".to_owned()).spawn(run)?;
        let address = address.recv().map_err(|_| io::Error::other("the server's thread ended"))??;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has already been told on the standard error.
            let _ = thread.join();
        }
    }
}

fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    // A server that starts again on its port must not wait for connections that linger.
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
