//! Builds again when a migration is added: `sqlx::migrate!` reads the folder while the crate is compiled.

fn main() {
    println!("cargo:rerun-if-changed=../migrations/projections");
}
