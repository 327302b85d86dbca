package oauth_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/oauth"
)

// What is read as claims is what any reader reads: encoding/json agrees with
// every value, and no name was there twice.
func FuzzClaims(f *testing.F) {
	for _, text := range []string{
		`{"iss":"a","aud":["b"],"exp":1e3,"x":{"y":[null,true,-1.5]}}`,
		`{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`, `{"\u0061":1,"a":2}`, `{} {}`, `[`, `{"a":"\ud800"}`, "{\"\xff\":1}", `null`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := oauth.ReadClaims(text)
		if err != nil {
			return
		}
		var want map[string]any
		in := json.NewDecoder(strings.NewReader(string(text)))
		in.UseNumber()
		if err := in.Decode(&want); err != nil {
			t.Fatalf("we read what is not JSON: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v and %v", got, want)
		}
		if again, err := json.Marshal(got); err != nil {
			t.Error(err)
		} else if _, err := oauth.ReadClaims(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

func FuzzToken(f *testing.F) {
	claims := map[string]any{"iss": "i", "sub": "s", "aud": "a", "exp": 1, "iat": 1}
	f.Add(b64(map[string]any{"alg": "RS256", "kid": "k"}) + "." + b64(claims) + ".AAAA")
	f.Add(b64(map[string]any{"alg": "none"}) + "." + b64(claims) + ".")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		err := oauth.Readable(raw)
		if err == nil && (len(raw) > 16<<10 || strings.Count(raw, ".") != 2) {
			t.Error("accepted")
		}
		if err != nil && len(err.Error()) > 2000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"1"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"AKP"},7]}`))
	f.Fuzz(func(_ *testing.T, text []byte) { _ = oauth.ReadKeys(text) })
}
