//! Asking a proxy for a tunnel to a host: HTTP CONNECT, or SOCKS5. The host goes as a name, so that the proxy resolves it.

use super::{
    dial::Via,
    proxy::{ProxyKind, ProxyUrl},
    wire::Wire,
};
use actix_rt::net::TcpStream;
use actix_service::Service as _;
use actix_tls::connect::{Connection, rustls_0_23::TlsConnector};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_socks::tcp::Socks5Stream;

/// The longest answer to CONNECT, in bytes.
const LONGEST_ANSWER: usize = 8 << 10;

/// Why a proxy is no way out. It goes to the log, and names no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TunnelError {
    /// No connection to the proxy itself.
    #[error("the proxy cannot be connected to: {0}")]
    Unreachable(String),
    /// It wants another user or password.
    #[error("the proxy refuses the user and password that it was given")]
    Login,
    /// It will not, or cannot, connect to the host.
    #[error("the proxy does not connect to the host: {0}")]
    Refused(String),
    /// It does not speak the protocol.
    #[error("the proxy does not speak its protocol: {0}")]
    Broken(String),
}

/// A tunnel to a host and port.
pub(super) async fn open(stream: TcpStream, via: &Via, target: (&str, u16)) -> Result<Wire, TunnelError> {
    match via.proxy.kind() {
        ProxyKind::Http => {
            let mut wire = Wire::Plain(stream);
            connect(&mut wire, &via.proxy, target).await?;
            Ok(wire)
        }
        ProxyKind::Https => {
            let mut wire = wrapped(stream, via).await?;
            connect(&mut wire, &via.proxy, target).await?;
            Ok(wire)
        }
        ProxyKind::Socks5 => socks(stream, &via.proxy, target).await,
    }
}

async fn wrapped(stream: TcpStream, via: &Via) -> Result<Wire, TunnelError> {
    let service = TlsConnector::service(via.tls.clone());
    let to_proxy = Connection::new(via.proxy.host().to_owned(), stream);
    let connection = service.call(to_proxy).await;
    let failed = |error: std::io::Error| TunnelError::Unreachable(error.to_string());
    Ok(Wire::Wrapped(Box::new(connection.map_err(failed)?.into_parts().0)))
}

/// `host:port` as it stands in CONNECT; an IPv6 address has its brackets already.
fn authority((host, port): (&str, u16)) -> String {
    format!("{host}:{port}")
}

async fn connect(wire: &mut Wire, proxy: &ProxyUrl, target: (&str, u16)) -> Result<(), TunnelError> {
    let to = authority(target);
    let login = proxy.login().map(|(user, password)| {
        let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
        format!("Proxy-Authorization: Basic {pair}\r\n")
    });
    let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{}\r\n", login.unwrap_or_default());
    let broken = |error: std::io::Error| TunnelError::Broken(error.to_string());
    wire.write_all(request.as_bytes()).await.map_err(broken)?;
    wire.flush().await.map_err(broken)?;
    let mut head = Vec::new();
    // Byte by byte: what comes after the head belongs to the tunnel.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST_ANSWER {
            return Err(TunnelError::Broken("its answer does not end".into()));
        }
        head.push(wire.read_u8().await.map_err(broken)?);
    }
    match status(&head) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(TunnelError::Login),
        Some(status) => Err(TunnelError::Refused(format!("status {status}"))),
        None => Err(TunnelError::Broken("its answer is not HTTP".into())),
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

async fn socks(
    mut stream: TcpStream,
    proxy: &ProxyUrl,
    (host, port): (&str, u16),
) -> Result<Wire, TunnelError> {
    // SOCKS has a field for addresses, and they stand there without brackets.
    let target = (host.trim_start_matches('[').trim_end_matches(']'), port);
    let opened = match proxy.login() {
        Some((user, password)) => {
            let login = (user, password.expose());
            Socks5Stream::connect_with_password_and_socket(&mut stream, target, login.0, login.1)
                .await
                .map(drop)
        }
        None => Socks5Stream::connect_with_socket(&mut stream, target).await.map(drop),
    };
    opened.map_err(|error| match error {
        tokio_socks::Error::PasswordAuthFailure(_)
        | tokio_socks::Error::AuthorizationRequired
        | tokio_socks::Error::NoAcceptableAuthMethods => TunnelError::Login,
        tokio_socks::Error::Io(_) | tokio_socks::Error::InvalidResponseVersion => {
            TunnelError::Broken(error.to_string())
        }
        other => TunnelError::Refused(other.to_string()),
    })?;
    Ok(Wire::Plain(stream))
}
