//! Scripted faults: which request (method, part of its path, the how manieth such) goes wrong, and how.

use super::http::{Request, Response};

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Act {
    /// The connection breaks and nothing was done.
    ResetBefore,
    /// It was done, and the connection breaks before the answer.
    ResetAfter,
    /// It was done, and half of the answer's body comes.
    HalfBody,
    /// This answer, and nothing was done.
    Answer(Response),
    /// It was done, and this is the answer.
    AnswerAfter(Response),
    /// 502, and an asset in state `starter` is left.
    Starter,
    /// Done twice, as a proxy that repeats requests does; the second answer is given.
    Twice,
    /// A byte of the request's body is altered on its way.
    AlterRequest,
    /// A byte of the answer's body is altered on its way.
    AlterAnswer,
    /// So many milliseconds late.
    Slow(u64),
    /// Nothing at all for so many milliseconds, then the connection breaks.
    Stall(u64),
    /// It was done, and the client is killed before it can read the answer.
    Kill,
}

impl Act {
    /// 5xx with a page, as a load balancer gives it.
    pub fn page(status: u16) -> Self {
        Self::Answer(Response::new(status).header("content-type", "text/html").with_body("<html><head><title>Unicorn!</title></head><body>…</body></html>"))
    }

    /// 403 or 429 with these headers.
    pub fn limited(status: u16, headers: &[(&str, &str)]) -> Self {
        let response = super::routes::message(status, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.");
        Self::Answer(headers.iter().fold(response, |response, (name, value)| response.header(name, *value)))
    }

    /// A JSON body that ends too early, though its length is right.
    pub fn truncated_json() -> Self {
        Self::Answer(Response::new(200).header("content-type", "application/json").with_body("[{\"id\": 1, \"tag_na"))
    }
}

/// A fault and when it strikes.
#[derive(Clone, Debug)]
pub struct Fault {
    method: &'static str,
    path: &'static str,
    skip: usize,
    times: usize,
    act: Act,
}

impl Fault {
    /// Strikes the first request with that method (`*`: any) whose target holds that text (`…$`: ends with it).
    pub fn on(method: &'static str, path: &'static str, act: Act) -> Self {
        Self { method, path, skip: 0, times: 1, act }
    }

    /// Strikes the n-th such request instead, from 1.
    pub fn nth(mut self, nth: usize) -> Self {
        self.skip = nth.saturating_sub(1);
        self
    }

    /// Strikes so often in a row.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Whether it strikes now; counts.
    fn strikes(&mut self, request: &Request) -> bool {
        let place = match self.path.strip_suffix('$') {
            Some(end) => request.target.ends_with(end),
            None => request.target.contains(self.path),
        };
        let fits = (self.method == "*" || self.method == request.method) && place;
        if !fits || self.times == 0 {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

/// The act of the first fault that strikes.
pub fn pick(faults: &mut [Fault], request: &Request) -> Option<Act> {
    faults.iter_mut().find_map(|fault| fault.strikes(request).then(|| fault.act.clone()))
}
