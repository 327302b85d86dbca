package oauth

import (
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// metadata is what an issuer's discovery document says of it (OpenID Connect
// Discovery 1.0 §3, RFC 8414 §2, RFC 9207 §3). Nothing but Issuer and JWKS is
// judged before it is used: those who only verify tokens need no more.
type metadata struct {
	Issuer        string   `json:"issuer"`
	JWKS          string   `json:"jwks_uri"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Userinfo      string   `json:"userinfo_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
	NamesItself   bool     `json:"authorization_response_iss_parameter_supported"`
}

// fault is what is wrong with an address of the document, or "": it is as good
// as the issuer's own, https unless that is on this machine and without.
func (m metadata) fault(at string) string {
	if text := urlFault(at, maxJWKSURL, true); text != "" {
		return text
	}
	if strings.HasPrefix(at, "http:") && !strings.HasPrefix(m.Issuer, "http:") {
		return "is not https"
	}
	return ""
}

// style is how we prove who we are at the token endpoint: with a secret by
// Basic, which every provider must take (RFC 6749 §2.3.1), unless it lists the
// form alone. It is never found out by trying: that shows a code twice.
func (m metadata) style(public bool) oauth2.AuthStyle {
	if public || !slices.Contains(m.TokenAuth, "client_secret_basic") && slices.Contains(m.TokenAuth, "client_secret_post") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}
