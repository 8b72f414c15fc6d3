package server

import (
	"context"
	"encoding/json"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/filters"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/token"
)

// tokenPath is the path of token descriptions in the log, which makes their changes part of the
// history. The tokens themselves are in a side table, whose rows contain their hashes.
const tokenPath = records.GroupName + "/tokens"

// tokenJournal writes changes of tokens to the log.
type tokenJournal struct{ kv clientv3.KV }

var _ token.Journal = tokenJournal{}

// describedToken is a token in the log. It has the fields that a list of tokens shows.
type describedToken struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name              string    `json:"name"`
		UID               string    `json:"uid"`
		CreationTimestamp time.Time `json:"creationTimestamp"`
	} `json:"metadata"`
	Spec token.Token `json:"spec"`
}

func tokenKey(t *token.Token) string { return layout.KeyPrefix + "/" + tokenPath + "/" + t.ID }

// Created implements token.Journal.
func (j tokenJournal) Created(ctx context.Context, t *token.Token) error {
	d := describedToken{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Token", Spec: *t}
	d.Metadata.Name, d.Metadata.UID, d.Metadata.CreationTimestamp = t.ID, t.ID, t.Created
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = j.kv.Put(asSender(ctx, "create"), tokenKey(t), string(text))
	return err
}

// Removed implements token.Journal.
func (j tokenJournal) Removed(ctx context.Context, t *token.Token, expired bool) error {
	if expired {
		ctx = asServer(ctx, "expire")
	} else {
		ctx = asSender(ctx, "delete")
	}
	_, err := j.kv.Delete(ctx, tokenKey(t))
	return err
}

// asSender sets the sender of the request as the actor of a write.
func asSender(ctx context.Context, verb string) context.Context {
	if _, ok := filters.ActorFrom(ctx); !ok {
		return asServer(ctx, verb)
	}
	return annotate(ctx)
}

func asServer(ctx context.Context, verb string) context.Context {
	return etcdserver.WithActor(ctx, mvcc.Actor{User: "ark-server", UserAgent: "ark-server", Verb: verb})
}
