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
