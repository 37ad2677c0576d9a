//! The same edge and the same kind of server, with all bounds lifted: what shows that an attack is one.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};

/// The edge's configuration, without what bounds a connection.
pub(super) fn edge(text: String) -> String {
    let many = "4294967295";
    [
        ("overload.premature_reset_total_stream_count: 200", format!("overload.premature_reset_total_stream_count: {many}")),
        ("max_outbound_control_frames: 500", format!("max_outbound_control_frames: {many}")),
        (
            "max_concurrent_streams: 128",
            format!("max_concurrent_streams: 2147483647\n            max_consecutive_inbound_frames_with_empty_payload: {many}"),
        ),
        ("max_request_headers_kb: 32", "max_request_headers_kb: 8192".into()),
        ("max_headers_count: 64", "max_headers_count: 1000000".into()),
    ]
    .iter()
    .fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// A server that answers nothing but health.
pub(super) async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let serve = Server::builder()
        .http2_max_header_list_size(u32::MAX)
        .http2_max_pending_accept_reset_streams(Some(usize::MAX))
        .http2_max_local_error_reset_streams(Some(usize::MAX))
        .add_service(health)
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(serve);
    addr
}
