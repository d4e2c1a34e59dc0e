//! What the network server asks of the platform.
//!
//! Left out: how instances are kept and who may see what; the implementor decides that.

use crate::{
    attributes::Attributes,
    dataset::{Header, Identity, Tag},
    query::{StudyRootQuery, WorklistQuery},
};
use bytes::Bytes;
use std::{future::Future, net::SocketAddr};
use tokio::sync::mpsc;

/// Why an association is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// No reason is given.
    #[error("rejected without a reason")]
    NoReason,
    /// The peer speaks another protocol.
    #[error("the application context is not supported")]
    ApplicationContext,
    /// The calling title is not known, or not from this address.
    #[error("the calling title is not recognized")]
    CallingTitle,
    /// The called title is not ours.
    #[error("the called title is not recognized")]
    CalledTitle,
    /// Try again later: the platform is busy.
    #[error("temporary congestion")]
    Congestion,
    /// Try again later: too many associations.
    #[error("too many associations")]
    LimitReached,
}

/// Why an instance is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreRefused {
    /// No room; the sender tries again later.
    #[error("out of resources")]
    OutOfResources,
    /// The caller may not store this.
    #[error("not authorized")]
    NotAuthorized,
    /// Another object is already kept under this identifier.
    #[error("another object has this identifier")]
    Conflict,
    /// The object contradicts itself or its announcement.
    #[error("the data set does not match: {comment}")]
    Mismatch {
        /// What does not match, at most 64 characters.
        comment: String,
        /// The element.
        tag: Option<Tag>,
    },
    /// The object cannot be read.
    #[error("the data set cannot be understood: {comment}")]
    Unreadable {
        /// What cannot be read, at most 64 characters.
        comment: String,
    },
    /// Something on our side.
    #[error("processing failed")]
    Failed,
}

impl StoreRefused {
    /// The status code of the answer. Source: dicom-ps3.4, B.2.3 and dicom-ps3.7, annex C.
    pub fn status(&self) -> u16 {
        match self {
            StoreRefused::OutOfResources => 0xA700,
            StoreRefused::NotAuthorized => 0x0124,
            StoreRefused::Conflict => 0x0111,
            StoreRefused::Mismatch { .. } => 0xA900,
            StoreRefused::Unreadable { .. } => 0xC000,
            StoreRefused::Failed => 0x0110,
        }
    }
}

/// Why a query is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindRefused {
    /// Too much asked at once; narrow the query.
    #[error("out of resources")]
    OutOfResources,
    /// The caller may not ask this.
    #[error("not authorized")]
    NotAuthorized,
    /// The identifier does not fit the service.
    #[error("the identifier does not fit: {comment}")]
    Identifier {
        /// What does not fit, at most 64 characters.
        comment: String,
        /// The element.
        tag: Option<Tag>,
    },
    /// Something on our side.
    #[error("processing failed")]
    Failed,
}

impl FindRefused {
    /// The status code of the answer. Source: dicom-ps3.4, C.4.1.1.4.
    pub fn status(&self) -> u16 {
        match self {
            FindRefused::OutOfResources => 0xA700,
            FindRefused::NotAuthorized => 0x0124,
            FindRefused::Identifier { .. } => 0xA900,
            FindRefused::Failed => 0xC001,
        }
    }
}

/// An instance as it arrived, walked and checked.
#[derive(Debug, Clone)]
pub struct ReceivedInstance {
    /// A whole file: our file meta group, then the data set bytes exactly as received.
    pub file: Bytes,
    /// Where the received bytes start in `file`. Positions in `header` count from there, for a deflated data set in
    /// its inflated bytes.
    pub data_offset: usize,
    /// What was read of the instance.
    pub header: Header,
    /// Under which identifiers it is filed.
    pub identity: Identity,
    /// The sender's title.
    pub calling: String,
    /// The sender's address.
    pub peer: SocketAddr,
}

/// Where a service puts its answers; it waits while the peer reads what came before.
#[derive(Debug)]
pub struct Answers(mpsc::Sender<Vec<Attributes>>);

impl Answers {
    pub(super) fn new() -> (Self, mpsc::Receiver<Vec<Attributes>>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }

    /// Hands over some answers; false when the peer wants no more.
    pub async fn give(&self, answers: Vec<Attributes>) -> bool {
        answers.is_empty() || self.0.send(answers).await.is_ok()
    }
}

/// The platform behind the network server.
pub trait Service: Send + Sync + 'static {
    /// Who calls, once accepted.
    type Caller: Send + Sync + 'static;

    /// Decides whether an association is accepted, before anything else happens.
    fn accept(
        &self,
        calling: &str,
        called: &str,
        peer: SocketAddr,
    ) -> impl Future<Output = Result<Self::Caller, Reject>> + Send;

    /// Keeps an instance; resolves only when it is durable.
    fn store(
        &self,
        caller: &Self::Caller,
        instance: ReceivedInstance,
    ) -> impl Future<Output = Result<(), StoreRefused>> + Send;

    /// Answers a worklist query, some at a time. It stops when they are no longer taken.
    fn find_worklist(
        &self,
        caller: &Self::Caller,
        query: WorklistQuery,
        answers: Answers,
    ) -> impl Future<Output = Result<(), FindRefused>> + Send;

    /// Answers a study, series or instance query, some at a time. It stops when they are no longer taken.
    fn find(
        &self,
        caller: &Self::Caller,
        query: StudyRootQuery,
        answers: Answers,
    ) -> impl Future<Output = Result<(), FindRefused>> + Send;

    /// Hears that an association has ended; `is_released` tells an orderly end from a broken one.
    fn closed(&self, caller: Self::Caller, is_released: bool) -> impl Future<Output = ()> + Send {
        drop((caller, is_released));
        std::future::ready(())
    }
}
