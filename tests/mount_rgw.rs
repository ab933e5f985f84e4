//! Mounts of a real RGW: a choice of what the other mount tests do on the embedded server, so that what they prove there
//! holds on Ceph. Not part of a plain `cargo test` (see `Cargo.toml`): `scripts/test` starts a gateway and calls it, or
//!
//! ```text
//! scripts/rgw up && eval "$(scripts/rgw env)" && cargo test --test mount_rgw
//! ```

mod ceph;
mod interop;
mod ops;
mod programs;
mod share;
mod support;

macro_rules! cases {
    ($($group:ident: { $($module:ident { $($name:ident)* })* })*) => {
        mod rgw { $(mod $group { $(mod $module { $(
            #[test]
            fn $name() {
                crate::$group::$module::$name(&crate::support::Service::rgw());
            }
        )* })* })* }
    };
}

macro_rules! shared {
    ($($module:ident { $($name:ident)* })*) => {
        mod people_of_rgw { $(mod $module { $(
            #[test]
            fn $name() {
                crate::share::$module::$name(&crate::share::World::rgw());
            }
        )* })* }
    };
}

share::each_case!(shared);

/// RGW speaks TLS, the embedded server does not.
#[test]
fn customer_keys() {
    ceph::sse::customer_keys(&share::World::rgw());
}

cases! {
    ops: {
        append {
            a_log_grows other_files_stay_plain attributes_and_appends rotated_logs two_appenders
            replaced_under_an_appender foreign_logs
        }
        attrs { chmod_and_chown_stay attributes_are_stored_soon times_are_exact times_of_a_large_file truncate_both_ways }
        create {
            create_write_read empty_file o_trunc o_append exclusive_between_mounts lock_files_between_mounts
            open_sees_what_was_closed_elsewhere
        }
        data {
            sparse_files preallocate_punch_and_seek fsync_stores blocks_and_space copies_inside_the_mount
            whole_files_are_copied_by_the_service long_files_are_copied_in_parts
        }
        dirs { mkdir_and_rmdir deep_trees readdir_and_stat_agree seek_in_a_directory remove_while_walking }
        kept {
            small_objects_keep_their_headers large_objects_keep_their_headers directory_markers_keep_their_headers
            logs_keep_their_headers a_replaced_file_starts_anew
        }
        mapped { shared_mapping programs_run running_programs_stay }
        names { lengths long_keys not_utf8 odd_characters odd_characters_in_large_files }
        remove { unlink open_files_live_on unlink_while_streaming removed_elsewhere }
        rename {
            rename_a_file replace_a_file noreplace_and_other_clients rename_open_files rename_over_open_files
            rename_while_streaming rename_right_after_chmod
        }
        rename_dir { rename_a_tree what_rename_of_directories_refuses rename_a_tree_in_use }
        special { symbolic_links fifos_sockets_devices }
        write {
            small_file_in_any_order large_file_in_any_order large_file_with_a_late_header many_writers_of_one_file
            a_conflict_is_told_to_the_duplicate
        }
        xattrs { set_get_list_remove limits facts_of_the_service }
    }
    ceph: {
        gc { copies_survive_garbage_collection }
    }
    programs: {
        copy { cp_a rsync_a tar }
        databases { sqlite_rollback_journal hdf5 }
        git { repository }
        save { write_and_replace }
        tools { dd_with_holes sixteen_writers }
    }
    interop: {
        clients {
            what_s3cmd_wrote_shows_here s3cmd_shows_what_is_written_here what_rclone_wrote_shows_here
            rclone_shows_what_is_written_here what_boto3_wrote_shows_here boto3_shows_what_is_written_here
        }
        s3fs { s3fs_shows_what_is_written_here what_s3fs_wrote_shows_here taking_turns_with_s3fs }
    }
}
