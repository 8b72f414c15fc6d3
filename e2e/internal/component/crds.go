package component

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// CRDs returns the CustomResourceDefinitions that ark-server crds prints, as YAML documents.
func CRDs(ctx context.Context) ([][]byte, error) {
	path, err := ServerBinary()
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "crds")
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run ark-server crds: %w: %s", err, stderr.String())
	}
	var documents [][]byte
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what ark-server crds prints: %w", err)
		}
		documents = append(documents, document)
	}
}

// InstallCRDs creates the CustomResourceDefinitions of the Ark kinds and waits until each resource
// can be listed.
func InstallCRDs(ctx context.Context, config *rest.Config) error {
	client, err := RawClient(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, crdTimeout)
	defer cancel()
	documents, err := CRDs(ctx)
	if err != nil {
		return err
	}
	var paths []string
	for _, text := range documents {
		body, err := yaml.YAMLToJSON(text)
		if err != nil {
			return fmt.Errorf("parse a CRD: %w", err)
		}
		var crd struct {
			Spec struct {
				Group    string
				Names    struct{ Plural string }
				Versions []struct{ Name string }
			}
		}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return fmt.Errorf("parse a CRD: %w", err)
		}
		for _, v := range crd.Spec.Versions {
			paths = append(paths, fmt.Sprintf("/apis/%s/%s/%s?limit=1", crd.Spec.Group, v.Name, crd.Spec.Names.Plural))
		}
		const resource = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
		err = client.Post().AbsPath(resource).Param("fieldValidation", "Strict").SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
		if err != nil {
			return fmt.Errorf("create the CRD of %s: %w", crd.Spec.Names.Plural, err)
		}
	}
	for _, path := range paths {
		for {
			err := client.Get().RequestURI(path).Do(ctx).Error()
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for a CRD to be served: %w", errors.Join(ctx.Err(), err))
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}
