package standalone

import (
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// TestAbsentKinds: what only a cluster has is not found, with a sentence why; other paths and
// methods are answered as they were, and nobody learns more than they may.
func TestAbsentKinds(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	sentence := func(resource string) string {
		return "this server has no " + resource + ": it is a standalone Ark server"
	}
	check := func(what string, err error, resource string) {
		t.Helper()
		if !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), sentence(resource)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := r.core.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
	check("list pods", err, "pods")
	_, err = r.core.CoreV1().Pods("default").Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "one"}}, metav1.CreateOptions{})
	check("create a pod", err, "pods")
	_, err = r.core.CoreV1().Pods("default").Get(ctx, "one", metav1.GetOptions{})
	check("get a pod", err, "pods")
	_, err = r.core.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	check("watch nodes", err, "nodes")
	err = r.core.AppsV1().Deployments("default").Delete(ctx, "one", metav1.DeleteOptions{})
	check("delete a deployment", err, "deployments.apps")
	_, err = r.core.BatchV1().CronJobs("").List(ctx, metav1.ListOptions{})
	check("list cron jobs", err, "cronjobs.batch")
	_, err = r.core.NetworkingV1().Ingresses("default").List(ctx, metav1.ListOptions{})
	check("list ingresses", err, "ingresses.networking.k8s.io")
	_, err = r.acting(t, "nobody").CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("without the right: %v", err)
	}
	groups, err := r.core.Discovery().ServerGroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups.Groups {
		for _, name := range absentGroups {
			if group.Name == name {
				t.Errorf("discovery has %s", name)
			}
		}
	}

	transport, err := rest.TransportFor(r.config)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/apis/apps/v1": 404, "/apis/apps": 404, "/nothing": 404, "/api/v1/nothings": 404, "/api/v1/pods": 404, "/api/v1/namespaces/default/configmaps": 200,
	} {
		response, err := (&http.Client{Transport: transport}).Get(r.config.Host + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if explained := strings.Contains(string(text), "standalone Ark server"); response.StatusCode != want || explained != (path == "/api/v1/pods") {
			t.Errorf("%s: %d %s", path, response.StatusCode, text)
		}
	}
}
