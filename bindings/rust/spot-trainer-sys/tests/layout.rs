//! src/lib.rs says what spot_trainer.h says: its declarations are translated back into C, and the C compiler compares
//! them with the header. A constant, field or function that differs, or that is missing here, fails.

use spot_trainer_sys::*;
use std::fmt::Write;
use std::mem::size_of;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

const DECLARATIONS: &str = include_str!("../src/lib.rs");

#[test]
fn every_declaration_agrees_with_the_header() {
    let text = without_comments(DECLARATIONS, "//", "\n");
    let mut source = String::from("#include <stddef.h>\n#include <spot_trainer.h>\n");
    let mut assert = |condition: String, subject: &str| {
        writeln!(source, "_Static_assert({condition}, \"{subject}\");").unwrap();
    };
    for (name, rest) in items(&text, "pub const ", ": ") {
        assert(format!("{name} == ({})", between(rest, "= ", ";")), name);
    }
    for (name, rest) in items(&text, "pub type ", " =") {
        let meaning = rest.split(';').next().unwrap().trim();
        let meaning = match meaning.strip_prefix("Option<unsafe extern \"C\" fn") {
            Some(function) => prototype("(*)", function.strip_suffix('>').unwrap()),
            None => c_type(meaning),
        };
        assert(format!("__builtin_types_compatible_p({name}, {meaning})"), name);
    }
    for (name, body) in items(&text, "pub struct ", " {").filter(|(name, _)| name.starts_with("spot_")) {
        let mut end = 0;
        for (field, kind) in items(body.split('}').next().unwrap(), "pub ", ": ") {
            let (element, count) = element_and_count(kind.split(",\n").next().unwrap());
            let size = size_in_bytes(element);
            let offset = (end + size - 1) / size * size;
            end = offset + size * count.unwrap_or(1);
            let kind = c_type(element) + &count.map_or(String::new(), |count| format!("[{count}]"));
            let subject = format!("{name}.{field}");
            assert(format!("offsetof({name}, {field}) == {offset}"), &subject);
            assert(format!("__builtin_types_compatible_p(__typeof__((({name}*)0)->{field}), {kind})"), &subject);
        }
    }
    for (name, size) in sizes() {
        assert(format!("sizeof({name}) == {size}"), name);
    }
    for (name, rest) in items(&text, "pub fn ", "(") {
        let signature = format!("({}", rest.split(';').next().unwrap());
        writeln!(source, "{};", prototype(name, &signature)).unwrap(); // a second declaration has to be the same
    }

    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layout.c");
    fs::write(&file, source).unwrap();
    let mut compiler = Command::new(env::var("CC").unwrap_or_else(|_| "cc".into()));
    compiler.args(["-std=gnu11", "-fsyntax-only", "-I", &header_folder()]).arg(&file);
    let output = compiler.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn nothing_of_the_header_is_missing() {
    let header = fs::read_to_string(Path::new(&header_folder()).join("spot_trainer.h")).unwrap();
    let header = without_comments(&header, "/*", "*/");
    let functions: Vec<_> =
        items(&header, "SPOT_API ", "(").filter_map(|(text, _)| text.rsplit([' ', '*']).next()).collect();
    assert!(functions.len() > 80);
    for name in functions.iter().filter(|name| name.starts_with("spot_")) {
        assert!(DECLARATIONS.contains(&format!("pub fn {name}(")), "the function {name} is missing");
    }
    for (constants, _) in items(&header, "enum {", "}") {
        for (name, _) in constants.split(',').filter_map(|constant| constant.split_once(" = ")) {
            assert!(DECLARATIONS.contains(&format!("pub const {}: ", name.trim())), "the constant {name} is missing");
        }
    }
    for (name, _) in items(&header, "typedef struct ", " {").filter(|(name, _)| !name.contains(';')) {
        assert!(sizes().iter().any(|(known, _)| *known == name), "the size of {name} is not checked");
    }
}

fn sizes() -> Vec<(&'static str, usize)> {
    macro_rules! sizes { ($($name:ident)*) => { vec![$((stringify!($name), size_of::<$name>())),*] }; }
    sizes! {
        spot_notice spot_poller_health spot_dataset_arrays spot_dataset_info spot_event spot_trainer_info spot_progress
        spot_metrics spot_save_report spot_run_result spot_tensor_info spot_checkpoint_info spot_model_info
        spot_snapshot_report
    }
}

/// What follows each `opening`: the part up to `separator`, and the part after it.
fn items<'a>(text: &'a str, opening: &'a str, separator: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    text.split(opening).skip(1).filter_map(move |item| item.split_once(separator))
}

fn between<'a>(text: &'a str, opening: &str, closing: &str) -> &'a str {
    text.split_once(opening).unwrap().1.split_once(closing).unwrap().0
}

fn without_comments(text: &str, opening: &str, closing: &str) -> String {
    let mut parts = text.split(opening);
    let first = parts.next().unwrap().to_string();
    parts.fold(first, |text, part| text + "\n" + part.split_once(closing).unwrap().1)
}

/// `(a: i32, b: *mut f32) -> i32` as `int32_t name(int32_t, float*)`.
fn prototype(name: &str, signature: &str) -> String {
    let (parameters, result) = signature.rsplit_once(')').unwrap();
    let result = result.trim().strip_prefix("->").map_or("void".into(), c_type);
    let parameters = parameters.trim_start_matches('(').split(',').filter_map(|parameter| parameter.split_once(": "));
    let parameters: Vec<_> = parameters.map(|(_, kind)| c_type(kind)).collect();
    let parameters = if parameters.is_empty() { "void".into() } else { parameters.join(", ") };
    format!("{result} {name}({parameters})")
}

fn c_type(kind: &str) -> String {
    let kind = kind.trim();
    if let Some(target) = kind.strip_prefix("*mut ") {
        return c_type(target) + "*";
    }
    if let Some(target) = kind.strip_prefix("*const ") {
        return format!("const {}*", c_type(target));
    }
    match kind {
        "i32" | "u32" | "i64" | "u64" | "u8" => kind.replace('i', "int").replace('u', "uint") + "_t",
        "usize" => "size_t".into(),
        "f32" => "float".into(),
        "f64" => "double".into(),
        "c_char" => "char".into(),
        "c_void" => "void".into(),
        own => own.into(),
    }
}

fn element_and_count(kind: &str) -> (&str, Option<usize>) {
    match kind.strip_prefix('[') {
        Some(array) => (array.split(';').next().unwrap(), between(array, "; ", "]").parse().ok()),
        None => (kind, None),
    }
}

fn size_in_bytes(kind: &str) -> usize {
    match kind {
        "c_char" => 1,
        "i32" | "u32" | "spot_status" => 4,
        _ => 8,
    }
}

/// That of the source tree, or of the library that is installed.
fn header_folder() -> String {
    let tree = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../include");
    if Path::new(tree).join("spot_trainer.h").exists() {
        return tree.into();
    }
    let output = Command::new("pkg-config").args(["--variable=includedir", "spot_trainer"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}
