//! Calls by path and bytes, for tests over every call of the contracts.

use std::net::SocketAddr;

use crewup_proto::call::{CALLS, Call};
use tonic::{
    Request, Response, Status, Streaming,
    client::Grpc,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

use crate::pki::pki;

/// Bytes as they are.
#[derive(Clone, Copy, Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(to, &item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; bytes::Buf::remaining(from)];
        bytes::Buf::copy_to_slice(from, &mut item);
        Ok(Some(item))
    }
}

/// Whose certificate is shown: at an internal call that of the service whose token is, and else the edge's.
fn workload(path: &str, headers: &[(&str, &[u8])]) -> &'static str {
    if !path.contains(".internal.") {
        return "edge";
    }
    let token = headers.iter().find(|(name, _)| *name == "authorization");
    let client = token.and_then(|(_, value)| {
        let claims = std::str::from_utf8(value).ok()?.split('.').nth(1)?;
        let claims = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims).ok()?;
        Some(serde_json::from_slice::<serde_json::Value>(&claims).ok()?.get("azp")?.as_str()?.to_owned())
    });
    let names = crewup_shared::migrate::SERVICES.into_iter();
    names.into_iter().find(|name| client.as_deref() == Some(&format!("crewup-{name}"))).unwrap_or("edge")
}

/// Makes the unary call `path` to the service that it names with the metadata `headers`.
pub async fn call(
    addr: SocketAddr,
    path: &'static str,
    headers: &[(&'static str, &[u8])],
    body: Vec<u8>,
) -> Result<Response<Vec<u8>>, Status> {
    let service = path.split('.').nth(1).unwrap_or("event");
    let to = pki().channel(workload(path, headers), service, addr);
    call_by(to, path, headers, body).await
}

/// Makes the unary call `path` over `channel`.
pub async fn call_by(
    channel: Channel,
    path: &str,
    headers: &[(&'static str, &[u8])],
    body: Vec<u8>,
) -> Result<Response<Vec<u8>>, Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.expect("connected");
    client.unary(request(headers, body), path.parse().expect("a path"), Bytes).await
}

/// Opens the stream `path` over `channel`.
pub async fn stream(
    channel: Channel,
    path: &str,
    headers: &[(&'static str, &[u8])],
    body: Vec<u8>,
) -> Result<Streaming<Vec<u8>>, Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.expect("connected");
    let answer = client.server_streaming(request(headers, body), path.parse().expect("a path"), Bytes).await;
    answer.map(Response::into_inner)
}

/// As [`stream`], and waits for the first thing on it.
pub async fn open(
    channel: Channel,
    path: &str,
    headers: &[(&'static str, &[u8])],
    body: Vec<u8>,
) -> Result<(), Status> {
    stream(channel, path, headers, body).await?.message().await.map(drop)
}

/// A request with the metadata `headers`; a name may come twice.
fn request(headers: &[(&'static str, &[u8])], body: Vec<u8>) -> Request<Vec<u8>> {
    let mut request = Request::new(body);
    let mut raw = http::HeaderMap::new();
    for (name, value) in headers {
        raw.append(*name, http::HeaderValue::from_bytes(value).expect("a header value"));
    }
    *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(raw);
    request
}

/// The unary calls that the services built so far serve, with the service's name; `internal` ones too.
pub fn unary_calls() -> impl Iterator<Item = (&'static str, &'static Call)> {
    CALLS.iter().filter(|call| !call.server_stream).filter_map(|call| {
        let service = call.path.split('.').nth(1)?;
        let built = crate::mesh::SERVICES.iter().any(|built| built.name == service);
        built.then_some((service, call))
    })
}
