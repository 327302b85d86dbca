package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

func TestBodiesThatAreRefused(t *testing.T) {
	tests := []struct{ name, body, field string }{
		{"empty", ``, ""},
		{"not an object", `["a"]`, ""},
		{"text", `"a"`, ""},
		{"null", `null`, ""},
		{"cut off", `{"name":"a"`, ""},
		{"two objects", `{"name":"a"}{"name":"b"}`, ""},
		{"rubbish behind", `{"name":"a"} x`, ""},
		{"comma behind", `{"name":"a"},`, ""},
		{"unknown key", `{"name":"a","nmae":"b"}`, ""},
		{"key in another case", `{"Name":"a"}`, ""},
		{"key that folds onto a name", "{\"u\u017fer\":\"a\"}", ""},
		{"the same, escaped", `{"u\u017fer":"a"}`, ""},
		{"key with a NUL", `{"name\u0000":"a"}`, ""},
		{"empty key", `{"":"a"}`, ""},
		{"duplicate key", `{"name":"a","name":"b"}`, "name"},
		{"duplicate key, one escaped", `{"name":"a","n\u0061me":"b"}`, "name"},
		{"duplicate key deeper down", `{"name":{"x":1,"x":2}}`, ""},
		{"object for a text", `{"name":{"x":1}}`, "name"},
		{"number for a text", `{"name":1}`, "name"},
		{"text for a list", `{"groups":"a"}`, "groups"},
		{"number in a list of texts", `{"groups":["a",1]}`, "groups"},
		{"text for a number", `{"expires_in":"60"}`, "expires_in"},
		{"fraction for a whole number", `{"expires_in":1.5}`, "expires_in"},
		{"exponent for a whole number", `{"expires_in":1e99}`, "expires_in"},
		{"number for a yes", `{"admin":1}`, "admin"},
		{"text for a yes", `{"admin":"true"}`, "admin"},
		{"number for a secret", `{"password":12345678}`, ""},
		{"null for a text", `{"name":null}`, "name"},
		{"null for an optional text", `{"email":null}`, "email"},
		{"null in a list", `{"groups":[null]}`, ""},
		{"too deep", `{"groups":[[[[[["a"]]]]]]}`, ""},
		{"invalid UTF-8", "{\"name\":\"a\xff\"}", ""},
		{"half a surrogate pair", `{"name":"a\ud800"}`, ""},
		{"byte order mark", "\ufeff{\"name\":\"a\"}", ""},
		{"comment", `{"name":"a"/* b */}`, ""},
		{"single quotes", `{'name':'a'}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := gateway.DecodeSample([]byte(test.body))
			refusal, ok := errors.AsType[*auth.Error](err)
			if !ok || refusal.Code != auth.Invalid {
				t.Fatalf("error %v, want one of code %s", err, auth.Invalid)
			}
			if test.field != "" && !strings.HasPrefix(refusal.Field, test.field) {
				t.Errorf("field %q, want %q", refusal.Field, test.field)
			}
		})
	}
}

func TestBodiesThatAreTaken(t *testing.T) {
	for _, body := range []string{
		`{}`,
		` {"name":"a"} ` + "\r\n",
		`{"n\u0061me":"a"}`,
		`{"name":"a","email":"","groups":["x","y"],"admin":false,"expires_in":0,"password":"pass word"}`,
	} {
		if _, err := gateway.DecodeSample([]byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestRefusedBodyIsNotRepeated(t *testing.T) {
	const secret = "planted-secret"
	for _, body := range []string{
		`{"password":"` + secret, `{"` + secret + `":1}`, `{"name":"` + secret + `","admin":"` + secret + `"}`,
		`{"expires_in":"` + secret + `"}`, secret, `{"password":{"` + secret + `":1}}`,
	} {
		if _, err := gateway.DecodeSample([]byte(body)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: error %v", body, err)
		}
	}
}

// FuzzDecodeJSON holds the strict decoder against encoding/json: what is taken
// means one thing to any reader, so writing it anew and reading it again gives
// the same name.
func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"name":"a"}`, `{"name":"a","name":"b"}`, `{"Name":"a"}`, `{"name":{"a":[1,{"b":null}]}}`,
		`{"groups":["a"],"expires_in":1}`, "{\"u\u017fer\":\"a\"}", `{"name":"\ud83d\ude00"}`, `{"name":"a"}}`, `[`, `{"name":"\u0000"}`,
	} {
		f.Add([]byte(seed))
	}
	known := map[string]bool{"user": true, "name": true, "email": true, "groups": true, "admin": true, "expires_in": true, "password": true}
	f.Fuzz(func(t *testing.T, body []byte) {
		name, err := gateway.DecodeSample(body)
		if err != nil {
			if auth.CodeOf(err) != auth.Invalid {
				t.Fatalf("%q: error %v", body, err)
			}
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatalf("%q is taken, but is not JSON: %v", body, err)
		}
		for key, value := range plain {
			if !known[key] || value == nil {
				t.Fatalf("%q: key %q with %v is taken", body, key, value)
			}
		}
		if text, _ := plain["name"].(string); text != name {
			t.Fatalf("%q: read as %q, by others as %q", body, name, text)
		}
		again, err := json.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(body, []byte(":")) < len(plain) {
			t.Fatalf("%q: more keys than colons", body)
		}
		if second, err := gateway.DecodeSample(again); err != nil || second != name {
			t.Fatalf("%q, written anew as %q: %q, %v", body, again, second, err)
		}
	})
}
