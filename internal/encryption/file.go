package encryption

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// FileName is that of the file in the folder of a server's keys.
const FileName = "encryption.yaml"

// keyBytes is the length of a key of secretbox.
const keyBytes = 32

// header is what a file begins with that this package writes.
const header = `# The keys of the Secrets in the database: without them, nobody can read the Secrets again, in backups neither.
# The first one encrypts, all of them decrypt. ark-server secrets rotate-key adds one.
`

// Ensure makes a file with a new key for Secrets, if there is none. It is secretbox of the
// Kubernetes API server: unlike aesgcm, a key of it may encrypt any number of values.
func Ensure(path string, now time.Time) error {
	content, err := privatefile.Read(path)
	if err != nil {
		return fmt.Errorf("read the keys of Secrets: %w", err)
	}
	if len(content) > 0 {
		return nil
	}
	if err := privatefile.MakeFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("make the folder for the server's keys: %w", err)
	}
	text, err := encode(&apiserverv1.EncryptionConfiguration{Resources: []apiserverv1.ResourceConfiguration{{
		Resources: []string{secrets.String()},
		Providers: []apiserverv1.ProviderConfiguration{
			{Secretbox: &apiserverv1.SecretboxConfiguration{Keys: []apiserverv1.Key{newKey(now)}}},
			{Identity: &apiserverv1.IdentityConfiguration{}},
		},
	}}})
	if err != nil {
		return err
	}
	if content != nil {
		return privatefile.Write(path, text)
	}
	if err := privatefile.Create(path, text); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil // another server that shares the folder was faster
}

func newKey(now time.Time) apiserverv1.Key {
	random := make([]byte, 4+keyBytes)
	_, _ = rand.Read(random) // it never fails
	return apiserverv1.Key{
		Name:   "key-" + now.UTC().Format("20060102") + "-" + hex.EncodeToString(random[:4]),
		Secret: base64.StdEncoding.EncodeToString(random[4:]),
	}
}

func write(path string, config *apiserverv1.EncryptionConfiguration) error {
	text, err := encode(config)
	if err != nil {
		return err
	}
	return privatefile.Write(path, text)
}

func encode(config *apiserverv1.EncryptionConfiguration) ([]byte, error) {
	config.TypeMeta = metav1.TypeMeta{APIVersion: apiserverv1.SchemeGroupVersion.String(), Kind: "EncryptionConfiguration"}
	text, err := yaml.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode the keys of Secrets: %w", err)
	}
	return append([]byte(header), text...), nil
}

// ErrNotMade is Rotate's answer for a file that Ensure has not made.
var ErrNotMade = errors.New("it is not the server's own file with keys of secretbox for Secrets: add a key there by hand")

// Rotate adds a key to the file that Ensure made, and returns its name. The new key encrypts once
// every server that uses the file can decrypt with it: settle is called in between, and returns
// when that is so.
func Rotate(path string, now time.Time, settle func() error) (string, error) {
	config, keys, err := readOwn(path)
	if err != nil {
		return "", err
	}
	added := newKey(now)
	*keys = append(*keys, added)
	if err := write(path, config); err != nil {
		return "", err
	}
	if err := settle(); err != nil {
		return "", err
	}
	// Somebody may have changed it meanwhile.
	if config, keys, err = readOwn(path); err != nil {
		return "", err
	}
	*keys = slices.DeleteFunc(*keys, func(k apiserverv1.Key) bool { return k.Name == added.Name })
	*keys = slices.Insert(*keys, 0, added)
	return added.Name, write(path, config)
}

// readOwn reads a file that Ensure has made, and returns where its keys are.
func readOwn(path string) (*apiserverv1.EncryptionConfiguration, *[]apiserverv1.Key, error) {
	text, err := privatefile.Read(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the keys of Secrets: %w", err)
	}
	if len(text) == 0 {
		return nil, nil, errors.New("there is no such file: start the server first, it makes one")
	}
	config := &apiserverv1.EncryptionConfiguration{}
	if err := yaml.UnmarshalStrict(text, config); err != nil {
		return nil, nil, errors.New("it is no EncryptionConfiguration") // the error might quote a key
	}
	if len(config.Resources) != 1 || len(config.Resources[0].Providers) == 0 || config.Resources[0].Providers[0].Secretbox == nil {
		return nil, nil, ErrNotMade
	}
	return config, &config.Resources[0].Providers[0].Secretbox.Keys, nil
}
