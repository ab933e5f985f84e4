use super::*;

#[test]
fn sizes_are_binary() {
    assert_eq!(size("512M"), Ok(512 << 20));
    assert_eq!(size("2GiB"), Ok(2 << 30));
    assert_eq!(size("1048576"), Ok(1 << 20));
    assert!(size("many").is_err());
    assert!(size("-1").is_err());
}

#[test]
fn durations_are_seconds_or_have_a_unit() {
    assert_eq!(duration("2.5"), Ok(Duration::from_millis(2500)));
    assert_eq!(duration("0"), Ok(Duration::ZERO));
    assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
    assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
    for wrong in ["-1", "nan", "inf", "soon", ""] {
        assert!(duration(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn modes_are_octal() {
    assert_eq!(mode("0640"), Ok(0o640));
    assert_eq!(mode("2770"), Ok(0o2770));
    assert_eq!(mode("0o755"), Ok(0o755));
    for wrong in ["0888", "17777", "rw-r--r--", "", "+644"] {
        assert!(mode(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sources() {
    let good = |text| source(text).map(|(b, p)| format!("{b}|{p}")).unwrap_or_else(|e| e.message);
    assert_eq!(good("cou-data"), "cou-data|");
    assert_eq!(good("cou-data/"), "cou-data|");
    assert_eq!(good("s3://cou-data/run 7/out/"), "cou-data|run 7/out/");
    assert_eq!(good("tenant:Data_1/x"), "tenant:Data_1|x/");
    for wrong in ["", "/x", "a b", "b/../c", "b/x//y", "b/./c", "https://rgw.example.org/b"] {
        assert!(source(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn endpoints() {
    assert_eq!(endpoint("rgw.example.org").unwrap(), "https://rgw.example.org");
    assert_eq!(endpoint("http://127.0.0.1:8000/").unwrap(), "http://127.0.0.1:8000");
    assert_eq!(endpoint("https://[::1]:7480").unwrap(), "https://[::1]:7480");
    for wrong in ["", "ftp://x", "https://", "https://h/bucket", "https://h/?a=b", "not a host"] {
        assert!(endpoint(wrong).is_err(), "{wrong}");
    }
    let error = endpoint("https://alice:secret-word@h").unwrap_err();
    assert!(!error.to_string().contains("secret-word"), "{error}");
}

#[test]
fn plain_http_is_readable_except_on_this_machine() {
    assert!(readable_on_the_way("http://rgw.example.org"));
    assert!(!readable_on_the_way("https://rgw.example.org"));
    assert!(!readable_on_the_way("http://127.0.0.1:8000"));
    assert!(!readable_on_the_way("http://[::1]:8000"));
    assert!(!readable_on_the_way("http://localhost:8000"));
}

#[test]
fn addresses_of_a_name() {
    let (host, addresses) = resolve("rgw.example.org:192.0.2.1,[2001:db8::1],2001:db8::2").unwrap();
    assert_eq!(host, "rgw.example.org");
    let expected = ["192.0.2.1", "2001:db8::1", "2001:db8::2"].map(|text| text.parse::<IpAddr>().unwrap());
    assert_eq!(addresses, expected);
    for wrong in ["", "rgw.example.org", ":127.0.0.1", "a:b", "a:127.0.0.1,", "a:127.0.0.1:80"] {
        assert!(resolve(wrong).is_err(), "{wrong}");
    }
}
