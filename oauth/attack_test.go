package oauth_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/auth"
)

func b64(v any) string {
	text, ok := v.([]byte)
	if !ok {
		var err error
		if text, err = json.Marshal(v); err != nil {
			panic(err)
		}
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// Tokens that nobody signed, made by whoever knows the public keys and every
// claim that is let in: none is accepted, each is refused at once, and none
// makes a fetch beyond the first.
func TestForgeries(t *testing.T) {
	t.Parallel()
	es, rs := newKey(t, "es", jose.ES256), newKey(t, "rs", jose.RS256)
	rs.Algorithm = ""
	c := newCI(t, es, rs)
	j := c.jobs(t, nil)
	good := sign(t, es, c.claims(nil), nil).Reveal()
	if err := judge(t, j, auth.NewSecret(good)); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	claims := parts[1]
	forged := map[string]string{}
	header := func(alg, kid string) map[string]any { return map[string]any{"alg": alg, "kid": kid, "typ": "JWT"} }

	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "ES256\x00", "es256", " ES256"} {
		for _, signature := range []string{"", parts[2], "AA"} {
			forged["alg "+alg+" signature "+signature] = b64(header(alg, "es")) + "." + claims + "." + signature
		}
	}
	forged["no alg"] = b64(map[string]any{"kid": "es"}) + "." + claims + "." + parts[2]
	forged["alg a list"] = b64(map[string]any{"alg": []string{"ES256"}, "kid": "es"}) + "." + claims + "." + parts[2]

	// A public key taken for a shared one (CVE-2015-9235 and its heirs).
	der, err := x509.MarshalPKIXPublicKey(rs.Public().Key)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := rs.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for i, secret := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), jwk, {}} {
		for _, alg := range []string{"HS256", "HS512", "RS256", "ES256"} {
			input := b64(header(alg, "rs")) + "." + claims
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			forged[fmt.Sprintf("%s with public key %d", alg, i)] = input + "." + b64(mac.Sum(nil))
		}
	}

	// The signature of one algorithm under the name of another.
	for _, alg := range []string{"RS256", "PS256", "EdDSA", "ES384", "ES512", "RS384", "RS512", "PS512", "ML-DSA-44", "dir", "PBES2-HS256+A128KW"} {
		forged["signature of ES256 as "+alg] = b64(header(alg, "es")) + "." + claims + "." + parts[2]
		forged["signature of ES256 as "+alg+" with the other key"] = b64(header(alg, "rs")) + "." + claims + "." + parts[2]
	}
	for _, wrong := range []jose.SignatureAlgorithm{jose.RS384, jose.ES384} {
		forged["signed with "+string(wrong)] = sign(t, newKey(t, "es", wrong), c.claims(nil), nil).Reveal()
	}

	// Key ids.
	for _, kid := range []any{"../../dev/null", "*", "", "es ", "ES", "es\x00", strings.Repeat("k", 64<<10), 7, nil, []string{"es"}, map[string]any{"a": 1}, "' OR 1=1 --", "http://127.0.0.1/jwks"} {
		h := map[string]any{"alg": "ES256", "kid": kid}
		forged[fmt.Sprintf("kid %.20v", kid)] = b64(h) + "." + claims + "." + parts[2]
	}

	// Another form of the same parts.
	forged["padded"] = good + "="
	forged["a line break at the end"] = good + "\n"
	forged["a blank in front"] = " " + good
	forged["a line break inside"] = parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2]
	forged["Bearer"] = "Bearer " + good
	forged["four parts"] = good + ".AA"
	forged["two parts"] = parts[0] + "." + parts[1]
	forged["five parts"] = parts[0] + "..." + parts[1] + "." + parts[2]
	forged["JSON form"] = fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2])
	forged["nothing"] = ""
	forged["dots"] = ".."
	forged["no payload"] = parts[0] + ".." + parts[2]
	forged["another payload"] = parts[0] + "." + b64(c.claims(map[string]any{"ref": "refs/heads/release/8"})) + "." + parts[2]
	forged["zero signature"] = parts[0] + "." + claims + "." + b64(make([]byte, 64))
	forged["signature of 0"] = parts[0] + "." + claims + "." + b64([]byte{0})

	// Headers that change what is signed, or say that they must be understood.
	for name, more := range map[string]map[string]any{
		"crit":            {"crit": []string{"exp"}, "exp": 1},
		"unencoded":       {"crit": []string{"b64"}, "b64": false},
		"compressed":      {"zip": "DEF"},
		"an access token": {"typ": "at+jwt"},
		"a logout token":  {"typ": "logout+jwt"},
		"typ a number":    {"typ": 7},
	} {
		h := header("ES256", "es")
		for k, v := range more {
			h[k] = v
		}
		forged[name] = b64(h) + "." + claims + "." + parts[2]
	}
	forged["alg twice"] = b64([]byte(`{"alg":"none","alg":"ES256","kid":"es"}`)) + "." + claims + "." + parts[2]

	// Bombs.
	forged["1 MB header"] = b64(bytes.Repeat([]byte("a"), 1<<20)) + "." + claims + "." + parts[2]
	forged["10^6 dots"] = strings.Repeat(".", 1e6)
	forged["a costly key derivation"] = b64(map[string]any{"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 1e9, "p2s": "AA"}) + ".AA.AA.AA.AA"
	forged["a deep payload"] = parts[0] + "." + b64([]byte(strings.Repeat(`[`, 12000))) + "." + parts[2]
	forged["a deep header"] = b64([]byte(strings.Repeat(`{"a":`, 900))) + "." + claims + "." + parts[2]

	for name, token := range forged {
		began := time.Now()
		err := judge(t, j, auth.NewSecret(token))
		if auth.CodeOf(err) != auth.Unauthenticated {
			t.Errorf("%.60s: %v", name, err)
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("%.60s took %s", name, took)
		}
		if len(token) > 40 && strings.Contains(err.Error(), token[:40]) {
			t.Errorf("%.60s: the error repeats the token", name)
		}
	}
	// Each bit of the token counts.
	for i := range len(good) {
		for bit := range 6 {
			changed := []byte(good)
			changed[i] ^= 1 << bit
			if err := judge(t, j, auth.NewSecret(string(changed))); auth.CodeOf(err) != auth.Unauthenticated {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
	}
	if n := c.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// A key that the issuer publishes for one algorithm verifies no other.
func TestKeysKeepTheirAlgorithm(t *testing.T) {
	t.Parallel()
	rs := newKey(t, "one", jose.RS256)
	c := newCI(t, rs)
	ps := rs
	ps.Algorithm = string(jose.PS256)
	if err := judge(t, c.jobs(t, nil), sign(t, ps, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unauthenticated {
		t.Error(err)
	}
	forEncryption := rs
	forEncryption.Use = "enc"
	c = newCI(t, forEncryption)
	if err := judge(t, c.jobs(t, nil), sign(t, rs, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unavailable {
		t.Error(err)
	}
	// Without a kid, two keys that fit are no answer.
	one, two := newKey(t, "", jose.ES256), newKey(t, "b", jose.ES256)
	c = newCI(t, one, two)
	if err := judge(t, c.jobs(t, nil), sign(t, one, c.claims(nil), nil)); auth.CodeOf(err) != auth.Unauthenticated {
		t.Error(err)
	}
}
