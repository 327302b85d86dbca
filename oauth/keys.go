package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Limits of a key set.
const (
	maxKeys    = 100
	minRSA     = 2048 // bits
	maxRSA     = 8192 // bits; longer ones take long to verify with
	maxKeyText = 32 << 10
)

// key is one public key of an issuer.
type key struct {
	id     string
	alg    string // "": any that fits
	public crypto.PublicKey
}

// parseKeys reads a JSON Web Key Set (RFC 7517 §5). Keys of kinds that we do
// not verify with, private ones and those for encryption are passed over; a set
// with none left is an error, for then nothing could be verified.
func parseKeys(text []byte) ([]key, error) {
	if _, err := object(text); err != nil {
		return nil, fmt.Errorf("keys: the document is not JSON of the expected form: it %w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("keys: the document is not JSON of the expected form")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("keys: the set has %d keys, at most %d are read", len(set.Keys), maxKeys)
	}
	var out []key
	for _, text := range set.Keys {
		if k, ok := parseKey(text); ok {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("keys: the set has no key to verify with")
	}
	return out, nil
}

func parseKey(text json.RawMessage) (key, bool) {
	var head struct {
		Kind    string          `json:"kty"`
		Private json.RawMessage `json:"d"`
	}
	if len(text) > maxKeyText || json.Unmarshal(text, &head) != nil || head.Private != nil {
		return key{}, false
	}
	if head.Kind != "RSA" && head.Kind != "EC" && head.Kind != "OKP" {
		return key{}, false
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(text); err != nil || jwk.Use != "" && jwk.Use != "sig" {
		return key{}, false
	}
	if len(jwk.KeyID) > maxKeyID || jwk.Algorithm != "" && !fits(jwk.Key, jwk.Algorithm) {
		return key{}, false
	}
	return key{id: jwk.KeyID, alg: jwk.Algorithm, public: jwk.Key}, usable(jwk.Key)
}

func usable(public crypto.PublicKey) bool {
	for _, alg := range algorithms {
		if fits(public, alg) {
			return true
		}
	}
	return false
}

// fits reports whether signatures of alg are verified with such a key.
func fits(public crypto.PublicKey, alg string) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return (alg == "RS256" || alg == "PS256") && k.N.BitLen() >= minRSA && k.N.BitLen() <= maxRSA
	case *ecdsa.PublicKey:
		return alg == "ES256" && k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// find is the first key with this id for alg. Without an id there must be only
// one that fits: keys are not tried in turn.
func find(keys []key, id, alg string) (crypto.PublicKey, bool) {
	var found []crypto.PublicKey
	for _, k := range keys {
		if (id == "" || k.id == id) && (k.alg == "" || k.alg == alg) && fits(k.public, alg) {
			found = append(found, k.public)
		}
	}
	if len(found) == 0 || id == "" && len(found) > 1 {
		return nil, false
	}
	return found[0], true
}
