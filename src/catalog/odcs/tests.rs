use super::*;

#[test]
fn the_contracts_of_the_project_are_sound() {
    for dataset in ["exported_orders", "users"] {
        let file = format!("{}/schemas/{dataset}/v1.odcs.yaml", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(load_contract(Path::new(&file)).unwrap().label(), format!("{dataset}@1"));
    }
}
