package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// fieldManager owns what an export changes.
const fieldManager = "ark-server-export"

// verb is how an object is written.
type verb int

const (
	create verb = iota
	update
	updateStatus
	// tryUpdate reports what an update would do.
	tryUpdate
)

// address is the path of one object, or with an empty name of the collection that it is created in.
func address(k *kind, namespace, name string) string {
	parts := []string{"", "apis", k.GroupVersion.Group, k.GroupVersion.Version}
	if k.core {
		parts = []string{"", "api", k.GroupVersion.Version}
	}
	if !k.ClusterScoped {
		parts = append(parts, "namespaces", namespace)
	}
	parts = append(parts, k.Plural)
	if name != "" {
		parts = append(parts, name)
	}
	return strings.Join(parts, "/")
}

func (k *Kube) get(ctx context.Context, of *kind, namespace, name string) (map[string]any, error) {
	text, err := raw(ctx, k.client.Get().AbsPath(address(of, namespace, name)))
	if err != nil {
		return nil, err
	}
	return decodeObject(text)
}

func decodeObject(text []byte) (map[string]any, error) {
	value, err := decodeJSON(text)
	if err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	object, ok := value.(map[string]any)
	if !ok || metadata(object) == nil {
		return nil, errors.New("the server's answer is no object")
	}
	return object, nil
}

// write sends an object with the managed fields that it has here, if the target's is still of the
// version, and returns what has become of it.
func (k *Kube) write(ctx context.Context, o *object, as verb, body map[string]any, version string) (map[string]any, error) {
	meta := maps.Clone(metadata(body))
	if version != "" {
		meta["resourceVersion"] = version
	}
	if owners, ok := metadata(o.content)["managedFields"]; ok {
		meta["managedFields"] = owners
	}
	body = maps.Clone(body)
	body["metadata"] = meta
	text, err := encodeJSON(body)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	request := k.client.Put().AbsPath(address(o.kind, o.namespace, o.name))
	switch as {
	case update, tryUpdate:
	case create:
		request = k.client.Post().AbsPath(address(o.kind, o.namespace, ""))
	case updateStatus:
		request = k.client.Put().AbsPath(address(o.kind, o.namespace, o.name), "status")
	}
	if as == tryUpdate {
		request = request.Param("dryRun", "All")
	}
	answer, err := raw(ctx, request.Param("fieldManager", fieldManager).Body(text))
	if err != nil {
		return nil, err
	}
	return decodeObject(answer)
}

// delete deletes the object of that uid, in the way that its finalizers ask for.
func (k *Kube) delete(ctx context.Context, of *kind, namespace, name, uid string, finalizers []string) error {
	policy := metav1.DeletePropagationBackground
	switch {
	case slices.Contains(finalizers, metav1.FinalizerDeleteDependents):
		policy = metav1.DeletePropagationForeground
	case slices.Contains(finalizers, metav1.FinalizerOrphanDependents):
		policy = metav1.DeletePropagationOrphan
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy, "preconditions": map[string]any{"uid": uid},
	})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = raw(ctx, k.client.Delete().AbsPath(address(of, namespace, name)).Body(body))
	return err
}

// dropFinalizers takes off what would keep an object from going: it has been seen to already.
func (k *Kube) dropFinalizers(ctx context.Context, o *object) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": o.uid, "finalizers": nil}})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = raw(ctx, k.client.Patch(types.MergePatchType).AbsPath(address(o.kind, o.namespace, o.name)).
		Param("fieldManager", fieldManager).Body(patch))
	return err
}

// denial is how the API tells that an admission webhook did not like an object, which is a 403 like
// a right that is missing.
var denial = regexp.MustCompile(`admission webhook "([^"]*)" denied`)

// isRefusal distinguishes an object's fault from a server's or a missing right.
func isRefusal(err error) bool {
	if apierrors.IsForbidden(err) {
		return denial.MatchString(err.Error()) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
	}
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// missingNamespace is the namespace for want of which an object was refused, or "".
func missingNamespace(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return ""
	}
	if s := status.Status(); s.Code == http.StatusNotFound && s.Details != nil && s.Details.Kind == namespaces {
		return s.Details.Name
	}
	return ""
}

// refusal returns the reason, without values: they may be secret.
func refusal(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return "for an unknown reason"
	}
	s := status.Status()
	if by := denial.FindStringSubmatch(s.Message); by != nil {
		return "its admission webhook " + by[1] + " denied it"
	}
	switch {
	case missingNamespace(err) != "":
		return fmt.Sprintf("there is no namespace %s: create it first", missingNamespace(err))
	case s.Details != nil && len(s.Details.Causes) > 0:
		var causes []string
		for _, c := range s.Details.Causes {
			causes = append(causes, fmt.Sprintf("%s (%s)", c.Field, c.Type))
		}
		return list(causes)
	}
	return fmt.Sprintf("%s (%d)", s.Reason, s.Code)
}
