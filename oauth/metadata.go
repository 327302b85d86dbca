package oauth

import (
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// metadata is what an issuer's discovery document says of it (OpenID Connect
// Discovery 1.0 §3, RFC 8414 §2, RFC 9207 §3). What is not there, or of another
// type, is empty. Nothing but issuer and jwks is judged before it is used:
// those who only verify tokens need no more.
type metadata struct {
	issuer        string
	jwks          string   // jwks_uri
	authorization string   // …_endpoint
	token         string   // …_endpoint
	userinfo      string   // …_endpoint
	endSession    string   // …_endpoint
	tokenAuth     []string // token_endpoint_auth_methods_supported
	namesItself   bool     // authorization_response_iss_parameter_supported
}

func readMetadata(text []byte) (metadata, error) {
	o, err := object(text)
	if err != nil {
		return metadata{}, err
	}
	get := func(name string) string {
		text, _ := o[name].(string)
		return text
	}
	m := metadata{
		issuer: get("issuer"), jwks: get("jwks_uri"),
		authorization: get("authorization_endpoint"), token: get("token_endpoint"),
		userinfo: get("userinfo_endpoint"), endSession: get("end_session_endpoint"),
	}
	m.tokenAuth, _ = texts(o["token_endpoint_auth_methods_supported"])
	m.namesItself, _ = o["authorization_response_iss_parameter_supported"].(bool)
	return m, nil
}

// fault is what is wrong with an address of the document, or "": it is as good
// as the issuer's own, https unless that is on this machine and without.
func (m metadata) fault(at string) string {
	if text := urlFault(at, maxJWKSURL, true); text != "" {
		return text
	}
	if strings.HasPrefix(at, "http:") && !strings.HasPrefix(m.issuer, "http:") {
		return "is not https"
	}
	return ""
}

// style is how we prove who we are at the token endpoint: with a secret by
// Basic, which every provider must take (RFC 6749 §2.3.1), unless it lists the
// form alone. It is never found out by trying: that shows a code twice.
func (m metadata) style(public bool) oauth2.AuthStyle {
	if public || !slices.Contains(m.tokenAuth, "client_secret_basic") && slices.Contains(m.tokenAuth, "client_secret_post") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}
