use super::*;

fn settings() -> Settings {
    Settings::sample("cou-data/a,b", Path::new("/mnt/x"))
}

#[test]
fn what_the_kernel_is_told() {
    let mut settings = settings();
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let plain = format!("fd=7,rootmode=40000,user_id={uid},group_id={gid},default_permissions");
    assert_eq!(kernel_data(&settings, 7), plain);
    settings.allow_other = true;
    assert_eq!(kernel_data(&settings, 7), format!("{plain},allow_other"));
    assert_eq!(kernel_flags(settings.flags, false), MsFlags::MS_NOSUID | MsFlags::MS_NODEV);
    let flags = MountFlags { noatime: true, nosuid: false, ..settings.flags };
    assert_eq!(kernel_flags(flags, true), MsFlags::MS_NODEV | MsFlags::MS_NOATIME | MsFlags::MS_RDONLY);
}

#[test]
fn what_fusermount3_is_told() {
    let mut settings = settings();
    let plain = r"fsname=cou-data/a\,b,subtype=osirisfs,default_permissions";
    assert_eq!(helper_options(&settings), plain);
    settings.read_only = true;
    settings.flags.noexec = true;
    assert_eq!(helper_options(&settings), format!("{plain},ro,noexec"));
}

#[test]
fn refusals_of_the_kernel() {
    assert!(matches!(refused(Errno::ENODEV, Path::new("/m")), MountError::NoFuse));
    assert!(matches!(refused(Errno::ENOENT, Path::new("/m")), MountError::Missing(_)));
    assert!(matches!(refused(Errno::EPERM, Path::new("/m")), MountError::Refused(_)));
}
