//! What happens while a command runs. Rooms emit events; only `report/` turns them into bytes on a terminal.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::Finding;

/// Something that a person watching wants to know.
#[derive(Clone, Debug)]
pub enum Event {
    /// A phase begins: `building`, `uploading 4 files`.
    Step(String),
    /// One thing was done or seen.
    Note(String),
    /// Something is off, but the command goes on.
    Warning(Finding),
    /// A line that a child process printed.
    Output {
        /// Which program or service.
        from: String,
        /// The line, without its end.
        line: String,
    },
    /// Waiting, and why.
    Waiting {
        /// A lowercase clause: `rate limit of the server`.
        why: String,
        /// How long, in seconds.
        seconds: u64,
    },
    /// A measured piece of work begins.
    BarStarted {
        /// Names this bar in the next events.
        id: u64,
        /// What is being worked on.
        label: String,
        /// How much in all (bytes, unless the label says otherwise), where known.
        total: Option<u64>,
    },
    /// So much of it is done now.
    BarMoved {
        /// Which bar.
        id: u64,
        /// Done in all.
        done: u64,
    },
    /// It ended, well or not.
    BarEnded {
        /// Which bar.
        id: u64,
    },
}

type Listener = dyn Fn(Event) + Send + Sync;

/// Where events go. Cheap to clone, safe to share between threads.
#[derive(Clone)]
pub struct Events(Arc<Listener>);

impl Events {
    /// Sends every event to a listener.
    pub fn to(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Nobody listens.
    pub fn none() -> Self {
        Self::to(drop)
    }

    /// Tells what happened.
    pub fn emit(&self, event: Event) {
        (self.0)(event);
    }

    /// A phase begins.
    pub fn step(&self, title: impl Into<String>) {
        self.emit(Event::Step(title.into()));
    }

    /// One thing was done or seen.
    pub fn note(&self, text: impl Into<String>) {
        self.emit(Event::Note(text.into()));
    }

    /// Something is off, but the command goes on.
    pub fn warn(&self, finding: Finding) {
        self.emit(Event::Warning(finding));
    }

    /// Starts a bar; it ends when the handle is dropped.
    pub fn bar(&self, label: impl Into<String>, total: Option<u64>) -> Bar {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        self.emit(Event::BarStarted { id, label: label.into(), total });
        Bar { id, done: AtomicU64::new(0), events: self.clone() }
    }
}

/// A bar on the screen of whoever watches. Threads may share it.
pub struct Bar {
    id: u64,
    done: AtomicU64,
    events: Events,
}

impl Bar {
    /// So much more is done.
    pub fn advance(&self, more: u64) {
        let done = self.done.fetch_add(more, Ordering::Relaxed) + more;
        self.events.emit(Event::BarMoved { id: self.id, done });
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.events.emit(Event::BarEnded { id: self.id });
    }
}
