package registry

import (
	"time"

	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
)

// Environment is what the rules of the kinds use beside their own storage. The
// zero value is valid: what is missing is not checked.
type Environment struct {
	// Core reads Secrets and ConfigMaps; see doc.go for how to implement it.
	// Nil leaves references to them unchecked.
	Core rules.KeyedObjects
	// Authorizer decides who may run queries as a service account, and who may
	// write inline tools. Nil lets everybody.
	Authorizer authorizer.Authorizer
	// ModelURLs is the policy for the base URLs of models.
	ModelURLs rules.URLPolicy
	// Executor is the user who executes queries in the process; "" for none. Queries are then pending
	// from their creation, and a write of the status by this user may also change the executor's
	// annotations and put the finalizer: a query is claimed by one write.
	Executor string
	// Past has what objects were; nil for none.
	Past Past
	// Now is the time; nil for that of the machine.
	Now func() time.Time
}

func (e Environment) now() time.Time {
	if e.Now == nil {
		return time.Now()
	}
	return e.Now()
}
