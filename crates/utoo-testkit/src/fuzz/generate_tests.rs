use super::*;

#[test]
fn a_seed_is_a_case() {
    for profile in Profile::ALL {
        let case = generate(profile, 7);
        assert_eq!(case, generate(profile, 7));
        assert_ne!(case, generate(profile, 8), "{}", profile.name());
    }
}

#[test]
fn every_case_is_a_project_with_a_command() {
    for profile in Profile::ALL {
        for seed in 0..50 {
            let case = generate(profile, seed);
            for scenario in [case.first("case"), Some(case.second("case", None))].into_iter().flatten() {
                assert!(!scenario.fixtures().unwrap().documents().is_empty());
                let package: Value = serde_json::from_str(scenario.package_json().unwrap()).unwrap();
                assert_eq!(package["name"], "root");
                assert_eq!(scenario.run_lines().unwrap().len(), 1);
            }
        }
    }
}
