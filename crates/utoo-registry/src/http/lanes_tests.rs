//! On a clock that moves only when nothing else can happen.

use std::time::Duration;

use tokio::time::{Instant, advance};

use super::{Lanes, NEAR, PATIENCE, SLOW, Traffic};

const DOCUMENT: Traffic = Traffic::Document { accept: "*/*" };

fn free(lanes: &Lanes) -> (usize, usize) {
    (lanes.all.available_permits(), lanes.tarballs.available_permits())
}

#[tokio::test(start_paused = true)]
async fn nobody_answered_opens_all() {
    let lanes = Lanes::new(128);
    let mut taken = Vec::new();
    for _ in 0..128 {
        taken.push(lanes.enter(DOCUMENT).await.unwrap());
    }
    assert_eq!(free(&lanes), (0, 96));
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_keeps_them_few() {
    let lanes = Lanes::new(128);
    let mut taken = Vec::new();
    for _ in 0..NEAR {
        taken.push(lanes.enter(DOCUMENT).await.unwrap());
    }
    let waiting = lanes.enter(DOCUMENT);
    let answering = async {
        tokio::time::sleep(PATIENCE / 2).await;
        lanes.answered(Instant::now() - PATIENCE / 2);
        tokio::time::sleep(PATIENCE * 2).await;
        taken.pop();
    };
    let (_lane, ()) = tokio::join!(waiting, answering);
    drop(taken);
    assert_eq!(free(&lanes), (NEAR - 1, NEAR - NEAR / 4));
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_opens_all_once() {
    let lanes = Lanes::new(128);
    assert_eq!(lanes.open_now(), NEAR);
    let sent = Instant::now();
    advance(SLOW + Duration::from_millis(1)).await;
    lanes.answered(sent);
    lanes.answered(sent);
    assert_eq!((free(&lanes), lanes.open_now()), ((128, 96), 128));
}

#[tokio::test(start_paused = true)]
async fn never_more_than_allowed() {
    for connections in [0, 1, 3, NEAR, NEAR + 1] {
        let lanes = Lanes::new(connections);
        lanes.open();
        let all = connections.max(1);
        assert_eq!(free(&lanes), (all, (all - all / 4).max(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn tarballs_leave_a_quarter_to_documents() {
    let lanes = Lanes::new(8);
    let mut tarballs = Vec::new();
    for _ in 0..6 {
        tarballs.push(lanes.enter(Traffic::Tarball).await.unwrap());
    }
    assert_eq!(free(&lanes), (2, 0));
    let _document = lanes.enter(DOCUMENT).await.unwrap();
}
