//! Compiles the crates again whose migrations are embedded, when there is a new one: the macro that embeds them looks
//! only at those that it knows.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
