//! Has the crate built again when words change, and in a release when the prepared assets change.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../locales");
    println!("cargo:rerun-if-changed=../../web/dist/manifest.json");
}
