use std::sync::LazyLock;

use arrow::array::{ListBuilder, RecordBatch};
use arrow::datatypes::Schema;

use super::*;
use crate::catalog::schema::arrow_field;
use crate::transform::fixtures::{batch_of, contract, field, list, reasons};
use proptest::prelude::*;

type Reasons = Vec<(u32, &'static str, String)>;

fn normalized(field: Field, values: ArrayRef) -> (ArrayRef, Reasons) {
    let schema = Schema::new(vec![arrow_field(&field, true)]);
    let rows = RecordBatch::try_new(Arc::new(schema), vec![values]).unwrap();
    let step = NormalizeText::new(&contract(vec![field])).unwrap();
    let batch = step.apply(batch_of(rows));
    (Arc::clone(batch.columns.column(0)), reasons(&batch))
}

fn text(name: &str, steps: &[Normalize]) -> Field {
    let mut text = field(name, FieldType::Text);
    text.normalize = steps.to_vec();
    text
}

fn cells(array: &ArrayRef) -> Vec<Option<&str>> {
    array.as_string::<i32>().iter().collect()
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn steps_run_in_the_order_of_the_contract() {
    let values = strings(&[Some(" Ä\u{2003}"), Some("  "), None, Some("x"), Some("")]);
    let trim_first = [Normalize::Trim, Normalize::Lowercase, Normalize::EmptyToNull];
    let (trimmed, found) = normalized(text("note", &trim_first), Arc::clone(&values));
    assert_eq!(cells(&trimmed), [Some("ä"), None, None, Some("x"), None]);
    assert_eq!(found, []);
    let null_first = [Normalize::EmptyToNull, Normalize::Trim, Normalize::Uppercase];
    let (emptied, _) = normalized(text("note", &null_first), values);
    assert_eq!(cells(&emptied), [Some("Ä"), Some(""), None, Some("X"), None]);
}

#[test]
fn a_required_text_that_becomes_null_is_refused_and_one_that_was_null_is_not_refused_again() {
    let mut name = text("name", &[Normalize::Trim, Normalize::EmptyToNull]);
    name.required = true;
    let (_, found) = normalized(name, strings(&[Some(" "), None, Some("x")]));
    assert_eq!(found, [(0, "required_empty", "name".to_owned())]);
}

#[test]
fn texts_that_need_no_change_keep_their_buffer() {
    let values = strings(&[Some("abc"), None, Some("de f")]);
    let start = values.to_data().buffers()[1].as_ptr();
    let (same, _) = normalized(text("note", &[Normalize::Trim, Normalize::Lowercase]), values);
    assert_eq!(same.to_data().buffers()[1].as_ptr(), start);
}

#[test]
fn addresses_and_uuids_take_their_normal_form_or_are_refused() {
    let mut email = text("email", &[Normalize::Trim]);
    email.checks.format = Some(Format::Email);
    let (emails, found) =
        normalized(email, strings(&[Some(" Ann@EXAMPLE.com"), Some("ann@"), Some("")]));
    assert_eq!(cells(&emails), [Some("Ann@example.com"), Some("ann@"), Some("")]);
    let refused = |row| (row, "email_invalid", "email".to_owned());
    assert_eq!(found, [refused(1), refused(2)]);

    let mut id = field("id", FieldType::Text);
    id.checks.format = Some(Format::Uuid);
    let upper = "0190F3A0-0000-7000-8000-00000000000A";
    let lower = upper.to_lowercase();
    let wrong = ["0190f3a0000070008000000000000000000a", "{0190f3a0-0000-7000-8000-00000000000a}"];
    let values = [Some(upper), Some(wrong[0]), Some(wrong[1]), Some(&lower[1..]), Some(&lower)];
    let (ids, found) = normalized(id, strings(&values));
    assert_eq!(cells(&ids)[0], Some(&*lower));
    let rows: Vec<_> = found.into_iter().map(|(row, code, _)| (row, code)).collect();
    assert_eq!(rows, [(1, "uuid_invalid"), (2, "uuid_invalid"), (3, "uuid_invalid")]);
}

#[test]
fn sets_are_sorted_again_and_texts_that_became_equal_refuse_their_row() {
    let mut element = text("element", &[Normalize::Trim, Normalize::Uppercase]);
    element.path = Arc::from("codes[]");
    let mut codes = field("codes", list(element));
    if let FieldType::List { set, .. } = &mut codes.data_type {
        *set = true;
    }
    let item = arrow::datatypes::Field::new("element", arrow::datatypes::DataType::Utf8, true);
    let mut sets = ListBuilder::new(StringBuilder::new()).with_field(item);
    sets.append_value([Some("B"), Some("a")]);
    sets.append_value([Some("a"), Some("A "), Some("z")]);
    sets.append_null();
    sets.append_value(Vec::<Option<&str>>::new());
    let (sets, found) = normalized(codes, Arc::new(sets.finish()));
    let sets = sets.as_list::<i32>();
    assert_eq!(cells(&sets.value(0)), [Some("A"), Some("B")]);
    assert_eq!(found, [(1, "set_has_duplicate", "codes".to_owned())]);
    assert!(sets.is_null(2));
    assert_eq!(sets.value_length(3), 0);
}

#[test]
fn texts_inside_structs_are_normalised_with_their_path() {
    let mut country = text("country", &[Normalize::Uppercase, Normalize::EmptyToNull]);
    (country.path, country.required) = (Arc::from("address.country"), true);
    let address =
        field("address", FieldType::Struct(vec![field("city", FieldType::Text), country]));
    let arrow = arrow_field(&address, true);
    let arrow::datatypes::DataType::Struct(fields) = arrow.data_type().clone() else { panic!() };
    let columns = vec![strings(&[None, None, None]), strings(&[Some("de"), Some(""), Some("")])];
    let present = Some(vec![true, true, false].into());
    let (structs, found) =
        normalized(address, Arc::new(StructArray::new(fields, columns, present)));
    assert_eq!(cells(structs.as_struct().column(1))[..2], [Some("DE"), None]);
    assert_eq!(found, [(1, "required_empty", "address.country".to_owned())]);
}

proptest! {
    #[test]
    fn what_is_plainly_normal_is_normal_in_full(
        value in "[aA\\u{20}\\u{a0}\\u{85}.éÉßǅ\\t]{0,4}(@[b.]{0,2}\\.(com|Test| io))?",
        steps in prop::collection::vec(
            prop::sample::select(vec![
                Normalize::Trim, Normalize::Lowercase, Normalize::Uppercase, Normalize::EmptyToNull,
            ]),
            0..4,
        ),
        format in prop::sample::select(vec![None, Some(Format::Email), Some(Format::Uuid)]),
    ) {
        let form = TextForm { path: Arc::from("text"), required: true, steps, format };
        static NORMALIZE: LazyLock<NormalizeText> =
            LazyLock::new(|| NormalizeText::new(&contract(vec![])).unwrap());
        let (normal, refusal) = NORMALIZE.normal_form(&form, &value);
        if is_plainly_normal(&form, &value) {
            prop_assert_eq!(normal.as_deref(), Some(value.as_str()));
            prop_assert_eq!(refusal, None);
        }
        let is_text_itself = normal.as_deref() == Some(value.as_str());
        prop_assert_eq!(is_same(normal.as_ref(), Some(value.as_str())), is_text_itself);
    }
}
