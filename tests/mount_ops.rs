//! What POSIX says of files, on a mount of the embedded server; and where S3 plays no part, on a plain folder, so that a
//! test that asks more than a file system owes is found out.

mod ops;
mod support;

macro_rules! on {
    ($place:ident: $($module:ident { $($name:ident)* })*) => {
        mod $place {
            $(mod $module { $(
                #[test]
                fn $name() {
                    crate::ops::$module::$name(&crate::support::Service::$place());
                }
            )* })*
        }
    };
}

on! { embedded:
    append {
        a_log_grows other_files_stay_plain attributes_and_appends rotated_logs two_appenders
        replaced_under_an_appender foreign_logs where_nothing_can_be_appended
    }
    attrs {
        new_things_look_new chmod_and_chown_stay attributes_are_stored_soon chown_clears_set_user_id times_are_exact
        every_time_survives_a_fresh_mount now_and_omit times_of_an_open_file times_of_a_large_file truncate_both_ways
        truncated_bytes_do_not_come_back
    }
    create {
        create_write_read empty_file what_open_refuses o_trunc o_append exclusive_between_mounts
        lock_files_between_mounts read_only_mount open_sees_what_was_closed_elsewhere
    }
    data {
        sparse_files write_beyond_the_end preallocate_punch_and_seek fsync_stores fsync_of_little blocks_and_space
        direct_io copies_inside_the_mount whole_files_are_copied_by_the_service long_files_are_copied_in_parts
        nothing_left_after_an_error
    }
    dirs {
        mkdir_and_rmdir rmdir_with_an_open_file removed_working_directory deep_trees readdir_and_stat_agree
        seek_in_a_directory remove_while_walking rewind_shows_changes group_from_the_directory
    }
    kept {
        small_objects_keep_their_headers large_objects_keep_their_headers directory_markers_keep_their_headers
        logs_keep_their_headers a_replaced_file_starts_anew
    }
    locks { flock record_locks }
    mapped {
        shared_mapping mapping_outlives_its_descriptor private_mapping mappings_and_writes_are_one programs_run
        running_programs_stay
    }
    names { lengths long_keys not_utf8 reserved odd_characters odd_characters_in_large_files }
    remove {
        unlink open_files_live_on unlink_while_streaming temporary_files_leave_nothing removed_elsewhere
    }
    rename {
        rename_a_file what_rename_refuses replace_a_file noreplace noreplace_and_other_clients rename_open_files
        rename_over_open_files rename_while_streaming rename_right_after_chmod rename_links
    }
    rename_dir {
        rename_a_tree what_rename_of_directories_refuses rename_a_tree_in_use rename_there_and_back
    }
    special { symbolic_links fifos_sockets_devices unix_socket hard_links }
    write {
        small_file_in_any_order large_file_in_any_order large_file_with_a_late_header many_writers_of_one_file
        a_conflict_is_told_to_the_duplicate
    }
    xattrs { set_get_list_remove limits other_namespaces facts_of_the_service programs }
}

// What differs most between releases: conditions, copies, uploads.
on! { embedded16:
    append {
        a_log_grows other_files_stay_plain attributes_and_appends rotated_logs two_appenders
        replaced_under_an_appender foreign_logs
    }
    create { exclusive_between_mounts open_sees_what_was_closed_elsewhere }
    data { fsync_stores sparse_files }
    kept {
        small_objects_keep_their_headers large_objects_keep_their_headers directory_markers_keep_their_headers
        logs_keep_their_headers a_replaced_file_starts_anew
    }
    names { odd_characters odd_characters_in_large_files }
    remove { open_files_live_on unlink_while_streaming }
    rename { rename_open_files rename_over_open_files rename_while_streaming rename_right_after_chmod }
    rename_dir { rename_a_tree }
    write { large_file_in_any_order large_file_with_a_late_header }
}

on! { plain:
    attrs {
        new_things_look_new chmod_and_chown_stay chown_clears_set_user_id times_of_an_open_file times_are_exact
        now_and_omit times_of_a_large_file truncate_both_ways truncated_bytes_do_not_come_back
    }
    create { create_write_read empty_file what_open_refuses o_trunc o_append }
    data {
        sparse_files write_beyond_the_end preallocate_punch_and_seek direct_io
    }
    dirs {
        mkdir_and_rmdir rmdir_with_an_open_file removed_working_directory deep_trees readdir_and_stat_agree
        seek_in_a_directory remove_while_walking rewind_shows_changes group_from_the_directory
    }
    locks { flock record_locks }
    mapped {
        shared_mapping mapping_outlives_its_descriptor private_mapping mappings_and_writes_are_one programs_run
        running_programs_stay
    }
    names { lengths odd_characters odd_characters_in_large_files }
    remove { unlink open_files_live_on unlink_while_streaming }
    rename {
        rename_a_file what_rename_refuses replace_a_file noreplace rename_open_files rename_over_open_files
        rename_while_streaming rename_right_after_chmod rename_links
    }
    rename_dir {
        rename_a_tree what_rename_of_directories_refuses rename_a_tree_in_use rename_there_and_back
    }
    special { symbolic_links fifos_sockets_devices unix_socket }
    write {
        small_file_in_any_order large_file_in_any_order large_file_with_a_late_header many_writers_of_one_file
    }
    xattrs { set_get_list_remove programs }
}
