package direct

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestBelow(t *testing.T) {
	own := ownPaths([]string{"ark.example.com"})
	for path, want := range map[string]bool{
		"/apis/ark.example.com": true, "/apis/ark.example.com/v1/agents": true, "/openapi/v3/apis/ark.example.com/v1": true,
		"/readyz": true, "/readyz/storage": true, "/v1/models": true,
		"/apis/ark.example.com.evil": false, "/apis": false, "/api/v1/pods": false, "/readyzz": false, "/": false, "": false,
		"//apis/ark.example.com": false, "/openapi/v3": false, "/version": false,
	} {
		if got := below(path, own); got != want {
			t.Errorf("%q: %t, want %t", path, got, want)
		}
	}
}

func TestLasting(t *testing.T) {
	for url, want := range map[string]bool{
		"/api/v1/pods?watch=true": true, "/api/v1/pods?watch=1": true, "/api/v1/pods?watch=false": false, "/api/v1/watch/pods": true,
		"/api/v1/namespaces/a/pods/b/log?follow=true": true, "/api/v1/namespaces/a/pods/b/log": false,
		"/api/v1/namespaces/a/pods/b/exec?command=ls": true, "/api/v1/namespaces/a/services/b/proxy/x": true, "/api/v1/pods": false,
	} {
		if got := lasting(httptest.NewRequest(http.MethodGet, url, http.NoBody)); got != want {
			t.Errorf("%q: %t, want %t", url, got, want)
		}
	}
}

func TestCertified(t *testing.T) {
	shown := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	for name, c := range map[string]struct {
		tls    *tls.ConnectionState
		header http.Header
		want   bool
	}{
		"a certificate":                   {shown, http.Header{}, true},
		"and a token":                     {shown, http.Header{"Authorization": {"Bearer x"}}, false},
		"and a token as a browser has it": {shown, http.Header{"Sec-Websocket-Protocol": {"v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.eA"}}, false},
		"nothing":                         {&tls.ConnectionState{}, http.Header{}, false},
		"no TLS":                          {nil, http.Header{}, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.TLS, r.Header = c.tls, c.header
		if got := certified(r); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
