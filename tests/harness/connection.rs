//! A kept connection to a service.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that opens when it is first needed.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// A response, unparsed.
pub struct Response<'a> {
    pub status: u16,
    /// Including the empty line.
    pub head: &'a [u8],
    pub body: &'a [u8],
}

impl Connection {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, buffer: vec![0; 1 << 14] }
    }

    /// Sends a request and reads the response, without a retry.
    ///
    /// # Errors
    /// If there is no response. The next request opens a new connection.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Response<'_>> {
        // The stream is kept only after a complete response. Otherwise the rest of a response would be read as the next
        // one.
        let mut stream = match self.stream.take().filter(is_open) {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(request).await?;
        let (mut filled, mut head) = (0, None);
        let head = loop {
            if filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            match stream.read(&mut self.buffer[filled..]).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
            if head.is_none() {
                head = Head::read(&self.buffer[..filled])?;
            }
            if let Some(head) = head.take_if(|head| filled >= head.length + head.body_length) {
                break head;
            }
        };
        if !head.is_last {
            self.stream = Some(stream);
        }
        let (text, body) = self.buffer[..filled].split_at(head.length);
        Ok(Response { status: head.status, head: text, body })
    }
}

/// Whether the other side has not closed an idle connection.
fn is_open(stream: &TcpStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// The parsed head of a response.
struct Head {
    status: u16,
    length: usize,
    body_length: usize,
    /// Whether the connection closes after the response.
    is_last: bool,
}

impl Head {
    /// Parses the head of a response. `None` if it is not complete yet.
    fn read(bytes: &[u8]) -> Result<Option<Self>> {
        let malformed = || Error::from(ErrorKind::InvalidData);
        let (mut status, mut body_length, mut is_last, mut length) = (None, None, false, 0);
        while let Some(end) = bytes[length..].iter().position(|byte| *byte == b'\n') {
            let line = bytes[length..length + end].trim_ascii_end();
            length += end + 1;
            if line.is_empty() {
                let (status, body_length) =
                    (status.ok_or_else(malformed)?, body_length.ok_or_else(malformed)?);
                return Ok(Some(Self { status, length, body_length, is_last }));
            }
            if status.is_none() {
                status = Some(line.get(9..12).and_then(number).ok_or_else(malformed)?);
            } else if let Some(value) = header(line, b"content-length:") {
                body_length = Some(number(value).ok_or_else(malformed)?);
            } else if let Some(value) = header(line, b"connection:") {
                is_last = value.eq_ignore_ascii_case(b"close");
            }
        }
        Ok(None)
    }
}

/// The value of a header, if this line is that header. `name` includes the colon.
pub fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
