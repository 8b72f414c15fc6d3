// Package journal writes Query objects through an ark-server, keeps a journal of acknowledged
// writes, and compares it with the stored objects.
package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	// Namespace is the namespace of the objects.
	Namespace = "journal"
	queries   = "/apis/ark.mckinsey.com/v1alpha1/namespaces/" + Namespace + "/queries"
)

// Journal holds the acknowledged writes of clients: the objects that must exist, each with its
// input.
type Journal struct {
	mu sync.Mutex
	// there maps each acknowledged object to its input.
	there map[string]string
	// Writes counts acknowledged writes. Refused counts attempts that returned an error and were sent
	// again. Read them while no writer runs.
	Writes, Refused int
}

// New returns an empty journal.
func New() *Journal { return &Journal{there: map[string]string{}} }

// Write creates, changes and deletes objects until ctx ends. It calls target for a client before
// each attempt.
func (j *Journal) Write(ctx context.Context, worker string, target func() *rest.RESTClient) error {
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	var mine []string
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("%s-%d", worker, i)
		if err := j.until(ctx, target, func(ctx context.Context, c *rest.RESTClient) error {
			err := query.Create(ctx, c, Namespace, name, `{"input":"first","target":{"type":"agent","name":"researcher"}}`)
			if apierrors.IsAlreadyExists(err) || err != nil && strings.Contains(err.Error(), "already exists") {
				return nil // an earlier attempt, whose answer was lost
			}
			return err
		}); err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
		j.set(name, "first")
		mine = append(mine, name)
		k := r.IntN(len(mine))
		name = mine[k]
		switch r.IntN(4) {
		case 0:
			if err := j.until(ctx, target, func(ctx context.Context, c *rest.RESTClient) error {
				err := c.Delete().AbsPath(queries + "/" + name).Do(ctx).Error()
				if apierrors.IsNotFound(err) {
					return nil
				}
				return err
			}); err != nil {
				return fmt.Errorf("delete %s: %w", name, err)
			}
			j.set(name, "")
			mine = slices.Delete(mine, k, k+1)
		case 1, 2:
			input := fmt.Sprintf("change %d", i)
			if err := j.until(ctx, target, func(ctx context.Context, c *rest.RESTClient) error {
				return c.Patch("application/merge-patch+json").AbsPath(queries + "/" + name).
					Body([]byte(fmt.Sprintf(`{"spec":{"input":%q}}`, input))).Do(ctx).Error()
			}); err != nil {
				return fmt.Errorf("change %s: %w", name, err)
			}
			j.set(name, input)
		}
	}
	return nil
}

// until retries until the write is acknowledged. A replica that stops cuts connections and answers
// 503: a failed attempt may have been executed, so every write here may be executed twice.
func (j *Journal) until(ctx context.Context, target func() *rest.RESTClient, try func(context.Context, *rest.RESTClient) error) error {
	limit := time.Now().Add(2 * time.Minute)
	for {
		err := try(context.WithoutCancel(ctx), target())
		if err == nil {
			return nil
		}
		if status, ok := err.(apierrors.APIStatus); ok && status.Status().Code < http.StatusInternalServerError && status.Status().Code != http.StatusTooManyRequests {
			return err
		}
		if time.Now().After(limit) {
			return fmt.Errorf("for two minutes: %w", err)
		}
		j.mu.Lock()
		j.Refused++
		j.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

// set records an acknowledged write; an empty input means that the object was deleted.
func (j *Journal) set(name, input string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Writes++
	if input == "" {
		delete(j.there, name)
		return
	}
	j.there[name] = input
}

// Missing compares the journal with the objects of a server while no writer runs. It returns the
// acknowledged objects that are missing or older, and how many objects exist that are not in the
// journal.
func (j *Journal) Missing(ctx context.Context, client *rest.RESTClient) (missing []string, unknown int, err error) {
	raw, err := client.Get().AbsPath(queries).Do(ctx).Raw()
	if err != nil {
		return nil, 0, fmt.Errorf("list the objects: %w: %s", err, raw)
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ Input string }
		}
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, 0, fmt.Errorf("decode the list: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	got := map[string]string{}
	for _, o := range list.Items {
		got[o.Metadata.Name] = o.Spec.Input
		if _, ok := j.there[o.Metadata.Name]; !ok {
			unknown++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(j.there)) {
		if got[name] != j.there[name] {
			missing = append(missing, name)
		}
	}
	return missing, unknown, nil
}

// Check fails a test unless a server has exactly the objects of the journal.
func (j *Journal) Check(t testing.TB, client *rest.RESTClient, who string) {
	t.Helper()
	missing, unknown, err := j.Missing(t.Context(), client)
	if err != nil || len(missing) > 0 || unknown > 0 || len(j.there) == 0 {
		t.Errorf("%s: of %d objects %d are missing or older, and %d are there that should not be: %v; %v", who, len(j.there), len(missing), unknown, missing[:min(5, len(missing))], err)
	}
}
