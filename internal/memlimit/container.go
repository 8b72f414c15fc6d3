package memlimit

import (
	"bytes"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// Where control groups are mounted, by convention of every container runtime, without the leading
// slash.
const (
	mountV2 = "sys/fs/cgroup"
	mountV1 = "sys/fs/cgroup/memory"
)

// Container returns the least limit on memory, in bytes, of the control groups that the process is
// in; 0 where there is none. root is the file system's root (os.DirFS("/")).
//
// A group is limited by those that it is in, so all up to the mount count. A process in a namespace
// of its own sees the group of its container as the mount; a path that leads elsewhere does no
// harm.
func Container(root fs.FS) uint64 {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		groups = []byte("0::/\n0:memory:/\n") // not Linux, or no /proc: what is mounted, if anything
	}
	limit := uint64(math.MaxUint64)
	for line := range bytes.Lines(groups) {
		id, rest, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		controllers, group, found := strings.Cut(rest, ":")
		switch {
		case !found:
		case id == "0" && controllers == "":
			// memory.high slows a group down until it has got below, which is no place to be in.
			limit = min(limit, least(root, mountV2, group, "memory.max"), least(root, mountV2, group, "memory.high"))
		case strings.Contains(","+controllers+",", ",memory,"):
			limit = min(limit, least(root, mountV1, group, "memory.limit_in_bytes"))
		}
	}
	if limit == math.MaxUint64 {
		return 0
	}
	return limit
}

// least returns the least limit in files of that name in a group and those above it.
func least(root fs.FS, mount, group, name string) uint64 {
	limit := uint64(math.MaxUint64)
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		if text, err := fs.ReadFile(root, path.Join(mount, group, name)); err == nil {
			limit = min(limit, parse(text))
		}
		if group == "/" {
			return limit
		}
	}
}

// unlimited is what version 1 says in place of "no limit", or less: the greatest multiple of a
// page.
const unlimited = math.MaxInt64 &^ (1<<20 - 1)

func parse(text []byte) uint64 {
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil || n == 0 || n >= unlimited {
		return math.MaxUint64 // "max"
	}
	return n
}

// Machine returns how many bytes of memory the machine has, 0 where that cannot be told.
func Machine(root fs.FS) uint64 {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "MemTotal:" {
			if kib, err := strconv.ParseUint(string(fields[1]), 10, 54); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
