// Package registry holds the REST storage of the Ark kinds: one generic store
// and one generic strategy, driven by a small description of each kind.
//
// Every kind has its own file (agent.go, query.go, ...) that says what is
// particular to it: its names and scope, where its spec and status live, and
// the columns that kubectl prints. Everything else is common:
//
//   - status is dropped on create and kept from the old object on update; a
//     status update keeps everything else, metadata included, as a CRD with the
//     status subresource does (strategy.go, status_strategy.go);
//   - metadata.generation is 1 on create and grows with the spec, never with
//     status or metadata;
//   - schema rules run as generated declarative validation plus the
//     hand-written rules of internal/apis/ark/validation, ratcheted: a fault
//     that an object already had does not block an update (validate.go);
//   - tables have the columns of the CRDs the kinds used to be, and more with
//     kubectl get -o wide (table.go); sortBy orders a list (sort.go);
//   - field selectors are found in indexes of the watch cache (fields.go);
//   - what Ark's admission webhooks do for custom resources, the rules of
//     internal/apis/ark/rules do here (hooks.go, ruleset.go): defaults and
//     migrations in PrepareForCreate and PrepareForUpdate, so before the schema
//     is checked and before validating admission sees the object; the rest in
//     Validate. Only writes of the main resource are judged.
//
// The rules read other objects from the stores' own watch caches (reader.go), at
// the cost of a microsecond. A Reader knows what this process has written last
// and has the cache catch up with that, so a query may follow its agent at once.
//
// # Secrets and ConfigMaps
//
// These are not of this group, so a mode says how to read them, with
// Environment.Core (assembly.Config.Core), a rules.KeyedObjects of two methods.
// internal/standalone has a Reader on each of its own core stores. In a cluster,
// listers of informers will do:
//
//	secret, err := listers.Secrets(namespace).Get(name) // an apierrors.IsNotFound error if missing
//	if err != nil { return nil, err }
//	return secret.Data, nil
//
// with list and watch on secrets and configmaps for the server's account. An
// informer lags by milliseconds: before it calls an object missing, an
// implementation should get it from the cluster once. Where that permission is
// not wanted, leave Core nil; such references are then not checked.
//
// The sender of a request is held to the right to get what an object refers to (sender.go): without
// it nothing is read, and the fault is the same whatever exists.
//
// The package keeps no state and knows neither where objects are stored (a
// generic.RESTOptionsGetter says so) nor who may use them.
//
// The package may import internal/apis/ark, internal/apis/ark/install,
// internal/apis/ark/rules, internal/apis/ark/v1alpha1, internal/apis/ark/v1prealpha1,
// internal/apis/ark/validation, internal/objectjson, k8s.io/apimachinery,
// k8s.io/apiserver, k8s.io/client-go and sigs.k8s.io/structured-merge-diff/v6.
package registry
