package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// node is an object of the tree.
type node struct {
	kind, name string
	uses       []string // KIND/NAME
	missing    bool
}

// graph holds the references between the objects of one namespace.
type graph map[string]*node

func (a *app) treeCommand() *cobra.Command {
	var users bool
	cmd := a.withOutput(&cobra.Command{
		Use: "tree KIND/NAME", Short: "Show which agents, models and tools an object uses, or who uses it",
		Example: `kubectl ark tree team/newsroom
kubectl ark tree model/default --used-by`,
		Args: oneObject, ValidArgsFunction: a.completeObjects(plurals()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.find(args)
			if err != nil {
				return err
			}
			g, err := a.graph(cmd.Context(), o.namespace)
			if err != nil {
				return err
			}
			start := singularOf(o.resource) + "/" + o.name
			if g[start] == nil || g[start].missing {
				return fmt.Errorf("there is no %s in the namespace %s, or you may not list it", start, o.namespace)
			}
			if users {
				g = g.turned()
			}
			if a.output != "text" {
				return a.document(g.branch(start, map[string]bool{}))
			}
			return g.print(a, start, "", "", map[string]bool{})
		},
	}, "text", "json", "yaml")
	cmd.Flags().BoolVar(&users, "used-by", false, "who uses it, instead of what it uses")
	return cmd
}

// nobodysParts lists the kinds that no object refers to; there may be very many objects of some of
// them.
var nobodysParts = []string{"queries", "a2atasks", "arkconfigs"}

// graph reads the objects that the user may list.
func (a *app) graph(ctx context.Context, namespace string) (graph, error) {
	g := graph{}
	var failed []error
	for _, resource := range plurals() {
		if slices.Contains(nobodysParts, resource) {
			continue
		}
		text, err := a.send(ctx, request{
			path:   path.Join("/apis", v1alpha1.SchemeGroupVersion.Group, objects.VersionOf(resource).Version, "namespaces", namespace, resource),
			accept: "application/json",
		})
		var list struct{ Items []item }
		if err == nil {
			err = json.Unmarshal(text, &list)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		for _, i := range list.Items {
			g.add(singularOf(resource), i)
		}
	}
	if len(g) == 0 {
		return nil, errors.Join(failed...)
	}
	for _, err := range failed {
		fmt.Fprintln(a.err, "warning: "+readable(err))
	}
	for _, n := range g {
		for _, used := range n.uses {
			if g[used] == nil {
				kind, name, _ := strings.Cut(used, "/")
				g[used] = &node{kind: kind, name: name, missing: true}
			}
		}
	}
	return g, nil
}

// item is an object in a list.
type item struct {
	Metadata struct {
		Name            string
		OwnerReferences []struct{ Kind, Name string }
	}
	Spec map[string]any
}

func (g graph) add(kind string, i item) {
	n := &node{kind: kind, name: i.Metadata.Name}
	for _, owner := range i.Metadata.OwnerReferences {
		n.use(strings.ToLower(owner.Kind), owner.Name)
	}
	n.refer(i.Spec)
	slices.Sort(n.uses)
	n.uses = slices.Compact(n.uses)
	g[kind+"/"+n.name] = n
}

// use adds a reference if it is to an object of Ark.
func (n *node) use(kind string, name any) {
	text, _ := name.(string)
	if text != "" && slices.ContainsFunc(plurals(), func(plural string) bool { return singularOf(plural) == kind }) {
		n.uses = append(n.uses, kind+"/"+text)
	}
}

// refer adds the references in a spec. Ark writes them in four forms: modelRef: {name: x} or agent:
// {name: x}, agent: x, a list tools: [{name: x}], and {type: agent, name: x}.
func (n *node) refer(spec map[string]any) {
	for key, value := range spec {
		kind := strings.ToLower(strings.TrimSuffix(key, "Ref"))
		switch v := value.(type) {
		case string:
			n.use(kind, v)
		case map[string]any:
			n.use(kind, v["name"])
			n.refer(v)
		case []any:
			for _, element := range v {
				of, ok := element.(map[string]any)
				if !ok {
					continue
				}
				if given, _ := of["type"].(string); !strings.HasPrefix(given, "built") {
					n.use(given, of["name"])
					n.use(singularOf(kind), of["name"])
				}
				n.refer(of)
			}
		}
	}
}

// turned returns the graph with all references reversed.
func (g graph) turned() graph {
	out := graph{}
	for key, n := range g {
		out[key] = &node{kind: n.kind, name: n.name, missing: n.missing}
	}
	for key, n := range g {
		for _, used := range n.uses {
			out[used].uses = append(out[used].uses, key)
		}
	}
	for _, n := range out {
		slices.Sort(n.uses)
	}
	return out
}

// print prints the objects below a node. It does not repeat a node that is above itself.
func (g graph) print(a *app, key, first, rest string, above map[string]bool) error {
	n := g[key]
	note := ""
	switch {
	case n.missing:
		note = "  (missing)"
	case above[key]:
		note = "  (see above)"
	}
	if _, err := fmt.Fprintln(a.out, first+key+note); err != nil || above[key] {
		return err
	}
	above[key] = true
	defer delete(above, key)
	for i, used := range n.uses {
		branch, more := "├── ", "│   "
		if i == len(n.uses)-1 {
			branch, more = "└── ", "    "
		}
		if err := g.print(a, used, rest+branch, rest+more, above); err != nil {
			return err
		}
	}
	return nil
}

// branch is a node with the nodes below it, for JSON and YAML.
type branch struct {
	Object  string   `json:"object"`
	Missing bool     `json:"missing,omitempty"`
	Again   bool     `json:"again,omitempty"` // the node is above itself; its children are printed there
	Below   []branch `json:"below,omitempty"`
}

func (g graph) branch(key string, above map[string]bool) branch {
	b := branch{Object: key, Missing: g[key].missing, Again: above[key]}
	if b.Again {
		return b
	}
	above[key] = true
	defer delete(above, key)
	for _, used := range g[key].uses {
		b.Below = append(b.Below, g.branch(used, above))
	}
	return b
}
