//! Tells rustc where libspot_trainer is: in the folder SPOT_TRAINER_LIB_DIR, or else, with the feature `vendored`, where
//! it has just been built from source, or else where pkg-config finds it. SPOT_TRAINER_STATIC=1 links libspot_trainer.a, as
//! `vendored` does in any case; pkg-config then says which libraries that needs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{exit, Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in ["SPOT_TRAINER_STATIC", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let given = folder_of("SPOT_TRAINER_LIB_DIR");
    let vendored = given.is_none() && env::var_os("CARGO_FEATURE_VENDORED").is_some();
    let archive = match env::var("SPOT_TRAINER_STATIC").as_deref() {
        Ok("1") => true,
        Ok("0") | Ok("") | Err(_) => vendored,
        Ok(other) => fail(&format!("SPOT_TRAINER_STATIC is '{other}': set it to 1 to link the archive, or to 0")),
    };
    if let Some(folder) = &given {
        let name = if archive { "libspot_trainer.a" } else { "libspot_trainer.so" };
        if !folder.join(name).exists() {
            fail(&format!(
                "SPOT_TRAINER_LIB_DIR is {}, where there is no {name}: name the folder that holds it",
                folder.display()
            ));
        }
    }
    let folder = if vendored { Some(build()) } else { given };
    if let Some(folder) = &folder {
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
    if folder.is_none() || archive {
        link(&flags(folder.as_deref(), archive), archive);
    } else {
        println!("cargo:rustc-link-lib=dylib=spot_trainer");
    }
}

/// The folder that an environment variable names.
fn folder_of(name: &str) -> Option<PathBuf> {
    println!("cargo:rerun-if-env-changed={name}");
    let folder = PathBuf::from(env::var_os(name).filter(|value| !value.is_empty())?);
    if folder.is_relative() {
        fail(&format!("{name} is {}: name it from the root on, for cargo builds in many folders", folder.display()));
    }
    Some(folder)
}

/// Builds and installs the library below OUT_DIR; the folder of libspot_trainer.a.
fn build() -> PathBuf {
    let variable = |name: &str| env::var(name).expect("cargo sets it");
    let (host, target) = (variable("HOST"), variable("TARGET"));
    if host != target {
        fail(&format!(
            "the feature vendored builds for {host}, where it runs, not for {target}: build the library for that \
             yourself, and set SPOT_TRAINER_LIB_DIR to its folder"
        ));
    }
    let above = || Path::new(&variable("CARGO_MANIFEST_DIR")).join("../../..");
    let source = folder_of("SPOT_TRAINER_SOURCE").unwrap_or_else(above);
    if !source.join("include/spot_trainer.h").exists() {
        fail(&format!(
            "the feature vendored finds no include/spot_trainer.h in {}: set SPOT_TRAINER_SOURCE to the folder of the \
             library's source",
            source.display()
        ));
    }
    for name in ["CC", "CXX", "CMAKE_GENERATOR", "CMAKE_PREFIX_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    for part in ["CMakeLists.txt", "cmake", "include", "src"] {
        println!("cargo:rerun-if-changed={}", source.join(part).display());
    }
    let output = PathBuf::from(variable("OUT_DIR"));
    let (prefix, mut configure) = (output.join("installed"), Command::new("cmake"));
    let folder = folder_of("SPOT_TRAINER_BUILD").unwrap_or_else(|| {
        configure.arg("--fresh"); // the source may have been another one
        output.join("build")
    });
    cmake(configure.arg("-S").arg(source).arg("-B").arg(&folder).args([
        "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_INSTALL_LIBDIR=lib",
        "-DSPOT_BUILD_STATIC=ON",
        "-DSPOT_BUILD_TESTS=OFF",
        "-DSPOT_BUILD_SPOTCTL=OFF",
    ]));
    let targets = ["--target", "spot_trainer", "spot_trainer_static", "--parallel"];
    cmake(Command::new("cmake").arg("--build").arg(&folder).args(targets).arg(variable("NUM_JOBS")));
    cmake(Command::new("cmake").arg("--install").arg(&folder).arg("--prefix").arg(&prefix).env_remove("DESTDIR"));
    prefix.join("lib")
}

/// Runs it. Cargo shows what it says when it fails.
fn cmake(command: &mut Command) {
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!(
            "cmake, for the feature vendored, ended with {status}: see above what it misses; README.md lists the packages that \
             it needs"
        )),
        Err(error) => fail(&format!(
            "cmake, for the feature vendored, cannot be run ({error}): install the packages that README.md lists"
        )),
    }
}

/// What pkg-config prints for the linker. The .pc file beside the archive comes before those of the system.
fn flags(folder: Option<&Path>, archive: bool) -> String {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let mut command = Command::new(&program);
    command.args(["--short-errors", "--libs", "spot_trainer"]);
    if archive {
        // rustc looks for an archive in the folders that it is told, and in no others.
        command.arg("--static").env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1");
    }
    if let Some(folder) = folder {
        let rest = env::var("PKG_CONFIG_PATH").unwrap_or_default();
        command.env("PKG_CONFIG_PATH", format!("{}/pkgconfig:{rest}", folder.display()));
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
    for flag in words(flags) {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        } else if let Some(library) = flag.strip_prefix("-l") {
            let kind = if archive && library == "spot_trainer" { "static" } else { "dylib" };
            println!("cargo:rustc-link-lib={kind}={library}");
        }
    }
}

/// Words that spaces part; a backslash makes what follows it a part of the word.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut escaped) = (vec![String::new()], false);
    for letter in text.chars() {
        match letter {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            letter if letter.is_whitespace() && !escaped => words.push(String::new()),
            letter => words.last_mut().expect("there is one").push(letter),
        }
        escaped = false;
    }
    words
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    exit(1)
}
