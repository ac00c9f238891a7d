//! The handshake of SOCKS 5 (RFC 1928, and RFC 1929 for user and password).

use super::Desk;
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;

/// What a client is told of its request.
#[derive(Clone, Copy)]
enum Told {
    Opened = 0,
    HostUnreachable = 4,
    Refused = 5,
    NoSuchCommand = 7,
    NoSuchAddress = 8,
}

/// Reads a request and opens its tunnel.
///
/// # Errors
/// When there is none; the client has been told.
pub async fn open(mut client: TcpStream, desk: &Desk) -> io::Result<(TcpStream, TcpStream)> {
    greet(&mut client, desk).await?;
    let [version, command, _, kind] = take(&mut client).await?;
    if version != VERSION || command != CONNECT {
        return refuse(client, Told::NoSuchCommand).await;
    }
    let host = match kind {
        1 => Ipv4Addr::from(take::<4>(&mut client).await?).to_string(),
        3 => counted(&mut client).await?,
        4 => Ipv6Addr::from(take::<16>(&mut client).await?).to_string(),
        _ => return refuse(client, Told::NoSuchAddress).await,
    };
    let port = client.read_u16().await?;
    match desk.open(&host, port).await {
        Ok(opened) => {
            tell(&mut client, Told::Opened).await?;
            Ok((client, opened))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => refuse(client, Told::HostUnreachable).await,
        Err(_) => refuse(client, Told::Refused).await,
    }
}

/// Agrees on how the client says who it is, and lets it.
async fn greet(client: &mut TcpStream, desk: &Desk) -> io::Result<()> {
    let [version, count] = take(client).await?;
    let mut methods = vec![0; usize::from(count)];
    client.read_exact(&mut methods).await?;
    let wanted = if desk.setup.login.is_some() { LOGIN } else { NO_LOGIN };
    if version != VERSION || !methods.contains(&wanted) {
        desk.refused();
        client.write_all(&[VERSION, NO_METHOD]).await?;
        return Err(io::Error::other("no method in common"));
    }
    client.write_all(&[VERSION, wanted]).await?;
    let Some((user, password)) = &desk.setup.login else { return Ok(()) };
    let [_] = take(client).await?;
    let given = (counted(client).await?, counted(client).await?);
    let right = (&given.0, &given.1) == (user, password);
    client.write_all(&[1, u8::from(!right)]).await?;
    if right {
        return Ok(());
    }
    desk.refused();
    Err(io::Error::other("wrong password"))
}

async fn take<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn counted(client: &mut TcpStream) -> io::Result<String> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

async fn tell(client: &mut TcpStream, told: Told) -> io::Result<()> {
    // The address that it is bound to is of no use to a client that connects; zeros are usual.
    client.write_all(&[VERSION, told as u8, 0, 1, 0, 0, 0, 0, 0, 0]).await
}

async fn refuse<T>(mut client: TcpStream, told: Told) -> io::Result<T> {
    tell(&mut client, told).await?;
    client.shutdown().await?;
    Err(io::Error::other("refused"))
}
