//! Makes a pack from the published tables: `pack <folder of tables> <scheme> <published|reference> <file>`.

use chs_drg::{Profile, Scheme, Tables};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, id, profile, file] = arguments.as_slice() else {
        return Err("usage: pack <folder of tables> <scheme> <published|reference> <file>".into());
    };
    let profile = match profile.as_str() {
        "published" => Profile::Published,
        "reference" => Profile::Reference,
        other => return Err(format!("`{other}` is no profile").into()),
    };
    let scheme = Scheme::build(&Tables::open(dir)?, id, profile)?;
    let pack = scheme.pack()?;
    std::fs::write(file, &pack)?;
    println!("{id} {} bytes, hash {}", pack.len(), scheme.hash());
    Ok(())
}
