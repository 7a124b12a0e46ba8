//! Links the program: generic code that came out the same is kept once, which makes it two megabytes smaller. It refuses to
//! ask that of linkers that may not know how: Rust's own is the default on this platform alone.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
