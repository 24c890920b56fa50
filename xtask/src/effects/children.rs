//! The programs that run for us right now. When we are told to end they are ended too; what a killed run left running is ended by the next one.
//!
//! Long ones lead a process group of their own, so that their children go with them. What is noted of a group names the boot and the leader's
//! start, so that a stranger that got the same number later is left alone.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::files;
use crate::kernel::Result;

static RUNNING: Mutex<BTreeMap<u32, How>> = Mutex::new(BTreeMap::new());

/// How a program is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// It is asked first.
    Alone,
    /// With all that it started.
    Group,
    /// It only waits for questions: there is nothing to ask it for.
    AtOnce,
}

fn running() -> MutexGuard<'static, BTreeMap<u32, How>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that runs; no longer when this is dropped.
pub(super) struct Watched {
    id: u32,
    note: Option<PathBuf>,
}

/// Remembers a program; one that leads a group is noted in a file too, for whoever comes after a kill.
pub(super) fn watch(child: &std::process::Child, note: Option<&Path>) -> Result<Watched> {
    let id = child.id();
    running().insert(id, if note.is_some() { How::Group } else { How::Alone });
    let watched = Watched { id, note: note.map(Path::to_owned) };
    if let (Some(note), Some(mark)) = (note, mark(id)) {
        files::write(note, format!("{id} {mark}\n").as_bytes())?;
    }
    Ok(watched)
}

/// Remembers a program that leads a group, for a short question: nothing of it need be noted.
pub(super) fn watch_group(child: &std::process::Child) -> Watched {
    running().insert(child.id(), How::Group);
    Watched { id: child.id(), note: None }
}

/// Remembers a program that only waits for questions.
pub(super) fn watch_idle(child: &std::process::Child) -> Watched {
    running().insert(child.id(), How::AtOnce);
    Watched { id: child.id(), note: None }
}

/// Ends a program at once, and its group where it leads one.
pub(super) fn end(child: &mut std::process::Child) {
    platform::signal(child.id(), true, true);
    // It may have ended just now; where there are no groups this ends it.
    let _ = child.kill();
    let _ = child.wait();
}

impl Drop for Watched {
    fn drop(&mut self) {
        running().remove(&self.id);
        // A note that stays names a program that has ended: nothing will be found.
        let _ = self.note.as_deref().map(files::remove_file);
    }
}

/// Ends all that runs: asks first, then insists.
pub fn end_all() {
    const PATIENCE: u32 = 20;
    let all: Vec<(u32, How)> = running().iter().map(|(id, how)| (*id, *how)).collect();
    all.iter().for_each(|(id, how)| platform::signal(*id, *how == How::Group, *how == How::AtOnce));
    let asked: Vec<(u32, bool)> = all.iter().filter(|(_, how)| *how != How::AtOnce).map(|(id, how)| (*id, *how == How::Group)).collect();
    for _ in 0..PATIENCE {
        if asked.iter().all(|(id, group)| !platform::is_there(*id, *group)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    asked.iter().for_each(|(id, group)| platform::signal(*id, *group, true));
}

/// Ends the group that a killed run left, if it is still there. Only under the lock that the run held.
pub fn end_left(note: &Path) -> Result<bool> {
    const PATIENCE: u32 = 50;
    let text = files::read_text_if_there(note)?.unwrap_or_default();
    let Some((id, noted)) = text.trim().split_once(' ') else { return Ok(false) };
    let Ok(id) = id.parse::<u32>() else { return Ok(false) };
    // Where the leader is gone, its number is not given away while its group lives; should it be another's, the mark tells.
    let same = mark(id).is_none_or(|mark| mark == noted) && noted.starts_with(&boot());
    let left = same && platform::is_there(id, true);
    if left {
        platform::signal(id, true, true);
        (0..PATIENCE).take_while(|_| platform::is_there(id, true)).for_each(|_| std::thread::sleep(Duration::from_millis(20)));
    }
    files::remove_file(note)?;
    Ok(left)
}

/// This boot of the machine; empty where the system doesn't tell.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// What tells a process from another that gets its number later: the boot, and when it started.
fn mark(id: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name is in brackets and may hold anything; the start is the 20th field after it.
    let start = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_owned();
    Some(format!("{}/{start}", boot()))
}

#[cfg(unix)]
mod platform {
    use rustix::process::{self, Pid, Signal};

    /// Asks a program or its group to end, or ends it.
    pub(super) fn signal(id: u32, group: bool, insist: bool) {
        let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else { return };
        let signal = if insist { Signal::KILL } else { Signal::TERM };
        // It may have ended just now.
        let _ = if group { process::kill_process_group(pid, signal) } else { process::kill_process(pid, signal) };
    }

    pub(super) fn is_there(id: u32, group: bool) -> bool {
        let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else { return false };
        if group { process::test_kill_process_group(pid) } else { process::test_kill_process(pid) }.is_ok()
    }
}

#[cfg(not(unix))]
mod platform {
    /// Consoles tell all their programs about Ctrl-C by themselves.
    pub(super) fn signal(_: u32, _: bool, _: bool) {}

    pub(super) fn is_there(_: u32, _: bool) -> bool {
        false
    }
}
