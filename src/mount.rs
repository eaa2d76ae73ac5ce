//! What kind of file system a file lies on.
//!
//! Locks, renames and change events mean less on a network than on a disk, so
//! whoever relies on them asks here first. It knows numbers and names, and
//! nothing of what is done about them.

use std::io;
use std::os::fd::AsFd;

/// Network file systems by magic number. On these a rename may be late or lost
/// on other hosts, and a lock may lock nothing.
pub const NETWORK_FS: &[(u64, &str)] = &[
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "ceph"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x7375_7245, "coda"),
    (0x0bd0_0bd0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
    (0x564c, "ncp"),
];

/// The name of the network file system that an open file or directory is on;
/// `None` for a local one.
///
/// # Errors
///
/// What `fstatfs` says.
pub fn network_kind(fd: impl AsFd) -> io::Result<Option<&'static str>> {
    // The field's type and sign differ between platforms; the magic has 32 bits.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "only the bits count")]
    let magic = rustix::fs::fstatfs(fd)?.f_type as u64 & 0xffff_ffff;
    Ok(NETWORK_FS.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_directory_is_on_no_network() {
        let dir = tempfile::tempdir().unwrap();
        let open = std::fs::File::open(dir.path()).unwrap();
        assert_eq!(network_kind(&open).unwrap(), None);
    }

    #[test]
    fn a_pseudo_file_system_is_on_no_network() {
        let proc = std::fs::File::open("/proc").unwrap();
        assert_eq!(network_kind(&proc).unwrap(), None);
    }
}
