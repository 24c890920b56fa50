//! Sizes and durations as a person reads them.

use std::time::Duration;

/// `0 B`, `999 B`, `1.2 kB`, `421.3 MB`: decimal units, as disks and GitHub count.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// `0.4 s`, `12 s`, `3 min 20 s`, `5 h 12 min`, `3 d 4 h`.
pub fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_naturally() {
        let shown = [0, 999, 1000, 1234, 999_949, 999_950, 421_300_000].map(human_bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "1.2 kB", "999.9 kB", "1.0 MB", "421.3 MB"]);
    }

    #[test]
    fn durations_read_naturally() {
        let shown = [400, 12_000, 200_000, 18_720_000, 273_600_000].map(|ms| human_duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["0.4 s", "12 s", "3 min 20 s", "5 h 12 min", "3 d 4 h"]);
    }
}
