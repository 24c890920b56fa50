//! Work in parallel, results in order, memory bounded. Threads and channels only; knows nothing of archives.
//!
//! What comes out does not depend on how many threads there are, provided `work` is a function of its job alone.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use crate::kernel::{Error, Result};

/// How many threads, when nobody says: all cores.
pub fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Takes jobs from `next`, one at a time, works on them in `threads` threads and hands the results to `sink` in the
/// order of the jobs. At most three jobs or results a thread exist at once. `state` makes each thread's own tools.
pub fn ordered<J: Send, S, R: Send>(
    threads: NonZeroUsize,
    next: impl FnMut() -> Result<Option<J>> + Send,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, J) -> Result<R> + Sync,
    mut sink: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let (order, results) = mpsc::sync_channel(threads.get().saturating_mul(2));
    let source = Mutex::new(Some(Source { next, order }));
    thread::scope(|scope| {
        for _ in 0..threads.get() {
            scope.spawn(|| {
                let mut tools = state();
                while let Some((job, give)) = take(&source) {
                    // Nobody takes it when the sink has failed already: then that error is the one to tell.
                    let _ = give.send(work(&mut tools, job));
                }
            });
        }
        // Owned here, so that a failing sink closes the queue and the threads end.
        for result in results {
            let result: mpsc::Receiver<Result<R>> = result;
            sink(result.recv().map_err(|_| Error::unexpected("a worker thread ended without a result"))??)?;
        }
        Ok(())
    })
}

struct Source<N, R> {
    next: N,
    order: mpsc::SyncSender<mpsc::Receiver<Result<R>>>,
}

/// The next job and where its result goes. The place in line is taken under the lock: that makes the order.
fn take<J, R>(source: &Mutex<Option<Source<impl FnMut() -> Result<Option<J>>, R>>>) -> Option<(J, mpsc::SyncSender<Result<R>>)> {
    let mut guard = source.lock().unwrap_or_else(PoisonError::into_inner);
    let open = guard.as_mut()?;
    let (give, result) = mpsc::sync_channel(1);
    let next = (open.next)();
    if !matches!(next, Ok(None)) && open.order.send(result).is_ok() {
        match next {
            Ok(Some(job)) => return Some((job, give)),
            Ok(None) => {}
            Err(error) => drop(give.send(Err(error))),
        }
    }
    *guard = None;
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(threads: usize, fail_at: Option<u64>) -> Result<Vec<u64>> {
        let mut n = 0;
        let next = || {
            n += 1;
            if fail_at == Some(n) { Err(Error::mismatch("no more")) } else { Ok((n <= 500).then_some(n)) }
        };
        let mut all = Vec::new();
        let slow = |_: &mut (), n: u64| {
            thread::sleep(std::time::Duration::from_micros(n * 7919 % 200));
            Ok(n * n)
        };
        ordered(
            NonZeroUsize::new(threads).unwrap(),
            next,
            || (),
            slow,
            |square| {
                all.push(square);
                Ok(())
            },
        )?;
        Ok(all)
    }

    #[test]
    fn results_come_in_order() {
        let expected: Vec<u64> = (1..=500).map(|n| n * n).collect();
        for threads in [1, 2, 7] {
            assert_eq!(squares(threads, None).unwrap(), expected);
        }
    }

    #[test]
    fn failures_end_it() {
        assert_eq!(squares(3, Some(100)).unwrap_err().to_string(), "no more");
        let endless = ordered(NonZeroUsize::new(3).unwrap(), || Ok(Some(1)), || (), |(), n| Ok(n), |_: i32| Err(Error::refused("full")));
        assert_eq!(endless.unwrap_err().to_string(), "full");
        let broken = ordered(NonZeroUsize::new(3).unwrap(), || Ok(Some(1)), || (), |(), _| Err::<i32, _>(Error::refused("broken")), |_| Ok(()));
        assert_eq!(broken.unwrap_err().to_string(), "broken");
    }
}
