use super::*;

fn service(kind: ErrorKind) -> MountError {
    MountError::Service {
        error: Box::new(StoreError::local(kind, "HeadBucket", "their words")),
        endpoint: "https://rgw.example.org".to_owned(),
        bucket: "cou-data".to_owned(),
        credentials_from: "token file /home/alice_um/token".to_owned(),
    }
}

#[test]
fn each_error_of_the_service_is_one_line_that_names_where_and_what_to_do() {
    for kind in [
        ErrorKind::NoSuchBucket,
        ErrorKind::Denied,
        ErrorKind::BadCredentials,
        ErrorKind::ClockSkew,
        ErrorKind::Timeout,
        ErrorKind::Unreachable,
        ErrorKind::Dns,
        ErrorKind::Tls,
        ErrorKind::Server,
    ] {
        let text = service(kind).to_string();
        assert!(text.contains("https://rgw.example.org") && !text.contains('\n'), "{kind:?}: {text}");
        assert!(!service(kind).remedy().is_empty());
    }
    assert!(service(ErrorKind::NoSuchBucket).to_string().contains("cou-data"));
    assert!(service(ErrorKind::BadCredentials).to_string().contains("/home/alice_um/token"));
    assert!(service(ErrorKind::Tls).to_string().contains("--ca-file"));
}

#[test]
fn files_that_were_not_stored_are_all_named() {
    let files = vec![("a/b".to_owned(), "no answer".to_owned()), ("c".to_owned(), "quota".to_owned())];
    let text = MountError::NotStored(files).message();
    assert_eq!(text, "could not be stored: a/b (no answer), c (quota)");
}
