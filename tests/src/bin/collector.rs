//! Takes traces and metrics over OTLP and appends all that they say to a file, for tests/secrets.sh to look through:
//! `crewup-test-collector ADDRESS FILE`.

use std::{
    fs::File,
    io::Write as _,
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use prost::Message;
use tonic::{Request, Response, Status, transport::Server};

#[derive(Clone)]
struct Collector(Arc<Mutex<File>>);

impl Collector {
    /// As it came, in which every text is as it was written; and for people, in which numbers are.
    fn keep(&self, message: &(impl Message + std::fmt::Debug)) -> Result<(), Status> {
        let mut line = message.encode_to_vec();
        write!(line, "\n{message:?}\n")?;
        self.0.lock().map_err(|_| std::io::Error::other("poisoned"))?.write_all(&line)?;
        Ok(())
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.keep(request.get_ref()).map(|()| Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.keep(request.get_ref()).map(|()| Response::new(Default::default()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(Ok(addr)), Some(path)) = (args.next().map(|addr| addr.parse::<SocketAddr>()), args.next()) else {
        return ExitCode::from(64);
    };
    let Ok(file) = File::options().append(true).create(true).open(path) else { return ExitCode::from(73) };
    let collector = Collector(Arc::new(Mutex::new(file)));
    let server = Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .add_service(MetricsServiceServer::new(collector));
    if server.serve(addr).await.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
