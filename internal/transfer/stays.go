package transfer

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// defaultMark is in every object that a server makes by itself as a default, such as upstream's
// roles.
var defaultMark = []byte("kubernetes.io/bootstrapping")

// passing are objects that servers make while they run, and delete or make again.
var passing = []string{"events/", "leases/", "flowschemas/", "prioritylevelconfigurations/"}

// staysBehind counts what a standalone server has beside what is moved, such as accounts, roles,
// quotas and policies, by the resource's name in the storage. What every server makes itself does
// not count.
func (s *Store) staysBehind(ctx context.Context, moved []*kind) (map[string]int, error) {
	places := slices.Clone(passing)
	for _, k := range moved {
		places = append(places, k.place)
	}
	found := map[string]int{}
	next, end := objectPrefix, clientv3.GetPrefixRangeEnd(objectPrefix)
	for {
		answer, err := s.kv.Get(ctx, next, clientv3.WithRange(end), clientv3.WithLimit(1), clientv3.WithKeysOnly())
		if err != nil {
			return nil, fmt.Errorf("look for what else the storage has: %w", err)
		}
		if len(answer.Kvs) == 0 {
			return found, nil
		}
		place := placeOf(strings.TrimPrefix(string(answer.Kvs[0].Key), objectPrefix))
		next = clientv3.GetPrefixRangeEnd(objectPrefix + place)
		if slices.Contains(places, place) {
			continue
		}
		_, err = s.scan(ctx, objectPrefix, place, newest, func(page []kept) error {
			for _, one := range page {
				if !bytes.Contains(one.value, defaultMark) && !(place == "serviceaccounts/" && strings.HasSuffix(one.path, "/default")) {
					found[strings.TrimSuffix(place, "/")]++
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
}

// placeOf returns the first part of a path, or the first two where the first is a group or has
// several resources below it.
func placeOf(path string) string {
	first, rest, _ := strings.Cut(path, "/")
	if second, _, more := strings.Cut(rest, "/"); more && (strings.Contains(first, ".") || first == "services") {
		return first + "/" + second + "/"
	}
	return first + "/"
}

// reportStays names what is not moved.
func (s *Store) reportStays(ctx context.Context, moved []*kind, reports Reports) error {
	found, err := s.staysBehind(ctx, moved)
	if err != nil || len(found) == 0 {
		return err
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		// Services and endpoints lie in services/specs and services/endpoints.
		shown := strings.Replace(strings.TrimPrefix(name, "services/"), "specs", "services", 1)
		names = append(names, fmt.Sprintf("%s (%d)", shown, found[name]))
	}
	reports.line("note: stays behind: %s: kubectl get ... -o yaml copies it, and a backup has it all", strings.Join(names, ", "))
	return nil
}
