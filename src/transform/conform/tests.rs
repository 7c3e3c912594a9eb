use arrow::array::{Int64Array, StringArray};
use arrow::datatypes::{Fields, Schema};

use super::*;

fn item_fields(nullable: bool) -> Fields {
    Fields::from(vec![
        Field::new("product_id", DataType::Utf8, nullable),
        Field::new("quantity", DataType::Int64, true),
    ])
}

fn schema(nullable: bool) -> SchemaRef {
    let element =
        Arc::new(Field::new("element", DataType::Struct(item_fields(nullable)), nullable));
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, nullable),
        Field::new("items", DataType::List(element), nullable),
        Field::new("address", DataType::Struct(item_fields(nullable)), true),
    ]))
}

/// Three rows of two, none and one item.
fn rows(product_ids: [Option<&str>; 3], address_id: Option<&str>) -> RecordBatch {
    let parts = |ids: Vec<Option<&str>>, nulls| {
        let quantities = Int64Array::from(vec![Some(1), None, Some(3)]);
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(ids)), Arc::new(quantities)];
        StructArray::new(item_fields(true), columns, nulls)
    };
    let schema = schema(true);
    let DataType::List(element) = schema.field(1).data_type() else { unreachable!() };
    let items = Arc::new(parts(product_ids.to_vec(), None));
    let offsets = OffsetBuffer::new(vec![0, 2, 2, 3].into());
    let address = parts(vec![address_id, None, Some("p")], Some(vec![true, false, true].into()));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["a", "b", "c"])),
        Arc::new(ListArray::new(Arc::clone(element), offsets, items, None)),
        Arc::new(address),
        Arc::new(Int64Array::from(vec![None, Some(1), None])), // not of the files
    ];
    let mut fields = schema.fields().to_vec();
    fields.push(Arc::new(Field::new("position", DataType::Int64, true)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

#[test]
fn required_fields_lose_their_nullability_at_every_level_and_no_buffer_is_copied() {
    let rows = rows([Some("p"), Some("q"), Some("r")], Some("s"));
    let output = output_rows(&rows, &schema(false)).unwrap();
    assert_eq!(output.schema(), schema(false));
    assert_eq!(output.num_columns(), 3);
    let start = |batch: &RecordBatch| batch.column(0).to_data().buffers()[1].as_ptr();
    assert_eq!(start(&output), start(&rows));
    let inner = |batch: &RecordBatch| {
        let items = batch.column(1).as_list::<i32>().values().clone();
        items.as_struct().column(0).to_data().buffers()[1].as_ptr()
    };
    assert_eq!(inner(&output), inner(&rows));
}

#[test]
fn a_null_where_one_is_required_names_the_field() {
    let at_item = rows([Some("p"), None, Some("r")], Some("s"));
    let error = output_rows(&at_item, &schema(false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(error.to_string().contains("items[].product_id"), "{error}");

    let at_address = rows([Some("p"), Some("q"), Some("r")], None);
    let error = output_rows(&at_address, &schema(false)).unwrap_err();
    assert!(error.to_string().contains("address.product_id"), "{error}");
}

#[test]
fn nulls_of_rows_that_were_sliced_away_do_not_count() {
    let rows = rows([Some("p"), None, Some("r")], Some("s")).slice(1, 2);
    let output = output_rows(&rows, &schema(false)).unwrap();
    let items = output.column(1).as_list::<i32>();
    assert_eq!((items.value_length(0), items.value_length(1)), (0, 1));
    assert_eq!(items.values().as_struct().column(0).as_string::<i32>().value(0), "r");
}

#[test]
fn columns_of_another_contract_are_an_error() {
    let other = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
    let rows = rows([Some("p"), Some("q"), Some("r")], Some("s"));
    assert_eq!(output_rows(&rows, &other).unwrap_err().kind(), ErrorKind::Unexpected);
}
