//! Two mounts that write the same files over a bad line: what one of them was told is true.

use super::support::{Service, Spoil, python, soon};
use osirisfs::server::{Limits, Style};
use std::collections::HashSet;
use std::time::Duration;

/// Replaces files that another one replaces, too. Each content tells who wrote it, when, and how long it is. Prints what
/// close(2) said of each. In a process of its own: nobody else has its descriptors.
const WRITER: &str = "
import os, random, sys, time
root, who = '@ROOT', '@WHO'
for n in range(40):
    name = f'{root}/f{random.randrange(4)}'
    size = random.choice([20, 3000, 200000, 7000000])
    head = f'{who} {n} {size} '
    data = (head * (size // len(head) + 1))[:size].encode()
    said, by = 0, 'stored'
    try:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError as error:
        print(who, n, size, 'not-opened', error.errno)
        continue
    try:
        os.write(fd, data)
    except OSError as error:
        said, by = error.errno, 'write'
    try:
        os.close(fd)
    except OSError as error:
        said, by = said or error.errno, 'close'
    print(who, n, size, by, said)
    time.sleep(random.random() / 50)
";

/// Which content it is: all of its bytes are that content's.
fn content(bytes: &[u8]) -> (String, usize) {
    let text = std::str::from_utf8(bytes).expect("text");
    let mut words = text.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (who, n, size) = (word(), word(), word());
    let head = format!("{who} {n} {size} ");
    assert_eq!(size, bytes.len().to_string(), "the size of {head}");
    assert!(head.bytes().cycle().zip(bytes).all(|(a, b)| a == *b), "bytes of {head} are not all its own");
    (format!("{who} {n}"), bytes.len())
}

/// No content is mixed of two or is shorter than it was, and none is lost of which its writer was told that another one had been
/// there first: it is kept beside.
#[test]
fn two_writers_over_a_bad_line_mix_and_lose_nothing() {
    for style in [Style::Rgw16, Style::Rgw20] {
        let service = Service::embedded_as(style, Limits::default());
        let proxy = service.proxy();
        proxy.rule(Spoil::now_and_then);
        let mounts = ["left", "right"].map(|who| (who, service.mount_through(&proxy, &[])));
        let said: Vec<String> = std::thread::scope(|scope| {
            let writers: Vec<_> = mounts
                .iter()
                .map(|(who, mount)| {
                    let script = WRITER.replace("@ROOT", mount.root().to_str().unwrap()).replace("@WHO", who);
                    let folder = service.folder();
                    scope.spawn(move || python(folder, &script).ok())
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        for (_, mount) in mounts {
            mount.umount();
        }
        proxy.repair();
        let s3 = service.s3();
        let kept: HashSet<String> = s3.keys("").iter().map(|key| content(&s3.get(key)).0).collect();
        let (mut stored, mut refused) = (0, 0);
        for line in said.iter().flat_map(|said| said.lines()) {
            let words: Vec<&str> = line.split(' ').collect();
            let [who, n, _size, by, errno] = words[..] else { panic!("{line}") };
            match errno.parse::<i32>().unwrap() {
                0 => stored += 1,
                libc::ESTALE if by == "not-opened" => {}
                libc::ESTALE => {
                    refused += 1;
                    assert!(kept.contains(&format!("{who} {n}")), "{line}: not kept beside\n{kept:?}");
                }
                _ => panic!("{line}: another error"),
            }
        }
        println!("{style:?}: {stored} stored, {refused} kept beside");
        assert!(stored > 20, "{stored} were stored");
        soon("no upload left", || s3.uploads().is_empty());
        assert!(s3.all_keys(".osirisfs/").is_empty(), "{:?}", s3.all_keys(".osirisfs/"));
    }
}

/// Half a minute in which the service refuses everything, begun in the middle of a part: the program waits, and all is stored.
#[test]
fn an_outage_in_the_middle_of_a_part_is_waited_out() {
    let service = Service::embedded();
    let proxy = service.proxy();
    proxy.limit(4 << 20, 0);
    let mount = service.mount_through(&proxy, &[]);
    let write = format!(
        "import os
fd = os.open('{}/f', os.O_WRONLY | os.O_CREAT)
for n in range(40): os.write(fd, bytes([n]) * (1 << 20))
os.close(fd)
",
        mount.root().display()
    );
    let folder = service.folder();
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || python(folder, &write).ok());
        soon("parts on their way", || proxy.count("UploadPart") >= 2);
        std::thread::sleep(Duration::from_millis(500));
        proxy.rule(|_| Spoil::Status(503, "SlowDown"));
        proxy.line(super::support::Line::Cut);
        std::thread::sleep(Duration::from_secs(5));
        proxy.line(super::support::Line::Good);
        std::thread::sleep(Duration::from_secs(25));
        proxy.repair();
        writer.join().unwrap();
    });
    mount.umount();
    let stored = service.s3().get("f");
    assert_eq!(stored.len(), 40 << 20);
    assert!(stored.chunks(1 << 20).enumerate().all(|(n, piece)| piece.iter().all(|byte| *byte == n as u8)));
}
