//! `consign load`: rows of a file into a table or collection.

use clap::Args;

use super::live_place::LivePlace;
use super::output;
use super::surroundings::Here;
use crate::config::resolve::absolute_place;
use crate::config::{Environment, values};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{self, LoadSummary};
use crate::plan::SourceSpec;
use crate::report::table::count;
use crate::sources::mongodb;
use crate::storage::aws;

const EXAMPLES: &str = "\
Examples:
  consign load samples/orders-export/AWSDynamoDB/01785722400000-5a3c1e7d --to dynamodb://orders
  consign load repaired.json.gz --to dynamodb://orders
  consign load samples/orders-dump/shop/orders.bson --to mongodb shop.orders

A table takes an export, or lines of DynamoDB JSON; an item replaces the one with its key. A
collection takes a .bson file, or lines of Extended JSON; a document that is there stays. The
endpoint is that of AWS_ENDPOINT_URL_DYNAMODB, or of MONGODB_URI.";

/// Write the rows of a file into a table or collection: samples, or repaired rows
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Load {
    /// Folder of an export, or a .bson or .json file, which may be compressed with gzip
    file: String,
    /// `dynamodb://TABLE`, or `mongodb DB.COLL`
    #[arg(long, num_args = 1..=2, value_names = ["PLACE", "DB.COLL"], required = true)]
    to: Vec<String>,
    /// Write to a service that is not on this machine
    #[arg(long)]
    yes: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Load {
    /// Loads and tells how much.
    pub fn execute(self, here: &Here) -> Result<()> {
        let place = LivePlace::find(&self.to.join(" "), here)?;
        if !self.yes && !is_on_this_machine(&place.source)? {
            return Err(Error::new(ErrorKind::Usage, "the service is not on this machine")
                .with("place", self.to.join(" "))
                .with_help("give --yes if rows are to be written there"));
        }
        let file = values::place(&self.file).map_err(|why| Error::new(ErrorKind::Usage, why))?;
        let file = absolute_place(here.folder(), &file)?;
        let loaded = pipeline::load(&file, &place.source, &place.aws)?;
        if self.json {
            output::print_json(&loaded)?;
        } else {
            output::print(&render(&loaded))?;
        }
        Ok(())
    }
}

fn is_on_this_machine(place: &SourceSpec) -> Result<bool> {
    match place {
        SourceSpec::Dynamodb(table) => {
            let endpoint = table.endpoint_url.clone().or_else(Environment::dynamodb_endpoint);
            Ok(endpoint.is_some_and(|url| aws::is_on_this_machine(&url)))
        }
        SourceSpec::Mongodb(collection) => mongodb::is_on_this_machine(collection),
        SourceSpec::DynamodbExport { .. } | SourceSpec::Mongodump { .. } => Ok(true),
    }
}

fn render(loaded: &LoadSummary) -> String {
    let mut text = format!(
        "{}: {} rows read, {} written\n",
        loaded.to,
        count(loaded.read),
        count(loaded.written)
    );
    if loaded.replaced > 0 {
        text += &format!("{} replaced by a later row of the same key\n", count(loaded.replaced));
    }
    for (why, rows) in &loaded.refused {
        text += &format!("{} refused: {why}\n", count(*rows));
    }
    if loaded.retried_batches > 0 {
        text += &format!("{} batches were sent again in part\n", count(loaded.retried_batches));
    }
    text
}
