//! A stand-in for the Graphiti MCP server: HTTP on port 8000, `/health` answers 200 only while FalkorDB answers a query.
//! `STANDIN_MODE`: ok, crash, hang, sick, sick-after:SECONDS, crash-after:SECONDS. Started as `curl` it is a very small curl.
//! Compiled by images.sh with plain rustc; it is no part of the program.

use std::{
    env,
    io::{Read, Write},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    process::exit,
    thread,
    time::{Duration, Instant},
};

fn main() {
    let mut args = env::args();
    if args.next().is_some_and(|name| name.ends_with("curl")) { curl(args.collect()) } else { serve() }
}

fn serve() {
    let mode = env::var("STANDIN_MODE").unwrap_or_else(|_| "ok".into());
    let (mode, seconds) = mode.split_once(':').map_or((mode.as_str(), 0), |(mode, n)| (mode, n.parse().unwrap_or(5)));
    let begun = Instant::now();
    println!("stand-in {}: mode {mode}", env::var("STANDIN_VERSION").unwrap_or_default());
    if mode == "crash" {
        eprintln!("fatal: can't read the settings of a newer version");
        exit(3);
    }
    if mode == "crash-after" {
        thread::spawn(move || {
            thread::sleep(Duration::from_secs(seconds));
            eprintln!("fatal: out of luck after {seconds} s");
            exit(4);
        });
    }
    let listener = TcpListener::bind("0.0.0.0:8000").expect("port 8000");
    let (mode, late) = (mode.to_owned(), Duration::from_secs(seconds));
    for stream in listener.incoming().flatten() {
        let sick = mode == "sick" || (mode == "sick-after" && begun.elapsed() > late);
        let hang = mode == "hang";
        thread::spawn(move || answer(stream, sick, hang));
    }
}

fn answer(mut stream: TcpStream, sick: bool, hang: bool) {
    let mut buffer = [0; 4096];
    let mut request = String::new();
    // A request may come in pieces.
    while !request.contains("\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => request.push_str(&String::from_utf8_lossy(&buffer[..read])),
            _ => break,
        }
    }
    if hang {
        thread::sleep(Duration::from_secs(3600));
    }
    let path = request.split_whitespace().nth(1).unwrap_or("");
    let (status, body) = match (path, sick) {
        ("/health", true) => ("503 Service Unavailable", "sick, as told".to_owned()),
        ("/health", false) => match graphs() {
            Ok(graphs) => ("200 OK", format!("{{\"status\":\"healthy\",\"graphs\":{graphs}}}")),
            Err(why) => ("503 Service Unavailable", format!("FalkorDB doesn't answer: {why}")),
        },
        _ => ("404 Not Found", "nothing here".to_owned()),
    };
    if status.starts_with('5') {
        eprintln!("health: {body}");
    }
    let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).as_bytes());
}

/// How many graphs FalkorDB holds.
fn graphs() -> Result<usize, String> {
    let at = format!("{}:{}", env::var("FALKORDB_HOST").unwrap_or_else(|_| "falkordb".into()), env::var("FALKORDB_PORT").unwrap_or_else(|_| "6379".into()));
    let mut redis = connect(&at).map_err(|error| format!("{at}: {error}"))?;
    if let Ok(password) = env::var("FALKORDB_PASSWORD")
        && !password.is_empty()
    {
        ask(&mut redis, &["AUTH", &password])?;
    }
    let answer = ask(&mut redis, &["GRAPH.LIST"])?;
    answer.trim_start_matches('*').lines().next().and_then(|n| n.trim().parse().ok()).ok_or(answer)
}

fn ask(redis: &mut TcpStream, words: &[&str]) -> Result<String, String> {
    let request: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    redis.write_all(format!("*{}\r\n{request}", words.len()).as_bytes()).map_err(|error| error.to_string())?;
    let mut buffer = [0; 1024];
    let read = redis.read(&mut buffer).map_err(|error| error.to_string())?;
    let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
    if answer.is_empty() || answer.starts_with('-') { Err(answer) } else { Ok(answer) }
}

fn connect(at: &str) -> std::io::Result<TcpStream> {
    let address = at.to_socket_addrs()?.next().ok_or_else(|| std::io::Error::other("no address"))?;
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(4)))?;
    Ok(stream)
}

/// `curl [-f] [-s] [-S] [-o FILE] URL`: exits with 22 for a 4xx or 5xx answer with `-f`, as the real one does.
fn curl(args: Vec<String>) {
    let flag = |letter| args.iter().any(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.contains(letter)) ;
    let fail = flag('f') || args.iter().any(|arg| arg == "--fail");
    let url = args.iter().find_map(|arg| arg.strip_prefix("http://")).unwrap_or_else(|| exit(3));
    let (host, path) = url.split_once('/').unwrap_or((url, ""));
    let Ok(mut stream) = connect(host) else {
        eprintln!("curl: (7) Failed to connect to {host}");
        exit(7);
    };
    let _ = stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes());
    let mut answer = String::new();
    if stream.read_to_string(&mut answer).is_err() {
        eprintln!("curl: (28) Operation timed out");
        exit(28);
    }
    let status: u16 = answer.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    if fail && status >= 400 {
        eprintln!("curl: (22) The requested URL returned error: {status}");
        exit(22);
    }
    println!("{}", answer.split_once("\r\n\r\n").map_or("", |(_, body)| body));
}
