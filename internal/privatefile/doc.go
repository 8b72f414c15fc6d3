// Package privatefile writes and reads the files that hold secrets: the database, keys,
// kubeconfigs, backups, exports.
//
// # Writing
//
//	Write(path, content)        replaces a small file
//	Create(path, content)       writes a small file where there is none
//	New(path), Link or Replace  a file that is written piece by piece
//	MakeFolder(path)            a folder for its owner only
//
// A file that is being written has mode 0600 from its first byte, whatever the umask. It
// has no name until it is complete, so nothing remains of a process that is killed:
// O_TMPFILE on Linux. Where the system or the file system lacks that, and for the moment
// between the two steps of a replacement, it has a temporary name, which its process
// holds locked; the next New for the same path removes those that nobody holds.
//
// # Reading
//
//	Open(path, flag)            opens a file that only we or root may have written
//	CheckFolder(path)           reports whether others could plant files in a folder
//	CheckGiven(path)            the same for a file that the user names, such as a TLS key
//	CheckSocket(path)           the same for a unix socket to connect to
//
// What another user owns or may write is refused with an *UntrustedError, which names the
// command that mends it. A file of ours that others may read is tightened, with a line in
// the log.
//
// The rules, where "others" leaves out root, and "we" is also the user who called root's
// process through sudo:
//
//  1. A file belongs to us or to root, is a regular file without another hard link, no
//     symbolic link, and nobody else may write it.
//  2. The folder of a file belongs to us or to root. Nobody else may write it, except where
//     the sticky bit keeps others from renaming our files (/tmp), and except in a pod where
//     the folder is root's: there the volume's provisioner decides.
//  3. On the way there from the root folder, no folder is writable by others without the
//     sticky bit, and no symbolic link is another user's.
//  4. A group that may write is trusted in three cases: it is root's; it is our private
//     one (its number is our user's and our process runs in it); or root gave it the
//     folder, as Kubernetes does for a volume with fsGroup (files of that group in that
//     folder included).
//
// The package may import golang.org/x/sys.
package privatefile
