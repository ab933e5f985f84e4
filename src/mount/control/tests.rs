use super::*;

fn mount(device: &str, owner: u32) -> Mount {
    Mount {
        device: device.to_owned(),
        mountpoint: "/m".into(),
        fstype: super::super::FSTYPE.to_owned(),
        source: "b".to_owned(),
        owner: Some(owner),
    }
}

#[test]
fn client_and_daemon_meet_by_device_number() {
    let me = nix::unistd::geteuid().as_raw();
    let mount = mount(&format!("test:{}", std::process::id()), me);
    assert!(connect(&mount).is_err());
    let _taken = listen(&mount).unwrap();
    let (_stream, pid) = connect(&mount).unwrap();
    assert_eq!(pid, std::process::id() as i32);
}

#[test]
fn a_name_that_is_taken_is_passed_over() {
    let me = nix::unistd::geteuid().as_raw();
    let mount = mount(&format!("test2:{}", std::process::id()), me);
    let first = listen(&mount).unwrap();
    let second = listen(&mount).unwrap();
    assert_ne!(
        first.local_addr().unwrap().as_abstract_name().map(<[u8]>::to_vec),
        second.local_addr().unwrap().as_abstract_name().map(<[u8]>::to_vec)
    );
}

#[test]
fn a_server_of_somebody_else_is_not_believed() {
    let me = nix::unistd::geteuid().as_raw();
    let mine = mount(&format!("test3:{}", std::process::id()), me);
    let _server = listen(&mine).unwrap();
    assert!(connect(&Mount { owner: Some(me + 1), ..mine }).is_err());
    assert!(may_ask(0, 1000) && may_ask(1000, 1000) && !may_ask(1001, 1000));
}

#[test]
fn messages_are_json_lines() {
    let line = serde_json::to_string(&Say::Synced(vec![("a\nb".into(), "no".into())])).unwrap();
    assert_eq!(line, r#"{"synced":[["a\nb","no"]]}"#);
    assert_eq!(serde_json::to_string(&Ask::Sync).unwrap(), r#""sync""#);
}
