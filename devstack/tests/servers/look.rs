//! Looking at servers from outside: do they answer, who runs, waiting for a condition with a limit.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < SOON, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// `127.0.0.1:PORT` of either address.
pub(crate) fn host(address: &str) -> &str {
    let after_user = address.rsplit('@').next().unwrap();
    after_user.split('/').next().unwrap()
}

/// Postgres answers a startup message by asking for the password.
pub(crate) fn postgres_answers(url: &str) -> bool {
    let ask = || -> std::io::Result<u8> {
        let mut stream = connect(url)?;
        let parameters = b"user\0postgres\0database\0capsule_ledger\0\0";
        let length = u32::try_from(8 + parameters.len()).unwrap();
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&(3_u32 << 16).to_be_bytes())?;
        stream.write_all(parameters)?;
        read_byte(&mut stream)
    };
    ask().is_ok_and(|answer| answer == b'R')
}

/// Kafka answers a request for the versions it speaks.
pub(crate) fn kafka_answers(brokers: &str) -> bool {
    let ask = || -> std::io::Result<u8> {
        let mut stream = connect(brokers)?;
        stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff])?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer)?;
        Ok(answer[7])
    };
    ask().is_ok_and(|correlation| correlation == 7)
}

/// Processes that name the directory in their command line.
pub(crate) fn processes_on(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.parse::<u32>().ok()?;
            let command = std::fs::read_to_string(path.join("cmdline")).ok()?.replace('\0', " ");
            (command.contains(dir) && name != std::process::id()).then(|| format!("{name} {command}"))
        })
        .collect()
}

pub(crate) fn kill_9(pid: u32) {
    signal(pid, nix::sys::signal::Signal::SIGKILL);
}

pub(crate) fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(host(address))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    Ok(stream)
}

fn read_byte(stream: &mut TcpStream) -> std::io::Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}
