//! Proxies that stand between a client and a real server and bring about what seldom happens:
//! throttling, cut connections, replies that get lost. Which request meets which fault is decided
//! by a function of the test.
//!
//! They run on the runtime of `services`, so that a test may block while its proxy works.

pub mod http;
pub mod mongodb;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::services;

/// True for `percent` of the indexes, the same ones for the same seed.
pub fn chance(seed: u64, index: usize, percent: u64) -> bool {
    // SplitMix64.
    let mut z = seed.wrapping_add((index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % 100 < percent
}

/// A free loopback port where connections are served, until this is dropped.
#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl Listener {
    fn start<F, S>(serve: S) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
        S: Fn(TcpStream) -> F + Send + 'static,
    {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn_on(
            async move {
                let listener = TcpListener::from_std(listener).unwrap();
                let mut connections = JoinSet::new();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    connections.spawn(serve(stream));
                    while connections.try_join_next().is_some() {}
                }
            },
            services::runtime().handle(),
        );
        Self { address, _accepting: accepting }
    }
}

#[test]
fn chance_is_the_same_for_the_same_seed_and_keeps_its_share() {
    let drawn = |seed| (0..10_000).filter(|&index| chance(seed, index, 30)).collect::<Vec<_>>();
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
    assert!((2_800..3_200).contains(&drawn(1).len()), "{}", drawn(1).len());
}
