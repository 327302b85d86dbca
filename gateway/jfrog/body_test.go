package jfrog_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/jfrog"
)

func post(media, body string) (http.ResponseWriter, *http.Request) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", media)
	return httptest.NewRecorder(), r
}

// TestMediaTypes: a body is JSON by its name alone, which a form of another
// site cannot bear.
func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for media, ok := range map[string]bool{
		"application/json": true, "application/json; charset=utf-8": true, "application/json;charset=UTF-8": true, "APPLICATION/JSON": true,
		"application/vnd.org.jfrog.artifactory.security.User+json": true,
		"": false, "text/plain": false, "text/json": false, "text/x+json": false, "application/x-www-form-urlencoded": false, "multipart/form-data": false,
		"application/json; charset=utf-16": false, "application/json, text/plain": false, "application/+jsonx": false, "json": false,
	} {
		w, r := post(media, `["alice"]`)
		if _, err := jfrog.ReadNames(w, r); (err == nil) != ok {
			t.Errorf("%q: %v", media, err)
		}
	}
	w, r := post("application/json", `["alice"]`)
	r.Header.Add("Content-Type", "application/json")
	if _, err := jfrog.ReadNames(w, r); err == nil {
		t.Error("two media types")
	}
}

// A list of names is never empty, and every one in it is a name.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{`["alice"]`, `["alice","BOB"]`, `[]`, `null`, `[null]`, `{}`, `["\u212a"]`, `["a"]x`, ``, `[[]]`, `["` + strings.Repeat("x", 65) + `"]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w, r := post("application/json", body)
		names, err := jfrog.ReadNames(w, r)
		if err != nil {
			return
		}
		if len(names) == 0 {
			t.Errorf("%q names nobody and is no error", body)
		}
		for _, name := range names {
			if canonical, err := auth.CanonicalName(name); err != nil || canonical != name {
				t.Errorf("%q has the name %q", body, name)
			}
		}
	})
}

// A form says each thing once: what is read is what the first and the last
// reader of it find.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"token=a", "token=a&token=b", "Token=a", "to%6ben=a", "token=%ff", "a;token=b", "other=x&token=", "%", "", "token", "tok\u0065n=a", "to\u212aen=a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w, r := post("application/x-www-form-urlencoded", body)
		form, err := jfrog.ReadForm(w, r, "token", "token_id")
		if err != nil {
			return
		}
		plain, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("%q is read, and is no form: %v", body, err)
		}
		for key, values := range form {
			if len(values) != 1 || len(plain[key]) != 1 || plain[key][0] != values[0] || key != "token" && key != "token_id" {
				t.Errorf("%q: %s is read as %q", body, key, values)
			}
		}
		for key := range plain {
			if strings.EqualFold(key, "token") && form[key] == nil {
				t.Errorf("%q: %s is taken for nothing", body, key)
			}
		}
	})
}

// What is read of an account is what any reader of JSON reads: a right stands
// in the body in exactly its letters, as true, once.
func FuzzUserBody(f *testing.F) {
	for _, seed := range []string{
		`{"admin":true}`, `{"admin":null}`, `{"admin":false,"admin":true}`, `{"Admin":true}`, `{"\u0061dmin":true}`, `{"watchManager":true}`, `{"watch_manager":true}`,
		`{"groups":["a"],"password":"x"}`, `{"email":"a@b"}x`, `[{"admin":true}]`, ``, `{"lastLoggedIn":null,"last_logged_in":""}`,
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, body string, v2 bool) {
		w, r := post("application/json", body)
		admin, granted, err := jfrog.ReadUser(w, r, v2)
		if err != nil {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal([]byte(body), &plain); err != nil {
			t.Fatalf("%q is read, and is no object: %v", body, err)
		}
		if is, _ := plain["admin"].(bool); is != admin {
			t.Errorf("%q: admin is read as %v", body, admin)
		}
		for _, key := range granted {
			if plain[key] != true {
				t.Errorf("%q: %s is read as granted", body, key)
			}
		}
	})
}
