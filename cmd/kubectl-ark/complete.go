package main

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// completionTime is the time limit of a completion.
const completionTime = 3 * time.Second

// list returns the names of the objects of a kind that begin with prefix. It returns none if they
// cannot be read: a completion cannot report errors.
func (a *app) list(cmd *cobra.Command, resource, prefix string) []string {
	namespace, err := a.namespace()
	if err != nil {
		return nil
	}
	text, err := a.send(cmd.Context(), request{
		path:       path.Join("/apis", v1alpha1.SchemeGroupVersion.Group, objects.VersionOf(resource).Version, "namespaces", namespace, resource),
		accept:     "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
		parameters: map[string]string{"limit": "200", "resourceVersion": "0", "timeout": completionTime.String()},
	})
	var found struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	if err != nil || json.Unmarshal(text, &found) != nil {
		return nil
	}
	var names []string
	for _, item := range found.Items {
		if strings.HasPrefix(item.Metadata.Name, prefix) {
			names = append(names, item.Metadata.Name)
		}
	}
	return names
}

// completeNames completes the first argument with the names of objects.
func (a *app) completeNames(resource string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.list(cmd, resource, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeObjects completes the first argument with KIND/NAME of several kinds.
func (a *app) completeObjects(resources ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		kind, prefix, named := strings.Cut(typed, "/")
		var out []string
		for _, resource := range resources {
			singular := singularOf(resource)
			if !named && strings.HasPrefix(singular, kind) {
				out = append(out, singular+"/")
			}
			if named && kind == singular {
				for _, name := range a.list(cmd, resource, prefix) {
					out = append(out, singular+"/"+name)
				}
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// plurals returns the names of Ark's kinds in paths.
var plurals = sync.OnceValue(func() []string {
	var out []string
	for _, kind := range slices.Concat(v1alpha1.Kinds(), v1prealpha1.Kinds()) {
		out = append(out, kind.Plural)
	}
	return out
})

// singularOf returns the name of a kind as it is written before a slash.
func singularOf(plural string) string {
	if stem, found := strings.CutSuffix(plural, "ies"); found {
		return stem + "y"
	}
	return strings.TrimSuffix(plural, "s")
}
