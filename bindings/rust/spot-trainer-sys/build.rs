//! Tells rustc where libspot_trainer is: in the folder SPOT_TRAINER_LIB_DIR, or else where pkg-config finds it.
//! SPOT_TRAINER_STATIC=1 links libspot_trainer.a; pkg-config then says which libraries that needs.

use std::env;
use std::path::Path;
use std::process::{exit, Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in ["SPOT_TRAINER_LIB_DIR", "SPOT_TRAINER_STATIC", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let folder = env::var("SPOT_TRAINER_LIB_DIR").ok();
    let archive = match env::var("SPOT_TRAINER_STATIC").as_deref() {
        Ok("1") => true,
        Ok("0") | Ok("") | Err(_) => false,
        Ok(other) => fail(&format!("SPOT_TRAINER_STATIC is '{other}': set it to 1 to link the archive, or to 0")),
    };
    if let Some(folder) = &folder {
        let name = if archive { "libspot_trainer.a" } else { "libspot_trainer.so" };
        if !Path::new(folder).join(name).exists() {
            fail(&format!("SPOT_TRAINER_LIB_DIR is {folder}, where there is no {name}: name the folder that holds it"));
        }
        println!("cargo:rustc-link-search=native={folder}");
    }
    if folder.is_none() || archive {
        link(&flags(folder.as_deref(), archive), archive);
    } else {
        println!("cargo:rustc-link-lib=dylib=spot_trainer");
    }
}

/// What pkg-config prints for the linker. The .pc file beside the archive comes before those of the system.
fn flags(folder: Option<&str>, archive: bool) -> String {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let mut command = Command::new(&program);
    command.args(["--short-errors", "--libs", "spot_trainer"]);
    if archive {
        // rustc looks for an archive in the folders that it is told, and in no others.
        command.arg("--static").env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1");
    }
    if let Some(folder) = folder {
        let rest = env::var("PKG_CONFIG_PATH").unwrap_or_default();
        command.env("PKG_CONFIG_PATH", format!("{folder}/pkgconfig:{rest}"));
    }
    match command.output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => fail(&format!(
            "{program} does not know spot_trainer ({}): install the library's development package, or set \
             PKG_CONFIG_PATH to the folder of spot_trainer.pc, or SPOT_TRAINER_LIB_DIR to that of libspot_trainer.so",
            String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ")
        )),
        Err(error) => fail(&format!(
            "{program} cannot be run ({error}): install it, or set SPOT_TRAINER_LIB_DIR to the folder of \
             libspot_trainer.so"
        )),
    }
}

fn link(flags: &str, archive: bool) {
    for flag in flags.split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        } else if let Some(library) = flag.strip_prefix("-l") {
            let kind = if archive && library == "spot_trainer" { "static" } else { "dylib" };
            println!("cargo:rustc-link-lib={kind}={library}");
        }
    }
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    exit(1)
}
