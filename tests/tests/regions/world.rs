//! Three regions in three S3 servers, with the sample's records, and the same records in directories beside them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use transect_tests::{Answer, isolated, once_a_run, program};

use transect_tests::store::{ACCESS_KEY, SECRET_KEY, Store};

pub const REGIONS: [&str; 3] = ["us-east-2", "us-west-2", "eu-west-2"];
pub const BUCKET: &str = "acme-telemetry";

/// Time enough for every region that answers at all, on a busy machine too: the program's own default.
pub const PATIENT: &str = "10s";
/// For tests that wait as long as this for a region that never answers, or a share of it for a body that breaks off; the other
/// regions must have answered by then.
pub const IMPATIENT: &str = "4s";

/// The sample's lake, in directories; made once for all tests.
pub fn sample() -> &'static Path {
    static SAMPLE: OnceLock<PathBuf> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        once_a_run("regions", |folder| {
            let demo = Command::new(program("transect"))
                .args(["demo", "--quiet", "--invocations", "600", "--dir"])
                .arg(folder)
                .output()
                .unwrap();
            assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
        })
    })
}

pub struct World {
    /// The servers end with it.
    _runtime: tokio::runtime::Runtime,
    pub stores: Vec<Store>,
    pub folder: TempDir,
}

/// The JSON that an answer is.
pub trait Json {
    fn json(&self) -> serde_json::Value;

    fn rows(&self) -> Vec<serde_json::Value> {
        self.json()["rows"].as_array().unwrap().clone()
    }
}

impl Json for Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}{}", self.stdout, self.stderr))
    }
}

impl World {
    /// Every region in a bucket of its own server; all buckets have one name.
    pub fn new() -> World {
        let world = World::empty(REGIONS.len());
        for (store, region) in world.stores.iter().zip(REGIONS) {
            let landing = format!("landing/region={region}");
            let from = sample().join(&landing);
            for file in transect_tests::files_below(&from) {
                let target = store.bucket(BUCKET).join(&landing).join(file.strip_prefix(&from).unwrap());
                std::fs::create_dir_all(target.parent().unwrap()).unwrap();
                std::fs::copy(&file, target).unwrap();
            }
        }
        world.configure("", PATIENT);
        world
    }

    pub fn empty(stores: usize) -> World {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stores = (0..stores).map(|_| Store::start(&runtime)).collect();
        World { _runtime: runtime, stores, folder: tempfile::tempdir().unwrap() }
    }

    /// Writes `transect.toml`. `replica` is the line that the first region has besides.
    pub fn configure(&self, replica: &str, region_timeout: &str) {
        let mut text = format!("[query]\nregion_timeout = \"{region_timeout}\"\n");
        for (index, (store, region)) in self.stores.iter().zip(REGIONS).enumerate() {
            let more = if index == 0 { replica } else { "" };
            let endpoint = &store.endpoint;
            text.push_str(&format!(
                "[[region]]\nname = \"{region}\"\nurl = \"s3://{BUCKET}\"\nendpoint = \"{endpoint}\"\n{more}\n"
            ));
        }
        std::fs::write(self.folder.path().join("transect.toml"), text).unwrap();
    }

    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// The program in the world's folder, with static keys and nothing of this machine's configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = isolated(self.folder.path(), arguments);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Answer {
        self.command(arguments).output().unwrap().into()
    }

    pub fn sql(&self, sql: &str) -> Answer {
        self.run(&["sql", "--format", "json", sql])
    }

    /// The same question to the directories.
    pub fn local(&self, arguments: &[&str]) -> Answer {
        let lake = sample().to_str().unwrap();
        let answer: Answer = self.run(&[arguments, &["--lake", lake]].concat());
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        answer
    }
}
