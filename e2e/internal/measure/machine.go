package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Machine returns one line that describes the machine. dir is on the file system that the systems
// write to.
func Machine(dir string) (string, error) {
	sync, err := SyncLatency(dir, 300)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("machine: %d cores, %s/%s, %s; append of 4 KiB + fdatasync: p50 %s ms, p99 %s ms (%d times)",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), Millis(sync.P50), Millis(sync.P99), sync.Count), nil
}

// SyncLatency times n appends of 4 KiB to a file in dir, each followed by fdatasync: the lower
// bound for a durable write.
func SyncLatency(dir string, n int) (Sample, error) {
	f, err := os.Create(filepath.Join(dir, "sync-latency"))
	if err != nil {
		return Sample{}, fmt.Errorf("measure sync latency: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4<<10)
	took := make([]time.Duration, 0, n)
	for range n {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return Sample{}, fmt.Errorf("measure sync latency: %w", err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return Sample{}, fmt.Errorf("measure sync latency: %w", err)
		}
		took = append(took, time.Since(began))
	}
	return Sample{Count: n, P50: Percentile(took, 50), P99: Percentile(took, 99)}, nil
}
