package rules

import (
	"context"
	"fmt"
	"net/textproto"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// CheckA2AServer checks address, headers and the poll interval.
func CheckA2AServer(ctx context.Context, env Env, server *v1prealpha1.A2AServer) field.ErrorList {
	s, path := scope{env, server.Namespace}, field.NewPath("spec")
	address := path.Child("address")
	var errs field.ErrorList
	if a := server.Spec.Address; a != nil && !empty(a.Value) && a.ValueFrom != nil {
		errs = append(errs, field.Invalid(address, *a.Value, "cannot specify both value and valueFrom"))
	} else {
		errs = append(errs, s.address(ctx, address, plain(a))...)
	}
	headers := path.Child("headers")
	errs = append(errs, checkHeaders(headers, "", server.Spec.Headers)...)
	seen := map[string]bool{}
	for i, header := range server.Spec.Headers {
		name := textproto.CanonicalMIMEHeaderKey(header.Name)
		if seen[name] && name != "" {
			errs = append(errs, field.Invalid(headers.Index(i).Child("name"), header.Name, fmt.Sprintf("headers[%d]: the header is there already", i)))
		}
		seen[name] = true
	}
	return append(errs, notNegative(path, "pollInterval", server.Spec.PollInterval)...)
}

// WarnA2AServer tells of allowed hosts that have no effect.
func WarnA2AServer(server *v1prealpha1.A2AServer) []string {
	resolution := v1prealpha1.EndpointAddress
	if server.Spec.EndpointResolution != nil {
		resolution = *server.Spec.EndpointResolution
	}
	if len(server.Spec.AllowedEndpointHosts) == 0 || resolution == v1prealpha1.EndpointCardURL {
		return nil
	}
	return []string{fmt.Sprintf("allowedEndpointHosts has no effect with endpointResolution '%s': it is used with cardUrl only", resolution)}
}
