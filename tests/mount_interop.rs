//! Other clients of the same bucket, on the embedded server. Needs what `scripts/test` installs.

mod interop;
mod programs;
mod support;

macro_rules! cases {
    ($($module:ident { $($name:ident)* })*) => {
        $(mod $module { $(
            #[test]
            fn $name() {
                crate::interop::$module::$name(&crate::support::Service::embedded());
            }
        )* })*
    };
}

cases! {
    clients {
        what_s3cmd_wrote_shows_here s3cmd_shows_what_is_written_here
        what_rclone_wrote_shows_here rclone_shows_what_is_written_here
        what_boto3_wrote_shows_here boto3_shows_what_is_written_here
    }
    s3fs { s3fs_shows_what_is_written_here what_s3fs_wrote_shows_here taking_turns_with_s3fs }
}
