//! GitHub's runners, acted out: every job in a folder of its own with its own clone, HOME, time zone, umask and, where this test may, user;
//! the steps' own `run:` lines in a shell as GitHub starts it; what actions do, done here.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::expression::{fill, is_true, value};
use crate::{
    github::{Double, TOKEN, state::Ref},
    support::{Run, Scratch},
};

/// One run of a workflow: its jobs in the order of their needs, as far as they were let run.
pub struct Act<'a> {
    pub scratch: &'a Scratch,
    pub double: &'a Double,
    pub workflow: Value,
    pub github: Value,
    pub inputs: Value,
    /// What ended how: job → success or failure, and its outputs.
    pub needs: Value,
    /// More variables for every step of a job whose name begins so: what makes this machine special.
    pub special: Vec<(&'static str, &'static str, String)>,
    store: PathBuf,
    machines: u32,
    /// Everything that was printed.
    pub log: String,
    /// Exit codes of steps that failed.
    pub failed: Vec<i32>,
}

/// The program under test where every user may run it.
pub fn shared_program(scratch: &Scratch) -> PathBuf {
    let folder = scratch.path().join("bin");
    if !folder.exists() {
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_xtask"), folder.join("xtask")).unwrap();
    }
    folder
}

impl<'a> Act<'a> {
    /// A run of `.github/workflows/<name>.yml`, which the project has.
    pub fn new(scratch: &'a Scratch, double: &'a Double, name: &str, reference: &str, inputs: Value) -> Self {
        let workflow = yaml_serde::from_str(&scratch.read(&format!(".github/workflows/{name}.yml"))).expect("YAML");
        let github = json!({
            "ref_name": reference, "ref": format!("refs/tags/{reference}"), "token": TOKEN, "repository": "acme/rocket", "run_id": 7,
            "api_url": double.hosts.api, "server_url": "https://github.example", "event": { "repository": { "private": false } },
        });
        let store = scratch.path().join(format!("store-{reference}"));
        let (special, log, failed) = (Vec::new(), String::new(), Vec::new());
        Self { scratch, double, workflow, github, inputs, needs: json!({}), special, store, machines: 0, log, failed }
    }

    /// Runs these jobs, in the workflow's order; false as soon as one fails.
    pub fn jobs(&mut self, names: &[&str]) -> bool {
        names.iter().all(|name| self.job(name))
    }

    /// One job with all of its matrix. What it needs must have ended well, unless its condition says otherwise.
    pub fn job(&mut self, name: &str) -> bool {
        let job = self.workflow["jobs"][name].clone();
        assert!(job.is_object(), "no job {name}");
        let context = self.context(&Value::Null, &json!({}));
        let condition = job.get("if").and_then(Value::as_str).map(|text| value(text, &context));
        if condition.is_some_and(|condition| !is_true(&condition)) {
            self.log.push_str(&format!("== {name}: skipped\n"));
            return true;
        }
        let matrix = job.pointer("/strategy/matrix").and_then(Value::as_str).map_or(Value::Null, |text| value(text, &context));
        let machines = matrix.get("include").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![Value::Null]);
        let results: Vec<Option<Value>> = machines.iter().map(|machine| self.machine(name, &job, machine)).collect();
        let passed = results.iter().all(Option::is_some);
        let outputs = results.into_iter().flatten().next().unwrap_or_default();
        self.needs[name] = json!({ "result": if passed { "success" } else { "failure" }, "outputs": outputs });
        passed
    }

    fn context(&self, matrix: &Value, steps: &Value) -> Value {
        let failure = self.needs.as_object().is_some_and(|needs| needs.values().any(|need| need["result"] == "failure"));
        json!({ "github": self.github, "inputs": self.inputs, "matrix": matrix, "needs": self.needs, "steps": steps, "failure()": failure, "vars": {} })
    }

    /// One machine of a job: its outputs, or nothing when a step failed.
    fn machine(&mut self, name: &str, job: &Value, matrix: &Value) -> Option<Value> {
        self.machines += 1;
        let machine = Machine::new(self.scratch.path(), &format!("{} {name}", self.github["ref_name"].as_str().unwrap()), self.machines);
        let mut steps = json!({});
        for step in job["steps"].as_array().expect("steps") {
            let mut context = self.context(matrix, &steps);
            context["runner"] = json!({ "temp": machine.folder.join("temp") });
            let env = self.env(job, step, &mut context, name);
            if step.get("if").and_then(Value::as_str).is_some_and(|text| !is_true(&value(text, &context))) {
                continue;
            }
            let outputs = match (step["uses"].as_str(), step["run"].as_str()) {
                (Some(uses), _) => self.action(&machine, uses, step, &context),
                (_, Some(script)) => self.script(&machine, script, &env)?,
                _ => panic!("a step that does nothing: {step}"),
            };
            if let Some(id) = step["id"].as_str() {
                steps[id] = json!({ "outputs": outputs });
            }
        }
        let context = self.context(matrix, &steps);
        let outputs = job["outputs"].as_object().into_iter().flatten();
        Some(outputs.map(|(name, text)| (name.clone(), Value::String(fill(text.as_str().unwrap(), &context)))).collect())
    }

    /// Variables of workflow, job and step, each seeing those before it.
    fn env(&self, job: &Value, step: &Value, context: &mut Value, name: &str) -> BTreeMap<String, String> {
        let mut env = BTreeMap::new();
        for part in [&self.workflow["env"], &job["env"], &step["env"]] {
            for (key, text) in part.as_object().into_iter().flatten() {
                env.insert(key.clone(), fill(text.as_str().unwrap(), context));
            }
            context["env"] = json!(env);
        }
        let special = self.special.iter().filter(|(job, ..)| name.starts_with(job));
        env.extend(special.map(|(_, key, value)| ((*key).to_owned(), value.clone())));
        env
    }

    fn script(&mut self, machine: &Machine, script: &str, env: &BTreeMap<String, String>) -> Option<Value> {
        let run = machine.script(self.scratch, script, env);
        self.log.push_str(&format!("$ {script}\n{}{}", run.stdout, run.stderr));
        if run.code != Some(0) {
            self.failed.push(run.code.unwrap_or(-1));
            return None;
        }
        Some(outputs(&fs::read_to_string(machine.folder.join("output")).unwrap_or_default()))
    }

    fn action(&mut self, machine: &Machine, uses: &str, step: &Value, context: &Value) -> Value {
        let with = |key: &str| step["with"][key].as_str().map(|text| fill(text, context));
        match uses.split('@').next().unwrap() {
            "actions/checkout" => machine.check_out(self.scratch, &with("ref").unwrap_or_else(|| "main".into())),
            "actions/upload-artifact" => {
                let to = self.store.join(with("name").unwrap());
                let _ = fs::remove_dir_all(&to);
                copy(&machine.work.join(with("path").unwrap()), &to);
            }
            "actions/download-artifact" => {
                assert_eq!(with("pattern").as_deref(), Some("part-*"));
                copy(&self.store, &machine.work.join(with("path").unwrap()));
            }
            "actions/attest-build-provenance" => {
                let listed = fs::read_to_string(machine.work.join(with("subject-checksums").unwrap())).unwrap();
                assert!(
                    listed.lines().count() > 3 && listed.lines().all(|line| line.split_once("  ").is_some_and(|(digest, _)| digest.len() == 64)),
                    "{listed}"
                );
                let visible = self.double.state().release(self.github["ref_name"].as_str().unwrap()).is_some();
                self.log.push_str(&format!("attested {} files, published before: {visible}\n", listed.lines().count()));
            }
            "./.github/actions/xtask" => {
                // What the composite action leaves when it installs a release.
                fs::create_dir_all(machine.work.join(".xtask/setup")).unwrap();
                fs::write(machine.work.join(".xtask/setup/SHA256SUMS"), "").unwrap();
            }
            other => panic!("this test doesn't know the action {other}"),
        }
        machine.own();
        json!({})
    }

    /// Where the parts wait between jobs.
    pub fn part(&self, target: &str) -> PathBuf {
        self.store.join(format!("part-{target}"))
    }
}

/// A machine: folders, a user, a place on earth.
struct Machine {
    folder: PathBuf,
    work: PathBuf,
    number: u32,
}

impl Machine {
    fn new(root: &Path, name: &str, number: u32) -> Self {
        // Another length and other letters every time: nothing of a path may reach the bytes.
        let folder = root.join("machines").join(format!("{}{number} {name}", "x".repeat(number as usize % 7)));
        let _ = fs::remove_dir_all(&folder);
        let work = folder.join("work");
        fs::create_dir_all(&work).unwrap();
        fs::create_dir_all(folder.join("home")).unwrap();
        fs::create_dir_all(folder.join("temp")).unwrap();
        Self { folder, work, number }
    }

    fn check_out(&self, scratch: &Scratch, reference: &str) {
        let git = |args: &[&str]| {
            let run = Run::of(scratch.command("git").arg("-C").arg(&self.work).args(["-c", "safe.directory=*"]).args(args));
            assert_eq!(run.code, Some(0), "git {args:?}: {}", run.stderr);
        };
        git(&["init", "--quiet", "."]);
        let origin = scratch.project();
        git(&["fetch", "--quiet", "--tags", origin.to_str().unwrap(), "+refs/heads/*:refs/remotes/origin/*"]);
        git(&["checkout", "--quiet", "--detach", if reference == "main" { "refs/remotes/origin/main" } else { reference }]);
    }

    fn user(&self) -> Option<u32> {
        let root = rustix::process::geteuid().is_root() && Path::new("/usr/bin/setpriv").exists();
        root.then_some(61000 + self.number)
    }

    /// Gives everything to the machine's user.
    fn own(&self) {
        if let Some(user) = self.user() {
            let status = Command::new("chown").args(["-R", &format!("{user}:{user}")]).arg(&self.folder).status().unwrap();
            assert!(status.success());
        }
    }

    fn script(&self, scratch: &Scratch, script: &str, env: &BTreeMap<String, String>) -> Run {
        let file = self.folder.join("script.sh");
        fs::write(&file, script).unwrap();
        let _ = fs::remove_file(self.folder.join("output"));
        self.own();
        let zones = ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"];
        let masks = ["022", "077", "002", "027"];
        let pick = |list: [&'static str; 4]| list[self.number as usize % 4];
        let (program, first) = match self.user() {
            Some(user) => ("setpriv", vec![format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".into(), "bash".into()]),
            None => ("bash", Vec::new()),
        };
        let line = format!("umask {}; exec bash --noprofile --norc -e -o pipefail \"$0\"", pick(masks));
        let mut command = scratch.command(program);
        command.args(first).arg("-c").arg(line).arg(&file).current_dir(&self.work);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", shared_program(scratch).display())).env("HOME", self.folder.join("home")).env("TZ", pick(zones));
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", self.folder.join("output")).env("GITHUB_STEP_SUMMARY", self.folder.join("summary"));
        command.env("RUNNER_TEMP", self.folder.join("temp")).env("RUNNER_OS", "Linux").env("RUNNER_ARCH", "X64").envs(env);
        Run::of(&mut command)
    }
}

/// What a step wrote to GITHUB_OUTPUT: `name<<END`, lines, `END`; or `name=value`.
fn outputs(text: &str) -> Value {
    let mut found = json!({});
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((name, end)) = line.split_once("<<") {
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
            found[name] = json!(value.join("\n"));
        } else if let Some((name, value)) = line.split_once('=') {
            found[name] = json!(value);
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Tells the double of a tag that was pushed.
pub fn push_tag(scratch: &Scratch, double: &Double, tag: &str) {
    let commit = scratch.git(&["rev-parse", &format!("{tag}^{{commit}}")]);
    double.state().tags.insert(tag.into(), Ref::Commit(commit));
}
