package component

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// CRDs is the folder with the Ark kinds as CRDs, which lies beside the repository.
func CRDs() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "..", "shared", "ark-api", "crds")
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("no CRDs at %s: the comparison with a real kube-apiserver needs the folder shared/ark-api beside the repository: %w", dir, err)
	}
	return dir, nil
}

// InstallCRDs creates every CRD of the folder and waits until each resource can be listed.
func InstallCRDs(ctx context.Context, config *rest.Config, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("find CRDs in %s: none there: %w", dir, errors.Join(err, os.ErrNotExist))
	}
	client, err := RawClient(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, crdTimeout)
	defer cancel()
	var paths []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read a CRD: %w", err)
		}
		body, err := yaml.YAMLToJSON(text)
		if err != nil {
			return fmt.Errorf("parse %s: %w", file, err)
		}
		var crd struct {
			Spec struct {
				Group    string
				Names    struct{ Plural string }
				Versions []struct{ Name string }
			}
		}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return fmt.Errorf("parse %s: %w", file, err)
		}
		for _, v := range crd.Spec.Versions {
			paths = append(paths, fmt.Sprintf("/apis/%s/%s/%s?limit=1", crd.Spec.Group, v.Name, crd.Spec.Names.Plural))
		}
		const resource = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
		if err := client.Post().AbsPath(resource).SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error(); err != nil {
			return fmt.Errorf("create the CRD of %s: %w", file, err)
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
