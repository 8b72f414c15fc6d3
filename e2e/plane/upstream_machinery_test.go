package plane

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
)

// dependent makes an object with owners, of which a Query stands for a workload.
func (c *trial) dependent(name string, owners ...metav1.Object) *unstructured.Unstructured {
	c.Helper()
	o := newQuery(c.ns, name, nil)
	var refs []metav1.OwnerReference
	yes := true
	for _, owner := range owners {
		apiVersion, kind := "v1", "ConfigMap"
		if u, isQuery := owner.(*unstructured.Unstructured); isQuery {
			apiVersion, kind = u.GetAPIVersion(), u.GetKind()
		}
		refs = append(refs, metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: owner.GetName(), UID: owner.GetUID(), BlockOwnerDeletion: &yes})
	}
	o.SetOwnerReferences(refs)
	made, err := c.of(o).Create(c.Context(), o, create)
	c.must("create "+name, err)
	return made
}

func (c *trial) query(name string) (*unstructured.Unstructured, error) {
	return c.objects.Resource(queries).Namespace(c.ns).Get(c.Context(), name, read)
}

// cascade deletes an owner of three queries by a policy.
func cascade(policy metav1.DeletionPropagation, owner func(c *trial) metav1.Object) func(c *trial) {
	return func(c *trial) {
		of := owner(c)
		for i := range 3 {
			c.dependent(fmt.Sprint("dependent-", i), of)
		}
		uid := of.GetUID()
		options := metav1.DeleteOptions{PropagationPolicy: &policy, Preconditions: &metav1.Preconditions{UID: &uid}}
		if _, isQuery := of.(*unstructured.Unstructured); isQuery {
			c.must("delete the owner", c.objects.Resource(queries).Namespace(c.ns).Delete(c.Context(), of.GetName(), options))
		} else {
			c.must("delete the owner", c.core.CoreV1().ConfigMaps(c.ns).Delete(c.Context(), of.GetName(), options))
		}
		c.until("the cascade has ended", func() error {
			for i := range 3 {
				dependent, err := c.query(fmt.Sprint("dependent-", i))
				if policy != metav1.DeletePropagationOrphan {
					if err := notFound(err); err != nil {
						return err
					}
				} else if err != nil || len(dependent.GetOwnerReferences()) != 0 {
					return fmt.Errorf("%v, %w", dependent, err)
				}
			}
			return c.gone(of)
		})
	}
}

// gone is nil once an owner is.
func (c *trial) gone(of metav1.Object) error {
	var err error
	if _, isQuery := of.(*unstructured.Unstructured); isQuery {
		_, err = c.query(of.GetName())
	} else {
		_, err = c.core.CoreV1().ConfigMaps(c.ns).Get(c.Context(), of.GetName(), read)
	}
	return notFound(err)
}

func garbageCases() upstreamFile {
	core := func(c *trial) metav1.Object { return c.configMap("owner", nil, nil) }
	own := func(c *trial) metav1.Object { return c.dependent("owner") }
	const stands = "a config map that owns Queries"
	return upstreamFile{"apimachinery/garbage_collector.go", append([]upstreamCase{
		{name: "should delete pods created by rc when not orphaning", stands: stands, run: cascade(metav1.DeletePropagationBackground, core)},
		{name: "should orphan pods created by rc if delete options say so", stands: stands, run: cascade(metav1.DeletePropagationOrphan, core)},
		{name: "should keep the rc around until all its pods are deleted if the deleteOptions says so", stands: stands + ", one of which a finalizer holds", run: func(c *trial) {
			owner := c.configMap("owner", nil, nil)
			held := c.dependent("held", owner)
			_, err := c.of(held).Patch(c.Context(), "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":["example.com/hold"]}}`), metav1.PatchOptions{})
			c.must("hold it", err)
			foreground := metav1.DeletePropagationForeground
			c.must("delete the owner", c.core.CoreV1().ConfigMaps(c.ns).Delete(c.Context(), "owner", metav1.DeleteOptions{PropagationPolicy: &foreground}))
			c.until("the dependent is being deleted", func() error {
				o, err := c.query("held")
				if err == nil {
					err = isTrue(o.GetDeletionTimestamp() != nil, "it stays")
				}
				return err
			})
			still, err := c.core.CoreV1().ConfigMaps(c.ns).Get(c.Context(), "owner", read)
			c.want(err == nil && still.DeletionTimestamp != nil, "the owner: %v, %v", still, err)
			_, err = c.of(held).Patch(c.Context(), "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			c.must("let it go", err)
			c.until("the owner is gone", func() error { return c.gone(owner) })
		}},
		{name: "should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted", stands: stands, run: func(c *trial) {
			going, staying := c.configMap("going", nil, nil), c.configMap("staying", nil, nil)
			c.dependent("of-one", going)
			c.dependent("of-both", going, staying)
			foreground := metav1.DeletePropagationForeground
			c.must("delete one owner", c.core.CoreV1().ConfigMaps(c.ns).Delete(c.Context(), "going", metav1.DeleteOptions{PropagationPolicy: &foreground}))
			c.until("the owner is gone", func() error { return c.gone(going) })
			both, err := c.query("of-both")
			c.want(err == nil && both.GetDeletionTimestamp() == nil, "%v, %v", both, err)
			_, err = c.query("of-one")
			c.must("the other", notFound(err))
		}},
		{name: "should not be blocked by dependency circle", stands: "Queries in place of pods", run: func(c *trial) {
			one, two := c.dependent("one"), c.dependent("two")
			three := c.dependent("three", two)
			for of, owner := range map[string]*unstructured.Unstructured{"one": three, "two": one} {
				patch := fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":%q,"kind":"Query","name":%q,"uid":%q,"blockOwnerDeletion":true}]}}`, owner.GetAPIVersion(), owner.GetName(), owner.GetUID())
				_, err := c.of(one).Patch(c.Context(), of, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
				c.must("close the circle", err)
			}
			foreground := metav1.DeletePropagationForeground
			c.must("delete one", c.of(one).Delete(c.Context(), "one", metav1.DeleteOptions{PropagationPolicy: &foreground}))
			c.until("all are gone", func() error { return errors.Join(c.gone(one), c.gone(two), c.gone(three)) })
		}},
		{name: "should support cascading deletion of custom resources", stands: arkForCustom, run: cascade(metav1.DeletePropagationBackground, own)},
		{name: "should support orphan deletion of custom resources", stands: arkForCustom, run: cascade(metav1.DeletePropagationOrphan, own)},
	}, left("it is about what workloads do by themselves", "should orphan pods created by rc if deleteOptions.OrphanDependents is nil", "should delete RS created by deployment when not orphaning",
		"should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan", "should delete jobs and pods created by cronjob")...)}
}

// quota makes a ResourceQuota, and waits until it is counted.
func (c *trial) quota(hard corev1.ResourceList) {
	c.Helper()
	_, err := c.core.CoreV1().ResourceQuotas(c.ns).Create(c.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "quota", Labels: map[string]string{"set": c.ns}}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}, create)
	c.must("create a quota", err)
	for name := range hard {
		c.until("the quota is counted", func() error {
			quota, err := c.core.CoreV1().ResourceQuotas(c.ns).Get(c.Context(), "quota", read)
			if err == nil {
				_, counted := quota.Status.Used[name]
				err = isTrue(counted, "the status is %v", quota.Status)
			}
			return err
		})
	}
}

func (c *trial) used(name corev1.ResourceName, want int64) {
	c.Helper()
	c.until(fmt.Sprintf("%d %s are used", want, name), func() error {
		quota, err := c.core.CoreV1().ResourceQuotas(c.ns).Get(c.Context(), "quota", read)
		if err == nil {
			used := quota.Status.Used[name]
			err = isTrue(used.Value() == want, "the status is %v", quota.Status)
		}
		return err
	})
}

// quotaLife has an object counted, one more refused, and the count go down with its end.
func quotaLife(name corev1.ResourceName, make func(c *trial, name string) error, end func(c *trial, name string) error) func(c *trial) {
	return func(c *trial) {
		c.quota(corev1.ResourceList{name: resource.MustParse("1")})
		c.must("create one", make(c, "one"))
		c.used(name, 1)
		if err := make(c, "two"); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "exceeded quota: quota") {
			c.Errorf("one too many: %v", err)
		}
		c.must("delete it", end(c, "one"))
		c.used(name, 0)
		c.until("there is room again", func() error { return make(c, "two") })
	}
}

func quotaCases() upstreamFile {
	cases := []upstreamCase{
		{name: "should create a ResourceQuota and ensure its status is promptly calculated.", run: func(c *trial) {
			c.quota(corev1.ResourceList{corev1.ResourceQuotas: resource.MustParse("1"), corev1.ResourceConfigMaps: resource.MustParse("5")})
			c.used(corev1.ResourceQuotas, 1)
		}},
		{name: "should create a ResourceQuota and capture the life of a service.", stands: "of services of the type ClusterIP", run: quotaLife(corev1.ResourceServices, func(c *trial, name string) error {
			_, err := c.core.CoreV1().Services(c.ns).Create(c.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}, create)
			return err
		}, func(c *trial, name string) error {
			return c.core.CoreV1().Services(c.ns).Delete(c.Context(), name, erase)
		})},
		{name: "should create a ResourceQuota and capture the life of a secret.", run: quotaLife(corev1.ResourceSecrets, func(c *trial, name string) error {
			_, err := c.core.CoreV1().Secrets(c.ns).Create(c.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}, create)
			return err
		}, func(c *trial, name string) error {
			return c.core.CoreV1().Secrets(c.ns).Delete(c.Context(), name, erase)
		})},
		{name: "should create a ResourceQuota and capture the life of a configMap.", run: quotaLife(corev1.ResourceConfigMaps, func(c *trial, name string) error {
			_, err := c.core.CoreV1().ConfigMaps(c.ns).Create(c.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, create)
			return err
		}, func(c *trial, name string) error {
			return c.core.CoreV1().ConfigMaps(c.ns).Delete(c.Context(), name, erase)
		})},
		{name: "should create a ResourceQuota and capture the life of a custom resource.", stands: arkForCustom, run: quotaLife("count/queries.ark.mckinsey.com", func(c *trial, name string) error {
			o := newQuery(c.ns, name, nil)
			_, err := c.of(o).Create(c.Context(), o, create)
			return err
		}, func(c *trial, name string) error {
			return c.objects.Resource(queries).Namespace(c.ns).Delete(c.Context(), name, erase)
		})},
		{name: "should be able to update and delete ResourceQuota.", run: func(c *trial) {
			c.quota(corev1.ResourceList{corev1.ResourceConfigMaps: resource.MustParse("1")})
			c.until("it is updated", func() error {
				quota, err := c.core.CoreV1().ResourceQuotas(c.ns).Get(c.Context(), "quota", read)
				if err != nil {
					return err
				}
				quota.Spec.Hard[corev1.ResourceConfigMaps] = resource.MustParse("2")
				_, err = c.core.CoreV1().ResourceQuotas(c.ns).Update(c.Context(), quota, change)
				return err
			})
			quota, err := c.core.CoreV1().ResourceQuotas(c.ns).Get(c.Context(), "quota", read)
			c.must("get", err)
			hard := quota.Spec.Hard[corev1.ResourceConfigMaps]
			c.want(hard.Value() == 2, "%v", quota.Spec)
			c.must("delete", c.core.CoreV1().ResourceQuotas(c.ns).Delete(c.Context(), "quota", erase))
			_, err = c.core.CoreV1().ResourceQuotas(c.ns).Get(c.Context(), "quota", read)
			c.must("get after the end", notFound(err))
		}},
		{name: "should manage the lifecycle of a ResourceQuota", run: func(c *trial) {
			c.quota(corev1.ResourceList{corev1.ResourceConfigMaps: resource.MustParse("1")})
			quotas := c.core.CoreV1().ResourceQuotas(c.ns)
			_, err := quotas.Patch(c.Context(), "quota", types.StrategicMergePatchType, []byte(`{"metadata":{"labels":{"patched":"yes"}},"spec":{"hard":{"configmaps":"7"}}}`), metav1.PatchOptions{})
			c.must("patch", err)
			list, err := c.core.CoreV1().ResourceQuotas("").List(c.Context(), metav1.ListOptions{LabelSelector: "patched=yes,set=" + c.ns})
			c.want(err == nil && len(list.Items) == 1, "%v, %v", list, err)
			c.must("delete", quotas.DeleteCollection(c.Context(), erase, metav1.ListOptions{LabelSelector: "patched=yes"}))
			_, err = quotas.Get(c.Context(), "quota", read)
			c.must("get after the end", notFound(err))
		}},
		{name: "should apply changes to a resourcequota status", run: func(c *trial) {
			c.quota(corev1.ResourceList{corev1.ResourceConfigMaps: resource.MustParse("1")})
			quotas := c.core.CoreV1().ResourceQuotas(c.ns)
			patched, err := quotas.Patch(c.Context(), "quota", types.MergePatchType, []byte(`{"metadata":{"annotations":{"patched":"yes"}},"status":{"hard":{"configmaps":"5"}}}`), metav1.PatchOptions{}, "status")
			c.must("patch the status", err)
			hard := patched.Status.Hard[corev1.ResourceConfigMaps]
			c.want(hard.Value() == 5, "%v", patched.Status)
			quota, err := quotas.Get(c.Context(), "quota", read)
			c.must("get", err)
			hard = quota.Spec.Hard[corev1.ResourceConfigMaps]
			c.want(hard.Value() == 1 && quota.Annotations["patched"] == "yes", "%v", quota)
			quota.Status.Hard[corev1.ResourceConfigMaps] = resource.MustParse("1")
			quota, err = quotas.UpdateStatus(c.Context(), quota, change)
			c.must("update the status", err)
			hard = quota.Status.Hard[corev1.ResourceConfigMaps]
			c.want(hard.Value() == 1, "%v", quota.Status)
		}},
	}
	return upstreamFile{"apimachinery/resource_quota.go", append(cases, left(noPods, "should create a ResourceQuota and capture the life of a pod.", "should create a ResourceQuota and capture the life of a replication controller.",
		"should create a ResourceQuota and capture the life of a replica set.", "should create a ResourceQuota and capture the life of a ResourceClaim", "should create a ResourceQuota and capture the life of a persistent volume claim",
		"should create a ResourceQuota and capture the life of a persistent volume claim with a storage class", "should verify ResourceQuota with terminating scopes.", "should verify ResourceQuota with best effort scope.",
		"should verify ResourceQuota with best effort scope using scope-selectors.", "should verify ResourceQuota with terminating scopes through scope selectors.", "should verify ResourceQuota with cross namespace pod affinity scope using scope-selectors.",
		"should verify ResourceQuota's priority class scope (quota set to pod count: 1) against a pod with same priority class.", "should verify ResourceQuota's priority class scope (quota set to pod count: 1) against 2 pods with same priority class.",
		"should verify ResourceQuota's priority class scope (quota set to pod count: 1) against 2 pods with different priority class.", "should verify ResourceQuota's multiple priority class scope (quota set to pod count: 2) against 2 pods with same priority classes.",
		"should verify ResourceQuota's priority class scope (quota set to pod count: 1) against a pod with different priority class (ScopeSelectorOpNotIn).",
		"should verify ResourceQuota's priority class scope (quota set to pod count: 1) against a pod with different priority class (ScopeSelectorOpExists).",
		"should verify ResourceQuota's priority class scope (cpu, memory quota set) against a pod with same priority class.",
		"should verify ResourceQuota's volume attributes class scope (quota set to pvc count: 1) against 2 pvcs with same volume attributes class.",
		"should verify ResourceQuota's volume attributes class scope (quota set to pvc count: 1) against a pvc with different volume attributes class.")...)}
}

func watchCases() upstreamFile {
	follow := func(c *trial, version, label string) watch.Interface {
		w, err := c.core.CoreV1().ConfigMaps(c.ns).Watch(c.Context(), metav1.ListOptions{LabelSelector: "watched=" + label, ResourceVersion: version})
		c.must("watch", err)
		c.Cleanup(w.Stop)
		return w
	}
	set := func(c *trial, name, patch string) *corev1.ConfigMap {
		patched, err := c.core.CoreV1().ConfigMaps(c.ns).Patch(c.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		c.must("patch", err)
		return patched
	}
	label := func(to string) map[string]string { return map[string]string{"watched": to} }
	return upstreamFile{"apimachinery/watch.go", []upstreamCase{
		{name: "should observe add, update, and delete watch notifications on configmaps", run: func(c *trial) {
			a, b := follow(c, "", "a"), follow(c, "", "b")
			both, err := c.core.CoreV1().ConfigMaps(c.ns).Watch(c.Context(), metav1.ListOptions{LabelSelector: "watched in (a, b)"})
			c.must("watch", err)
			defer both.Stop()
			for name, w := range map[string]watch.Interface{"a": a, "b": b} {
				c.configMap(name, label(name), nil)
				c.expect(w, watch.Added, name)
				c.expect(both, watch.Added, name)
				set(c, name, `{"data":{"mutation":"1"}}`)
				c.expect(w, watch.Modified, name)
				c.expect(both, watch.Modified, name)
				c.must("delete", c.core.CoreV1().ConfigMaps(c.ns).Delete(c.Context(), name, erase))
				c.expect(w, watch.Deleted, name)
				c.expect(both, watch.Deleted, name)
			}
		}},
		{name: "should be able to start watching from a specific resource version", run: func(c *trial) {
			c.configMap("one", label("a"), nil)
			first := set(c, "one", `{"data":{"mutation":"1"}}`)
			second := set(c, "one", `{"data":{"mutation":"2"}}`)
			c.must("delete", c.core.CoreV1().ConfigMaps(c.ns).Delete(c.Context(), "one", erase))
			w := follow(c, first.ResourceVersion, "a")
			if got := c.expect(w, watch.Modified, "one"); got.GetResourceVersion() != second.ResourceVersion {
				c.Errorf("the first event is of %s, want %s", got.GetResourceVersion(), second.ResourceVersion)
			}
			c.expect(w, watch.Deleted, "one")
		}},
		{name: "should be able to restart watching from the last resource version observed by the previous watch", run: func(c *trial) {
			w := follow(c, "", "a")
			c.configMap("one", label("a"), nil)
			set(c, "one", `{"data":{"mutation":"1"}}`)
			c.expect(w, watch.Added, "one")
			last := c.expect(w, watch.Modified, "one")
			w.Stop()
			second := set(c, "one", `{"data":{"mutation":"2"}}`)
			again := follow(c, last.GetResourceVersion(), "a")
			c.must("delete", c.core.CoreV1().ConfigMaps(c.ns).Delete(c.Context(), "one", erase))
			if got := c.expect(again, watch.Modified, "one"); got.GetResourceVersion() != second.ResourceVersion {
				c.Errorf("the first event is of %s, want %s", got.GetResourceVersion(), second.ResourceVersion)
			}
			c.expect(again, watch.Deleted, "one")
		}},
		{name: "should observe an object deletion if it stops meeting the requirements of the selector", run: func(c *trial) {
			w := follow(c, "", "a")
			c.configMap("one", label("a"), nil)
			c.expect(w, watch.Added, "one")
			set(c, "one", `{"metadata":{"labels":{"watched":"b"}}}`)
			c.expect(w, watch.Deleted, "one")
			set(c, "one", `{"data":{"unseen":"1"}}`)
			back := set(c, "one", `{"metadata":{"labels":{"watched":"a"}}}`)
			if got := c.expect(w, watch.Added, "one"); got.GetResourceVersion() != back.ResourceVersion {
				c.Errorf("it comes back at %s, want %s", got.GetResourceVersion(), back.ResourceVersion)
			}
			c.must("delete", c.core.CoreV1().ConfigMaps(c.ns).Delete(c.Context(), "one", erase))
			c.expect(w, watch.Deleted, "one")
		}},
		{name: "should receive events on concurrent watches in same order", run: func(c *trial) {
			const watchers, writes = 10, 30
			begin := c.configMap("one", label("a"), nil)
			var all []watch.Interface
			for range watchers {
				all = append(all, follow(c, begin.ResourceVersion, "a"))
			}
			var order []string
			for i := range writes {
				order = append(order, set(c, "one", fmt.Sprintf(`{"data":{"mutation":"%d"}}`, i)).ResourceVersion)
			}
			for _, w := range all {
				var seen []string
				for range writes {
					seen = append(seen, c.expect(w, watch.Modified, "one").GetResourceVersion())
				}
				c.want(slices.Equal(seen, order), "a watch saw %v, the writes were %v", seen, order)
			}
		}},
	}}
}

func watchListCases() upstreamFile {
	const aboutClients = "it is about the client"
	cases := []upstreamCase{{name: "server supports sending resources in Table format", run: func(c *trial) {
		for i := range 3 {
			c.configMap(fmt.Sprint("map-", i), map[string]string{"watchlist": "true"}, nil)
		}
		stream, err := c.core.CoreV1().RESTClient().Get().AbsPath("/api/v1/namespaces/"+c.ns+"/configmaps").
			Param("watch", "true").Param("sendInitialEvents", "true").Param("resourceVersionMatch", "NotOlderThan").Param("allowWatchBookmarks", "true").Param("labelSelector", "watchlist=true").
			SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Stream(c.Context())
		c.must("watch", err)
		defer stream.Close()
		events := json.NewDecoder(stream)
		for i := range 4 {
			var event struct {
				Type   string
				Object metav1.Table
			}
			c.must("read an event", events.Decode(&event))
			want := "ADDED"
			if i == 3 {
				want = "BOOKMARK"
			}
			c.want(event.Type == want && event.Object.Kind == "Table" && len(event.Object.Rows) == 1, "event %d: %+v", i, event)
			if i == 3 && len(event.Object.Rows) == 1 {
				c.want(strings.Contains(string(event.Object.Rows[0].Object.Raw), metav1.InitialEventsAnnotationKey), "the bookmark: %s", event.Object.Rows[0].Object.Raw)
			}
		}
	}}}
	return upstreamFile{"apimachinery/watchlist.go", append(cases, left(aboutClients, "should be requested by informers when WatchListClient is enabled", "should be requested by metadatainformer when WatchListClient is enabled",
		"should NOT be requested by client-go's List method when WatchListClient is enabled", "should NOT be requested by dynamic client's List method when WatchListClient is enabled",
		"should NOT be requested by metadata client's List method when WatchListClient is enabled", "reflector doesn't support receiving resources as Tables",
		"reflector using standard List doesn't support receiving resources as Tables")...)}
}

const many = 40

func (c *trial) manyConfigMaps() {
	for i := range many {
		c.configMap(fmt.Sprintf("map-%02d", i), map[string]string{"set": c.ns}, nil)
	}
}

func chunkingCases() upstreamFile {
	return upstreamFile{"apimachinery/chunking.go", []upstreamCase{
		{name: "should return chunks of results for list calls", stands: "40 config maps in place of 400 pod templates", run: func(c *trial) {
			c.manyConfigMaps()
			maps, seen := c.core.CoreV1().ConfigMaps(c.ns), 0
			options := metav1.ListOptions{Limit: 7}
			var version string
			for {
				list, err := maps.List(c.Context(), options)
				c.must("list", err)
				c.want(len(list.Items) <= 7 && (version == "" || list.ResourceVersion == version), "%d items at %s", len(list.Items), list.ResourceVersion)
				for _, item := range list.Items {
					c.want(item.Name == fmt.Sprintf("map-%02d", seen), "item %d is %s", seen, item.Name)
					seen++
				}
				version = list.ResourceVersion
				if options.Continue = list.Continue; list.Continue == "" {
					break
				}
				c.want(list.RemainingItemCount != nil && int(*list.RemainingItemCount) == many-seen, "%v remain after %d", list.RemainingItemCount, seen)
			}
			c.want(seen == many, "%d of %d", seen, many)
		}},
		{name: "should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent", elsewhere: "`C14_lists` in e2e/contract"},
	}}
}

func (c *trial) table(path string) metav1.Table {
	c.Helper()
	code, text, err := c.get(c.Context(), path, "application/json;as=Table;v=v1;g=meta.k8s.io")
	var table metav1.Table
	if err == nil {
		err = json.Unmarshal([]byte(text), &table)
	}
	if err != nil || code != http.StatusOK || table.Kind != "Table" || len(table.ColumnDefinitions) == 0 {
		c.Fatalf("%s: %d %s, %v", path, code, text, err)
	}
	return table
}

func tableCases() upstreamFile {
	cases := []upstreamCase{
		{name: "should return chunks of table results for list calls", stands: "40 config maps in place of 20 pod templates", run: func(c *trial) {
			c.manyConfigMaps()
			table := c.table("/api/v1/namespaces/" + c.ns + "/configmaps?limit=15")
			c.want(len(table.Rows) == 15 && table.Continue != "", "%d rows, then %q", len(table.Rows), table.Continue)
			rest := c.table("/api/v1/namespaces/" + c.ns + "/configmaps?continue=" + table.Continue)
			c.want(len(rest.Rows) == many-15 && rest.Continue == "", "%d rows", len(rest.Rows))
		}},
		{name: "should return generic metadata details across all namespaces for nodes", stands: "Queries in place of nodes", run: func(c *trial) {
			c.dependent("one")
			table := c.table("/apis/ark.mckinsey.com/v1alpha1/queries")
			c.want(len(table.Rows) >= 1 && table.ColumnDefinitions[0].Name == "Name" && table.ResourceVersion != "", "%+v", table)
		}},
		{name: "should return a 406 for a backend which does not implement metadata", run: func(c *trial) {
			var code int
			err := c.core.AuthorizationV1().RESTClient().Post().Resource("selfsubjectaccessreviews").SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").SetHeader("Content-Type", "application/json").
				Body([]byte(`{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"nonResourceAttributes":{"path":"/","verb":"get"}}}`)).Do(c.Context()).StatusCode(&code).Error()
			c.want(err != nil && code == http.StatusNotAcceptable, "%d, %v", code, err)
		}},
	}
	return upstreamFile{"apimachinery/table_conversion.go", append(cases, left(noPods, "should return pod details")...)}
}

// applied applies a manifest of a config map or a Query as a manager.
func (c *trial) applied(manager, text string, force bool, subresources ...string) (*unstructured.Unstructured, error) {
	c.Helper()
	o := manifests(c.T, text)[0]
	o.SetNamespace(c.ns)
	return c.of(o).Apply(c.Context(), o.GetName(), o, metav1.ApplyOptions{FieldManager: manager, Force: force}, subresources...)
}

func applyCases() upstreamFile {
	const head = "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: "
	const query = "{apiVersion: ark.mckinsey.com/v1alpha1, kind: Query, metadata: {name: one}, "
	data := func(o *unstructured.Unstructured, key string) string {
		value, _, _ := unstructured.NestedString(o.Object, "data", key)
		return value
	}
	return upstreamFile{"apimachinery/apply.go", []upstreamCase{
		{name: "should create an applied object if it does not already exist", run: func(c *trial) {
			_, err := c.applied("a", head+"{a: '1'}}", false)
			c.must("apply", err)
			got, err := c.core.CoreV1().ConfigMaps(c.ns).Get(c.Context(), "one", read)
			c.want(err == nil && got.Data["a"] == "1", "%v, %v", got, err)
		}},
		{name: "should work for subresources", stands: queryForWorkload, run: func(c *trial) {
			_, err := c.applied("a", query+"spec: {input: Why, selector: {}}}", false)
			c.must("apply", err)
			got, err := c.applied("b", query+"status: {conversationId: kept}}", false)
			c.want(err == nil && conversation(got) == "", "%v, %v", got, err)
			got, err = c.applied("b", query+"status: {conversationId: kept}}", false, "status")
			c.want(err == nil && conversation(got) == "kept", "%v, %v", got, err)
		}},
		{name: "should remove a field if it is owned but removed in the apply request", run: func(c *trial) {
			_, err := c.applied("a", head+"{a: '1', b: '2'}}", false)
			c.must("apply", err)
			got, err := c.applied("a", head+"{a: '1'}}", false)
			c.want(err == nil && data(got, "a") == "1" && data(got, "b") == "", "%v, %v", got, err)
		}},
		{name: "should not remove a field if an owner unsets the field but other managers still have ownership of the field", run: func(c *trial) {
			for _, manager := range []string{"a", "b"} {
				_, err := c.applied(manager, head+"{a: '1', b: '2'}}", false)
				c.must("apply", err)
			}
			got, err := c.applied("a", head+"{a: '1'}}", false)
			c.want(err == nil && data(got, "b") == "2", "%v, %v", got, err)
		}},
		{name: "should ignore conflict errors if force apply is used", run: func(c *trial) {
			_, err := c.applied("a", head+"{a: '1'}}", false)
			c.must("apply", err)
			_, err = c.applied("b", head+"{a: '2'}}", false)
			c.want(apierrors.IsConflict(err), "%v", err)
			got, err := c.applied("b", head+"{a: '2'}}", true)
			c.want(err == nil && data(got, "a") == "2", "%v, %v", got, err)
		}},
		{name: "should work for CRDs", stands: arkForCustom, run: func(c *trial) {
			_, err := c.applied("a", query+"spec: {input: Why, selector: {}, ttl: 1h}}", false)
			c.must("apply", err)
			_, err = c.applied("b", query+"spec: {ttl: 2h}}", false)
			c.want(apierrors.IsConflict(err), "%v", err)
			got, err := c.applied("b", query+"spec: {ttl: 2h}}", true)
			c.must("apply by force", err)
			ttl, _, _ := unstructured.NestedString(got.Object, "spec", "ttl")
			c.want(strings.HasPrefix(ttl, "2h"), "the ttl is %s", ttl)
			_, err = c.applied("a", query+"spec: {input: Why, selector: {}}}", false)
			c.must("give it up", err)
		}},
		{name: "should give up ownership of a field if forced applied by a controller", run: func(c *trial) {
			_, err := c.applied("a", head+"{a: '1'}}", false)
			c.must("apply", err)
			_, err = c.applied("controller", head+"{a: '2'}}", true)
			c.must("apply by force", err)
			// The first one does not own the field any more, and takes nothing away.
			got, err := c.applied("a", head+"{}}", false)
			c.want(err == nil && data(got, "a") == "2", "%v, %v", got, err)
		}},
	}}
}

// strict posts a body with strict field validation.
func (c *trial) strict(path, body string) error {
	return c.core.CoreV1().RESTClient().Post().AbsPath(path).Param("fieldValidation", "Strict").SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(c.Context()).Error()
}

func fieldValidationCases() upstreamFile {
	says := func(c *trial, err error, texts ...string) {
		c.Helper()
		for _, text := range texts {
			if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), text) {
				c.Errorf("got %v, want a bad request with %q", err, text)
			}
		}
	}
	queriesPath := func(c *trial) string { return "/apis/ark.mckinsey.com/v1alpha1/namespaces/" + c.ns + "/queries" }
	return upstreamFile{"apimachinery/field_validation.go", append([]upstreamCase{
		{name: "should detect unknown and duplicate fields of a typed object", stands: "a service in place of a Deployment", run: func(c *trial) {
			err := c.strict("/api/v1/namespaces/"+c.ns+"/services", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"one"},"spec":{"unknown":1,"ports":[{"port":80}],"sessionAffinity":"None","sessionAffinity":"None"}}`)
			says(c, err, `unknown field "spec.unknown"`, `duplicate field "spec.sessionAffinity"`)
		}},
		{name: "should detect unknown metadata fields of a typed object", stands: "a service in place of a Deployment", run: func(c *trial) {
			err := c.strict("/api/v1/namespaces/"+c.ns+"/services", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"one","unknownMeta":"x"},"spec":{"ports":[{"port":80}]}}`)
			says(c, err, `unknown field "metadata.unknownMeta"`)
		}},
		{name: "should create/apply a valid CR for CRD with validation schema", stands: arkForCustom, run: func(c *trial) {
			c.must("create", c.strict(queriesPath(c), `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"one"},"spec":{"input":"Why","selector":{}}}`))
			_, err := c.applied("a", "{apiVersion: ark.mckinsey.com/v1alpha1, kind: Query, metadata: {name: two}, spec: {input: Why, selector: {}}}", false)
			c.must("apply", err)
		}},
		{name: "should create/apply an invalid CR with extra properties for CRD with validation schema", stands: arkForCustom, run: func(c *trial) {
			err := c.strict(queriesPath(c), `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"one"},"spec":{"input":"Why","selector":{},"unknown":1}}`)
			says(c, err, `unknown field "spec.unknown"`)
		}},
	}, left(noOwnKinds, "should create/apply a CR with unknown fields for CRD with no validation schema", "should detect unknown metadata fields in both the root and embedded object of a CR",
		"should detect duplicates in a CR when preserving unknown fields")...)}
}

func discoveryCases() upstreamFile {
	return upstreamFile{"apimachinery/discovery.go", []upstreamCase{
		{name: "should accurately determine present and missing resources", run: func(c *trial) {
			for resource, want := range map[string]bool{"configmaps": true, "serviceaccounts": true, "pods": false, "nothings": false} {
				list, err := c.core.Discovery().ServerResourcesForGroupVersion("v1")
				c.must("discover", err)
				found := slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource })
				c.want(found == want, "%s: %t", resource, found)
			}
			_, err := c.core.Discovery().ServerResourcesForGroupVersion("nothing.example.com/v1")
			c.want(apierrors.IsNotFound(err), "%v", err)
		}},
		{name: "Custom resource should have storage version hash", stands: arkForCustom, run: func(c *trial) {
			list, err := c.core.Discovery().ServerResourcesForGroupVersion("ark.mckinsey.com/v1alpha1")
			c.must("discover", err)
			for _, r := range list.APIResources {
				c.want(strings.Contains(r.Name, "/") || r.StorageVersionHash != "", "%s has no hash", r.Name)
			}
		}},
		{name: "should validate PreferredVersion for each APIGroup", run: func(c *trial) {
			groups, err := c.core.Discovery().ServerGroups()
			c.must("discover", err)
			for _, group := range groups.Groups {
				c.want(slices.Contains(group.Versions, group.PreferredVersion), "%s prefers %v of %v", group.Name, group.PreferredVersion, group.Versions)
			}
		}},
		{name: "should locate the groupVersion and a resource within each APIGroup", run: func(c *trial) {
			for group, resource := range map[string]string{
				"admissionregistration.k8s.io/v1": "validatingwebhookconfigurations", "apiextensions.k8s.io/v1": "customresourcedefinitions", "apiregistration.k8s.io/v1": "apiservices",
				"ark.mckinsey.com/v1alpha1": "queries", "authentication.k8s.io/v1": "tokenreviews", "authorization.k8s.io/v1": "selfsubjectaccessreviews", "coordination.k8s.io/v1": "leases",
				"events.k8s.io/v1": "events", "flowcontrol.apiserver.k8s.io/v1": "flowschemas", "rbac.authorization.k8s.io/v1": "clusterrolebindings",
			} {
				list, err := c.core.Discovery().ServerResourcesForGroupVersion(group)
				c.want(err == nil && list.GroupVersion == group && slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource }), "%s: %v, %v", group, list, err)
			}
		}},
	}}
}

func aggregatedDiscoveryCases() upstreamFile {
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	raw := func(resources ...string) func(c *trial) {
		return func(c *trial) {
			code, text, err := c.get(c.Context(), "/apis", accept)
			c.want(err == nil && code == http.StatusOK && strings.Contains(text, `"kind":"APIGroupDiscoveryList"`), "%d, %v", code, err)
			for _, resource := range resources {
				c.want(strings.Contains(text, `"resource":"`+resource+`"`), "no %s in %s", resource, text)
			}
		}
	}
	lists := func(group, resource string) func(c *trial) {
		return func(c *trial) {
			_, all, err := c.core.Discovery().ServerGroupsAndResources()
			c.must("discover", err)
			found := false
			for _, list := range all {
				found = found || list.GroupVersion == group && slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource })
			}
			c.want(found, "no %s of %s", resource, group)
		}
	}
	return upstreamFile{"apimachinery/aggregated_discovery.go", []upstreamCase{
		{name: "should support raw aggregated discovery endpoint Accept headers", run: raw("clusterroles", "leases")},
		{name: "should support raw aggregated discovery request for CRDs", stands: arkForCustom, run: raw("queries", "agents")},
		{name: "should support aggregated discovery interface", run: lists("v1", "configmaps")},
		{name: "should support aggregated discovery interface for CRDs", stands: arkForCustom, run: lists("ark.mckinsey.com/v1alpha1", "queries")},
	}}
}

func openAPICases() upstreamFile {
	document := func(c *trial, path string) string {
		c.Helper()
		code, text, err := c.get(c.Context(), path, "application/json")
		if err != nil || code != http.StatusOK || !json.Valid([]byte(text)) {
			c.Fatalf("%s: %d, %v", path, code, err)
		}
		return text
	}
	return upstreamFile{"apimachinery/openapiv3.go", append([]upstreamCase{
		{name: "should round trip OpenAPI V3 for all built-in group versions", stands: "each document is read, and is of OpenAPI 3", run: func(c *trial) {
			var index struct {
				Paths map[string]struct{ ServerRelativeURL string }
			}
			c.must("read the index", json.Unmarshal([]byte(document(c, "/openapi/v3")), &index))
			for _, path := range []string{"api/v1", "apis/rbac.authorization.k8s.io/v1", "apis/admissionregistration.k8s.io/v1"} {
				c.want(index.Paths[path].ServerRelativeURL != "", "no %s in %v", path, index.Paths)
			}
			for path, at := range index.Paths {
				var version struct{ OpenAPI string }
				c.must("read "+path, json.Unmarshal([]byte(document(c, at.ServerRelativeURL)), &version))
				c.want(strings.HasPrefix(version.OpenAPI, "3."), "%s is of version %q", path, version.OpenAPI)
			}
		}},
		{name: "should publish OpenAPI V3 for CustomResourceDefinition", stands: arkForCustom, run: func(c *trial) {
			text := document(c, "/openapi/v3/apis/ark.mckinsey.com/v1alpha1")
			c.want(strings.Contains(text, `"/apis/ark.mckinsey.com/v1alpha1/namespaces/{namespace}/queries"`) && strings.Contains(text, `"kind":"Query"`), "%.2000s", text)
		}},
	}, left(noAggregator, "should contain OpenAPI V3 for Aggregated APIServer")...)}
}

func timeoutCases() upstreamFile {
	code := func(timeout string, want int) func(c *trial) {
		return func(c *trial) {
			got, text, err := c.get(c.Context(), "/version?timeout="+timeout, "")
			c.want(err == nil && got == want, "%d %s, %v", got, text, err)
			if want == http.StatusBadRequest {
				c.want(strings.Contains(text, "invalid timeout specified in the request URL"), "%s", text)
			}
		}
	}
	return upstreamFile{"apimachinery/request_timeout.go", []upstreamCase{
		{name: "should return HTTP status code 400 if the user specifies an invalid timeout in the request URL", run: code("invalid", http.StatusBadRequest)},
		{name: "the request should be served with a default timeout if the specified timeout in the request URL exceeds maximum allowed", run: code("3m", http.StatusOK)},
		{name: "default timeout should be used if the specified timeout in the request URL is 0s", run: code("0s", http.StatusOK)},
	}}
}

func versionCases() upstreamFile {
	return upstreamFile{"apimachinery/server_version.go", []upstreamCase{{name: "should find the server version", run: func(c *trial) {
		version, err := c.core.Discovery().ServerVersion()
		c.want(err == nil && version.Major == "1" && strings.HasPrefix(version.Minor, "37"), "%v, %v", version, err)
	}}}}
}

func healthCases() upstreamFile {
	return upstreamFile{"apimachinery/health_handlers.go", []upstreamCase{{name: "should contain necessary checks", stands: "of the checks those that this server has", run: func(c *trial) {
		for path, checks := range map[string][]string{
			"/healthz?verbose=1": {"ping", "log", "poststarthook/start-apiserver-admission-initializer", "poststarthook/generic-apiserver-start-informers", "poststarthook/storage-readiness"},
			"/livez?verbose=1":   {"ping", "log", "poststarthook/start-apiserver-admission-initializer", "poststarthook/generic-apiserver-start-informers"},
			"/readyz?verbose=1":  {"ping", "log", "informer-sync", "storage", "poststarthook/ark-system-namespaces", "poststarthook/storage-readiness"},
		} {
			code, text, err := c.get(c.Context(), path, "")
			c.want(err == nil && code == http.StatusOK, "%s: %d %s, %v", path, code, text, err)
			for _, check := range checks {
				c.want(strings.Contains(text, "[+]"+check+" ok"), "%s: no %s in\n%s", path, check, text)
			}
		}
	}}}}
}

// operations makes, reads, lists, watches, patches, updates and deletes objects of a cluster-wide
// kind.
func operations(manifest string, status bool) func(c *trial) {
	return func(c *trial) {
		named := func(name string) *unstructured.Unstructured {
			o := manifests(c.T, manifest)[0]
			o.SetName(c.ns + "-" + name)
			o.SetLabels(map[string]string{"set": c.ns})
			return o
		}
		first := named("one")
		resource, _ := meta.UnsafeGuessKindToResource(first.GroupVersionKind())
		list, err := c.core.Discovery().ServerResourcesForGroupVersion(resource.GroupVersion().String())
		c.want(err == nil && slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == resource.Resource && len(r.Verbs) == 8 }), "discovery: %v, %v", list, err)
		client, mine := c.of(first), metav1.ListOptions{LabelSelector: "set=" + c.ns}
		w, err := client.Watch(c.Context(), mine)
		c.must("watch", err)
		defer w.Stop()
		for _, name := range []string{"one", "two", "three"} {
			o := named(name)
			_, err := client.Create(c.Context(), o, create)
			c.must("create", err)
			c.Cleanup(func() { c.remove(o) })
			c.expect(w, watch.Added, o.GetName())
		}
		got, err := client.Get(c.Context(), first.GetName(), read)
		c.want(err == nil && got.GetUID() != "", "%v, %v", got, err)
		all, err := client.List(c.Context(), mine)
		c.want(err == nil && len(all.Items) == 3, "%v, %v", all, err)
		got, err = client.Patch(c.Context(), first.GetName(), types.MergePatchType, []byte(`{"metadata":{"annotations":{"patched":"yes"}}}`), metav1.PatchOptions{})
		c.want(err == nil && got.GetAnnotations()["patched"] == "yes", "%v, %v", got, err)
		c.expect(w, watch.Modified, first.GetName())
		// The controller that checks a policy's types may write its status in between.
		err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
			if got, err = client.Get(c.Context(), first.GetName(), read); err != nil {
				return err
			}
			got.SetAnnotations(map[string]string{"updated": "yes"})
			got, err = client.Update(c.Context(), got, change)
			return err
		})
		c.want(err == nil && got.GetAnnotations()["updated"] == "yes" && got.GetAnnotations()["patched"] == "", "%v, %v", got, err)
		c.expect(w, watch.Modified, first.GetName())
		if status {
			_, err := client.Get(c.Context(), first.GetName(), read, "status")
			c.must("read the status", err)
			_, err = client.Patch(c.Context(), first.GetName(), types.MergePatchType, []byte(`{"metadata":{"annotations":{"status":"patched"}},"status":{}}`), metav1.PatchOptions{}, "status")
			c.must("patch the status", err)
		}
		c.must("delete", client.Delete(c.Context(), first.GetName(), erase))
		c.until("it is gone", func() error {
			_, err := client.Get(c.Context(), first.GetName(), read)
			return notFound(err)
		})
		c.must("delete the others", client.DeleteCollection(c.Context(), erase, mine))
		all, err = client.List(c.Context(), mine)
		c.want(err == nil && len(all.Items) == 0, "%v, %v", all, err)
	}
}

const (
	flowSchema = `{apiVersion: flowcontrol.apiserver.k8s.io/v1, kind: FlowSchema, spec: {priorityLevelConfiguration: {name: global-default}, matchingPrecedence: 1000, distinguisherMethod: {type: ByUser},
  rules: [{subjects: [{kind: User, user: {name: NAME}}], nonResourceRules: [{verbs: ["*"], nonResourceURLs: ["*"]}]}]}}`
	priorityLevel = `{apiVersion: flowcontrol.apiserver.k8s.io/v1, kind: PriorityLevelConfiguration, spec: {type: Limited, limited: {nominalConcurrencyShares: 2, limitResponse: {type: Reject}}}}`
)

func flowControlCases() upstreamFile {
	return upstreamFile{"apimachinery/flowcontrol.go", []upstreamCase{
		{name: "should ensure that requests can be classified by adding FlowSchema and PriorityLevelConfiguration", run: func(c *trial) {
			level, schema := manifests(c.T, priorityLevel)[0], manifests(c.T, strings.Replace(flowSchema, "NAME", c.ns, 1))[0]
			level.SetName(c.ns)
			schema.SetName(c.ns)
			c.must("name the level", unstructured.SetNestedField(schema.Object, c.ns, "spec", "priorityLevelConfiguration", "name"))
			level, err := c.of(level).Create(c.Context(), level, create)
			c.must("create a level", err)
			c.Cleanup(func() { c.remove(level) })
			schema, err = c.of(schema).Create(c.Context(), schema, create)
			c.must("create a schema", err)
			c.Cleanup(func() { c.remove(schema) })
			config := rest.CopyConfig(c.config)
			config.Impersonate = rest.ImpersonationConfig{UserName: c.ns}
			transport, err := rest.TransportFor(config)
			c.must("make a client", err)
			client := &http.Client{Transport: transport}
			c.until("requests of the user are of the schema", func() error {
				response, err := client.Get(config.Host + "/version")
				if err != nil {
					return err
				}
				_ = response.Body.Close()
				got := response.Header
				return isTrue(got.Get("X-Kubernetes-Pf-Flowschema-Uid") == string(schema.GetUID()) && got.Get("X-Kubernetes-Pf-Prioritylevel-Uid") == string(level.GetUID()), "the headers are %v", got)
			})
		}},
		{name: "should support FlowSchema API operations", run: operations(flowSchema, true)},
		{name: "should support PriorityLevelConfiguration API operations", run: operations(priorityLevel, true)},
		{name: "should ensure that requests can't be drowned out (priority)", elsewhere: "`fairness_test.go` in internal/standalone"},
		{name: "should ensure that requests can't be drowned out (fairness)", elsewhere: "`fairness_test.go` in internal/standalone"},
	}}
}
