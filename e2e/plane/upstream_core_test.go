package plane

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// isTrue is an error with a text unless a condition holds.
func isTrue(condition bool, format string, args ...any) error {
	if condition {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// notFound is nil where an object is gone.
func notFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("it is not gone: %w", err)
}

// want fails the case unless a condition holds.
func (c *trial) want(condition bool, format string, args ...any) {
	c.Helper()
	if !condition {
		c.Errorf(format, args...)
	}
}

// expect reads a watch up to an event of a type for an object.
func (c *trial) expect(w watch.Interface, kind watch.EventType, name string) metav1.Object {
	c.Helper()
	deadline := time.After(patience)
	for {
		select {
		case event, open := <-w.ResultChan():
			if !open {
				c.Fatal("the watch ended")
			}
			o, isObject := event.Object.(metav1.Object)
			if !isObject {
				c.Fatalf("the watch says %v", event.Object)
			}
			if o.GetName() != name {
				continue
			}
			if event.Type != kind {
				c.Fatalf("%s of %s, want %s", event.Type, name, kind)
			}
			return o
		case <-deadline:
			c.Fatalf("no %s of %s", kind, name)
		}
	}
}

func (c *trial) configMap(name string, labels, data map[string]string) *corev1.ConfigMap {
	c.Helper()
	made, err := c.core.CoreV1().ConfigMaps(c.ns).Create(c.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Data: data}, metav1.CreateOptions{})
	c.must("create a config map", err)
	return made
}

var (
	create = metav1.CreateOptions{}
	read   = metav1.GetOptions{}
	change = metav1.UpdateOptions{}
	erase  = metav1.DeleteOptions{}
)

func authCases() upstreamFile {
	return upstreamFile{"auth/service_accounts.go", append([]upstreamCase{
		{name: "no secret-based service account token should be auto-generated", run: func(c *trial) {
			c.until("the account default is there", func() error {
				account, err := c.core.CoreV1().ServiceAccounts(c.ns).Get(c.Context(), "default", read)
				if err == nil {
					err = isTrue(len(account.Secrets) == 0, "it has the secrets %v", account.Secrets)
				}
				return err
			})
			secrets, err := c.core.CoreV1().Secrets(c.ns).List(c.Context(), metav1.ListOptions{})
			c.must("list secrets", err)
			c.want(len(secrets.Items) == 0, "there are secrets %v", secrets.Items)
		}},
		{name: "ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer", stands: "the test itself reads the documents, with the account's token", run: func(c *trial) {
			client, token := c.account(c.T, c.ns, "reader")
			_, err := c.core.RbacV1().ClusterRoleBindings().Create(c.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: c.ns},
				RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:service-account-issuer-discovery"},
				Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "reader", Namespace: c.ns}}}, create)
			c.must("bind the role", err)
			var found struct {
				Issuer string
				JWKS   string `json:"jwks_uri"`
			}
			c.until("the account reads the issuer", func() error {
				text, err := client.CoreV1().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(c.Context())
				if err != nil {
					return err
				}
				return json.Unmarshal(text, &found)
			})
			claims := claimsOf(c, token)
			c.want(found.Issuer != "" && claims["iss"] == found.Issuer && strings.HasSuffix(found.JWKS, "/openid/v1/jwks"), "%+v, the token is of %v", found, claims["iss"])
			keys, err := client.CoreV1().RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(c.Context())
			c.want(err == nil && strings.Contains(string(keys), `"kty"`), "%s, %v", keys, err)
		}},
		{name: "should run through the lifecycle of a ServiceAccount", run: func(c *trial) {
			accounts := c.core.CoreV1().ServiceAccounts(c.ns)
			labels := map[string]string{"life": c.ns}
			w, err := accounts.Watch(c.Context(), metav1.ListOptions{LabelSelector: "life=" + c.ns})
			c.must("watch", err)
			defer w.Stop()
			made, err := accounts.Create(c.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "life", Labels: labels}}, create)
			c.must("create", err)
			c.expect(w, watch.Added, "life")
			patched, err := accounts.Patch(c.Context(), "life", types.StrategicMergePatchType, []byte(`{"automountServiceAccountToken":false}`), metav1.PatchOptions{})
			c.must("patch", err)
			c.want(patched.UID == made.UID && patched.ResourceVersion != made.ResourceVersion, "patched to %v", patched)
			c.expect(w, watch.Modified, "life")
			list, err := c.core.CoreV1().ServiceAccounts("").List(c.Context(), metav1.ListOptions{LabelSelector: "life=" + c.ns})
			c.want(err == nil && len(list.Items) == 1 && !*list.Items[0].AutomountServiceAccountToken, "%v, %v", list, err)
			c.must("delete all", accounts.DeleteCollection(c.Context(), erase, metav1.ListOptions{LabelSelector: "life=" + c.ns}))
			c.expect(w, watch.Deleted, "life")
		}},
		{name: "should update a ServiceAccount", run: func(c *trial) {
			accounts, no, yes := c.core.CoreV1().ServiceAccounts(c.ns), false, true
			made, err := accounts.Create(c.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "one"}, AutomountServiceAccountToken: &no}, create)
			c.must("create", err)
			made.AutomountServiceAccountToken = &yes
			updated, err := accounts.Update(c.Context(), made, change)
			c.want(err == nil && *updated.AutomountServiceAccountToken, "%v, %v", updated, err)
		}},
		{name: "should create a serviceAccountToken and ensure a successful TokenReview", run: func(c *trial) {
			_, token := c.account(c.T, c.ns, "one")
			review, err := c.core.AuthenticationV1().TokenReviews().Create(c.Context(), &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, create)
			c.want(err == nil && review.Status.Authenticated && review.Status.Error == "" && review.Status.User.Username == "system:serviceaccount:"+c.ns+":one", "%+v, %v", review, err)
		}},
	}, append(left(noPods, "should mount an API token into pods", "should allow opting out of API token automount", "should mount projected service account token",
		"should set ownership and permission when RunAsUser or FsGroup is present [LinuxOnly]", "should set ownership when DefaultUser or User is present [LinuxOnly]",
		"should support InClusterConfig with token rotation"),
		left("no pod mounts it; the kubeconfig has the authority's certificate", "should guarantee kube-root-ca.crt exist in any namespace")...)...)}
}

func certificateCases() upstreamFile {
	return upstreamFile{"auth/certificates.go", left(noCertsAPI, "should support building a client with a CSR", "should support CSR API operations")}
}

func reviewCases() upstreamFile {
	return upstreamFile{"auth/subjectreviews.go", []upstreamCase{{name: "should support SubjectReview API operations", run: func(c *trial) {
		who := "system:serviceaccount:" + c.ns + ":one"
		client, _ := c.account(c.T, c.ns, "one", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}})
		for resource, want := range map[string]bool{"configmaps": true, "secrets": false} {
			a := &authorizationv1.ResourceAttributes{Namespace: c.ns, Verb: "list", Resource: resource}
			c.until("the reviews agree on "+resource, func() error {
				of, err := c.core.AuthorizationV1().SubjectAccessReviews().Create(c.Context(), &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: who, ResourceAttributes: a}}, create)
				if err != nil {
					return err
				}
				local, err := c.core.AuthorizationV1().LocalSubjectAccessReviews(c.ns).Create(c.Context(), &authorizationv1.LocalSubjectAccessReview{
					ObjectMeta: metav1.ObjectMeta{Namespace: c.ns}, Spec: authorizationv1.SubjectAccessReviewSpec{User: who, ResourceAttributes: a}}, create)
				if err != nil {
					return err
				}
				own, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(c.Context(), &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: a}}, create)
				if err != nil {
					return err
				}
				_, err = client.CoreV1().RESTClient().Get().Namespace(c.ns).Resource(resource).DoRaw(c.Context())
				got := []bool{of.Status.Allowed, local.Status.Allowed, own.Status.Allowed, err == nil}
				return isTrue(got[0] == want && got[1] == want && got[2] == want && got[3] == want, "got %v", got)
			})
		}
	}}}}
}

func selfReviewCases() upstreamFile {
	return upstreamFile{"auth/selfsubjectreviews.go", []upstreamCase{{name: "should support SelfSubjectReview API operations", run: func(c *trial) {
		me, err := c.core.AuthenticationV1().SelfSubjectReviews().Create(c.Context(), &authenticationv1.SelfSubjectReview{}, create)
		c.want(err == nil && me.Status.UserInfo.Username == "ark-admin", "%+v, %v", me, err)
		config := rest.CopyConfig(c.config)
		config.Impersonate = rest.ImpersonationConfig{UserName: "jane", UID: "7", Groups: []string{"team"}, Extra: map[string][]string{"example.com/scopes": {"view"}}}
		other := c.clientOf(config)
		them, err := other.AuthenticationV1().SelfSubjectReviews().Create(c.Context(), &authenticationv1.SelfSubjectReview{}, create)
		c.must("review", err)
		u := them.Status.UserInfo
		c.want(u.Username == "jane" && u.UID == "7" && u.Groups[0] == "team" && u.Extra["example.com/scopes"][0] == "view", "%+v", u)
	}}}}
}

func configMapCases() upstreamFile {
	cases := []upstreamCase{
		{name: "should fail to create ConfigMap with empty key", run: func(c *trial) {
			_, err := c.core.CoreV1().ConfigMaps(c.ns).Create(c.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Data: map[string]string{"": "x"}}, create)
			c.want(apierrors.IsInvalid(err), "%v", err)
		}},
		{name: "should update ConfigMap successfully", run: func(c *trial) {
			made := c.configMap("one", nil, map[string]string{"a": "1"})
			made.Data = map[string]string{"data": "value"}
			_, err := c.core.CoreV1().ConfigMaps(c.ns).Update(c.Context(), made, change)
			c.must("update", err)
			got, err := c.core.CoreV1().ConfigMaps(c.ns).Get(c.Context(), "one", read)
			c.want(err == nil && len(got.Data) == 1 && got.Data["data"] == "value", "%v, %v", got, err)
		}},
		{name: "should run through a ConfigMap lifecycle", run: func(c *trial) {
			c.configMap("one", map[string]string{"life": c.ns}, map[string]string{"a": "1"})
			maps := c.core.CoreV1().ConfigMaps(c.ns)
			_, err := maps.Patch(c.Context(), "one", types.StrategicMergePatchType, []byte(`{"metadata":{"labels":{"patched":"yes"}},"data":{"a":"2"}}`), metav1.PatchOptions{})
			c.must("patch", err)
			list, err := c.core.CoreV1().ConfigMaps("").List(c.Context(), metav1.ListOptions{LabelSelector: "life=" + c.ns})
			c.want(err == nil && len(list.Items) == 1 && list.Items[0].Data["a"] == "2" && list.Items[0].Labels["patched"] == "yes", "%v, %v", list, err)
			c.must("delete", maps.DeleteCollection(c.Context(), erase, metav1.ListOptions{LabelSelector: "life=" + c.ns}))
			list, err = maps.List(c.Context(), metav1.ListOptions{LabelSelector: "life=" + c.ns})
			c.want(err == nil && len(list.Items) == 0, "%v, %v", list, err)
		}},
	}
	return upstreamFile{"common/node/configmap.go", append(cases, left(noPods, "should be consumable via environment variable", "should be consumable via the environment",
		"should be consumable as environment variable names with various prefixes")...)}
}

func secretCases() upstreamFile {
	cases := []upstreamCase{
		{name: "should fail to create secret due to empty secret key", run: func(c *trial) {
			_, err := c.core.CoreV1().Secrets(c.ns).Create(c.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Data: map[string][]byte{"": []byte("x")}}, create)
			c.want(apierrors.IsInvalid(err), "%v", err)
		}},
		{name: "should patch a secret", run: func(c *trial) {
			secrets := c.core.CoreV1().Secrets(c.ns)
			_, err := secrets.Create(c.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "one", Labels: map[string]string{"life": c.ns}}, Data: map[string][]byte{"key": []byte("value")}}, create)
			c.must("create", err)
			_, err = secrets.Patch(c.Context(), "one", types.StrategicMergePatchType, []byte(`{"metadata":{"labels":{"patched":"yes"}},"data":{"key":"dmFsdWUx"}}`), metav1.PatchOptions{})
			c.must("patch", err)
			got, err := secrets.Get(c.Context(), "one", read)
			c.want(err == nil && string(got.Data["key"]) == "value1", "%v", err)
			c.must("delete", secrets.DeleteCollection(c.Context(), erase, metav1.ListOptions{LabelSelector: "life=" + c.ns}))
			_, err = secrets.Get(c.Context(), "one", read)
			c.want(apierrors.IsNotFound(err), "%v", err)
		}},
	}
	return upstreamFile{"common/node/secrets.go", append(cases, left(noPods, "should be consumable from pods in env vars", "should be consumable via the environment",
		"should be consumable as environment variable names variable names with various prefixes")...)}
}

func leaseCases() upstreamFile {
	return upstreamFile{"common/node/lease.go", []upstreamCase{{name: "lease API should be available", run: func(c *trial) {
		leases := c.core.CoordinationV1().Leases(c.ns)
		holder, seconds, at := "holder", int32(30), metav1.NewMicroTime(time.Unix(1000, 5000))
		spec := coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, AcquireTime: &at, RenewTime: &at}
		made, err := leases.Create(c.Context(), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Spec: spec}, create)
		c.must("create", err)
		c.want(*made.Spec.HolderIdentity == holder && made.Spec.RenewTime.Equal(&at), "%v", made)
		second := "second"
		made.Spec.HolderIdentity = &second
		made, err = leases.Update(c.Context(), made, change)
		c.want(err == nil && *made.Spec.HolderIdentity == second, "%v, %v", made, err)
		patched, err := leases.Patch(c.Context(), "one", types.StrategicMergePatchType, []byte(`{"spec":{"holderIdentity":"third","leaseTransitions":2}}`), metav1.PatchOptions{})
		c.want(err == nil && *patched.Spec.HolderIdentity == "third" && *patched.Spec.LeaseTransitions == 2 && patched.ResourceVersion != made.ResourceVersion, "%v, %v", patched, err)
		_, err = leases.Create(c.Context(), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "two", Labels: map[string]string{"go": "yes"}}, Spec: spec}, create)
		c.must("create another", err)
		c.must("delete by label", leases.DeleteCollection(c.Context(), erase, metav1.ListOptions{LabelSelector: "go=yes"}))
		list, err := leases.List(c.Context(), metav1.ListOptions{})
		c.want(err == nil && len(list.Items) == 1 && list.Items[0].Name == "one", "%v, %v", list, err)
		c.must("delete", leases.Delete(c.Context(), "one", erase))
		_, err = leases.Get(c.Context(), "one", read)
		c.want(apierrors.IsNotFound(err), "%v", err)
	}}}}
}

func (c *trial) event(name string) *corev1.Event {
	return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"set": c.ns}}, Message: "This is " + name, Reason: "Test", Type: "Normal", Count: 1,
		InvolvedObject: corev1.ObjectReference{Namespace: c.ns}}
}

func coreEventCases() upstreamFile {
	return upstreamFile{"instrumentation/core_events.go", []upstreamCase{
		{name: "should manage the lifecycle of an event", run: func(c *trial) {
			events := c.core.CoreV1().Events(c.ns)
			_, err := events.Create(c.Context(), c.event("one"), create)
			c.must("create", err)
			_, err = events.Patch(c.Context(), "one", types.StrategicMergePatchType, []byte(`{"message":"patched"}`), metav1.PatchOptions{})
			c.must("patch", err)
			list, err := c.core.CoreV1().Events("").List(c.Context(), metav1.ListOptions{LabelSelector: "set=" + c.ns})
			c.want(err == nil && len(list.Items) == 1 && list.Items[0].Message == "patched", "%v, %v", list, err)
			got, err := events.Get(c.Context(), "one", read)
			c.must("get", err)
			got.Series, got.ResourceVersion = &corev1.EventSeries{Count: 100, LastObservedTime: metav1.NewMicroTime(time.Unix(1505828956, 0))}, ""
			got, err = events.Update(c.Context(), got, change)
			c.want(err == nil && got.Series != nil && got.Series.Count == 100, "%v, %v", got, err)
			c.must("delete", events.Delete(c.Context(), "one", erase))
			list, err = c.core.CoreV1().Events("").List(c.Context(), metav1.ListOptions{LabelSelector: "set=" + c.ns})
			c.want(err == nil && len(list.Items) == 0, "%v, %v", list, err)
		}},
		{name: "should delete a collection of events", run: func(c *trial) {
			events := c.core.CoreV1().Events(c.ns)
			for i := range 3 {
				_, err := events.Create(c.Context(), c.event(fmt.Sprint("event-", i)), create)
				c.must("create", err)
			}
			list, err := events.List(c.Context(), metav1.ListOptions{LabelSelector: "set=" + c.ns})
			c.want(err == nil && len(list.Items) == 3, "%v, %v", list, err)
			c.must("delete", events.DeleteCollection(c.Context(), erase, metav1.ListOptions{LabelSelector: "set=" + c.ns}))
			list, err = events.List(c.Context(), metav1.ListOptions{LabelSelector: "set=" + c.ns})
			c.want(err == nil && len(list.Items) == 0, "%v, %v", list, err)
		}},
	}}
}

func eventCases() upstreamFile {
	of := func(c *trial, name string) *eventsv1.Event {
		return &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"set": c.ns}}, EventTime: metav1.NewMicroTime(time.Unix(1505828956, 0)),
			Action: "Do", Reason: "Test", Note: "This is " + name, Type: "Normal", ReportingController: "test-controller", ReportingInstance: "test-node", Regarding: corev1.ObjectReference{Namespace: c.ns}}
	}
	return upstreamFile{"instrumentation/events.go", []upstreamCase{
		{name: "should ensure that an event can be fetched, patched, deleted, and listed", run: func(c *trial) {
			events := c.core.EventsV1().Events(c.ns)
			_, err := events.Create(c.Context(), of(c, "one"), create)
			c.must("create", err)
			list, err := c.core.EventsV1().Events("").List(c.Context(), metav1.ListOptions{LabelSelector: "set=" + c.ns})
			c.want(err == nil && len(list.Items) == 1, "%v, %v", list, err)
			_, err = events.Patch(c.Context(), "one", types.StrategicMergePatchType, []byte(`{"series":{"count":100,"lastObservedTime":"2017-09-19T13:49:16.000000Z"}}`), metav1.PatchOptions{})
			c.must("patch", err)
			got, err := events.Get(c.Context(), "one", read)
			c.want(err == nil && got.Series != nil && got.Series.Count == 100 && got.Note == "This is one", "%v, %v", got, err)
			got.Series.Count = 101
			_, err = events.Update(c.Context(), got, change)
			c.must("update", err)
			c.must("delete", events.Delete(c.Context(), "one", erase))
			_, err = events.Get(c.Context(), "one", read)
			c.must("get after the end", notFound(err))
		}},
		{name: "should delete a collection of events", run: func(c *trial) {
			events := c.core.EventsV1().Events(c.ns)
			for i := range 3 {
				_, err := events.Create(c.Context(), of(c, fmt.Sprint("event-", i)), create)
				c.must("create", err)
			}
			c.must("delete", events.DeleteCollection(c.Context(), erase, metav1.ListOptions{LabelSelector: "set=" + c.ns}))
			list, err := events.List(c.Context(), metav1.ListOptions{})
			c.want(err == nil && len(list.Items) == 0, "%v, %v", list, err)
		}},
	}}
}

func (c *trial) service(name string, spec corev1.ServiceSpec) *corev1.Service {
	c.Helper()
	spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80}}
	made, err := c.core.CoreV1().Services(c.ns).Create(c.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"set": c.ns}}, Spec: spec}, create)
	c.must("create a service", err)
	return made
}

func serviceCases() upstreamFile {
	return upstreamFile{"network/service.go, of those without pods", append([]upstreamCase{
		{name: "should find a service from listing all namespaces", run: func(c *trial) {
			c.service("one", corev1.ServiceSpec{})
			list, err := c.core.CoreV1().Services("").List(c.Context(), metav1.ListOptions{LabelSelector: "set=" + c.ns})
			c.want(err == nil && len(list.Items) == 1, "%v, %v", list, err)
		}},
		{name: "should complete a service status lifecycle", stands: "the service is of the type ClusterIP", run: func(c *trial) {
			services := c.core.CoreV1().Services(c.ns)
			w, err := services.Watch(c.Context(), metav1.ListOptions{LabelSelector: "set=" + c.ns})
			c.must("watch", err)
			defer w.Stop()
			c.service("one", corev1.ServiceSpec{})
			c.expect(w, watch.Added, "one")
			const condition = `{"metadata":{"annotations":{"patched":"yes"}},"status":{"conditions":[{"type":"StatusPatch","status":"True","reason":"E2E","message":"set","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}`
			patched, err := services.Patch(c.Context(), "one", types.MergePatchType, []byte(condition), metav1.PatchOptions{}, "status")
			c.want(err == nil && len(patched.Status.Conditions) == 1 && patched.Annotations["patched"] == "yes", "%v, %v", patched, err)
			c.expect(w, watch.Modified, "one")
			patched.Status.Conditions[0].Reason = "Updated"
			updated, err := services.UpdateStatus(c.Context(), patched, change)
			c.want(err == nil && updated.Status.Conditions[0].Reason == "Updated", "%v, %v", updated, err)
			c.expect(w, watch.Modified, "one")
			_, err = services.Patch(c.Context(), "one", types.StrategicMergePatchType, []byte(`{"metadata":{"labels":{"test-service":"patched"}}}`), metav1.PatchOptions{})
			c.must("patch", err)
			c.expect(w, watch.Modified, "one")
			c.must("delete", services.Delete(c.Context(), "one", erase))
			c.expect(w, watch.Deleted, "one")
		}},
		{name: "should delete a collection of services", run: func(c *trial) {
			for i := range 3 {
				c.service(fmt.Sprint("service-", i), corev1.ServiceSpec{})
			}
			services := c.core.CoreV1().Services(c.ns)
			c.must("delete", c.core.CoreV1().RESTClient().Delete().Namespace(c.ns).Resource("services").Param("labelSelector", "set="+c.ns).Do(c.Context()).Error())
			list, err := services.List(c.Context(), metav1.ListOptions{})
			c.want(err == nil && len(list.Items) == 0, "%v, %v", list, err)
		}},
		{name: "should be able to change the type from ExternalName to ClusterIP", stands: "without requests to the service", run: func(c *trial) {
			made := c.service("one", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "foo.example.com"})
			made.Spec.Type, made.Spec.ExternalName = corev1.ServiceTypeClusterIP, ""
			got, err := c.core.CoreV1().Services(c.ns).Update(c.Context(), made, change)
			c.want(err == nil && got.Spec.Type == corev1.ServiceTypeClusterIP, "%v, %v", got, err)
		}},
		{name: "should be able to change the type from ClusterIP to ExternalName", stands: "without requests to the service", run: func(c *trial) {
			made := c.service("one", corev1.ServiceSpec{})
			made.Spec.Type, made.Spec.ExternalName, made.Spec.ClusterIP, made.Spec.ClusterIPs = corev1.ServiceTypeExternalName, "foo.example.com", "", nil
			got, err := c.core.CoreV1().Services(c.ns).Update(c.Context(), made, change)
			c.want(err == nil && got.Spec.ExternalName == "foo.example.com", "%v, %v", got, err)
		}},
	}, left(noNetwork, "should be able to change the type from ExternalName to NodePort", "should be able to change the type from NodePort to ExternalName", "should prevent NodePort collisions",
		"should check NodePort out-of-range", "should release NodePorts on delete")...)}
}

func limitRangeCases() upstreamFile {
	cases := []upstreamCase{{name: "should list, patch and delete a LimitRange by collection", run: func(c *trial) {
		limits := c.core.CoreV1().LimitRanges(c.ns)
		_, err := limits.Create(c.Context(), &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: "one", Labels: map[string]string{"set": c.ns}}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{}}}, create)
		c.must("create", err)
		patched, err := limits.Patch(c.Context(), "one", types.StrategicMergePatchType, []byte(`{"metadata":{"labels":{"patched":"yes"}}}`), metav1.PatchOptions{})
		c.want(err == nil && patched.Labels["patched"] == "yes", "%v, %v", patched, err)
		list, err := c.core.CoreV1().LimitRanges("").List(c.Context(), metav1.ListOptions{LabelSelector: "set=" + c.ns})
		c.want(err == nil && len(list.Items) == 1, "%v, %v", list, err)
		c.must("delete", limits.DeleteCollection(c.Context(), erase, metav1.ListOptions{LabelSelector: "patched=yes"}))
		_, err = limits.Get(c.Context(), "one", read)
		c.must("get after the end", notFound(err))
	}}}
	return upstreamFile{"scheduling/limit_range.go", append(cases, left(noPods, "should create a LimitRange with defaults and ensure pod has those defaults applied.")...)}
}

func namespaceCases() upstreamFile {
	return upstreamFile{"apimachinery/namespace.go", append([]upstreamCase{
		{name: "should ensure that all services are removed when a namespace is deleted", run: func(c *trial) {
			c.service("one", corev1.ServiceSpec{})
			c.configMap("one", nil, nil)
			c.must("delete the namespace", c.core.CoreV1().Namespaces().Delete(c.Context(), c.ns, erase))
			c.until("the namespace is gone", func() error {
				_, err := c.core.CoreV1().Namespaces().Get(c.Context(), c.ns, read)
				return notFound(err)
			})
			_, err := c.core.CoreV1().Namespaces().Create(c.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.ns}}, create)
			c.must("create it again", err)
			list, err := c.core.CoreV1().Services(c.ns).List(c.Context(), metav1.ListOptions{})
			c.want(err == nil && len(list.Items) == 0, "%v, %v", list, err)
		}},
		{name: "should patch a Namespace", run: func(c *trial) {
			patched, err := c.core.CoreV1().Namespaces().Patch(c.Context(), c.ns, types.StrategicMergePatchType, []byte(`{"metadata":{"labels":{"testLabel":"testValue"}}}`), metav1.PatchOptions{})
			c.want(err == nil && patched.Labels["testLabel"] == "testValue", "%v, %v", patched, err)
		}},
		{name: "should apply changes to a namespace status", run: func(c *trial) {
			namespaces := c.core.CoreV1().Namespaces()
			const condition = `{"metadata":{"annotations":{"patched":"yes"}},"status":{"conditions":[{"type":"StatusPatch","status":"True","reason":"E2E","message":"Patched"}]}}`
			patched, err := namespaces.Patch(c.Context(), c.ns, types.MergePatchType, []byte(condition), metav1.PatchOptions{}, "status")
			c.must("patch the status", err)
			c.want(patched.Status.Phase == corev1.NamespaceActive && patched.Annotations["patched"] == "yes" && patched.Status.Conditions[0].Reason == "E2E", "%v", patched)
			patched.Status.Conditions = append(patched.Status.Conditions, corev1.NamespaceCondition{Type: "StatusUpdate", Status: corev1.ConditionTrue, Reason: "E2E", Message: "Updated"})
			updated, err := namespaces.UpdateStatus(c.Context(), patched, change)
			c.want(err == nil && len(updated.Status.Conditions) == 2, "%v, %v", updated, err)
		}},
		{name: "should apply an update to a Namespace", run: func(c *trial) {
			namespace, err := c.core.CoreV1().Namespaces().Get(c.Context(), c.ns, read)
			c.must("get", err)
			namespace.Labels[c.ns] = "updated"
			namespace, err = c.core.CoreV1().Namespaces().Update(c.Context(), namespace, change)
			c.want(err == nil && namespace.Labels[c.ns] == "updated", "%v, %v", namespace, err)
		}},
		{name: "should apply a finalizer to a Namespace", run: func(c *trial) {
			const finalizer corev1.FinalizerName = "e2e.example.com/fakeFinalizer"
			namespace, err := c.core.CoreV1().Namespaces().Get(c.Context(), c.ns, read)
			c.must("get", err)
			before := namespace.Spec.Finalizers
			namespace.Spec.Finalizers = append(before[:len(before):len(before)], finalizer)
			namespace, err = c.core.CoreV1().Namespaces().Finalize(c.Context(), namespace, change)
			c.must("add the finalizer", err)
			c.want(len(namespace.Spec.Finalizers) == len(before)+1, "%v", namespace.Spec)
			namespace.Spec.Finalizers = before
			namespace, err = c.core.CoreV1().Namespaces().Finalize(c.Context(), namespace, change)
			c.want(err == nil && len(namespace.Spec.Finalizers) == len(before), "%v, %v", namespace, err)
		}},
		{name: "should always delete fast (ALL of 100 namespaces in 150 seconds)", stands: "20 namespaces, with an Ark object in each", run: func(c *trial) {
			var names []string
			for range 20 {
				name := c.namespace(c.T)
				_, err := c.of(newQuery(name, "one", nil)).Create(c.Context(), newQuery(name, "one", nil), create)
				c.must("create a query", err)
				names = append(names, name)
			}
			for _, name := range names {
				c.must("delete a namespace", c.core.CoreV1().Namespaces().Delete(c.Context(), name, erase))
			}
			c.until("all are gone", func() error {
				var errs []error
				for _, name := range names {
					_, err := c.core.CoreV1().Namespaces().Get(c.Context(), name, read)
					errs = append(errs, notFound(err))
				}
				return errors.Join(errs...)
			})
		}},
	}, append(left(noPods, "should ensure that all pods are removed when a namespace is deleted", "namespace deletion should delete pod first"),
		left("the case above asks for more", "should delete fast enough (90 percent of 100 namespaces in 150 seconds)")...)...)}
}
