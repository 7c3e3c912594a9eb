//! The texts in columns, wherever they are nested.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;

/// Gives every text and binary value of `rows` to `each`.
pub(in crate::pipeline) fn each_text(rows: &RecordBatch, each: &mut dyn FnMut(&[u8])) {
    for column in rows.columns() {
        for row in 0..rows.num_rows() {
            each_text_of(column, row, each);
        }
    }
}

/// Gives every text and binary value in one cell to `each`.
pub(in crate::pipeline) fn each_text_of(
    array: &dyn Array,
    row: usize,
    each: &mut dyn FnMut(&[u8]),
) {
    if array.is_null(row) {
        return;
    }
    match array.data_type() {
        DataType::Utf8 => each(array.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => each(array.as_binary::<i32>().value(row)),
        DataType::Struct(_) => {
            let members = array.as_struct().columns();
            members.iter().for_each(|member| each_text_of(member, row, each));
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let (Ok(from), Ok(to)) =
                (usize::try_from(offsets[row]), usize::try_from(offsets[row + 1]))
            else {
                return;
            };
            (from..to).for_each(|element| each_text_of(list.values(), element, each));
        }
        _ => {}
    }
}

/// Whether `text` holds `word` as a word of its own, the case of ASCII letters aside: what stands
/// beside it could not belong to an address, a number or a name.
pub(in crate::pipeline) fn contains_word(text: &[u8], word: &[u8]) -> bool {
    let belongs = |byte: Option<&u8>| {
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80 || b"._+-@".contains(b))
    };
    !word.is_empty()
        && text.windows(word.len()).enumerate().any(|(at, window)| {
            window.eq_ignore_ascii_case(word)
                && !belongs(at.checked_sub(1).and_then(|before| text.get(before)))
                && !belongs(text.get(at + word.len()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_not_a_part_of_one() {
        let found = |text: &str, word: &str| contains_word(text.as_bytes(), word.as_bytes());
        assert!(found(r#"{"S":"anna@x.org"}"#, "anna@x.org"));
        assert!(found("Anna@X.ORG", "anna@x.org"));
        assert!(found("a cust_1, b", "cust_1"));
        for other in ["joanna@x.org", "j.anna@x.org", "anna@x.org.uk", "ünanna@x.org", ""] {
            assert!(!found(other, "anna@x.org"), "{other}");
        }
        assert!(!found("cust_10", "cust_1"));
        assert!(found("cust_10 cust_1", "cust_1"));
        assert!(!found("anything", ""));
    }
}
