//! As much of HTTP/1.1 as the double needs: requests in, responses out, connections kept open. Broken on purpose where a fault says so.

use std::io::{self, BufRead, Read, Write};

/// A request, whole.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// Reads one; none when the other side has closed the connection.
    pub fn read(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<Option<Self>> {
        let Some(line) = line(from)? else { return Ok(None) };
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut headers = Vec::new();
        while let Some(line) = line_of_head(from)? {
            if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        // A client in a Go or curl mood waits for this before it sends its body.
        if headers.iter().any(|(name, value)| name == "expect" && value.eq_ignore_ascii_case("100-continue")) {
            to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let query = query.map(|(key, value)| (decode(key, true), decode(value, true))).collect();
        let mut request = Self { method, path: decode(path, false), query, target: target.clone(), headers, body: Vec::new() };
        request.body = request.read_body(from)?;
        Ok(Some(request))
    }

    fn read_body(&self, from: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = line(from)?.and_then(|line| usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16).ok()).unwrap_or(0);
                from.take(size as u64).read_to_end(&mut body)?;
                line(from)?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let length = self.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let read = from.take(length).read_to_end(&mut body)?;
        if (read as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(body) }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn line_of_head(from: &mut impl BufRead) -> io::Result<Option<String>> {
    Ok(line(from)?.filter(|line| !line.is_empty()))
}

/// Undoes percent-encoding; in a query a plus is a space, as GitHub reads it.
pub fn decode(text: &str, plus: bool) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (byte, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) if plus => bytes.push(b' '),
            _ => bytes.push(byte),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        let mut response = Self::new(status).header("content-type", "application/json; charset=utf-8");
        response.body = value.to_string().into_bytes();
        response
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Writes it; `cut` sends that many bytes of the body and claims the whole.
    pub fn write(&self, to: &mut impl Write, head_only: bool, cut: Option<usize>) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.status != 204 {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let body = if head_only { &[][..] } else { self.body.get(..cut.unwrap_or(self.body.len())).unwrap_or(&self.body) };
        to.write_all(&[head.as_bytes(), body].concat())?;
        to.flush()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        206 => "Partial Content",
        302 => "Found",
        _ => "Whatever",
    }
}
