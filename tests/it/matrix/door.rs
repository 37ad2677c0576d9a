//! The two ways to a call: straight at its service, and through the edge as it runs.

use std::{collections::HashMap, sync::Mutex};

use crewup_proto::call::Call;
use crewup_tests::{Mesh, pki::pki, raw};
use tonic::{Status, transport::Channel};

use super::{is_internal, service};
use crate::live::edge::{Edge, plain};

/// A call as it is sent.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) call: &'static Call,
    /// What follows the path.
    pub(super) query: &'static str,
    pub(super) headers: Vec<(&'static str, Vec<u8>)>,
    /// Whose connection it is, where that is seen. To the edge everybody has the same.
    pub(super) workload: &'static str,
    pub(super) body: Vec<u8>,
}

/// One of the two ways.
pub(super) struct Door<'a> {
    mesh: &'a Mesh,
    edge: Option<(Channel, Edge)>,
    /// By workload and service.
    straight: Mutex<HashMap<(&'static str, &'static str), Channel>>,
}

impl<'a> Door<'a> {
    pub(super) fn straight(mesh: &'a Mesh) -> Self {
        Self { mesh, edge: None, straight: Mutex::default() }
    }

    /// Through an edge of its own.
    pub(super) async fn edge(mesh: &'a Mesh) -> Self {
        let replicas = crewup_shared::migrate::SERVICES.map(|name| (name, [mesh.addr(name).unwrap(); 2]));
        let edge = Edge::start(&replicas).await;
        Self { edge: Some((plain(edge.addr), edge)), ..Self::straight(mesh) }
    }

    pub(super) fn is_edge(&self) -> bool {
        self.edge.is_some()
    }

    /// What is told of a call that a service answers so: of one that the edge does not route, that there is none.
    pub(super) fn expected(&self, call: &Call, answer: &'static str) -> &'static str {
        if self.is_edge() && is_internal(call) { "UNKNOWN_CALL" } else { answer }
    }

    fn channel(&self, attempt: &Attempt) -> Channel {
        if let Some((channel, _)) = &self.edge {
            return channel.clone();
        }
        let (from, to) = (attempt.workload, service(attempt.call));
        let mut open = self.straight.lock().unwrap();
        open.entry((from, to)).or_insert_with(|| pki().channel(from, to, self.mesh.addr(to).unwrap())).clone()
    }

    /// The first thing that is answered.
    pub(super) async fn ask(&self, attempt: &Attempt) -> Result<Vec<u8>, Status> {
        self.ask_for(1, attempt).await
    }

    /// As [`Self::ask`], of a stream the last of so many things, or the end before.
    pub(super) async fn ask_for(&self, count: usize, attempt: &Attempt) -> Result<Vec<u8>, Status> {
        let (channel, call) = (self.channel(attempt), attempt.call);
        let path = format!("{}{}", call.path, attempt.query);
        let headers: Vec<_> = attempt.headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let body = attempt.body.clone();
        if !call.server_stream {
            return raw::call_by(channel, &path, &headers, body).await.map(tonic::Response::into_inner);
        }
        let mut stream = raw::stream(channel, &path, &headers, body).await?;
        let mut last = None;
        for _ in 0..count {
            match stream.message().await? {
                Some(message) => last = Some(message),
                None => break,
            }
        }
        Ok(last.unwrap_or_else(|| panic!("{path} ended without a word")))
    }
}
