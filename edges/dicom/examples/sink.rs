//! A network server that checks everything and keeps nothing, to time senders: `cargo run --example sink -- 11112`.

use std::{error::Error, future, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use yiti_dicom::{
    dimse::{Answers, Config, FindRefused, ReceivedInstance, Reject, Service, StoreRefused, serve},
    query::{StudyRootQuery, WorklistQuery},
};

struct Sink;

impl Service for Sink {
    type Caller = ();

    async fn accept(&self, _calling: &str, _called: &str, _peer: SocketAddr) -> Result<(), Reject> {
        Ok(())
    }

    async fn store(&self, _caller: &(), _instance: ReceivedInstance) -> Result<(), StoreRefused> {
        Ok(())
    }

    async fn find_worklist(&self, _caller: &(), _query: WorklistQuery, _answers: Answers) -> Result<(), FindRefused> {
        Ok(())
    }

    async fn find(&self, _caller: &(), _query: StudyRootQuery, _answers: Answers) -> Result<(), FindRefused> {
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("name a port")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    serve(listener, Arc::new(Sink), Config::default(), future::pending()).await?;
    Ok(())
}
