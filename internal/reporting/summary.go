package reporting

import (
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/mckinsey/ark-server/internal/sqlquery"
)

const summaryKind = "Summary"

// summarySpec is the spec of a summary.
type summarySpec struct {
	sqlquery.Summary
	AllNamespaces bool `json:"allNamespaces,omitempty"`
	Limit         int  `json:"limit,omitempty"`
}

// summaryObject is the object that a client creates.
type summaryObject struct {
	APIVersion string         `json:"apiVersion,omitempty"`
	Kind       string         `json:"kind,omitempty"`
	Metadata   map[string]any `json:"metadata,omitempty"`
	Spec       summarySpec    `json:"spec"`
	Status     *status        `json:"status,omitempty"`
}

func (s *Server) serveSummary(w http.ResponseWriter, r *http.Request, who user.Info, namespace string) error {
	in, err := formatOf(r.Header.Get("Accept"))
	if err != nil {
		return err
	}
	asked := &summaryObject{}
	if err := strictly(r.Body, summaryKind, asked); err != nil {
		return err
	}
	switch {
	case asked.Kind != "" && asked.Kind != summaryKind || asked.APIVersion != "" && asked.APIVersion != GroupVersion:
		return apierrors.NewBadRequest(fmt.Sprintf("the request is a %s of %s, want a %s of %s", asked.Kind, asked.APIVersion, summaryKind, GroupVersion))
	case asked.Status != nil:
		return apierrors.NewBadRequest("status is the server's: leave it out")
	case asked.Spec.Limit < 0 || asked.Spec.Limit > sqlquery.MaxRows:
		return apierrors.NewBadRequest(fmt.Sprintf("spec.limit is %d: use 1 to %d", asked.Spec.Limit, sqlquery.MaxRows))
	}
	statement, parameters, err := asked.Spec.Statement()
	if err != nil {
		return asStatus(err)
	}
	run := spec{Query: statement, Parameters: parameters, AllNamespaces: asked.Spec.AllNamespaces, Limit: asked.Spec.Limit}
	return s.answer(w, r, who, namespace, run, in, func(answer *status) any {
		asked.APIVersion, asked.Kind, asked.Metadata, asked.Status = GroupVersion, summaryKind, inNamespace(asked.Metadata, namespace), answer
		return asked
	})
}
