//! Whom Postgres runs as, and which directories that user can enter.
//!
//! Postgres refuses to run as root. There it runs as `nobody` (or as whoever owns the data already), and neither the
//! binaries nor the data may lie beneath a directory that is closed to that user, as `/root` is.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Gid, Uid, User};

use crate::error::{Error, While};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever runs the program.
    Own,
    /// Another user, because the program runs as root.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// For a data directory that exists, its owner; else `nobody`.
    pub(crate) fn for_postgres(data: &Path) -> Result<Self, Error> {
        let own = Uid::effective();
        let owner = std::fs::metadata(data).ok().map(|metadata| (metadata.uid(), metadata.gid()));
        if !own.is_root() {
            return match owner {
                Some((owner, _)) if owner != own.as_raw() => Err(Error::WrongOwner { dir: data.to_path_buf(), owner }),
                _ => Ok(Self::Own),
            };
        }
        if let Some((uid, gid)) = owner.filter(|(uid, _)| *uid != 0) {
            return Ok(Self::Other { uid, gid });
        }
        let nobody = User::from_name("nobody").ok().flatten();
        let nobody = nobody.ok_or(Error::NoUnprivilegedUser)?;
        Ok(Self::Other { uid: nobody.uid.as_raw(), gid: nobody.gid.as_raw() })
    }

    /// Asks the kernel rather than the mode bits: access lists and mounts have a say too.
    pub(crate) fn can_enter(self, dir: &Path) -> bool {
        let Self::Other { uid, gid } = self else {
            return std::fs::read_dir(dir).is_ok();
        };
        let mut test = Command::new("/bin/sh");
        test.args(["-c", r#"cd "$1""#, "sh"]).arg(dir).current_dir("/");
        test.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        test.uid(uid).gid(gid);
        test.status().is_ok_and(|status| status.success())
    }

    pub(crate) fn give(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => nix::unistd::chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .map_err(std::io::Error::from)
                .while_doing("give to Postgres' user", path),
        }
    }

    pub(crate) fn apply(self, command: &mut tokio::process::Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }
}

/// `/var/tmp/capsule-ledger-UID`: everyone may enter it, only we may write to it.
pub(crate) fn shared_place() -> Result<PathBuf, Error> {
    let own = Uid::effective().as_raw();
    let place = PathBuf::from(format!("/var/tmp/capsule-ledger-{own}"));
    match std::fs::DirBuilder::new().mode(0o755).create(&place) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        made => made.while_doing("make", &place)?,
    }
    // Anyone may make names in /var/tmp: what lies there must be ours and nobody else's to write to.
    let metadata = std::fs::symlink_metadata(&place).while_doing("look at", &place)?;
    if !metadata.is_dir() || metadata.uid() != own || metadata.mode() & 0o022 != 0 {
        return Err(Error::NoSharedPlace { tried: format!("{} is not ours alone", place.display()) });
    }
    open_to_all(&place)?; // whatever the umask took away
    Ok(place)
}

pub(crate) fn open_to_all(dir: &Path) -> Result<(), Error> {
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).while_doing("open to all", dir)
}
