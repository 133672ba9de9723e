//! Lists the event schemas that were ever published, for the API to serve.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../schemas/events");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut entries = String::from("&[\n");
    // Before anything was published there is no folder.
    let mut files: Vec<_> = fs::read_dir(&folder).into_iter().flatten().collect::<io::Result<_>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        let name = file.file_name();
        let name = name.to_string_lossy();
        entries.push_str(&format!("    ({:?}, include_str!({:?})),\n", format!("events/{name}"), file.path().canonicalize()?));
    }
    entries.push(']');
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("published_events.rs"), entries)
}
