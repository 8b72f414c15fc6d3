package privatefile

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// ownerOf returns the user and the group of a file.
func ownerOf(info fs.FileInfo) (uid, gid int) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(st.Uid), int(st.Gid)
}

// names is how many hard links a file has.
func names(info fs.FileInfo) uint64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 1
	}
	return uint64(st.Nlink)
}

// trustedUser reports whether a user is us, root or, where we are root, the one who called
// us through sudo.
func trustedUser(uid int) bool {
	return uid == os.Geteuid() || uid == 0 || os.Geteuid() == 0 && os.Getenv("SUDO_UID") == strconv.Itoa(uid)
}

// trustedGroup reports whether what a group may write is written by us or root only, as
// far as that can be known without the list of its members.
func trustedGroup(gid int) bool {
	return gid == 0 || gid == os.Getegid() && gid == os.Geteuid()
}

// unmapped reports whether a user is one of those outside our user namespace, who all
// look the same. In a container without root they own the folders around it.
func unmapped(uid int) bool {
	overflow, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil || strings.TrimSpace(string(overflow)) != strconv.Itoa(uid) {
		return false
	}
	mapped, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(mapped)), " ") != "0 0 4294967295"
}

// userName describes a user in messages.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("%s (uid %d)", u.Username, uid)
	}
	return fmt.Sprintf("uid %d", uid)
}

// Quote writes a path so that a shell takes it as one word.
func Quote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@%=:,", r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 && path[0] != '-' {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
