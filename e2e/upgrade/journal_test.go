package upgrade

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
	namespace = "upgraded"
	queries   = "/apis/ark.mckinsey.com/v1alpha1/namespaces/" + namespace + "/queries"
)

// journal is what clients were told: the objects that must be there, each with its input.
type journal struct {
	mu sync.Mutex
	// there has the input of each acknowledged object.
	there map[string]string
	// writes counts what was acknowledged; refused what was answered with an error and sent again.
	writes, refused int
}

// write makes, changes and deletes objects until ctx ends. target is asked for a client before each attempt.
func (j *journal) write(ctx context.Context, worker string, target func() *rest.RESTClient) error {
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	var mine []string
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("%s-%d", worker, i)
		if err := j.until(ctx, target, func(ctx context.Context, c *rest.RESTClient) error {
			err := query.Create(ctx, c, namespace, name, `{"input":"first","target":{"type":"agent","name":"researcher"}}`)
			if apierrors.IsAlreadyExists(err) || err != nil && strings.Contains(err.Error(), "already exists") {
				return nil // an attempt before, whose answer was lost
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

// until tries until the write is acknowledged. A replica that goes away cuts connections and answers 503: what is tried again may
// have been done, and every write here may be done twice.
func (j *journal) until(ctx context.Context, target func() *rest.RESTClient, try func(context.Context, *rest.RESTClient) error) error {
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
		j.refused++
		j.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

// set notes an acknowledged write; no input says that the object is gone.
func (j *journal) set(name, input string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writes++
	if input == "" {
		delete(j.there, name)
		return
	}
	j.there[name] = input
}

// check compares the journal with what a replica has, while nobody writes.
func (j *journal) check(t *testing.T, client *rest.RESTClient, who string) {
	t.Helper()
	raw, err := client.Get().AbsPath(queries).Do(t.Context()).Raw()
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ Input string }
		}
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, o := range list.Items {
		got[o.Metadata.Name] = o.Spec.Input
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(got) == 0 || !maps.Equal(got, j.there) {
		wrong := 0
		for name, input := range j.there {
			if got[name] != input {
				wrong++
			}
		}
		t.Errorf("%s: %d objects, want %d; %d acknowledged ones are missing or older", who, len(got), len(j.there), wrong)
	}
}
