package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

const aboutConfig = `Print the settings with which a server would start here, and where each is from: the
command line, the environment, the configuration file or the default. Each wins over those
after it.

  ark-server config print --config=ark.yaml
  ark-server config print -o yaml

Without -o the output is a configuration file itself. Passwords are not shown.`

func newConfigCommand() *cobra.Command {
	return parent("config", "config print", "Print the effective settings, and where each is from", aboutConfig, newConfigPrintCommand())
}

func newConfigPrintCommand() *cobra.Command {
	o := newOptions()
	output := "text"
	own := group(ownFlags, func(fs *pflag.FlagSet) {
		fs.StringVarP(&output, "output", "o", output, "`text|yaml|json`: text is a configuration file, the others have a value and a source for each flag")
	})
	groups := o.flagGroups()
	return withFlags(&cobra.Command{
		Use:   "print",
		Short: "Print the effective settings, and where each is from",
		Long:  aboutConfig,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.locate(cmd); err != nil {
				return err
			}
			if err := checkValue("output", output, "text", "yaml", "json"); err != nil {
				return usageError{err}
			}
			// The settings are printed even if they are invalid.
			fault := o.validate()
			err := printSettings(cmd.OutOrStdout(), o.effective(groups), output)
			if err == nil && fault != nil {
				err = usageError{fault}
			}
			return err
		},
	}, append([]flagGroup{own}, groups...)...)
}

// setting is the effective value of a flag.
type setting struct {
	name   string
	Value  any    `json:"value"`
	Source string `json:"source"`
}

// effective returns the settings of the flags of the groups, in the order of the groups.
func (o *options) effective(groups []flagGroup) []setting {
	var all []setting
	for _, g := range groups {
		g.flags.VisitAll(func(f *pflag.Flag) {
			if f.Hidden && !f.Changed {
				return
			}
			s := setting{f.Name, withoutPasswords(valueOf(f)), fromDefault}
			if from, ok := o.sources[f.Name]; ok {
				s.Source = from.place
			} else if value, why := o.derived(f.Name); why != "" {
				s.Value, s.Source = value, fromDefault+", "+why
			}
			all = append(all, s)
		})
	}
	return all
}

// derived returns the default of a flag that follows from other flags, and the reason. The value is
// "" if the flag has no derived default.
func (o *options) derived(flag string) (value, why string) {
	where := "next to the database"
	switch {
	case o.dataDir != "":
		where = "in --data-dir"
	case o.storage != storageSQLite:
		where = "in the working folder"
	}
	switch {
	case flag == "db-path" && o.dataDir != "" && o.storage == storageSQLite:
		return o.dbPath, where
	case flag == "bind-address" && o.mode == modeAggregated:
		return o.bindAddress, "of --mode=" + o.mode
	case flag == "engine" && o.mode == modeAggregated:
		return o.engine.engine, "of --mode=" + o.mode
	case flag == "keys-dir" && o.mode == modeStandalone:
		return o.keys(), where
	case flag == "kubeconfig-out" && o.mode == modeStandalone:
		return o.kubeconfig(), where
	case flag == "mark-dir" && o.onServer() && o.markFolder() != "":
		return o.markFolder(), where
	}
	return "", ""
}

// valueOf returns the value of a flag in the type that YAML and JSON use for it.
func valueOf(f *pflag.Flag) any {
	text := f.Value.String()
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return append([]string{}, list.GetSlice()...)
	}
	switch f.Value.Type() {
	case "bool":
		return text == "true"
	case "int", "int32", "int64":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case "float32", "float64":
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
	}
	return text
}

// password matches the password in a URL or a DSN. A password does not belong in a flag; if a flag
// contains one, it must not be printed.
var password = regexp.MustCompile(`(^|//|[\s,])([^\s:/@,]*):([^\s@]+)@`)

func withoutPasswords(value any) any {
	hide := func(text string) string { return password.ReplaceAllString(text, "$1$2:****@") }
	switch v := value.(type) {
	case string:
		return hide(v)
	case []string:
		for i := range v {
			v[i] = hide(v[i])
		}
	}
	return value
}

func printSettings(out io.Writer, all []setting, output string) error {
	if output == "json" {
		byName := map[string]setting{}
		for _, s := range all {
			byName[s.name] = s
		}
		return printJSON(out, byName)
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range all {
		value := &yaml.Node{}
		if err := value.Encode(s.Value); err != nil {
			return fmt.Errorf("print %s: %w", s.name, err)
		}
		if value.Kind == yaml.SequenceNode {
			value.Style = yaml.FlowStyle
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: s.name}
		if output == "text" {
			value.LineComment = s.Source
			root.Content = append(root.Content, key, value)
			continue
		}
		from := &yaml.Node{Kind: yaml.ScalarNode, Value: s.Source, Tag: "!!str"}
		pair := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			{Kind: yaml.ScalarNode, Value: "value"}, value, {Kind: yaml.ScalarNode, Value: "source"}, from,
		}}
		root.Content = append(root.Content, key, pair)
	}
	if output == "text" && os.Getenv(passwordVariable) != "" {
		root.FootComment = passwordVariable + " is set in the environment, and not shown"
	}
	encoder := yaml.NewEncoder(out)
	encoder.SetIndent(2)
	return errors.Join(encoder.Encode(root), encoder.Close())
}
