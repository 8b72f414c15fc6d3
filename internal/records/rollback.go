package records

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/mckinsey/ark-server/internal/history"
)

// rollbackTries is how often a rollback is tried when another client has written.
const rollbackTries = 5

// maxRollback is the most bytes of a request.
const maxRollback = 64 << 10

// notSpec are the fields of an object that a rollback does not change.
var notSpec = []string{"apiVersion", "kind", "metadata", "status"}

// rollbackRequest selects the version to roll back to.
type rollbackRequest struct {
	APIVersion string         `json:"apiVersion,omitempty"`
	Kind       string         `json:"kind,omitempty"`
	Metadata   map[string]any `json:"metadata,omitempty"`
	Spec       struct {
		// Revision is the version whose spec, labels and annotations the object gets.
		Revision int64 `json:"revision"`
		// Cause is stored in the annotation of that name.
		Cause string `json:"cause,omitempty"`
	} `json:"spec"`
}

// rollback writes the spec, labels and annotations of an old version as a new one, and answers with
// the object. The object keeps its uid, status, finalizers and owners.
func (g *Group) rollback(w http.ResponseWriter, r *http.Request, a about) error {
	ctx := r.Context()
	asked, err := readRollback(r.Body)
	if err != nil {
		return err
	}
	old, err := g.version(ctx, a.ref, formatRevision(asked.Spec.Revision))
	if err != nil {
		return err
	}
	source, err := decode(old.Object)
	if err != nil {
		return err
	}
	if source == nil {
		return apierrors.NewResourceExpired(fmt.Sprintf("what revision %d wrote is not kept", old.Revision))
	}
	if asked.Spec.Cause == "" {
		asked.Spec.Cause = fmt.Sprintf("rollback to revision %d", old.Revision)
	}
	for try := 1; ; try++ {
		newest, err := g.newest(ctx, a.ref)
		if err != nil {
			return err
		}
		if newest.Deleted {
			return apierrors.NewConflict(v1alpha1Deleted, g.kinds.nameOf(newest), fmt.Errorf("%s is deleted: create deletedobjects/%s/undelete first", a.ref.Name, g.kinds.nameOf(newest)))
		}
		object, err := decode(newest.Object)
		if err != nil {
			return err
		}
		takeOver(object, source, asked.Spec.Cause)
		object["metadata"].(map[string]any)["resourceVersion"] = formatRevision(newest.Revision)
		made, err := g.send(ctx, http.MethodPut, a.path, writeOptions(r.URL.Query(), "rollback"), object)
		if apierrors.IsConflict(err) && try < rollbackTries {
			continue
		}
		if err != nil {
			return err
		}
		return writeJSON(w, "application/json", made)
	}
}

func readRollback(body io.Reader) (asked rollbackRequest, err error) {
	text, err := io.ReadAll(io.LimitReader(body, maxRollback))
	if err != nil {
		return asked, apierrors.NewBadRequest("the request cannot be read: " + err.Error())
	}
	if text, err = yaml.ToJSON(text); err == nil {
		err = json.Unmarshal(text, &asked)
	}
	if err != nil {
		return asked, apierrors.NewBadRequest(`the request is no rollback, want {"spec":{"revision":NUMBER}}: ` + err.Error())
	}
	if asked.Spec.Revision < 1 {
		return asked, apierrors.NewBadRequest("spec.revision is missing: name the revision to go back to")
	}
	return asked, nil
}

// takeOver sets the spec, labels and annotations of an object to those of another, and records the
// cause. A pin applies to one version, and is not copied. Kinds without a spec, such as roles, have
// other fields in its place.
func takeOver(object, from map[string]any, cause string) {
	own := func(name string, _ any) bool { return !slices.Contains(notSpec, name) }
	maps.DeleteFunc(object, own)
	for name, value := range from {
		if own(name, value) {
			object[name] = value
		}
	}
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	source, _ := from["metadata"].(map[string]any)
	delete(metadata, "labels")
	if labels, ok := source["labels"].(map[string]any); ok {
		metadata["labels"] = labels
	}
	annotations := map[string]any{}
	if was, ok := source["annotations"].(map[string]any); ok {
		maps.Copy(annotations, was)
	}
	delete(annotations, history.PinAnnotation)
	annotations[history.CauseAnnotation] = cause
	metadata["annotations"] = annotations
}
