package seal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Use is what a signing key is for. Each has a key of its own, so a token made
// for one use never passes for another.
type Use string

// The uses.
const (
	Access    Use = "access"    // RS256, RSA 2048: tokens that clients read
	Quick     Use = "quick"     // ES256: short-lived tokens that only we read
	Assertion Use = "assertion" // ES256: who the caller is, for upstreams
)

var uses = [...]Use{Access, Quick, Assertion}

func (u Use) algorithm() jose.SignatureAlgorithm {
	if u == Access {
		return jose.RS256
	}
	return jose.ES256
}

// signingKey is one private key and what is always the same about it.
type signingKey struct {
	use     Use
	private crypto.Signer
	kid     string          // RFC 7638 thumbprint, SHA-256, 43 characters
	jwk     json.RawMessage // the public half

	// The header of every token of this key is headStart + typ + headEnd.
	headStart string
}

const headEnd = `","ver":"2"}`

func parseSigningKey(u Use, der []byte) (signingKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return signingKey{}, fmt.Errorf("the %s key is damaged", u)
	}
	k := signingKey{use: u}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		if u.algorithm() == jose.RS256 && key.N.BitLen() >= rsaBits {
			k.private = key
		}
	case *ecdsa.PrivateKey:
		if u.algorithm() == jose.ES256 && key.Curve == elliptic.P256() {
			k.private = key
		}
	}
	if k.private == nil {
		return signingKey{}, fmt.Errorf("the %s key is of the wrong kind", u)
	}
	public := jose.JSONWebKey{Key: k.private.Public(), Algorithm: string(u.algorithm()), Use: "sig"}
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return signingKey{}, fmt.Errorf("the %s key has no thumbprint: %w", u, err)
	}
	k.kid = base64.RawURLEncoding.EncodeToString(sum)
	public.KeyID = k.kid
	if k.jwk, err = public.MarshalJSON(); err != nil {
		return signingKey{}, fmt.Errorf("the %s key has no public form: %w", u, err)
	}
	k.headStart = `{"alg":"` + string(u.algorithm()) + `","kid":"` + k.kid + `","typ":"`
	return k, nil
}

// PublicJWKS is the JWK set (RFC 7517 §5) of the public keys for these uses.
// What it verifies, its readers will trust: list only uses meant for them.
func (r *Ring) PublicJWKS(which ...Use) []byte {
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: []json.RawMessage{}}
	for i := range r.signing {
		if slices.Contains(which, r.signing[i].use) {
			set.Keys = append(set.Keys, r.signing[i].jwk)
		}
	}
	doc, err := json.Marshal(set)
	if err != nil {
		panic("seal: jwks: " + err.Error()) // each key was marshalled before
	}
	return doc
}
