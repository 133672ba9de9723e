//! A new migration is a change of this crate: `sqlx::migrate!` embeds the folder.

fn main() {
    println!("cargo:rerun-if-changed=../migrations/ledger");
}
