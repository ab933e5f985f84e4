//! Ordinary programs on a mount of the embedded server. Needs what `scripts/test` installs.

mod programs;
mod support;

macro_rules! cases {
    ($($module:ident { $($name:ident)* })*) => {
        $(mod $module { $(
            #[test]
            fn $name() {
                crate::programs::$module::$name(&crate::support::Service::embedded());
            }
        )* })*
    };
}

cases! {
    copy { cp_a rsync_a tar mv }
    databases { sqlite_rollback_journal sqlite_many_processes sqlite_write_ahead_log hdf5 zip }
    git { repository clone_into_the_mount }
    save { write_and_replace editor_with_backup shared_output tail_f }
    tools { dd_with_holes sixteen_writers find_du_df_stat many_readers }
}
