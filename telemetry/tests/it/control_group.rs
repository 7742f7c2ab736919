//! What a process in a control group with limits says of itself. Needs root and control groups that can be made; says so
//! and passes where there are none.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use netsocket_telemetry::{MIN_SAMPLE_INTERVAL, Sampler};

/// Set for the process in the group: where it keeps its file.
const INSIDE: &str = "NETSOCKET_TEST_INSIDE_GROUP";
const LIMIT: u64 = 96 << 20;
/// Bytes of a file that is written inside of the group: far more than the limit.
const FILE: usize = 160 << 20;

/// A group of the process's own, with its limit; removed when it goes.
struct Group(PathBuf);

impl Group {
    fn make(base: &Path, limits: &[(&str, String)]) -> std::io::Result<Self> {
        let dir = base.join(format!("netsocket-test-{}", std::process::id()));
        fs::create_dir(&dir)?;
        let group = Self(dir);
        for (file, value) in limits {
            fs::write(group.0.join(file), value)?;
        }
        Ok(group)
    }

    fn memory() -> std::io::Result<Self> {
        let one = Path::new("/sys/fs/cgroup/memory");
        if one.exists() {
            return Self::make(one, &[("memory.limit_in_bytes", LIMIT.to_string())]);
        }
        Self::make(
            Path::new("/sys/fs/cgroup"),
            &[("memory.max", LIMIT.to_string())],
        )
    }

    fn cpu() -> std::io::Result<Self> {
        for one in ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"] {
            if Path::new(one).exists() {
                let limits = [
                    ("cpu.cfs_period_us", "100000".to_owned()),
                    ("cpu.cfs_quota_us", "50000".to_owned()),
                ];
                return Self::make(Path::new(one), &limits);
            }
        }
        let limits = [("cpu.max", "50000 100000".to_owned())];
        Self::make(Path::new("/sys/fs/cgroup"), &limits)
    }

    /// A group below this one without a limit of its own.
    fn child(&self) -> std::io::Result<Self> {
        let child = Self(self.0.join("child"));
        fs::create_dir(&child.0)?;
        Ok(child)
    }

    /// Runs one test of this program in the group.
    fn run(&self, test: &str, dir: &Path) -> String {
        let join = format!("echo 0 > {}/cgroup.procs && exec \"$@\"", self.0.display());
        let ran = Command::new("sh")
            .args(["-c", &join, "sh"])
            .arg(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--include-ignored"])
            .env(INSIDE, dir)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(
            ran.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        said
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn figure(said: &str, name: &str) -> f64 {
    let line = said
        .lines()
        .find_map(|line| line.split_once(name)?.1.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name}: {said}"))
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn the_page_cache_does_not_fill_the_limit() {
    let name = "control_group::the_page_cache_does_not_fill_the_limit";
    if let Some(dir) = std::env::var_os(INSIDE) {
        let mut file = fs::File::create(Path::new(&dir).join("file")).unwrap();
        let chunk = vec![7; 1 << 20];
        for _ in 0..FILE / chunk.len() {
            file.write_all(&chunk).unwrap();
        }
        file.sync_all().unwrap();
        let sample = Sampler::new().sample();
        println!("\nmemory_percent={}\n", sample.memory_percent);
        println!("memory_total_bytes={}\n", sample.memory_total_bytes);
        return;
    }
    let group = match Group::memory() {
        Ok(group) => group,
        Err(error) => return println!("skipped: no control group for memory: {error}"),
    };
    // On a disk: pages of a tmpfs cannot be taken back.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let said = group.run(name, dir.path());
    assert_eq!(figure(&said, "memory_total_bytes"), LIMIT as f64);
    let percent = figure(&said, "memory_percent");
    assert!((1.0..75.0).contains(&percent), "{percent}");
}

/// What this thread has used of a CPU.
fn nanoseconds_on_a_cpu() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_quota_of_the_group_above_counts() {
    let name = "control_group::the_quota_of_the_group_above_counts";
    if std::env::var_os(INSIDE).is_some() {
        let mut sampler = Sampler::new();
        let began = tokio::time::Instant::now();
        let used_before = nanoseconds_on_a_cpu();
        let mut spun = 0_u64;
        while began.elapsed() < MIN_SAMPLE_INTERVAL * 3 {
            spun = std::hint::black_box(spun.wrapping_add(1));
        }
        let sample = sampler.sample();
        let used = nanoseconds_on_a_cpu() - used_before;
        let used = used as f64 / 1e9 / began.elapsed().as_secs_f64();
        println!(
            "\ncores={}\ncpu_percent={}\nused_cores={used}\n",
            sample.cores, sample.cpu_percent
        );
        return;
    }
    let group = match Group::cpu() {
        Ok(group) => group,
        Err(error) => return println!("skipped: no control group for CPU: {error}"),
    };
    let child = group.child().unwrap();
    let said = child.run(name, Path::new("/"));
    assert_eq!(figure(&said, "cores"), 0.5);
    // It spins all the time, but a busy machine may give it less than its quota. What it got counts against half a core.
    let expected = figure(&said, "used_cores") / 0.5 * 100.0;
    let percent = figure(&said, "cpu_percent");
    // The two windows are not quite the same, which a pause of the machine makes visible.
    let about = expected / 2.0..expected * 2.0 + 5.0;
    assert!(about.contains(&percent), "{percent}, expected {expected}");
}
