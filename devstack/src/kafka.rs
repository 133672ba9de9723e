//! Kafka: one process that is broker and controller (KRaft), its settings, how to run it and how to know that it is ready.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::process::Command;

use crate::account::Account;
use crate::error::{Error, While};
use crate::fetch::Programs;
use crate::guard::Ward;
use crate::kafka_probe;
use crate::launch::Program;
use crate::ports;
use crate::record::{ProcessRecord, RecordFile};
use crate::supervisor::Server;
use crate::tool;

const JAVA_MIN: u32 = 17;
const SETTINGS: &str = include_str!("server.properties");
const LOGGING: &str = include_str!("log4j2.properties");

#[derive(Debug)]
pub(crate) struct Kafka {
    dir: PathBuf,
    java: PathBuf,
    programs: Programs,
    port: u16,
    controller_port: u16,
    cluster_id: String,
    record: Arc<RecordFile>,
}

impl Kafka {
    /// Formats the log directory where there is none.
    pub(crate) async fn open(
        data_dir: &Path,
        java: PathBuf,
        programs: Programs,
        record: Arc<RecordFile>,
    ) -> Result<Self, Error> {
        let dir = data_dir.join("kafka");
        std::fs::create_dir_all(&dir).while_doing("make", &dir)?;
        let known = record.read().kafka;
        let free = |port: Option<u16>| port.filter(|port| ports::is_free(*port));
        let others = ports::choose(2)?;
        let mut kafka = Self {
            port: free(known.port).unwrap_or(others[0]),
            controller_port: free(known.controller_port).unwrap_or(others[1]),
            cluster_id: String::new(),
            dir,
            java,
            programs,
            record,
        };
        kafka.cluster_id = match kafka.formatted_cluster_id() {
            Some(cluster_id) => cluster_id,
            None if known.made => {
                return Err(Error::Lost { dir: kafka.dir.join("data"), data_dir: data_dir.to_path_buf() });
            }
            None => kafka.format().await?,
        };
        kafka.record.update(|record| {
            record.kafka.made = true;
            record.kafka.port = Some(kafka.port);
            record.kafka.controller_port = Some(kafka.controller_port);
        })?;
        Ok(kafka)
    }

    pub(crate) fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn formatted_cluster_id(&self) -> Option<String> {
        let properties = std::fs::read_to_string(self.dir.join("data/meta.properties")).ok()?;
        let id = properties.lines().find_map(|line| line.strip_prefix("cluster.id="))?;
        Some(id.trim().to_owned())
    }

    /// In a directory beside the final one, so that what is found there is always whole.
    async fn format(&self) -> Result<String, Error> {
        let (unfinished, data) = (self.dir.join("data.new"), self.dir.join("data"));
        for leftover in [&unfinished, &data] {
            if leftover.exists() {
                std::fs::remove_dir_all(leftover).while_doing("remove", leftover)?;
            }
        }
        let settings = self.write_settings(&unfinished)?;
        let cluster_id = random_cluster_id();
        let mut command = Command::new(&self.java);
        command
            .args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
            .arg(self.programs.kafka_jars())
            .args(["kafka.tools.StorageTool", "format", "--cluster-id", &cluster_id, "--config"])
            .arg(settings)
            .current_dir("/");
        tool::run("Kafka's StorageTool", command, "").await?;
        std::fs::rename(&unfinished, &data).while_doing("rename", &unfinished)?;
        Ok(cluster_id)
    }

    fn write_settings(&self, data: &Path) -> Result<PathBuf, Error> {
        let Self { port, controller_port, .. } = self;
        let settings = format!(
            "listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=BROKER://127.0.0.1:{port}\n\
             controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
             log.dirs={}\n\
             {SETTINGS}",
            escape(data)
        );
        let path = self.dir.join("server.properties");
        std::fs::write(&path, settings).while_doing("write", &path)?;
        Ok(path)
    }
}

impl Server for Kafka {
    const NAME: &'static str = "Kafka";
    const WARD: Ward = Ward::Kafka;
    const STOP: &'static [(Signal, Duration)] =
        &[(Signal::SIGTERM, Duration::from_secs(20)), (Signal::SIGKILL, Duration::from_secs(10))];

    fn prepare(&self) -> Result<Program, Error> {
        let settings = self.write_settings(&self.dir.join("data"))?;
        let logging = self.dir.join("log4j2.properties");
        std::fs::write(&logging, LOGGING).while_doing("write", &logging)?;
        let mut log_option = std::ffi::OsString::from("-Dlog4j2.configurationFile=");
        log_option.push(&logging);

        let mut program = Program::new(&self.java, Account::Own);
        program
            .command
            .args(["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"])
            // Compiled quickly rather than to the utmost: the optimising compiler would take a core for minutes.
            .args(["-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true"])
            .arg(log_option)
            .arg("-cp")
            .arg(self.programs.kafka_jars())
            .arg("kafka.Kafka")
            .arg(settings);
        Ok(program)
    }

    async fn is_ready(&self, _pid: u32) -> bool {
        let broker = (Ipv4Addr::LOCALHOST, self.port).into();
        kafka_probe::has_brokers(broker, &self.cluster_id).await
    }

    fn choose_other_ports(&mut self) -> Result<(), Error> {
        let others = ports::choose(2)?;
        (self.port, self.controller_port) = (others[0], others[1]);
        self.record.update(|record| {
            record.kafka.port = Some(self.port);
            record.kafka.controller_port = Some(self.controller_port);
        })
    }

    fn record(&self, process: Option<ProcessRecord>) -> Result<(), Error> {
        self.record.update(|record| record.kafka.process = process)
    }
}

/// JAVA_HOME's, or the first on the PATH; new enough for Kafka.
pub(crate) async fn find_java() -> Result<PathBuf, Error> {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    let java = home.filter(|java| java.is_file()).or_else(|| tool::find("java")).ok_or(Error::JavaMissing)?;
    let mut command = Command::new(&java);
    command.args(["-XX:TieredStopAtLevel=1", "-version"]);
    let printed = tool::run("java -version", command, "").await?;
    match java_version(&printed) {
        Some(found) if found < JAVA_MIN => Err(Error::JavaTooOld { java: java.display().to_string(), found }),
        _ => Ok(java),
    }
}

/// `openjdk version "17.0.15" …` is 17; `java version "1.8.0_402"` is 8.
fn java_version(printed: &str) -> Option<u32> {
    let (_, version) = printed.split_once("version \"")?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

/// 16 bytes in URL-safe base 64; the last of the 22 characters holds 2 bits only.
fn random_cluster_id() -> String {
    let random = rand::rng().sample_iter(Alphanumeric).take(21).map(char::from);
    random.chain(['A']).collect()
}

/// A path as a Java properties file has it.
fn escape(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_tells_its_version_in_two_ways() {
        assert_eq!(java_version("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
        assert_eq!(java_version("java version \"1.8.0_402\""), Some(8));
        assert_eq!(java_version("openjdk version \"25\" 2025-09-16"), Some(25));
        assert_eq!(java_version("nonsense"), None);
    }
}
