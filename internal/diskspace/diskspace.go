package diskspace

import (
	"math"
	"path/filepath"
	"syscall"
)

// Of returns how many bytes the file system of a file has and how many of them are free for this
// process, -1 where that cannot be found out. The file need not exist, its folder must.
func Of(file string) (total, free int64) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(file), &st); err != nil {
		return -1, -1
	}
	blocks := func(n uint64) int64 {
		if bytes := float64(n) * float64(st.Bsize); bytes < math.MaxInt64/2 {
			return int64(bytes)
		}
		return math.MaxInt64 / 2
	}
	return blocks(st.Blocks), blocks(st.Bavail)
}
