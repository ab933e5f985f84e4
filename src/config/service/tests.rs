use super::*;
use crate::config::Reach;

fn service(way: Way, profile: &Profile, vars: &[(&str, &str)]) -> Service {
    let reach = Reach { way, ..Reach::default() };
    reach.service(profile, &Origins::default(), &Env::made_up(vars, Path::new("/")), &Sites::default()).unwrap()
}

#[test]
fn what_says_where_to_go() {
    let profile = Profile { endpoint: Some("https://p.example.org".into()), ..Profile::default() };
    let vars = [("AWS_ENDPOINT_URL", "https://v.example.org")];
    let way = |endpoint: Option<&str>, site: Option<&str>| Way {
        endpoint: endpoint.map(str::to_owned),
        site: site.map(str::to_owned),
        ..Way::default()
    };
    let all = "https://rgw.osris.org";
    for (given, profile, vars, expected, others) in [
        (way(Some("o.example.org"), None), &profile, &vars[..], "https://o.example.org", 0),
        (way(None, Some("um")), &profile, &vars[..], "https://rgw-um.osris.org", 0),
        (way(None, Some("um,msu")), &profile, &[], "https://rgw-um.osris.org", 1),
        (way(None, None), &profile, &vars[..], "https://v.example.org", 0),
        (way(None, None), &profile, &[], "https://p.example.org", 0),
        (way(None, Some("auto")), &profile, &vars[..], all, 4),
        (way(None, None), &Profile::default(), &[], all, 4),
        (way(None, Some("all")), &Profile::default(), &[], all, 0),
    ] {
        let found = service(given, profile, vars);
        assert_eq!((found.endpoint.as_str(), found.network.others.len()), (expected, others));
    }
}

#[test]
fn a_profile_keeps_what_finds_the_service_again() {
    for (endpoint, site) in [(Some("http://127.0.0.1:8000"), None), (None, Some("um,wsu")), (None, None)] {
        let way = Way { endpoint: endpoint.map(str::to_owned), site: site.map(str::to_owned), ..Way::default() };
        let first = service(way, &Profile::default(), &[]);
        let kept = first.to_keep();
        assert_eq!((kept.endpoint.as_deref(), kept.site.as_deref()), (endpoint, site));
        let again = service(Way::default(), &kept, &[]);
        assert_eq!((&again.endpoint, &again.network), (&first.endpoint, &first.network));
    }
}

#[test]
fn proxies_of_the_environment() {
    let vars = [("HTTPS_PROXY", "http://proxy:3128"), ("https_proxy", "http://low:3128"), ("NO_PROXY", "localhost")];
    let found = service(Way::default(), &Profile::default(), &vars).network.proxies;
    let expected = Proxies { http: None, https: Some("http://low:3128".into()), none_for: Some("localhost".into()) };
    assert_eq!(found, expected);
    let found = service(Way::default(), &Profile::default(), &[("ALL_PROXY", "http://any:1")]).network.proxies;
    assert_eq!(found.http.as_deref(), Some("http://any:1"));
}

#[test]
fn a_profile_that_was_named_goes_before_files_and_any_other_after() {
    let home = tempfile::tempdir().unwrap();
    let env = Env::made_up(&[], home.path());
    let profile = Profile { endpoint: Some("https://p.example.org".to_owned()), ..Profile::default() };
    let of_file = |name: &str| {
        let origin = Origin::File { path: "/etc/osirisfs.conf".into(), section: String::new(), line: 1 };
        (name.to_owned(), origin)
    };
    let way = Way { endpoint: Some("https://f.example.org".into()), ..Way::default() };
    let reach = Reach { way, profile: Some("um".into()), ..Reach::default() };
    let mut origins = Origins([of_file("endpoint"), ("profile".to_owned(), Origin::CommandLine)].into());
    let found = |origins: &Origins| reach.service(&profile, origins, &env, &Sites::default()).unwrap();
    assert_eq!(found(&origins).endpoint, "https://p.example.org");
    origins.0.extend([of_file("profile")]);
    let by_file = found(&origins);
    assert_eq!((by_file.endpoint.as_str(), &by_file.origins[0]), ("https://f.example.org", &of_file("").1));
    origins.0.insert("endpoint".to_owned(), Origin::DashO);
    assert_eq!(found(&origins).origins[0], Origin::DashO);
}

#[test]
fn a_token_of_login_is_for_the_service_that_took_it() {
    let kept = Profile { endpoint: Some("https://p.example.org".into()), kept: true, ..Profile::default() };
    let vars = [("AWS_ENDPOINT_URL", "https://v.example.org")];
    assert_eq!(service(Way::default(), &kept, &vars).endpoint, "https://p.example.org");
    let said = Way { site: Some("um".into()), ..Way::default() };
    assert_eq!(service(said, &kept, &vars).endpoint, "https://rgw-um.osris.org");
}
