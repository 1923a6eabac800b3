//! A connection to a service, kept from one question to the next.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection, which opens itself when it is needed.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// An answer, as it came.
pub struct Response<'a> {
    pub status: u16,
    /// With the empty line.
    pub head: &'a [u8],
    pub body: &'a [u8],
}

impl Connection {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, buffer: vec![0; 1 << 14] }
    }

    /// Sends a request and reads the answer. Nothing is asked twice: what fails has failed.
    ///
    /// # Errors
    /// When there is no answer; the next request opens another connection.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Response<'_>> {
        // Only put back when all went well: half an answer must not be taken for the next one's beginning.
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

/// Whether the other side has not ended a connection that nothing is asked over.
fn is_open(stream: &TcpStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// What the head of an answer says.
struct Head {
    status: u16,
    length: usize,
    body_length: usize,
    /// Whether the connection ends with it.
    is_last: bool,
}

impl Head {
    /// Reads the head of an answer, once it is there as a whole.
    fn read(bytes: &[u8]) -> Result<Option<Self>> {
        let malformed = || Error::from(ErrorKind::InvalidData);
        let (mut status, mut body_length, mut is_last, mut length) = (None, None, false, 0);
        while let Some(end) = bytes[length..].iter().position(|byte| *byte == b'\n') {
            let line = bytes[length..length + end].trim_ascii_end();
            length += end + 1;
            if line.is_empty() {
                let (status, body_length) = (status.ok_or_else(malformed)?, body_length.ok_or_else(malformed)?);
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

/// The value of a header (its name with the colon), if this line is one.
pub fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
