package aggregated

import (
	"fmt"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/direct"
)

// newDirect has the server pass to the kube-apiserver what is not its own; nil where Direct is not
// set.
func (o Options) newDirect(config *assembly.Config) (*direct.Handler, error) {
	if !o.Direct {
		return nil, nil
	}
	handler, err := direct.New(direct.Options{Cluster: o.Cluster, Groups: []string{ark.GroupName, records.GroupName}, Errors: config.Generic.Serializer})
	if err != nil {
		return nil, fmt.Errorf("set up the direct endpoint: %w", err)
	}
	config.Outer = handler.Around
	return handler, nil
}

// newOutage keeps the cluster's answers; nil where they are not to be kept.
func (o Options) newOutage() *outage {
	if !o.Direct || o.OutageGrace == 0 {
		return nil
	}
	return newOutage(o.OutageGrace)
}
