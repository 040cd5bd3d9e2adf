//! Properties; npm's recorded answers are in `layers/tests.rs`.

use proptest::prelude::*;

use super::*;

#[test]
fn a_text_without_references_is_itself() {
    let expanded = expand("no $VAR here, nor {this}", &BTreeMap::new());
    assert_eq!(expanded, Expanded { text: "no $VAR here, nor {this}".to_owned(), used: Vec::new() });
}

proptest! {
    /// Each recorded range holds exactly the variable's value, whatever stands around it.
    #[test]
    fn ranges_point_at_the_values(text in r"([a-c\\ ]{0,3}(\$\{[ABC]\??\})?[}{$]?){0,5}") {
        let env = BTreeMap::from([("A".to_owned(), "alpha".to_owned()), ("B".to_owned(), String::new())]);
        let expanded = expand(&text, &env);
        for used in &expanded.used {
            prop_assert_eq!(&expanded.text[used.start..used.end], env[&used.name].as_str());
        }
    }
}
