// Package access says which rows of a kind a user may list, get or use: for filters in SQL and
// search, lists of models for chat and whatever else shows objects without going through the API.
// They come from here and nowhere else.
//
// A Resolver answers a Question about a user with an Answer, which decides millions of rows
// cheaply. It asks the server's authorizer first whether the user has the right in all namespaces,
// which decides most questions, then:
//
//   - where Rules are known (standalone, RBAC), what roles grant in the namespaces asked about;
//   - otherwise (in a cluster: SubjectAccessReviews) the authorizer, for each namespace and, where
//     the namespace is refused as a whole, for each name asked about: in parallel, bounded, each
//     question once at a time.
//
// Invariants:
//
//   - The answer for a row is what the authorizer says of that object. A right in all namespaces
//     stands for every row, and one in a namespace for every row in it, as it does when the API
//     lists: an authorizer that denies parts of what it allows as a whole is not asked about the
//     parts.
//   - A right on single names (resourceNames) is a right on those rows, for list too: the API
//     grants it with a field selector.
//   - What cannot be found out is an error, never a refusal and never a right. What was not asked
//     about is Unknown.
//   - A decision is kept for Options.AllowFor or DenyFor at most, from before the authorizer was
//     asked, and neither may be more than MaxAge. Decisions by Rules are not kept at all.
//
// The package may import k8s.io/api, k8s.io/apimachinery, k8s.io/apiserver, k8s.io/utils and
// golang.org/x/sync.
package access
