//! What is refused before anything binds, and how fast the rest is.

use std::time::{Duration, Instant};

use crewup_issuer::{Config, Error, Issuer};

use crate::{get, issuer};

#[tokio::test]
async fn only_loopback() {
    for addr in ["0.0.0.0:0", "192.0.2.1:8180", "[::]:0"] {
        let config = Config { addr: addr.parse().expect("an address"), ..Config::development() };
        let refused = Issuer::start(config).await.err().expect("refused");
        assert!(matches!(refused, Error::NotLoopback { .. }), "{addr}");
        assert_eq!(refused.exit_code(), 64);
    }
}

#[tokio::test]
async fn only_development() {
    for mode in ["", "production", "Development", "development "] {
        let config = Config { mode: mode.into(), ..Config::development() };
        let refused = Issuer::start(config).await.err().expect("refused");
        assert!(matches!(refused, Error::NotDevelopment { .. }), "{mode:?}");
        assert_eq!(refused.exit_code(), 64);
    }
}

#[tokio::test]
async fn a_token_lives_at_least_a_second() {
    let config = Config { token_lifetime: Duration::from_millis(999), ..Config::development() };
    let refused = Issuer::start(config).await.err();
    assert!(matches!(refused, Some(Error::Invalid(_))));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = issuer().await;
    let config = Config { addr: first.addr(), ..Config::development() };
    let refused = Issuer::start(config).await.err().expect("refused");
    assert_eq!(refused.exit_code(), 69);
    let line = refused.to_string();
    assert!(line.contains("CREWUP_ISSUER_PORT"), "{line}");
    assert!(line.contains(&first.addr().port().to_string()), "{line}");
}

#[tokio::test]
async fn it_is_up_within_a_second_or_a_few_on_a_busy_machine() {
    let began = Instant::now();
    let issuer = issuer().await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let health = get(&format!("http://{}/health", issuer.addr())).await;
    assert_eq!(health["status"], "UP");
}
