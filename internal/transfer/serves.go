package transfer

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// service is what kind of server a storage is of, as far as its keys tell.
type service int

const (
	// standalone servers keep Namespaces, ConfigMaps and Secrets too, beside what is not moved.
	standalone service = iota
	// unknown is a new storage, or one that has Ark's objects only. It takes what a standalone
	// server's does.
	unknown
	// aggregated servers leave those to the cluster.
	aggregated
	// cluster is an etcd of kube-apiserver, which an aggregated server uses too.
	cluster
)

// takesOver is where the revisions of a new storage in a cluster begin.
const takesOver = 1_000_000_000

// clusterOnly are places where kube-apiserver has keys from its start on, and a standalone server
// never.
var clusterOnly = []string{"ranges/", "masterleases/", "servicecidrs/", "ipaddresses/", "pods/"}

func (s *Store) serves(ctx context.Context) (service, error) {
	for _, place := range clusterOnly {
		if some, _, err := s.some(ctx, place); some || err != nil {
			return cluster, err
		}
	}
	revision := int64(0)
	for _, resource := range coreResources {
		some, at, err := s.some(ctx, resource+"/")
		if some || err != nil {
			return standalone, err
		}
		revision = at
	}
	if revision >= takesOver && !s.Fresh {
		return aggregated, nil
	}
	return unknown, nil
}

// keepsCore reports whether a server on the storage keeps, or may be meant to keep, objects of the
// core
// group itself.
func (s service) keepsCore() bool { return s == standalone || s == unknown }

// some reports whether there is a key under a place.
func (s *Store) some(ctx context.Context, place string) (bool, int64, error) {
	answer, err := s.kv.Get(ctx, objectPrefix+place, clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithKeysOnly())
	if err != nil {
		return false, 0, fmt.Errorf("look for %s in the storage: %w", place, err)
	}
	return len(answer.Kvs) > 0, answer.Header.Revision, nil
}
