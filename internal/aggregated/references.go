package aggregated

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
)

const (
	// referenceTTL is how long a Secret or ConfigMap that was found counts as there.
	referenceTTL = 10 * time.Second
	// forbiddenTTL is how long a namespace in which the server may not read is left
	// alone.
	forbiddenTTL = time.Minute
	// referenceTimeout bounds one read; the write that waits for it fails then.
	referenceTimeout = 5 * time.Second
	// maxReferences and maxReferenceBytes bound what is remembered: a larger one is
	// read each time.
	maxReferences     = 1000
	maxReferenceBytes = 32 << 10
)

// references reads the Secrets and ConfigMaps that Ark objects refer to. It reads them one by one,
// when an object that names them is written: that takes the permission to get, in the namespaces
// where it is wanted, where informers would take the permission to list every Secret of the
// cluster, and the memory to hold them.
//
// Writes that come together share one read, and what was found is remembered for a
// short time. What was not found is not, be it an object or a key: who makes a
// Secret and then what needs it must not be told that it is missing. Where
// reading is forbidden references are not checked. It is safe for concurrent use.
type references struct {
	client kubernetes.Interface
	now    func() time.Time
	reads  singleflight.Group

	mu        sync.Mutex
	found     map[reference]foundData
	forbidden map[reference]time.Time // by namespace, with the name left out
}

type reference struct{ resource, namespace, name string }

type foundData struct {
	data    map[string][]byte
	expires time.Time
}

var _ rules.KeyedObjects = &references{}

func newReferences(client kubernetes.Interface) *references {
	return &references{client: client, now: time.Now, found: map[reference]foundData{}, forbidden: map[reference]time.Time{}}
}

// Secret implements rules.KeyedObjects.
func (r *references) Secret(ctx context.Context, namespace, name, key string) (map[string][]byte, error) {
	return r.read(ctx, reference{"secrets", namespace, name}, key, func(ctx context.Context) (map[string][]byte, error) {
		secret, err := r.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return secret.Data, nil
	})
}

// ConfigMap implements rules.KeyedObjects.
func (r *references) ConfigMap(ctx context.Context, namespace, name, key string) (map[string]string, error) {
	data, err := r.read(ctx, reference{"configmaps", namespace, name}, key, func(ctx context.Context) (map[string][]byte, error) {
		configMap, err := r.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		data := make(map[string][]byte, len(configMap.Data))
		for key, value := range configMap.Data {
			data[key] = []byte(value)
		}
		return data, nil
	})
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(data))
	for key, value := range data {
		texts[key] = string(value)
	}
	return texts, nil
}

// read returns the data of an object. A read that others share may have begun
// before the caller's request: only a second one shows that something is missing.
func (r *references) read(ctx context.Context, ref reference, key string, get func(context.Context) (map[string][]byte, error)) (map[string][]byte, error) {
	if data, ok := r.remembered(ref, key); ok {
		return data, nil
	}
	if r.isForbidden(ref) {
		return nil, rules.ErrUnreadable
	}
	once := func() (map[string][]byte, bool, error) {
		data, err, shared := r.reads.Do(ref.resource+"/"+ref.namespace+"/"+ref.name, func() (any, error) {
			if data, ok := r.remembered(ref, key); ok {
				return data, nil
			}
			// Requests that share it must not fail because one of them ends.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), referenceTimeout)
			defer cancel()
			data, err := get(ctx)
			if err == nil {
				r.remember(ref, data)
			}
			return data, err
		})
		found, _ := data.(map[string][]byte)
		return found, shared, err
	}
	data, shared, err := once()
	if _, there := data[key]; shared && !there && (err == nil || apierrors.IsNotFound(err)) {
		data, _, err = once()
	}
	switch {
	case apierrors.IsForbidden(err):
		r.forbid(ref)
		return nil, rules.ErrUnreadable
	case err != nil:
		return nil, err // the rules tell NotFound from failures
	}
	return data, nil
}

// remembered returns data that has the key.
func (r *references) remembered(ref reference, key string) (map[string][]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := r.found[ref]
	_, there := found.data[key]
	return found.data, ok && there && r.now().Before(found.expires)
}

func (r *references) remember(ref reference, data map[string][]byte) {
	size := 0
	for key, value := range data {
		size += len(key) + len(value)
	}
	if size > maxReferenceBytes {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.found) >= maxReferences {
		clear(r.found)
	}
	r.found[ref] = foundData{data: data, expires: r.now().Add(referenceTTL)}
}

func (r *references) isForbidden(ref reference) bool {
	ref.name = ""
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now().Before(r.forbidden[ref])
}

// forbid warns once for each namespace.
func (r *references) forbid(ref reference) {
	ref.name = ""
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.forbidden[ref]; !known {
		klog.Warningf("This server may not get %s in namespace %s, so references to them are not checked there", ref.resource, ref.namespace)
	}
	r.forbidden[ref] = r.now().Add(forbiddenTTL)
}
