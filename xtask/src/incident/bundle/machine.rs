//! What this machine is and how full it is. Sizes come in bands (each twice the last), so that two bundles of the same state are the same bytes.

use std::path::Path;

use crate::effects::files;

/// A few lines about system, processor, memory and disk.
pub fn describe(root: &Path) -> String {
    let mut lines = vec![format!("system: {} {}", std::env::consts::OS, std::env::consts::ARCH)];
    lines.extend(kernel());
    lines.extend(std::thread::available_parallelism().map(|cores| format!("cores: {cores}")));
    lines.extend(memory());
    lines.extend(disk(root));
    lines.push(format!("xtask: {}", env!("CARGO_PKG_VERSION")));
    lines.join("\n") + "\n"
}

/// `64 GB to 128 GB`
fn band(bytes: u64) -> String {
    const MB: u64 = 1_000_000;
    let mut low = 64 * MB;
    if bytes < low {
        return "less than 64 MB".into();
    }
    while bytes >= low.saturating_mul(2) {
        low = low.saturating_mul(2);
    }
    let text = |bytes: u64| if bytes >= 1000 * MB { format!("{} GB", bytes / (1000 * MB)) } else { format!("{} MB", bytes / MB) };
    format!("{} to {}", text(low), text(low.saturating_mul(2)))
}

fn memory() -> Vec<String> {
    let text = files::read_text(Path::new("/proc/meminfo")).unwrap_or_default();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    };
    let line = |title: &str, name: &str| value(name).map(|bytes| format!("{title}: {}", band(bytes)));
    [line("memory", "MemTotal"), line("memory available", "MemAvailable"), line("swap free", "SwapFree")].into_iter().flatten().collect()
}

#[cfg(unix)]
fn kernel() -> Option<String> {
    let name = rustix::system::uname();
    Some(format!("kernel: {} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy()))
}

#[cfg(unix)]
fn disk(root: &Path) -> Vec<String> {
    let Ok(stat) = rustix::fs::statvfs(root) else { return Vec::new() };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let inodes = if stat.f_files > 0 && stat.f_favail * 20 < stat.f_files { "almost used up" } else { "enough" };
    let full = if stat.f_bavail * 20 < stat.f_blocks { " (ALMOST FULL)" } else { "" };
    vec![format!("disk: {}", band(stat.f_blocks.saturating_mul(stat.f_frsize))), format!("disk free: {}{full}", band(free)), format!("inodes: {inodes}")]
}

#[cfg(not(unix))]
fn kernel() -> Option<String> {
    None
}

#[cfg(not(unix))]
fn disk(_: &Path) -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::band;

    #[test]
    fn sizes_come_in_bands() {
        assert_eq!([0, 64_000_000, 900_000_000, 70_000_000_000].map(band), ["less than 64 MB", "64 MB to 128 MB", "512 MB to 1 GB", "65 GB to 131 GB"]);
    }
}
