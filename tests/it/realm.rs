//! The realm that production imports (ADR 23): what must hold of it whether or not Keycloak is there to run it.

use std::{fs, path::Path};

use serde_json::Value;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../keycloak").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, part: &str) -> &'a [Value] {
    value[part].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn the_realm_of_production_has_no_secret_and_nobody_in_it() {
    let realm = read("realm.json");
    for client in list(&realm, "clients") {
        let id = client["clientId"].as_str().unwrap();
        if client["publicClient"] != true {
            let secret = client["secret"].as_str().unwrap();
            assert!(secret.starts_with("${CREWUP_") && secret.ends_with("_CLIENT_SECRET}"), "{id}: {secret}");
        }
        assert_ne!(client["directAccessGrantsEnabled"], true, "{id} takes passwords");
        assert_ne!(client["fullScopeAllowed"], true, "{id}");
    }
    for user in list(&realm, "users") {
        assert!(user["serviceAccountClientId"].is_string() && user["credentials"].is_null(), "{user}");
    }
    let mailbox = &realm["smtpServer"];
    assert!(mailbox["password"].as_str().unwrap().starts_with("${"));
}

#[test]
fn x3_x4_each_client_gets_the_tokens_that_the_services_expect_and_no_other() {
    let realm = read("realm.json");
    let client = |id: &str| list(&realm, "clients").iter().find(|client| client["clientId"] == id).unwrap();
    let audience = |id: &str| {
        let mapper = list(client(id), "protocolMappers").first().map(|mapper| mapper["config"].clone());
        mapper.map(|config| config["included.custom.audience"].as_str().unwrap().to_owned())
    };
    let scope = |id: &str| {
        let found = list(&realm, "scopeMappings").iter().find(|scope| scope["client"] == id);
        found.map(|scope| scope["roles"].to_string()).unwrap_or_default()
    };
    assert_eq!(client("crewup-web")["attributes"]["pkce.code.challenge.method"], "S256");
    assert_eq!(
        (audience("crewup-web").as_deref(), scope("crewup-web").as_str()),
        (Some("crewup-api"), r#"["moderator","admin"]"#)
    );
    for service in crewup_shared::migrate::SERVICES {
        let id = format!("crewup-{service}");
        assert_eq!((audience(&id).as_deref(), scope(&id).as_str()), (Some("crewup-api"), r#"["service"]"#), "{id}");
        assert_eq!(client(&id)["standardFlowEnabled"], false);
    }
    assert_eq!((audience("crewup-sync"), scope("crewup-sync").as_str()), (None, ""));
    let rights = &list(&realm["clientScopeMappings"], "realm-management")[0];
    assert_eq!(rights["client"], "crewup-sync");
    assert_eq!(rights["roles"].to_string(), r#"["view-users","query-users","manage-users"]"#);
    assert_eq!(realm["permanentLockout"], false, "it would disable the account, and so put the profile aside");
}
