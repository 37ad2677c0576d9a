//! The little of the Admin API, with Keycloak's answers.

use crewup_issuer::{Issuer, Person};
use serde_json::{Value, json};

use crate::{issuer, post_token};

async fn token(issuer: &Issuer, client: &str) -> String {
    let fields = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", "crewup_dev_secret")];
    let (status, body) = post_token(issuer, &fields).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().expect("a token").to_owned()
}

/// Status and body of a request with that token.
async fn ask(issuer: &Issuer, method: &str, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
    let url = format!("http://{}/admin/realms/{path}", issuer.addr());
    let method = method.parse().expect("a method");
    let request = reqwest::Client::new().request(method, url).bearer_auth(token);
    let request = body.iter().fold(request, |request, body| request.json(body));
    let answer = request.send().await.expect("it answers");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn accounts_are_listed_by_name_and_by_id_and_changed_one_by_one() {
    let issuer = issuer().await;
    let (ann, bob) = (Person::named("ann").with_roles(["moderator"]), Person::named("bob").without_email());
    for person in [&bob, &ann] {
        issuer.accounts().put(person.clone());
    }
    let token = token(&issuer, "crewup-sync").await;
    let names = |(status, body): (u16, Value)| {
        let list = body.as_array().cloned().unwrap_or_default();
        (
            status,
            list.iter().map(|account| account["username"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>(),
        )
    };
    let get = async |path: &str| ask(&issuer, "GET", path, &token, None).await;
    assert_eq!(names(get("crewup/users?first=0&max=1").await), (200, vec!["ann".to_owned()]));
    assert_eq!(names(get("crewup/users?first=1&max=5").await), (200, vec!["bob".to_owned()]));
    let search = format!("crewup/users?search=id:{}%20nobody%20{}", bob.sub(), ann.sub());
    assert_eq!(names(get(&search).await), (200, vec!["bob".to_owned(), "ann".to_owned()]));
    let of_ann = format!("crewup/users/{}", ann.sub());
    let (_, roles) = get(&format!("{of_ann}/role-mappings/realm/composite")).await;
    assert!(roles.to_string().contains("\"moderator\""), "{roles}");
    assert_eq!(ask(&issuer, "PUT", &of_ann, &token, Some(json!({ "enabled": false }))).await.0, 204);
    let (_, shown) = get(&of_ann).await;
    assert_eq!((&shown["enabled"], &shown["email"]), (&json!(false), &json!("ann@crewup.example")), "the rest stays");
    assert_eq!(ask(&issuer, "POST", &format!("{of_ann}/logout"), &token, None).await.0, 204);
    assert_eq!(ask(&issuer, "DELETE", &of_ann, &token, None).await.0, 204);
    for (method, body) in [("GET", None), ("PUT", Some(json!({}))), ("DELETE", None)] {
        let gone = ask(&issuer, method, &of_ann, &token, body).await;
        assert_eq!(gone, (404, json!({ "error": "User not found" })), "{method}");
    }
    assert_eq!(get("other/users").await, (404, json!({ "error": "Realm not found." })));
}

#[tokio::test]
async fn only_the_client_of_the_admin_api_is_let_in() {
    let issuer = issuer().await;
    let service = token(&issuer, "crewup-event").await;
    for (token, status) in [("", 401), ("x", 401), (service.as_str(), 403)] {
        assert_eq!(ask(&issuer, "GET", "crewup/users", token, None).await.0, status);
    }
    let (status, _) = ask(&issuer, "GET", "crewup/users", &token(&issuer, "crewup-sync").await, None).await;
    assert_eq!(status, 200);
}
