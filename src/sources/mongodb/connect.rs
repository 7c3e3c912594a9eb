//! Reaching a MongoDB collection: the connection string, TLS, and commands as raw documents.
//!
//! The connection string never leaves this file, not even in errors. Does not own what is asked.

use std::fmt;
use std::time::Duration;

use bson::raw::{RawBsonRef, RawDocumentBuf};
use bson::{Document, RawArrayBuf, rawdoc};
use futures::TryStreamExt;
use mongodb::Client;
use mongodb::options::{
    ClientOptions, ConnectionString, HostInfo, ReadPreference as DriverPreference,
    ReadPreferenceOptions, RunCursorCommandOptions, SelectionCriteria, ServerAddress, Tls,
    TlsOptions,
};
use mongodb::raw_batch_cursor::RawBatchCursor;

use super::faults::{Fault, Remedy};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{MongodbCollection, ReadPreference};
use crate::storage;

/// Connections of one client to one server. Each split that is open uses one for a moment.
const MIN_POOL_CONNECTIONS: u32 = 10;

/// How long the driver looks for a server that may be read, before the reader waits a while.
const SERVER_SELECTION: Duration = Duration::from_secs(10);

/// A collection within reach.
#[derive(Clone)]
pub(super) struct Connection {
    pub client: Client,
    pub database: String,
    pub collection: String,
    /// Hosts as the connection string names them, in order, without credentials.
    pub hosts: String,
    preference: SelectionCriteria,
    /// What the connection string asks for.
    pub read_concern: Option<RawDocumentBuf>,
}

impl Connection {
    /// Gets ready to reach what `spec` names. No server is asked yet, only name servers.
    ///
    /// # Errors
    /// `Usage` when the connection string cannot be read or would send data in plain text,
    /// `Transient` when it stands for hosts that name servers do not know now.
    pub(super) async fn new(spec: &MongodbCollection, threads: usize) -> Result<Self> {
        let uri = ConnectionString::parse(spec.uri.expose()).map_err(|_| unreadable())?;
        let hosts = host_names(&uri.host_info);
        let mut options =
            ClientOptions::parse(uri).await.map_err(|error| match Fault::from(error) {
                fault if fault.remedy == Remedy::AskAgain => {
                    fault.into_error("opening a MongoDB collection", &namespace(spec))
                }
                _ => unreadable(),
            })?;
        secure(&mut options, spec.allow_plain_text)?;
        let preference = preference(spec.read_preference, options.selection_criteria.take());
        let read_concern = options.read_concern.take();
        let read_concern = read_concern.and_then(|c| bson::serialize_to_raw_document_buf(&c).ok());
        options.app_name.get_or_insert_with(|| "consign".to_owned());
        options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        let connections = u32::try_from(threads).unwrap_or(u32::MAX).saturating_mul(4);
        options.max_pool_size.get_or_insert(connections.max(MIN_POOL_CONNECTIONS));
        let client = Client::with_options(options).map_err(|error| {
            Fault::from(error).into_error("opening a MongoDB collection", &namespace(spec))
        })?;
        Ok(Self {
            client,
            database: spec.database.clone(),
            collection: spec.collection.clone(),
            hosts,
            preference,
            read_concern,
        })
    }

    /// `database.collection`
    pub(super) fn namespace(&self) -> String {
        format!("{}.{}", self.database, self.collection)
    }

    /// Runs a command that answers with batches of documents.
    ///
    /// # Errors
    /// What the driver or the server has against it.
    pub(super) async fn cursor(
        &self,
        command: RawDocumentBuf,
        batch_documents: Option<u32>,
    ) -> Result<RawBatchCursor, Fault> {
        let mut options =
            RunCursorCommandOptions::builder().selection_criteria(self.preference.clone()).build();
        options.batch_size = batch_documents;
        let database = self.client.database(&self.database);
        Ok(database.run_raw_cursor_command(command).with_options(options).batch().await?)
    }

    /// Runs a command and returns its answer.
    ///
    /// # Errors
    /// What the driver or the server has against it.
    pub(super) async fn run(&self, command: RawDocumentBuf) -> Result<Document, Fault> {
        let database = self.client.database(&self.database);
        let run = database.run_raw_command(command);
        Ok(run.selection_criteria(self.preference.clone()).await?)
    }

    /// Runs a command that answers with few documents and returns them all.
    ///
    /// # Errors
    /// What the driver or the server has against it.
    pub(super) async fn documents(
        &self,
        command: RawDocumentBuf,
    ) -> Result<Vec<RawDocumentBuf>, Fault> {
        let mut cursor = self.cursor(command, None).await?;
        let mut documents = Vec::new();
        while let Some(batch) = cursor.try_next().await? {
            for document in batch.doc_slices()? {
                match document {
                    Ok(RawBsonRef::Document(document)) => documents.push(document.to_owned()),
                    _ => return Err(Fault::nonsense("the server's answer cannot be read")),
                }
            }
        }
        Ok(documents)
    }

    /// Runs the stages of an aggregation over the collection.
    ///
    /// # Errors
    /// What the driver or the server has against it.
    pub(super) async fn aggregate(
        &self,
        stages: Vec<RawDocumentBuf>,
        with_options: RawDocumentBuf,
    ) -> Result<Vec<RawDocumentBuf>, Fault> {
        let mut command = rawdoc! {
            "aggregate": self.collection.as_str(),
            "pipeline": RawArrayBuf::from_iter(stages),
            "cursor": {},
        };
        for option in &with_options {
            let (name, value) = option.map_err(|_| Fault::nonsense("an option cannot be read"))?;
            command.append(name, value);
        }
        self.documents(command).await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({}/{})", self.hosts, self.namespace())
    }
}

/// `database.collection`
pub(super) fn namespace(spec: &MongodbCollection) -> String {
    format!("{}.{}", spec.database, spec.collection)
}

fn unreadable() -> Error {
    Error::new(
        ErrorKind::Usage,
        "opening a MongoDB collection: the connection string cannot be read",
    )
    .with_help(
        "it begins with mongodb:// or mongodb+srv://; in a user or password, characters such \
             as @ : / % are written as %40 %3A %2F %25; socketTimeoutMS is not supported",
    )
}

fn host_names(hosts: &HostInfo) -> String {
    match hosts {
        HostInfo::DnsRecord(name) => name.clone(),
        HostInfo::HostIdentifiers(addresses) => {
            let mut names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            names.sort();
            names.join(",")
        }
        _ => String::new(),
    }
}

/// Turns TLS on, unless all hosts are this machine or plain text is allowed.
fn secure(options: &mut ClientOptions, allow_plain_text: bool) -> Result<()> {
    let is_remote = !options.hosts.iter().all(is_loopback);
    match &options.tls {
        Some(Tls::Enabled(tls)) => {
            let unchecked = tls.allow_invalid_certificates == Some(true);
            if unchecked && is_remote {
                return Err(insecure("accepts any certificate").with_help(
                    "take tlsInsecure and tlsAllowInvalidCertificates out of the connection \
                     string; name a certificate authority of your own with tlsCAFile",
                ));
            }
        }
        _ if !is_remote || allow_plain_text => {}
        None => options.tls = Some(Tls::Enabled(TlsOptions::default())),
        Some(Tls::Disabled) => {
            return Err(insecure("turns TLS off").with_help(
                "take tls=false out of the connection string, or set allow_plain_text in the job \
                 if orders may cross the network unencrypted",
            ));
        }
    }
    Ok(())
}

fn insecure(what: &str) -> Error {
    let message =
        format!("opening a MongoDB collection: the connection string {what} for a host elsewhere");
    Error::new(ErrorKind::Usage, message)
}

/// Whether all hosts of the connection string of `spec` are this machine.
///
/// # Errors
/// `Usage` when the connection string cannot be read.
pub fn is_on_this_machine(spec: &MongodbCollection) -> Result<bool> {
    let uri = ConnectionString::parse(spec.uri.expose()).map_err(|_| unreadable())?;
    Ok(match uri.host_info {
        HostInfo::HostIdentifiers(addresses) => addresses.iter().all(is_loopback),
        _ => false,
    })
}

fn is_loopback(address: &ServerAddress) -> bool {
    match address {
        ServerAddress::Tcp { host, .. } => {
            storage::is_loopback(host.trim_start_matches('[').trim_end_matches(']'))
        }
        ServerAddress::Unix { .. } => true,
        _ => false,
    }
}

/// The job's preference, with the tags and the staleness that the connection string allows.
fn preference(wanted: ReadPreference, uri: Option<SelectionCriteria>) -> SelectionCriteria {
    let options: Option<ReadPreferenceOptions> = match uri {
        Some(SelectionCriteria::ReadPreference(
            DriverPreference::Secondary { options }
            | DriverPreference::PrimaryPreferred { options }
            | DriverPreference::SecondaryPreferred { options }
            | DriverPreference::Nearest { options },
        )) => options,
        _ => None,
    };
    SelectionCriteria::ReadPreference(match wanted {
        ReadPreference::Primary => DriverPreference::Primary,
        ReadPreference::PrimaryPreferred => DriverPreference::PrimaryPreferred { options },
        ReadPreference::Secondary => DriverPreference::Secondary { options },
        ReadPreference::SecondaryPreferred => DriverPreference::SecondaryPreferred { options },
        ReadPreference::Nearest => DriverPreference::Nearest { options },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sensitive;

    async fn secured(uri: &str, allow_plain_text: bool) -> Result<Option<Tls>> {
        let mut options = ClientOptions::parse(uri).await.unwrap();
        secure(&mut options, allow_plain_text)?;
        Ok(options.tls)
    }

    #[tokio::test]
    async fn tls_is_on_unless_the_host_is_this_machine() {
        let on = Some(Tls::Enabled(TlsOptions::default()));
        for uri in [
            "mongodb://db.example",
            "mongodb://localhost,10.0.0.1:27018",
            "mongodb://db.example/?tls=true",
        ] {
            assert_eq!(secured(uri, false).await.unwrap(), on, "{uri}");
        }
        for uri in [
            "mongodb://localhost",
            "mongodb://127.0.0.2:1",
            "mongodb://[::1]:1",
            "mongodb://%2Ftmp%2Fm.sock",
        ] {
            assert_eq!(secured(uri, false).await.unwrap(), None, "{uri}");
        }
        assert_eq!(secured("mongodb://localhost/?tls=true", false).await.unwrap(), on);
        assert_eq!(secured("mongodb://db.example", true).await.unwrap(), None);
        assert_eq!(
            secured("mongodb://db.example/?tls=false", true).await.unwrap(),
            Some(Tls::Disabled)
        );
    }

    #[tokio::test]
    async fn what_is_not_safe_is_refused() {
        for uri in [
            "mongodb://db.example/?tls=false",
            "mongodb://db.example/?tls=true&tlsInsecure=true",
            "mongodb://db.example/?tls=true&tlsAllowInvalidCertificates=true",
        ] {
            let error = secured(uri, false).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{uri}");
            assert!(error.help().is_some(), "{uri}");
        }
        let unchecked = "mongodb://localhost/?tls=true&tlsInsecure=true";
        assert!(secured(unchecked, false).await.is_ok());
        let elsewhere = "mongodb://db.example/?tls=true&tlsInsecure=true";
        assert!(
            secured(elsewhere, true).await.is_err(),
            "plain text is allowed, not any certificate"
        );
    }

    #[tokio::test]
    async fn a_connection_string_that_cannot_be_read_is_not_shown() {
        for uri in ["hunter2", "mongodb://me:hun:ter2@host", "mongodb://me:hunter2@host/?tls=maybe"]
        {
            let error = Connection::new(&spec(uri), 1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            let shown = format!("{error} {error:?} {:?}", error.help());
            assert!(!shown.contains("ter2") && !shown.contains("maybe"), "{shown}");
        }
    }

    #[tokio::test]
    async fn hosts_are_named_without_credentials() {
        let spec = spec("mongodb://me:hunter2@b.example,a.example:1/x");
        assert_eq!(Connection::new(&spec, 1).await.unwrap().hosts, "a.example:1,b.example:27017");
    }

    fn spec(uri: &str) -> MongodbCollection {
        MongodbCollection {
            uri: Sensitive::new(uri),
            patience: Duration::from_secs(1),
            ..MongodbCollection::named("MONGODB_URI", "shop", "orders")
        }
    }
}
