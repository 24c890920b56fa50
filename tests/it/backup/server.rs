//! A real redis-server on a Unix-picked port, with its data in the project's folder; killed when dropped.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

pub struct Server {
    child: Option<Child>,
    pub port: u16,
    folder: PathBuf,
    options: Vec<String>,
}

/// Whether there is a redis-server; a skip is loud, and a failure where `XTASK_CI_STRICT=1`.
pub fn available() -> bool {
    let there = Command::new("redis-server").arg("--version").output().is_ok();
    if !there {
        assert!(std::env::var("XTASK_CI_STRICT").as_deref() != Ok("1"), "redis-server is missing: .ci/setup installs it");
        eprintln!("SKIPPED: there is no redis-server");
    }
    there
}

impl Server {
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { child: None, port, folder: folder.into(), options: options.iter().map(|option| (*option).to_owned()).collect() };
        server.again();
        server
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it (again) on its folder.
    pub fn again(&mut self) {
        let log = self.folder.with_extension("log");
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(&self.folder).arg("--logfile").arg(log);
        self.child = Some(command.args(&self.options).stdout(Stdio::null()).spawn().unwrap());
        for _ in 0..200 {
            if self.cli(&["INFO", "persistence"]).contains("\nloading:0") {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("redis-server did not start");
    }

    /// Kills it: nothing is saved.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").env("REDISCLI_AUTH", "geheim").args(["-p", &self.port.to_string()]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Many keys in one go.
    pub fn fill(&self, prefix: &str, count: usize) {
        let script = format!("for i=1,{count} do redis.call('SET', '{prefix}'..i, 'value '..i..string.rep('x', 100)) end return 'done'");
        assert_eq!(self.cli(&["EVAL", &script, "0"]), "done");
    }

    /// A digest over all keys and values, in order.
    pub fn digest(&self) -> String {
        let script = "local keys = redis.call('KEYS', '*') table.sort(keys) local d = '' for _, k in ipairs(keys) do d = redis.sha1hex(d..k..'='..redis.call('GET', k)) end return d";
        self.cli(&["EVAL", script, "0"])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
