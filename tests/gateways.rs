//! Several gateways behind one name: spread, left out, come back; a name that dies altogether; ways through a proxy.
//!
//! Needs root and /dev/fuse.

#[path = "gateways/copying.rs"]
mod copying;
#[path = "gateways/proxy.rs"]
mod proxy;
mod support;

use copying::copies_outlive;
use osirisfs::server::Listener;
use osirisfs::store::{Credentials, ListRequest, Network, Store, StoreConfig};
use proxy::HttpProxy;
use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::{Mount, PROGRAM, Service, pattern, soon};

const NAME: &str = "rgw.test";

/// Gateways of one server on 127.0.0.2 and after, all on the same port.
struct Gateways {
    service: Service,
    port: u16,
    alive: Vec<Option<Listener>>,
}

fn ip(n: usize) -> IpAddr {
    IpAddr::from([127, 0, 0, 2 + n as u8])
}

fn names(of: std::ops::Range<usize>) -> String {
    of.map(|n| ip(n).to_string()).collect::<Vec<_>>().join(",")
}

impl Gateways {
    fn new(count: usize) -> Gateways {
        let service = Service::embedded();
        for _ in 0..100 {
            let first = service.server().listen(SocketAddr::new(ip(0), 0)).unwrap();
            let port = first.addr().port();
            let mut all = vec![Some(first)];
            while all.len() < count
                && let Ok(next) = service.server().listen(SocketAddr::new(ip(all.len()), port))
            {
                all.push(Some(next));
            }
            if all.len() == count {
                return Gateways { service, port, alive: all };
            }
            all.into_iter().flatten().for_each(|one| service.block_on(one.kill()));
        }
        panic!("no port is free on all of them");
    }

    fn url(&self, name: &str) -> String {
        format!("http://{name}:{}", self.port)
    }

    fn resolve(&self) -> String {
        format!("{NAME}:{}", names(0..self.alive.len()))
    }

    fn mount(&self) -> Mount {
        self.service.mount_at(&self.url(NAME), &["--resolve", &self.resolve()])
    }

    fn kill(&mut self, n: usize) {
        let listener = self.alive[n].take().unwrap();
        self.service.block_on(listener.kill());
    }

    fn revive(&mut self, n: usize) {
        let address = SocketAddr::new(ip(n), self.port);
        let began = Instant::now();
        while self.alive[n].is_none() {
            self.alive[n] = self.service.server().listen(address).ok();
            assert!(began.elapsed() < Duration::from_secs(10), "the port is not free again");
        }
    }

    fn requests(&self, n: usize) -> u64 {
        self.alive[n].as_ref().map_or(0, |listener| listener.log().total())
    }

    fn store(&self, network: Network) -> Store {
        let credentials = Credentials { access_key: self.service.access_key(), secret_key: String::new() };
        let config = StoreConfig {
            network,
            ask_for: Duration::from_secs(15),
            ..StoreConfig::new(self.url(NAME), self.service.bucket().0, credentials)
        };
        Store::new(config).unwrap()
    }

    fn command(&self, words: &[&str], vars: &[(&str, &str)]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(words).current_dir(self.service.folder()).env_clear().env("HOME", self.service.folder());
        command.envs(vars.iter().copied()).output().unwrap()
    }
}

/// Reads each file of a folder, many at a time; gives the longest time that one took.
fn read_all(folder: &std::path::Path) -> Duration {
    let readers: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            std::thread::spawn(move || {
                let began = Instant::now();
                assert_eq!(fs::read(&path).unwrap(), pattern(1, 300_000), "{}", path.display());
                began.elapsed()
            })
        })
        .collect();
    readers.into_iter().map(|reader| reader.join().unwrap()).max().unwrap()
}

fn fill(mount: &Mount) {
    fs::create_dir(mount.path("many")).unwrap();
    for n in 0..24 {
        fs::write(mount.path(&format!("many/{n}")), pattern(1, 300_000)).unwrap();
    }
}

#[test]
fn requests_are_spread_over_all_gateways() {
    let gateways = Gateways::new(3);
    let mut mount = gateways.mount();
    fill(&mount);
    mount.again();
    read_all(&mount.path("many"));
    for n in 0..3 {
        assert!(gateways.requests(n) > 0, "nothing was asked of gateway {n}");
    }
}

#[test]
fn gateways_are_killed_and_come_back_during_rsync() {
    let mut gateways = Gateways::new(3);
    let source = tempfile::tempdir().unwrap();
    for n in 0..120 {
        let folder = source.path().join(format!("d{}", n % 7));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("f{n}")), pattern(n, 2000 + n as usize * 500)).unwrap();
    }
    fs::write(source.path().join("large"), pattern(5, 20 << 20)).unwrap();
    let mut mount = gateways.mount();
    copies_outlive(&mut mount, source.path(), || {
        for n in (0..3).chain(0..3) {
            gateways.kill(n);
            std::thread::sleep(Duration::from_millis(600));
            gateways.revive(n);
            // The others must not be the only ones left when the next one is killed.
            std::thread::sleep(Duration::from_millis(900));
        }
    });
}

/// A machine that is off: nothing answers there, not even with a refusal.
fn black_hole(address: SocketAddr) -> (socket2::Socket, Vec<TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    // The kernel drops the first packet of a connection when the queue of those that nobody has accepted is full.
    socket.listen(0).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
    }
    (socket, waiting)
}

#[test]
fn a_dead_gateway_costs_no_error_and_one_connect_deadline() {
    let mut gateways = Gateways::new(3);
    let mut mount = gateways.mount();
    fill(&mount);
    mount.again();
    gateways.kill(1);
    let _hole = black_hole(SocketAddr::new(ip(1), gateways.port));
    // Three seconds is the deadline of a connection.
    let first = read_all(&mount.path("many"));
    assert!(first < Duration::from_secs(5), "{first:?}");
    soon("it is left out", || mount.log().contains("is left out"));
    for round in 0..5 {
        fs::create_dir(mount.path(&format!("dir{round}"))).unwrap();
        let began = Instant::now();
        for n in 0..10 {
            fs::write(mount.path(&format!("dir{round}/{n}")), "x").unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}

/// The machine of a gateway goes away while it is asked: the connection is there, and nothing comes any more.
#[test]
fn a_request_to_a_gateway_that_vanishes_is_sent_elsewhere() {
    let mut gateways = Gateways::new(2);
    gateways.kill(0);
    let silent = TcpListener::bind(SocketAddr::new(ip(0), gateways.port)).unwrap();
    let vanishing = std::thread::spawn(move || {
        let (connection, _) = silent.accept().unwrap();
        drop(silent);
        connection
    });
    let network = Network { resolve: vec![(NAME.to_owned(), vec![ip(0), ip(1)])], ..Network::default() };
    gateways.service.block_on(async {
        let store = gateways.store(network);
        let began = Instant::now();
        let asks = (0..8).map(|_| store.list(ListRequest::default()));
        for answer in futures::future::join_all(asks).await {
            answer.unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let out: Vec<_> = store.gateways().into_iter().filter(|(_, _, out)| *out).map(|(at, _, _)| at.ip()).collect();
        assert_eq!(out, [ip(0)]);
    });
    drop(vanishing.join().unwrap());
}

#[test]
fn a_common_name_that_dies_is_left_for_a_site_and_taken_again() {
    let mut gateways = Gateways::new(3);
    let sites = format!(
        "[site.common]\nendpoint = \"{}\"\n[site.campus]\nendpoint = \"{}\"\n",
        gateways.url("common.test"),
        gateways.url("campus.test")
    );
    support::write_secret(&gateways.service.folder().join("sites"), &sites);
    let common = format!("common.test:{}", names(0..2));
    let campus = format!("campus.test:{}", names(2..3));
    let flags =
        ["--config", "sites", "--site", "common,campus", "--resolve", &common, "--resolve", &campus, "--max-age", "0"];
    let mut mount = gateways.service.mount_at("", &flags);
    let asked_at_the_start = gateways.requests(2);
    fs::write(mount.path("a"), "by the common name").unwrap();
    assert_eq!(gateways.requests(2), asked_at_the_start, "the campus was asked while the common name answers");
    gateways.kill(0);
    gateways.kill(1);
    fs::write(mount.path("b"), "by the campus name").unwrap();
    assert_eq!(fs::read_to_string(mount.path("a")).unwrap(), "by the common name");
    assert!(mount.log().contains(&format!("going on with {}", gateways.url("campus.test"))), "{}", mount.log());
    gateways.revive(1);
    soon("the common name is used again", || mount.log().contains("answers again and is used"));
    let before = gateways.requests(1);
    assert_eq!(fs::read_to_string(mount.path("b")).unwrap(), "by the campus name");
    assert!(gateways.requests(1) > before);

    // A mount that finds the common name dead starts with the other.
    gateways.kill(1);
    mount.again();
    assert_eq!(fs::read_to_string(mount.path("b")).unwrap(), "by the campus name");
    // As does sharing.
    let config = gateways.service.folder().join(".config/osirisfs");
    fs::create_dir_all(&config).unwrap();
    support::write_secret(&config.join("config.toml"), &sites);
    let ways = ["--site", "common,campus", "--resolve", &common, "--resolve", &campus, "--token-file", "token"];
    let output = gateways.command(&[&["share", gateways.service.bucket().0], &ways[..]].concat(), &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("belongs to alice_um"), "{output:?}");
    fs::remove_file(config.join("config.toml")).unwrap();
    // One site alone is not left.
    let words = ["mount", "--config", "sites", "--site", "common", "--resolve", &common, "--token-file", "token"];
    let at = gateways.service.folder().join("other");
    fs::create_dir(&at).unwrap();
    let words = [&words[..], &[gateways.service.bucket().0, "other"]].concat();
    let output = gateways.command(&words, &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be reached"), "{output:?}");
}

#[test]
fn sites_shows_each_address() {
    let mut gateways = Gateways::new(3);
    gateways.kill(1);
    let output = gateways.command(&["sites", "--endpoint", &gateways.url(NAME), "--resolve", &gateways.resolve()], &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let line = |n: usize| {
        let address = SocketAddr::new(ip(n), gateways.port).to_string();
        text.lines().find(|line| line.contains(&address)).unwrap_or_else(|| panic!("{address}: {text}")).to_owned()
    };
    assert!(line(0).contains("ms") && line(0).contains("answers (200)"), "{text}");
    assert!(line(1).contains("cannot be reached") && line(1).contains("refused"), "{text}");
    assert!(line(2).contains("no TLS"), "{text}");
    gateways.kill(0);
    gateways.kill(2);
    let output = gateways.command(&["sites", "--endpoint", &gateways.url(NAME), "--resolve", &gateways.resolve()], &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let output = gateways.command(&["sites", "--site", "ohio"], &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no site \"ohio\""), "{output:?}");
}

#[test]
fn proxies_of_the_environment_are_used() {
    let gateways = Gateways::new(1);
    let proxy = HttpProxy::before(SocketAddr::new(ip(0), gateways.port));
    // Only the proxy knows this name.
    let words = ["whoami", "--token-file", "token", "--endpoint", "http://rgw.behind.invalid:8000"];
    let output = gateways.command(&words, &[("http_proxy", &proxy.url())]);
    assert!(output.stdout.starts_with(b"alice_um\n"), "{output:?}");
    let heads = proxy.heads();
    assert!(heads[0].starts_with("GET http://rgw.behind.invalid:8000/"), "{heads:?}");
    let output = gateways.command(&words, &[("http_proxy", &proxy.url()), ("no_proxy", "behind.invalid")]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be resolved"), "{output:?}");
    assert_eq!(proxy.heads().len(), heads.len());
}
