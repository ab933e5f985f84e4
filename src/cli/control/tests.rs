use super::*;
use std::io::{BufRead, BufReader, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream as Client};

/// Takes a second to store two files, and cannot store one of them.
struct Slow;

impl Backlog for Slow {
    async fn pending(&self) -> Left {
        Left { files: 2, bytes: 7 }
    }

    async fn sync_all(&self) -> NotStored {
        tokio::time::sleep(Duration::from_millis(1200)).await;
        vec![("b".to_owned(), "quota".to_owned())]
    }

    async fn keep_all(&self, why: &str) -> NotStored {
        vec![("b".to_owned(), why.to_owned())]
    }

    async fn status(&self) -> Status {
        Status { source: "cou-data".to_owned(), ..Status::default() }
    }
}

fn socket(name: &str) -> (SocketAddr, UnixListener) {
    let address = SocketAddr::from_abstract_name(format!("osirisfs-unit-{name}-{}", std::process::id())).unwrap();
    (address.clone(), UnixListener::bind_addr(&address).unwrap())
}

fn lines(address: &SocketAddr, ask: &str) -> Vec<String> {
    let mut client = Client::connect_addr(address).unwrap();
    client.write_all(format!("{ask}\n").as_bytes()).unwrap();
    BufReader::new(client).lines().map_while(Result::ok).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_hears_progress_the_result_and_the_end() {
    let (address, listener) = socket("sync");
    let me = nix::unistd::geteuid().as_raw();
    let control = Control::start(listener, Arc::new(Slow), me).unwrap();
    let late = address.clone();
    let client = tokio::task::spawn_blocking(move || lines(&address, r#""sync""#));
    tokio::time::sleep(Duration::from_millis(2000)).await;
    // The one who is connected is served to the end; another may be meant for another mount of the same number.
    control.stop_accepting();
    let refused = || Client::connect_addr(&late).is_err();
    for _ in 0..100 {
        if refused() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(refused());
    control.ended(vec![("b".to_owned(), "quota".to_owned())]).await;
    let heard = client.await.unwrap();
    assert_eq!(heard.first().map(String::as_str), Some(r#"{"pending":{"files":2,"bytes":7}}"#));
    let last: Vec<&str> = heard.iter().rev().take(2).map(String::as_str).collect();
    assert_eq!(last, [r#"{"ended":[["b","quota"]]}"#, r#"{"synced":[["b","quota"]]}"#]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_ends_the_connection_and_nothing_else() {
    let (address, listener) = socket("nonsense");
    let me = nix::unistd::geteuid().as_raw();
    let _control = Control::start(listener, Arc::new(Slow), me).unwrap();
    for _ in 0..2 {
        let address = address.clone();
        let heard = tokio::task::spawn_blocking(move || lines(&address, "{}")).await.unwrap();
        assert_eq!(heard, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_may_ask_for_the_status_again_and_again() {
    let (address, listener) = socket("status");
    let _control = Control::start(listener, Arc::new(Slow), nix::unistd::geteuid().as_raw()).unwrap();
    let heard = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect_addr(&address).unwrap();
        let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
        let mut ask = || {
            client.write_all(b"\"status\"\n").unwrap();
            lines.next().unwrap().unwrap()
        };
        [ask(), ask()]
    });
    for line in heard.await.unwrap() {
        assert!(line.starts_with(r#"{"status":{"#) && line.contains("cou-data"), "{line}");
    }
}
