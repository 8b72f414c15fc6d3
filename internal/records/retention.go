package records

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

// Policy returns the effective policy: the rules of all retention policies, sorted by the policies'
// names, and then the server's own.
func (g *Group) Policy(ctx context.Context) (history.Policy, error) {
	p := history.DefaultPolicy()
	stored := g.policies.Load()
	if stored == nil {
		return p, errors.New("the retention policies of this server cannot be read yet")
	}
	listed, err := stored.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return p, fmt.Errorf("read the retention policies: %w", err)
	}
	list, ok := listed.(*v1alpha1.RetentionPolicyList)
	if !ok {
		return p, fmt.Errorf("read the retention policies: got a %T", listed)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.RetentionPolicy) int { return strings.Compare(a.Name, b.Name) })
	var rules []history.Rule
	exact := time.Duration(0)
	for i := range list.Items {
		one := &list.Items[i]
		made, for_, faults := g.kinds.rules(&one.Spec)
		if len(faults) > 0 {
			return p, fmt.Errorf("the retention policy %s is not valid: %w", one.Name, faults.ToAggregate())
		}
		rules, exact = append(rules, made...), max(exact, for_)
	}
	if exact > 0 {
		p.Exact = exact
	}
	p.Rules = append(rules, p.Rules...)
	return p, nil
}

// rules converts a policy, and returns all its errors.
func (k kinds) rules(spec *v1alpha1.RetentionPolicySpec) (rules []history.Rule, exact time.Duration, faults field.ErrorList) {
	at := field.NewPath("spec")
	period := func(at *field.Path, text string) time.Duration {
		d, err := parseAge(text)
		if err != nil {
			faults = append(faults, field.Invalid(at, text, err.Error()))
		}
		return d
	}
	exact = period(at.Child("exactFor"), spec.ExactFor)
	if len(spec.Rules) == 0 && spec.ExactFor == "" {
		faults = append(faults, field.Required(at.Child("rules"), "a policy has rules, or exactFor"))
	}
	for i, rule := range spec.Rules {
		at := at.Child("rules").Index(i)
		made := history.Rule{
			Namespaces: rule.Namespaces, Labels: rule.Labels, Phases: rule.Phases, StatusOnly: rule.StatusOnly, Drop: rule.Drop,
			Versions: int(rule.Versions), Age: period(at.Child("age"), rule.Age),
			AgeAfterDeletion: period(at.Child("ageAfterDeletion"), rule.AgeAfterDeletion),
		}
		for j, name := range rule.Kinds {
			kind, known := k.named(name)
			if !known {
				faults = append(faults, field.NotSupported(at.Child("kinds").Index(j), name, k.names()))
				continue
			}
			made.Resources = append(made.Resources, resourceOf(kind).String())
		}
		if rule.Versions < 0 {
			faults = append(faults, field.Invalid(at.Child("versions"), rule.Versions, "must not be negative"))
		}
		if rule.Drop && (rule.Versions != 0 || rule.Age != "") {
			faults = append(faults, field.Invalid(at.Child("drop"), rule.Drop, "keeps no version: leave out versions and age, or drop"))
		}
		rules = append(rules, made)
	}
	return rules, exact, faults
}

func (k kinds) names() (names []string) {
	for _, kind := range k.inOrder() {
		names = append(names, kind.Name)
	}
	return names
}

// parseAge parses 365d, or a Go duration; "" is 0.
func parseAge(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return 0, errors.New("write a time such as 36h or 365d")
	}
	return d, nil
}

// Eraser removes data of purged objects outside the history: messages and answers, and their
// remains in the files of search. It returns how many rows it removed.
type Eraser func(ctx context.Context, purged []history.Purged) (rows int64, err error)

// Upkeep changes the history itself.
type Upkeep interface {
	Retain(ctx context.Context, p history.Policy, now time.Time, dry bool) (history.Report, error)
	Purge(ctx context.Context, t history.Target) (history.Report, error)
	Verify(ctx context.Context, kept []history.Head) (history.Verification, error)
}
