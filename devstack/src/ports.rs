//! Ports for the servers on 127.0.0.1.
//!
//! They are chosen *below* the range that the kernel hands to outgoing connections. A port inside that range can be given
//! to any client while its server is being restarted; on loopback even to a client that is dialling this very port, which
//! then talks to itself and keeps the server from ever coming back.

use std::net::{Ipv4Addr, TcpListener};

use rand::Rng;

use crate::error::Error;

const FROM: u16 = 15_000;
const TRIES: u32 = 500;

/// `count` different ports that nobody listens on.
pub(crate) fn choose(count: usize) -> Result<Vec<u16>, Error> {
    let below = outgoing_range_start().clamp(FROM + 1_000, 32_768);
    let mut rng = rand::rng();
    let mut ports = Vec::with_capacity(count);
    for _ in 0..TRIES {
        if ports.len() == count {
            return Ok(ports);
        }
        let port = rng.random_range(FROM..below);
        if !ports.contains(&port) && is_free(port) {
            ports.push(port);
        }
    }
    Err(Error::NoFreePort { from: FROM, below })
}

pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn outgoing_range_start() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_ports_differ_and_are_free() {
        let ports = choose(8).unwrap();
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), 8);
        assert!(ports.iter().all(|port| is_free(*port)));
    }

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }
}
