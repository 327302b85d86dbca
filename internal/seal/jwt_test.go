package seal_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/internal/seal"
)

func mustSign(t testing.TB, u seal.Use, typ string, claims map[string]any) string {
	t.Helper()
	token, err := testRing().SignJWT(u, typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func segment(t testing.TB, token string, i int) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTokenRoundTrip(t *testing.T) {
	for use, alg := range map[seal.Use]string{seal.Access: "RS256", seal.Quick: "ES256", seal.Assertion: "ES256"} {
		token := mustSign(t, use, "latchkey-assertion+jwt", map[string]any{"sub": "alice", "exp": int64(1900000000), "aud": []string{"a", "b"}})
		gotUse, typ, payload, err := testRing().VerifyJWT(token)
		if err != nil || gotUse != use || typ != "latchkey-assertion+jwt" {
			t.Errorf("%s: %v, %q, %v", use, gotUse, typ, err)
		}
		if want := `{"aud":["a","b"],"exp":1900000000,"sub":"alice"}`; string(payload) != want {
			t.Errorf("%s: payload %s, want %s", use, payload, want)
		}

		var header map[string]string
		if err := json.Unmarshal(segment(t, token, 0), &header); err != nil {
			t.Fatal(err)
		}
		kid := header["kid"]
		want := map[string]string{"ver": "2", "typ": "latchkey-assertion+jwt", "alg": alg, "kid": kid}
		if !reflect.DeepEqual(header, want) {
			t.Errorf("%s: header %v", use, header)
		}

		// Whoever has the published key agrees, and the kid is its thumbprint.
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(testRing().PublicJWKS(use), &set); err != nil {
			t.Fatal(err)
		}
		if keys := set.Key(kid); len(keys) != 1 {
			t.Errorf("%s: kid %q is not published", use, kid)
			continue
		} else if sum, _ := keys[0].Thumbprint(crypto.SHA256); base64.RawURLEncoding.EncodeToString(sum) != kid {
			t.Errorf("%s: kid %q is not the thumbprint", use, kid)
		}
		jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := jws.Verify(&set); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%s: another reader: %v", use, err)
		}
	}
}

func TestKeysOfUsesDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for _, u := range []seal.Use{seal.Access, seal.Quick, seal.Assertion} {
		seen[string(segment(t, mustSign(t, u, "JWT", nil), 0))] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d headers for three uses", len(seen))
	}
}

func TestAccessTokenIsDeterministic(t *testing.T) {
	make := func() map[string]any {
		return map[string]any{"z": 1, "a": map[string]any{"y": "ÿ", "b": "~"}, "m": []string{"x"}, "exp": int64(1900000000)}
	}
	first := mustSign(t, seal.Access, "JWT", make())
	for range 5 {
		if mustSign(t, seal.Access, "JWT", make()) != first {
			t.Fatal("the same claims gave another token")
		}
	}
}

// Clients decode the payload with the alphabet of ordinary base64, so it must
// have neither of the two characters in which the alphabets differ.
func TestPayloadIsTheSameInBothAlphabets(t *testing.T) {
	check := func(claims map[string]any) {
		t.Helper()
		token := mustSign(t, seal.Quick, "JWT", claims)
		middle := strings.Split(token, ".")[1]
		if strings.ContainsAny(middle, "-_") {
			t.Fatalf("payload of %q has - or _", claims)
		}
		payload, err := base64.RawStdEncoding.DecodeString(middle)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range payload {
			if c < ' ' || c > '~' {
				t.Fatalf("payload of %q has byte %#x", claims, c)
			}
		}
		var back map[string]any
		if err := json.Unmarshal(payload, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, claims) {
			t.Fatalf("claims %q came back as %q", claims, back)
		}
	}

	// Each character of interest at each alignment, in a value and in a key.
	var interesting []rune
	for c := rune(0); c <= 0xFF; c++ {
		interesting = append(interesting, c)
	}
	interesting = append(interesting, 'ſ', '\u2028', '\u202E', '語', '\uFFFD', '\uFFFF', '\U00010000', '🔑', '\U0010FFFF')
	for _, c := range interesting {
		claims := make(map[string]any)
		for i := range 6 {
			claims[strings.Repeat("k", i+1)+string(c)] = strings.Repeat("v", i) + string(c) + string(c)
		}
		check(claims)
	}

	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := make([]rune, random.IntN(20))
		for i := range text {
			text[i] = interesting[random.IntN(len(interesting))]
		}
		key := string(text[:len(text)/2])
		check(map[string]any{key: string(text), "in": map[string]any{"l": []any{string(text), key}}})
	}
}

func TestClaimsKeepIntegers(t *testing.T) {
	token := mustSign(t, seal.Quick, "JWT", map[string]any{
		"a": int64(math.MaxInt64), "b": 1900000000, "c": uint32(7), "d": float64(1900000000), "e": json.Number("12"), "f": -5,
	})
	want := `{"a":9223372036854775807,"b":1900000000,"c":7,"d":1900000000,"e":12,"f":-5}`
	if got := string(segment(t, token, 1)); got != want {
		t.Errorf("payload %s, want %s", got, want)
	}
	if got := string(segment(t, mustSign(t, seal.Quick, "JWT", nil), 1)); got != "{}" {
		t.Errorf("no claims: %s", got)
	}
	if got := string(segment(t, mustSign(t, seal.Quick, "JWT", map[string]any{"s": "\xff"}), 1)); got != `{"s":"\ufffd"}` {
		t.Errorf("invalid UTF-8: %s", got)
	}
}

func TestSignJWTRefuses(t *testing.T) {
	for name, sign := range map[string]func() (string, error){
		"unknown use":  func() (string, error) { return testRing().SignJWT("", "JWT", nil) },
		"no typ":       func() (string, error) { return testRing().SignJWT(seal.Quick, "", nil) },
		"quote in typ": func() (string, error) { return testRing().SignJWT(seal.Quick, `J","alg":"none`, nil) },
		"long typ":     func() (string, error) { return testRing().SignJWT(seal.Quick, strings.Repeat("a", 65), nil) },
		"not JSON":     func() (string, error) { return testRing().SignJWT(seal.Quick, "JWT", map[string]any{"a": math.NaN()}) },
		"channel": func() (string, error) {
			return testRing().SignJWT(seal.Quick, "JWT", map[string]any{"a": make(chan int)})
		},
		"claims of 8KB": func() (string, error) {
			return testRing().SignJWT(seal.Quick, "JWT", map[string]any{"a": strings.Repeat("a", seal.MaxJWT)})
		},
	} {
		if token, err := sign(); err == nil || token != "" {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
}

func TestLongestTokenVerifies(t *testing.T) {
	var longest string
	for n := 5500; ; n++ {
		token, err := testRing().SignJWT(seal.Quick, "JWT", map[string]any{"a": strings.Repeat("a", n)})
		if err != nil {
			break
		}
		longest = token
	}
	if len(longest) < seal.MaxJWT-2 {
		t.Errorf("the longest token has %d bytes", len(longest))
	}
	if _, _, _, err := testRing().VerifyJWT(longest); err != nil {
		t.Errorf("it does not verify: %v", err)
	}
}

func BenchmarkSignJWT(b *testing.B) {
	for _, u := range []seal.Use{seal.Access, seal.Quick} {
		b.Run(string(u), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustSign(b, u, "JWT", map[string]any{"sub": "jfac@01/users/alice", "exp": 1900000000})
			}
		})
	}
}

func BenchmarkVerifyJWT(b *testing.B) {
	for _, u := range []seal.Use{seal.Access, seal.Quick} {
		b.Run(string(u), func(b *testing.B) {
			token := mustSign(b, u, "JWT", map[string]any{"sub": "jfac@01/users/alice", "exp": 1900000000})
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := testRing().VerifyJWT(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("dots", func(b *testing.B) {
		token := strings.Repeat(".", 1_000_000)
		for b.Loop() {
			if _, _, _, err := testRing().VerifyJWT(token); err == nil {
				b.Fatal(fmt.Errorf("accepted"))
			}
		}
	})
}
