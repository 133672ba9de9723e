//! Writes the published contracts to `schemas/`. Refuses to change an event schema that is published already.

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for (path, text) in api::contracts::files() {
        let file = folder.join(&path);
        let published = fs::read_to_string(&file).unwrap_or_default();
        if published == text {
            continue;
        }
        if path.starts_with("events/") && !published.is_empty() {
            return Err(io::Error::other(format!(
                "schemas/{path} is published: give the event a new version, and an upcaster from this one"
            )));
        }
        fs::create_dir_all(file.parent().expect("every file is in the folder"))?;
        fs::write(&file, text)?;
        println!("schemas/{path}");
    }
    Ok(())
}
