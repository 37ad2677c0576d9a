//! Which pages may call the token endpoint, and what browsers are told about it.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::Config;

/// The headers for the origin of a request; none for an origin that is not welcome, so that the browser refuses.
///
/// Pages on loopback are welcome on any port (development servers move), others only by configuration: the demo
/// passwords are public, and any page on the web could otherwise fetch a token for the developer's own services.
pub(super) fn headers(config: &Config, request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.get(header::ORIGIN) else {
        return headers;
    };
    let welcome =
        origin.to_str().is_ok_and(|text| is_loopback(text) || config.allowed_origins.iter().any(|o| o == text));
    if welcome {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
            (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Origin, Accept, X-Requested-With, Content-Type, Authorization"),
            (header::ACCESS_CONTROL_MAX_AGE, "3600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    headers
}

fn is_loopback(origin: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else {
        return false;
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_loopback_is_loopback() {
        for origin in
            ["http://localhost", "http://localhost:5173", "https://127.0.0.1:8443", "http://[::1]:1", "http://[::1]"]
        {
            assert!(is_loopback(origin), "{origin}");
        }
        for origin in [
            "null",
            "http://localhost.evil.example",
            "http://evil.example:80",
            "http://127.0.0.1.evil.example",
            "http://localhost:80.evil.example",
        ] {
            assert!(!is_loopback(origin), "{origin}");
        }
    }
}
