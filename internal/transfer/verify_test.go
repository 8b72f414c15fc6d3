package transfer

import (
	"testing"
)

// What the server's own engine has written to a status since the import is no difference; what
// anybody else has is one, and so is a change of the rest.
func TestVerifyLeavesTheEnginesStatusesOut(t *testing.T) {
	t.Parallel()
	written := func(kind, manager string) map[string]any {
		return map[string]any{
			"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": kind,
			"metadata": map[string]any{
				"name": "x", "namespace": "a", "uid": "u", "creationTimestamp": "2026-01-02T03:04:05Z", "generation": 1,
				"managedFields": []any{
					map[string]any{"manager": "kubectl", "operation": "Update", "apiVersion": "ark.mckinsey.com/v1alpha1", "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{}},
					map[string]any{"manager": manager, "operation": "Update", "subresource": "status", "apiVersion": "ark.mckinsey.com/v1alpha1", "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{}},
				},
			},
			"spec": map[string]any{}, "status": map[string]any{"conditions": []any{map[string]any{
				"type": "Available", "status": "True", "reason": manager, "message": "m", "lastTransitionTime": "2026-01-02T03:04:05Z"}}},
		}
	}
	for _, c := range []struct {
		name, kind, plural, manager string
		change                      func(object map[string]any)
		want                        Outcome
	}{
		{"the engine", "Agent", "agents", "ark-server", nil, Unchanged},
		{"somebody else", "Agent", "agents", "curl", nil, Different},
		{"the engine, and a change of the spec", "Agent", "agents", "ark-server", func(o map[string]any) { o["spec"] = map[string]any{"prompt": "another"} }, Different},
		{"the engine, and a label", "Agent", "agents", "ark-server", func(o map[string]any) { metadata(o)["labels"] = map[string]any{"a": "b"} }, Different},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, w := newFixture(t), newWorld()
			path := "ark.mckinsey.com/" + c.plural + "/a/x"
			w.set(path, written(c.kind, "controller"))
			mustImport(t, w, f, whole)
			here := written(c.kind, c.manager)
			stored, _ := f.object(t, path)
			here["spec"] = stored["spec"] // with its defaults
			if c.change != nil {
				c.change(here)
			}
			f.write(t, path, string(marshal(t, here)))
			var told said
			verified, err := Verify(t.Context(), w, f.Store, true, ImportOptions{Reports: told.reports()})
			if err != nil {
				t.Fatal(err)
			}
			wantCounts(t, verified, map[Outcome]int{c.want: 1})
			if t.Failed() {
				t.Log(told.lines)
			}
		})
	}
}
