package rules

import (
	"maps"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// Annotations that tell who wrote an inline tool's source, and when. Only the
// server sets them.
const (
	inlineAuthor   = "ark.mckinsey.com/inline-authored-by"
	inlineAuthored = "ark.mckinsey.com/inline-authored-at"
)

// Authors says whether a write brings in source that will be run: any inline tool
// that is new, or whose spec has changed. old is nil for a new tool.
func Authors(tool, old *v1alpha1.Tool) bool {
	return isInline(tool) && (old == nil || !apiequality.Semantic.DeepEqualWithNilDifferentFromEmpty(tool.Spec, old.Spec))
}

// StampAuthor notes who wrote an inline tool. What the request says about it
// counts for nothing: a write that brings in no source keeps the old note.
func StampAuthor(tool, old *v1alpha1.Tool, user string, now time.Time) {
	by, at := "", ""
	switch {
	case Authors(tool, old):
		by, at = user, now.UTC().Format(time.RFC3339)
	case old != nil:
		by, at = old.Annotations[inlineAuthor], old.Annotations[inlineAuthored]
	}
	if tool.Annotations[inlineAuthor] == by && tool.Annotations[inlineAuthored] == at {
		return
	}
	annotations := maps.Clone(tool.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	set := func(name, value string) {
		if value == "" {
			delete(annotations, name)
			return
		}
		annotations[name] = value
	}
	set(inlineAuthor, by)
	set(inlineAuthored, at)
	tool.Annotations = annotations
}
