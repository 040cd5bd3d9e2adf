use super::*;

fn read(cache_control: &[&str], age: Option<&str>) -> Freshness {
    let mut headers = HeaderMap::new();
    for value in cache_control {
        headers.append(header::CACHE_CONTROL, value.parse().unwrap());
    }
    if let Some(age) = age {
        headers.insert(header::AGE, age.parse().unwrap());
    }
    of(&headers)
}

#[test]
fn max_age_less_what_was_spent_on_the_way() {
    assert_eq!(read(&["public, max-age=300"], None), Freshness::Keep(300));
    assert_eq!(read(&["public, max-age=300"], Some("100")), Freshness::Keep(200));
    assert_eq!(read(&["max-age=300"], Some("400")), Freshness::Keep(0));
    assert_eq!(read(&["Max-Age=\"60\""], None), Freshness::Keep(60));
    assert_eq!(read(&["max-age=99999999999999"], None), Freshness::Keep(u32::MAX));
}

#[test]
fn silence_means_five_minutes() {
    assert_eq!(read(&[], None), Freshness::Keep(DEFAULT_MAX_AGE));
    assert_eq!(read(&["public"], None), Freshness::Keep(DEFAULT_MAX_AGE));
    assert_eq!(read(&["s-maxage=1"], None), Freshness::Keep(DEFAULT_MAX_AGE));
}

#[test]
fn no_cache_asks_every_time_and_no_store_keeps_nothing() {
    assert_eq!(read(&["no-cache, max-age=300"], None), Freshness::Keep(0));
    assert_eq!(read(&["max-age=300", "no-cache"], None), Freshness::Keep(0));
    assert_eq!(read(&["max-age=300, NO-STORE"], None), Freshness::Discard);
}

#[test]
fn nonsense_counts_as_expired() {
    assert_eq!(read(&["max-age=soon"], None), Freshness::Keep(0));
    assert_eq!(read(&["max-age=-5"], None), Freshness::Keep(0));
}
