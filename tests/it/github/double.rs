//! A GitHub on this machine: four hosts (API, uploads, web, objects) over one state, with faults by script and a log of every request.

use std::{
    io::{BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    faults::{self, Act, Fault},
    http::{Request, Response},
    routes::{self, Role},
    state::{Hosts, State},
};

/// A request as it was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub role: Role,
    pub method: String,
    pub target: String,
    pub authorized: bool,
    pub status: u16,
    /// When it was answered, since the double's start.
    pub at: Duration,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>8.3} {:?} {} {} {}", self.at.as_secs_f64(), self.role, self.method, self.target, self.status)
    }
}

struct Shared {
    state: Mutex<State>,
    faults: Mutex<Vec<Fault>>,
    seen: Mutex<Vec<Seen>>,
    latency: Mutex<Duration>,
    victim: AtomicU32,
    now: AtomicUsize,
    most: AtomicUsize,
    over: AtomicBool,
    start: Instant,
}

/// A running double; it ends when dropped.
pub struct Double {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    pub hosts: Hosts,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Double {
    /// Starts one on ports that the system picks.
    pub fn start() -> Self {
        let bind = |host: &str| TcpListener::bind((host, 0));
        let loopback = || bind("127.0.0.1").expect("bind a port on loopback");
        // Another address of this machine, where the system has one: a redirect there is one to another host.
        let listeners =
            [(Role::Api, loopback()), (Role::Uploads, loopback()), (Role::Web, loopback()), (Role::Objects, bind("127.0.0.2").unwrap_or_else(|_| loopback()))];
        let address = |role: Role| {
            let found = listeners.iter().find(|(other, _)| *other == role).and_then(|(_, listener)| listener.local_addr().ok());
            format!("http://{}", found.expect("a bound listener has an address"))
        };
        let hosts = Hosts { api: address(Role::Api), uploads: address(Role::Uploads), web: address(Role::Web), objects: address(Role::Objects) };
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(hosts.clone())),
            faults: Mutex::default(),
            seen: Mutex::default(),
            latency: Mutex::default(),
            victim: AtomicU32::new(0),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            start: Instant::now(),
        });
        let mut addresses = Vec::new();
        for (role, listener) in listeners {
            addresses.extend(listener.local_addr());
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, role, &shared));
        }
        Self { shared, addresses, hosts }
    }

    /// Also listens on a Unix socket, for `gh` with `http_unix_socket`: API and uploads through one.
    #[cfg(unix)]
    pub fn listen_on(&self, socket: &std::path::Path) {
        let listener = std::os::unix::net::UnixListener::bind(socket).expect("bind the socket");
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    if let Ok(reader) = stream.try_clone() {
                        converse(reader, stream, None, &shared);
                    }
                });
            }
        });
    }

    /// What it knows.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    /// Scripts a fault.
    pub fn fault(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// No faults from now on.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Every request takes so long.
    pub fn slow_down(&self, latency: Duration) {
        *lock(&self.shared.latency) = latency;
    }

    /// Whom [`Act::Kill`] kills.
    pub fn victim(&self, process: u32) {
        self.shared.victim.store(process, Ordering::SeqCst);
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        lock(&self.shared.seen).clear();
        self.shared.most.store(0, Ordering::SeqCst);
    }

    /// The most requests that were open at once.
    pub fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        for address in &self.addresses {
            // Wakes the listener up, so that it sees that it is over.
            let _ = TcpStream::connect(address);
        }
    }
}

fn accept(listener: &TcpListener, role: Role, shared: &Arc<Shared>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // Small answers must not wait for each other.
            let _ = stream.set_nodelay(true);
            if let Ok(reader) = stream.try_clone() {
                converse(reader, stream, Some(role), &shared);
            }
        });
    }
}

/// Requests and answers on one connection, until it closes or breaks.
fn converse(reader: impl Read, mut writer: impl Write, role: Option<Role>, shared: &Shared) {
    let mut reader = BufReader::new(reader);
    while let Ok(Some(request)) = Request::read(&mut reader, &mut writer) {
        let open = shared.now.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most.fetch_max(open, Ordering::SeqCst);
        let goes_on = respond(request, role, &mut writer, shared);
        shared.now.fetch_sub(1, Ordering::SeqCst);
        if !goes_on || shared.over.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// GitHub's own names: on the Unix socket all hosts meet, and clients give their token to these only.
fn real_hosts() -> Hosts {
    let [api, uploads, web, objects] =
        ["api.github.com", "uploads.github.com", "github.com", "objects.githubusercontent.com"].map(|host| format!("https://{host}"));
    Hosts { api, uploads, web, objects }
}

fn role_of(request: &Request) -> Role {
    match request.header("host").unwrap_or_default() {
        "objects.githubusercontent.com" => Role::Objects,
        "github.com" => Role::Web,
        "uploads.github.com" => Role::Uploads,
        _ => Role::Api,
    }
}

/// Answers; false when the connection is to break.
fn respond(mut request: Request, role: Option<Role>, writer: &mut impl Write, shared: &Shared) -> bool {
    let (role, hosts) = role.map_or_else(|| (role_of(&request), Some(real_hosts())), |role| (role, None));
    let latency = *lock(&shared.latency);
    std::thread::sleep(latency);
    let act = faults::pick(&mut lock(&shared.faults), &request);
    let mut cut = None;
    match &act {
        Some(Act::ResetBefore) => {
            note(&request, role, &Response::new(0), shared);
            return false;
        }
        Some(Act::Slow(milliseconds)) => std::thread::sleep(Duration::from_millis(*milliseconds)),
        Some(Act::Stall(milliseconds)) => {
            note(&request, role, &Response::new(0), shared);
            std::thread::sleep(Duration::from_millis(*milliseconds));
            return false;
        }
        Some(Act::AlterRequest) => flip(&mut request.body),
        _ => {}
    }
    let mut response = act_on(&request, role, act.as_ref(), hosts, shared);
    note(&request, role, &response, shared);
    match act {
        Some(Act::ResetAfter) => return false,
        Some(Act::Kill) => {
            kill(shared.victim.load(Ordering::SeqCst));
            return false;
        }
        Some(Act::AlterAnswer) => flip(&mut response.body),
        Some(Act::HalfBody) => cut = Some(response.body.len() / 2),
        _ => {}
    }
    response.write(writer, request.method == "HEAD", cut).is_ok() && cut.is_none()
}

fn act_on(request: &Request, role: Role, act: Option<&Act>, hosts: Option<Hosts>, shared: &Shared) -> Response {
    let mut state = lock(&shared.state);
    let ours = state.hosts.clone();
    state.hosts = hosts.unwrap_or_else(|| ours.clone());
    let response = answer(&mut state, request, role, act);
    state.hosts = ours;
    response
}

fn answer(state: &mut State, request: &Request, role: Role, act: Option<&Act>) -> Response {
    match act {
        Some(Act::Answer(response)) => response.clone(),
        Some(Act::AnswerAfter(response)) => {
            routes::answer(state, role, request);
            response.clone()
        }
        Some(Act::Starter) => {
            routes::leave_starter(state, request);
            routes::message(502, "Bad Gateway")
        }
        Some(Act::Twice) => {
            routes::answer(state, role, request);
            routes::answer(state, role, request)
        }
        _ => routes::answer(state, role, request),
    }
}

fn note(request: &Request, role: Role, response: &Response, shared: &Shared) {
    let authorized = request.header("authorization").is_some();
    lock(&shared.seen).push(Seen {
        role,
        method: request.method.clone(),
        target: request.target.clone(),
        authorized,
        status: response.status,
        at: shared.start.elapsed(),
    });
}

fn flip(body: &mut [u8]) {
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
}

#[cfg(unix)]
fn kill(process: u32) {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(process) = process {
        // It may have ended on its own; the test sees that.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_: u32) {}
