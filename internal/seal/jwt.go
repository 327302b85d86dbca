package seal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Limits of a token. [Ring.SignJWT] makes none that [Ring.VerifyJWT] refuses.
const (
	MaxJWT    = 8 << 10 // bytes of a token
	maxHeader = 1 << 10 // bytes of its header, encoded
	maxTyp    = 64      // bytes of the header's "typ"
)

// ErrJWT is every failure of [Ring.VerifyJWT].
var ErrJWT = errors.New("not a token of ours")

// SignJWT makes a compact JWS (RFC 7515 §7.1) over claims:
//
//	{"alg":…,"kid":<thumbprint>,"typ":typ,"ver":"2"} . claims . signature
//
// typ is 1 to 64 of A-Z a-z 0-9 . + - /. The claims are written as JSON with
// sorted keys and integers as integers, nil as {}, in ASCII and in such a way
// that their part of the token has neither '-' nor '_': there are clients that
// decode it with the alphabet of ordinary base64.
//
// An [Access] token over the same claims is always the same token; the other
// uses sign with fresh randomness, so their tokens are known by an id among the
// claims, never by their text.
func (r *Ring) SignJWT(use Use, typ string, claims map[string]any) (string, error) {
	k, ok := r.keyFor(use)
	if !ok {
		return "", fmt.Errorf("sign token: no key for use %q", use)
	}
	if !isTyp(typ) {
		return "", fmt.Errorf("sign token: typ %q is not 1 to %d of A-Z a-z 0-9 . + - /", typ, maxTyp)
	}
	payload, err := encodeClaims(claims)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	opts := (&jose.SignerOptions{}).
		WithHeader("ver", "2").
		WithHeader("kid", k.kid).
		WithType(jose.ContentType(typ))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: use.algorithm(), Key: k.private}, opts)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	if len(token) > MaxJWT {
		return "", fmt.Errorf("sign token: it would have %d bytes, the limit is %d: use fewer or shorter claims", len(token), MaxJWT)
	}
	middle := token[strings.IndexByte(token, '.')+1 : strings.LastIndexByte(token, '.')]
	if strings.ContainsAny(middle, "-_") {
		return "", errors.New("sign token: the claims do not encode without - and _")
	}
	return token, nil
}

// VerifyJWT checks that token was made by [Ring.SignJWT] with a key of this
// ring and gives back what it says: for which use, of which typ, and the claims
// as JSON. It judges none of them. The only error is [ErrJWT].
//
// The header is not parsed but compared: it must be, byte for byte, the one
// that SignJWT writes for one of our keys. So no algorithm, key or address in
// it is ever the sender's choice (RFC 8725 §3.1, §3.10), and there is nothing
// to be confused about in white space, unknown or repeated members.
func (r *Ring) VerifyJWT(token string) (use Use, typ string, payload []byte, err error) {
	if len(token) > MaxJWT || strings.Count(token, ".") != 2 {
		return "", "", nil, ErrJWT
	}
	head, rest, _ := strings.Cut(token, ".")
	body, signature, _ := strings.Cut(rest, ".")
	if len(head) > maxHeader || !isBase64URL(head) || !isBase64URL(body) || !isBase64URL(signature) {
		return "", "", nil, ErrJWT
	}
	strict := base64.RawURLEncoding.Strict()
	header, err := strict.DecodeString(head)
	if err != nil {
		return "", "", nil, ErrJWT
	}
	k, typ, ok := r.keyOf(string(header))
	if !ok {
		return "", "", nil, ErrJWT
	}
	// The library takes signatures whose last character has stray bits; then
	// one token would have several texts.
	if _, err := strict.DecodeString(signature); err != nil {
		return "", "", nil, ErrJWT
	}
	if _, err := strict.DecodeString(body); err != nil {
		return "", "", nil, ErrJWT
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{k.use.algorithm()})
	if err != nil {
		return "", "", nil, ErrJWT
	}
	payload, err = signed.Verify(k.private.Public())
	if err != nil {
		return "", "", nil, ErrJWT
	}
	return k.use, typ, payload, nil
}

func (r *Ring) keyFor(use Use) (*signingKey, bool) {
	for i := range r.signing {
		if r.signing[i].use == use {
			return &r.signing[i], true
		}
	}
	return nil, false
}

// keyOf finds the key whose tokens have this header, and the header's typ.
func (r *Ring) keyOf(header string) (*signingKey, string, bool) {
	for i := range r.signing {
		k := &r.signing[i]
		rest, ok := strings.CutPrefix(header, k.headStart)
		if !ok {
			continue
		}
		typ, ok := strings.CutSuffix(rest, headEnd)
		if !ok || !isTyp(typ) {
			return nil, "", false
		}
		return k, typ, true
	}
	return nil, "", false
}

func isTyp(s string) bool {
	if s == "" || len(s) > maxTyp {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isAlnum(c) && c != '.' && c != '+' && c != '-' && c != '/' {
			return false
		}
	}
	return true
}

// isBase64URL says whether s has only characters of that alphabet (RFC 4648
// §5). The standard decoder would skip line ends.
func isBase64URL(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isAlnum(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
