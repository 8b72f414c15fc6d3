package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"
)

// TestLibrariesLog checks that records of the Kubernetes libraries keep their severity, and are
// filtered like the server's own.
func TestLibrariesLog(t *testing.T) {
	text := logged(t, func() {
		o := newOptions()
		o.logLevel = "warn"
		l, err := setUpLogging(o)
		if err != nil {
			t.Fatal(err)
		}
		stopped, stop := context.WithCancel(t.Context())
		l.until(stopped)
		stop()
		klog.Errorf("a: %v", context.Canceled)
		klog.Warningf("watchers end")
		klog.ErrorS(errors.New("time to stop"), "a lease")
		klog.ErrorS(nil, "Observed a panic")
		l.until(t.Context())
		klog.Infof("not %s", "shown")
		klog.V(4).Info("not shown")
		klog.InfoS("not shown")
		klog.ErrorS(errors.New("no key"), failedToDecrypt)
		klog.ErrorS(apierrors.NewConflict(schema.GroupResource{Resource: "resourcequotas"}, "q", errors.New("modified")), "to be tried again")
		klog.Warningf("a [warning] %d", 1)
		klog.Warningln("with", "two words")
		klog.Errorf("an %s", "error")
		klog.ErrorS(errors.New("cause"), "structured", "key", "value")
	})
	want := []string{
		`level=ERROR msg="Observed a panic"`,
		`level=WARN msg="a [warning] 1"`, `level=WARN msg="with two words"`,
		`level=ERROR msg="an error"`, `level=ERROR msg=structured err=cause key=value`,
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got\n%s", text)
	}
	for i, line := range lines {
		if !strings.HasSuffix(line, want[i]) {
			t.Errorf("got %q, want %q", line, want[i])
		}
	}
}
