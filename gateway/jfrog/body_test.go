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
// reader of it find. What it says beside is left alone.
func FuzzForm(f *testing.F) {
	const name = "subject_token"
	for _, seed := range []string{name + "=a", name + "=a&" + name + "=b", "Subject_token=a", "subject%5ftoken=a", name + "=%ff", "a;" + name + "=b", "job_id=x&" + name + "=", "%", "", name, "\u017fubject_token=a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w, r := post(typeForm, body)
		got, err := jfrog.ReadExchange(w, r)
		if err != nil {
			return
		}
		plain, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("%q is read, and is no form: %v", body, err)
		}
		for key, values := range plain {
			switch {
			case key == name && (len(values) != 1 || values[0] != got):
				t.Errorf("%q is read as %q", body, got)
			case key != name && strings.EqualFold(key, name):
				t.Errorf("%q: %s is taken for nothing", body, key)
			}
		}
		if plain[name] == nil && got != "" {
			t.Errorf("%q is read as %q", body, got)
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
