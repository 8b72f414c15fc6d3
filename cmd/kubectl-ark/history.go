package main

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) historyCommand() *cobra.Command {
	return a.withOutput(&cobra.Command{
		Use: "history KIND/NAME", Short: "Show who changed an object, when, why and what",
		Example: "kubectl ark history agent/weather", Args: oneObject, ValidArgsFunction: a.completeObjects(plurals()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.find(args)
			if err != nil {
				return err
			}
			path, err := a.records("revisions")
			if o.namespace == "" { // the path has the revisions of objects of the whole cluster
				path = recordsPath + "/namespaces/default/revisions"
			}
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), request{path: path, parameters: map[string]string{"fieldSelector": "object.kind=" + o.kind + ",object.name=" + o.name}})
		},
	}, "table", "wide", "json", "yaml", "name")
}

func (a *app) diffCommand() *cobra.Command {
	var from, to, format string
	cmd := &cobra.Command{
		Use: "diff KIND/NAME", Short: "Show what changed between two versions of an object",
		Long: "Show what changed between two versions of an object: the newest and the one before it, unless --from and --to say otherwise.",
		Example: `kubectl ark diff agent/weather
kubectl ark diff agent/weather --from=4711 --format=paths`,
		Args: oneObject, ValidArgsFunction: a.completeObjects(plurals()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.find(args)
			if err != nil {
				return err
			}
			text, err := a.send(cmd.Context(), request{path: o.path + "/diff", accept: "*/*", parameters: map[string]string{"from": from, "to": to, "format": format}})
			if err != nil {
				return err
			}
			_, err = a.out.Write([]byte(a.paint(string(text))))
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the older `revision`")
	cmd.Flags().StringVar(&to, "to", "", "the newer `revision`")
	cmd.Flags().StringVar(&format, "format", "", "unified (YAML line by line, the default), paths or jsonpatch")
	return cmd
}

// paint colours the lines of a diff if the output is a terminal.
func (a *app) paint(text string) string {
	if !strings.HasSuffix(text, "\n") && text != "" {
		text += "\n"
	}
	if !a.coloured() {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		colour := ""
		switch {
		case strings.HasPrefix(line, "+"):
			colour = "\x1b[32m"
		case strings.HasPrefix(line, "-"):
			colour = "\x1b[31m"
		case strings.HasPrefix(line, "@@"):
			colour = "\x1b[36m"
		default:
			continue
		}
		lines[i] = colour + strings.TrimSuffix(line, "\n") + "\x1b[0m\n"
	}
	return strings.Join(lines, "")
}

func (a *app) blameCommand() *cobra.Command {
	var field string
	cmd := a.withOutput(&cobra.Command{
		Use: "blame KIND/NAME", Short: "Show who gave each field its value, and when",
		Example: "kubectl ark blame agent/weather --path=spec.prompt", Args: oneObject, ValidArgsFunction: a.completeObjects(plurals()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.find(args)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), request{path: o.path + "/blame", parameters: map[string]string{"path": field}})
		},
	}, "yaml", "json")
	cmd.Flags().StringVar(&field, "path", "spec", "which `field`, with all below it")
	return cmd
}

func (a *app) rollbackCommand() *cobra.Command {
	var dryRun bool
	cmd := a.withOutput(&cobra.Command{
		Use: "rollback KIND/NAME REVISION", Short: "Give an object the spec, labels and annotations of an old version",
		Long:    "Give an object the spec, labels and annotations of an old version, as a new version: uid, status, owners and finalizers stay.",
		Example: "kubectl ark rollback agent/weather 4711 --dry-run", Args: exactly(2, "an object and a revision"), ValidArgsFunction: a.completeObjects(plurals()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.find(args[:1])
			if err != nil {
				return err
			}
			revision, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil || revision < 1 {
				return usage("%q is no revision: kubectl ark history %s lists them", args[1], args[0])
			}
			done, parameters := "rolled back to "+args[1], map[string]string{}
			if dryRun {
				done, parameters["dryRun"] = done+" (dry run)", "All"
			}
			answer, err := a.send(cmd.Context(), request{
				method: http.MethodPost, path: o.path + "/rollback", accept: "application/json", parameters: parameters,
				body: map[string]any{"spec": map[string]any{"revision": revision}},
			})
			if err != nil {
				return err
			}
			return a.done(answer, singularOf(o.resource)+"/"+o.name, done)
		},
	}, acted...)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "see whether it would be allowed, and change nothing")
	return cmd
}

func (a *app) trashCommand() *cobra.Command {
	cmd := a.withOutput(&cobra.Command{
		Use: "trash", Short: "List objects that were deleted and can come back",
		Example: "kubectl ark trash", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := a.records("deletedobjects")
			if a.allNamespaces {
				path = recordsPath + "/deletedobjects"
			}
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), request{path: path})
		},
	}, "table", "wide", "json", "yaml", "name")
	return a.withAllNamespaces(cmd)
}

func (a *app) undeleteCommand() *cobra.Command {
	return a.withOutput(&cobra.Command{
		Use: "undelete NAME", Short: "Bring a deleted object back, by its name in the trash",
		Long:    "Bring a deleted object back, with a new uid, by its name in the trash. Owners and finalizers do not come back.",
		Example: "kubectl ark undelete agent.weather.4900", Args: exactly(1, "a name that kubectl ark trash lists"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := a.records("deletedobjects", args[0], "undelete")
			if err != nil {
				return err
			}
			answer, err := a.send(cmd.Context(), request{method: http.MethodPost, path: path, accept: "application/json", body: map[string]any{}})
			if err != nil {
				return err
			}
			return a.done(answer, args[0], "undeleted")
		},
	}, acted...)
}
