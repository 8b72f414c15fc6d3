package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mckinsey/ark-server/internal/crds"
)

const aboutCRDs = `Print the CustomResourceDefinitions of the Ark kinds, as YAML.

A cluster that serves the kinds itself needs them: on the way back from
ark-server, and for tools that look for them. They hold the same schemas,
defaults, rules and columns as ark-server serves.

  ark-server crds | kubectl apply --server-side -f -
  ark-server crds > crds.yaml

In a cluster where ark-server serves the kinds, they have no effect until the
APIServices of ark-server are removed.`

func newCRDsCommand() *cobra.Command {
	return withFlags(&cobra.Command{
		Use:   "crds",
		Short: "Print the CustomResourceDefinitions of the Ark kinds",
		Long:  aboutCRDs,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := crds.YAML()
			if err != nil {
				return fmt.Errorf("print the definitions: %w", err)
			}
			if _, err := cmd.OutOrStdout().Write(text); err != nil {
				return fmt.Errorf("print the definitions: %w", err)
			}
			return nil
		},
	})
}
