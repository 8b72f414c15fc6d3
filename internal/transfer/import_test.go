package transfer

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var whole = ImportOptions{Prune: true}

// Every kind arrives with all that its metadata, spec and status hold, and nothing else changes it.
func TestImportPreservesEverything(t *testing.T) {
	t.Parallel()
	f, w := newFixture(t), newWorld()
	w.samples(t, f.all, 4)
	n := len(w.objects)
	var told said
	wantCounts(t, mustImport(t, w, f, ImportOptions{Prune: true, Reports: told.reports()}), map[Outcome]int{Created: n})
	for path, object := range w.objects {
		want, err := decodeJSON(marshal(t, object))
		if err != nil {
			t.Fatal(err)
		}
		delete(metadata(want.(map[string]any)), "resourceVersion")
		got, _ := f.object(t, path)
		// The server's defaults come to the spec, as they do when it is served; nothing else may.
		if lost := differences(want, got, true); len(lost) > 0 {
			t.Errorf("%s: lost or changed: %v", path, lost)
		}
		want.(map[string]any)["spec"], got["spec"] = nil, nil
		if difference := cmp.Diff(want, any(got)); difference != "" {
			t.Errorf("%s: the source (-) differs from what is stored (+):\n%s", path, difference)
		}
	}
	verified, err := Verify(t.Context(), w, f.Store, true, ImportOptions{Reports: told.reports()})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, verified, map[Outcome]int{Unchanged: n})
	if t.Failed() {
		t.Log(strings.Join(told.lines, "\n"))
	}
}

// A second run writes nothing at all, and a later one only what has changed.
func TestImportTakesTheDelta(t *testing.T) {
	t.Parallel()
	f, w := newFixture(t), newWorld()
	w.samples(t, f.all, 3)
	n := len(w.objects)
	mustImport(t, w, f, whole)
	before := f.revision(t)
	wantCounts(t, mustImport(t, w, f, whole), map[Outcome]int{Unchanged: n})
	if now := f.revision(t); now != before {
		t.Errorf("a run that had nothing to do wrote: revision %d, then %d", before, now)
	}

	const changed, gone, again, fresh = "ark.mckinsey.com/agents/team-0/x-0", "ark.mckinsey.com/queries/team-2/x-2", "ark.mckinsey.com/tools/team-0/x-0", "ark.mckinsey.com/agents/team-0/new"
	_, was := f.object(t, changed)
	metadata(w.objects[changed])["labels"] = map[string]any{"app": "other"}
	w.set(changed, w.objects[changed])
	delete(w.objects, gone)
	metadata(w.objects[again])["uid"] = "another"
	w.set(again, w.objects[again])
	w.set(fresh, map[string]any{"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": "Agent", "metadata": map[string]any{"name": "new", "namespace": "team-0", "uid": "n"}, "spec": map[string]any{}})

	wantCounts(t, mustImport(t, w, f, ImportOptions{Prune: true, DryRun: true}), map[Outcome]int{Created: 1, Updated: 2, Deleted: 1, Unchanged: n - 3})
	if now := f.revision(t); now != before {
		t.Errorf("a dry run wrote: revision %d, then %d", before, now)
	}
	wantCounts(t, mustImport(t, w, f, whole), map[Outcome]int{Created: 1, Updated: 2, Deleted: 1, Unchanged: n - 3})
	if got, now := f.object(t, changed); metadata(got)["labels"].(map[string]any)["app"] != "other" || now == was {
		t.Errorf("the change did not arrive: %v", got)
	}
	if got, _ := f.object(t, gone); got != nil {
		t.Errorf("what is gone from the source is still here: %v", got)
	}
	if got, _ := f.object(t, again); metadata(got)["uid"] != "another" {
		t.Errorf("what was made anew has the old uid: %v", got)
	}
	verified, err := Verify(t.Context(), w, f.Store, true, ImportOptions{Secrets: true})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, verified, map[Outcome]int{Unchanged: n})
}

// An import that ends anywhere goes on where it was, and deletes nothing before it has seen the
// whole source.
func TestImportResumes(t *testing.T) {
	t.Parallel()
	f, w := newFixture(t), newWorld()
	w.samples(t, f.all, 3)
	n := len(w.objects)
	mustImport(t, w, f, whole)
	delete(w.objects, "ark.mckinsey.com/queries/team-2/x-2")
	for stop := 1; stop < n-1; stop += 5 {
		w.stop = stop
		summary, err := Import(t.Context(), w, f.Store, whole)
		if !errors.Is(err, cutError{}) {
			t.Fatalf("%v", err)
		}
		wantCounts(t, summary, map[Outcome]int{Unchanged: stop})
	}
	w.stop = 0
	wantCounts(t, mustImport(t, w, f, whole), map[Outcome]int{Deleted: 1, Unchanged: n - 1})

	other := newFixture(t)
	w.stop = n / 2
	if _, err := Import(t.Context(), w, other.Store, whole); !errors.Is(err, cutError{}) {
		t.Fatalf("%v", err)
	}
	w.stop = 0
	wantCounts(t, mustImport(t, w, other, whole), map[Outcome]int{Created: n - 1 - n/2, Unchanged: n / 2})
}

// What was made or changed here is nobody's to overwrite or to delete, unless asked to.
func TestImportLeavesLocalWorkAlone(t *testing.T) {
	t.Parallel()
	const kept, changed, gone, made, both = "ark.mckinsey.com/agents/team-0/x-0", "ark.mckinsey.com/queries/team-0/x-0", "ark.mckinsey.com/tools/team-0/x-0", "ark.mckinsey.com/agents/team-0/made", "ark.mckinsey.com/agents/team-0/both"
	f, w := newFixture(t), newWorld()
	w.samples(t, f.all, 1)
	n := len(w.objects)
	mustImport(t, w, f, whole)

	local := `{"kind":"Agent","apiVersion":"ark.mckinsey.com/v1alpha1","metadata":{"name":"NAME","namespace":"team-0","uid":"l"},"spec":{"prompt":"local"},"status":{}}`
	f.write(t, made, strings.ReplaceAll(local, "NAME", "made"))
	f.write(t, both, strings.ReplaceAll(local, "NAME", "both"))
	w.set(both, map[string]any{"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": "Agent", "metadata": map[string]any{"name": "both", "namespace": "team-0", "uid": "s"}, "spec": map[string]any{}})
	// Changed on both sides; changed here and gone there; gone here and changed there.
	mine, _ := f.object(t, kept)
	metadata(mine)["labels"] = map[string]any{"mine": "yes"}
	f.write(t, kept, string(marshal(t, mine)))
	w.set(kept, w.objects[kept])
	metadata(w.objects[kept])["labels"] = map[string]any{"its": "yes"}
	mine, _ = f.object(t, changed)
	metadata(mine)["labels"] = map[string]any{"mine": "yes"}
	f.write(t, changed, string(marshal(t, mine)))
	delete(w.objects, changed)
	if _, err := f.kv.Delete(t.Context(), objectPrefix+gone); err != nil {
		t.Fatal(err)
	}
	w.set(gone, w.objects[gone])

	before := f.revision(t)
	var told said
	wantCounts(t, mustImport(t, w, f, ImportOptions{Prune: true, Reports: told.reports()}), map[Outcome]int{Conflict: 4, Unchanged: n - 3})
	told.want(t, "Agent team-0/both: conflict: another object of that name was made here", "Agent team-0/x-0: conflict: it was changed here",
		"Query team-0/x-0: conflict: it is gone from the source", "Tool team-0/x-0: conflict: it was deleted here")
	if now := f.revision(t); now != before {
		t.Error("conflicts were written")
	}
	verified, err := Verify(t.Context(), w, f.Store, true, ImportOptions{Secrets: true})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, verified, map[Outcome]int{Different: 2, Missing: 1, Surplus: 2, Unchanged: n - 3})

	wantCounts(t, mustImport(t, w, f, ImportOptions{Prune: true, Overwrite: true}), map[Outcome]int{Created: 1, Updated: 2, Deleted: 1, Unchanged: n - 3})
	if got, _ := f.object(t, made); got == nil {
		t.Error("an object that no import brought was deleted")
	}
}

// A source that has lost everything, or does not serve a kind any more, deletes nothing.
func TestImportFromAnEmptySource(t *testing.T) {
	t.Parallel()
	f, w := newFixture(t), newWorld()
	w.samples(t, f.all, 1)
	n := len(w.objects)
	mustImport(t, w, f, whole)
	if _, err := Import(t.Context(), newWorld(), f.Store, whole); !errors.Is(err, ErrEmptySource) {
		t.Errorf("%v, want %v", err, ErrEmptySource)
	}
	w.absent = "queries"
	delete(w.objects, "ark.mckinsey.com/queries/team-0/x-0")
	wantCounts(t, mustImport(t, w, f, whole), map[Outcome]int{Unchanged: n - 1})

	other := newWorld()
	other.id = "cluster o"
	other.samples(t, f.all, 1)
	delete(other.objects, "ark.mckinsey.com/queries/team-0/x-0")
	wantCounts(t, mustImport(t, other, f, whole), map[Outcome]int{Unchanged: n - 1})
}

// What cannot be stored is told, and the rest goes on.
func TestImportReportsWhatItCannotTake(t *testing.T) {
	t.Parallel()
	f, w := newFixture(t), newWorld()
	agent := func(name string, more map[string]any) map[string]any {
		o := map[string]any{"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": "Agent", "metadata": map[string]any{"name": name, "namespace": "a", "uid": name}, "spec": map[string]any{}}
		for key, value := range more {
			o[key] = value
		}
		return o
	}
	const secret = "hush-hush"
	w.set("1", agent("wrong-type", map[string]any{"spec": map[string]any{"prompt": map[string]any{"not": secret}}}))
	w.set("2", agent("../escape", nil))
	w.set("3", agent("kind", map[string]any{"kind": "Evaluation"}))
	w.set("4", agent("version", map[string]any{"apiVersion": "ark.mckinsey.com/v9"}))
	w.set("5", agent("other", map[string]any{"apiVersion": "v1", "kind": "Pod"}))
	w.set("6", agent("fields", map[string]any{"spec": map[string]any{"prompt": "x", "fromTheFuture": map[string]any{"key": secret}}}))
	w.set("7", map[string]any{"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": "Model", "metadata": map[string]any{"name": "old", "namespace": "a", "uid": "m"},
		"spec": map[string]any{"type": "openai", "model": map[string]any{"value": secret}, "config": map[string]any{}}})
	var told said
	wantCounts(t, mustImport(t, w, f, ImportOptions{Prune: true, Reports: told.reports()}), map[Outcome]int{Created: 2, Refused: 4, Skipped: 1})
	told.want(t, "Agent a/wrong-type: refused: the server could not read it", `"../escape"`, "Evaluation", "v9", "Pod of v1",
		"Agent a/fields: kept and served with fields that this release does not know: spec.fromTheFuture",
		"Model a/old: taken as it is, though it would be refused if it were made today: spec.")
	if all := strings.Join(told.lines, "\n"); strings.Contains(all, secret) {
		t.Errorf("a value was told:\n%s", all)
	}
	if got, _ := f.object(t, "ark.mckinsey.com/agents/a/fields"); got["spec"].(map[string]any)["fromTheFuture"] == nil {
		t.Errorf("a field was lost: %v", got)
	}
	verified, err := Verify(t.Context(), w, f.Store, true, ImportOptions{Secrets: true})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, verified, map[Outcome]int{Unchanged: 2, Missing: 1, Refused: 3, Skipped: 1})
}
