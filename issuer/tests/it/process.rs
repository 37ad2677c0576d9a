//! The binary: one line when it starts, one line and an exit code when it does not.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Command, Output, Stdio},
};

fn binary(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crewup-issuer"));
    command.env_clear().envs(variables.iter().copied());
    command
}

/// Runs what is expected to end by itself; the one line that it leaves.
fn refused(code: i32, variables: &[(&str, &str)], args: &[&str]) -> String {
    let output: Output = binary(variables).args(args).output().expect("it runs");
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn without_development_mode_it_refuses() {
    for variables in [&[][..], &[("CREWUP_MODE", "production")]] {
        let line = refused(64, variables, &["serve"]);
        assert!(line.contains("CREWUP_MODE=development"), "{line}");
    }
}

#[test]
fn a_bad_value_is_named() {
    for (variable, value) in
        [("CREWUP_ISSUER_PORT", "http"), ("CREWUP_ISSUER_PORT", "65536"), ("CREWUP_TOKEN_LIFETIME", "0")]
    {
        let line = refused(64, &[("CREWUP_MODE", "development"), (variable, value)], &[]);
        assert!(line.contains(variable), "{line}");
        assert!(line.contains(value), "{line}");
    }
    refused(64, &[("CREWUP_MODE", "development")], &["frobnicate"]);
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let line = refused(69, &[("CREWUP_MODE", "development"), ("CREWUP_ISSUER_PORT", &port)], &[]);
    assert!(line.contains("CREWUP_ISSUER_PORT"), "{line}");
    assert!(line.contains(&port), "{line}");
}

#[test]
fn it_says_where_it_serves_and_ends_when_told() {
    let mut child = binary(&[("CREWUP_MODE", "development"), ("CREWUP_ISSUER_PORT", "0")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = lines.next().expect("a line").expect("text");
    assert!(line.contains("http://127.0.0.1:"), "{line}");
    assert!(line.contains("/realms/crewup"), "{line}");
    let pid = child.id().to_string();
    let told = Command::new("kill").arg(pid).status().expect("kill runs");
    assert!(told.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(lines.next().is_none(), "one line is enough");
}
