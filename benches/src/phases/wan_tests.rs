use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use super::*;

#[test]
fn reads_round_trip_and_rate() {
    let wan = Wan::parse("20:1000").unwrap();
    assert_eq!(wan, Wan { round_trip: Duration::from_millis(20), bits_per_second: 1e9 });
    for wrong in ["20", "20:", ":1000", "-1:10", "20:0", "20:inf", "a:b"] {
        assert_eq!(Wan::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn bytes_queue_for_the_line_and_then_take_half_a_round_trip() {
    let line = Line::new(Wan { round_trip: Duration::from_millis(20), bits_per_second: 8e6 });
    let now = Instant::now() + Duration::from_secs(1);
    let after = |bytes| line.arrival(now, bytes) - now;
    assert_eq!(after(1_000_000), Duration::from_millis(1_010));
    assert_eq!(after(500_000), Duration::from_millis(1_510), "behind the first");
    let later = now + Duration::from_secs(5);
    assert_eq!(line.arrival(later, 0) - later, Duration::from_millis(10), "the line is free again");
}

#[test]
fn what_passes_is_what_was_sent() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = server.local_addr().unwrap();
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        stream.write_all(&bytes).unwrap();
    });
    let wan = Wan { round_trip: Duration::from_millis(2), bits_per_second: 1e9 };
    let proxy = Proxy::start(wan, address).unwrap();
    let mut stream = TcpStream::connect(proxy.url().strip_prefix("http://").unwrap()).unwrap();
    let sent: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    stream.write_all(&sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(received == sent);
    echo.join().unwrap();
}
