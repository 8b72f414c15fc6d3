package clienttypes

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ValueSource is a value or where to find it.
type ValueSource struct {
	Value     string           `json:"value,omitempty"`
	ValueFrom *ValueFromSource `json:"valueFrom,omitempty"`
}

// ValueFromSource is where to find a value.
type ValueFromSource struct {
	SecretKeyRef      *corev1.SecretKeySelector    `json:"secretKeyRef,omitempty"`
	ConfigMapKeyRef   *corev1.ConfigMapKeySelector `json:"configMapKeyRef,omitempty"`
	ServiceRef        *ServiceReference            `json:"serviceRef,omitempty"`
	QueryParameterRef *QueryParameterReference     `json:"queryParameterRef,omitempty"`
}

// ServiceReference names a Service.
type ServiceReference struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	Port      string `json:"port,omitempty"`
	Path      string `json:"path,omitempty"`
}

// QueryParameterReference names a parameter of the Query.
type QueryParameterReference struct {
	Name string `json:"name"`
}

// Parameter is a named value.
type Parameter struct {
	Name      string           `json:"name"`
	Value     string           `json:"value,omitempty"`
	ValueFrom *ValueFromSource `json:"valueFrom,omitempty"`
}

// Header is an HTTP header.
type Header struct {
	Name  string      `json:"name"`
	Value ValueSource `json:"value"`
}

// Override adds headers to requests.
type Override struct {
	Headers       []Header              `json:"headers"`
	ResourceType  string                `json:"resourceType"`
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
}

// Reference names an object.
type Reference struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// ReferenceOrNone names an object, or none.
type ReferenceOrNone struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}
