package reporting

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/sqlquery"
)

// rows returns the rows that a user may list, of the kinds that a statement may use; of all kinds
// if the statement is "". With past it also determines where the user may list the history.
func (s *Server) rows(ctx context.Context, who user.Info, allNamespaces bool, namespace, statement string, past bool) (map[string]sqlquery.Rows, error) {
	namespaces := []string{namespace}
	var within *string
	if allNamespaces {
		var err error
		if namespaces, err = s.model.Namespaces(ctx); err != nil {
			return nil, err
		}
	} else {
		within = &namespace
	}
	text := strings.ToLower(statement)
	all := text == "" || strings.Contains(text, "labels") || strings.Contains(text, "conditions") || past
	rows := map[string]sqlquery.Rows{}
	for _, k := range readmodel.Kinds() {
		spoken := k.Resource == "queries" && (strings.Contains(text, "messages") || strings.Contains(text, "tool_calls"))
		if !all && !spoken && !strings.Contains(text, k.Resource) {
			continue // its view is empty, and the statement does not use it
		}
		answer, err := s.access.Ask(ctx, who, access.Question{Verb: "list", Group: k.Group, Version: k.Version, Resource: k.Resource, Namespaces: namespaces})
		if err != nil {
			return nil, err
		}
		r := sqlquery.Rows{All: answer.All(), Namespaces: answer.Namespaces(), Everywhere: answer.Everywhere(), Within: within, Names: map[string][]string{}}
		for namespace, names := range answer.Names() {
			r.Names[namespace] = names
		}
		rows[k.Resource] = r
	}
	if past {
		answer, err := s.access.Ask(ctx, who, access.Question{Verb: "list", Group: group, Version: "v1alpha1", Resource: readmodel.Revisions, Namespaces: append(namespaces, metav1.NamespaceDefault)})
		if err != nil {
			return nil, err
		}
		rows[readmodel.Revisions] = sqlquery.Rows{All: answer.All(), Namespaces: answer.Namespaces()}
	}
	return rows, nil
}
