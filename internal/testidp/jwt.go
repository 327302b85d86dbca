package testidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
)

// JWT is a signed token in the making.
type JWT struct {
	Header, Claims map[string]any
	Payload        []byte // instead of Claims, to the byte
	// Key signs: *rsa.PrivateKey, *ecdsa.PrivateKey, or []byte for HS256; alg
	// says how. Nothing signs an alg that is "none" in any spelling.
	Key any
	// Bend changes the finished text.
	Bend func(string) string
	// Access is the access token that it comes with.
	Access string
}

// compact is the token in its compact form (RFC 7515 §7.1).
func (j *JWT) compact() string {
	payload := j.Payload
	if payload == nil {
		payload = text(j.Claims)
	}
	signed := encode(text(j.Header)) + "." + encode(payload)
	out := signed + "." + encode(j.sign(signed))
	if j.Bend != nil {
		out = j.Bend(out)
	}
	return out
}

func (j *JWT) sign(signed string) []byte {
	alg, _ := j.Header["alg"].(string)
	if strings.EqualFold(alg, "none") {
		return nil
	}
	sum := sha256.Sum256([]byte(signed))
	switch key := j.Key.(type) {
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		return append(padded(r), padded(s)...)
	case *rsa.PrivateKey:
		var out []byte
		var err error
		if strings.HasPrefix(alg, "PS") {
			out, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			out, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		}
		if err != nil {
			panic(err)
		}
		return out
	}
	panic("a key of another kind")
}

// halfHash is at_hash: the left half of the access token's SHA-256 (OpenID
// Connect Core §3.1.3.6).
func halfHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return encode(sum[:sha256.Size/2])
}

// padded is a number of P-256 in 32 bytes.
func padded(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func text(doc map[string]any) []byte {
	out, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return out
}

// publicRSA and publicEC are keys as a key set shows them (RFC 7517).
func publicRSA(id string, k *rsa.PublicKey) map[string]any {
	return map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
		"n": encode(k.N.Bytes()), "e": encode(big.NewInt(int64(k.E)).Bytes())}
}

func publicEC(id string, k *ecdsa.PublicKey) map[string]any {
	point, err := k.Bytes() // 4, X, Y
	if err != nil {
		panic(err)
	}
	return map[string]any{"kty": "EC", "use": "sig", "alg": "ES256", "kid": id, "crv": "P-256",
		"x": encode(point[1:33]), "y": encode(point[33:])}
}
