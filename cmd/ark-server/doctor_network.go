package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ports looks whether the server can listen where it is to.
func (e *examination) ports() {
	before := len(e.items)
	address := net.JoinHostPort(e.bindAddress, strconv.Itoa(e.securePort))
	if e.running {
		e.ok("ports", "the server listens at %s", e.url)
		return
	}
	try := func(flag, address string) {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			err = listener.Close()
		}
		if err == nil {
			return
		}
		if flag == "secure-port" {
			if errors.Is(err, syscall.EADDRNOTAVAIL) {
				e.bad("ports", "name an address of this machine", "%v", e.withAddressFix(err))
				return
			}
			err = e.withAddressFix(err)
		}
		e.bad("ports", "stop what listens there, or choose another address with --"+flag, "%v", err)
	}
	try("secure-port", address)
	if e.peerListen != "" {
		try("peer-listen", e.peerListen)
	}
	if tcp, ok := strings.CutPrefix(e.etcdListen, "tcp://"); ok {
		try("etcd-listen", tcp)
	}
	if len(e.items) == before {
		e.ok("ports", "the server can listen on %s", address)
	}
}

// openFiles checks the limit of the server's process. If no server runs, it checks the limit of
// this process, which a server would inherit from the same parent.
func (e *examination) openFiles() {
	limit, of := openFiles(), "this process"
	if e.report != nil {
		if n := openFilesOf("/proc", e.report.Build.PID); n > 0 {
			limit, of = n, "the server"
		}
	}
	want := e.maxConnections
	if want == 0 {
		want = newOptions().maxConnections
	}
	switch {
	case limit == 0:
		e.ok("open files", "the limit is not known on this system")
	case limit < want+spareFiles:
		e.bad("open files", fmt.Sprintf("raise it to %d (ulimit -n, LimitNOFILE of the unit), or lower --max-connections", want+spareFiles),
			"%s may open %d files, and --max-connections=%d takes more", of, limit, e.maxConnections)
	default:
		e.ok("open files", "%s may open %d", of, limit)
	}
}

// openFilesOf reads the limit of another process where the system has it in files, else it returns
// 0.
func openFilesOf(proc string, pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("%s/%d/limits", proc, pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				n, _ := strconv.Atoi(fields[0]) // "unlimited" is not known to be one
				return n
			}
		}
	}
	return 0
}
