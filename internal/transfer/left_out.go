package transfer

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// otherResources are what a standalone server keeps besides Ark's kinds, by their place in
// the storage. None of them is moved.
var otherResources = []string{"namespaces", "configmaps", "secrets"}

// ownNamespaces are those that every standalone server makes itself.
var ownNamespaces = []string{"default", "kube-node-lease", "kube-public", "kube-system"}

// leftOut counts and reports what of a storage is not moved, so that nobody takes what was
// written for all that there is. It names objects, never values.
func leftOut(ctx context.Context, from *Store, summary *Summary, reports Reports) error {
	for _, resource := range otherResources {
		var names []string
		_, err := from.scan(ctx, objectPrefix, resource+"/", newest, func(page []kept) error {
			for _, one := range page {
				name := strings.TrimPrefix(one.path, resource+"/")
				if resource == "namespaces" && slices.Contains(ownNamespaces, name) {
					continue
				}
				summary.count(resource, LeftOut)
				names = append(names, name)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(names) > 0 {
			reports.line("%s: left out: %s", resource, list(names))
		}
	}
	if n := summary.Total(LeftOut); n > 0 {
		reports.line("warning: %s besides Ark's objects: not moved. Copy what you need with kubectl; a backup of the database has all of it", plural(n))
	}
	return nil
}

func plural(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}
