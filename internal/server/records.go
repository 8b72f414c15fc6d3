package server

import "github.com/mckinsey/ark-server/internal/records"

// records returns the group of what is recorded about Ark objects, which is there without a history, too.
func (s *data) records(o Options) (*records.Group, error) {
	why := "this server keeps no history: start it with --history=on"
	if o.Storage.Kind == Etcd {
		why = "this server keeps no history, because its storage is an external etcd: use --storage=sqlite, postgresql or mysql, with --history=on"
	}
	return records.New(s.history, why)
}
