//! Proxies on loopback that know one name, which nobody else does.

use std::{cell::RefCell, net::SocketAddr, rc::Rc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// What a proxy was told, one entry per connection.
type Heard = Rc<RefCell<Vec<String>>>;

/// Speaks CONNECT.
pub struct HttpProxy {
    pub address: SocketAddr,
    heard: Heard,
}

impl HttpProxy {
    /// Leads `name` to `target`. With a `login` (in base64) it wants that.
    pub async fn start(name: &'static str, target: SocketAddr, login: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heard) = (listener.local_addr().unwrap(), Heard::default());
        let kept = Rc::clone(&heard);
        actix_rt::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                actix_rt::spawn(connect(stream, name, target, (login, Rc::clone(&kept))));
            }
        });
        Self { address, heard }
    }

    /// The heads of all requests.
    pub fn heard(&self) -> Vec<String> {
        self.heard.borrow().clone()
    }
}

async fn connect(
    mut stream: TcpStream,
    name: &str,
    target: SocketAddr,
    (login, heard): (Option<&str>, Heard),
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    heard.borrow_mut().push(head.clone());
    let wanted = format!("CONNECT {name}:");
    let answer = if login.is_some_and(|login| !head.contains(&format!("Basic {login}\r\n"))) {
        "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    } else if head.starts_with(&wanted) {
        "HTTP/1.1 200 Connection established\r\nX-Via: test\r\n\r\n"
    } else {
        "HTTP/1.1 502 Bad Gateway\r\n\r\n"
    };
    stream.write_all(answer.as_bytes()).await.ok()?;
    if answer.contains(" 200 ") {
        let mut upstream = TcpStream::connect(target).await.ok()?;
        copy_bidirectional(&mut stream, &mut upstream).await.ok()?;
    }
    Some(())
}

/// Speaks SOCKS5.
pub struct SocksProxy {
    pub address: SocketAddr,
    heard: Heard,
}

impl SocksProxy {
    /// Leads `name` to `target`. With a `login` it wants that user and password.
    pub async fn start(
        name: &'static str,
        target: SocketAddr,
        login: Option<(&'static str, &'static str)>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heard) = (listener.local_addr().unwrap(), Heard::default());
        let kept = Rc::clone(&heard);
        actix_rt::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                actix_rt::spawn(socks(stream, name, target, (login, Rc::clone(&kept))));
            }
        });
        Self { address, heard }
    }

    /// The hosts that it was asked for.
    pub fn heard(&self) -> Vec<String> {
        self.heard.borrow().clone()
    }
}

async fn bytes(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = stream.read_u8().await.ok()?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

async fn socks(
    mut stream: TcpStream,
    name: &str,
    target: SocketAddr,
    (login, heard): (Option<(&str, &str)>, Heard),
) -> Option<()> {
    assert_eq!(stream.read_u8().await.ok()?, 5);
    let methods = bytes(&mut stream).await?;
    match login {
        Some((user, password)) if methods.contains(&2) => {
            stream.write_all(&[5, 2]).await.ok()?;
            assert_eq!(stream.read_u8().await.ok()?, 1);
            let given = (bytes(&mut stream).await?, bytes(&mut stream).await?);
            let fits = given == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
            stream.write_all(&[1, u8::from(!fits)]).await.ok()?;
            if !fits {
                return None;
            }
        }
        Some(_) => {
            stream.write_all(&[5, 0xff]).await.ok()?;
            return None;
        }
        None => stream.write_all(&[5, 0]).await.ok()?,
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.ok()?;
    assert_eq!(head, [5, 1, 0, 3], "the host must come as a name");
    let host = String::from_utf8(bytes(&mut stream).await?).unwrap();
    stream.read_u16().await.ok()?;
    heard.borrow_mut().push(host.clone());
    let code = if host == name { 0 } else { 4 };
    stream.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    if code == 0 {
        let mut upstream = TcpStream::connect(target).await.ok()?;
        copy_bidirectional(&mut stream, &mut upstream).await.ok()?;
    }
    Some(())
}
