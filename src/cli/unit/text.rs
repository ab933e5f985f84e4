//! The texts of unit files (systemd.mount(5), systemd.automount(5), systemd.service(5)).

/// A file.
pub struct Unit {
    /// `mnt-data.mount`
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What the units are about.
pub struct Mount<'a> {
    pub source: &'a str,
    pub mountpoint: &'a str,
    pub options: &'a str,
}

/// A service that was killed with uploads under way has lost them, so it gets time.
const STOP: &str = "15min";

impl Mount<'_> {
    /// A `.mount` unit. systemd runs mount(8), which runs our helper; at the end umount(8), whose helper waits until
    /// everything is stored.
    pub fn mount(&self, by_automount: bool) -> Unit {
        let netdev = if self.options.split(',').any(|option| option == "_netdev") { "" } else { "_netdev" };
        let options: Vec<&str> = [netdev, self.options].into_iter().filter(|list| !list.is_empty()).collect();
        let install = if by_automount { "" } else { "\n[Install]\nWantedBy=remote-fs.target\n" };
        let text = format!(
            "[Unit]\n{}\
             Wants=network-online.target\n\
             After=network-online.target nss-lookup.target\n\n\
             [Mount]\nWhat={}\nWhere={}\nType=osirisfs\nOptions={}\nTimeoutSec={STOP}\n{install}",
            self.head(),
            percent(self.source),
            percent(self.mountpoint),
            percent(&options.join(",")),
        );
        Unit { name: format!("{}.mount", escaped(self.mountpoint)), text }
    }

    /// An `.automount` unit.
    pub fn automount(&self, idle: u32) -> Unit {
        let idle = if idle > 0 { format!("TimeoutIdleSec={idle}\n") } else { String::new() };
        let text = format!(
            "[Unit]\n{}\n[Automount]\nWhere={}\n{idle}\n[Install]\nWantedBy=remote-fs.target\n",
            self.head(),
            percent(self.mountpoint)
        );
        Unit { name: format!("{}.automount", escaped(self.mountpoint)), text }
    }

    /// A service: the daemon in the foreground, that says itself when it is ready.
    pub fn service(&self, program: &str, of_user: bool) -> Unit {
        let options = if self.options.is_empty() { String::new() } else { format!(" -o {}", word(self.options)) };
        let program = word(program);
        let (order, hardening, wanted) = if of_user {
            ("", "", "default.target")
        } else {
            (
                "Wants=network-online.target\nAfter=network-online.target nss-lookup.target\n",
                "NoNewPrivileges=yes\nRestrictSUIDSGID=yes\n",
                "multi-user.target",
            )
        };
        let text = format!(
            "[Unit]\n{}{order}StartLimitIntervalSec=0\n\n\
             [Service]\n\
             Type=notify\n\
             ExecStart={program} mount --foreground{options} {} {}\n\
             ExecReload=/bin/kill -USR1 $MAINPID\n\
             Restart=on-failure\n\
             RestartSec=10\n\
             WatchdogSec=2min\n\
             TimeoutStartSec=2min\n\
             TimeoutStopSec={STOP}\n\
             KillMode=mixed\n\
             UMask=0077\n{hardening}\n\
             [Install]\nWantedBy={wanted}\n",
            self.head(),
            word(self.source),
            word(self.mountpoint),
        );
        Unit { name: format!("osirisfs-{}.service", escaped(self.mountpoint)), text }
    }

    fn head(&self) -> String {
        format!(
            "Description=Bucket {} on {}\nDocumentation=man:osirisfs(1)\n",
            percent(self.source),
            percent(self.mountpoint)
        )
    }
}

/// A path as the name of a unit, as systemd-escape --path makes it.
pub fn escaped(path: &str) -> String {
    let path = path.trim_matches('/');
    let mut out = String::new();
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'/' => out.push('-'),
            b'.' if at == 0 => out.push_str("\\x2e"),
            b':' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => out.push(byte as char),
            other => out.push_str(&format!("\\x{other:02x}")),
        }
    }
    out
}

/// `%` begins a specifier.
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// A word of a command line (systemd.service(5), "Command lines").
fn word(text: &str) -> String {
    let text = percent(text).replace('$', "$$");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:=,$".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_systemd_escape_makes_them() {
        for (path, name) in [
            ("/mnt/data", "mnt-data"),
            ("/mnt/um-data", r"mnt-um\x2ddata"),
            ("/.hidden/x.y", r"\x2ehidden-x.y"),
            ("/a b/ü", r"a\x20b-\xc3\xbc"),
        ] {
            assert_eq!(escaped(path), name);
        }
    }

    #[test]
    fn values_mean_what_they_say() {
        let mount = Mount { source: "um-data/50%", mountpoint: "/mnt/my data", options: "ro,log_file=/a $b" };
        let unit = mount.mount(false);
        assert_eq!(unit.name, r"mnt-my\x20data.mount");
        for line in [
            "What=um-data/50%%",
            "Where=/mnt/my data",
            "Options=_netdev,ro,log_file=/a $b",
            "WantedBy=remote-fs.target",
        ] {
            assert!(unit.text.lines().any(|l| l == line), "{line}: {}", unit.text);
        }
        let service = mount.service("/usr/bin/osirisfs", false);
        let line =
            r#"ExecStart=/usr/bin/osirisfs mount --foreground -o "ro,log_file=/a $$b" um-data/50%% "/mnt/my data""#;
        assert!(service.text.lines().any(|l| l == line), "{}", service.text);
        assert!(!mount.mount(true).text.contains("[Install]"), "an automount starts its mount");
        assert!(
            !mount.service("/usr/bin/osirisfs", true).text.contains("NoNewPrivileges"),
            "fusermount3 is set-user-id"
        );
    }
}
