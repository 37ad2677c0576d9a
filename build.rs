//! Contracts to Rust: messages, clients, servers, the table of calls and the table of error reasons.
//!
//! A call without an access rule or a stated retry safety, or a reason without a code, stops the build.

use std::{env, error::Error, fmt::Write as _, fs, path::Path, path::PathBuf};

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, ReflectMessage as _, Value};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROOTS: [&str; 3] = ["proto", "third_party/googleapis", "third_party/protovalidate"];

fn main() -> Result<()> {
    // tonic-prost-build prints none of these; without them any touched file builds everything again.
    for root in ROOTS {
        println!("cargo:rerun-if-changed={root}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut files = Vec::new();
    find_contracts(Path::new("proto"), &mut files)?;
    files.sort();
    // In no message of ours, but in every error: tools that ask by reflection can then show the details.
    files.push(PathBuf::from("third_party/googleapis/google/rpc/error_details.proto"));
    let mut compiler = protox::Compiler::new(ROOTS)?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;

    // protox keeps the options that prost-types would drop.
    let bytes = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(bytes.as_slice())?;
    fs::write(out.join("descriptors.bin"), &bytes)?;
    fs::write(out.join("calls.rs"), calls(&pool)?)?;
    fs::write(out.join("reasons.rs"), reasons(&pool)?)?;
    fs::write(out.join("paged.rs"), paged(&pool)?)?;

    let mut set = compiler.file_descriptor_set();
    set.file.retain(|file| {
        file.package().starts_with("crewup.") || ["google.type", "google.protobuf"].contains(&file.package())
    });
    // What a service does not serve yet answers UNIMPLEMENTED by the generated default.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .generate_default_stubs(true)
        .codec_path("crate::codec::SmallCodec")
        .compile_fds_with_config(set, config)?;
    Ok(())
}

fn find_contracts(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_contracts(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// The Rust source of `CALLS`, sorted by path for the search by bisection.
fn calls(pool: &DescriptorPool) -> Result<String> {
    let mut rows = Vec::new();
    for service in pool.services().filter(|service| service.full_name().starts_with("crewup.")) {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let row = call(pool, &method).map_err(|why| format!("{path}: {why}"))?;
            rows.push((path, row));
        }
    }
    rows.sort();
    let mut source = String::from("pub static CALLS: &[Call] = &[\n");
    for (path, row) in rows {
        writeln!(source, "    Call {{ path: {path:?}, {row} }},")?;
    }
    source.push_str("];\n");
    Ok(source)
}

fn call(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<String> {
    let rule = pool.get_extension_by_name("crewup.common.v1.rule").ok_or("no option `rule`")?;
    let options = method.options();
    if !options.has_extension(&rule) {
        return Err("the call has no access rule".into());
    }
    let retry = options
        .get_field_by_name("idempotency_level")
        .filter(|_| options.has_field_by_name("idempotency_level"))
        .and_then(|level| level.as_enum_number())
        .ok_or("the call does not say whether it is safe to retry")?;
    let rule = options.get_extension(&rule);
    let rule = rule.as_message().ok_or("the rule is not a message")?;
    let access = names(rule, "access", "ACCESS_")?;
    if access.is_empty() {
        return Err("the access rule names nobody".into());
    }
    let standings = names(rule, "also_while", "STANDING_")?;
    let urgent = rule.get_field_by_name("urgent").and_then(|urgent| urgent.as_bool()).unwrap_or_default();
    let callers = rule.get_field_by_name("callers").ok_or("the rule's shape changed")?;
    let callers: Vec<_> = callers.as_list().unwrap_or_default().iter().filter_map(Value::as_str).collect();
    if access.iter().any(|name| name == "Service") == callers.is_empty() {
        return Err("services that may call are named where services may, and only there".into());
    }
    let quota = rule.get_field_by_name("quota").and_then(|quota| quota.as_enum_number()).unwrap_or_default();
    let kinds = pool.get_enum_by_name("crewup.common.v1.Quota").ok_or("no Quota")?;
    let quota = match (quota, retry) {
        (0, 1) => "Reads".to_owned(),
        (0, _) => "Writes".to_owned(),
        (kind, _) => camel(kinds.get_value(kind).ok_or("unknown quota")?.name().trim_start_matches("QUOTA_")),
    };
    // A page, or what many ids name.
    let bulk = method.input().get_field_by_name("page_size").is_some() || method.name().starts_with("BatchGet");
    Ok(format!(
        "access: &[{}], also_while: &[{}], urgent: {}, bulk: {bulk}, callers: &{callers:?}, quota: Quota::{quota}, retry: Retry::{}, server_stream: {}",
        access.iter().map(|name| format!("Access::{name}")).collect::<Vec<_>>().join(", "),
        standings.iter().map(|name| format!("Standing::{name}")).collect::<Vec<_>>().join(", "),
        urgent,
        ["Unsafe", "ReadOnly", "Idempotent"][usize::try_from(retry)?],
        method.is_server_streaming(),
    ))
}

/// The values of a repeated enum field as the variants that prost names them.
fn names(message: &DynamicMessage, field: &str, prefix: &str) -> Result<Vec<String>> {
    let values = message.get_field_by_name(field).ok_or("the rule's shape changed")?;
    let kind = message.descriptor().get_field_by_name(field).ok_or("the rule's shape changed")?.kind();
    let kind = kind.as_enum().ok_or("the rule's shape changed")?.clone();
    let mut names = Vec::new();
    for value in values.as_list().unwrap_or_default() {
        let number = value.as_enum_number().unwrap_or_default();
        let value = kind.get_value(number).ok_or("unknown value")?;
        if number == 0 {
            return Err(format!("{} is not a value to use", value.name()).into());
        }
        names.push(camel(value.name().trim_start_matches(prefix)));
    }
    Ok(names)
}

fn camel(name: &str) -> String {
    name.split('_').map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase())).collect()
}

/// The Rust source of `code_of` and `text_of`: each reason's status code and its comment.
fn reasons(pool: &DescriptorPool) -> Result<String> {
    let reasons = pool.get_enum_by_name("crewup.common.v1.ErrorReason").ok_or("no ErrorReason")?;
    let code = pool.get_extension_by_name("crewup.common.v1.code").ok_or("no option `code`")?;
    let (mut codes, mut texts) = (String::new(), String::new());
    for value in reasons.values() {
        let variant = camel(value.name().trim_start_matches("ERROR_REASON_"));
        let number = match value.options().get_extension(&code).as_ref() {
            _ if value.number() == 0 => 13,
            Value::EnumNumber(number) if *number != 0 => *number,
            _ => return Err(format!("{} has no code", value.name()).into()),
        };
        writeln!(codes, "        ErrorReason::{variant} => {number},")?;
        let file = value.parent_enum().parent_file();
        let text = file
            .file_descriptor_proto()
            .source_code_info
            .as_ref()
            .and_then(|info| info.location.iter().find(|at| at.path == value.path()))
            .map(|at| at.leading_comments().split_whitespace().collect::<Vec<_>>().join(" "))
            .unwrap_or_default();
        writeln!(texts, "        ErrorReason::{variant} => {text:?},")?;
    }
    Ok(format!(
        "pub(super) const fn code_of(reason: ErrorReason) -> i32 {{\n    match reason {{\n{codes}    }}\n}}\n\
         pub(super) const fn text_of(reason: ErrorReason) -> &'static str {{\n    match reason {{\n{texts}    }}\n}}\n"
    ))
}

/// The Rust source of `Paged` for every message with `page_size` and `page_token`.
fn paged(pool: &DescriptorPool) -> Result<String> {
    let mut source = String::new();
    for message in pool.all_messages() {
        let has = |field| message.get_field_by_name(field).is_some();
        if has("page_size") && has("page_token") {
            let path = message.full_name().replace('.', "::");
            writeln!(
                source,
                "impl Paged for crate::{path} {{\n    fn page(&mut self) -> (&mut i32, &mut String) {{\n        \
                 (&mut self.page_size, &mut self.page_token)\n    }}\n}}"
            )?;
        }
    }
    Ok(source)
}
