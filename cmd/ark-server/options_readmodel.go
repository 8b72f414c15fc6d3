package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

const (
	readModelOn  = "on"
	readModelOff = "off"
	minReadModel = 1 << 20
)

// readModelOptions select whether the server maintains a copy of the objects for SQL, and where.
type readModelOptions struct {
	state, path string
	most        byteSize
	pgListen    string
}

func (o *readModelOptions) add(fs *pflag.FlagSet) {
	fs.StringVar(&o.state, "read-model", o.state, "`on|off`: keep a copy of the objects as tables in a local file, for SQL; needs --read-model-path or --data-dir where the database is a server's; not with --storage=etcd")
	fs.StringVar(&o.path, "read-model-path", "", "`file` of that copy, made if missing; it is built again when it is lost (default the SQLite database's name with .read added, or read.db in --data-dir)")
	fs.StringVar(&o.pgListen, "pg-listen", "", "also serve that copy by PostgreSQL's protocol at this `host:port`, such as 127.0.0.1:5433, for BI tools: the password is a token, the database a namespace or all; beyond loopback only over TLS")
	fs.Var(&o.most, "read-model-max-size", "how large that file may be, as `bytes` such as 10Gi; a copy that would be larger stays behind (default no bound)")
}

// validateReadModel returns every fault of the read model flags.
func (o *options) validateReadModel() error {
	switch m := o.readModel; {
	case m.state != readModelOn && m.state != readModelOff:
		return fmt.Errorf("--read-model=%s: use on or off", m.state)
	case m.path != "" && m.state == readModelOff:
		return errors.New("--read-model-path is without effect with --read-model=off: leave one of them out")
	case m.pgListen != "" && o.readModelPath() == "":
		return errors.New("--pg-listen: there is no read model to serve: add --read-model-path, or leave out --read-model=off and --storage=etcd")
	case m.pgListen != "" && !isHostPort(m.pgListen):
		return fmt.Errorf("--pg-listen=%s: use host:port, such as 127.0.0.1:5433", m.pgListen)
	case m.most != 0 && m.most < minReadModel:
		return fmt.Errorf("--read-model-max-size=%s: use 1Mi or more", &m.most)
	case m.path != "" && o.storage == storageEtcd:
		return errors.New("--read-model-path: there is no read model with --storage=etcd: leave it out")
	}
	return nil
}

// readModelPath returns the file of the read model, or "" if there is none.
func (o *options) readModelPath() string {
	switch {
	case o.readModel.state == readModelOff || o.storage == storageEtcd:
		return ""
	case o.readModel.path != "":
		return o.readModel.path
	case o.storage == storageSQLite:
		return strings.TrimSuffix(o.dbPath, ".db") + ".read.db"
	case o.dataDir != "" && o.mode == modeStandalone:
		return filepath.Join(o.dataDir, "read.db")
	}
	return ""
}

func isHostPort(address string) bool {
	_, _, err := net.SplitHostPort(address)
	return err == nil
}
