package memlimit

import (
	"testing"
	"testing/fstest"
)

func TestContainer(t *testing.T) {
	const none = "9223372036854771712" // version 1 without a limit, on pages of 4 KiB
	for _, c := range []struct {
		name  string
		files map[string]string
		want  uint64
	}{
		{"no control groups", nil, 0},
		{"version 2 in a namespace", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, 1 << 30},
		{"version 2 without a limit", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		{"version 2 on the host", map[string]string{"proc/self/cgroup": "0::/kubepods/pod1/c1\n", "sys/fs/cgroup/kubepods/pod1/c1/memory.max": "2097152"}, 2 << 20},
		{"the pod's limit", map[string]string{
			"proc/self/cgroup": "0::/kubepods/pod1/c1\n", "sys/fs/cgroup/kubepods/pod1/memory.max": "1048576\n", "sys/fs/cgroup/kubepods/pod1/c1/memory.max": "max\n",
		}, 1 << 20},
		{"the host's path in a container", map[string]string{"proc/self/cgroup": "0::/kubepods/pod1/c1\n", "sys/fs/cgroup/memory.max": "3145728\n"}, 3 << 20},
		{"a path that leads out", map[string]string{"proc/self/cgroup": "0::/../../c1\n", "sys/fs/cgroup/memory.max": "3145728\n"}, 3 << 20},
		{"memory.high is lower", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "4194304\n", "sys/fs/cgroup/memory.high": "3145728\n"}, 3 << 20},
		{"version 1", map[string]string{"proc/self/cgroup": "9:cpu,cpuacct:/d\n4:memory:/docker/c1\n", "sys/fs/cgroup/memory/docker/c1/memory.limit_in_bytes": "1073741824\n"}, 1 << 30},
		{"version 1 in a container", map[string]string{"proc/self/cgroup": "4:memory:/docker/c1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n"}, 1 << 30},
		{"version 1 with another controller", map[string]string{"proc/self/cgroup": "4:hugetlb,memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "5242880\n"}, 5 << 20},
		{"version 1 without a limit", map[string]string{"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": none + "\n"}, 0},
		{"both, as systemd mounts them", map[string]string{
			"proc/self/cgroup": "4:memory:/c1\n0::/c1\n", "sys/fs/cgroup/memory/c1/memory.limit_in_bytes": "1048576\n",
		}, 1 << 20},
		{"no /proc", map[string]string{"sys/fs/cgroup/memory.max": "1048576\n"}, 1 << 20},
		{"nonsense", map[string]string{"proc/self/cgroup": "0::/\nx\n4:memory\n", "sys/fs/cgroup/memory.max": "-1\n"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, text := range c.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := Container(root); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestMachine(t *testing.T) {
	root := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal:       24689804 kB\nMemFree:        1 kB\n")}}
	if got := Machine(root); got != 24689804<<10 {
		t.Errorf("got %d", got)
	}
	if got := Machine(fstest.MapFS{}); got != 0 {
		t.Errorf("without /proc: got %d", got)
	}
}
