//! The identity provider goes away and comes back.

use std::{sync::Arc, thread};

use crewup_issuer::{Config, Issuer, Person};

use crate::issuer;

#[tokio::test]
async fn down_is_down_for_pooled_connections_too() {
    let issuer = issuer().await;
    let url = format!("http://{}/health", issuer.addr());
    let client = reqwest::Client::new();
    assert!(client.get(&url).send().await.is_ok());
    for _ in 0..3 {
        issuer.stop().expect("stops");
        issuer.stop().expect("is stopped already");
        assert!(client.get(&url).send().await.is_err());
        // Tokens that were fetched before, so to speak.
        assert!(!issuer.token(&Person::named("host")).is_empty());
        issuer.restart().expect("starts again");
        issuer.restart().expect("serves already");
        assert!(client.get(&url).send().await.is_ok());
    }
}

#[tokio::test]
async fn dropped_is_down_and_frees_the_port() {
    let first = issuer().await;
    let addr = first.addr();
    drop(first);
    assert!(reqwest::get(format!("http://{addr}/health")).await.is_err());
    let config = Config { addr, ..Config::development() };
    assert!(Issuer::start(config).await.is_ok());
}

#[test]
fn it_outlives_the_runtime_that_started_it() {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let issuer = Arc::new(run().block_on(issuer()));
    let shared = issuer.clone();
    let answered = thread::spawn(move || {
        let url = format!("http://{}/health", shared.addr());
        run().block_on(async { reqwest::get(url).await.is_ok() })
    });
    assert!(answered.join().expect("no panic"));
}
