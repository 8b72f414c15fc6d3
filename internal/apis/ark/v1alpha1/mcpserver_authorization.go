package v1alpha1

// MCPServerAuthorization says how requests to an MCP server are authorized.
type MCPServerAuthorization struct {
	// The Secret that keeps the OAuth tokens.
	//
	// +required
	// +k8s:required
	TokenSecretRef *TokenSecretReference `json:"tokenSecretRef,omitempty"`

	// Get tokens without a user, by the client credentials grant.
	//
	// +k8s:optional
	ClientCredentials *ClientCredentials `json:"clientCredentials,omitempty"`
}

// TokenSecretReference names a Secret with OAuth tokens and its keys.
type TokenSecretReference struct {
	// Name of the Secret, in the same namespace.
	//
	// +required
	// +k8s:required
	Name *string `json:"name,omitempty"`

	// Key of the access token.
	//
	// +k8s:optional
	// +default="access_token"
	AccessTokenKey *string `json:"accessTokenKey,omitempty"`

	// Key of the refresh token.
	//
	// +k8s:optional
	// +default="refresh_token"
	RefreshTokenKey *string `json:"refreshTokenKey,omitempty"`

	// Key of the time at which the access token expires.
	//
	// +k8s:optional
	// +default="expires_at"
	ExpiresAtKey *string `json:"expiresAtKey,omitempty"`

	// Key of the client ID.
	//
	// +k8s:optional
	// +default="client_id"
	ClientIDKey *string `json:"clientIDKey,omitempty"`

	// Key of the client secret.
	//
	// +k8s:optional
	// +default="client_secret"
	ClientSecretKey *string `json:"clientSecretKey,omitempty"`
}

// ClientCredentials is OAuth's client credentials grant (RFC 6749, section
// 4.4).
type ClientCredentials struct {
	// Client ID at the authorization server.
	//
	// +required
	// +k8s:required
	ClientID *string `json:"clientID,omitempty"`

	// Scopes to ask for.
	//
	// +optional
	Scopes []string `json:"scopes,omitzero"`

	// Resource that the token is for (RFC 8707).
	//
	// +k8s:optional
	Resource *string `json:"resource,omitempty"`

	// Token endpoint, if not the discovered one.
	//
	// +k8s:optional
	TokenEndpoint *string `json:"tokenEndpoint,omitempty"`

	// How the client proves who it is.
	//
	// +required
	// +k8s:required
	ClientAuthentication *ClientAuthentication `json:"clientAuthentication,omitempty"`
}

// ClientAuthentication is one way in which a client proves who it is.
//
// +k8s:validation:cel[0]:rule="[has(self.privateKeyJWT)].exists_one(x, x)"
// +k8s:validation:cel[0]:message="exactly one client authentication method must be set"
type ClientAuthentication struct {
	// A token that is signed with the client's private key (RFC 7523).
	//
	// +k8s:optional
	PrivateKeyJWT *PrivateKeyJWT `json:"privateKeyJWT,omitempty"`
}

// JWTAlgorithm is a signature algorithm of RFC 7518.
//
// +enum
// +k8s:enum
type JWTAlgorithm string

const (
	// JWTES256 is ECDSA on P-256 with SHA-256.
	JWTES256 JWTAlgorithm = "ES256"
	// JWTES384 is ECDSA on P-384 with SHA-384.
	JWTES384 JWTAlgorithm = "ES384"
	// JWTES512 is ECDSA on P-521 with SHA-512.
	JWTES512 JWTAlgorithm = "ES512"
	// JWTRS256 is RSA with PKCS #1 v1.5 and SHA-256.
	JWTRS256 JWTAlgorithm = "RS256"
	// JWTRS384 is RSA with PKCS #1 v1.5 and SHA-384.
	JWTRS384 JWTAlgorithm = "RS384"
	// JWTRS512 is RSA with PKCS #1 v1.5 and SHA-512.
	JWTRS512 JWTAlgorithm = "RS512"
	// JWTPS256 is RSA with PSS and SHA-256.
	JWTPS256 JWTAlgorithm = "PS256"
	// JWTPS384 is RSA with PSS and SHA-384.
	JWTPS384 JWTAlgorithm = "PS384"
	// JWTPS512 is RSA with PSS and SHA-512.
	JWTPS512 JWTAlgorithm = "PS512"
)

// PrivateKeyJWT signs the client's tokens with a private key.
type PrivateKeyJWT struct {
	// The Secret with the private key.
	//
	// +required
	// +k8s:required
	SecretKeyRef *PrivateKeySecretReference `json:"secretKeyRef,omitempty"`

	// Algorithm of the signature; it has to fit the key.
	//
	// +k8s:optional
	// +default="ES256"
	Algorithm *JWTAlgorithm `json:"algorithm,omitempty"`

	// Identifier of the key, sent as kid in the token's header.
	//
	// +k8s:optional
	KeyID *string `json:"keyID,omitempty"`
}

// PrivateKeySecretReference names a Secret with a private key in PEM form.
type PrivateKeySecretReference struct {
	// Name of the Secret, in the same namespace.
	//
	// +required
	// +k8s:required
	Name *string `json:"name,omitempty"`

	// Key within the Secret's data.
	//
	// +k8s:optional
	// +default="private.pem"
	Key *string `json:"key,omitempty"`
}
