//! The wire side of the proxy: messages in and out, one connection.

use super::{Line, Passing, Shared, Spoil};
use percent_encoding::percent_decode_str;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CHUNK: usize = 16 << 10;

/// How a connection goes on after an exchange.
enum Next {
    Keep,
    Close,
    Reset,
}

/// A message's head.
struct Head {
    first: String,
    headers: Vec<(String, String)>,
}

pub(super) fn serve(shared: &Shared, client: TcpStream) {
    let _ = client.set_nodelay(true);
    let (Ok(ours), Ok(theirs), Ok(address)) = (client.try_clone(), client.try_clone(), client.peer_addr()) else {
        return;
    };
    shared.open.lock().unwrap().push(ours);
    // An error is one side's going away: the other is dropped with it.
    let next = exchanges(shared, client);
    // Not by closing it: a child that another test has just forked holds the socket, too, and may wait before its exec (for
    // the close of a file that it got in the same way) until its end; for a test whose mount waits for this end, forever.
    let ended = match next {
        Ok(Next::Reset) => rustix::net::connect_unspec(&theirs).map_err(io::Error::from),
        _ => theirs.shutdown(std::net::Shutdown::Both),
    };
    if let Err(error) = ended
        && error.kind() != io::ErrorKind::NotConnected
    {
        eprintln!("the end of a connection: {error}");
    }
    shared.open.lock().unwrap().retain(|open| open.peer_addr().is_ok_and(|open| open != address));
}

fn exchanges(shared: &Shared, client: TcpStream) -> io::Result<Next> {
    let mut from_client = BufReader::with_capacity(CHUNK, client.try_clone()?);
    let mut to_client = client;
    let mut service: Option<(BufReader<TcpStream>, TcpStream)> = None;
    while let Some(head) = Head::read(&mut from_client)? {
        if wait_for_line(shared)? {
            return Ok(Next::Reset);
        }
        let passing = shared.note(passing(&head));
        let spoil = (shared.rule.read().unwrap())(&passing);
        if service.is_none() {
            let stream = TcpStream::connect(shared.service)?;
            stream.set_nodelay(true)?;
            service = Some((BufReader::with_capacity(CHUNK, stream.try_clone()?), stream));
        }
        let Some((from_service, to_service)) = service.as_mut() else { continue };
        let next = match spoil {
            Spoil::Status(..) | Spoil::Answer(..) => {
                // Read as any server reads a body before it answers.
                body(shared, &head, &mut from_client, &mut io::sink(), &shared.rate_up, &shared.up, u64::MAX, None)?;
                answer(&mut to_client, &head, &spoil)?;
                Next::Keep
            }
            Spoil::Reset => Next::Reset,
            spoil => {
                let mut from = From { client: &mut from_client, service: from_service };
                forward(shared, head, &spoil, &mut from, &mut to_client, to_service)?
            }
        };
        match next {
            Next::Keep => {}
            other => return Ok(other),
        }
    }
    Ok(Next::Close)
}

struct From<'a> {
    client: &'a mut BufReader<TcpStream>,
    service: &'a mut BufReader<TcpStream>,
}

fn forward(
    shared: &Shared,
    mut head: Head,
    spoil: &Spoil,
    from: &mut From,
    to_client: &mut TcpStream,
    to_service: &mut TcpStream,
) -> io::Result<Next> {
    if let Spoil::Delay(time) = spoil {
        std::thread::sleep(*time);
    }
    if let Spoil::Unranged = spoil {
        // The header is not signed by name only: an unsigned one would be refused all the same by a strict server.
        head.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("range"));
    }
    head.write(to_service)?;
    body(shared, &head, from.client, to_service, &shared.rate_up, &shared.up, u64::MAX, None)?;
    let Some(answer) = Head::read(from.service)? else { return Ok(Next::Close) };
    if wait_for_line(shared)? {
        return Ok(Next::Reset);
    }
    if let Spoil::Hold(time) = spoil {
        std::thread::sleep(*time);
    }
    if let Spoil::Lose = spoil {
        return Ok(Next::Reset);
    }
    answer.write(to_client)?;
    let (limit, pause) = match spoil {
        Spoil::Cut { after, .. } => (*after, None),
        Spoil::Pause { after, for_ } => (u64::MAX, Some((*after, *for_))),
        _ => (u64::MAX, None),
    };
    let empty = head.first.starts_with("HEAD ") || answer.status() == 204 || answer.status() == 304;
    if !empty {
        body(shared, &answer, from.service, to_client, &shared.rate_down, &shared.down, limit, pause)?;
    }
    match spoil {
        Spoil::Cut { reset: true, .. } => Ok(Next::Reset),
        Spoil::Cut { reset: false, .. } => Ok(Next::Close),
        _ if answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) => Ok(Next::Close),
        _ => Ok(Next::Keep),
    }
}

/// Copies a message's body, `limit` bytes at most.
#[allow(clippy::too_many_arguments)]
fn body(
    shared: &Shared,
    head: &Head,
    from: &mut BufReader<TcpStream>,
    to: &mut impl Write,
    rate: &AtomicU64,
    counter: &AtomicU64,
    limit: u64,
    mut pause: Option<(u64, Duration)>,
) -> io::Result<()> {
    if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return chunked(from, to, counter);
    }
    let length = head.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0u64);
    let (mut sent, mut buffer) = (0, vec![0; CHUNK]);
    let began = Instant::now();
    while sent < length.min(limit) {
        if wait_for_line(shared)? {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let want = (length.min(limit) - sent).min(CHUNK as u64) as usize;
        let n = from.read(&mut buffer[..want])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.write_all(&buffer[..n])?;
        sent += n as u64;
        counter.fetch_add(n as u64, Ordering::Relaxed);
        if let Some((after, time)) = pause
            && sent >= after
        {
            std::thread::sleep(time);
            pause = None;
        }
        let rate = rate.load(Ordering::Relaxed);
        if rate > 0 {
            let due = Duration::from_secs_f64(sent as f64 / rate as f64);
            std::thread::sleep(due.saturating_sub(began.elapsed()).min(Duration::from_secs(1)));
        }
    }
    to.flush()
}

fn chunked(from: &mut BufReader<TcpStream>, to: &mut impl Write, counter: &AtomicU64) -> io::Result<()> {
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        to.write_all(line.as_bytes())?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size as usize + 2];
        from.read_exact(&mut chunk)?;
        to.write_all(&chunk)?;
        counter.fetch_add(size, Ordering::Relaxed);
        if size == 0 {
            return to.flush();
        }
    }
}

/// Waits while the line is silent. `true`: it is cut.
fn wait_for_line(shared: &Shared) -> io::Result<bool> {
    loop {
        if shared.ended.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match *shared.line.read().unwrap() {
            Line::Good => return Ok(false),
            Line::Cut => return Ok(true),
            Line::Silent => {}
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn answer(to: &mut TcpStream, head: &Head, spoil: &Spoil) -> io::Result<()> {
    let (status, body) = match spoil {
        Spoil::Status(status, code) => {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>spoilt</Message></Error>"
            );
            (*status, body.into_bytes())
        }
        Spoil::Answer(status, body) => (*status, body.clone()),
        other => unreachable!("{other:?}"),
    };
    let mut text =
        format!("HTTP/1.1 {status} Spoilt\r\ncontent-length: {}\r\ncontent-type: application/xml\r\n\r\n", body.len())
            .into_bytes();
    if !head.first.starts_with("HEAD ") {
        text.extend(body);
    }
    to.write_all(&text)
}

impl Head {
    /// `None`: the other side has closed the connection between two messages.
    fn read(from: &mut BufReader<TcpStream>) -> io::Result<Option<Head>> {
        let line = |from: &mut BufReader<TcpStream>| -> io::Result<String> {
            let mut line = String::new();
            from.read_line(&mut line)?;
            Ok(line.trim_end_matches(['\r', '\n']).to_owned())
        };
        let first = line(from)?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let next = line(from)?;
            let Some((name, value)) = next.split_once(':') else { return Ok(Some(Head { first, headers })) };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        to.write_all(text.as_bytes())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

fn passing(head: &Head) -> Passing {
    let mut words = head.first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let key = decoded.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key).to_owned();
    let names: Vec<&str> = query.split('&').map(|part| part.split('=').next().unwrap_or_default()).collect();
    Passing {
        op: operation(method, &key, &names, head.header("x-amz-copy-source").is_some()),
        method: method.to_owned(),
        key,
        query: query.to_owned(),
        range: head.header("range").map(str::to_owned),
        length: head.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0),
        n: 0,
        at: Instant::now(),
    }
}

fn operation(method: &str, key: &str, query: &[&str], copy: bool) -> &'static str {
    let has = |name| query.contains(&name);
    match (method, key.is_empty()) {
        ("HEAD", true) => "HeadBucket",
        ("GET", true) if has("uploads") => "ListMultipartUploads",
        ("GET", true) => "ListObjectsV2",
        ("POST", true) if has("delete") => "DeleteObjects",
        ("HEAD", false) => "HeadObject",
        ("GET", false) if has("acl") => "GetObjectAcl",
        ("GET", false) if has("tagging") => "GetObjectTagging",
        ("GET", false) => "GetObject",
        ("PUT", false) if has("acl") => "PutObjectAcl",
        ("PUT", false) if has("tagging") => "PutObjectTagging",
        ("PUT", false) if has("partNumber") && copy => "UploadPartCopy",
        ("PUT", false) if has("partNumber") => "UploadPart",
        ("PUT", false) if copy => "CopyObject",
        ("PUT", false) if has("append") => "AppendObject",
        ("PUT", false) => "PutObject",
        ("POST", false) if has("uploads") => "CreateMultipartUpload",
        ("POST", false) => "CompleteMultipartUpload",
        ("DELETE", false) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", false) => "DeleteObject",
        _ => "Other",
    }
}
