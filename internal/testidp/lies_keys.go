package testidp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

func keyLies() []Lie {
	bend := func(says string, f func(string) string) Lie {
		return jwtLie(IDToken, Refused, "signature "+says, func(_ *OIDC, j *JWT) { j.Bend = f })
	}
	alg := func(says, alg string, key func(*OIDC) any) Lie {
		return jwtLie(IDToken, Refused, "alg "+says, func(o *OIDC, j *JWT) {
			if j.Header["alg"] = alg; key != nil {
				j.Key = key(o)
			}
		})
	}
	der := func(o *OIDC) []byte {
		out, err := x509.MarshalPKIXPublicKey(&o.rsa.PublicKey)
		if err != nil {
			panic(err)
		}
		return out
	}
	out := []Lie{
		alg("none", "none", nil), alg("None", "None", nil), alg("nOnE", "nOnE", nil), alg("NONE", "NONE", nil),
		alg("HS256 with the public key as PEM", "HS256", func(o *OIDC) any {
			return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(o)})
		}),
		alg("HS256 with the public key as DER", "HS256", func(o *OIDC) any { return der(o) }),
		alg("HS256 with the modulus", "HS256", func(o *OIDC) any { return o.rsa.N.Bytes() }),
		alg("HS256 with the client's secret", "HS256", func(o *OIDC) any { return []byte(o.client().Secret) }),
		alg("HS256 with nothing", "HS256", func(o *OIDC) any { return []byte{} }),
		alg("PS256, where the key is for RS256", "PS256", func(o *OIDC) any { return o.rsa }),
		alg("ES256 with the kid of the RSA key", "ES256", func(o *OIDC) any { return o.ec }),
		alg("rs256 in lower case", "rs256", func(o *OIDC) any { return o.rsa }),
		alg("empty", "", func(o *OIDC) any { return o.rsa }),
		jwtLie(IDToken, Refused, "alg missing", func(_ *OIDC, j *JWT) { delete(j.Header, "alg") }),
		jwtLie(IDToken, Refused, "key swapped, kid the same", func(o *OIDC, j *JWT) {
			j.Header["alg"], j.Header["kid"], j.Key = "ES256", ecKeyID, o.other
		}),
		jwtLie(IDToken, Refused, "key swapped, no kid", func(o *OIDC, j *JWT) {
			j.Header["alg"], j.Key = "ES256", o.other
			delete(j.Header, "kid")
		}),
		bend("flipped in one bit", func(s string) string {
			i := strings.LastIndexByte(s, '.') + 3
			c := byte('A')
			if s[i] == c {
				c = 'B'
			}
			return s[:i] + string(c) + s[i+1:]
		}),
		bend("empty", func(s string) string { return s[:strings.LastIndexByte(s, '.')+1] }),
		bend("missing", func(s string) string { return s[:strings.LastIndexByte(s, '.')] }),
		bend("cut short", func(s string) string { return s[:len(s)-4] }),
		bend("twice", func(s string) string { return s + s[strings.LastIndexByte(s, '.'):] }),
		bend("of other claims", func(s string) string {
			parts := strings.Split(s, ".")
			return parts[0] + "." + encode([]byte(`{"sub":"x"}`)) + "." + parts[2]
		}),
		bend("of five parts", func(s string) string { return s + "." + encode([]byte("x")) + "." + encode([]byte("y")) }),
		bend("of a million dots", func(string) string { return strings.Repeat(".", 1_000_000) }),
		claim(IDToken, Refused, "at_hash", "of another token", halfHash("another")),
		claim(IDToken, Refused, "at_hash", "empty", ""),
		claim(IDToken, Refused, "at_hash", "a number", 7),
		claim(IDToken, Allowed, "at_hash", "missing", absent),
	}
	return out
}

func headerLies() []Lie {
	head := func(must Outcome, says string, f func(o *OIDC, j *JWT)) Lie {
		return jwtLie(IDToken, must, says, f)
	}
	// A key of the liar's own, and where to find it.
	foreign := func(name string, value func(o *OIDC) any) Lie {
		return head(Refused, name+" leads to another key", func(o *OIDC, j *JWT) {
			j.Header["alg"], j.Header[name], j.Key = "ES256", value(o), o.other
		})
	}
	kid := func(says, id string) Lie {
		return head(Refused, "kid "+says, func(_ *OIDC, j *JWT) { j.Header["kid"] = id })
	}
	typ := func(must Outcome, typ string) Lie {
		return head(must, "typ "+typ, func(_ *OIDC, j *JWT) { j.Header["typ"] = typ })
	}
	return []Lie{
		kid("unknown", "rsa-2"), kid("a path", "../../../dev/null"), kid("a pattern", "*"), kid("of 64 KiB", strings.Repeat("k", 64<<10)),
		kid("with SQL", "' or 1=1 --"),
		head(Refused, "kid a number", func(_ *OIDC, j *JWT) { j.Header["kid"] = 1 }),
		head(Either, "kid missing", func(_ *OIDC, j *JWT) { delete(j.Header, "kid") }),
		foreign("jku", func(o *OIDC) any { return o.Away() + "/keys" }),
		foreign("x5u", func(o *OIDC) any { return o.Away() + "/cert" }),
		foreign("jwk", func(o *OIDC) any { return publicEC("x", &o.other.PublicKey) }),
		foreign("x5c", func(*OIDC) any { return []string{"MIIB"} }),
		head(Refused, "crit of something unknown", func(_ *OIDC, j *JWT) {
			j.Header["crit"], j.Header["exampleext"] = []string{"exampleext"}, 1
		}),
		typ(Refused, "logout+jwt"), typ(Refused, "at+jwt"), typ(Refused, "application/at+jwt"), typ(Refused, "latchkey-assertion+jwt"),
		head(Allowed, "typ missing", func(_ *OIDC, j *JWT) { delete(j.Header, "typ") }),
		head(Refused, "header of 1 MB", func(_ *OIDC, j *JWT) { j.Header["x"] = strings.Repeat("x", 1_000_000) }),
		head(Refused, "events of a logout token inside", func(_ *OIDC, j *JWT) {
			j.Header["typ"] = "logout+jwt"
			j.Claims["events"] = map[string]any{logoutEvent: map[string]any{}}
			delete(j.Claims, "nonce")
		}),
		head(Refused, "claims with sub twice", func(_ *OIDC, j *JWT) {
			j.Payload = twice(text(j.Claims), `"sub":"`+Bob().Subject+`"`)
		}),
		head(Refused, "claims with nonce twice", func(_ *OIDC, j *JWT) { j.Payload = twice(text(j.Claims), `"nonce":"x"`) }),
		head(Refused, "claims nest deeply", func(_ *OIDC, j *JWT) { j.Payload = twice(text(j.Claims), `"x":`+nested) }),
		head(Refused, "claims no object", func(_ *OIDC, j *JWT) { j.Payload = []byte(`["sub"]`) }),
		head(Refused, "claims no UTF-8", func(_ *OIDC, j *JWT) { j.Payload = twice(text(j.Claims), "\"x\":\"\xff\"") }),
		head(Refused, "claims with something behind", func(_ *OIDC, j *JWT) { j.Payload = append(text(j.Claims), `{"sub":"x"}`...) }),
	}
}

// twice puts members before those of an object.
func twice(object []byte, members string) []byte {
	return append([]byte("{"+members+","), object[1:]...)
}

// nested is deeper than any document has reason to be.
var nested = strings.Repeat("[", maxNest) + strings.Repeat("]", maxNest)

const maxNest = 100_000

func keySetLies() []Lie {
	keys := func(must Outcome, says string, f func(o *OIDC) []any) Lie {
		return docLie(JWKS, must, says, func(o *OIDC, doc map[string]any) { doc["keys"] = f(o) })
	}
	weak := func(bits int, says string) Lie {
		var small *rsa.PrivateKey
		return Lie{Name: "jwks: RSA of " + says, Where: JWKS, Must: Refused, Apply: func(o *OIDC) {
			if small == nil {
				var err error
				if small, err = rsa.GenerateKey(rand.Reader, bits); err != nil {
					panic(err)
				}
			}
			o.Change(JWKS, func(doc map[string]any) { doc["keys"] = []any{publicRSA(rsaKeyID, &small.PublicKey)} })
			o.ChangeJWT(IDToken, func(j *JWT) { j.Key = small })
		}}
	}
	return []Lie{
		keys(Refused, "no keys", func(*OIDC) []any { return []any{} }),
		keys(Refused, "keys of somebody else", func(o *OIDC) []any { return []any{publicEC(ecKeyID, &o.other.PublicKey)} }),
		keys(Refused, "key of the same kid swapped", func(o *OIDC) []any { return []any{publicEC(rsaKeyID, &o.other.PublicKey)} }),
		keys(Refused, "key is for encryption", func(o *OIDC) []any {
			k := publicRSA(rsaKeyID, &o.rsa.PublicKey)
			k["use"] = "enc"
			return []any{k}
		}),
		keys(Refused, "key is symmetric", func(o *OIDC) []any {
			return []any{map[string]any{"kty": "oct", "kid": rsaKeyID, "k": encode([]byte("secret"))}}
		}),
		keys(Refused, "key is for another alg", func(o *OIDC) []any {
			k := publicRSA(rsaKeyID, &o.rsa.PublicKey)
			k["alg"] = "PS256"
			return []any{k}
		}),
		keys(Either, "keys twice with one kid", func(o *OIDC) []any {
			return []any{publicRSA(rsaKeyID, &o.rsa.PublicKey), publicRSA(rsaKeyID, &o.rsa.PublicKey)}
		}),
		keys(Allowed, "keys of unknown kinds beside ours", func(o *OIDC) []any {
			return []any{map[string]any{"kty": "AKP", "kid": "pq"}, publicRSA(rsaKeyID, &o.rsa.PublicKey)}
		}),
		keys(Either, "a key that is no key beside ours", func(o *OIDC) []any {
			return []any{map[string]any{"kty": 7}, "x", publicRSA(rsaKeyID, &o.rsa.PublicKey)}
		}),
		keys(Refused, "ten thousand keys", func(o *OIDC) []any {
			list := make([]any, 0, 10_001)
			for range 10_000 {
				list = append(list, map[string]any{"kty": "x"})
			}
			return append(list, publicRSA(rsaKeyID, &o.rsa.PublicKey))
		}),
		member(JWKS, Refused, "keys", "missing", absent),
		member(JWKS, Refused, "keys", "an object", map[string]any{}),
		weak(1024, "1024 bits"),
		{Name: "jwks: the id_token's alg none, advertised", Where: JWKS, Must: Refused, Apply: func(o *OIDC) {
			o.Change(Discovery, func(doc map[string]any) { doc["id_token_signing_alg_values_supported"] = []string{"none"} })
			o.ChangeJWT(IDToken, func(j *JWT) { j.Header["alg"] = "none" })
		}},
		{Name: "jwks: the id_token's alg HS256 with the client's secret, advertised", Where: JWKS, Must: Refused, Apply: func(o *OIDC) {
			o.Change(Discovery, func(doc map[string]any) { doc["id_token_signing_alg_values_supported"] = []string{"HS256"} })
			o.ChangeJWT(IDToken, func(j *JWT) { j.Header["alg"], j.Key = "HS256", []byte(o.client().Secret) })
		}},
		{Name: "jwks: rotated, the old key gone", Where: JWKS, Must: Allowed, Apply: func(o *OIDC) {
			o.Change(JWKS, func(doc map[string]any) { doc["keys"] = []any{publicEC("ec-9", &o.other.PublicKey)} })
			o.ChangeJWT(IDToken, func(j *JWT) { j.Header["alg"], j.Header["kid"], j.Key = "ES256", "ec-9", o.other })
		}},
	}
}
