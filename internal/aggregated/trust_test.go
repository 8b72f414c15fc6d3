package aggregated

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/fake"
)

// The authorities are known before anything follows them, so that the first request finds them, and
// followed from then on.
func TestTrustFromTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, next := authority(t, "first"), authority(t, "next")
	published := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: trustNamespace, Name: trustConfigMap}, Data: map[string]string{
		clientCAKey: first, proxyCAKey: first, "requestheader-allowed-names": `["front-proxy"]`,
		"requestheader-username-headers": `["X-Remote-User"]`, "requestheader-group-headers": `["X-Remote-Group"]`, "requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
	}}
	client := fake.NewClientset(published)
	trust, err := readTrust(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	clients, err := newClientCA(client, trust[clientCAKey])
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := newFrontProxy(ctx, client, trust[proxyCAKey])
	if err != nil {
		t.Fatal(err)
	}
	type believed interface {
		CurrentCABundleContent() []byte
		VerifyOptions() (x509.VerifyOptions, bool)
		Run(ctx context.Context, workers int)
	}
	both := map[string]believed{"clients": clients, "proxy": proxy}
	for name, b := range both {
		if _, known := b.VerifyOptions(); !known || string(b.CurrentCABundleContent()) != first {
			t.Errorf("%s: the authority is unknown before anything follows it", name)
		}
	}
	if got := proxy.AllowedClientNames(); len(got) != 1 || got[0] != "front-proxy" {
		t.Errorf("the front proxy's names are %q", got)
	}

	for _, b := range both {
		go b.Run(ctx, 1) // ends with the context
	}
	published = published.DeepCopy()
	published.Data[clientCAKey], published.Data[proxyCAKey] = next, next
	if _, err := client.CoreV1().ConfigMaps(trustNamespace).Update(ctx, published, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, b := range both {
		err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			return bytes.Equal(b.CurrentCABundleContent(), []byte(next)), nil
		})
		if err != nil {
			t.Errorf("%s: the new authority is not believed: %v", name, err)
		}
	}
}

// A cluster that publishes nobody has nobody believed.
func TestTrustNobody(t *testing.T) {
	client := fake.NewClientset()
	trust, err := readTrust(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	clients, err := newClientCA(client, trust[clientCAKey])
	if err != nil {
		t.Fatal(err)
	}
	if _, known := clients.VerifyOptions(); known || clients.CurrentCABundleContent() != nil {
		t.Error("somebody is believed")
	}
	if _, err := newClientCA(client, "no certificate"); err == nil {
		t.Error("no error for what is no certificate")
	}
}

func authority(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
