//! The servers that the tests share, and a fresh database on them for each.

use sqlx::{Connection as _, Executor as _, PgConnection};

/// Addresses of one ledger's servers, and its own names on them.
#[derive(Debug, Clone)]
pub struct Place {
    pub database_url: String,
    pub kafka_brokers: String,
    pub topic: String,
}

fn set(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run the tests by `make test`, or `cargo run -p devstack --bin with-servers -- cargo test`")
    })
}

/// A new, empty database and a topic name that nobody else uses.
pub async fn fresh_place() -> Place {
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    let server = set("TEST_DATABASE_URL");
    let (address, _) = server.rsplit_once('/').expect("a database URL ends in /DATABASE");
    let mut connection = PgConnection::connect(&server).await.expect("the tests' PostgreSQL answers");
    connection.execute(format!("CREATE DATABASE {name}").as_str()).await.expect("a database can be created");
    Place { database_url: format!("{address}/{name}"), kafka_brokers: set("TEST_KAFKA_BROKERS"), topic: name }
}

/// A test does not run here, for what this machine lacks: it says so, and fails where all must run.
pub fn leave_out(why: &str) {
    assert!(std::env::var("REQUIRE_ALL_TESTS").is_err(), "{why}");
    eprintln!("LEFT OUT: {why}");
}
