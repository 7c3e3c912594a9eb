//! A table or collection as a person names it: by itself, or by a job that reads it.

use std::sync::Arc;

use super::surroundings::Here;
use crate::catalog::{Catalog, Contract};
use crate::config::{DEFAULT_URI_VARIABLE, Environment, Project, resolve};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Sensitive;
use crate::plan::{AwsOptions, DynamodbTable, MongodbCollection, SourceSpec};

/// A place in a live service.
pub(super) struct LivePlace {
    pub source: SourceSpec,
    pub aws: AwsOptions,
    /// Place of the exchange rates of the job.
    pub rates: Option<String>,
    /// Dataset version that a job reads it for.
    pub dataset: Option<String>,
}

impl LivePlace {
    /// The place that `typed` means: `dynamodb://TABLE`, `mongodb:DB.COLL`, or a job with one live
    /// source.
    ///
    /// # Errors
    /// `Usage` when it is none of them, or a connection string is needed and not set.
    pub fn find(typed: &str, here: &Here) -> Result<Self> {
        if let Some(source) = named(typed, &Environment::secret)? {
            return Ok(Self { source, aws: AwsOptions::default(), rates: None, dataset: None });
        }
        if typed.contains("://") {
            return Err(Error::new(ErrorKind::Usage, "this is no table and no collection")
                .with("place", typed)
                .with_help("name dynamodb://TABLE or mongodb:DB.COLL, or a job that reads one"));
        }
        let project = here.project()?;
        let job = project.job(typed)?;
        let mut live = job.sources.iter().filter(|source| source.is_live());
        let (Some(source), None) = (live.next(), live.next()) else {
            return Err(Error::new(
                ErrorKind::Usage,
                "the job does not read one table or collection",
            )
            .with("job", &job.name)
            .with_help("name the place: dynamodb://TABLE or mongodb:DB.COLL"));
        };
        let source = resolve::with_secrets(source, &Environment::secret)?;
        let rates = job.rates.map(|place| resolve::absolute_place(project.root(), &place));
        let rates = rates.transpose()?;
        Ok(Self { source, aws: job.aws, rates, dataset: Some(job.dataset) })
    }

    /// The contract to judge its rows by: the one that is asked for, the job's, or the only one.
    ///
    /// # Errors
    /// `Usage` when there is no such contract, or more than one to choose from.
    pub fn contract(&self, asked_for: Option<&str>, project: &Project) -> Result<Arc<Contract>> {
        let catalog = Catalog::open(&project.schemas())?;
        match (asked_for.or(self.dataset.as_deref()), catalog.contracts()) {
            (Some(dataset), _) => catalog.resolve(dataset),
            (None, [only]) => Ok(Arc::clone(only)),
            (None, contracts) => {
                let labels: Vec<_> = contracts.iter().map(|contract| contract.label()).collect();
                Err(Error::new(ErrorKind::Usage, "there is more than one contract to judge by")
                    .with_help(format!("give --dataset, one of {}", labels.join(", "))))
            }
        }
    }
}

/// The place that `typed` names by itself; none when it is no such name.
fn named(typed: &str, secret: &dyn Fn(&str) -> Option<Sensitive>) -> Result<Option<SourceSpec>> {
    if typed.contains('@') {
        return Err(Error::new(ErrorKind::Usage, "a place must not hold a user name or password")
            .with_help(format!(
                "set {DEFAULT_URI_VARIABLE} in the environment and name DB.COLL alone"
            )));
    }
    if let Some(table) = typed.strip_prefix("dynamodb://") {
        if table.is_empty() || table.contains('/') {
            return Err(Error::new(ErrorKind::Usage, "a table is named as dynamodb://TABLE"));
        }
        return Ok(Some(SourceSpec::Dynamodb(DynamodbTable::named(table))));
    }
    let Some(rest) = typed.strip_prefix("mongodb:").or_else(|| typed.strip_prefix("mongodb "))
    else {
        return Ok(None);
    };
    let (database, collection) = rest
        .trim_start_matches("//")
        .split_once('.')
        .filter(|(database, collection)| {
            !database.is_empty() && !collection.is_empty() && !rest.contains([':', '?'])
        })
        .ok_or_else(|| {
            Error::new(ErrorKind::Usage, "a collection is named as mongodb:DB.COLL").with_help(
                format!("the server is named by {DEFAULT_URI_VARIABLE} in the environment"),
            )
        })?;
    let collection = MongodbCollection::named(DEFAULT_URI_VARIABLE, database, collection);
    resolve::with_secrets(&SourceSpec::Mongodb(collection), secret).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_from_jobs_and_hold_no_password() {
        let named = |typed| named(typed, &|_| Some(Sensitive::new("mongodb://localhost")));
        assert!(matches!(named("dynamodb://orders"), Ok(Some(SourceSpec::Dynamodb(_)))));
        for typed in ["mongodb:shop.orders", "mongodb://shop.orders", "mongodb shop.orders"] {
            let found = named(typed).unwrap();
            let Some(SourceSpec::Mongodb(found)) = found else { panic!("{typed}") };
            assert_eq!((&*found.database, &*found.collection), ("shop", "orders"));
        }
        assert!(named("orders-table").unwrap().is_none());
        for wrong in ["dynamodb://", "mongodb:shop", "mongodb://host:27017/shop.orders"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
        let refused = named("mongodb://me:hunter2@host").unwrap_err();
        assert!(!format!("{refused:?}").contains("hunter2"));
    }
}
