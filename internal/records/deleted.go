package records

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

var v1alpha1Deleted = v1alpha1.Resource("deletedobjects")

// undeletedAnnotation of an object is the uid that it had before it was deleted.
const undeletedAnnotation = "ark.mckinsey.com/undeleted-uid"

// deletedObjects serves the kind DeletedObject.
type deletedObjects struct{ *Group }

var (
	_ rest.Lister               = &deletedObjects{}
	_ rest.Getter               = &deletedObjects{}
	_ rest.Scoper               = &deletedObjects{}
	_ rest.SingularNameProvider = &deletedObjects{}
	_ rest.NamedCreater         = &undelete{}
)

func (*deletedObjects) New() runtime.Object     { return &v1alpha1.DeletedObject{} }
func (*deletedObjects) NewList() runtime.Object { return &v1alpha1.DeletedObjectList{} }
func (*deletedObjects) Destroy()                {}
func (*deletedObjects) NamespaceScoped() bool   { return true }
func (*deletedObjects) GetSingularName() string { return "deletedobject" }

func (k kinds) deleted(v *history.Version) v1alpha1.DeletedObject {
	return v1alpha1.DeletedObject{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "DeletedObject"},
		ObjectMeta: k.metadata(v), Object: k.object(v), Revision: v.Revision, Verb: v.Verb, User: v.User, Impersonator: v.Impersonator,
		UserAgent: v.UserAgent, AuditID: v.AuditID, Time: metav1.NewMicroTime(v.Time),
	}
}

// gone returns the version of a name if it is the deletion of an object that has not been
// recreated.
func (g *Group) gone(ctx context.Context, name string) (*history.Version, error) {
	v, err := g.find(ctx, v1alpha1Deleted.Resource, name)
	if err != nil {
		return nil, err
	}
	newest, err := g.newest(ctx, v.Ref())
	if err != nil {
		return nil, g.asStatus(err)
	}
	if !v.Deleted || newest.Revision != v.Revision {
		return nil, apierrors.NewNotFound(v1alpha1Deleted, name)
	}
	return v, nil
}

// Get implements rest.Getter.
func (d *deletedObjects) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	v, err := d.gone(ctx, name)
	if err != nil {
		return nil, err
	}
	one := d.kinds.deleted(v)
	if one.Snapshot, err = d.snapshot(ctx, v); err != nil {
		return nil, d.asStatus(err)
	}
	return &one, nil
}

// List implements rest.Lister, one kind after the other.
func (d *deletedObjects) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	if options == nil {
		options = &metainternalversion.ListOptions{}
	}
	q, match, err := d.selected(ctx, options.FieldSelector, options.LabelSelector)
	if err != nil {
		return nil, err
	}
	wanted, shown := q.Resource, q.Namespace
	q.From, q.To = 0, 0 // match checks the name
	list := &v1alpha1.DeletedObjectList{Items: []v1alpha1.DeletedObject{}}
	limit := int(options.Limit)
	if limit <= 0 || limit > pageLimit {
		limit = pageLimit
	}
	begin, cont, _ := strings.Cut(options.Continue, ".")
	for _, kind := range d.kinds.inOrder() {
		if kind.Plural < begin || wanted != (history.Resource{}) && wanted != resourceOf(kind) {
			continue
		}
		q.Resource, q.Namespace, q.Continue = resourceOf(kind), shown, ""
		if kind.ClusterScoped {
			q.Namespace = ""
		}
		if kind.Plural == begin {
			q.Continue = cont
		}
		for more := true; more; more = q.Continue != "" {
			q.Limit = pageSize
			page, err := d.reader.Deleted(ctx, q)
			if err != nil {
				return nil, d.asStatus(err)
			}
			list.ResourceVersion = strconv.FormatInt(page.Revision, 10)
			seen, err := d.rights.visible(ctx, "list", page.Items)
			if err != nil {
				return nil, d.asStatus(err)
			}
			for _, v := range seen {
				if !match(v) {
					continue
				}
				if len(list.Items) == limit {
					last := list.Items[limit-1].Object
					ref := history.Ref{Resource: d.resourceNamed(last.Kind), Namespace: last.Namespace, Name: last.Name}
					list.Continue = ref.Resource.Resource + "." + history.Beyond(ref)
					return list, nil
				}
				list.Items = append(list.Items, d.kinds.deleted(v))
			}
			q.Continue = page.Continue
		}
	}
	return list, nil
}

func (g *Group) resourceNamed(name string) history.Resource {
	kind, _ := g.kinds.named(name)
	return resourceOf(kind)
}

// inOrder returns the kinds sorted by their resource names.
func (k kinds) inOrder() []install.Kind {
	all := make([]install.Kind, 0, len(k))
	for _, kind := range k {
		all = append(all, kind)
	}
	slices.SortFunc(all, func(a, b install.Kind) int { return strings.Compare(a.Plural, b.Plural) })
	return all
}

// ConvertToTable implements rest.TableConvertor.
func (d *deletedObjects) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	table := newTable(options,
		metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name", Description: "KIND.NAME.REVISION"},
		metav1.TableColumnDefinition{Name: "User", Type: "string", Description: "Who deleted it."},
		metav1.TableColumnDefinition{Name: "Deleted", Type: "string", Description: "How long ago it was deleted."},
		metav1.TableColumnDefinition{Name: "UID", Type: "string", Priority: 1, Description: "The uid that it had."},
	)
	add := func(one *v1alpha1.DeletedObject) {
		table.Rows = append(table.Rows, metav1.TableRow{
			Cells:  []any{one.Name, cmp.Or(one.User, "<unknown>"), age(one.Time), one.Object.UID},
			Object: runtime.RawExtension{Object: one},
		})
	}
	switch obj := obj.(type) {
	case *v1alpha1.DeletedObjectList:
		table.ResourceVersion, table.Continue = obj.ResourceVersion, obj.Continue
		for i := range obj.Items {
			add(&obj.Items[i])
		}
	case *v1alpha1.DeletedObject:
		table.ResourceVersion = obj.ResourceVersion
		add(obj)
	default:
		return nil, fmt.Errorf("show %T as a table of deleted objects", obj)
	}
	return table, nil
}

// undelete serves the subresource that recreates a deleted object.
type undelete struct{ *Group }

func (*undelete) New() runtime.Object { return &v1alpha1.Undelete{} }
func (*undelete) Destroy()            {}

// Create implements rest.NamedCreater. The object is created with the identity of the request's
// sender, with all checks of a creation. Its owners and finalizers are dropped, because they may no
// longer exist.
func (u *undelete) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	asked, ok := obj.(*v1alpha1.Undelete)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the request is a %T, want an Undelete", obj))
	}
	v, err := u.gone(ctx, name)
	if err != nil {
		return nil, err
	}
	if u.kinds[v.Resource].Name == tokenKind {
		return nil, apierrors.NewBadRequest("a token that is gone does not come back, since nobody has kept it: make another one")
	}
	if validate != nil {
		if err := validate(ctx, obj.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	source, err := decode(v.Object)
	if err != nil {
		return nil, u.asStatus(err)
	}
	if source == nil {
		return nil, apierrors.NewResourceExpired("the object is not kept")
	}
	object := map[string]any{"apiVersion": source["apiVersion"], "kind": source["kind"], "metadata": map[string]any{"name": v.Name}}
	takeOver(object, source, cmp.Or(asked.Spec.Cause, "undelete of revision "+strconv.FormatInt(v.Revision, 10)))
	metadata := object["metadata"].(map[string]any) //nolint:errcheck,forcetypeassert // it is made above
	metadata["annotations"].(map[string]any)[undeletedAnnotation] = v.UID
	kind := u.kinds[v.Resource]
	if !kind.ClusterScoped {
		metadata["namespace"] = v.Namespace
	}
	query := url.Values{"fieldManager": {cmp.Or(options.FieldManager, "undelete")}, "dryRun": options.DryRun}
	made, err := u.send(ctx, http.MethodPost, objectPath(kind, v.Namespace, ""), query, object)
	if err != nil {
		return nil, u.asStatus(err)
	}
	answer := asked.DeepCopy()
	answer.Name, answer.Namespace = name, u.kinds.namespaceOf(v.Ref())
	answer.Status = &v1alpha1.UndeleteStatus{Object: u.kinds.object(v), PreviousUID: v.UID}
	answer.Status.Object.UID = ""
	if of, ok := made["metadata"].(map[string]any); ok {
		answer.Status.Object.UID, _ = of["uid"].(string)
	}
	return answer, nil
}
