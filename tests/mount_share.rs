//! Several users and one bucket, on mounts of the embedded server in both of its styles.

mod share;
mod support;

macro_rules! on_both {
    ($($module:ident { $($name:ident)* })*) => {
        mod embedded { $(mod $module { $(
            #[test]
            fn $name() {
                crate::share::$module::$name(&crate::share::World::embedded());
            }
        )* })* }
        mod embedded16 { $(mod $module { $(
            #[test]
            fn $name() {
                crate::share::$module::$name(&crate::share::World::embedded16());
            }
        )* })* }
    };
}

share::each_case!(on_both);

/// A full bucket: df shows it, close says so, the bytes stay, and they are stored when there is room.
#[test]
fn quota() {
    use osirisfs::server::{Limits, Style};
    use share::{ALICE, BOB, World};
    let limits = Limits { quota_bytes: Some(10 << 20), ..Limits::default() };
    for style in [Style::Rgw16, Style::Rgw20] {
        let world = World::with_limits(style, limits.clone());
        let m = world.mount(ALICE, "", &[]);
        let all = rustix::fs::statvfs(m.root()).unwrap();
        assert_eq!(all.f_blocks * all.f_frsize, 10 << 20);
        std::fs::write(m.path("old"), support::noise(8 << 20)).unwrap();
        let late = std::fs::write(m.path("new"), support::noise(6 << 20));
        // std::fs::write does not look at close(2).
        assert!(late.is_ok());
        let said = support::sh(m.root(), "head -c 6000000 /dev/zero > more && sync more").fails();
        assert!(said.contains("Disk quota exceeded"), "{said}");
        assert_eq!(std::fs::metadata(m.path("new")).unwrap().len(), 6 << 20);
        assert!(world.get(BOB, "old").is_err());
        std::fs::remove_file(m.path("more")).unwrap();
        std::fs::remove_file(m.path("old")).unwrap();
        // Tried again by itself.
        support::soon("the file is stored", || world.try_now(world.store(ALICE).head("new")).is_ok());
        let free = || rustix::fs::statvfs(m.root()).map(|all| all.f_bfree * all.f_frsize).unwrap();
        support::soon("df shows it", || free() == 4 << 20);
    }
}
